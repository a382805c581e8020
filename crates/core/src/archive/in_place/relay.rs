//! Work that many threads share and that goes on in order: what one leaves, the next takes up.

use std::sync::atomic::AtomicBool;
use std::sync::{Condvar, Mutex};

use crate::archive::workers::{lock, wait_for};
use crate::{Error, Result};

/// What is handed on, from the first turn to the last.
pub struct Relay<S> {
    state: Mutex<State<S>>,
    changed: Condvar,
}

struct State<S> {
    /// Number of the turn at hand.
    turn: u64,
    /// Number of the first turn that was given up.
    lost: u64,
    handed: S,
}

impl<S> Relay<S> {
    pub fn new(handed: S) -> Self {
        Self {
            state: Mutex::new(State {
                turn: 0,
                lost: u64::MAX,
                handed,
            }),
            changed: Condvar::new(),
        }
    }

    /// Waits for turn number `turn` and does `work` in it.
    ///
    /// # Errors
    /// That of `work`; [`Error::Interrupted`] when an earlier turn was given up.
    pub fn take<T>(&self, turn: u64, work: impl FnOnce(&mut S) -> Result<T>) -> Result<T> {
        let is_due = |state: &mut State<S>| {
            (state.turn == turn || state.lost < turn).then_some(state.lost < turn)
        };
        // Who waits ends with the turns before, or when one of them is given up.
        let never = AtomicBool::new(false);
        if wait_for(&self.state, &self.changed, &never, is_due) != Some(false) {
            return Err(Error::Interrupted);
        }
        // No other thread has this turn.
        let mut state = lock(&self.state);
        let done = work(&mut state.handed);
        state.turn += 1;
        self.changed.notify_all();
        done
    }

    /// Gives up a turn, and so all that come after it; those before it come as they would.
    pub fn give_up(&self, turn: u64) {
        let mut state = lock(&self.state);
        state.lost = state.lost.min(turn);
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
    fn nobody_waits_for_a_turn_that_does_not_come_and_earlier_ones_come() {
        let relay = Relay::new(());
        std::thread::scope(|scope| {
            let behind = scope.spawn(|| relay.take(3, |()| Ok(())));
            let before = scope.spawn(|| relay.take(1, |()| Ok(())));
            relay.give_up(2);
            assert!(matches!(behind.join().unwrap(), Err(Error::Interrupted)));
            relay.take(0, |()| Ok(())).unwrap();
            before.join().unwrap().unwrap();
        });
    }
}
