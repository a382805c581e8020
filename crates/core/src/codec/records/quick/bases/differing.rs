//! Aligned bases whose place was hardly ever disputed: almost all are the expected ones. How many are not, and which.

use super::super::plain::{Symbols, flag};
use super::decide;
use super::disputed::Others;
use super::record::Chunk;
use super::sort::{Lists, Span};
use crate::codec::mixing::{Coder, Slot};
use std::ops::Range;

/// Bases that share a number of those that differ.
const BLOCK: usize = 256;

/// Distances from one that differs to the next that have symbols of their own.
const NEAR: usize = 16;

/// What is known of a record as a whole.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub(super) reverse: bool,
    pub(super) second: bool,
    /// A class of its mapping quality, 0 to 6.
    pub(super) mapq: usize,
    /// Whether it has more than one segment.
    pub(super) clipped: bool,
    /// Bases that differed in its mate, up to 2; 3 without mate.
    pub(super) mate: usize,
    /// Bases that differed in the record before, up to 2.
    pub(super) last: usize,
    /// Bases coded alone that were not the expected ones.
    pub(super) disputes: usize,
}

/// See the module's head.
#[derive(Clone)]
pub(super) struct Differing {
    /// Whether another differs, by how many did, the bases there are, and how many differed before; and by how many did,
    /// mapping quality and mate.
    another: Vec<Slot>,
    manners: Vec<Slot>,
    /// Whether the next is near.
    near: Vec<Slot>,
    /// How near.
    distances: Symbols<NEAR>,
    /// In which quarter of the bases left it is.
    quarters: Symbols<4>,
}

impl Differing {
    pub(super) fn new() -> Self {
        Self {
            another: vec![Slot::NEW; 8 * 16 * 4 * 4],
            manners: vec![Slot::NEW; 4 * 8 * 4 * 4],
            near: vec![Slot::NEW; 4 * 16],
            distances: Symbols::new(8),
            quarters: Symbols::new(8 * 4),
        }
    }

    /// Codes which of a record's known bases that are not coded alone differ; gives how many.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        chunk: &mut Chunk<'_>,
        (within, manner): (Range<usize>, Manner),
        others: &mut Others,
        lists: &mut Lists,
    ) -> usize {
        let (mut found, mut span, mut first) = (0, 0, 0);
        let mut before = manner.last;
        for block in (0..lists.count).step_by(BLOCK) {
            let end = lists.count.min(block + BLOCK);
            let own = lists.differing[found.min(lists.differing.len())..].iter();
            let own = own.take_while(|&&number| (number as usize) < end).count();
            let count = self.count(coder, own, end - block, (manner, before));
            before = count.min(2);
            let mut from = block;
            for left in (1..=count).rev() {
                if from >= end {
                    // Only damaged bytes say so.
                    break;
                }
                let number = lists
                    .differing
                    .get(found)
                    .map_or(0, |&number| number as usize);
                let behind = left < count;
                let next = self.next(coder, (from, end), (number, left), behind, manner.reverse);
                found += 1;
                from = next + 1;
                while next >= first + lists.spans[span].length {
                    first += lists.spans[span].length;
                    span += 1;
                }
                let Span { index, place, .. } = lists.spans[span];
                let (index, place) = (index + next - first, place + next - first);
                let at = within.start + index;
                chunk.bases[at] = others.code(coder, chunk, (at, place), manner);
                lists.dissent.push((index, place));
            }
        }
        found
    }

    /// Codes how many of `bases` differ.
    fn count<C: Coder>(
        &mut self,
        coder: &mut C,
        own: usize,
        bases: usize,
        (manner, before): (Manner, usize),
    ) -> usize {
        let octave = bases.ilog2() as usize;
        let mut count = 0;
        while count < bases {
            let seen = count.min(7);
            let one = ((seen * 16 + octave) * 4 + before) * 4 + usize::from(manner.clipped) * 2;
            let other =
                ((count.min(3) * 8 + manner.mapq) * 4 + manner.mate) * 4 + manner.disputes.min(3);
            let another = decide(
                coder,
                count < own,
                &mut self.another[one],
                &mut self.manners[other],
            );
            if !another {
                break;
            }
            count += 1;
        }
        count
    }

    /// Codes the next that differs, of `left`, from `from` on.
    fn next<C: Coder>(
        &mut self,
        coder: &mut C,
        (from, end): (usize, usize),
        (number, left): (usize, usize),
        behind: bool,
        reverse: bool,
    ) -> usize {
        let mut from = from;
        let number = number.clamp(from, end - 1);
        if behind {
            let octave = (end - from).ilog2() as usize;
            let near = end - from <= NEAR
                || flag(
                    coder,
                    number - from < NEAR,
                    &mut self.near[left.min(4) * 16 - 16 + octave.min(15)],
                );
            if near {
                let distance =
                    self.distances
                        .code(coder, (number - from).min(NEAR - 1), left.min(8) - 1);
                return (from + distance).min(end - 1);
            }
            from += NEAR;
        }
        let room = end - from;
        let at = number.saturating_sub(from);
        if room < 8 {
            return from + coder.equal(at as u32, room as u32) as usize;
        }
        let context = left.min(8) * 4 - 4 + usize::from(behind) * 2 + usize::from(reverse);
        let quarter = self.quarters.code(coder, at * 4 / room, context);
        let bound = |quarter: usize| (quarter * room).div_ceil(4);
        let (low, high) = (bound(quarter), bound(quarter + 1));
        let more = coder.equal(at.saturating_sub(low) as u32, (high - low) as u32);
        from + low + more as usize
    }
}
