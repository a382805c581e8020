//! Runs of the usual quality: where nearly all qualities of a file are the same, one decision stands for eight of them.

use super::super::super::mixing::{Coder, Lanes};
use super::predictor::{Given, Predictor, Shape};
use super::short::key;
use super::tree::Tree;

/// Qualities of a run.
pub(super) const RUN: usize = 8;

/// What a run follows from.
pub(super) struct Ahead {
    /// Where it starts in the read.
    pub(super) at: u64,
    /// Mean of the ranks so far, in 1/32.
    pub(super) mean: u64,
    /// Qualities other than the usual one so far, and how many usual ones came since the last.
    pub(super) low: u64,
    pub(super) top: u64,
    /// Bases up to the next that nearly all other reads contradict, and how many such the read has.
    pub(super) next: u64,
    pub(super) mismatches: u64,
    /// How many of its bases not all other reads confirm.
    pub(super) odd: u64,
    /// How badly other reads were read at its places: in sum and at worst.
    pub(super) bad: u64,
    pub(super) worst: u64,
    /// Its bases, two bits each, and the one before.
    pub(super) bases: u64,
    pub(super) before: u64,
    pub(super) second: u64,
    pub(super) mapq: u64,
    pub(super) mate: u64,
}

/// Codes whether qualities are a run.
#[derive(Clone)]
pub(super) struct Runs {
    /// The usual quality.
    pub(super) usual: u8,
    predictor: Predictor<8, 1, 2>,
}

impl Runs {
    /// Runs of `usual`.
    pub(super) fn new(usual: u8) -> Self {
        let mut histogram = [0; 256];
        (histogram[0], histogram[1]) = (1, 2);
        let shape = Shape {
            bits: 16,
            selections: [160, 64],
            corrections: [64, 64],
            limit: 1023,
            rates: (4000, 130),
        };
        Self {
            usual,
            predictor: Predictor::new(Tree::of(&histogram), shape),
        }
    }

    /// Codes whether the qualities ahead are a run.
    #[inline(always)]
    pub(super) fn code<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        is_run: bool,
        ahead: &Ahead,
    ) -> bool {
        let &Ahead {
            at,
            mean,
            low,
            top,
            next,
            mismatches,
            odd,
            bad,
            worst,
            bases,
            before,
            second,
            mapq,
            mate,
        } = ahead;
        let all = [
            mean | low << 8 | (at >> 3) << 12,
            top | low << 6 | (mean >> 3) << 10,
            next | odd << 4 | mismatches << 8 | top.min(15) << 12 | (mean >> 4) << 16,
            bad.min(31) | worst << 5 | top.min(15) << 10 | (mean >> 3) << 14,
            bases | before << 16 | (top / 8) << 18,
            at | second << 12 | (mean >> 4) << 13,
            mean | mate << 8 | mapq << 16 | odd << 20,
            bases >> 8 | before << 8 | (mean >> 3) << 10 | next << 20 | top.min(7) << 24,
        ];
        let mut contexts = [0; 8];
        for (context, value) in contexts.iter_mut().zip(all) {
            *context = key(value);
        }
        let given = Given {
            contexts,
            selections: [(low + 16 * next) as u32, (mean >> 2) as u32],
            corrections: [(mean >> 2) as u32, (at / 4) as u32],
        };
        let coded = self
            .predictor
            .symbol_with(lanes, coder, is_run.into(), &given);
        coded == 1
    }
}
