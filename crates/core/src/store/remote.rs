//! An object of a store, read in place: parts of it are fetched by many requests at a time, ahead of a reader that goes on
//! where it stopped, and kept while there is memory for them. Whatever cannot be had is an error, never an end.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::task::spawn_blocking;

use super::client::Purpose;
use super::counters::add;
use super::limits::Held;
use super::location::ObjectUrl;
use super::opening::{First, begin};
use super::parts::{Part, State, Status, cut};
use super::request::{Pin, Requests, has_other_etag};
use super::runs::Runs;
use super::transfers::Transfers;
use super::waiting::{TICK, check, lock, wait};
use crate::{Error, Result};

/// How a reader will go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As it says itself: nothing else is fetched.
    Exact,
    /// Perhaps where it stops: then what follows is fetched ahead.
    Onward,
}

/// An object of a store, in one state.
pub struct Remote {
    url: ObjectUrl,
    pin: Pin,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Remote {
    /// Opens the object at `url`, fetching what is needed of it `first`.
    pub fn open(url: &ObjectUrl, first: First, stop: &AtomicBool) -> Result<Arc<Self>> {
        let transfers = Transfers::of_process()?;
        let client = transfers.client(url, Purpose::Usual)?;
        let (pin, pieces) = begin(&transfers, &client, url, first, stop)?;
        let mut state = State {
            transfers: transfers.clone(),
            client,
            parts: BTreeMap::new(),
            runs: Runs::default(),
            last: 0,
            clock: 0,
        };
        for (start, bytes) in pieces {
            if bytes.is_empty() {
                continue;
            }
            let length = bytes.len() as u64;
            if let Some(held) = transfers.memory.try_take(length) {
                let part = Part {
                    number: 0,
                    length,
                    status: Status::Here(bytes, held),
                    used: 0,
                    touched: 0,
                    wanted: 0,
                };
                state.parts.insert(start, part);
            }
        }
        let remote = Arc::new(Self {
            url: url.clone(),
            pin,
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Condvar::new(),
            }),
        });
        let mut objects = lock(&transfers.objects);
        objects.retain(|object| object.strong_count() > 0);
        objects.push(Arc::downgrade(&remote));
        drop(objects);
        Ok(remote)
    }

    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.pin.length
    }

    /// Where it is.
    pub fn url(&self) -> &ObjectUrl {
        &self.url
    }

    /// Which state of it is read.
    pub fn pin(&self) -> &Pin {
        &self.pin
    }

    /// Fails unless `read` bytes are all of it, and `md5` is the digest that its store has of it, where that is one.
    pub fn check_whole(&self, read: u64, md5: &[u8; 16], stop: &AtomicBool) -> Result<()> {
        let wrong = |text: String| Error::Store {
            context: format!("cannot read {}", self.url),
            source: std::io::Error::other(text),
        };
        if read != self.pin.length {
            let length = self.pin.length;
            return Err(wrong(format!("{read} bytes were read of {length}")));
        }
        if self.pin.md5(self.url.kind).is_none_or(|told| told == *md5) {
            return Ok(());
        }
        let (transfers, client) = {
            let state = self.lock()?;
            (state.transfers.clone(), state.client.clone())
        };
        let requests = Requests {
            transfers: &transfers,
            client: &client,
            url: &self.url,
        };
        let (_, headers) = wait(&transfers, stop, requests.facts())?;
        if has_other_etag(&headers) {
            return Ok(());
        }
        Err(wrong(
            "its bytes are not those that its store has a checksum of; start again, or download it first".to_owned(),
        ))
    }

    /// The bytes at `offset`, all of them.
    pub fn read_at(
        &self,
        offset: u64,
        buffer: &mut [u8],
        reading: Reading,
        stop: &AtomicBool,
    ) -> Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.pin.length) {
            return Err(Error::Truncated(format!(
                "{} ends before byte {}",
                self.url,
                offset.saturating_add(buffer.len() as u64)
            )));
        }
        let most = self.lock()?.transfers.memory.most();
        let slice = (most / 16).clamp(64 << 10, 8 << 20) as usize;
        let mut at = offset;
        for piece in buffer.chunks_mut(slice) {
            self.read_slice(at, piece, reading, stop)?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    /// Starts to fetch `ranges`, which will be read soon, as far as there is memory and there are connections for them. Unless they
    /// are exact, what lies between near ones is fetched too, where that takes less time than requests of their own.
    pub fn will_read(&self, ranges: &[Range<u64>], reading: Reading) {
        let Ok(mut state) = self.lock() else { return };
        let gap = match reading {
            Reading::Exact => 0,
            Reading::Onward => state.transfers.pace.gap(),
        };
        let mut sorted: Vec<Range<u64>> = ranges
            .iter()
            .map(|range| range.start..range.end.min(self.pin.length))
            .filter(|range| !range.is_empty())
            .collect();
        sorted.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<u64>> = Vec::new();
        for range in sorted {
            match merged.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(gap) => {
                    last.end = last.end.max(range.end);
                }
                _ => merged.push(range),
            }
        }
        let total: u64 = merged.iter().map(|range| range.end - range.start).sum();
        let part = state.share(total);
        for range in merged {
            if !self.ahead(&mut state, &range, part) {
                return;
            }
        }
    }

    /// Says that the object will be read from `offset` on.
    pub fn will_read_from(&self, offset: u64) {
        let Ok(mut state) = self.lock() else { return };
        let clock = state.clock;
        state.runs.start(offset, clock);
        self.read_ahead(&mut state);
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = lock(&self.shared.state);
        if state.transfers.process != std::process::id() {
            // A parent's parts are fetched by threads that are not here, and its connections are its own.
            let transfers = Transfers::of_process()?;
            let client = transfers.client(&self.url, Purpose::Usual)?;
            std::mem::forget(std::mem::take(&mut state.parts));
            std::mem::forget(std::mem::replace(&mut state.transfers, transfers));
            std::mem::forget(std::mem::replace(&mut state.client, client));
            state.runs = Runs::default();
        }
        Ok(state)
    }

    fn read_slice(
        &self,
        offset: u64,
        buffer: &mut [u8],
        reading: Reading,
        stop: &AtomicBool,
    ) -> Result<()> {
        let range = offset..offset + buffer.len() as u64;
        if range.is_empty() {
            return Ok(());
        }
        let mut state = self.lock()?;
        loop {
            let missing = self.demand(&mut state, &range);
            if missing == 0 {
                break;
            }
            if state.let_go(missing) < missing {
                let transfers = state.transfers.clone();
                drop(state);
                self.make_room(&transfers, missing);
                check(stop)?;
                state = self.lock()?;
            }
        }
        state.clock += 1;
        let clock = state.clock;
        let starts: Vec<u64> = state.covering(&range).map(|(&start, _)| start).collect();
        for start in &starts {
            if let Some(part) = state.parts.get_mut(start) {
                part.wanted += 1;
            }
        }
        if reading == Reading::Onward {
            let transfers = state.transfers.clone();
            let gap = transfers.pace.gap();
            if state.runs.read(&range, gap, clock) {
                self.read_ahead(&mut state);
            } else {
                state.cancel();
            }
        }
        let mut done = Ok(());
        for start in &starts {
            state = self.wait_for(state, *start, &mut done, stop);
            let Some(part) = state.parts.get_mut(start) else {
                continue;
            };
            if let (Status::Here(bytes, _), Ok(())) = (&part.status, &done) {
                let from = range.start.max(*start);
                let to = range.end.min(start + part.length);
                let (skip, length) = ((from - start) as usize, (to - from) as usize);
                let at = (from - range.start) as usize;
                buffer[at..at + length].copy_from_slice(&bytes[skip..skip + length]);
                part.used += to - from;
            }
            part.touched = clock;
            part.wanted -= 1;
            if matches!(part.status, Status::Failed(_)) && part.wanted == 0 {
                state.parts.remove(start);
            }
        }
        done?;
        add(&state.transfers.counters.asked_bytes, buffer.len() as u64);
        state.trim();
        Ok(())
    }

    /// Waits until a part is here or has failed, or whoever waits is to stop.
    fn wait_for<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        start: u64,
        done: &mut Result<()>,
        stop: &AtomicBool,
    ) -> MutexGuard<'a, State> {
        while done.is_ok() {
            match state.parts.get_mut(&start).map(|part| &mut part.status) {
                Some(Status::Coming(_)) => {}
                Some(Status::Failed(error)) => {
                    *done = Err(error.again());
                    break;
                }
                Some(Status::Here(..)) => break,
                None => {
                    *done = Err(Error::Invalid(format!(
                        "{}: a part was lost: please report this",
                        self.url
                    )));
                    break;
                }
            }
            let waited = self.shared.changed.wait_timeout(state, TICK);
            let (guard, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if timed_out.timed_out() {
                drop(state);
                let may_go_on = check(stop);
                state = lock(&self.shared.state);
                if may_go_on.is_err() {
                    *done = may_go_on;
                }
            }
        }
        state
    }

    /// Starts to fetch what no part covers of `range`. Gives how much memory is missing for it; then nothing is started.
    fn demand(&self, state: &mut State, range: &Range<u64>) -> u64 {
        let gaps = state.gaps(range);
        let mut pieces = Vec::new();
        for gap in gaps {
            pieces.extend(cut(&gap, state.share(gap.end - gap.start)));
        }
        let need: u64 = pieces.iter().map(|piece| piece.end - piece.start).sum();
        let mut held = Vec::with_capacity(pieces.len());
        for piece in &pieces {
            match state.transfers.memory.try_take(piece.end - piece.start) {
                Some(taken) => held.push(taken),
                None => return need,
            }
        }
        for (piece, held) in pieces.into_iter().zip(held) {
            self.start(state, piece, held);
        }
        0
    }

    /// Starts to fetch what no part covers of `range`, in parts of `part` bytes; false when there is no room for more.
    fn ahead(&self, state: &mut State, range: &Range<u64>, part: u64) -> bool {
        for gap in state.gaps(range) {
            for piece in cut(&gap, part) {
                if state.coming() >= state.transfers.connections.allowed() {
                    return false;
                }
                let length = piece.end - piece.start;
                // A quarter stays free for what is waited for.
                let spare = state
                    .transfers
                    .memory
                    .try_take(length + state.transfers.memory.most() / 4);
                if spare.is_none() {
                    let parts = state.let_go_read(length);
                    if parts == 0 {
                        return false;
                    }
                }
                drop(spare);
                let Some(held) = state.transfers.memory.try_take(length) else {
                    return false;
                };
                self.start(state, piece, held);
            }
        }
        true
    }

    /// Fetches ahead of the run that was read last.
    fn read_ahead(&self, state: &mut State) {
        let settings = &state.transfers.settings;
        let (least, largest) = (settings.min_part, settings.largest_part());
        let allowed = state.transfers.connections.allowed() as u64;
        let most = (allowed * largest).min(state.transfers.memory.most() / 4 * 3);
        let Some(window) = state.runs.window(least, most) else {
            return;
        };
        let part = ((window.end - window.start) / allowed.max(1)).clamp(least, largest);
        // Parts end where a multiple of their size does, so that none is short but the last.
        let end = window.end.next_multiple_of(part).min(self.pin.length);
        let range = window.start..end;
        if !range.is_empty() {
            self.ahead(state, &range, part);
        }
    }

    /// Lets other objects give memory back, and waits a little for it.
    fn make_room(&self, transfers: &Transfers, bytes: u64) {
        let objects = lock(&transfers.objects).clone();
        for object in objects.iter().filter_map(std::sync::Weak::upgrade) {
            if std::ptr::eq(&raw const *object, self) {
                continue;
            }
            // One that is busy gives back by itself.
            if let Ok(mut state) = object.shared.state.try_lock() {
                state.let_go(bytes);
            }
        }
        transfers.memory.wait(TICK / 10);
    }

    fn start(&self, state: &mut State, range: Range<u64>, held: Held) {
        state.last += 1;
        let (number, start) = (state.last, range.start);
        let (url, pin) = (self.url.clone(), self.pin.clone());
        let (transfers, client) = (state.transfers.clone(), state.client.clone());
        let shared = Arc::downgrade(&self.shared);
        let length = range.end - range.start;
        let task = transfers.runtime.clone().spawn(async move {
            let requests = Requests {
                transfers: &transfers,
                client: &client,
                url: &url,
            };
            let fetched = cached(&requests, &pin, range).await;
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let mut state = lock(&shared.state);
            if let Some(part) = state.parts.get_mut(&start)
                && part.number == number
            {
                part.status = match fetched {
                    Ok(bytes) => Status::Here(bytes, held),
                    Err(error) => Status::Failed(error),
                };
            }
            shared.changed.notify_all();
        });
        let part = Part {
            number,
            length,
            status: Status::Coming(task.abort_handle()),
            used: 0,
            touched: 0,
            wanted: 0,
        };
        state.parts.insert(start, part);
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        if state.transfers.process != std::process::id() {
            std::mem::forget(std::mem::take(&mut state.parts));
            return;
        }
        let starts: Vec<u64> = state.parts.keys().copied().collect();
        for start in starts {
            state.remove(start);
        }
    }
}

/// The bytes of a range, from the disk cache as far as it has them.
async fn cached(requests: &Requests<'_>, pin: &Pin, range: Range<u64>) -> Result<Vec<u8>> {
    let Some(cache) = requests.transfers.cache.clone() else {
        return requests.range(pin, range).await;
    };
    let (url, state, wanted) = (requests.url.clone(), pin.clone(), range.clone());
    let found = spawn_blocking({
        let cache = cache.clone();
        move || cache.get(&url, &state, wanted)
    });
    let mut bytes = found.await.unwrap_or_default();
    let counters = &requests.transfers.counters;
    add(&counters.cached_bytes, bytes.len() as u64);
    let missing = range.start + bytes.len() as u64..range.end;
    if missing.is_empty() {
        return Ok(bytes);
    }
    let fetched = requests.range(pin, missing.clone()).await?;
    let (url, state) = (requests.url.clone(), pin.clone());
    let kept = spawn_blocking(move || {
        cache.put(&url, &state, &missing, &fetched);
        fetched
    });
    let fetched = kept.await.map_err(|_| Error::Interrupted)?;
    if bytes.is_empty() {
        return Ok(fetched);
    }
    bytes.extend_from_slice(&fetched);
    Ok(bytes)
}
