//! The header of a dynamic block: the lengths of its two codes, and how they are written.

use super::bits::{BitReader, BitWriter};
use super::code::Code;

/// Order in which the lengths of the code-length code stand (RFC 1951, 3.2.7).
pub(crate) const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
/// Fewest literal and length codes, and fewest distance codes.
pub(crate) const LEAST: (usize, usize) = (257, 1);
/// Most lengths that a header can give: 286 and 30 codes, and four that are never used.
pub(crate) const MOST: usize = 288 + 32;

/// One step of the list of lengths: a symbol of the code-length code, and how many lengths it
/// stands for (1 for symbols 0 to 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub symbol: u8,
    pub count: u8,
}

impl Item {
    /// Extra bits of a symbol and the count that they start from.
    pub(crate) fn extra(symbol: u8) -> (u32, u32) {
        match symbol {
            16 => (2, 3),
            17 => (3, 3),
            18 => (7, 11),
            _ => (0, 1),
        }
    }
}

/// The header of a dynamic block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Lengths of the literal and length code, 257 to 288 of them.
    pub literals: Vec<u8>,
    /// Lengths of the distance code, 1 to 32 of them.
    pub distances: Vec<u8>,
    /// Lengths of the code-length code, by symbol.
    pub precode: [u8; 19],
    /// How many of them are written, 4 to 19, in `ORDER`.
    pub listed: usize,
    /// How the two lists of lengths are written.
    pub items: Vec<Item>,
}

impl Header {
    /// Reads a header.
    pub(crate) fn read(bits: &mut BitReader<'_>) -> Option<Header> {
        let literal_count = LEAST.0 + bits.take(5)? as usize;
        let distance_count = LEAST.1 + bits.take(5)? as usize;
        let listed = 4 + bits.take(4)? as usize;
        let mut precode = [0u8; 19];
        for &symbol in ORDER.get(..listed)? {
            precode[symbol] = bits.take(3)? as u8;
        }
        let code = Code::new(&precode)?;
        let total = literal_count + distance_count;
        let mut lengths: Vec<u8> = Vec::with_capacity(total);
        let mut items = Vec::with_capacity(total);
        while lengths.len() < total {
            let symbol = code.read(bits)? as u8;
            let (extra, least) = Item::extra(symbol);
            let count = least + bits.take(extra)?;
            let length = match symbol {
                0..=15 => symbol,
                16 => *lengths.last()?,
                _ => 0,
            };
            lengths.extend(std::iter::repeat_n(length, count as usize));
            items.push(Item {
                symbol,
                count: count as u8,
            });
        }
        if lengths.len() > total {
            return None;
        }
        let distances = lengths.split_off(literal_count);
        Some(Header {
            literals: lengths,
            distances,
            precode,
            listed,
            items,
        })
    }

    /// Writes the header.
    pub(crate) fn write(&self, bits: &mut BitWriter) -> Option<()> {
        let code = Code::new(&self.precode)?;
        bits.put(self.literals.len().checked_sub(LEAST.0)? as u32, 5)?;
        bits.put(self.distances.len().checked_sub(LEAST.1)? as u32, 5)?;
        bits.put(self.listed.checked_sub(4)? as u32, 4)?;
        for &symbol in ORDER.get(..self.listed)? {
            bits.put(u32::from(self.precode[symbol]), 3)?;
        }
        for item in &self.items {
            let (extra, least) = Item::extra(item.symbol);
            code.write(u16::from(item.symbol), bits)?;
            bits.put(u32::from(item.count).checked_sub(least)?, extra)?;
        }
        Some(())
    }
}
