//! Virtual offsets of places in the content: the offset of the block that holds a place, in the 48 high bits, and the
//! offset in that block's content.
//!
//! In the plain view they follow from arithmetic. In the exact view the directory tells where a chunk's first block starts;
//! where a place lies inside a chunk's blocks, the lengths of these are decoded, and nothing else if that can be.

use std::sync::Arc;

use crate::archive::chunks::Chunks;
use crate::archive::decode::Chunk;
use crate::archive::plain;
use crate::source::bgzf::{self, Framing};
use crate::{Error, Result};

/// Largest offset of a block that a virtual offset has room for.
const MOST: u64 = (1 << 48) - 1;

fn offset(block: u64, within: u64) -> Result<u64> {
    if block > MOST || within > u64::from(u16::MAX) {
        return Err(Error::Invalid(
            "its source is longer than an index can tell".into(),
        ));
    }
    Ok(block << 16 | within)
}

/// The virtual offset of a place in the plain view.
pub fn plain(place: u64) -> Result<u64> {
    let (block, within) = plain::block_of(place);
    offset(block, within)
}

/// Virtual offsets in the exact view, of places that are asked for from front to back.
pub struct Exact {
    chunks: Arc<Chunks>,
    /// The last chunk with blocks that starts at or before the place asked for last.
    number: u64,
    /// Its blocks, if they were needed.
    blocks: Option<Vec<Block>>,
    /// The first chunk that was not looked at yet.
    next: u64,
}

/// A block: where it starts in the content and in the source, and its content's length.
struct Block {
    place: u64,
    source: u64,
    length: u64,
    /// Bytes in the source.
    size: u64,
}

impl Exact {
    pub fn new(chunks: &Arc<Chunks>) -> Self {
        Self {
            chunks: chunks.clone(),
            number: 0,
            blocks: None,
            next: 1,
        }
    }

    /// Where the blocks of a chunk start: in the content and in the source. None if it has no blocks.
    fn start(&self, number: u64) -> Result<Option<(u64, u64)>> {
        let entry = self.chunks.entry(number)?;
        let end = match number + 1 < self.chunks.count() {
            true => self.chunks.entry(number + 1)?.source_offset,
            false => self.chunks.opened.trailer.source_length,
        };
        let place = entry.content_offset.checked_add_signed(entry.first_block);
        let place = place.ok_or_else(|| self.damaged(entry.content_offset))?;
        Ok((end > entry.source_offset).then_some((place, entry.source_offset)))
    }

    /// The virtual offset of a place: of the byte there, or of the end of the last block with content.
    pub fn of(&mut self, place: u64) -> Result<u64> {
        while self.next < self.chunks.count() {
            match self.start(self.next)? {
                Some((start, _)) if start > place => break,
                Some(_) => (self.number, self.blocks) = (self.next, None),
                // Chunks without blocks lie within the blocks of those before them.
                None => {}
            }
            self.next += 1;
        }
        let (start, source) = self
            .start(self.number)?
            .filter(|&(start, _)| start <= place)
            .ok_or_else(|| self.damaged(place))?;
        let is_end = place == self.chunks.content_length();
        if start == place && !is_end {
            return offset(source, 0);
        }
        if self.blocks.is_none() {
            self.blocks = Some(self.read_blocks(start, source)?);
        }
        let blocks = self.blocks.as_deref().unwrap_or_default();
        let after = blocks.partition_point(|block| block.place + block.length <= place);
        if let Some(block) = blocks.get(after).filter(|block| block.place <= place) {
            return offset(block.source, place - block.place);
        }
        let last = blocks[..after].iter().rev().find(|block| block.length > 0);
        match last {
            Some(last) if last.place + last.length == place => offset(last.source + last.size, 0),
            _ if start == place => offset(source, 0),
            _ => Err(self.damaged(place)),
        }
    }

    /// The blocks of the chunk at hand.
    fn read_blocks(&self, start: u64, source: u64) -> Result<Vec<Block>> {
        let lengths = match self.chunks.block_lengths(self.number)? {
            Some(lengths) => lengths,
            None => lengths_of(&*self.chunks.chunk(self.number)?),
        };
        let (mut place, mut source) = (start, source);
        let block = |(length, size)| {
            let block = Block {
                place,
                source,
                length: length as u64,
                size: size as u64,
            };
            place += block.length;
            source += block.size;
            block
        };
        Ok(lengths.into_iter().map(block).collect())
    }

    fn damaged(&self, place: u64) -> Error {
        Error::Damaged(format!(
            "{}: no block holds content byte {place}",
            self.chunks.opened.name
        ))
    }
}

/// Content length and size in the source of each of a chunk's blocks.
fn lengths_of(chunk: &Chunk) -> Vec<(usize, usize)> {
    if chunk.head.kind.recreates() {
        let blocks = chunk.blocks.iter();
        return blocks.map(|block| (block.length, block.size)).collect();
    }
    let (mut lengths, mut rest) = (Vec::new(), &chunk.kept[..]);
    while let Framing::Block { length, .. } = bgzf::frame(rest)
        && let Some((block, after)) = rest.split_at_checked(length)
    {
        lengths.push((bgzf::tail(block).1 as usize, length));
        rest = after;
    }
    lengths
}
