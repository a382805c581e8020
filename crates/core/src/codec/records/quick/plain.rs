//! Values coded without mixing: each decision has one slot, chosen by what the caller knows. A decision takes some 20
//! instructions, a fiftieth of a mixed one, and where one good context says nearly all it costs hardly more bits.

use crate::codec::mixing::{Coder, Slot};

/// Slots go on at the rate of this many bits.
const LIMIT: u32 = 255;

/// Values from here on do not fit the tree of small ones.
const SMALL: u64 = 15;

/// Bits below the highest that are predicted; those behind them are as good as random.
const PREDICTED: u32 = 3;

/// Codes a decision.
#[inline(always)]
pub(super) fn flag<C: Coder>(coder: &mut C, flag: bool, slot: &mut Slot) -> bool {
    let flag = coder.code(flag, slot.p().clamp(1, 65_535));
    slot.update(flag, LIMIT);
    flag
}

/// Codes the `count` lowest bits of a number as they are, the highest first.
#[inline(always)]
pub(super) fn bits<C: Coder>(coder: &mut C, number: u64, count: u32) -> u64 {
    let mut done = 0;
    for shift in (0..count).rev() {
        let bit = coder.code(number >> shift & 1 == 1, 1 << 15);
        done = done << 1 | u64::from(bit);
    }
    done
}

/// Symbols below `N`, a power of two, each in one of several contexts.
#[derive(Clone)]
pub(super) struct Symbols<const N: usize> {
    slots: Vec<[Slot; N]>,
}

impl<const N: usize> Symbols<N> {
    pub(super) fn new(contexts: usize) -> Self {
        const { assert!(N.is_power_of_two()) };
        Self {
            slots: vec![[Slot::NEW; N]; contexts],
        }
    }

    /// Codes a symbol. Contexts out of range are the last.
    #[inline(always)]
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, symbol: usize, context: usize) -> usize {
        let last = self.slots.len() - 1;
        let slots = &mut self.slots[context.min(last)];
        let mut node = 1;
        for shift in (0..N.ilog2()).rev() {
            let bit = flag(coder, symbol >> shift & 1 == 1, &mut slots[node & (N - 1)]);
            node = node * 2 + usize::from(bit);
        }
        node & (N - 1)
    }
}

/// Numbers of any size, each in one of several contexts: best at small ones.
#[derive(Clone)]
pub(super) struct Numbers {
    small: Symbols<16>,
    /// How many bits a number has that is not small.
    lengths: Symbols<64>,
    /// The bits below the highest, by how many bits there are; all contexts share them.
    below: Symbols<{ 1 << PREDICTED }>,
}

impl Numbers {
    pub(super) fn new(contexts: usize) -> Self {
        Self {
            small: Symbols::new(contexts),
            lengths: Symbols::new(contexts),
            below: Symbols::new(64),
        }
    }

    /// Codes a number.
    #[inline(always)]
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, number: u64, context: usize) -> u64 {
        let small = self.small.code(coder, number.min(SMALL) as usize, context) as u64;
        if small < SMALL {
            return small;
        }
        self.large(coder, number, context)
    }

    /// Codes a number that is not small: [`SMALL`] less, and one more so that it has a highest bit.
    fn large<C: Coder>(&mut self, coder: &mut C, number: u64, context: usize) -> u64 {
        let more = number.wrapping_sub(SMALL - 1).max(1);
        let length = self.lengths.code(coder, more.ilog2() as usize, context) as u32;
        let predicted = length.min(PREDICTED);
        let top = more >> (length - predicted) & ((1 << predicted) - 1);
        let top = if predicted == PREDICTED {
            self.below.code(coder, top as usize, length as usize) as u64
        } else {
            bits(coder, top, predicted)
        };
        let rest = bits(coder, more, length - predicted);
        let more = (1 << predicted | top) << (length - predicted) | rest;
        more.wrapping_add(SMALL - 1)
    }

    /// Codes a number that may be negative: as 0, -1, 1, -2, ...
    #[inline(always)]
    pub(super) fn signed<C: Coder>(&mut self, coder: &mut C, number: i64, context: usize) -> i64 {
        let folded = (number << 1 ^ number >> 63) as u64;
        let folded = self.code(coder, folded, context);
        (folded >> 1) as i64 ^ -((folded & 1) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::mixing::{Decoder, Encoder};

    #[test]
    fn numbers_of_every_size_come_back() {
        let powers = (0..63).flat_map(|bit| [(1i64 << bit) - 1, 1 << bit, -(1i64 << bit)]);
        let numbers: Vec<i64> = powers.chain([i64::MAX, i64::MIN + 8]).collect();
        let mut encoder = Encoder::new();
        let mut model = Numbers::new(3);
        for (at, &number) in numbers.iter().enumerate() {
            model.signed(&mut encoder, number, at % 4);
        }
        let stored = encoder.finish();
        let mut decoder = Decoder::new(&stored);
        let mut model = Numbers::new(3);
        for (at, &number) in numbers.iter().enumerate() {
            assert_eq!(model.signed(&mut decoder, 0, at % 4), number);
        }
        decoder.finish().unwrap();
    }
}
