//! What transfers have taken, counted for the whole process.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Totals of the transfers of this process so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TransferTotals {
    /// Bytes that readers asked for and got.
    pub asked_bytes: u64,
    /// Bytes that stores sent.
    pub fetched_bytes: u64,
    /// Bytes of those that nobody asked for before they were let go.
    pub wasted_bytes: u64,
    /// Bytes that the disk cache gave.
    pub cached_bytes: u64,
    /// Bytes that stores were sent.
    pub sent_bytes: u64,
    /// Requests that ask for bytes or for facts of an object.
    pub gets: u64,
    /// Requests that write.
    pub puts: u64,
    /// Requests that were sent again after a failure.
    pub retries: u64,
    /// Requests that were sent a second time because the first was slow.
    pub hedges: u64,
    /// Most bytes of memory that were held for transfers at a time, since their settings were made.
    pub peak_memory: u64,
}

/// The same, while they grow.
#[derive(Debug, Default)]
pub struct Counters {
    pub asked_bytes: AtomicU64,
    pub fetched_bytes: AtomicU64,
    pub wasted_bytes: AtomicU64,
    pub cached_bytes: AtomicU64,
    pub sent_bytes: AtomicU64,
    pub gets: AtomicU64,
    pub puts: AtomicU64,
    pub retries: AtomicU64,
    pub hedges: AtomicU64,
}

/// Counts `more`.
pub fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Counters {
    /// What has been counted.
    pub fn totals(&self) -> TransferTotals {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TransferTotals {
            asked_bytes: of(&self.asked_bytes),
            fetched_bytes: of(&self.fetched_bytes),
            wasted_bytes: of(&self.wasted_bytes),
            cached_bytes: of(&self.cached_bytes),
            sent_bytes: of(&self.sent_bytes),
            gets: of(&self.gets),
            puts: of(&self.puts),
            retries: of(&self.retries),
            hedges: of(&self.hedges),
            peak_memory: 0,
        }
    }
}
