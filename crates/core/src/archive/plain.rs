//! The plain view: the source's content in stored BGZF blocks, whose places follow from the content's alone, so that
//! nothing is deflated and any byte is found by arithmetic.

use super::view::Archive;
use super::workers::lock;
use crate::source::blocks::{CONTENT, END_OF_FILE, STORED_EXTRA, put_stored};
use crate::{Error, Result};

/// Bytes of a full block.
const BLOCK: u64 = (CONTENT + STORED_EXTRA) as u64;

/// The block that holds a place of the content: its offset, and the place in its own content.
pub fn block_of(place: u64) -> (u64, u64) {
    let content = CONTENT as u64;
    ((place / content).saturating_mul(BLOCK), place % content)
}

/// Blocks made last.
#[derive(Default)]
pub struct State {
    /// Number of the first.
    first: u64,
    bytes: Vec<u8>,
    ahead: super::view::Ahead,
}

impl Archive {
    /// Length of the plain view in bytes.
    pub fn plain_length(&self) -> u64 {
        let length = self.content_length();
        let blocks = length.div_ceil(CONTENT as u64);
        length
            .saturating_add(blocks.saturating_mul(STORED_EXTRA as u64))
            .saturating_add(END_OF_FILE.len() as u64)
    }

    /// Bytes of the source's content.
    pub(super) fn content_length(&self) -> u64 {
        self.chunks.content_length()
    }

    /// Fills `buffer` from the plain view's bytes at `offset` (fewer only at the end) and returns how many.
    ///
    /// # Errors
    /// As [`Archive::read_at`].
    pub fn read_plain_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let length = self.plain_length();
        let left = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = buffer.len().min(left);
        let end_at = length - END_OF_FILE.len() as u64;
        let mut state = lock(&self.plain);
        let mut done = 0;
        while done < want {
            let at = offset + done as u64;
            let held = if at >= end_at {
                &END_OF_FILE[(at - end_at) as usize..]
            } else {
                let start = state.first * BLOCK;
                let held = at
                    .checked_sub(start)
                    .and_then(|skip| state.bytes.get(skip as usize..));
                match held {
                    Some(held) if !held.is_empty() => held,
                    _ => {
                        self.make_blocks(at / BLOCK, want - done, &mut state)?;
                        continue;
                    }
                }
            };
            let length = held.len().min(want - done);
            buffer[done..done + length].copy_from_slice(&held[..length]);
            done += length;
        }
        Ok(done)
    }

    /// Makes blocks from number `first` on into the state.
    fn make_blocks(&self, first: u64, want: usize, state: &mut State) -> Result<()> {
        let content = CONTENT as u64;
        let goes_on = state.ahead.goes_on(first * content);
        let ahead = state.ahead.next(first * content, want);
        let blocks = (ahead as u64).div_ceil(BLOCK).max(1);
        let start = first * content;
        let end = (start + blocks * content).min(self.content_length());
        let bytes = self.content_at(start, end, goes_on)?;
        state.ahead.read_to(end);
        state.bytes.clear();
        for block in bytes.chunks(CONTENT) {
            put_stored(&mut state.bytes, block);
        }
        state.first = first;
        Ok(())
    }

    /// The content from `start` to `end`, for a reader that goes on where it stopped or does not.
    fn content_at(&self, start: u64, end: u64, goes_on: bool) -> Result<Vec<u8>> {
        let chunks = &self.chunks;
        let name = &chunks.opened.name;
        let damaged = |at: u64| Error::Damaged(format!("{name}: no chunk holds content byte {at}"));
        let mut out = Vec::with_capacity((end - start) as usize);
        let mut number = chunks
            .last_before(
                &start,
                |page| page.content_offset,
                |entry| entry.content_offset,
            )?
            .ok_or_else(|| damaged(start))?;
        self.decode_ahead(number, goes_on);
        while start + (out.len() as u64) < end {
            let at = start + out.len() as u64;
            if number >= chunks.count() {
                return Err(damaged(at));
            }
            let offset = chunks.entry(number)?.content_offset;
            let chunk = chunks.chunk(number)?;
            let skip = at.checked_sub(offset).ok_or_else(|| damaged(at))?;
            let rest = chunk.content.get(skip as usize..).unwrap_or_default();
            let length = rest.len().min((end - at) as usize);
            out.extend_from_slice(&rest[..length]);
            number += 1;
        }
        Ok(out)
    }
}
