//! Qualities, given everything of the alignment and the bases.

pub(super) mod predictor;
pub(super) mod reading;
pub(super) mod recalibrated;
mod refine;
mod short;
pub(super) mod tree;

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
    level: Level,
    /// Of records with original qualities; made when the first come.
    recalibrated: Option<recalibrated::Model>,
}

impl Model {
    pub(crate) fn fit(level: Level, context: &Context<'_>, records: &Records) -> Self {
        if !recalibrated::suits(records) {
            return Self::fit_plain(level, context, records);
        }
        let mut others = records.clone();
        let recalibrated = recalibrated::Model::fit(level, context, &mut others);
        Self {
            recalibrated: Some(recalibrated),
            ..Self::fit_plain(level, context, &others)
        }
    }

    /// The model of qualities that nothing else tells.
    fn fit_plain(level: Level, _context: &Context<'_>, records: &Records) -> Self {
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
            level,
            recalibrated: None,
        }
    }

    pub(crate) fn blank() -> Self {
        Self {
            tree: Tree::of(&[0; 256]),
            engine: None,
            missing: [Slot::NEW; 2],
            before: false,
            level: Level::Default,
            recalibrated: None,
        }
    }

    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        if C::DECODES {
            records.qualities = vec![0; records.bases.len()];
        }
        let mut done = vec![false; records.count];
        if recalibrated::suits(records) {
            let level = self.level;
            let model = self.recalibrated.get_or_insert_with(|| {
                if C::DECODES {
                    recalibrated::Model::blank()
                } else {
                    recalibrated::Model::fit(level, context, &mut records.clone())
                }
            });
            model.code(coder, context, records, &mut done)?;
        }
        self.code_plain(coder, context, records, &done)?;
        coder.charge(KEY);
        Ok(())
    }

    /// Codes the qualities of the records that are not `done`.
    fn code_plain<C: Coder>(
        &mut self,
        coder: &mut C,
        _context: &Context<'_>,
        records: &mut Records,
        done: &[bool],
    ) -> Result<()> {
        if done.iter().all(|&done| done) {
            return Ok(());
        }
        if self.engine.is_none() {
            self.tree.code(coder);
            self.engine = Some(short::Short::build(self.tree.clone()));
        }
        let engine = self.engine.as_mut().unwrap();
        let mut reading = Reading::default();
        let mut means = vec![0u32; records.count];
        for record in 0..records.count {
            let range = part(&records.base_ends, record);
            if done[record] || range.is_empty() {
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
        Ok(())
    }
}

fn is_missing(qualities: &[u8]) -> bool {
    qualities.iter().all(|&q| q == 0xff)
}

#[cfg(test)]
mod tests;
