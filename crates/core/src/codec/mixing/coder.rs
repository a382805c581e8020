//! The binary arithmetic coder of models: probabilities of 16 bits, and accounts of what streams cost.

use std::collections::BTreeMap;

use crate::Result;
use crate::codec::range::{RangeDecoder, RangeEncoder};
use crate::codec::wire::damaged;

use super::lanes::{Lanes, SYMBOLS, WHOLE};

/// One direction of coding. See the module's head for how models use it.
pub(crate) trait Coder {
    /// Whether bits are read: then the values that are passed in mean nothing.
    const DECODES: bool;

    /// Codes a bit whose probability of being set is `p` / 65,536, with `p` from 1 to 65,535.
    fn code(&mut self, bit: bool, p: u32) -> bool;

    /// Codes one of the symbols whose parts of [`WHOLE`] end at `ends`.
    fn symbol<L: Lanes>(&mut self, lanes: L, symbol: usize, ends: &[u16; SYMBOLS]) -> usize;

    /// Codes a number below four. Of 65,536 parts of the range, number 0 has those below the first bound, 1 those from
    /// there to the second, and so on; bounds ascend, from 1 to 65,535, and no two are equal.
    fn quarter(&mut self, number: usize, bounds: [u32; 3]) -> usize;

    /// Codes a number below `count`, which is from 1 to 65,536; all are equally likely.
    fn equal(&mut self, number: u32, count: u32) -> u32;

    /// Books what was coded since the last call on the stream with key `key`; does nothing when decoding.
    fn charge(&mut self, key: u32);
}

/// Writes bits.
pub(crate) struct Encoder {
    coder: RangeEncoder,
    /// Position up to which costs are booked.
    charged: u64,
    /// Costs in 1/16 bit of the streams with small keys, and of the others.
    costs: [u64; SMALL_KEYS],
    more_costs: BTreeMap<u32, u64>,
}

/// Keys of the streams that are charged once or more per record are below this.
const SMALL_KEYS: usize = 64;

impl Encoder {
    pub(crate) fn new() -> Self {
        Self {
            coder: RangeEncoder::new(),
            charged: 0,
            costs: [0; SMALL_KEYS],
            more_costs: BTreeMap::new(),
        }
    }

    /// Bits coded so far, in 1/16 bit.
    fn position(&self) -> u64 {
        // log2 of the range, linear between powers of two: good enough for accounts.
        let range = self.coder.range();
        let whole = range.ilog2();
        let part = (u64::from(range) * 16 >> whole) - 16;
        (self.coder.written() as u64 * 8 + 32) * 16 - (u64::from(whole) * 16 + part)
    }

    /// What was charged: keys, ascending, and 1/16 bits.
    pub(crate) fn costs(&self) -> Vec<(u32, u64)> {
        let small = (0..).zip(self.costs).filter(|&(_, cost)| cost > 0);
        let more = self.more_costs.iter().map(|(&key, &cost)| (key, cost));
        small.chain(more).collect()
    }

    /// The stored bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.coder.round();
        self.coder.finish()
    }
}

/// Length of the range's part for a set bit.
#[inline(always)]
fn split(range: u32, p: u32) -> u32 {
    (u64::from(range) * u64::from(p) >> 16) as u32
}

/// A symbol's part of the whole.
#[inline(always)]
fn part_of(symbol: usize, ends: &[u16; SYMBOLS]) -> (u32, u32) {
    let start = symbol.checked_sub(1).map_or(0, |before| ends[before]);
    let end = if symbol == SYMBOLS - 1 {
        WHOLE
    } else {
        ends[symbol].into()
    };
    (start.into(), end)
}

impl Coder for Encoder {
    const DECODES: bool = false;

    #[inline(always)]
    fn code(&mut self, bit: bool, p: u32) -> bool {
        self.coder.put(split(self.coder.range(), p), bit);
        bit
    }

    #[inline(always)]
    fn symbol<L: Lanes>(&mut self, _: L, symbol: usize, ends: &[u16; SYMBOLS]) -> usize {
        let (start, end) = part_of(symbol, ends);
        self.coder.put_part(start, end, WHOLE);
        symbol
    }

    #[inline(always)]
    fn quarter(&mut self, number: usize, bounds: [u32; 3]) -> usize {
        let range = self.coder.range();
        let [a, b, c] = bounds.map(|bound| split(range, bound));
        let (from, to) = ([0, a, b, c], [a, b, c, range]);
        self.coder.keep(from[number & 3], to[number & 3]);
        number
    }

    #[inline(always)]
    fn equal(&mut self, number: u32, count: u32) -> u32 {
        self.coder.put_part(number, number + 1, count);
        number
    }

