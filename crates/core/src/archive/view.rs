//! Random access to the source's bytes: only the chunks that hold them are decoded, and only the blocks that hold
//! them re-created.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use super::decode::Chunk;
use super::open::Opened;
use super::rebuild::{REACH, join};
use super::share::Group;
use super::workers::lock;
use crate::container::directory::Entry;
use crate::source::recipe::Maker;
use crate::{Error, Result};

/// Decoded chunks that are kept for the next reads: one that is read, one that its last block reaches into, and a
/// second reader's.
const CACHED: usize = 4;

/// Groups whose key chunk's models are kept: what a reader goes through, and a second one's.
const GROUPS: usize = 2;

/// Source bytes that are re-created at least when any are: sequential readers ask for little at a time.
const AHEAD: usize = 256 << 10;

/// An open archive, for random access to the source's bytes. Share it between threads freely.
pub struct Archive {
    opened: Opened,
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The page read last, by its number.
    page: Option<(usize, Arc<Vec<Entry>>)>,
    /// Chunks by page and number in the page, the one used last at the end.
    chunks: Vec<((usize, usize), Arc<Chunk>)>,
    /// What groups' first chunks left, by page and number in the page; the one used last at the end.
    groups: Vec<((usize, usize), Group)>,
    /// Source bytes re-created last, and their offset.
    bytes: (u64, Vec<u8>),
    maker: Maker,
}

impl Archive {
    /// Opens the archive at `path`: reads header, trailer and directory root. `reference`: a FASTA file with the
    /// sequences that the archive leans on, if it does (`REF_CACHE` and `REF_PATH` are searched too).
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read, [`Error::Damaged`], [`Error::Truncated`] or [`Error::Unsupported`]
    /// when it is not a whole archive of a known version.
    pub fn open(path: &Path, reference: Option<&Path>) -> Result<Self> {
        let mut opened = Opened::open_path(path, &AtomicBool::new(false))?;
        opened.give_reference(reference)?;
        let name = opened.source_name();
        Ok(Self {
            opened,
            name,
            state: Mutex::default(),
        })
    }

    /// Length of the source in bytes.
    pub fn source_length(&self) -> u64 {
        self.opened.trailer.source_length
    }

    /// Recorded name of the source, for display and as a default file name (already made safe).
    pub fn source_name(&self) -> &str {
        &self.name
    }

