//! A column's values while they are coded, and what is carried on of it.

use std::ops::Range;

use super::choice::Choice;
use crate::codec::records::part;

/// Bytes of a value that are kept for the next chunk.
pub(super) const KEPT: usize = 64;
/// Guesses of an array's length.
pub(super) const GUESSES: usize = 7;

/// What is carried on of a column.
#[derive(Clone)]
pub(super) struct State {
    pub(super) key: u32,
    pub(super) slot: usize,
    pub(super) choice: Choice,
    /// The last value of the chunk before, if it is short.
    pub(super) last: Vec<u8>,
    /// How often each kind of expectation was right, newest lowest.
    pub(super) right: [u32; 3],
    /// How often each guess of the length was right, falling with time.
    pub(super) scores: [u32; GUESSES],
}

impl State {
    pub(super) fn new(key: u32, slot: usize, choice: Choice) -> Self {
        Self {
            key,
            slot,
            choice,
            last: Vec::new(),
            right: [0; 3],
            scores: [0; GUESSES],
        }
    }
}

/// A column's values while they are coded.
pub(super) struct Values {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
    pub(super) kind: u8,
    /// Bytes of an element.
    pub(super) width: usize,
    /// Bytes of other columns' values.
    pub(super) before: usize,
}

impl Values {
    pub(super) fn new(kind: u8, bytes: Vec<u8>, ends: Vec<usize>, before: usize) -> Self {
        Self {
            bytes,
            ends,
            kind,
            width: width_of(kind),
            before,
        }
    }

    /// Where the value numbered `at` begins.
    pub(super) fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The value numbered `at`.
    pub(super) fn range(&self, at: usize) -> Range<usize> {
        part(&self.ends, at)
    }

    /// The value of record `record`, which is one of the first in the ascending `list`.
    pub(super) fn of(&self, list: &[u32], record: usize) -> Option<Range<usize>> {
        let at = list.partition_point(|&other| (other as usize) < record);
        (list.get(at).copied() == u32::try_from(record).ok()).then(|| self.range(at))
    }

    /// The bits of the float numbered `at` of all.
    pub(super) fn float(&self, at: usize) -> Option<u32> {
        let four = self.bytes.get(at * 4..at * 4 + 4)?;
        Some(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    }

    /// The element at a byte; 0 if it is not there (yet). Floats are their bits.
    #[inline]
    pub(super) fn element(&self, at: usize) -> i64 {
        let bytes = self.bytes.get(at..at + self.width).unwrap_or_default();
        element_of(self.kind, bytes)
    }

    /// Appends an element.
    pub(super) fn push(&mut self, element: i64) {
        let bytes = element.to_le_bytes();
        self.bytes.extend_from_slice(&bytes[..self.width]);
    }
}

/// Bytes of an element of kind `kind`.
pub(super) fn width_of(kind: u8) -> usize {
    match kind {
        12 | 13 => 2,
        7 | 14..=16 => 4,
        _ => 1,
    }
}

/// An element of kind `kind`; 0 if the bytes are not as many as it has.
#[inline]
pub(super) fn element_of(kind: u8, bytes: &[u8]) -> i64 {
    match (kind, bytes) {
        (10, &[a]) => i64::from(a as i8),
        (_, &[a]) => a.into(),
        (12, &[a, b]) => i16::from_le_bytes([a, b]).into(),
        (_, &[a, b]) => u16::from_le_bytes([a, b]).into(),
        (14, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]).into(),
        (_, &[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]).into(),
        _ => 0,
    }
}

/// A number with few values that says roughly how large another is.
#[inline]
pub(super) fn coarse(number: i64) -> u32 {
    let magnitude = number.unsigned_abs();
    let bits = 64 - magnitude.leading_zeros();
    let rough = if bits < 3 {
        magnitude as u32
    } else {
        (bits * 4) | (magnitude >> (bits - 3) & 3) as u32
    };
    rough << 1 | u32::from(number < 0)
}
