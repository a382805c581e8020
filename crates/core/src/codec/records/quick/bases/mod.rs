//! The quick model of bases.
//!
//! As in the thorough model, what the reads of a chunk showed of a reference position predicts the bases that come to lie
//! on it later. But all that a record's aligned bases have in common is settled at once: the bases expected are copied,
//! and of those whose position was never much disputed only the ones that differ are named, by their index. That index is
//! nearly as good as random: risks by position, cycle or motif, which the thorough model weighs, gave 2 % of these bytes.
//!
//! A record's parts, in order: is it an earlier record of the same read again (`again`)? Has it bases other than A, C, G
//! and T (`odd`)? The aligned bases at disputed positions and beside indels, one by one (`disputed`). Those that differ at
//! all other known positions (`differing`). The bases that no position knows (`free`), predicted by what stood behind the
//! same bases before (`guide`) and by the bases before (`letters`).

mod again;
mod beside;
mod differing;
mod disputed;
mod free;
mod guide;
mod known;
mod letters;
mod odd;
mod record;
mod sort;

use self::again::Again;
use self::differing::Differing;
use self::disputed::Disputed;
use self::free::Free;
use self::odd::Odd;
use self::record::Chunk;
use crate::Result;
use crate::codec::mixing::{Coder, Slot};
use crate::codec::records::states::Walk;
use crate::codec::records::{Context, Level, Records};

/// The key that bases are charged to.
const KEY: u32 = 28;

/// See the module's head.
#[derive(Clone)]
pub(crate) struct Model {
    parts: Option<Box<Parts>>,
}

/// What is learnt.
#[derive(Clone)]
struct Parts {
    again: Again,
    odd: Odd,
    disputed: Disputed,
    differing: Differing,
    free: Free,
}

impl Parts {
    fn new() -> Self {
        Self {
            again: Again::new(),
            odd: Odd::new(),
            disputed: Disputed::new(),
            differing: Differing::new(),
            free: Free::new(),
        }
    }
}

impl Model {
    /// A model for an encoder.
    pub(crate) fn fit(_: Level, _: &Context<'_>, _: &Records) -> Self {
        Self { parts: None }
    }

    /// A model for a decoder.
    pub(crate) fn blank() -> Self {
        Self { parts: None }
    }

    /// Codes the bases of a chunk, and says in `records.base_states` how they lie.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        let parts = self.parts.get_or_insert_with(|| Box::new(Parts::new()));
        let total = records.base_ends.last().copied().unwrap_or(0);
        records.check_limit(total)?;
        let mut bases = std::mem::take(&mut records.bases);
        bases.resize(total, 0);
        let mut walk = Walk::new(records);
        let mut chunk = Chunk::new(context, records, bases, walk.places());
        for record in 0..records.count {
            walk.record(records, record);
            chunk.record(coder, parts, record, &walk);
        }
        coder.charge(KEY);
        let Chunk { bases, states, .. } = chunk;
        records.bases = bases;
        records.base_states = states;
        Ok(())
    }
}

/// The number (0 to 3) of a base's code: its lowest bit set. 0 for no bit.
#[inline(always)]
fn number(base: u8) -> u8 {
    (base | 16).trailing_zeros() as u8 & 3
}

/// Codes a decision that two contexts say something of: with the mean of their probabilities.
#[inline(always)]
fn decide<C: Coder>(coder: &mut C, flag: bool, one: &mut Slot, other: &mut Slot) -> bool {
    let p = (one.p() + other.p()) / 2;
    let flag = coder.code(flag, p.clamp(1, 65_535));
    one.update(flag, 255);
    other.update(flag, 255);
    flag
}

#[cfg(test)]
mod tests;
