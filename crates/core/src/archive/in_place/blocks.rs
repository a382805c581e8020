//! BGZF blocks of a file that is read in place: framed, inflated, and held against their checksums.

use std::ops::Range;
use std::sync::Arc;

use readvault_encoders::Inflater;

use crate::source::bgzf::{self, Framing};
use crate::store::{Object, Reading};
use crate::{Error, Result};

/// Longest block: its length has 16 bits.
pub const MAX_BLOCK: u64 = 1 << 16;

/// Content bytes after which a span ends, so that small blocks that inflate to much take no more memory than others.
const MAX_CONTENT: usize = 8 << 20;

/// A file of blocks.
#[derive(Clone)]
pub struct Blocks {
    pub object: Arc<Object>,
    /// Whether an index told where to read.
    pub by_index: bool,
}

/// Blocks that stand one after the other.
#[derive(Default)]
pub struct Span {
    /// Where the first one starts in the file.
    pub offset: u64,
    pub bytes: Vec<u8>,
    pub blocks: Vec<Block>,
    /// Content bytes of all of them.
    pub length: usize,
}

/// A block of a span.
#[derive(Clone, Debug)]
pub struct Block {
    /// Where it stands in the span's bytes.
    place: Range<usize>,
    /// Bytes of its header.
    head: usize,
    /// Where its content starts in the span's.
    pub content: usize,
}

impl Span {
    /// Where its last block ends in the file.
    pub fn end(&self) -> u64 {
        let end = self.blocks.last().map_or(0, |block| block.place.end);
        self.offset + end as u64
    }

    /// Content bytes of its first block.
    pub fn first_length(&self) -> usize {
        let second = self.blocks.get(1);
        second.map_or(self.length, |block| block.content)
    }

    /// Drops the blocks that start at byte `end` of the file or behind it.
    pub fn cut(&mut self, end: u64) {
        let starts_before =
            |block: &Block| self.offset.saturating_add(block.place.start as u64) < end;
        let kept = self.blocks.partition_point(starts_before);
        if let Some(first) = self.blocks.get(kept) {
            self.length = first.content;
            self.blocks.truncate(kept);
        }
    }

    /// Where the block that holds byte `at` of the content starts in the file.
    pub fn block_of(&self, at: usize) -> u64 {
        let before = self.blocks.partition_point(|block| block.content <= at);
        let block = before
            .checked_sub(1)
            .and_then(|number| self.blocks.get(number));
        self.offset + block.map_or(0, |block| block.place.start as u64)
    }

    /// Where the content of the block that starts at byte `offset` of the file starts.
    pub fn content_of(&self, offset: u64) -> Option<usize> {
        let place = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        let found = self
            .blocks
            .binary_search_by_key(&place, |block| block.place.start);
        found.ok().map(|number| self.blocks[number].content)
    }
}

impl Blocks {
    /// The blocks that start between `offset` and `until`, at least one, as far as they end before `until` too and give no more
    /// than a span's content.
    pub fn span(&self, offset: u64, until: u64, reading: Reading) -> Result<Span> {
        let (file, mut until) = (self.object.length(), until);
        loop {
            let length = until.min(file).saturating_sub(offset);
            let mut span = Span {
                offset,
                bytes: vec![0; usize::try_from(length).unwrap_or(usize::MAX)],
                ..Span::default()
            };
            self.read(offset, &mut span.bytes, reading)?;
            self.frame(&mut span)?;
            if !span.blocks.is_empty() {
                return Ok(span);
            }
            if until >= file {
                return Err(Error::Truncated(format!(
                    "{}: ends within the BGZF block at byte {offset}",
                    self.name()
                )));
            }
            until = (offset + MAX_BLOCK).max(until + 1);
        }
    }

    /// Finds the whole blocks in a span's bytes.
    fn frame(&self, span: &mut Span) -> Result<()> {
        let mut at = 0;
        while at < span.bytes.len() && span.length < MAX_CONTENT {
            let (head, length) = match bgzf::frame(&span.bytes[at..]) {
                Framing::Block { head, length, .. } => (head, length),
                Framing::Short => break,
                Framing::Not => {
                    return Err(self.damaged(span.offset + at as u64, "no BGZF block stands there"));
                }
            };
            let Some(block) = span.bytes.get(at..at + length) else {
                break;
            };
            let (_, content) = bgzf::tail(block);
            if content as usize > bgzf::MAX_CONTENT {
                return Err(self.damaged(
                    span.offset + at as u64,
                    "its BGZF block promises more content than one may have",
                ));
            }
            span.blocks.push(Block {
                place: at..at + length,
                head,
                content: span.length,
            });
            span.length += content as usize;
            at += length;
        }
        Ok(())
    }

    /// Appends a span's content.
    pub fn inflate(&self, span: &Span, content: &mut Vec<u8>) -> Result<()> {
        let (mut inflater, mut at) = (Inflater::new(), content.len());
        content.resize(at + span.length, 0);
        for block in &span.blocks {
            let bytes = &span.bytes[block.place.clone()];
            let (crc, length) = bgzf::tail(bytes);
            let into = &mut content[at..at + length as usize];
            at += into.len();
            let deflate = &bytes[block.head..bytes.len() - bgzf::TAIL_LENGTH];
            if !inflater.inflate_exact(deflate, into) || crc32fast::hash(into) != crc {
                let offset = span.offset + block.place.start as u64;
                return Err(self.damaged(
                    offset,
                    "its BGZF block does not inflate to what its checksum and length say",
                ));
            }
        }
        Ok(())
    }

    fn read(&self, offset: u64, buffer: &mut [u8], reading: Reading) -> Result<()> {
        let read = self.object.read_at(offset, buffer, reading);
        read.map_err(|error| error.at(self.name()))
    }

    /// What the file is called in errors.
    pub fn name(&self) -> &str {
        self.object.name()
    }

    /// The file is damaged at a byte.
    pub fn damaged(&self, offset: u64, why: &str) -> Error {
        let or = if self.by_index {
            ": the file is damaged, or its index is another file's"
        } else {
            ""
        };
        Error::Damaged(format!("{}: byte {offset}: {why}{or}", self.name()))
    }
}
