//! What every run of worker threads needs: locks that outlive a panic, a watch that can stop the workers, and a guard
//! that turns a panic into an error.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::Progress;
use crate::{Error, Result};

/// Time between looks at the progress and at whether to stop.
pub const TICK: Duration = Duration::from_millis(100);

/// Locks a mutex; a thread that panicked has stopped the whole verb, so what it left does not matter.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a mutex holds, once its workers are gone.
pub fn unlock<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `find` finds something in what `mutex` guards, looking again when it `changed`; none when the run has been
/// stopped.
pub fn wait_for<T, F>(
    mutex: &Mutex<T>,
    changed: &Condvar,
    stop: &AtomicBool,
    mut find: impl FnMut(&mut T) -> Option<F>,
) -> Option<F> {
    let mut guarded = lock(mutex);
    loop {
        if let Some(found) = find(&mut guarded) {
            return Some(found);
        }
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        guarded = changed
            .wait_timeout(guarded, TICK)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

/// Does `work` that a pipe may keep waiting in a worker, so that the progress can stop it.
pub fn watched<T: Send>(
    progress: &dyn Progress,
    stop: &AtomicBool,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let [done] = thread::scope(|scope| {
        let workers = [scope.spawn(work)];
        let stop_now = |_| stop.store(true, Ordering::Relaxed);
        watch(&workers, progress, stop, || (0, None), stop_now);
        workers.map(thread::ScopedJoinHandle::join)
    });
    if stop.load(Ordering::Relaxed) {
        return Err(Error::Interrupted);
    }
    done.unwrap_or_else(|_| Err(panicked()))
}

/// Does a worker's work; a panic in it, a fault of this software, fails the verb like any error.
pub fn guard(work: impl FnOnce(), fail: impl FnOnce(Error)) {
    if std::panic::catch_unwind(AssertUnwindSafe(work)).is_err() {
        fail(panicked());
    }
}

fn panicked() -> Error {
    Error::Invalid("a worker failed unexpectedly; nothing was written. Please report this".into())
}

/// Watches workers from the calling thread: tells the progress, and stops them when it says so or one panicked.
pub fn watch<T>(
    workers: &[thread::ScopedJoinHandle<'_, T>],
    progress: &dyn Progress,
    stop: &AtomicBool,
    done: impl Fn() -> (u64, Option<u64>),
    fail: impl Fn(Error),
) {
    // Short files should not wait for a long tick.
    let mut pause = Duration::from_millis(1);
    while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
        thread::sleep(pause);
        pause = (pause * 2).min(TICK);
        if pause == TICK && !stop.load(Ordering::Relaxed) {
            let (done, total) = done();
            if !progress.update(done, total) {
                fail(Error::Interrupted);
            }
        }
    }
    let (done, total) = done();
    if !stop.load(Ordering::Relaxed) && !progress.update(done, total) {
        fail(Error::Interrupted);
    }
}

/// CPU seconds that this thread has taken.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Runs `work` and adds the CPU seconds that it took to `sum`.
pub fn timed<T>(sum: &mut f64, work: impl FnOnce() -> T) -> T {
    let start = cpu_seconds();
    let done = work();
    *sum += cpu_seconds() - start;
    done
}
