//! Decoding: chunks go through worker threads and come out as the source's bytes, in order.
//!
//! A chunk's last block may take the first bytes of the next chunk's content, so decoding runs ahead of re-creating
//! blocks; each worker takes whatever can be done next.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::decode::Chunk;
use super::open::Opened;
use super::share::Group;
use super::workers::{TICK, guard, lock, unlock, watch};
use super::{Progress, threads};
use crate::container::directory::Entry;
use crate::source::recipe::Maker;
use crate::{Error, Result};

/// Chunks that a chunk's last block may reach into. One holds what is needed unless it has no content itself; a
/// limit keeps a hostile archive from making readers hold, or wait for, more than they may.
pub const REACH: u64 = 2;

/// Takes the source's bytes in order, digests them, and hands them on.
pub struct Sink<W> {
    out: W,
    length: u64,
    sha256: Sha256,
    md5: Md5,
}

impl<W: Write> Sink<W> {
    /// A sink that hands on to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            length: 0,
            sha256: Sha256::new(),
            md5: Md5::new(),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        self.sha256.update(bytes);
        self.md5.update(bytes);
        self.out.write_all(bytes)
    }
}

/// A writer that compares what is written with what a file holds.
pub struct Comparing<R> {
    file: R,
    offset: u64,
    buffer: Vec<u8>,
}

impl<R: Read> Comparing<R> {
    /// Compares with the bytes of `file`.
    pub fn new(file: R) -> Self {
        Self {
            file,
            offset: 0,
            buffer: Vec::new(),
        }
    }

    /// Whether the file has ended with what was written.
    pub fn at_end(&mut self) -> io::Result<bool> {
        Ok(self.file.read(&mut [0])? == 0)
    }
}

impl<R: Read> Write for Comparing<R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.clear();
        self.file
            .by_ref()
            .take(bytes.len() as u64)
            .read_to_end(&mut self.buffer)?;
        if self.buffer != bytes {
            let same = self
                .buffer
                .iter()
                .zip(bytes)
                .take_while(|(a, b)| a == b)
                .count() as u64;
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("differs at byte {}", self.offset + same),
            ));
        }
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What can be done next.
enum Task {
    Decode(u64, Group),
    Recreate(u64, Arc<Chunk>, Vec<Arc<Chunk>>),
    Wait,
    Done,
}

struct State<W> {
    /// Number of the next chunk to decode.
    decode: u64,
    /// Number of the next chunk to write.
    write: u64,
    /// What key chunks left, by their numbers; none for chunks that start a group without being one.
    groups: BTreeMap<u64, Group>,
    /// Chunks decoded and still needed.
    decoded: BTreeMap<u64, Arc<Chunk>>,
    /// Chunks whose blocks are being or have been re-created.
    taken: BTreeMap<u64, Option<Vec<u8>>>,
    sink: Sink<W>,
}

struct Shared<'a, W> {
    opened: &'a Opened,
    /// Whether blocks are made again; if not, nothing is written.
    makes_blocks: bool,
    entries: &'a [Entry],
    /// For each chunk, the number of the chunk that starts its group.
    starts: Vec<u64>,
    state: Mutex<State<W>>,
    changed: Condvar,
    done: AtomicU64,
    stop: &'a AtomicBool,
    failure: Mutex<Option<Error>>,
    /// Most chunks decoded ahead of writing.
    window: u64,
}

/// Rebuilds the whole source into `out` and checks it against the recorded fingerprint.
pub fn rebuild<W: Write + Send>(
    opened: &Opened,
    out: W,
    threads: usize,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<W> {
    let Sink {
        out,
        length,
        sha256,
        md5,
    } = run(opened, true, out, threads, progress, stop)?;
    let sha256: [u8; 32] = sha256.finalize().into();
    let md5: [u8; 16] = md5.finalize().into();
    let trailer = &opened.trailer;
    if length != trailer.source_length
        || sha256 != trailer.source_sha256
        || md5 != trailer.source_md5
    {
        return Err(Error::Damaged(format!(
            "{}: what it decodes to does not have the source's fingerprint",
            opened.name
        )));
    }
    Ok(out)
}

/// Decodes the content of all chunks, whose parts and streams have checksums, and makes no blocks.
pub fn decode_all(
    opened: &Opened,
    threads: usize,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<()> {
    run(opened, false, io::sink(), threads, progress, stop).map(drop)
}

/// Sends all chunks through workers, into a sink around `out` if blocks are made.
fn run<W: Write + Send>(
    opened: &Opened,
    makes_blocks: bool,
    out: W,
    asked: usize,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Sink<W>> {
    let entries = opened.entries()?;
    opened.read_onward();
    let threads = threads(asked);
    let shared = Shared {
        opened,
        makes_blocks,
        entries: &entries,
        starts: group_starts(&entries),
        state: Mutex::new(State {
            decode: 0,
            write: 0,
            groups: BTreeMap::new(),
            decoded: BTreeMap::new(),
            taken: BTreeMap::new(),
            sink: Sink::new(out),
        }),
        changed: Condvar::new(),
        done: AtomicU64::new(0),
        stop,
        failure: Mutex::new(None),
        window: 2 * threads as u64 + 2,
    };
    let total = opened.trailer.source_length;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| guard(|| shared.work(), |error| shared.fail(error))))
            .collect();
        let done = || (shared.done.load(Ordering::Relaxed), Some(total));
        watch(&workers, progress, stop, done, |error| shared.fail(error));
    });
    if let Some(error) = unlock(shared.failure) {
        return Err(error);
    }
    Ok(unlock(shared.state).sink)
}

