//! Work side by side, results in order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// `work` on 0 to `count` - 1, in order of the number. One thread per state, which it keeps.
pub fn map<S: Send, R: Send>(
    states: &mut [S],
    count: u32,
    work: impl Fn(&mut S, u32) -> R + Sync,
) -> Vec<R> {
    let next = AtomicU32::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for state in states.iter_mut().take(count as usize) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    let result = work(state, index);
                    // A thread that panicked ends the scope with its panic; its lock is no worry.
                    results
                        .lock()
                        .unwrap_or_else(|broken| broken.into_inner())
                        .push((index, result));
                }
            });
        }
    });
    let mut results = results
        .into_inner()
        .unwrap_or_else(|broken| broken.into_inner());
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
