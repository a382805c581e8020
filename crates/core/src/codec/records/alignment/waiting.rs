//! Records that wait for their mates, by the position where these are expected, and the decision whether the next
//! record is the one expected first.

use std::collections::BTreeSet;

use super::motion::{Motion, scale};
use crate::codec::mixing::{Coder, Mixer};

/// A place on the references as a number that grows in sorted files; records without a reference come last.
pub(in crate::codec::records) fn key(reference: i32, position: i32) -> u64 {
    u64::from(reference as u32) << 32 | u64::from(position as u32 ^ 1 << 31)
}

/// The place that a key stands for.
pub(in crate::codec::records) fn place(key: u64) -> (i32, i32) {
    ((key >> 32) as i32, (key as u32 ^ 1 << 31) as i32)
}

/// Farther mates are all alike, in bases.
const FAR: u64 = 1 << 20;

/// Candidates at one place that are told apart; further ones wait until these are gone.
const MOST: usize = 64;

/// The records of a chunk that wait for their mates.
#[derive(Default)]
pub(super) struct Waiting {
    /// Key of the expected mate; whether that lies reverse, in the highest bit, and the waiting record below.
    set: BTreeSet<(u64, u32)>,
    /// Those expected first, when [`Self::first`] was last asked.
    candidates: Vec<u32>,
}

impl Waiting {
    /// Lets a record wait.
    pub(super) fn add(&mut self, expected: u64, reverse: bool, record: usize) {
        self.set.insert((expected, entry(reverse, record)));
    }

    /// Forgets those whose mates should have stood before `now`; says where the next is expected.
    pub(super) fn first(&mut self, now: u64) -> Option<u64> {
        while self.set.first().is_some_and(|&(key, _)| key < now) {
            self.set.pop_first();
        }
        self.candidates.clear();
        let &(key, _) = self.set.first()?;
        let here = self.set.range((key, 0)..=(key, u32::MAX));
        self.candidates.extend(here.take(MOST).map(|&(_, who)| who));
        Some(key)
    }
}

fn entry(reverse: bool, record: usize) -> u32 {
    u32::from(reverse) << 31 | record as u32 & 0x7fff_ffff
}

fn record(entry: u32) -> usize {
    (entry & 0x7fff_ffff) as usize
}

/// What has been learnt of mates' arrival.
#[derive(Clone)]
pub(super) struct Arrivals {
    events: Mixer<6, 1>,
    which: Mixer<3, 1>,
    /// The record that was answered last, and whether the answers before it came in order.
    last: u32,
    ordered: u32,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self {
            events: Mixer::new(8, 400),
            which: Mixer::new(7, 255),
            last: 0,
            ordered: 0,
        }
    }

    /// Codes whether the next record is a mate that is expected first, at `expected`, and whose: `mate` when encoding,
    /// if the next record stands there.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        waiting: &mut Waiting,
        expected: u64,
        motion: &mut Motion,
        mate: Option<usize>,
        positions: &[i32],
    ) -> Option<usize> {
        let found = mate.and_then(|mate| {
            let is = |&who: &u32| record(who) == mate;
            waiting.candidates.iter().position(is)
        });
        let count = waiting.candidates.len();
        let reverse = waiting.candidates[0] >> 31;
        let distance = (expected - motion.key.min(expected)).min(FAR);
        let near = if distance < 24 {
            distance as u32
        } else {
            // From 9, the scale of 24, on.
            scale(distance) + 15
        };
        let density = motion.density();
        let history = motion.arrivals & 3;
        let at = u32::from(distance == 0);
        let turned = reverse * 2 + (motion.flags >> 4 & 1);
        let contexts = [
            near << 8 | density,
            near << 8 | count.min(6) as u32,
            distance.min(500) as u32,
            density << 1 | at,
            near << 16 | motion.short_density() << 1 | u32::from(motion.steps[0] == 0),
            at << 8 | (count.min(4) as u32) << 4 | turned,
        ];
        self.events.turn(&contexts, 0);
        let hit = found.is_some();
        let hit = self
            .events
            .bit(coder, hit, 1 + history as usize, near.min(200) as usize);
        motion.arrivals = motion.arrivals << 1 | u32::from(hit);
        if !hit {
            return None;
        }
        let mut answer = count - 1;
        for at in 0..count - 1 {
            let who = waiting.candidates[at];
            let later = u32::from(who & 0x7fff_ffff > self.last);
            let start = positions[record(who)];
            // Equal starts mostly keep their order.
            let earlier = &waiting.candidates[..at];
            let blocked = earlier.iter().any(|&who| positions[record(who)] == start);
            let later = later | u32::from(blocked) << 1;
            let contexts = [
                (at.min(7) as u32) << 4 | (count - at).min(9) as u32,
                later << 8 | (who >> 31) << 4 | (motion.flags >> 4 & 1) << 3 | self.ordered & 7,
                (count.min(40) as u32) << 8 | at.min(40) as u32,
            ];
            self.which.turn(&contexts, 0);
            if self.which.bit(coder, found == Some(at), 1, at.min(15)) {
                answer = at;
                break;
            }
        }
        let who = waiting.candidates[answer];
        if count > 1 {
            self.ordered = self.ordered << 1 | u32::from(answer == 0);
        }
        self.last = who & 0x7fff_ffff;
        waiting.set.remove(&(expected, who));
        Some(record(who))
    }
}
