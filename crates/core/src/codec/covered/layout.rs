//! Where records lie, and which positions they cover together.

use super::{Covered, DELETIONS, FREE_POSITIONS, LONGEST_DELETION};
use crate::Result;
use crate::codec::bases::{Alignments, fits};
use crate::codec::wire::damaged;

/// Positions without a gap. A place is a reference's number in the high half and a position in the low one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) place: u64,
    /// Exclusive.
    pub(super) end: u64,
    /// Where its codes start.
    pub(super) at: usize,
}

/// What a CIGAR says of bases besides where they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// M.
    Nothing,
    /// =, as the reference.
    Same,
    /// X, each other than the reference.
    Other,
}

/// What a CIGAR operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Bases on positions from a place on, and what is said of them.
    Aligned(u64, u32, Said),
    /// Bases on none.
    Free(u32),
    /// Positions without bases.
    Deleted(u64, u32),
}

/// The steps of a record that starts at a place.
#[inline]
pub(super) fn steps(cigar: &[u32], place: u64) -> impl Iterator<Item = Step> + '_ {
    let mut at = place;
    cigar.iter().filter_map(move |&operation| {
        let (from, count) = (at, operation >> 4);
        match operation & 15 {
            _ if count == 0 => None,
            0 | 7 | 8 => {
                at += u64::from(count);
                let said = match operation & 15 {
                    7 => Said::Same,
                    8 => Said::Other,
                    _ => Said::Nothing,
                };
                Some(Step::Aligned(from, count, said))
            }
            1 | 4 => Some(Step::Free(count)),
            2 => {
                at += u64::from(count);
                Some(Step::Deleted(from, count))
            }
            3 => {
                at += u64::from(count);
                None
            }
            _ => None,
        }
    })
}

/// The place of a record whose fields agree with each other; others lie nowhere.
#[inline]
pub(super) fn place_of(reference: i32, position: i32, cigar: &[u32], length: u32) -> Option<u64> {
    let reference = u64::try_from(reference).ok()?;
    let position = u64::try_from(position).ok()?;
    fits(cigar, length, position).then_some(reference << 32 | position)
}

/// Calls `each` with place, length and CIGAR of every record.
pub(super) fn records<E>(
    alignments: &Alignments<'_>,
    mut each: impl FnMut(Option<u64>, u32, &[u32]) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let mut cigar = alignments.cigar;
    let places = alignments.reference.iter().zip(alignments.position);
    let sizes = alignments.lengths.iter().zip(alignments.cigar_counts);
    for ((&length, &count), (&reference, &position)) in sizes.zip(places) {
        // Operations that are missing leave this and all later records without a place.
        let (own, rest) = cigar.split_at_checked(count as usize).unwrap_or_default();
        cigar = rest;
        each(place_of(reference, position, own, length), length, own)?;
    }
    Ok(())
}

impl Covered {
    /// The positions that records of `bases` bases together cover, their codes unknown (0).
    pub(super) fn by(alignments: &Alignments<'_>, options: u8, bases: usize) -> Result<Self> {
        let deletions = options & DELETIONS != 0;
        let mut segments: Vec<(u64, u64)> = Vec::new();
        let mut sorted = true;
        let mut add = |start: u64, end: u64| {
            if start < end {
                match segments.last_mut() {
                    Some((from, to)) if *from <= start && start <= *to => *to = end.max(*to),
                    last => {
                        sorted &= last.is_none_or(|last| last.0 <= start);
                        segments.push((start, end));
                    }
                }
            }
        };
        let visited = records::<std::convert::Infallible>(alignments, |place, _, cigar| {
            let (mut start, mut end) = (0, 0);
            for step in place.into_iter().flat_map(|place| steps(cigar, place)) {
                let (from, count) = match step {
                    Step::Aligned(from, count, _) => (from, count),
                    Step::Deleted(from, count) if deletions && count <= LONGEST_DELETION => {
                        (from, count)
                    }
                    _ => continue,
                };
                if from != end {
                    add(start, end);
                    start = from;
                }
                end = from + u64::from(count);
            }
            add(start, end);
            Ok(())
        });
        let Ok(()) = visited;
        if !sorted {
            segments.sort_unstable();
        }
        let (mut intervals, mut total): (Vec<Interval>, u64) = (Vec::new(), 0);
        for (place, end) in segments {
            match intervals.last_mut() {
                Some(last) if place <= last.end => {
                    total += end.saturating_sub(last.end);
                    last.end = last.end.max(end);
                }
                _ => {
                    let at = total as usize;
                    total += end - place;
                    intervals.push(Interval { place, end, at });
                }
            }
        }
        if total > 2 * bases as u64 + FREE_POSITIONS as u64 {
            return Err(damaged("more positions than bases may cover"));
        }
        Ok(Self {
            intervals,
            codes: vec![0; total as usize],
            deletions,
        })
    }
}
