//! Bases that no pileup knows: the first to cover a position, inserted, clipped and unaligned ones.
//!
//! Each is two binary decisions, mixed from what followed the last 1 to 13 bases before (on either strand), from the
//! place where the last 12 or 24 bases stood before (on either strand), and from the experts that the caller asks.

use super::recall::Recall;
use crate::codec::mixing::{Coder, Slot, dot, squash, train};
use crate::codec::records::Level;

/// Orders whose contexts have probabilities of their own.
const PLAIN: [u32; 4] = [1, 3, 5, 8];
/// Orders whose contexts, found by hash, count what followed.
const COUNTED: [u32; 2] = [10, 13];
/// Experts that predict a base: the recalled place, and two of the caller's.
const EXPERTS: usize = 3;
/// Inputs of the mixer, with one that is constant.
const INPUTS: usize = 16;
/// Contexts that an expert can tell apart.
pub(super) const EXPERT_CONTEXTS: usize = 256;
/// Weight sets: kinds of bases, confidences of the recalled place, places in the tree of decisions.
const SETS: usize = 4 * 8 * 3;

/// A prediction: a base (0 to 3) and a context that tells how good such predictions are.
pub(super) type Guess = Option<(u8, u8)>;

/// The last bases before one, 2 bits each, the last lowest, and the reverse complement of them, its last base highest.
#[derive(Clone, Copy, Default)]
pub(super) struct Before {
    pub(super) forward: u64,
    pub(super) reverse: u64,
    /// How many there are, at most 32.
    pub(super) count: u32,
}

impl Before {
    /// Goes on by a base.
    #[inline]
    pub(super) fn push(&mut self, base: u8) {
        self.forward = self.forward << 2 | u64::from(base);
        self.reverse = self.reverse >> 2 | u64::from(3 - base) << 62;
        self.count = (self.count + 1).min(32);
    }

    /// The last `order` bases.
    #[inline]
    fn last(self, order: u32) -> u64 {
        self.forward & ((1 << (2 * order)) - 1)
    }

    /// Their reverse complement.
    #[inline]
    fn reversed(self, order: u32) -> u64 {
        self.reverse >> (64 - 2 * order)
    }
}

/// Weights of the inputs, and how often they have learnt.
#[derive(Clone)]
struct Weights {
    values: [i32; INPUTS],
    learnt: u16,
}

/// See the module's head.
#[derive(Clone)]
pub(super) struct Letters {
    /// Three probabilities (1/65,536) for each context of the plain orders.
    plain: Vec<Vec<[u16; 4]>>,
    /// Four counts of 4 bits for each context of the counted orders.
    counted: Vec<Vec<u16>>,
    /// What pairs of counts mean, by order and decision.
    meaning: Vec<[[Slot; 256]; 2]>,
    /// How often experts are right, by context; the first decision's bit and the second's.
    trust: Vec<[[Slot; 2]; EXPERT_CONTEXTS]>,
    weights: Vec<Weights>,
    pub(super) recall: Recall,
}

impl Letters {
    pub(super) fn new(level: Level) -> Self {
        // Of the last order's table; each before has half as many contexts.
        let bits = match level {
            Level::Fast => 17,
            Level::Default => 19,
            Level::Max => 21,
        };
        let mut values = [0; INPUTS];
        values[..PLAIN.len() + COUNTED.len()].fill((1 << 28) / 5);
        values[PLAIN.len() + COUNTED.len()..][..EXPERTS].fill((1 << 28) / 2);
        Self {
            plain: PLAIN
                .map(|order| vec![[32_768; 4]; 1 << (2 * order)])
                .into(),
            counted: (0..COUNTED.len())
                .rev()
                .map(|less| vec![0; 1 << (bits - less)])
                .collect(),
            meaning: vec![[[Slot::NEW; 256]; 2]; COUNTED.len()],
            trust: vec![[[Slot::NEW; 2]; EXPERT_CONTEXTS]; EXPERTS],
            weights: vec![Weights { values, learnt: 0 }; SETS],
            recall: Recall::new(level),
        }
    }

