//! CIGARs of entries.

use super::super::super::super::mixing::{Coder, Mixer, hash};
use super::entry::{Shape, of_read};
use crate::Result;
use crate::codec::wire::damaged;

/// The symbol behind the last operation.
const END: u32 = 15;

/// Codes a CIGAR, given how long the read is, a number for what is known beside it, and how many operations it may have.
pub(super) fn code<C: Coder>(
    coder: &mut C,
    mixer: &mut Mixer<6, 1>,
    truth: &[u32],
    read: i64,
    beside: u32,
    salt: u32,
    most: usize,
) -> Result<Vec<u32>> {
    let mut cigar = Vec::new();
    let (mut last, mut second, mut left) = (14, 14, read.clamp(0, 1 << 30) as u32);
    loop {
        let number = cigar.len().min(5) as u32;
        let contexts = [
            hash(41, salt, last | number << 4, u32::from(left == 0)),
            hash(42, salt, last | second << 4, u32::from(left == 0)),
            hash(43, salt, last | number << 4, beside),
            hash(44, salt, last | second << 4, left),
            hash(45, salt, number, 0),
            hash(46, last, u32::from(left == 0), 0),
        ];
        let wanted = truth.get(cigar.len()).copied();
        let operation = mixer.symbol(
            coder,
            wanted.map_or(END, |one| one & 15),
            4,
            &contexts,
            20,
            160,
        );
        if operation == END {
            return Ok(cigar);
        }
        if operation > 8 || cigar.len() >= most {
            return Err(damaged("a CIGAR that there cannot be"));
        }
        let length = wanted.unwrap_or(0) >> 4;
        let contexts = [
            hash(51, salt, operation | last << 4 | number << 8, 0),
            hash(52, salt, operation | last << 4, left),
            hash(53, salt, operation, beside),
            hash(54, salt, operation | last << 4 | number << 8, beside),
            hash(55, salt, operation, 0),
            hash(
                56,
                salt,
                operation | last << 4,
                (read - i64::from(left)) as u32,
            ),
        ];
        let takes = of_read(1 << 4 | operation) > 0;
        let length = if takes && left > 0 && mixer.flag(coder, length == left, &contexts, 21) {
            left
        } else {
            mixer.number(coder, length.into(), &contexts, 22) as u32
        };
        if length >= 1 << 28 {
            return Err(damaged("an operation that is too long"));
        }
        cigar.push(length << 4 | operation);
        left = left.saturating_sub(of_read(length << 4 | operation));
        (second, last) = (last, operation);
    }
}

/// A CIGAR read from the other end.
pub(super) fn reversed(cigar: &[u32]) -> Vec<u32> {
    cigar.iter().rev().copied().collect()
}

/// The CIGAR of the part of the read that this one clips at its longer end, and the rest clipped: `50S101M` for
/// `50M101S`. Nothing if nothing is clipped.
pub(super) fn complement(shape: &Shape, turned: bool) -> Vec<u32> {
    let (part, rest) = if shape.left > shape.right {
        (shape.left, shape.read - shape.left)
    } else {
        (shape.right, shape.read - shape.right)
    };
    if part == 0 || shape.read >= 1 << 28 {
        return Vec::new();
    }
    let (part, rest) = ((part as u32) << 4, (rest as u32) << 4 | 4);
    let part_first = (shape.left > shape.right) != turned;
    let both = if part_first {
        [part, rest]
    } else {
        [rest, part]
    };
    both.into_iter()
        .filter(|operation| operation >> 4 > 0)
        .collect()
}

/// A CIGAR with clips written as `clip` (4 S, 5 H).
pub(super) fn with_clips(cigar: &[u32], clip: u32) -> Vec<u32> {
    let with = |operation: &u32| {
        if matches!(operation & 15, 4 | 5) {
            operation & !15 | clip
        } else {
            *operation
        }
    };
    cigar.iter().map(with).collect()
}

/// The short form that some aligners write: clips, one match, and the difference as one insertion or deletion.
pub(super) fn short(cigar: &[u32], clip: u32) -> Vec<u32> {
    let shape = Shape::of(cigar);
    let of_read = shape.read - shape.left - shape.right;
    let both = shape.on_reference.min(of_read);
    let parts = [
        (shape.left, clip),
        (both, 0),
        (of_read - both, 1),
        (shape.on_reference - both, 2),
        (shape.right, clip),
    ];
    let fits = |&(length, _): &(i64, u32)| (1..1 << 28).contains(&length);
    parts
        .iter()
        .filter(|part| fits(part))
        .map(|&(length, operation)| (length as u32) << 4 | operation)
        .collect()
}
