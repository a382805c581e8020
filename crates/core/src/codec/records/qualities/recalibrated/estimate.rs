//! What a recalibration would make of an original quality, learnt while coding.
//!
//! Recalibrated qualities are, before rounding, a sum of terms: one for the read group and the original quality, and
//! corrections of it for the cycle and for the two last bases. The terms are found by least mean squares.

use crate::codec::mixing::hash;

/// Qualities are counted in 1/16,384 here.
const UNIT: i32 = 1 << 14;

/// Terms of the sum.
const TERMS: usize = 8;

/// 2^this many cells for each term.
const BITS: [u32; TERMS] = [12, 18, 16, 14, 12, 14, 12, 16];

/// Least share of the error that a term takes, in 1/65,536: cycle and bases with a quality 0.006, the others 0.0012.
const FLOORS: [i32; TERMS] = [79, 393, 393, 79, 79, 79, 79, 79];

/// Beyond that, the share of a term that has learnt n times: 1 / (n + 2).
static SHARES: [i32; 1024] = {
    let mut shares = [0; 1024];
    let mut n = 0;
    while n < 1024 {
        shares[n] = (1 << 16) / (n as i32 + 2);
        n += 1;
    }
    shares
};

/// Errors beyond this many qualities teach nothing, unless the quality has hardly been seen.
const OUTLIER: i32 = 12;

/// A term: its value in 1/16,384 in the upper 22 bits, how often it has learnt in the lower 10.
#[derive(Clone, Copy, Default)]
struct Cell(i32);

impl Cell {
    #[inline(always)]
    fn value(self) -> i32 {
        self.0 >> 10
    }

    #[inline(always)]
    fn count(self) -> i32 {
        self.0 & 1023
    }

    #[inline(always)]
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

impl Given {
    /// The cells of its terms.
    pub(super) fn places(self) -> Places {
        let original = u32::from(self.original);
        let cycle = self.cycle | self.end << 30;
        let seen = u32::from(original >= 3);
        let group = self.read_group;
        Places::of([
            hash(original, group, 0, 0),
            hash(original, group, cycle, 1),
            hash(original, group, self.bases, 2),
            hash(seen, group, cycle, 3),
            hash(seen, group, self.bases, 4),
            hash(original, 0, cycle, 5),
            hash(original, 0, self.bases, 6),
            hash(original, group, cycle / 4, 7),
        ])
    }
}

/// The cell of each term.
#[derive(Clone, Copy)]
pub(crate) struct Places([u32; TERMS]);

impl Places {
    /// The cells that belong to hashes of the original quality and the read group, of both with the cycle, and with the
    /// bases; then of cycle and bases with little of the quality, with the quality alone, and of all with the cycle's fourth.
    #[inline(always)]
    pub(crate) fn of(hashes: [u32; TERMS]) -> Self {
        let mut places = [0; TERMS];
        let mut start = 0;
        for term in 0..TERMS {
            places[term] = start + (hashes[term] >> (32 - BITS[term]));
            start += 1 << BITS[term];
        }
        Self(places)
    }
}

/// An estimate.
#[derive(Clone, Copy)]
pub(crate) struct Estimate {
    /// The quality, in 1/16,384.
    value: i32,
    /// How often cycle and bases of this quality have been seen, in classes: three times 0 to 3, and 0 to 2.
    pub(crate) known: u32,
}

impl Estimate {
    /// The estimate in 1/`parts` quality, rounded.
    #[inline(always)]
    pub(crate) fn in_parts(self, parts: i32) -> i32 {
        (self.value * parts + UNIT / 2) >> UNIT.ilog2()
    }
}

/// The terms.
#[derive(Clone)]
pub(crate) struct Estimator {
    cells: Vec<Cell>,
}

impl Estimator {
    pub(crate) fn new() -> Self {
        let count = BITS.iter().map(|bits| 1 << bits).sum();
        Self {
            cells: vec![Cell::default(); count],
        }
    }

    /// Estimates a quality.
    #[inline(always)]
    pub(crate) fn estimate(&self, original: u8, places: &Places) -> Estimate {
        let mut value = i32::from(original) * UNIT;
        for place in places.0 {
            value += self.cells[place as usize].value();
        }
        let count = |term: usize| self.cells[places.0[term] as usize].count();
        let cycle = match count(1) {
            0 => 0,
            1..3 => 1,
            3..12 => 2,
            _ => 3,
        };
        let bases = match count(2) {
            0..3 => 0,
            3..20 => 1,
            _ => 2,
        };
        Estimate {
            value,
            known: cycle * 3 + bases,
        }
    }

    /// Learns the quality that was estimated.
    #[inline(always)]
    pub(crate) fn learn(&mut self, places: &Places, estimate: Estimate, quality: u8) {
        let error = i32::from(quality) * UNIT - estimate.value;
        let first = self.cells[places.0[0] as usize].count();
        if error.abs() >= OUTLIER * UNIT && first >= 5 {
            return;
        }
        let (mut shares, mut sum) = ([0; TERMS], 0);
        for term in 0..TERMS {
            let count = self.cells[places.0[term] as usize].count();
            shares[term] = SHARES[count as usize] + FLOORS[term];
            sum += shares[term];
        }
        // The terms together take at most the whole error.
        let part = if sum > 1 << 16 {
            (i64::from(error) << 16) / i64::from(sum)
        } else {
            error.into()
        };
        for term in 0..TERMS {
            let by = part * i64::from(shares[term]) >> 16;
            self.cells[places.0[term] as usize].learn(by as i32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_terms_is_learnt_to_the_rounding() {
        let mut estimator = Estimator::new();
        let mut state = 1u32;
        let mut hits = 0;
        for turn in 0..60_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [original, cycle, bases] = [state >> 8, state >> 16, state >> 24].map(|x| x % 16);
            let given = Given {
                read_group: 1,
                original: 20 + original as u8,
                cycle,
                end: 1,
                bases,
            };
            // In thirds of a quality.
            let sum = 3 * (18 + original) + cycle / 4 + bases % 5;
            let quality = (sum + 1) / 3;
            let places = given.places();
            let estimate = estimator.estimate(given.original, &places);
            estimator.learn(&places, estimate, quality as u8);
            hits += u32::from(turn >= 50_000 && estimate.in_parts(1) == quality as i32);
        }
        assert!(hits > 9_500, "{hits} of 10,000");
    }

    #[test]
    fn estimates_stay_in_bounds_whatever_is_learnt() {
        let mut estimator = Estimator::new();
        for turn in 0..100_000u32 {
            let given = Given {
                read_group: turn % 3 * 0x7fff_ffff,
                original: (turn * 7) as u8,
                cycle: u32::MAX - turn % 5,
                end: 3,
                bases: 0xff,
            };
            let places = given.places();
            let estimate = estimator.estimate(given.original, &places);
            assert!(estimate.in_parts(8).abs() < 1 << 15);
            estimator.learn(&places, estimate, if turn % 2 == 0 { 0 } else { 255 });
        }
    }
}
