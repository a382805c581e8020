//! The models that an encoder chooses from.

use super::super::super::mixing::{Coder, Lanes, Work, dispatch};
use super::super::{Level, Records};
use super::evidence::Evidence;
use super::long::Long;
use super::reading::Reading;
use super::short::Short;
use super::tree::Tree;

/// Alphabets up to this many symbols need small tables, and profit from many contexts.
const FEW: usize = 8;

/// What a model is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Short,
    Long,
}

/// A model by level and kind.
#[derive(Clone)]
pub(super) enum Engine {
    ShortFast(Box<Short<4, 1, 1>>),
    ShortDefault(Box<Short<8, 1, 2>>),
    ShortFew(Box<Short<15, 2, 3>>),
    ShortMany(Box<Short<11, 2, 3>>),
    LongFast(Box<Long<4, 1, 1>>),
    LongDefault(Box<Long<8, 1, 2>>),
    LongMax(Box<Long<12, 2, 3>>),
}

impl Engine {
    /// A model that has learnt nothing.
    pub(super) fn new(level: Level, kind: Kind, tree: Tree) -> Self {
        let few = tree.symbols() <= FEW;
        match (level, kind) {
            (Level::Fast, Kind::Short) => Self::ShortFast(Box::new(Short::new(tree, 16))),
            (Level::Default, Kind::Short) => {
                let bits = if few { 16 } else { 18 };
                Self::ShortDefault(Box::new(Short::new(tree, bits)))
            }
            (Level::Max, Kind::Short) if few => Self::ShortFew(Box::new(Short::new(tree, 17))),
            (Level::Max, Kind::Short) => Self::ShortMany(Box::new(Short::new(tree, 18))),
            (Level::Fast, Kind::Long) => Self::LongFast(Box::new(Long::new(tree, 16))),
            (Level::Default, Kind::Long) => Self::LongDefault(Box::new(Long::new(tree, 17))),
            (Level::Max, Kind::Long) => Self::LongMax(Box::new(Long::new(tree, 18))),
        }
    }

    /// Codes the qualities of a record; gives the class of their mean, or 0.
    pub(super) fn record<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        record: usize,
        task: &mut Task<'_>,
    ) -> u32 {
        match self {
            Self::ShortFast(model) => read(&mut **model, coder, records, record, task),
            Self::ShortDefault(model) => read(&mut **model, coder, records, record, task),
            Self::ShortFew(model) => read(&mut **model, coder, records, record, task),
            Self::ShortMany(model) => read(&mut **model, coder, records, record, task),
            Self::LongFast(model) => read(&mut **model, coder, records, record, task),
            Self::LongDefault(model) => read(&mut **model, coder, records, record, task),
            Self::LongMax(model) => read(&mut **model, coder, records, record, task),
        }
    }
}

/// What codes the qualities of a record.
pub(super) trait Reader {
    /// Codes them; gives the class of their mean, 1 to 31, or 0.
    fn record<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        records: &mut Records,
        record: usize,
        task: &mut Task<'_>,
    ) -> u32;
}

/// The work on a record.
struct Read<'a, 'b, R, C> {
    reader: &'a mut R,
    coder: &'a mut C,
    records: &'a mut Records,
    record: usize,
    task: &'a mut Task<'b>,
}

impl<R: Reader, C: Coder> Work for Read<'_, '_, R, C> {
    type Output = u32;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> u32 {
        self.reader
            .record(lanes, self.coder, self.records, self.record, self.task)
    }
}

/// Lets `reader` code a record with the lanes of this CPU.
fn read<R: Reader, C: Coder>(
    reader: &mut R,
    coder: &mut C,
    records: &mut Records,
    record: usize,
    task: &mut Task<'_>,
) -> u32 {
    dispatch(Read {
        reader,
        coder,
        records,
        record,
        task,
    })
}

/// What is known of a record before its qualities.
pub(super) struct Task<'a> {
    pub(super) reading: &'a Reading,
    pub(super) evidence: &'a mut Evidence,
    /// What an earlier record of the same read says of each quality; may be empty.
    pub(super) hints: &'a [u16],
    /// The class of its mate's mean, 0 if that is not known.
    pub(super) mate: u32,
}
