//! What the DEFLATE bytes themselves tell about the encoder, without compressing anything.
//!
//! zlib ends a DEFLATE block when its buffer of symbols is full: after 16,383 symbols at
//! memLevel 8, 32,767 at memLevel 9, never earlier before the end of the content. So counting
//! the symbols of the first block rules out most encoders. What cannot be counted rules out
//! none.

use crate::encoder::Family;

/// Symbols in a full block of zlib at memLevel 8.
const FULL_BLOCK_8: u32 = 16_383;
/// Symbols in a full block of zlib at memLevel 9.
const FULL_BLOCK_9: u32 = 32_767;
/// Order in which a dynamic block lists the lengths of its code-length code (RFC 1951, 3.2.7).
const CODE_LENGTH_ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
/// Longest Huffman code of DEFLATE, in bits.
const MAX_CODE: usize = 15;

/// The first block of a DEFLATE stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing could be learnt.
    Unknown,
    /// The stream starts with a stored block.
    Stored,
    /// Literals and matches in the first block, and whether it is the only one.
    Coded { symbols: u32, last: bool },
}

impl Shape {
    /// Reads the first block of `deflate`.
    pub(crate) fn of(deflate: &[u8]) -> Shape {
        let mut bits = Bits {
            bytes: deflate,
            next: 0,
        };
        Shape::read(&mut bits).unwrap_or(Shape::Unknown)
    }

    /// Whether an encoder of this family can have made such a stream.
    pub(crate) fn allows(self, family: Family) -> bool {
        match (self, family) {
            (Shape::Stored, Family::Empty) | (Shape::Coded { .. }, Family::Stored) => false,
            (Shape::Coded { symbols, last }, Family::Zlib { memory, .. }) => {
                let full = if memory == 9 {
                    FULL_BLOCK_9
                } else {
                    FULL_BLOCK_8
                };
                if last {
                    symbols <= full
                } else {
                    symbols == full
                }
            }
            (Shape::Coded { symbols, last }, Family::Empty) => last && symbols == 0,
            _ => true,
        }
    }

    fn read(bits: &mut Bits<'_>) -> Option<Shape> {
        let last = bits.take(1)? == 1;
        let (literals, distances) = match bits.take(2)? {
            0 => return Some(Shape::Stored),
            1 => (fixed_literals(), Code::new(&[5; 30])),
            2 => dynamic_codes(bits)?,
            _ => return None,
        };
        let mut symbols = 0;
        loop {
            match literals.read(bits)? {
                0..=255 => {}
                256 => return Some(Shape::Coded { symbols, last }),
                length @ 257..=285 => {
                    bits.take(length_extra_bits(length))?;
                    let distance = distances.read(bits)?;
                    bits.take((u32::from(distance) / 2).saturating_sub(1))?;
                }
                _ => return None,
            }
            symbols += 1;
        }
    }
}

/// The code of literals and lengths in a block with the fixed codes.
fn fixed_literals() -> Code {
    let mut lengths = [8u8; 288];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    Code::new(&lengths)
}

/// Bits that follow a length symbol.
fn length_extra_bits(symbol: u16) -> u32 {
    match symbol {
        265..=284 => u32::from(symbol - 261) / 4,
        _ => 0,
    }
}

/// Reads the codes at the head of a dynamic block.
fn dynamic_codes(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
    let literal_count = bits.take(5)? as usize + 257;
    let distance_count = bits.take(5)? as usize + 1;
    let listed = bits.take(4)? as usize + 4;
    let mut code_lengths = [0u8; 19];
    for &symbol in CODE_LENGTH_ORDER.get(..listed)? {
        code_lengths[symbol] = bits.take(3)? as u8;
    }
    let code = Code::new(&code_lengths);
    let total = literal_count + distance_count;
    let mut lengths = Vec::with_capacity(total);
    while lengths.len() < total {
        let (value, repeat) = match code.read(bits)? {
            length @ 0..=15 => (length as u8, 1),
            16 => (*lengths.last()?, bits.take(2)? + 3),
            17 => (0, bits.take(3)? + 3),
            _ => (0, bits.take(7)? + 11),
        };
        lengths.extend(std::iter::repeat_n(value, repeat as usize));
    }
    let (literals, rest) = lengths.split_at_checked(literal_count)?;
    Some((Code::new(literals), Code::new(rest.get(..distance_count)?)))
}

/// A canonical Huffman code, read bit by bit.
struct Code {
    /// How many symbols have a code of each length.
    counts: [u16; MAX_CODE + 1],
    /// Symbols in the order of their codes.
    symbols: Vec<u16>,
}

impl Code {
    fn new(lengths: &[u8]) -> Code {
        let mut counts = [0u16; MAX_CODE + 1];
        let mut symbols = Vec::with_capacity(lengths.len());
        for (length, count) in (0u8..).zip(&mut counts).skip(1) {
            let before = symbols.len();
            let with_length = (0u16..).zip(lengths).filter(|&(_, &l)| l == length);
            symbols.extend(with_length.map(|(symbol, _)| symbol));
            *count = (symbols.len() - before) as u16;
        }
        Code { counts, symbols }
    }

    fn read(&self, bits: &mut Bits<'_>) -> Option<u16> {
        let (mut code, mut first, mut index) = (0u32, 0u32, 0u32);
        for &count in &self.counts[1..] {
            let count = u32::from(count);
            code |= bits.take(1)?;
            if let Some(offset) = code.checked_sub(first).filter(|&o| o < count) {
                return self.symbols.get((index + offset) as usize).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

/// The bits of a DEFLATE stream, lowest first.
struct Bits<'a> {
    bytes: &'a [u8],
    /// Position of the next bit.
    next: usize,
}

impl Bits<'_> {
    /// The next `count` bits (at most 13), or `None` at the end.
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for place in 0..count {
            let byte = *self.bytes.get(self.next >> 3)?;
            value |= u32::from(byte >> (self.next & 7) & 1) << place;
            self.next += 1;
        }
        Some(value)
    }
}
