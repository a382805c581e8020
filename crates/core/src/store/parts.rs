//! The parts of an object that are in memory or on their way, none of them over another.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use tokio::task::AbortHandle;

use super::client::Client;
use super::counters::add;
use super::limits::Held;
use super::runs::Runs;
use super::transfers::Transfers;
use crate::Error;

/// Least bytes of a part of what a reader waits for, when it is split among connections.
const LEAST_SPLIT: u64 = 256 << 10;

/// What is known of an object that is read.
pub struct State {
    pub transfers: Arc<Transfers>,
    pub client: Arc<Client>,
    /// By where they start, none of them over another.
    pub parts: BTreeMap<u64, Part>,
    pub runs: Runs,
    /// Number of the last part, and the last read.
    pub last: u64,
    pub clock: u64,
}

/// A part.
pub struct Part {
    pub number: u64,
    pub length: u64,
    pub status: Status,
    /// Bytes of it that readers got.
    pub used: u64,
    /// When one did last.
    pub touched: u64,
    /// Readers that wait for it.
    pub wanted: u32,
}

/// Where a part is.
pub enum Status {
    Coming(AbortHandle),
    /// Its memory is given back with it.
    Here(
        Vec<u8>,
        #[expect(dead_code, reason = "held until dropped")] Held,
    ),
    Failed(Error),
}

impl Part {
    /// Whether readers got all of it.
    pub fn is_read(&self) -> bool {
        self.used >= self.length
    }
}

impl State {
    pub fn end(start: u64, part: &Part) -> u64 {
        start + part.length
    }

    /// The stretches of `range` that no part covers.
    pub fn gaps(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut at = range.start;
        for (&start, part) in self.covering(range) {
            if at < start {
                gaps.push(at..start);
            }
            at = at.max(Self::end(start, part));
        }
        if at < range.end {
            gaps.push(at..range.end);
        }
        gaps
    }

    /// The parts that meet `range`, in order.
    pub fn covering(&self, range: &Range<u64>) -> impl Iterator<Item = (&u64, &Part)> {
        let first = self.parts.range(..=range.start).next_back();
        let first = first
            .filter(|(start, part)| Self::end(**start, part) > range.start)
            .map_or(range.start, |(&start, _)| start);
        self.parts.range(first..range.end.max(first))
    }

    /// Bytes of a part when so many are split among connections.
    pub fn share(&self, bytes: u64) -> u64 {
        let allowed = self.transfers.connections.allowed() as u64;
        let largest = self.transfers.settings.largest_part();
        bytes
            .div_ceil(allowed)
            .clamp(LEAST_SPLIT.min(largest), largest)
    }

    pub fn coming(&self) -> usize {
        let coming = |part: &&Part| matches!(part.status, Status::Coming(_));
        self.parts.values().filter(coming).count()
    }

    /// Lets go of parts that nobody waits for until `bytes` have been given back: those that were read first, then those
    /// farthest ahead.
    pub fn let_go(&mut self, bytes: u64) -> u64 {
        let given = self.let_go_read(bytes);
        let unread =
            |part: &Part| part.used < part.length && !matches!(part.status, Status::Coming(_));
        let order = |start: u64, _: &Part| u64::MAX - start;
        given + self.let_go_of(bytes.saturating_sub(given), unread, order)
    }

    /// Lets go of parts that have been read, the oldest first, until `bytes` have been given back.
    pub fn let_go_read(&mut self, bytes: u64) -> u64 {
        self.let_go_of(bytes, Part::is_read, |_, part| part.touched)
    }

    fn let_go_of(
        &mut self,
        bytes: u64,
        which: impl Fn(&Part) -> bool,
        order: impl Fn(u64, &Part) -> u64,
    ) -> u64 {
        let free = self
            .parts
            .iter()
            .filter(|(_, part)| part.wanted == 0 && which(part));
        let mut found: Vec<(u64, u64)> = free
            .map(|(&start, part)| (order(start, part), start))
            .collect();
        found.sort_unstable();
        let mut given = 0;
        for (_, start) in found {
            if given >= bytes {
                break;
            }
            given += self.remove(start);
        }
        given
    }

    /// Lets go of what has been read, but for the last of it.
    pub fn trim(&mut self) {
        let keep = self.transfers.memory.most() / 8;
        let read = self
            .parts
            .values()
            .filter(|part| part.wanted == 0 && part.is_read());
        let total: u64 = read.map(|part| part.length).sum();
        if total > keep {
            self.let_go_read(total - keep);
        }
    }

    /// Gives up what is coming for other runs than the one that was read last.
    pub fn cancel(&mut self) {
        let coming: Vec<u64> = self
            .parts
            .iter()
            .filter(|(_, part)| part.wanted == 0 && matches!(part.status, Status::Coming(_)))
            .map(|(&start, _)| start)
            .collect();
        for start in coming {
            self.remove(start);
        }
    }

    /// Removes a part; gives the memory that it took.
    pub fn remove(&mut self, start: u64) -> u64 {
        let Some(part) = self.parts.remove(&start) else {
            return 0;
        };
        match part.status {
            Status::Coming(task) => {
                task.abort();
                0
            }
            Status::Here(..) => {
                let wasted = part.length.saturating_sub(part.used);
                add(&self.transfers.counters.wasted_bytes, wasted);
                part.length
            }
            Status::Failed(_) => 0,
        }
    }
}

/// Ranges of `size` bytes, of which only the last is shorter.
pub fn cut(range: &Range<u64>, size: u64) -> impl Iterator<Item = Range<u64>> + use<> {
    let end = range.end;
    let starts = (range.start..end).step_by(usize::try_from(size).unwrap_or(usize::MAX).max(1));
    starts.map(move |start| start..end.min(start.saturating_add(size)))
}
