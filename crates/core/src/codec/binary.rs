//! An adaptive binary range coder for the tables in front of entropy-coded data.
//!
//! Tables are a few hundred to a few thousand small numbers whose statistics are not known in advance; adaptive
//! bits store them in two or three bits each, which matters when a chunk holds only 2,500 reads. It is slow
//! (some 10 ns per bit), so the data itself never passes through here.

use super::range::{RangeDecoder, RangeEncoder};
use super::wire::damaged;
use crate::Result;

/// Probabilities have 12 bits; a bit starts out as likely 0 as 1.
const HALF: u16 = 1 << 11;
/// How fast a probability follows: one sixteenth of the way at each bit.
const RATE: u32 = 4;

/// One adaptive bit: the probability of 0 in 4096ths.
#[derive(Clone, Copy)]
pub(super) struct Bit(u16);

impl Bit {
    pub(super) const NEW: Self = Self(HALF);

    fn split(self, range: u32) -> u32 {
        (range >> 12) * u32::from(self.0)
    }

    fn update(&mut self, bit: bool) {
        if bit {
            self.0 -= self.0 >> RATE;
        } else {
            self.0 += (4096 - self.0) >> RATE;
        }
    }
}

/// Writes bits, most recent probabilities first adapted after each.
pub(super) struct BitEncoder(RangeEncoder);

impl BitEncoder {
    pub(super) fn new() -> Self {
        Self(RangeEncoder::new())
    }

    pub(super) fn put(&mut self, model: &mut Bit, bit: bool) {
        self.0.put(model.split(self.0.range()), !bit);
        model.update(bit);
    }

    /// Writes the `width` low bits of `value`, highest first, each with its own model in `tree`.
    pub(super) fn put_tree(&mut self, tree: &mut [Bit], width: u32, value: usize) {
        let mut node = 1;
        for level in (0..width).rev() {
            let bit = value >> level & 1 == 1;
            self.put(&mut tree[node], bit);
            node = node * 2 + usize::from(bit);
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}

/// Reads what [`BitEncoder`] wrote.
pub(super) struct BitDecoder<'a>(RangeDecoder<'a>);

impl<'a> BitDecoder<'a> {
    pub(super) fn new(stored: &'a [u8]) -> Self {
        Self(RangeDecoder::new(stored))
    }

    pub(super) fn get(&mut self, model: &mut Bit) -> bool {
        let bit = !self.0.get(model.split(self.0.range()));
        model.update(bit);
        bit
    }

    pub(super) fn get_tree(&mut self, tree: &mut [Bit], width: u32) -> usize {
        let mut node = 1;
        for _ in 0..width {
            node = node * 2 + usize::from(self.get(&mut tree[node]));
        }
        node - (1 << width)
    }

    /// Refuses table bytes that were never read.
    pub(super) fn finish(self) -> Result<()> {
        if self.0.is_at_end() {
            Ok(())
        } else {
            Err(damaged("bytes are left over behind a table"))
        }
    }
}
