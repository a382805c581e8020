//! Qualities, given everything of the alignment and the bases.
//!
//! A record that has none costs a flag. One whose read stood in the chunk before costs another, if its qualities are
//! those of then. All others are coded in the order of sequencing, symbol by symbol, by a [`Predictor`](predictor) with
//! the contexts of short or of long reads.

mod engine;
mod estimate;
mod evidence;
mod long;
pub(super) mod predictor;
pub(super) mod reading;
pub(super) mod recalibrated;
mod refine;
pub(super) mod repeats;
mod runs;
mod short;
mod surroundings;
pub(super) mod tree;

use super::super::mixing::{Coder, Encoder, Slot};
use super::super::wire::damaged;
use super::{Context, Level, Records, part};
use crate::Result;
use engine::{Engine, Kind, Task};
use evidence::Evidence;
use reading::Reading;
use repeats::Repeats;
use tree::Tree;

/// Key of the qualities' stream.
const KEY: u32 = 32;

/// Reads are long, and it is tried which contexts suit, when their mean is above this many bases.
const LONG: usize = 300;

/// Qualities that are coded to try contexts.
const SAMPLE: usize = 200_000;

/// The model of a chunk's qualities.
#[derive(Clone)]
pub(crate) struct Model {
    tree: Tree,
    kind: Kind,
    level: Level,
    /// Whether the level has been coded already.
    is_level_known: bool,
    /// Made when the first chunk is coded.
    engine: Option<Engine>,
    /// Whether a record has no qualities, by whether the one before had none.
    missing: [Slot; 2],
    before: bool,
    /// Whether a record has the qualities of an earlier one, by whether the last that could did.
    same: [Slot; 2],
    repeated: bool,
    /// Of records with original qualities; made when the first come.
    recalibrated: Option<recalibrated::Model>,
}

impl Model {
    /// The model for records like these.
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
        let mut sample = records.count;
        let (mut symbols, mut reads) = (0, 0);
        for record in 0..records.count {
            let qualities = records.qualities_of(record);
            if is_missing(qualities) {
                continue;
            }
            for &quality in qualities {
                histogram[usize::from(quality)] += 1;
            }
            (symbols, reads) = (symbols + qualities.len(), reads + 1);
            if symbols >= SAMPLE {
                sample = sample.min(record + 1);
            }
        }
        let mut model = Self::new(level, Tree::of(&histogram), Kind::Short);
        if symbols / reads.max(1) > LONG && model.tree.symbols() > 1 {
            model.kind = model.try_kinds(records, sample);
        }
        model
    }

    fn new(level: Level, tree: Tree, kind: Kind) -> Self {
        Self {
            tree,
            kind,
            level,
            is_level_known: false,
            engine: None,
            missing: [Slot::NEW; 2],
            before: false,
            same: [Slot::NEW; 2],
            repeated: false,
            recalibrated: None,
        }
    }

    /// A decoder's model.
    pub(crate) fn blank() -> Self {
        Self::new(Level::Default, Tree::of(&[0; 256]), Kind::Short)
    }

    /// The kind that codes the first `sample` records best.
    fn try_kinds(&self, records: &Records, sample: usize) -> Kind {
        let size = |kind| {
            let mut model = Self::new(self.level, self.tree.clone(), kind);
            let mut engine = Engine::new(self.level, kind, self.tree.clone());
            let mut encoder = Encoder::new();
            let mut done = vec![true; records.count];
            done[..sample].fill(false);
            model.code_records(&mut engine, &mut encoder, &mut records.clone(), &done);
            encoder.finish().len()
        };
        if size(Kind::Long) < size(Kind::Short) {
            Kind::Long
        } else {
            Kind::Short
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
        let mut engine = match self.engine.take() {
            Some(engine) => engine,
            None => self.parameters(coder)?,
        };
        self.code_records(&mut engine, coder, records, done);
        self.engine = Some(engine);
        Ok(())
    }

    /// Codes what the model was made with, and makes its engine.
    fn parameters<C: Coder>(&mut self, coder: &mut C) -> Result<Engine> {
        if !self.is_level_known {
            let level = match self.level {
                Level::Fast => 0,
                Level::Default => 1,
                Level::Max => 2,
            };
            self.level = level_of(tree::number(coder, level, 2))?;
        }
        let long = coder.code(self.kind == Kind::Long, 32_768);
        self.kind = if long { Kind::Long } else { Kind::Short };
        self.tree.code(coder);
        Ok(Engine::new(self.level, self.kind, self.tree.clone()))
    }

    /// Codes the records that are not `done`.
    fn code_records<C: Coder>(
        &mut self,
        engine: &mut Engine,
        coder: &mut C,
        records: &mut Records,
        done: &[bool],
    ) {
        let mut evidence = Evidence::new(records);
        let mut reading = Reading::default();
        let mut repeats = Repeats::default();
        let mut means = vec![0; records.count];
        for record in 0..records.count {
            let range = part(&records.base_ends, record);
            if done[record] || range.is_empty() {
                continue;
            }
            let missing = is_missing(&records.qualities[range.clone()]);
            self.before = flag(coder, missing, &mut self.missing[usize::from(self.before)]);
            if self.before {
                records.qualities[range].fill(0xff);
                continue;
            }
            reading.turn(records, record);
            repeats.find(records, record, &reading, |other| {
                !is_missing(records.qualities_of(other))
            });
            if repeats.is_whole() {
                let mut hints = repeats.hints.iter().enumerate();
                let same = hints
                    .all(|(at, &hint)| u16::from(records.qualities[reading.place(at)]) + 1 == hint);
                self.repeated = flag(coder, same, &mut self.same[usize::from(self.repeated)]);
                if self.repeated {
                    for (at, &hint) in repeats.hints.iter().enumerate() {
                        records.qualities[reading.place(at)] = (hint - 1) as u8;
                    }
                    means[record] = records.linked(record).map_or(0, |other| means[other]);
                    continue;
                }
            }
            let mut task = Task {
                reading: &reading,
                evidence: &mut evidence,
                hints: &repeats.hints,
                mate: records.linked(record).map_or(0, |other| means[other]),
            };
            means[record] = engine.record(coder, records, record, &mut task);
        }
    }
}

/// The level with this number.
fn level_of(number: u32) -> Result<Level> {
    match number {
        0 => Ok(Level::Fast),
        1 => Ok(Level::Default),
        2 => Ok(Level::Max),
        _ => Err(damaged("a level of qualities is not known")),
    }
}

/// Codes a flag.
fn flag<C: Coder>(coder: &mut C, flag: bool, slot: &mut Slot) -> bool {
    let flag = coder.code(flag, slot.p().clamp(1, 65_535));
    slot.update(flag, 255);
    flag
}

/// Whether these are the qualities of a record without any.
pub(super) fn is_missing(qualities: &[u8]) -> bool {
    qualities.iter().all(|&q| q == 0xff)
}

#[cfg(test)]
pub(super) mod tests;
