//! Work that many threads share and that goes on in order: what one leaves, the next takes up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};

use crate::archive::workers::{lock, wait_for};
use crate::{Error, Result};

/// What is handed on, from the first turn to the last.
pub struct Relay<S> {
    /// The turn whose it is.
    state: Mutex<(u64, S)>,
    changed: Condvar,
    ended: AtomicBool,
}

impl<S> Relay<S> {
    pub fn new(state: S) -> Self {
        Self {
            state: Mutex::new((0, state)),
            changed: Condvar::new(),
            ended: AtomicBool::new(false),
        }
    }

    /// Waits for turn number `turn` and does `work` in it.
    ///
    /// # Errors
    /// That of `work`; [`Error::Interrupted`] when the relay has ended.
    pub fn take<T>(&self, turn: u64, work: impl FnOnce(&mut S) -> Result<T>) -> Result<T> {
        let is_due = |state: &mut (u64, S)| (state.0 == turn).then_some(());
        wait_for(&self.state, &self.changed, &self.ended, is_due).ok_or(Error::Interrupted)?;
        // No other thread has this turn.
        let mut state = lock(&self.state);
        let done = work(&mut state.1);
        state.0 += 1;
        self.changed.notify_all();
        done
    }

    /// Ends the waiting of those whose turn does not come.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_in_order_whoever_comes_first() {
        let relay = Relay::new(Vec::new());
        std::thread::scope(|scope| {
            for turn in (0..20).rev() {
                let relay = &relay;
                let push = move |seen: &mut Vec<u64>| {
                    seen.push(turn);
                    Ok(())
                };
                scope.spawn(move || relay.take(turn, push).unwrap());
            }
        });
        relay
            .take(20, |seen| {
                assert_eq!(*seen, (0..20).collect::<Vec<_>>());
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn nobody_waits_for_a_turn_that_does_not_come() {
        let relay = Relay::new(());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| relay.take(1, |()| Ok(())));
            relay.end();
            assert!(matches!(waiting.join().unwrap(), Err(Error::Interrupted)));
        });
    }
}