    /// Codes one base (0 to 3) that stands behind `before`, and goes on by it. `kind` is 0 to 3.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        base: u8,
        kind: usize,
        before: &mut Before,
        guesses: [Guess; EXPERTS - 1],
    ) -> u8 {
        let recalled = self.recall.guess(*before);
        let guesses = [recalled, guesses[0], guesses[1]];
        let confidence = recalled.map_or(0, |(_, context)| 1 + usize::from(context) / 37);
        let set = (kind * 8 + confidence) * 3;
        let places: [usize; COUNTED.len()] =
            std::array::from_fn(|at| self.place(before.last(COUNTED[at]), at));
        let counts: [u16; COUNTED.len()] = std::array::from_fn(|at| self.counted[at][places[at]]);
        let contexts: [usize; PLAIN.len()] =
            std::array::from_fn(|at| before.last(PLAIN[at]) as usize);
        let mut done = 0u8;
        for level in 0..2u8 {
            let node = usize::from(level + done);
            let mut inputs = [0i16; INPUTS];
            for (at, &context) in contexts.iter().enumerate() {
                let p = self.plain[at][context][node];
                inputs[at] = crate::codec::mixing::stretch(p.into()) as i16;
            }
            let mut meant = [0; COUNTED.len()];
            for (at, &count) in counts.iter().enumerate() {
                meant[at] = pair(count, level, done);
                inputs[PLAIN.len() + at] =
                    self.meaning[at][usize::from(level)][meant[at]].stretched() as i16;
            }
            for (at, guess) in guesses.iter().enumerate() {
                if let Some((guessed, context)) = guess
                    && (level == 0 || guessed >> 1 == done)
                {
                    let x = self.trust[at][usize::from(*context)][usize::from(level)].stretched();
                    let one = guessed >> (1 - level) & 1 == 1;
                    inputs[PLAIN.len() + COUNTED.len() + at] = if one { x } else { -x } as i16;
                }
            }
            inputs[INPUTS - 1] = 64;
            let weights = &mut self.weights[set + node];
            let p = squash(dot(&inputs, &weights.values));
            let bit = coder.code(base >> (1 - level) & 1 == 1, p);
            let target = if bit { 65_536 } else { 0 };
            let rate = 260 + 26_000 / (16 + i32::from(weights.learnt));
            train(&inputs, &mut weights.values, (target - p as i32) >> 1, rate);
            weights.learnt = weights.learnt.saturating_add(1);
            for (at, &context) in contexts.iter().enumerate() {
                let p = &mut self.plain[at][context][node];
                let shift = if at < 2 { 6 } else { 4 };
                if bit {
                    *p += (65_535 - *p) >> shift;
                } else {
                    *p -= *p >> shift;
                }
            }
            for (at, &meant) in meant.iter().enumerate() {
                self.meaning[at][usize::from(level)][meant].update(bit, 1023);
            }
            for (at, guess) in guesses.iter().enumerate() {
                if let Some((guessed, context)) = guess
                    && (level == 0 || guessed >> 1 == done)
                {
                    let right = (guessed >> (1 - level) & 1 == 1) == bit;
                    self.trust[at][usize::from(*context)][usize::from(level)].update(right, 255);
                }
            }
            done = done << 1 | u8::from(bit);
        }
        self.learn(done, before, places);
        done
    }

    /// The place of a context in a counted order's table.
    #[inline]
    fn place(&self, context: u64, at: usize) -> usize {
        let mixed = (context + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> (64 - self.counted[at].len().ilog2())) as usize
    }

    /// Counts a base behind `before` and, for the other strand, what stood before it; then goes on by it.
    fn learn(&mut self, base: u8, before: &mut Before, places: [usize; COUNTED.len()]) {
        for (at, place) in places.into_iter().enumerate() {
            count(&mut self.counted[at][place], base);
        }
        let have = before.count;
        self.recall.learn(base, *before);
        before.push(base);
        for (at, order) in COUNTED.into_iter().enumerate() {
            if have >= order {
                let place = self.place(before.reversed(order), at);
                let first = (before.forward >> (2 * order) & 3) as u8;
                count(&mut self.counted[at][place], 3 - first);
            }
        }
    }
}

/// The counts that the decision at `level` lies between: 4 bits for zero, 4 for one.
#[inline]
fn pair(counts: u16, level: u8, done: u8) -> usize {
    let of = |base: u8| usize::from(counts >> (4 * base) & 15);
    let (zero, one) = if level == 0 {
        (of(0) + of(1), of(2) + of(3))
    } else {
        (of(2 * done), of(2 * done + 1))
    };
    zero.min(15) << 4 | one.min(15)
}

/// Counts a base; at 15 all counts are halved.
#[inline]
fn count(counts: &mut u16, base: u8) {
    let shift = 4 * base;
    if *counts >> shift & 15 == 15 {
        *counts = *counts >> 1 & 0x7777;
    }
    *counts += 1 << shift;
}
