//! Numbers that are spread over a range: where in the range they are is learnt roughly, the rest is taken as chance.

use crate::codec::mixing::{Coder, Slot};

/// Slots of single decisions learn from so many bits at most.
pub(super) const LIMIT: u32 = 500;

/// Codes a decision that one slot knows.
pub(super) fn decide<C: Coder>(coder: &mut C, bit: bool, slot: &mut Slot, limit: u32) -> bool {
    let bit = coder.code(bit, slot.p().clamp(16, 65_520));
    slot.update(bit, limit);
    bit
}

/// Codes `value` below 2^`bits` with a tree of slots (2^`bits` of them, the first unused).
pub(super) fn decide_tree<C: Coder>(
    coder: &mut C,
    value: u32,
    bits: u32,
    tree: &mut [Slot],
) -> u32 {
    let mut node = 1;
    for shift in (0..bits).rev() {
        let bit = decide(coder, value >> shift & 1 == 1, &mut tree[node], LIMIT);
        node = node * 2 + usize::from(bit);
    }
    (node - (1 << bits)) as u32
}

/// Codes `bits` bits that nothing is known about.
pub(super) fn direct<C: Coder>(coder: &mut C, value: u64, bits: u32) -> u64 {
    (0..bits).rev().fold(0, |done, shift| {
        done << 1 | u64::from(coder.code(value >> shift & 1 == 1, 1 << 15))
    })
}

/// Codes a number of any size that nothing is known about: its bits' number, then the bits.
pub(super) fn direct_number<C: Coder>(coder: &mut C, value: u64) -> u64 {
    let bits = direct(coder, (64 - value.leading_zeros()).into(), 7) as u32;
    direct(coder, value, bits.min(64))
}

/// Where halves of a node with `half` values each meet the end of the range, `left` values after the node's start: the
/// probability of the upper half in 1/65,536, or none if it is empty.
fn upper_half(half: u64, left: u64) -> Option<u32> {
    if left >= 2 * half {
        return Some(1 << 15);
    }
    let upper = left.saturating_sub(half);
    // At most 2^60 times 2^16.
    (upper > 0).then(|| ((u128::from(upper) << 16) / u128::from(left)).clamp(1, 65_535) as u32)
}

/// Codes a number below `count` (at most 2^60), all equally likely.
pub(super) fn uniform<C: Coder>(coder: &mut C, value: u64, count: u64) -> u64 {
    let mut base = 0;
    let bits = 64 - count.saturating_sub(1).leading_zeros();
    for shift in (0..bits).rev() {
        let half = 1 << shift;
        if let Some(p) = upper_half(half, count - base)
            && coder.code(value >> shift & 1 == 1, p)
        {
            base += half;
        }
    }
    base
}

/// How numbers below a count lie: a tree of slots for their highest bits.
#[derive(Clone)]
pub(super) struct Spread {
    count: u64,
    /// Bits of a number, and how many of them are learnt.
    bits: u32,
    learnt: u32,
    /// Slots of a tree, and the trees by context.
    fresh: Vec<Slot>,
    trees: Vec<Vec<Slot>>,
}

impl Spread {
    /// Numbers below `count` (1 to 2^60), of which the highest `learnt` bits are learnt (at most 12).
    pub(super) fn new(count: u64, learnt: u32) -> Self {
        let count = count.clamp(1, 1 << 60);
        let bits = 64 - (count - 1).leading_zeros();
        let learnt = learnt.min(bits);
        let mut fresh = vec![Slot::NEW; 1 << learnt];
        for (node, slot) in fresh.iter_mut().enumerate().skip(1) {
            let level = node.ilog2();
            let half = 1u64 << (bits - 1 - level);
            let base = (node as u64 - (1 << level)) * 2 * half;
            // As sure as after some numbers: the range is a better guess than a few numbers are.
            let p = upper_half(half, count.saturating_sub(base)).unwrap_or(1);
            *slot = Slot::expecting(p, 12);
        }
        Self {
            count,
            bits,
            learnt,
            fresh,
            trees: Vec::new(),
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Codes a number below the count, given a small context.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, value: u64, context: usize) -> u64 {
        while self.trees.len() <= context {
            self.trees.push(self.fresh.clone());
        }
        let tree = &mut self.trees[context];
        let (mut base, mut node) = (0, 1usize);
        for shift in (0..self.bits).rev() {
            let half = 1 << shift;
            let Some(p) = upper_half(half, self.count - base) else {
                node *= 2;
                continue;
            };
            let bit = value >> shift & 1 == 1;
            let bit = if node < 1 << self.learnt {
                decide(coder, bit, &mut tree[node], 1000)
            } else {
                coder.code(bit, p)
            };
            node = node * 2 + usize::from(bit);
            base += if bit { half } else { 0 };
        }
        base
    }
}
