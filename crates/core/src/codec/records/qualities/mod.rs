//! Qualities, given everything of the alignment and the bases.

mod predictor;
mod reading;
mod recalibrated;
mod refine;
mod short;
mod tree;

use super::super::mixing::{Coder, Slot};
use super::{Context, Level, Records, part};
use crate::Result;
use reading::Reading;
use tree::Tree;

/// Key of the qualities' stream.
const KEY: u32 = 32;

#[derive(Clone)]
pub(crate) struct Model {
    engine: Option<short::Short<13, 32, 3>>,
    tree: Tree,
    missing: [Slot; 2],
    before: bool,
}

impl Model {
    pub(crate) fn fit(_level: Level, _context: &Context<'_>, records: &Records) -> Self {
        let mut histogram = [0u64; 256];
        for record in 0..records.count {
            let q = records.qualities_of(record);
            if !is_missing(q) {
                for &q in q {
                    histogram[usize::from(q)] += 1;
                }
            }
        }
        Self {
            tree: Tree::of(&histogram),
            engine: None,
            missing: [Slot::NEW; 2],
            before: false,
        }
    }

    pub(crate) fn blank() -> Self {
        Self {
            tree: Tree::of(&[0; 256]),
            engine: None,
            missing: [Slot::NEW; 2],
            before: false,
        }
    }

    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        _context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        if self.engine.is_none() {
            self.tree.code(coder);
            self.engine = Some(short::Short::build(self.tree.clone()));
        }
        let engine = self.engine.as_mut().unwrap();
        if C::DECODES {
            records.qualities = vec![0; records.bases.len()];
        }
        let mut reading = Reading::default();
        let mut means = vec![0u32; records.count];
        for record in 0..records.count {
            let range = part(&records.base_ends, record);
            if range.is_empty() {
                continue;
            }
            let slot = &mut self.missing[usize::from(self.before)];
            let flag = coder.code(
                is_missing(&records.qualities[range.clone()]),
                slot.p().clamp(1, 65_535),
            );
            slot.update(flag, 255);
            self.before = flag;
            if flag {
                records.qualities[range].fill(0xff);
                continue;
            }
            reading.turn(records, record);
            let mate = records.linked(record).map_or(0, |at| means[at]);
            means[record] = engine.record(coder, records, record, &reading, mate);
        }
        coder.charge(KEY);
        Ok(())
    }
}

fn is_missing(qualities: &[u8]) -> bool {
    qualities.iter().all(|&q| q == 0xff)
}

#[cfg(test)]
mod tests;
