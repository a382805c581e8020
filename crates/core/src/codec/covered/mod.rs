//! Bases of aligned records, told from a reference that the stream itself holds.
//!
//! The positions that a chunk's records cover are known before its bases are. What the reference is there stands in the
//! stream once; a record then is a copy of it, with substitutions. Where tags (`MD`) say what the reference is, it is
//! that, and the tags follow from it; else it is what most records say. To decode is to copy: that is what makes it fast.

mod decode;
mod differences;
mod encode;
mod layout;

use super::bases::Alignments;
pub(crate) use decode::decode;
pub(crate) use differences::Differences;
pub(crate) use encode::{Revealed, encode};
use layout::{Interval, Said, Step, place_of, steps};

/// Bit of the options: positions under short deletions are covered too.
const DELETIONS: u8 = 1;
/// Bit of the options: what the references given with the archive tell is not in the stream.
const LEANS: u8 = 2;
/// Bit of the options: bases of `=` operations are as the reference, and those of `X` operations are not.
const EXACT: u8 = 4;
/// A deletion longer than this covers nothing.
const LONGEST_DELETION: u32 = 1 << 12;
/// Covered positions of any chunk; further ones are bounded by its bases.
const FREE_POSITIONS: usize = 1 << 16;
/// From this on a substitution is this plus the code itself.
const EXPLICIT: u8 = 4;

/// What the reference is where records lie.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    /// Positions without a gap, ascending.
    intervals: Vec<Interval>,
    /// A BAM code for each position.
    codes: Vec<u8>,
    deletions: bool,
}

impl Covered {
    /// Where `length` positions from `place` on are in `codes`, if they are covered. `near` is where the ones before were
    /// found: records lie close to each other.
    #[inline]
    fn find(&self, place: u64, length: u32, near: &mut usize) -> Option<std::ops::Range<usize>> {
        let holds = |interval: &Interval| interval.place <= place && place < interval.end;
        if !self.intervals.get(*near).is_some_and(holds) {
            let after = self
                .intervals
                .partition_point(|interval| interval.place <= place);
            *near = after.checked_sub(1)?;
        }
        let interval = self.intervals.get(*near)?;
        if place < interval.place || place + u64::from(length) > interval.end {
            return None;
        }
        let start = interval.at + (place - interval.place) as usize;
        Some(start..start + length as usize)
    }
}
