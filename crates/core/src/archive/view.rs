//! Random access to the source's bytes: only the chunks that hold them are decoded, and only the blocks that hold
//! them re-created.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::chunks::Chunks;
use super::heading::Heading;
use super::open::Opened;
use super::plain;
use super::rebuild::{REACH, join};
use super::workers::lock;
use crate::source::recipe::Maker;
use crate::store::{Location, Object};
use crate::{Error, Result};

/// Bytes made at least when any are. Twice as many each time for a reader that goes on where it stopped, up to the most.
const AHEAD: std::ops::RangeInclusive<usize> = 64 << 10..=2 << 20;

/// An open archive, for random access to the source's bytes. Share it between threads freely.
pub struct Archive {
    pub(super) chunks: Arc<Chunks>,
    name: String,
    pub(super) heading: Mutex<Option<Arc<Heading>>>,
    exact: Mutex<State>,
    pub(super) plain: Mutex<plain::State>,
    threads: usize,
    decoding: Mutex<Decoding>,
}

#[derive(Default)]
struct State {
    /// Source bytes re-created last, and their offset.
    bytes: (u64, Vec<u8>),
    maker: Maker,
    ahead: Ahead,
}

/// Most chunks that are decoded ahead of a reader: fewer than are kept.
const MOST_AHEAD: usize = 2;

/// How far chunks are decoded ahead.
#[derive(Default)]
struct Decoding {
    /// Number of the first chunk that is not being decoded.
    next: u64,
    /// How many after the one at hand.
    size: usize,
    /// The same of chunks that are fetched from a store.
    fetched: usize,
}

/// Most chunks that are fetched ahead of a reader from a store: some 4 MB.
const MOST_FETCHED: usize = 64;

impl Decoding {
    /// The chunks to start with for a reader of chunk `number`.
    fn reach(&mut self, number: u64, goes_on: bool, most: usize) -> Range<u64> {
        if !goes_on {
            (self.next, self.size) = (number + 1, 0);
            return 0..0;
        }
        self.size = (self.size + 1).min(most);
        let end = number + 1 + self.size as u64;
        let start = std::mem::replace(&mut self.next, end).clamp(number + 1, end);
        start..end
    }

    /// How many chunks after the one at hand to fetch: twice as many each time for a reader who goes on.
    fn fetch(&mut self, goes_on: bool) -> usize {
        self.fetched = if goes_on {
            (2 * self.fetched).clamp(1, MOST_FETCHED)
        } else {
            0
        };
        self.fetched
    }
}

/// How many bytes are made ahead of a reader.
#[derive(Default)]
pub struct Ahead {
    /// Where the bytes made last end.
    end: u64,
    /// How many they were to be.
    size: usize,
}

impl Ahead {
    /// Whether a reader of the bytes at `offset` goes on where it stopped.
    pub fn goes_on(&self, offset: u64) -> bool {
        offset == self.end && offset > 0
    }

    /// How many bytes to make for a reader that wants `want` of those at `offset`.
    pub fn next(&mut self, offset: u64, want: usize) -> usize {
        let goes_on = self.goes_on(offset);
        self.size = if goes_on { 2 * self.size } else { 0 };
        self.size = self.size.clamp(*AHEAD.start(), *AHEAD.end());
        self.size.max(want.min(*AHEAD.end()))
    }

    /// Takes note of where the bytes end that were made.
    pub fn read_to(&mut self, end: u64) {
        self.end = end;
    }
}

impl Archive {
    /// Opens the archive at `location`: reads header, trailer and directory root. `reference`: a FASTA file with the
    /// sequences that the archive leans on, if it does (`REF_CACHE` and `REF_PATH` are searched too).
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be read, [`Error::Damaged`], [`Error::Truncated`] or [`Error::Unsupported`]
    /// when it is not a whole archive of a known version.
    pub fn open(location: impl Into<Location>, reference: Option<&Path>) -> Result<Self> {
        let location = location.into();
        Self::of(
            Opened::object(&location, &Arc::default())?,
            &location,
            reference,
        )
    }

    /// The archive that `object` is, which was opened at `location`.
    pub(super) fn of(
        object: Object,
        location: &Location,
        reference: Option<&Path>,
    ) -> Result<Self> {
        let chunks = Chunks::of(Opened::of(object, location)?, reference)?;
        let name = chunks.opened.source_name();
        Ok(Self {
            chunks: Arc::new(chunks),
            name,
            heading: Mutex::default(),
            exact: Mutex::default(),
            plain: Mutex::default(),
            threads: 1,
            decoding: Mutex::default(),
        })
    }

    /// Lets so many threads (0: all that the process may use) decode ahead of readers of the views that go on where
    /// they stopped.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = super::threads(threads);
        self
    }

    /// Starts to decode the chunks after `number`, as many as there are threads for a reader who goes on; one more
    /// each time.
    pub(super) fn decode_ahead(&self, number: u64, goes_on: bool) {
        let chunks = &self.chunks;
        if chunks.opened.is_remote() {
            let fetched = lock(&self.decoding).fetch(goes_on) as u64;
            let end = chunks.count().min(number + 1 + fetched);
            chunks.will_need(number..end);
        }
        if self.threads <= 1 {
            return;
        }
        let ahead = lock(&self.decoding).reach(number, goes_on, self.threads.min(MOST_AHEAD));
        for next in ahead {
            if next < self.chunks.count() {
                let chunks = self.chunks.clone();
                // What it makes is kept; what fails, fails again for the reader.
                std::thread::spawn(move || drop(chunks.chunk(next)));
            }
        }
    }

    /// Length of the source in bytes.
    pub fn source_length(&self) -> u64 {
        self.chunks.opened.trailer.source_length
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
        let mut state = lock(&self.exact);
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
        let chunks = &self.chunks;
        let name = &chunks.opened.name;
        let damaged = || Error::Damaged(format!("{name}: no chunk holds source byte {offset}"));
        let number = chunks
            .last_before(
                &offset,
                |page| page.source_offset,
                |entry| entry.source_offset,
            )?
            .ok_or_else(damaged)?;
        let source_offset = chunks.entry(number)?.source_offset;
        self.decode_ahead(number, state.ahead.goes_on(offset));
        let chunk = chunks.chunk(number)?;
        let skip = offset - source_offset;
        let (mut after, mut have) = (Vec::new(), 0);
        while have < chunk.spill() && (after.len() as u64) < REACH {
            let next = number + 1 + after.len() as u64;
            if next >= chunks.count() {
                break;
            }
            let next = chunks.chunk(next)?;
            have += next.content.len();
            after.push(next);
        }
        let following = join(&after, chunk.spill());
        let ahead = state.ahead.next(offset, want);
        let part = chunk.source_part(skip, ahead, &following, &mut state.maker);
        let (start, bytes) = part.map_err(|error| error.at(name))?;
        if start > skip || start + bytes.len() as u64 <= skip {
            return Err(damaged());
        }
        state
            .ahead
            .read_to(source_offset + start + bytes.len() as u64);
        state.bytes = (source_offset + start, bytes);
        Ok(())
    }
}