impl<W: Write + Send> Shared<'_, W> {
    fn fail(&self, error: Error) {
        lock(&self.failure).get_or_insert(error);
        self.stop.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    fn work(&self) {
        let mut maker = Maker::default();
        while !self.stop.load(Ordering::Relaxed) {
            let done = match self.next_task() {
                Task::Done => return,
                Task::Wait => Ok(()),
                Task::Decode(index, group) => self.decode(index, &group, &mut maker),
                Task::Recreate(index, chunk, after) => {
                    self.recreate(index, &chunk, &after, &mut maker)
                }
            };
            if let Err(error) = done {
                return self.fail(error);
            }
        }
    }

    fn next_task(&self) -> Task {
        let mut state = lock(&self.state);
        let count = self.entries.len() as u64;
        if state.write == count {
            return Task::Done;
        }
        for (&index, chunk) in &state.decoded {
            if state.taken.contains_key(&index) || index < state.write {
                continue;
            }
            let end = count.min(index + 1 + REACH);
            if let Some(after) = following(&state.decoded, index, chunk.spill(), end) {
                let chunk = chunk.clone();
                state.taken.insert(index, None);
                return Task::Recreate(index, chunk, after);
            }
        }
        if state.decode < count && state.decode < state.write + self.window {
            let index = state.decode;
            let start = self.starts[index as usize];
            // The chunk that starts its group is being decoded until what it leaves is here.
            let group = state.groups.get(&start).cloned();
            if let Some(group) = group.or((start == index).then_some(None)) {
                state.decode += 1;
                return Task::Decode(index, group);
            }
        }
        drop(
            self.changed
                .wait_timeout(state, TICK)
                .unwrap_or_else(PoisonError::into_inner),
        );
        Task::Wait
    }

    fn decode(&self, index: u64, group: &Group, maker: &mut Maker) -> Result<()> {
        let entry = &self.entries[index as usize];
        let (mut chunk, left) = self.opened.chunk(index, entry, &|| Ok(group.clone()))?;
        if !self.makes_blocks {
            self.done
                .fetch_add(chunk.head.source_length, Ordering::Relaxed);
            chunk = Chunk::nothing(chunk.head);
        }
        let alone = chunk.spill() == 0;
        let chunk = Arc::new(chunk);
        {
            let mut state = lock(&self.state);
            if self.starts[index as usize] == index {
                state.groups.insert(index, left.map(Arc::new));
            }
            state.decoded.insert(index, chunk.clone());
            if alone {
                // Its content is still in this core's cache: go on with it at once.
                state.taken.insert(index, None);
            }
            self.changed.notify_all();
        }
        if alone {
            self.recreate(index, &chunk, &[], maker)
        } else {
            Ok(())
        }
    }

    fn recreate(
        &self,
        index: u64,
        chunk: &Chunk,
        after: &[Arc<Chunk>],
        maker: &mut Maker,
    ) -> Result<()> {
        let following = join(after, chunk.spill());
        let place = || format!("{}: chunk {index}", self.opened.name);
        let bytes = chunk
            .source(&following, maker)
            .map_err(|error| error.at(place()))?;
        let mut state = lock(&self.state);
        state.taken.insert(index, Some(bytes));
        loop {
            let next = state.write;
            let Some(bytes) = state.taken.get_mut(&next).and_then(Option::take) else {
                break;
            };
            state.sink.take(&bytes).map_err(|source| Error::Store {
                context: "cannot write".into(),
                source,
            })?;
            state.taken.remove(&next);
            state.write += 1;
            // Chunks before the one that is written next are needed by none.
            state.decoded = state.decoded.split_off(&(next + 1));
            if let Some(start) = self.starts.get(next as usize + 1) {
                state.groups = state.groups.split_off(start);
            }
            self.done.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        self.changed.notify_all();
        Ok(())
    }
}

/// For each chunk, the number of the chunk that starts its group.
fn group_starts(entries: &[Entry]) -> Vec<u64> {
    let mut start = 0;
    let start_of = |(index, entry): (usize, &Entry)| {
        if entry.group.is_some() {
            start = index as u64;
        }
        start
    };
    entries.iter().enumerate().map(start_of).collect()
}

/// The chunks before `end` that hold the `spill` content bytes after chunk `index`; none while one is not decoded yet.
fn following(
    decoded: &BTreeMap<u64, Arc<Chunk>>,
    index: u64,
    spill: usize,
    end: u64,
) -> Option<Vec<Arc<Chunk>>> {
    let (mut after, mut have, mut next) = (Vec::new(), 0, index + 1);
    while have < spill && next < end {
        let chunk = decoded.get(&next)?;
        have += chunk.content.len();
        after.push(chunk.clone());
        next += 1;
    }
    Some(after)
}

/// The first `want` content bytes of `chunks`.
pub fn join(chunks: &[Arc<Chunk>], want: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(want);
    for chunk in chunks {
        let more = (want - out.len()).min(chunk.content.len());
        out.extend_from_slice(&chunk.content[..more]);
    }
    out
}
