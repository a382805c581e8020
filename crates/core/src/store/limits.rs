//! What bounds transfers: bytes of memory, and requests at a time, which become fewer when a store asks for it.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::waiting::lock;

/// Bytes of memory that parts may take, on their way and fetched.
#[derive(Debug)]
pub struct Memory {
    most: u64,
    /// Bytes taken, and the most that ever were.
    taken: Mutex<(u64, u64)>,
    given_back: Condvar,
}

/// Bytes taken of a [`Memory`], until dropped.
#[derive(Debug)]
pub struct Held {
    memory: Arc<Memory>,
    bytes: u64,
}

impl Memory {
    pub fn new(most: u64) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Mutex::default(),
            given_back: Condvar::new(),
        })
    }

    /// Takes `bytes`, if so many are left.
    pub fn try_take(self: &Arc<Self>, bytes: u64) -> Option<Held> {
        let mut taken = lock(&self.taken);
        if taken.0.checked_add(bytes)? > self.most {
            return None;
        }
        taken.0 += bytes;
        taken.1 = taken.1.max(taken.0);
        Some(Held {
            memory: self.clone(),
            bytes,
        })
    }

    /// Waits until some are given back, or for a short time.
    pub fn wait(&self, time: Duration) {
        let taken = lock(&self.taken);
        drop(self.given_back.wait_timeout(taken, time));
    }

    /// Most bytes that may be taken.
    pub fn most(&self) -> u64 {
        self.most
    }

    /// Most bytes that ever were.
    pub fn peak(&self) -> u64 {
        lock(&self.taken).1
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        lock(&self.memory.taken).0 -= self.bytes;
        self.memory.given_back.notify_all();
    }
}

/// Shortest time between two halvings: answers to requests sent before the first say nothing new.
const CALM: Duration = Duration::from_millis(500);

/// Requests at a time. Fewer by half when the store says that they are too many, and one more for each round of good answers.
#[derive(Debug)]
pub struct Connections {
    most: f64,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    allowed: f64,
    busy: usize,
    halved: Option<Instant>,
}

/// One of the requests at a time, until dropped.
#[derive(Debug)]
pub struct Busy<'a>(&'a Connections);

impl Connections {
    pub fn new(most: usize) -> Self {
        Self {
            most: most as f64,
            state: Mutex::new(State {
                allowed: most as f64,
                busy: 0,
                halved: None,
            }),
            freed: Notify::new(),
        }
    }

    /// Waits for its turn.
    pub async fn take(&self) -> Busy<'_> {
        loop {
            let freed = self.freed.notified();
            if let Some(busy) = self.try_take() {
                return busy;
            }
            freed.await;
        }
    }

    fn try_take(&self) -> Option<Busy<'_>> {
        let mut state = lock(&self.state);
        if state.busy >= state.allowed as usize {
            return None;
        }
        state.busy += 1;
        Some(Busy(self))
    }

    /// How many are allowed now.
    pub fn allowed(&self) -> usize {
        lock(&self.state).allowed as usize
    }

    /// Takes note that the store asks for fewer.
    pub fn too_many(&self) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        if state.halved.is_none_or(|halved| now - halved >= CALM) {
            state.allowed = (state.allowed / 2.0).max(1.0);
            state.halved = Some(now);
        }
    }

    /// Takes note of a good answer.
    pub fn good(&self) {
        let mut state = lock(&self.state);
        state.allowed = (state.allowed + 1.0 / state.allowed).min(self.most);
        drop(state);
        self.freed.notify_one();
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).busy -= 1;
        self.0.freed.notify_one();
    }
}

/// How quick the store has been of late.
#[derive(Debug, Default)]
pub struct Pace {
    state: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    /// Seconds to the first byte, and bytes a second from then on.
    first_byte: f64,
    bandwidth: f64,
    /// How much longer than that requests took, as a ratio; those of late.
    ratios: Vec<f64>,
    next: usize,
}

