//! The layout of a chunk's BGZF blocks: lengths, headers and recipes, as streams.
//!
//! Content lengths follow from the cut rule, so only exceptions are stored; sizes of the blocks in the source are
//! stored, because a byte offset of the source must be found without re-deflating.

use readvault_encoders::Encoder;

use super::bgzf;
use super::key;
use super::recipe::{self, Recipe};
use super::streams::{Decoded, Stream};
use crate::codec::Hint;
use crate::{Error, Result};

/// One BGZF block of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Content bytes.
    pub length: usize,
    /// Bytes in the source.
    pub size: usize,
    /// Header with its size bytes zeroed; none for the usual one.
    pub head: Option<Vec<u8>>,
    /// How its DEFLATE bytes are made.
    pub recipe: Recipe,
}

/// How a writer cuts content into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Most content bytes of a block.
    pub limit: u32,
    /// Whether a block ends early at a border when the next item does not fit.
    pub at_borders: bool,
}

/// Content limit of htslib's blocks (`BGZF_BLOCK_SIZE`).
const HTSLIB_LIMIT: u32 = 0xff00;

impl Cut {
    /// The length that the rule gives a block that starts at `start`, where `borders` are the ends of the chunk's
    /// items, in order, the last being the end of its content.
    fn length(self, start: usize, borders: &[usize]) -> usize {
        let limit = self.limit as usize;
        let full = start.saturating_add(limit);
        if !self.at_borders {
            return limit;
        }
        let after = borders.partition_point(|&border| border <= full);
        match after.checked_sub(1).map(|last| borders[last]) {
            Some(border) if border > start => border - start,
            _ => limit,
        }
    }
}

/// The rule that gives most of the blocks their lengths; `first` is where the first block starts.
pub fn find_cut(blocks: &[Block], first: usize, borders: &[usize]) -> Cut {
    let longest = blocks.iter().map(|block| block.length).max().unwrap_or(0) as u32;
    let rules = [
        Cut {
            limit: HTSLIB_LIMIT,
            at_borders: true,
        },
        Cut {
            limit: longest,
            at_borders: false,
        },
        Cut {
            limit: longest,
            at_borders: true,
        },
    ];
    let exceptions = |rule: &Cut| {
        let mut start = first;
        blocks
            .iter()
            .filter(|block| {
                let expected = rule.length(start, borders);
                start += block.length;
                expected != block.length
            })
            .count()
    };
    rules.into_iter().min_by_key(exceptions).unwrap_or(rules[0])
}

/// The blocks as streams.
pub fn encode(blocks: &[Block], cut: Cut, first: usize, borders: &[usize]) -> Vec<Stream> {
    let (mut sizes, mut lengths, mut start) = (Vec::new(), Vec::new(), first);
    let mut corrections = Vec::new();
    for block in blocks {
        sizes.extend_from_slice(&(block.size as i32).to_le_bytes());
        let exception = block.length as i32 - cut.length(start, borders) as i32;
        lengths.extend_from_slice(&exception.to_le_bytes());
        start += block.length;
        if let Recipe::Corrections(bytes) = &block.recipe {
            corrections.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            corrections.extend_from_slice(bytes);
        }
    }
    let mut streams = Vec::new();
    let mut add = |key, hint, data: Vec<u8>| {
        if !data.is_empty() {
            streams.push(Stream { key, hint, data });
        }
    };
    add(key::BLOCK_SIZES, Hint::Integers, sizes);
    if lengths.iter().any(|&byte| byte != 0) {
        add(key::BLOCK_LENGTHS, Hint::Integers, lengths);
    }
    add(
        key::BLOCK_ENCODERS,
        Hint::Symbols,
        blocks.iter().map(|block| block.recipe.number()).collect(),
    );
    add(key::BLOCK_HEADS, Hint::Bytes, encode_heads(blocks));
    // Corrections are entropy-coded already.
    add(key::CORRECTIONS, Hint::Incompressible, corrections);
    streams
}

/// Nothing if all headers are the usual one; else a table of headers (length, bytes; length 0 ends it) and, for each
/// block, the number of its header in the table, 0 being the usual one.
fn encode_heads(blocks: &[Block]) -> Vec<u8> {
    let mut table: Vec<&[u8]> = Vec::new();
    let mut numbers = Vec::new();
    for block in blocks {
        let number = match &block.head {
            None => 0,
            Some(head) => match table.iter().position(|known| known == head) {
                Some(known) => known + 1,
                None => {
                    table.push(head);
                    table.len()
                }
            },
        };
        numbers.extend_from_slice(&(number as u16).to_le_bytes());
    }
    if table.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    for head in table {
        out.extend_from_slice(&(head.len() as u16).to_le_bytes());
        out.extend_from_slice(head);
    }
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&numbers);
    out
}

fn damaged(text: &str) -> Error {
    Error::Damaged(format!("chunk layout: {text}"))
}

/// Reads the sizes in the source of a chunk's `count` blocks.
pub fn decode_sizes(streams: &mut Decoded<'_>, count: usize) -> Result<Vec<usize>> {
    let sizes = numbers(streams.take(key::BLOCK_SIZES)?, count)?;
    let in_range = |size: i32| {
        usize::try_from(size)
            .ok()
            .filter(|&size| size <= bgzf::MAX_CONTENT)
    };
    sizes
        .into_iter()
        .map(|size| in_range(size).ok_or_else(|| damaged("a block's size is out of range")))
        .collect()
}

