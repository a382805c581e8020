//! A walk along a CIGAR while it is coded: what is left of the read and the reference, and which marks lie ahead.

use super::landmarks::{Ahead, Mark};
use super::waiting::key;
use crate::codec::records::{on_read, on_reference};

/// What stands for the end of a CIGAR, and for what is before its start, among operations.
pub(in crate::codec::records) const END: usize = 16;

/// Where the coding of a CIGAR is.
#[derive(Clone, Copy)]
pub(super) struct At {
    /// Operations so far.
    pub(super) count: u32,
    /// The last three operations, [`END`] before the first.
    pub(super) last: [u32; 3],
    /// The length of the last.
    pub(super) length: u32,
    /// Bases of the read left.
    pub(super) rest: i64,
    /// Reference bases left, if known.
    pub(super) span: Option<i64>,
    /// The place on the reference.
    pub(super) position: i64,
    /// The next mark and its distance.
    pub(super) mark: Option<(u64, Mark)>,
    /// Flags and relation, in a few bits.
    pub(super) class: u32,
}

impl At {
    /// How the reference bases left compare with the read's.
    pub(super) fn balance(&self) -> u32 {
        match self.span {
            None => 0,
            Some(span) if span < self.rest => 1,
            Some(span) if span == self.rest => 2,
            Some(_) => 3,
        }
    }

    /// Whether bases of the read are left: 0 fewer than none, 1 none, 2 some.
    pub(super) fn rest_class(&self) -> u32 {
        match self.rest {
            ..0 => 0,
            0 => 1,
            _ => 2,
        }
    }

    /// The mark at this very place.
    pub(super) fn here(&self) -> Option<Mark> {
        self.mark.filter(|mark| mark.0 == 0).map(|mark| mark.1)
    }

    /// Operation and class of the mark at this very place.
    pub(super) fn here_class(&self) -> u32 {
        self.here()
            .map_or(0, |mark| (mark.operation + 1) << 4 | mark.class())
    }
}

/// Whether an operation lays read bases on reference bases.
pub(in crate::codec::records) fn matches(operation: u32) -> bool {
    matches!(operation, 0 | 7 | 8)
}

/// The key of a place that may lie beyond what positions hold.
pub(in crate::codec::records) fn far(reference: i32, position: i64) -> u64 {
    key(
        reference,
        position.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
    )
}

impl At {
    /// Goes on behind an operation.
    pub(super) fn note(
        &mut self,
        reference: i32,
        whole: u32,
        ahead: &mut Ahead<'_>,
        seen: &mut Vec<(u64, u32)>,
    ) {
        let operation = whole & 15;
        let here = far(reference, self.position);
        let gap = matches!(operation, 1..=3) || operation == 4 && self.count > 0;
        if gap {
            let mark = if operation == 4 { 4 } else { whole };
            if !ahead.take(here, mark) {
                seen.push((here, mark));
            }
        }
        let taken = i64::from(on_reference(whole));
        self.position += taken;
        self.rest = self.rest.wrapping_sub(on_read(whole).into());
        self.span = self.span.map(|span| span.wrapping_sub(taken));
        self.count += 1;
        self.last = [operation, self.last[0], self.last[1]];
        self.length = whole >> 4;
        self.mark = ahead.next(far(reference, self.position));
    }
}