/// Requests of which it is remembered how long they took.
const REMEMBERED: usize = 64;

/// Requests that must be known before any is called slow.
const ENOUGH: usize = 16;

/// No request is called slow before this.
const LEAST_PATIENCE: f64 = 0.3;

/// Bytes that are worth fetching in vain rather than asking once more.
const GAPS: std::ops::RangeInclusive<u64> = 16 << 10..=1 << 20;

impl Pace {
    /// Takes note of a request's time to its first byte, its whole time, and its bytes.
    pub fn note(&self, first_byte: Duration, whole: Duration, bytes: u64) {
        let mut recent = lock(&self.state);
        let (first_byte, whole) = (first_byte.as_secs_f64(), whole.as_secs_f64());
        let body = (whole - first_byte).max(1e-4);
        if recent.bandwidth > 0.0 {
            let ratio = whole / recent.expected(bytes).max(1e-3);
            if recent.ratios.len() < REMEMBERED {
                recent.ratios.push(ratio);
            } else {
                let next = recent.next;
                recent.ratios[next] = ratio;
                recent.next = (next + 1) % REMEMBERED;
            }
        }
        let blend = |old: f64, new: f64| {
            if old == 0.0 {
                new
            } else {
                old * 0.9 + new * 0.1
            }
        };
        recent.first_byte = blend(recent.first_byte, first_byte);
        // Of small answers the body comes with the head, and tells nothing of the bandwidth.
        if bytes >= 64 << 10 || recent.bandwidth == 0.0 {
            recent.bandwidth = blend(recent.bandwidth, bytes as f64 / body);
        }
    }

    /// When to send a request for so many bytes a second time; none while too little is known.
    pub fn patience(&self, bytes: u64) -> Option<Duration> {
        let recent = lock(&self.state);
        if recent.ratios.len() < ENOUGH {
            return None;
        }
        let mut ratios = recent.ratios.clone();
        ratios.sort_by(f64::total_cmp);
        let slow = ratios[ratios.len() * 95 / 100];
        let seconds = (3.0 * slow * recent.expected(bytes)).max(LEAST_PATIENCE);
        Some(Duration::from_secs_f64(seconds.min(60.0)))
    }

    /// Bytes between two ranges that cost less to fetch than a request: latency times bandwidth.
    pub fn gap(&self) -> u64 {
        let recent = lock(&self.state);
        ((recent.first_byte * recent.bandwidth) as u64).clamp(*GAPS.start(), *GAPS.end())
    }
}

impl Recent {
    fn expected(&self, bytes: u64) -> f64 {
        self.first_byte + bytes as f64 / self.bandwidth.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_never_given_twice() {
        let memory = Memory::new(10);
        let first = memory.try_take(6).unwrap();
        assert!(memory.try_take(5).is_none());
        let second = memory.try_take(4).unwrap();
        drop(first);
        assert!(memory.try_take(6).is_some());
        drop(second);
        assert_eq!(memory.peak(), 10);
        assert!(memory.try_take(u64::MAX).is_none());
    }

    #[test]
    fn connections_halve_once_a_round_and_grow_back() {
        let connections = Connections::new(8);
        connections.too_many();
        connections.too_many();
        assert_eq!(connections.allowed(), 4);
        for _ in 0..200 {
            connections.good();
        }
        assert_eq!(connections.allowed(), 8);
    }

    #[test]
    fn patience_needs_experience_and_follows_it() {
        let pace = Pace::default();
        assert!(pace.patience(1000).is_none());
        for _ in 0..100 {
            pace.note(
                Duration::from_millis(100),
                Duration::from_millis(200),
                1 << 20,
            );
        }
        let patience = pace.patience(1 << 20).unwrap().as_secs_f64();
        assert!((0.5..0.8).contains(&patience), "{patience}");
        assert_eq!(pace.gap(), 1 << 20);
    }
}
