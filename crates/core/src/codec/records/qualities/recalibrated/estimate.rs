//! What a recalibration would make of an original quality, learnt while coding.
//!
//! Recalibrated qualities are, before rounding, a sum of terms: one for the read group and the original quality, and
//! corrections of it for the cycle and for the two last bases. The terms are found by least mean squares.

use crate::codec::mixing::hash;

/// Qualities are counted in 1/16,384 here.
pub(super) const UNIT: i32 = 1 << 14;

/// Terms of the sum.
const TERMS: usize = 8;

/// 2^this many cells for each term.
const BITS: [u32; TERMS] = [12, 18, 16, 14, 12, 14, 12, 16];

/// Least share of the error that a term takes, in 1/65,536: cycle and bases with a quality 0.02, the others 0.004.
const FLOORS: [i32; TERMS] = [262, 1311, 1311, 262, 262, 262, 262, 262];

/// Errors beyond this many qualities teach nothing, unless the quality has hardly been seen.
const OUTLIER: i32 = 12;

/// A term: its value in 1/16,384 in the upper 22 bits, how often it has learnt in the lower 10.
#[derive(Clone, Copy, Default)]
struct Cell(i32);

impl Cell {
    fn value(self) -> i32 {
        self.0 >> 10
    }

    fn count(self) -> i32 {
        self.0 & 1023
    }

    fn learn(&mut self, by: i32) {
        let value = (self.value() + by).clamp(-(1 << 21), (1 << 21) - 1);
        self.0 = value << 10 | (self.count() + 1).min(1023);
    }
}

/// What the estimate is made from.
#[derive(Clone, Copy)]
pub(super) struct Given {
    pub(super) read_group: u32,
    /// The original quality.
    pub(super) original: u8,
    /// Bases sequenced before this one.
    pub(super) cycle: u32,
    /// Bits 6 and 7 of the flags: first, second of a pair.
    pub(super) end: u32,
    /// This base in the lower 4 bits, that before it in the upper.
    pub(super) bases: u32,
}

/// An estimate.
#[derive(Clone, Copy)]
pub(super) struct Estimate {
    /// The quality, in 1/16,384.
    pub(super) value: i32,
    /// How often cycle and bases of this quality have been seen, in classes: 0 to 3 and 0 to 2.
    pub(super) cycle_known: u32,
    pub(super) bases_known: u32,
}

impl Estimate {
    /// The estimate in 1/`parts` quality, rounded.
    pub(super) fn in_parts(self, parts: i32) -> i32 {
        (self.value * parts + UNIT / 2) >> UNIT.ilog2()
    }
}

/// The terms, and where those of the last estimate are.
#[derive(Clone)]
pub(super) struct Estimator {
    cells: Vec<Cell>,
    places: [usize; TERMS],
    value: i32,
}

impl Estimator {
    pub(super) fn new() -> Self {
        let count = BITS.iter().map(|bits| 1 << bits).sum();
        Self {
            cells: vec![Cell::default(); count],
            places: [0; TERMS],
            value: 0,
        }
    }

    /// Estimates a quality.
    pub(super) fn estimate(&mut self, given: Given) -> Estimate {
        let original = u32::from(given.original);
        let cycle = given.cycle | given.end << 30;
        let seen = u32::from(original >= 3);
        let group = given.read_group;
        let hashes = [
            hash(original, group, 0, 0),
            hash(original, group, cycle, 1),
            hash(original, group, given.bases, 2),
            hash(seen, group, cycle, 3),
            hash(seen, group, given.bases, 4),
            hash(original, 0, cycle, 5),
            hash(original, 0, given.bases, 6),
            hash(original, group, cycle / 4, 7),
        ];
        let mut start = 0;
        self.value = i32::from(given.original) * UNIT;
        for term in 0..TERMS {
            self.places[term] = start + (hashes[term] >> (32 - BITS[term])) as usize;
            self.value += self.cells[self.places[term]].value();
            start += 1 << BITS[term];
        }
        let count = |term: usize| self.cells[self.places[term]].count();
        Estimate {
            value: self.value,
            cycle_known: match count(1) {
                0 => 0,
                1..3 => 1,
                3..12 => 2,
                _ => 3,
            },
            bases_known: match count(2) {
                0..3 => 0,
                3..20 => 1,
                _ => 2,
            },
        }
    }

    /// Learns the quality that was estimated last.
    pub(super) fn learn(&mut self, quality: u8) {
        let error = i32::from(quality) * UNIT - self.value;
        let first = self.cells[self.places[0]].count();
        if error.abs() >= OUTLIER * UNIT && first >= 5 {
            return;
        }
        let mut shares = [0; TERMS];
        for term in 0..TERMS {
            let count = self.cells[self.places[term]].count();
            shares[term] = (1 << 16) / (count + 2) + FLOORS[term] * 30 / 100;
        }
        // The terms together take at most the whole error.
        let sum = shares.iter().sum::<i32>().max(1 << 16);
        for term in 0..TERMS {
            let by = i64::from(error) * i64::from(shares[term]) / i64::from(sum);
            self.cells[self.places[term]].learn(by as i32);
        }
    }
}
