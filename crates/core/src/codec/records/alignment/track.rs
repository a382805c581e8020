//! A walk along the CIGAR of a long read while it is coded.

use super::motion::scale;
use super::sites::{Ahead, kind};
use super::walk::{END, far, matches};
use crate::codec::records::{Records, on_read, on_reference};

/// The mean scale of runs that a read starts with, in 1/64: runs of eight bases.
const START: i32 = 6 * 64;

/// Whether an operation is a run of matches that breaks off somewhere; single mismatches are breaks themselves.
pub(super) fn is_run(operation: u32) -> bool {
    matches(operation) && operation != 8
}

/// Where the coding of a CIGAR is.
pub(super) struct Track {
    pub(super) reference: i32,
    pub(super) position: i64,
    /// Bases of the read left.
    pub(super) rest: i64,
    /// Operations so far, and the last three with their lengths.
    pub(super) count: u32,
    pub(super) last: [u32; 3],
    pub(super) lengths: [u32; 3],
    /// Mean scale of the runs of matches over about 4 and 32, in 1/64.
    pub(super) near: i32,
    pub(super) far: i32,
    /// How the last runs met sites: two bits each.
    pub(super) met: u32,
    /// Kinds of the last breaks: two bits each.
    pub(super) kinds: u32,
    pub(super) strand: usize,
}

/// What a run of matches has met.
pub(super) struct Met {
    /// Sites that it went past.
    pub(super) count: u32,
    /// The next place that it may end at because of a site: 1, or the one behind the last site.
    pub(super) from: u64,
    /// 0 or 1 plus the scale of the bases before a site that it does not reach.
    pub(super) bound: u32,
}

impl Track {
    /// The start of a record that takes `taken` bases.
    pub(super) fn new(records: &Records, record: usize, taken: u64) -> Self {
        Self {
            reference: records.references[record],
            position: records.positions[record].into(),
            rest: taken as i64,
            count: 0,
            last: [END as u32; 3],
            lengths: [0; 3],
            near: START,
            far: START,
            met: 0,
            kinds: 0,
            strand: usize::from(records.flags[record] >> 4 & 1),
        }
    }

    /// The key of the place, or of that `distance` on.
    pub(super) fn key(&self, distance: u64) -> u64 {
        far(
            self.reference,
            self.position.saturating_add(distance as i64),
        )
    }

    /// Classes of the mean scales, below 64 and 128.
    pub(super) fn near_class(&self) -> u32 {
        (self.near as u32 / 32).min(63)
    }

    pub(super) fn far_class(&self) -> u32 {
        (self.far as u32 / 16).min(127)
    }

    /// Goes on behind an operation.
    pub(super) fn note(&mut self, whole: u32, ahead: &mut Ahead<'_>, seen: &mut Vec<(u64, u32)>) {
        let (operation, length) = (whole & 15, whole >> 4);
        if is_run(operation) {
            let level = (scale(length.into()) * 64) as i32;
            self.near += (level - self.near) / 4;
            self.far += (level - self.far) / 32;
        } else {
            let key = self.key(0);
            if !ahead.take(key, whole) {
                seen.push((key, whole));
            }
            self.kinds = self.kinds << 2 | kind(operation) as u32 + 1;
        }
        self.position += i64::from(on_reference(whole));
        self.rest = self.rest.wrapping_sub(on_read(whole).into());
        self.count += 1;
        self.last = [operation, self.last[0], self.last[1]];
        self.lengths = [length, self.lengths[0], self.lengths[1]];
    }
}

impl Met {
    pub(super) const NEW: Self = Self {
        count: 0,
        from: 1,
        bound: 0,
    };
}
