//! An adaptive binary range coder for the tables in front of entropy-coded data.
//!
//! Tables are a few hundred to a few thousand small numbers whose statistics are not known in advance; adaptive
//! bits store them in two or three bits each, which matters when a chunk holds only 2,500 reads. It is slow
//! (some 10 ns per bit), so the data itself never passes through here.

use super::wire::damaged;
use crate::Result;

/// Probabilities have 12 bits; a bit starts out as likely 0 as 1.
const HALF: u16 = 1 << 11;
/// How fast a probability follows: one sixteenth of the way at each bit.
const RATE: u32 = 4;
/// The range is refilled by one byte when it falls below this.
const BOTTOM: u32 = 1 << 24;

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
pub(super) struct BitEncoder {
    low: u64,
    range: u32,
    out: Vec<u8>,
}

impl BitEncoder {
    pub(super) fn new() -> Self {
        Self {
            low: 0,
            range: u32::MAX,
            out: Vec::new(),
        }
    }

    pub(super) fn put(&mut self, model: &mut Bit, bit: bool) {
        let split = model.split(self.range);
        if bit {
            self.low += u64::from(split);
            self.range -= split;
        } else {
            self.range = split;
        }
        model.update(bit);
        while self.range < BOTTOM {
            self.range <<= 8;
            self.shift();
        }
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

    /// Moves the top byte of `low` out, passing a carry into the bytes already written.
    fn shift(&mut self) {
        if self.low >> 32 != 0 {
            for byte in self.out.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
        self.out.push((self.low >> 24) as u8);
        self.low = (self.low & 0x00ff_ffff) << 8;
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        for _ in 0..4 {
            self.shift();
        }
        // The decoder reads zeros after the end.
        while self.out.last() == Some(&0) {
            self.out.pop();
        }
        self.out
    }
}

/// Reads what [`BitEncoder`] wrote.
pub(super) struct BitDecoder<'a> {
    code: u32,
    range: u32,
    rest: std::slice::Iter<'a, u8>,
}

impl<'a> BitDecoder<'a> {
    pub(super) fn new(stored: &'a [u8]) -> Self {
        let mut this = Self {
            code: 0,
            range: u32::MAX,
            rest: stored.iter(),
        };
        for _ in 0..4 {
            this.refill();
        }
        this
    }

    fn refill(&mut self) {
        self.code = self.code << 8 | u32::from(self.rest.next().copied().unwrap_or(0));
    }

    pub(super) fn get(&mut self, model: &mut Bit) -> bool {
        let split = model.split(self.range);
        let bit = self.code >= split;
        if bit {
            self.code -= split;
            self.range -= split;
        } else {
            self.range = split;
        }
        model.update(bit);
        while self.range < BOTTOM {
            self.range <<= 8;
            self.refill();
        }
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
        if self.rest.len() == 0 {
            Ok(())
        } else {
            Err(damaged("bytes are left over behind a table"))
        }
    }
}
