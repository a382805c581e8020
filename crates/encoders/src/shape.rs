//! What the DEFLATE bytes themselves tell about the encoder, without compressing anything.
//!
//! zlib ends a DEFLATE block when its buffer of symbols is full: after 16,383 symbols at
//! memLevel 8, 32,767 at memLevel 9, never earlier before the end of the content. So counting
//! the symbols of the first block rules out most encoders. What cannot be counted rules out
//! none.

use crate::deflate::bits::BitReader;
use crate::deflate::stream::{Block, Kind, read_block};
use crate::encoder::Family;

/// Symbols in a full block of zlib at memLevel 8.
const FULL_BLOCK_8: usize = 16_383;
/// Symbols in a full block of zlib at memLevel 9.
const FULL_BLOCK_9: usize = 32_767;
/// The first block of a DEFLATE stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing could be learnt.
    Unknown,
    /// The stream starts with a stored block.
    Stored,
    /// Literals and matches in the first block, and whether it is the only one.
    Coded { symbols: usize, last: bool },
}

impl Shape {
    /// Reads the first block of `deflate`, whose content has `length` bytes.
    pub(crate) fn of(deflate: &[u8], length: usize) -> Shape {
        match read_block(&mut BitReader::new(deflate), length) {
            None => Shape::Unknown,
            Some(Block {
                kind: Kind::Stored(_),
                ..
            }) => Shape::Stored,
            Some(block) => Shape::Coded {
                symbols: block.tokens.len(),
                last: block.last,
            },
        }
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
}
