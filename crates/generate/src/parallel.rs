//! Work side by side, results in order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// `work` on 0 to `count` - 1, in order of the number. Each thread makes its own state once.
pub fn map<S, R: Send>(
    threads: usize,
    count: u32,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, u32) -> R + Sync,
) -> Vec<R> {
    let next = AtomicU32::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count.max(1) as usize) {
            scope.spawn(|| {
                let mut state = state();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    let result = work(&mut state, index);
                    // A thread that panicked ends the scope with its panic; its lock is no worry.
                    results.lock().unwrap_or_else(|broken| broken.into_inner()).push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(|broken| broken.into_inner());
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
