//! Waiting for a store from a thread that may be told to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::client::Purpose;
use super::location::ObjectUrl;
use super::request::Requests;
use super::transfers::{Transfers, check_waiting};
use crate::{Error, Result};

/// Time between looks at whether to stop.
pub const TICK: Duration = Duration::from_millis(100);

/// What a mutex guards, whatever became of the thread that had it last.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does `work` on the runtime while the caller waits, and may be stopped.
pub fn wait<T>(
    transfers: &Transfers,
    stop: &AtomicBool,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    transfers.runtime.block_on(async {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(TICK) => check(stop)?,
            }
        }
    })
}

/// Does `work` with requests about one object while the caller waits, and may be stopped.
pub fn on_object<T>(
    url: &ObjectUrl,
    stop: &AtomicBool,
    work: impl AsyncFnOnce(Requests<'_>) -> Result<T>,
) -> Result<T> {
    let transfers = Transfers::of_process()?;
    let client = transfers.client(url, Purpose::Usual)?;
    let requests = Requests {
        transfers: &transfers,
        client: &client,
        url,
    };
    wait(&transfers, stop, work(requests))
}

/// Fails when whoever waits is to stop.
pub fn check(stop: &AtomicBool) -> Result<()> {
    if stop.load(Ordering::Relaxed) {
        return Err(Error::Interrupted);
    }
    check_waiting()
}
