//! An ordered pass over chosen chunks: worker threads take them one after the other, and what is made of each comes out in
//! their order. Its caller pulls, so that a pass can stop anywhere.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use super::workers::{guard, lock, wait_for};
use crate::{Error, Result};

/// The pass: an iterator over what `work` makes of each number.
pub struct Scan<T> {
    shared: Arc<Shared<T>>,
    threads: usize,
    workers: Vec<JoinHandle<()>>,
    next: usize,
}

struct Shared<T> {
    numbers: Numbers,
    work: Work<T>,
    /// Most numbers that are taken ahead of the one that is given next.
    window: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
    stop: AtomicBool,
}

/// What is gone through.
enum Numbers {
    These(Vec<u64>),
    /// From 0 on, without end.
    All,
}

impl Numbers {
    fn at(&self, place: usize) -> Option<u64> {
        match self {
            Self::These(numbers) => numbers.get(place).copied(),
            Self::All => (place < usize::MAX).then_some(place as u64),
        }
    }
}

type Work<T> = Box<dyn Fn(u64) -> Result<T> + Send + Sync>;

struct State<T> {
    taken: usize,
    given: usize,
    made: BTreeMap<usize, Result<T>>,
}

impl<T: Send + 'static> Scan<T> {
    /// A pass over `numbers` with so many threads. With one, the caller's own does the work.
    pub fn new(
        numbers: Vec<u64>,
        threads: usize,
        work: impl Fn(u64) -> Result<T> + Send + Sync + 'static,
    ) -> Self {
        let threads = threads.min(numbers.len());
        Self::over(Numbers::These(numbers), threads, work)
    }

    /// A pass over all numbers from 0 on, which its caller ends by dropping it.
    pub fn endless(
        threads: usize,
        work: impl Fn(u64) -> Result<T> + Send + Sync + 'static,
    ) -> Self {
        Self::over(Numbers::All, threads, work)
    }

    fn over(
        numbers: Numbers,
        threads: usize,
        work: impl Fn(u64) -> Result<T> + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                numbers,
                work: Box::new(work),
                window: threads + 2,
                state: Mutex::new(State {
                    taken: 0,
                    given: 0,
                    made: BTreeMap::new(),
                }),
                changed: Condvar::new(),
                stop: AtomicBool::new(false),
            }),
            threads,
            workers: Vec::new(),
            next: 0,
        }
    }

    fn start(&mut self) {
        while self.workers.len() < self.threads {
            let shared = self.shared.clone();
            self.workers.push(thread::spawn(move || shared.run()));
        }
    }
}

impl<T: Send + 'static> Iterator for Scan<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let number = self.shared.numbers.at(self.next)?;
        let made = if self.threads <= 1 {
            (self.shared.work)(number)
        } else {
            self.start();
            let shared = &self.shared;
            let find = |state: &mut State<T>| state.made.remove(&self.next);
            let made = wait_for(&shared.state, &shared.changed, &shared.stop, find);
            lock(&shared.state).given = self.next + 1;
            shared.changed.notify_all();
            made.unwrap_or(Err(Error::Interrupted))
        };
        self.next = match &made {
            Ok(_) => self.next + 1,
            // Nothing that comes after what failed is of use.
            Err(_) => usize::MAX,
        };
        Some(made)
    }
}

impl<T> Drop for Scan<T> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.changed.notify_all();
        for worker in self.workers.drain(..) {
            // A panic in it came out as an error.
            let _ = worker.join();
        }
    }
}

impl<T> Shared<T> {
    fn run(&self) {
        let take = |state: &mut State<T>| {
            let ready = state.taken < state.given + self.window;
            (ready || self.numbers.at(state.taken).is_none()).then(|| {
                state.taken += 1;
                state.taken - 1
            })
        };
        loop {
            let Some(place) = wait_for(&self.state, &self.changed, &self.stop, take) else {
                return;
            };
            let Some(number) = self.numbers.at(place) else {
                return;
            };
            let mut made = None;
            guard(
                || made = Some((self.work)(number)),
                |error| self.put(place, Err(error)),
            );
            if let Some(made) = made {
                self.put(place, made);
            }
        }
    }

    fn put(&self, place: usize, made: Result<T>) {
        lock(&self.state).made.insert(place, made);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_make_comes_in_order() {
        for threads in [1, 2, 7] {
            let scan = Scan::new((0..100).collect(), threads, |number| Ok(number * 3));
            let made: Vec<u64> = scan.map(Result::unwrap).collect();
            assert_eq!(made, (0..100).map(|number| number * 3).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_pass_ends_at_what_fails_and_can_be_left() {
        for threads in [1, 3] {
            let work = |number| match number {
                5 => Err(Error::Invalid("five".into())),
                _ => Ok(number),
            };
            let made: Vec<_> = Scan::new((0..50).collect(), threads, work).collect();
            assert_eq!(made.len(), 6);
            assert!(matches!(&made[5], Err(Error::Invalid(text)) if text == "five"));
            assert_eq!(
                Scan::new((0..50).collect(), threads, work).take(3).count(),
                3
            );
        }
    }

    #[test]
    fn a_panic_of_a_worker_is_an_error() {
        let work = |number: u64| match number {
            3 => panic!("a test's"),
            _ => Ok(number),
        };
        let made: Vec<_> = Scan::new((0..20).collect(), 2, work).collect();
        assert_eq!(made.len(), 4);
        assert!(made[3].is_err());
    }
}
