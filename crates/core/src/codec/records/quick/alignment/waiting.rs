//! Records that wait for their mates, and the decision whether the next record is the mate expected first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::decisions::Decisions;
use crate::codec::mixing::Coder;
use crate::codec::records::alignment::motion::{Motion, scale};

/// Farther mates are all alike, in bases.
const FAR: u64 = 1 << 20;

/// Classes of distances, and of densities.
const DISTANCES: usize = 56;
const DENSITIES: usize = 40;

/// Contexts of mates that are due at this very place.
const DUE: usize = DENSITIES * 32;

/// Of the records that expect their mates at one place, those that may be answered; further ones wait until these are
/// gone.
const MOST: usize = 64;

/// A waiting record: key of its mate's place; whether that lies reverse, in the highest bit, and the record below.
type Entry = (u64, u32);

/// The records of a chunk that wait for their mates.
#[derive(Default)]
pub(super) struct Waiting {
    heap: BinaryHeap<Reverse<Entry>>,
    /// Those that were passed over in favour of another at the same place.
    passed: Vec<Reverse<Entry>>,
}

fn record((_, who): Entry) -> usize {
    (who & 0x7fff_ffff) as usize
}

impl Waiting {
    /// Lets a record wait.
    pub(super) fn add(&mut self, expected: u64, reverse: bool, record: usize) {
        let who = u32::from(reverse) << 31 | record as u32 & 0x7fff_ffff;
        self.heap.push(Reverse((expected, who)));
    }

    /// Forgets those whose mates should have stood before `now`; gives the one whose mate is expected first.
    #[inline(always)]
    pub(super) fn first(&mut self, now: u64) -> Option<Entry> {
        loop {
            let &Reverse(entry) = self.heap.peek()?;
            if entry.0 >= now {
                return Some(entry);
            }
            self.heap.pop();
        }
    }

    /// Whether several wait for the place of `first`.
    fn several(&self, first: Entry) -> bool {
        // In a heap, an equal is among the two below the first.
        let below = self.heap.as_slice().iter().skip(1).take(2);
        below.into_iter().any(|other| other.0.0 == first.0)
    }

    /// Whether `mate` may be answered: it waits for the place of `first`, and not too many before it.
    fn has(&mut self, first: Entry, mate: usize) -> bool {
        let mut found = record(first) == mate;
        while !found && self.passed.len() < MOST {
            match self.heap.peek() {
                Some(&Reverse(entry)) if entry.0 == first.0 => {
                    found = record(entry) == mate;
                    self.passed.extend(self.heap.pop());
                }
                _ => break,
            }
        }
        self.heap.extend(self.passed.drain(..));
        found
    }
}

/// What has been learnt of mates' arrival.
#[derive(Clone)]
pub(super) struct Arrivals {
    events: Decisions,
    which: Decisions,
    /// The record that was answered last, and whether the answers before it came in order.
    last: usize,
    ordered: usize,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self {
            events: Decisions::new(DUE + DISTANCES * DENSITIES * 2),
            which: Decisions::new(128),
            last: 0,
            ordered: 0,
        }
    }

    /// Codes whether the next record is the mate of one that waits for the place of `first`, and of which: of `mate`
    /// when encoding, if the next record stands there.
    #[inline(always)]
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        waiting: &mut Waiting,
        first: Entry,
        motion: &mut Motion,
        mate: Option<usize>,
    ) -> Option<usize> {
        let hit = !C::DECODES && mate.is_some_and(|mate| waiting.has(first, mate));
        let distance = (first.0 - motion.key.min(first.0)).min(FAR);
        let near = if distance < 24 {
            distance as usize
        } else {
            // From 9, the scale of 24, on.
            scale(distance) as usize + 15
        };
        let history = (motion.arrivals & 1) as usize;
        let density = motion.density() as usize;
        let context = if near == 0 {
            // It is due: what matters is the order of records at one place.
            let turned = (first.1 >> 31 << 1 | motion.flags >> 4 & 1) as usize;
            let still = usize::from(motion.steps[0] == 0);
            let several = usize::from(waiting.several(first));
            ((density * 4 + turned) * 4 + still * 2 + several) * 2 + history
        } else {
            DUE + (near * DENSITIES + density) * 2 + history
        };
        let hit = self.events.code(coder, hit, context);
        motion.arrivals = motion.arrivals << 1 | u32::from(hit);
        hit.then(|| self.which(coder, waiting, first, motion, mate))
    }

    /// Codes which of the records is answered that wait for the place of `first`.
    #[inline(always)]
    fn which<C: Coder>(
        &mut self,
        coder: &mut C,
        waiting: &mut Waiting,
        first: Entry,
        motion: &Motion,
        mate: Option<usize>,
    ) -> usize {
        let mut taken = waiting.heap.pop();
        let mut entry = first;
        while let Some(&Reverse(next)) = waiting.heap.peek()
            && next.0 == first.0
            && waiting.passed.len() < MOST
        {
            let before = waiting.passed.len();
            let context = before.min(3) << 5
                | usize::from(record(entry) > self.last) << 4
                | (entry.1 >> 31 << 3 | motion.flags >> 2 & 4) as usize
                | self.ordered & 3;
            let is = self.which.code(coder, mate == Some(record(entry)), context);
            if before == 0 {
                self.ordered = self.ordered << 1 | usize::from(is);
            }
            if is {
                break;
            }
            waiting.passed.extend(taken);
            taken = waiting.heap.pop();
            entry = next;
        }
        waiting.heap.extend(waiting.passed.drain(..));
        self.last = record(entry);
        self.last
    }
}