fn numbers(data: Vec<u8>, count: usize) -> Result<Vec<i32>> {
    let (numbers, rest) = data.as_chunks::<4>();
    if numbers.len() != count || !rest.is_empty() {
        return Err(damaged("does not list as many blocks as the chunk has"));
    }
    Ok(numbers
        .iter()
        .map(|number| i32::from_le_bytes(*number))
        .collect())
}

/// Reads the content lengths of a chunk's `count` blocks, of which the first starts at `first`; `borders` are the ends of its
/// items, which no cut rule needs that is not `at_borders`.
pub fn decode_lengths(
    streams: &mut Decoded<'_>,
    count: usize,
    cut: Cut,
    first: usize,
    borders: &[usize],
) -> Result<Vec<usize>> {
    let exceptions = streams.take(key::BLOCK_LENGTHS)?;
    let exceptions = if exceptions.is_empty() {
        vec![0; count]
    } else {
        numbers(exceptions, count)?
    };
    let mut start = first;
    let length = |exception: i32| {
        let expected = i32::try_from(cut.length(start, borders))
            .map_err(|_| damaged("a block is too long"))?;
        let length = usize::try_from(expected.wrapping_add(exception))
            .ok()
            .filter(|&length| length <= bgzf::MAX_CONTENT)
            .ok_or_else(|| damaged("a block's content is too long"))?;
        start += length;
        Ok(length)
    };
    exceptions.into_iter().map(length).collect()
}

/// Reads a chunk's blocks back; `sizes` as [`decode_sizes`] gave them, `borders` the ends of its items.
pub fn decode(
    streams: &mut Decoded<'_>,
    sizes: &[usize],
    cut: Cut,
    first: usize,
    borders: &[usize],
) -> Result<Vec<Block>> {
    let lengths = decode_lengths(streams, sizes.len(), cut, first, borders)?;
    let encoders = streams.take(key::BLOCK_ENCODERS)?;
    let mut heads = Heads::read(&streams.take(key::BLOCK_HEADS)?, sizes.len())?;
    let corrections = streams.take(key::CORRECTIONS)?;
    let mut corrections = &corrections[..];
    if encoders.len() != sizes.len() {
        return Err(damaged(
            "does not name as many encoders as the chunk has blocks",
        ));
    }
    let mut blocks = Vec::with_capacity(sizes.len());
    for (index, (&size, number)) in sizes.iter().zip(encoders).enumerate() {
        let length = lengths[index];
        let recipe = match number {
            recipe::CORRECTIONS => Recipe::Corrections(take_corrections(&mut corrections)?.to_vec()),
            recipe::KEPT => return Err(damaged("a re-created chunk has a kept block")),
            _ => Recipe::Encoder(Encoder::from_number(number).ok_or_else(|| {
                Error::Unsupported(format!(
                    "DEFLATE encoder number {number} is not known to this readvault: the content can be read, \
                     the source's own bytes only by a newer one"
                ))
            })?),
        };
        let head = heads.take(index, size)?;
        blocks.push(Block {
            length,
            size,
            head,
            recipe,
        });
    }
    Ok(blocks)
}

fn take_corrections<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let taken = rest
        .split_first_chunk::<4>()
        .and_then(|(length, after)| after.split_at_checked(u32::from_le_bytes(*length) as usize));
    let (corrections, after) = taken.ok_or_else(|| damaged("corrections run out"))?;
    *rest = after;
    Ok(corrections)
}

/// Headers that are not the usual one.
#[derive(Default)]
struct Heads {
    table: Vec<Vec<u8>>,
    numbers: Vec<u16>,
}

impl Heads {
    fn read(data: &[u8], count: usize) -> Result<Self> {
        let mut heads = Self::default();
        if data.is_empty() {
            return Ok(heads);
        }
        let mut rest = data;
        loop {
            let Some((length, after)) = rest.split_first_chunk::<2>() else {
                return Err(damaged("headers run out"));
            };
            rest = after;
            let length = usize::from(u16::from_le_bytes(*length));
            if length == 0 {
                break;
            }
            let (head, after) = rest
                .split_at_checked(length)
                .ok_or_else(|| damaged("headers run out"))?;
            heads.table.push(head.to_vec());
            rest = after;
        }
        let (numbers, left) = rest.as_chunks::<2>();
        heads.numbers = numbers
            .iter()
            .map(|number| u16::from_le_bytes(*number))
            .collect();
        let known = |&number: &u16| usize::from(number) <= heads.table.len();
        if heads.numbers.len() != count || !left.is_empty() || !heads.numbers.iter().all(known) {
            return Err(damaged("headers do not fit the blocks"));
        }
        Ok(heads)
    }

    /// The header of a block of `size` bytes; none for the usual one.
    fn take(&mut self, index: usize, size: usize) -> Result<Option<Vec<u8>>> {
        let number = self.numbers.get(index).copied().map_or(0, usize::from);
        let head = number.checked_sub(1).and_then(|at| self.table.get(at));
        if head.is_some_and(|head| head.len() > size) {
            return Err(damaged("a header is longer than its block"));
        }
        Ok(head.cloned())
    }
}