    /// Fills `buffer` from the source's bytes at `offset` (fewer only at the end) and returns how many.
    ///
    /// # Errors
    /// As [`Archive::open`], naming the chunk.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let left = self.source_length().saturating_sub(offset);
        let want = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut state = lock(&self.state);
        let mut done = 0;
        while done < want {
            let at = offset + done as u64;
            let (start, bytes) = &state.bytes;
            let held = at
                .checked_sub(*start)
                .and_then(|skip| bytes.get(usize::try_from(skip).ok()?..));
            match held {
                Some(held) if !held.is_empty() => {
                    let length = held.len().min(want - done);
                    buffer[done..done + length].copy_from_slice(&held[..length]);
                    done += length;
                }
                _ => self.recreate(at, want - done, &mut state)?,
            }
        }
        Ok(done)
    }

    /// Re-creates the source's bytes from `offset` on into the state.
    fn recreate(&self, offset: u64, want: usize, state: &mut State) -> Result<()> {
        let damaged = || {
            Error::Damaged(format!(
                "{}: no chunk holds source byte {offset}",
                self.opened.name
            ))
        };
        let pages = &self.opened.trailer.pages;
        let page = pages
            .partition_point(|page| page.source_offset <= offset)
            .checked_sub(1)
            .ok_or_else(damaged)?;
        let entries = self.entries(page, state)?;
        let at = entries
            .partition_point(|entry| entry.source_offset <= offset)
            .checked_sub(1)
            .ok_or_else(damaged)?;
        let chunk = self.chunk(page, at, state)?;
        let skip = offset - entries[at].source_offset;
        let mut after = Vec::new();
        let (mut have, mut place) = (0, (page, at));
        while have < chunk.spill() && (after.len() as u64) < REACH {
            place = if place.1 + 1 < self.entries(place.0, state)?.len() {
                (place.0, place.1 + 1)
            } else {
                (place.0 + 1, 0)
            };
            if place.0 >= pages.len() {
                break;
            }
            let next = self.chunk(place.0, place.1, state)?;
            have += next.content.len();
            after.push(next);
        }
        let following = join(&after, chunk.spill());
        let part = chunk.source_part(skip, want.max(AHEAD), &following, &mut state.maker);
        let (start, bytes) = part.map_err(|error| error.at(&self.opened.name))?;
        if start > skip || start + bytes.len() as u64 <= skip {
            return Err(damaged());
        }
        state.bytes = (entries[at].source_offset + start, bytes);
        Ok(())
    }

    fn entries(&self, page: usize, state: &mut State) -> Result<Arc<Vec<Entry>>> {
        if let Some((number, entries)) = &state.page
            && *number == page
        {
            return Ok(entries.clone());
        }
        let entries = Arc::new(self.opened.page(&self.opened.trailer.pages[page])?);
        state.page = Some((page, entries.clone()));
        Ok(entries)
    }

    fn chunk(&self, page: usize, at: usize, state: &mut State) -> Result<Arc<Chunk>> {
        if let Some(known) = state
            .chunks
            .iter()
            .position(|(place, _)| *place == (page, at))
        {
            let known = state.chunks.remove(known);
            let chunk = known.1.clone();
            state.chunks.push(known);
            return Ok(chunk);
        }
        let entries = self.entries(page, state)?;
        let start = self.group_start(page, at, state)?;
        let group = match state.groups.iter().position(|(place, _)| *place == start) {
            _ if start == (page, at) => None,
            Some(known) => {
                let known = state.groups.remove(known);
                state.groups.push(known.clone());
                known.1
            }
            None => self.start_group(start, state)?.1,
        };
        let chunk = if start == (page, at) {
            self.start_group(start, state)?.0
        } else {
            let number = self.number(page, at);
            Arc::new(self.opened.chunk(number, &entries[at], &group)?.0)
        };
        if state.chunks.len() == CACHED {
            state.chunks.remove(0);
        }
        state.chunks.push(((page, at), chunk.clone()));
        Ok(chunk)
    }

    /// The number of a chunk in the archive.
    fn number(&self, page: usize, at: usize) -> u64 {
        self.opened.trailer.pages[..page]
            .iter()
            .map(|page| page.chunks)
            .fold(at as u64, u64::saturating_add)
    }

    /// Where the group of a chunk starts.
    fn group_start(&self, page: usize, at: usize, state: &mut State) -> Result<(usize, usize)> {
        let (mut page, mut until) = (page, at + 1);
        loop {
            let entries = self.entries(page, state)?;
            let until_here = until.min(entries.len());
            if let Some(start) = entries[..until_here]
                .iter()
                .rposition(|entry| entry.group.is_some())
            {
                return Ok((page, start));
            }
            if page == 0 {
                return Ok((0, 0));
            }
            (page, until) = (page - 1, usize::MAX);
        }
    }

    /// Decodes the first chunk of a group and keeps what it leaves.
    fn start_group(&self, start: (usize, usize), state: &mut State) -> Result<(Arc<Chunk>, Group)> {
        let entries = self.entries(start.0, state)?;
        let number = self.number(start.0, start.1);
        let (chunk, left) = self.opened.chunk(number, &entries[start.1], &None)?;
        let group = left.map(Arc::new);
        state.groups.retain(|(place, _)| *place != start);
        if state.groups.len() == GROUPS {
            state.groups.remove(0);
        }
        state.groups.push((start, group.clone()));
        Ok((Arc::new(chunk), group))
    }
}
