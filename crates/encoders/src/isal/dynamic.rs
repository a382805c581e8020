//! Levels 1 and 2, second pass: the block with codes made for its tokens, with DEFLATE's fixed
//! codes or stored, whichever ISA-L takes for the smallest.

use super::Generation;
use super::bits::Bits;
use super::huffman;
use super::stored;
use super::tokens::{self, Token, Tokens};
use crate::deflate::codes::{Codes, END};

/// Longest code of DEFLATE.
const MAX_CODE: usize = 15;

/// Code lengths of DEFLATE's fixed codes.
fn fixed_lengths() -> ([u8; 288], [u8; 30]) {
    let literals = std::array::from_fn(|symbol| match symbol {
        0..=143 => 8,
        144..=255 => 9,
        256..=279 => 7,
        _ => 8,
    });
    (literals, [5; 30])
}

/// Writes `content` from `start` as the last block; nothing when there is no room.
pub(super) fn write<const SLOTS: usize>(
    generation: Generation,
    content: &[u8],
    start: usize,
    bits: &mut Bits<'_>,
) -> Option<()> {
    let mut tokens = tokens::find::<SLOTS>(generation, content, start);
    tokens.literals[END] += 1;
    let rest = content.get(start..).unwrap_or_default();
    let literals = huffman::code_lengths(&tokens.literals, MAX_CODE);
    let distances = huffman::code_lengths(&tokens.distances, MAX_CODE);
    let (fixed_literals, fixed_distances) = fixed_lengths();
    let fixed = 3 + body_length(&tokens, &fixed_literals, &fixed_distances);
    let mut made = body_length(&tokens, &literals, &distances);
    if fixed > made {
        made += header_length(&literals, &distances, bits);
    }
    // Bits of the byte the block starts in count against it only in some of these comparisons.
    let mut room = stored::length(rest.len()) as u64;
    if generation != Generation::Early {
        room += u64::from((bits.pending() + 2) / 8);
    }
    if fixed.min(made) / 8 >= room {
        return write_stored(rest, bits);
    }
    if fixed <= made {
        bits.put(0b011, 3);
        encode(
            &tokens,
            &Codes::new(&fixed_literals, &fixed_distances),
            bits,
        )
    } else {
        huffman::write_header(&literals, &distances, bits);
        encode(&tokens, &Codes::new(&literals, &distances), bits)
    }
}

/// Bits of the tokens and the end with codes of these lengths.
fn body_length(tokens: &Tokens, literals: &[u8], distances: &[u8]) -> u64 {
    let literal_extra = |symbol: usize| match symbol {
        265..=284 => (symbol as u64 - 261) / 4,
        _ => 0,
    };
    let distance_extra = |symbol: usize| (symbol as u64 / 2).saturating_sub(1);
    let literals = tokens.literals.iter().zip(literals).enumerate();
    let distances = tokens.distances.iter().zip(distances).enumerate();
    literals
        .map(|(symbol, (&count, &length))| {
            u64::from(count) * (u64::from(length) + literal_extra(symbol))
        })
        .chain(distances.map(|(symbol, (&count, &length))| {
            u64::from(count) * (u64::from(length) + distance_extra(symbol))
        }))
        .sum()
}

/// Bits of a header, and of the unfinished byte before it.
fn header_length(literals: &[u8], distances: &[u8], bits: &Bits<'_>) -> u64 {
    /// The longest header, in bytes, and a store beyond it.
    const ROOM: usize = 328 + super::bits::SLOP;
    let mut scratch = [0; ROOM];
    let mut trial = Bits::new(&mut scratch, ROOM);
    trial.put(0, bits.pending());
    huffman::write_header(literals, distances, &mut trial);
    trial.position()
}

/// Writes the tokens and the end, unless the end would not have room.
fn encode(tokens: &Tokens, codes: &Codes, bits: &mut Bits<'_>) -> Option<()> {
    for token in &tokens.list {
        let (code, length) = match *token {
            Token::Literal(byte) => codes.literal(byte),
            Token::Pair { length, distance } => codes.pair(usize::from(length), distance),
        };
        bits.put(code, length);
    }
    if bits.is_full() {
        return None;
    }
    let (code, length) = codes.end();
    bits.put(code, length);
    Some(())
}

/// Writes a last stored block after what is written already.
fn write_stored(rest: &[u8], bits: &mut Bits<'_>) -> Option<()> {
    // More than a block holds only occurs with nothing before it: then all is stored anyway.
    if rest.len() > stored::MAX_BLOCK || (bits.pending() > 0 && bits.is_full()) {
        return None;
    }
    bits.put(1, 3);
    bits.put_bytes(&stored::lengths(rest));
    bits.put_bytes(rest);
    Some(())
}
