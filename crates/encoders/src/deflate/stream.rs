//! Blocks and tokens of a DEFLATE stream, read and written.

use super::bits::{BitReader, BitWriter};
use super::code::Code;
use super::header::Header;

/// The symbol that ends a block.
pub(crate) const END: u16 = 256;
/// Longest match.
pub(crate) const MAX_MATCH: u16 = 258;

/// One step through the content: a literal, or a copy from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Content bytes that it stands for: 1 for a literal, 3 to 258 for a match.
    pub length: u16,
    /// How far back a match copies from, 1 to 32,768; 0 for a literal.
    pub distance: u16,
}

impl Token {
    pub(crate) const LITERAL: Token = Token {
        length: 1,
        distance: 0,
    };
}

/// How a block is coded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The next bytes of the content as they are.
    Stored(u16),
    /// The fixed codes of the RFC.
    Fixed,
    /// Codes given by a header.
    Dynamic(Header),
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub kind: Kind,
    pub last: bool,
    /// Empty for a stored block.
    pub tokens: Vec<Token>,
}

impl Block {
    /// Content bytes of the block.
    pub(crate) fn length(&self) -> usize {
        match self.kind {
            Kind::Stored(length) => usize::from(length),
            _ => self.tokens.iter().map(|t| usize::from(t.length)).sum(),
        }
    }
}

/// All blocks of a stream that takes the whole of `deflate` and gives `content_length` bytes.
/// `None` for one that is damaged, or that writes what no encoder writes.
pub(crate) fn read_stream(deflate: &[u8], content_length: usize) -> Option<Vec<Block>> {
    let mut bits = BitReader::new(deflate);
    let mut blocks = Vec::new();
    let mut room = content_length;
    loop {
        let block = read_block(&mut bits, room)?;
        room = room.checked_sub(block.length())?;
        let last = block.last;
        blocks.push(block);
        if last {
            bits.align()?;
            return (room == 0 && bits.is_at_end()).then_some(blocks);
        }
    }
}

/// The next block, which may have at most `room` content bytes.
pub(crate) fn read_block(bits: &mut BitReader<'_>, room: usize) -> Option<Block> {
    let last = bits.take(1)? == 1;
    let (kind, literals, distances) = match bits.take(2)? {
        0 => {
            bits.align()?;
            let length = bits.take(16)? as u16;
            if bits.take(16)? as u16 != !length {
                return None;
            }
            bits.skip_bytes(usize::from(length))?;
            return Some(Block {
                kind: Kind::Stored(length),
                last,
                tokens: Vec::new(),
            });
        }
        1 => {
            let (literals, distances) = fixed_codes()?;
            (Kind::Fixed, literals, distances)
        }
        2 => {
            let header = Header::read(bits)?;
            let literals = Code::new(&header.literals)?;
            let distances = Code::new(&header.distances)?;
            (Kind::Dynamic(header), literals, distances)
        }
        _ => return None,
    };
    let mut tokens = Vec::new();
    let mut room = room;
    loop {
        let token = match literals.read(bits)? {
            0..=255 => Token::LITERAL,
            END => break,
            symbol => {
                let (least, extra) = length_base(symbol)?;
                let length = least + bits.take(extra)? as u16;
                if length > MAX_MATCH || (length == MAX_MATCH && symbol != 285) {
                    return None;
                }
                let (least, extra) = distance_base(distances.read(bits)?)?;
                let distance = u32::from(least) + bits.take(extra)?;
                Token {
                    length,
                    distance: u16::try_from(distance).ok()?,
                }
            }
        };
        room = room.checked_sub(usize::from(token.length))?;
        tokens.push(token);
    }
    Some(Block { kind, last, tokens })
}

/// Writes a block whose content is at the start of `content`.
pub(crate) fn write_block(bits: &mut BitWriter, block: &Block, content: &[u8]) -> Option<()> {
    bits.put(u32::from(block.last), 1)?;
    let (literals, distances) = match &block.kind {
        Kind::Stored(length) => {
            bits.put(0, 2)?;
            bits.align()?;
            bits.put(u32::from(*length), 16)?;
            bits.put(u32::from(!*length), 16)?;
            return bits.put_bytes(content.get(..usize::from(*length))?);
        }
        Kind::Fixed => {
            bits.put(1, 2)?;
            fixed_codes()?
        }
        Kind::Dynamic(header) => {
            bits.put(2, 2)?;
            header.write(bits)?;
            (Code::new(&header.literals)?, Code::new(&header.distances)?)
        }
    };
    let mut rest = content;
    for token in &block.tokens {
        if token.distance == 0 {
            literals.write(u16::from(*rest.first()?), bits)?;
        } else {
            let symbol = length_symbol(token.length)?;
            let (least, extra) = length_base(symbol)?;
            literals.write(symbol, bits)?;
            bits.put(u32::from(token.length.checked_sub(least)?), extra)?;
            let symbol = distance_symbol(token.distance)?;
            let (least, extra) = distance_base(symbol)?;
            distances.write(symbol, bits)?;
            bits.put(u32::from(token.distance.checked_sub(least)?), extra)?;
        }
        rest = rest.get(usize::from(token.length)..)?;
    }
    literals.write(END, bits)
}

/// The two fixed codes.
pub(crate) fn fixed_codes() -> Option<(Code, Code)> {
    let mut lengths = [8u8; 288];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    Some((Code::new(&lengths)?, Code::new(&[5; 32])?))
}

/// Shortest match of a length symbol, and its extra bits.
pub(crate) fn length_base(symbol: u16) -> Option<(u16, u32)> {
    match symbol {
        257..=264 => Some((symbol - 254, 0)),
        265..=284 => {
            let extra = u32::from(symbol - 261) / 4;
            Some(((((symbol - 261) % 4 + 4) << extra) + 3, extra))
        }
        285 => Some((MAX_MATCH, 0)),
        _ => None,
    }
}

/// The length symbol of a match.
pub(crate) fn length_symbol(length: u16) -> Option<u16> {
    match length {
        3..=10 => Some(length + 254),
        MAX_MATCH => Some(285),
        11..MAX_MATCH => {
            let above = length - 3;
            let extra = above.ilog2() as u16 - 2;
            Some(261 + 4 * extra + (above >> extra) - 4)
        }
        _ => None,
    }
}

/// Shortest distance of a distance symbol, and its extra bits.
pub(crate) fn distance_base(symbol: u16) -> Option<(u16, u32)> {
    match symbol {
        0..=3 => Some((symbol + 1, 0)),
        4..=29 => {
            let extra = u32::from(symbol) / 2 - 1;
            Some((((symbol % 2 + 2) << extra) + 1, extra))
        }
        _ => None,
    }
}

/// The distance symbol of a match.
pub(crate) fn distance_symbol(distance: u16) -> Option<u16> {
    match distance {
        1..=4 => Some(distance - 1),
        5..=32_768 => {
            let above = distance - 1;
            let extra = above.ilog2() as u16 - 1;
            Some(2 * extra + (above >> extra))
        }
        _ => None,
    }
}
