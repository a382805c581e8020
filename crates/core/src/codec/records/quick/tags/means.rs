//! Decisions that several contexts know something of, each with a slot. They are averaged in the logistic domain, weighed by
//! how much they have seen: hardly slower than one slot, and learnt sooner than one for all contexts together.

use crate::codec::mixing::{Coder, Slot, squash};
use crate::codec::records::quick::plain::bits;

/// Slots go on at the rate of this many bits.
const LIMIT: u32 = 255;

/// A slot that has seen so many bits has its full weight.
const SETTLED: u32 = 30;

/// Values from here on do not fit the tree of small ones.
const SMALL: u64 = 15;

/// Bits below the highest that are predicted; those behind them are as good as random.
const PREDICTED: u32 = 3;

/// Codes a decision.
#[inline(always)]
pub(super) fn mean<C: Coder, const N: usize>(
    coder: &mut C,
    bit: bool,
    mut slots: [&mut Slot; N],
) -> bool {
    let (mut sum, mut whole) = (0, 0);
    for slot in &slots {
        let weight = 1 + slot.count().min(SETTLED) as i32;
        sum += slot.stretched() * weight;
        whole += weight;
    }
    // Several that agree are a little surer than each.
    let mean = sum / whole;
    let bit = coder.code(bit, squash(mean + mean / 8));
    for slot in &mut slots {
        slot.update(bit, LIMIT);
    }
    bit
}

/// Symbols below `N`, a power of two, each in `K` contexts.
#[derive(Clone)]
pub(super) struct Symbols<const N: usize, const K: usize> {
    slots: [Vec<[Slot; N]>; K],
}

impl<const N: usize, const K: usize> Symbols<N, K> {
    /// For so many contexts of each kind.
    pub(super) fn new(contexts: [usize; K]) -> Self {
        const { assert!(N.is_power_of_two()) };
        Self {
            slots: contexts.map(|contexts| vec![[Slot::NEW; N]; contexts]),
        }
    }

    /// Codes a symbol.
    #[inline(always)]
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        symbol: usize,
        contexts: [usize; K],
    ) -> usize {
        let mut at = contexts.iter();
        let mut slots = self
            .slots
            .each_mut()
            .map(|slots| &mut slots[*at.next().unwrap_or(&0)]);
        let mut node = 1;
        for shift in (0..N.ilog2()).rev() {
            let at = node & (N - 1);
            let slots = slots.each_mut().map(|slots| &mut slots[at]);
            let bit = mean(coder, symbol >> shift & 1 == 1, slots);
            node = node * 2 + usize::from(bit);
        }
        node & (N - 1)
    }
}

/// Numbers of any size, each in two contexts: best at small ones.
#[derive(Clone)]
pub(super) struct Numbers {
    small: Symbols<16, 2>,
    /// How many bits a number has that is not small.
    lengths: Symbols<64, 2>,
    /// The bits below the highest, by how many bits there are.
    below: Symbols<{ 1 << PREDICTED }, 1>,
}

impl Numbers {
    /// For so many contexts of each kind.
    pub(super) fn new(contexts: [usize; 2]) -> Self {
        Self {
            small: Symbols::new(contexts),
            lengths: Symbols::new(contexts),
            below: Symbols::new([64]),
        }
    }

    /// Codes a number.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        number: u64,
        contexts: [usize; 2],
    ) -> u64 {
        let small = self.small.code(coder, number.min(SMALL) as usize, contexts) as u64;
        if small < SMALL {
            return small;
        }
        // One more, so that it has a highest bit.
        let more = number.wrapping_sub(SMALL - 1).max(1);
        let length = self.lengths.code(coder, more.ilog2() as usize, contexts) as u32;
        let predicted = length.min(PREDICTED);
        let top = more >> (length - predicted) & ((1 << predicted) - 1);
        let top = if predicted == PREDICTED {
            self.below.code(coder, top as usize, [length as usize]) as u64
        } else {
            bits(coder, top, predicted)
        };
        let rest = bits(coder, more, length - predicted);
        let more = (1 << predicted | top) << (length - predicted) | rest;
        more.wrapping_add(SMALL - 1)
    }

    /// Codes a number that may be negative: as 0, -1, 1, -2, ...
    pub(super) fn signed<C: Coder>(
        &mut self,
        coder: &mut C,
        number: i64,
        contexts: [usize; 2],
    ) -> i64 {
        let folded = (number << 1 ^ number >> 63) as u64;
        let folded = self.code(coder, folded, contexts);
        (folded >> 1) as i64 ^ -((folded & 1) as i64)
    }
}
