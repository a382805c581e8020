//! The columns of an alignment, and what follows from them: the clips that an aligner would make,
//! CIGAR, MD, the number of differences and the score.

use crate::align::{DELETION, INSERTION, MATCH, Read, SOFT_CLIP};
use std::io::Write;

/// Code of an unknown base.
pub(crate) const UNKNOWN: u8 = 4;
/// bwa-mem's scores: match 1, mismatch -4, gap -6 - length; clipping must gain this much.
const CLIP_PENALTY: i32 = 5;

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A base of the read against one of the reference.
    Both,
    /// Part of an insertion.
    ReadOnly,
    /// Part of a deletion.
    ReferenceOnly,
}

/// A column of the alignment before clipping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) kind: Kind,
    /// Base of the reference, 0 to 3.
    pub(crate) reference: u8,
    /// Base of the read, 0 to 4 (N).
    pub(crate) read: u8,
}

/// Columns to clip at both ends: what lies outside the best local alignment, unless keeping
/// it costs less than the penalty of a clip.
pub(crate) fn local_clips(columns: &[Column]) -> (usize, usize) {
    let (mut sum, mut start) = (0, 0);
    let (mut best, mut from, mut to) = (0, 0, columns.len());
    let (mut total, mut total_before, mut total_after) = (0, 0, 0);
    let mut start_total = 0;
    let mut before = Kind::Both;
    for (index, column) in columns.iter().enumerate() {
        if sum <= 0 {
            (sum, start, start_total) = (0, index, total);
        }
        let score = column.score(before);
        before = column.kind;
        sum += score;
        total += score;
        if sum > best {
            (best, from, to) = (sum, start, index + 1);
            (total_before, total_after) = (start_total, total);
        }
    }
    let left = if total_before <= -CLIP_PENALTY {
        from
    } else {
        0
    };
    let right = if total - total_after <= -CLIP_PENALTY {
        columns.len() - to
    } else {
        0
    };
    (left, right)
}

impl Column {
    /// bwa-mem's score of the column after one of this kind.
    fn score(&self, before: Kind) -> i32 {
        match self.kind {
            Kind::Both if self.reference == self.read => 1,
            Kind::Both if self.read == UNKNOWN => -1,
            Kind::Both => -4,
            kind if kind == before => -1,
            _ => -7,
        }
    }
}

/// Fills CIGAR, MD, counts and score in from the aligned columns.
pub(crate) fn describe(read: &mut Read, columns: &[Column], clips: [u32; 2]) {
    read.cigar.clear();
    read.md.clear();
    (read.mismatches, read.gaps, read.gap_bases, read.score) = (0, 0, 0, 0);
    let mut push = |length: u32, operation: u32| match read.cigar.last_mut() {
        Some(last) if *last & 15 == operation => *last += length << 4,
        _ if length > 0 => read.cigar.push(length << 4 | operation),
        _ => {}
    };
    push(clips[0], SOFT_CLIP);
    let (mut run, mut span) = (0u32, 0u32);
    let mut before = Kind::Both;
    for column in columns {
        read.score += column.score(before);
        let new_gap = column.kind != before;
        before = column.kind;
        let letter = b"ACGTN"[usize::from(column.reference)];
        match column.kind {
            Kind::Both => {
                push(1, MATCH);
                span += 1;
                if column.reference == column.read {
                    run += 1;
                } else {
                    read.mismatches += 1;
                    write_run(&mut read.md, &mut run);
                    read.md.push(letter);
                }
                continue;
            }
            Kind::ReadOnly => push(1, INSERTION),
            Kind::ReferenceOnly => {
                push(1, DELETION);
                span += 1;
                if new_gap {
                    write_run(&mut read.md, &mut run);
                    read.md.push(b'^');
                }
                read.md.push(letter);
            }
        }
        read.gaps += u32::from(new_gap);
        read.gap_bases += 1;
    }
    write_run(&mut read.md, &mut run);
    push(clips[1], SOFT_CLIP);
    read.end = read.position + span;
}

/// Writes a run of matches of MD and starts the next.
fn write_run(md: &mut Vec<u8>, run: &mut u32) {
    // Writing to a vector cannot fail.
    let _ = write!(md, "{run}");
    *run = 0;
}

/// Columns from one end that hold so many bases of the read.
pub(crate) fn columns_of_bases(columns: &[Column], bases: u32, from_left: bool) -> usize {
    let mut left = bases;
    let count = columns.len();
    for index in 0..count {
        if left == 0 {
            return index;
        }
        let column = if from_left {
            &columns[index]
        } else {
            &columns[count - 1 - index]
        };
        left -= u32::from(column.kind != Kind::ReferenceOnly);
    }
    count
}
