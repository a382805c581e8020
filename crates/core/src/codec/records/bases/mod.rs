//! The model of bases.
//!
//! What the reads of a chunk show of a reference position predicts the bases that come to lie on it later. Records are
//! coded one after the other, each in parts: is it an earlier record of the same read again (`again`)? Has it bases other than A, C, G and
//! T (`odd`)? Then the aligned bases at disputed positions (`disputed`), those at all other known positions
//! (`quiet`), and at last the bases that no position knows (`letters`).

pub(super) mod again;
mod chunk;
mod disputed;
mod free;
mod letters;
mod odd;
mod quiet;
mod recall;

use self::again::Again;
use self::chunk::Chunk;
use self::disputed::Disputed;
use self::letters::Letters;
use self::odd::Odd;
use self::quiet::Quiet;
use super::states::Walk;
use super::{Context, Level, Records};
use crate::Result;
use crate::codec::mixing::Coder;

/// The key that bases are charged to.
const KEY: u32 = 28;
/// See the module's head.
#[derive(Clone)]
pub(crate) struct Model {
    level: Level,
    /// Whether parameters were coded.
    known: bool,
    parts: Option<Box<Parts>>,
}

/// What is learnt.
#[derive(Clone)]
struct Parts {
    again: Again,
    odd: Odd,
    disputed: Disputed,
    quiet: Quiet,
    letters: Letters,
}

impl Parts {
    fn new(level: Level) -> Self {
        Self {
            again: Again::new(),
            odd: Odd::new(),
            disputed: Disputed::new(),
            quiet: Quiet::new(),
            letters: Letters::new(level),
        }
    }
}

impl Model {
    /// A model for an encoder.
    pub(crate) fn fit(level: Level, _: &Context<'_>, _: &Records) -> Self {
        Self {
            level,
            known: false,
            parts: None,
        }
    }

    /// A model for a decoder.
    pub(crate) fn blank() -> Self {
        Self {
            level: Level::Default,
            known: false,
            parts: None,
        }
    }

    /// Codes the level when nothing was coded before.
    fn parameters<C: Coder>(&mut self, coder: &mut C) {
        if self.known {
            return;
        }
        self.known = true;
        let fast = coder.code(self.level == Level::Fast, 32_768);
        let max = coder.code(self.level == Level::Max, 32_768);
        self.level = match (fast, max) {
            (true, _) => Level::Fast,
            (_, true) => Level::Max,
            _ => Level::Default,
        };
    }

    /// Codes the bases of a chunk, and says in `records.base_states` how they lie.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        self.parameters(coder);
        let level = self.level;
        let parts = self
            .parts
            .get_or_insert_with(|| Box::new(Parts::new(level)));
        let total = records.base_ends.last().copied().unwrap_or(0);
        records.check_limit(total)?;
        let mut bases = std::mem::take(&mut records.bases);
        bases.resize(total, 0);
        let mut walk = Walk::new(records);
        let mut chunk = Chunk::new(context, records, bases, walk.places());
        parts.letters.recall.leave();
        for record in 0..records.count {
            walk.record(records, record);
            chunk.prime(record, &walk.segments);
            chunk.record(coder, parts, record, &walk);
            coder.charge(KEY);
        }
        let Chunk { bases, states, .. } = chunk;
        records.bases = bases;
        records.base_states = states;
        Ok(())
    }
}

/// The number (0 to 3) of a base's code; 0 for those that are none of A, C, G and T.
#[inline]
fn code(base: u8) -> u8 {
    if base.is_power_of_two() {
        base.trailing_zeros() as u8 & 3
    } else {
        0
    }
}

#[cfg(test)]
mod tests;