    fn charge(&mut self, key: u32) {
        let position = self.position();
        let cost = position - self.charged;
        self.charged = position;
        match self.costs.get_mut(key as usize) {
            Some(total) => *total += cost,
            None => *self.more_costs.entry(key).or_default() += cost,
        }
    }
}

/// Reads what [`Encoder`] wrote.
pub(crate) struct Decoder<'a>(RangeDecoder<'a>);

impl<'a> Decoder<'a> {
    pub(crate) fn new(stored: &'a [u8]) -> Self {
        Self(RangeDecoder::new(stored))
    }

    /// Refuses stored bytes that were never read.
    pub(crate) fn finish(self) -> Result<()> {
        if self.0.is_at_end() {
            Ok(())
        } else {
            Err(damaged("bytes are left over behind a model's bits"))
        }
    }
}

impl Coder for Decoder<'_> {
    const DECODES: bool = true;

    #[inline(always)]
    fn code(&mut self, _: bool, p: u32) -> bool {
        self.0.get(split(self.0.range(), p))
    }

    #[inline(always)]
    fn symbol<L: Lanes>(&mut self, lanes: L, _: usize, ends: &[u16; SYMBOLS]) -> usize {
        let point = self.0.point(WHOLE) as u16;
        let symbol = lanes.passed(ends, point).min(SYMBOLS - 1);
        let (start, end) = part_of(symbol, ends);
        self.0.take_part(start, end, WHOLE);
        symbol
    }

    #[inline(always)]
    fn quarter(&mut self, _: usize, bounds: [u32; 3]) -> usize {
        let (range, at) = (self.0.range(), self.0.at());
        let [a, b, c] = bounds.map(|bound| split(range, bound));
        // No branch: a base is as good as random.
        let number = usize::from(at >= a) + usize::from(at >= b) + usize::from(at >= c);
        let (from, to) = ([0, a, b, c], [a, b, c, range]);
        self.0.take(from[number], to[number]);
        number
    }

    #[inline(always)]
    fn equal(&mut self, _: u32, count: u32) -> u32 {
        let number = self.0.point(count);
        self.0.take_part(number, number + 1, count);
        number
    }

    fn charge(&mut self, _: u32) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_at_any_probability() {
        let mut state = 1u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        let bits: Vec<(bool, u32)> = (0..20_000)
            .map(|_| {
                let p = match random() % 4 {
                    0 => 1,
                    1 => 65_535,
                    _ => 1 + random() % 65_535,
                };
                (random() % 65_536 < p, p)
            })
            .collect();
        for count in [0, 1, 2, 3, 50, bits.len()] {
            let mut encoder = Encoder::new();
            for &(bit, p) in &bits[..count] {
                encoder.code(bit, p);
            }
            let position = encoder.position();
            let stored = encoder.finish();
            assert!((stored.len() as u64 * 128).abs_diff(position) <= 8 * 128);
            let mut decoder = Decoder::new(&stored);
            for &(bit, p) in &bits[..count] {
                assert_eq!(decoder.code(false, p), bit);
            }
            decoder.finish().unwrap();
        }
    }

    #[test]
    fn quarters_and_equal_numbers_come_back() {
        let mut state = 7u32;
        let mut random = |count: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % count
        };
        let mut steps = Vec::new();
        for _ in 0..5000 {
            let first = 1 + random(65_533);
            let second = first + 1 + random(65_534 - first);
            let third = second + 1 + random(65_535 - second);
            let count = [1, 2, 3, 1000, 65_535, 65_536][random(6) as usize];
            let bounds = [first, second, third];
            steps.push((random(4) as usize, bounds, random(count), count));
        }
        // The narrowest parts there are.
        for bounds in [[1, 2, 3], [65_533, 65_534, 65_535], [1, 2, 65_535]] {
            steps.extend((0..4).map(|number| (number, bounds, 65_535, 65_536)));
        }
        let mut encoder = Encoder::new();
        for &(quarter, bounds, number, count) in &steps {
            encoder.quarter(quarter, bounds);
            encoder.equal(number, count);
        }
        let stored = encoder.finish();
        let mut decoder = Decoder::new(&stored);
        for &(quarter, bounds, number, count) in &steps {
            assert_eq!(decoder.quarter(0, bounds), quarter);
            assert_eq!(decoder.equal(0, count), number);
        }
        decoder.finish().unwrap();
    }

    #[test]
    fn bytes_left_over_are_refused() {
        let mut decoder = Decoder::new(&[1, 2, 3, 4, 5, 6]);
        decoder.code(false, 32_768);
        assert!(decoder.finish().is_err());
    }
}
