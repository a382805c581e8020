//! Where alternative alignments lie: the difference to the record's own place is the same for all reads of a repeat, so
//! differences are remembered, most recent first, with what followed each.

use super::super::super::super::mixing::{Coder, Mixer, hash};
use super::entry::Shape;
use crate::Result;
use crate::codec::wire::damaged;

/// Differences that are remembered, and how many of the oldest go at once when there are more.
const MOST: usize = 4096;
const OLDEST: usize = 512;

/// How far (bases) a difference may be from a remembered one to be told by it, and how many are looked at.
const NEAR: i64 = 64;
const LOOKED_AT: usize = 512;

/// Pairs of differences of which it is remembered what followed.
const PAIRS: usize = 4096;

/// Keys of a value that are kept for the next, and looked at lest one be told twice.
const LISTED: usize = 64;

/// Where an entry lies, seen from the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) reference: u32,
    /// Whether the strands differ.
    pub(super) turned: bool,
    pub(super) offset: i64,
}

impl Key {
    /// No entry's.
    pub(super) const NONE: Self = Self {
        reference: u32::MAX,
        turned: false,
        offset: 0,
    };

    fn digest(self) -> u32 {
        hash(self.reference, self.turned.into(), self.offset as u32, 51)
    }
}

/// What is remembered with a key.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) key: Key,
    next: Key,
    streak: u8,
    /// How the CIGAR was told, and the distance minus the record's own.
    pub(super) class: u8,
    pub(super) distance: i32,
    /// The last value that had the key.
    value: u32,
}

/// The place of a record, from which those of its entries are told.
#[derive(Clone, Copy)]
pub(super) struct Own {
    pub(super) reference: i32,
    pub(super) position: i64,
    pub(super) mate_reference: i32,
    pub(super) mate_position: i64,
    pub(super) shape: Shape,
    pub(super) length: i64,
    /// Whether entries are other parts of the read, which go on where the record's ends, and not other places of it.
    pub(super) parts: bool,
}

impl Own {
    /// What an entry's place is told from: the record's unclipped start, or its end at the longer clip.
    fn base(&self) -> i64 {
        match (self.parts, self.shape.left > self.shape.right) {
            (false, _) => self.position - self.shape.left,
            (true, true) => self.position,
            (true, false) => self.position + self.shape.on_reference,
        }
    }

    /// What of the entry lies there, as the distance from its position.
    fn corner(&self, turned: bool, shape: &Shape) -> i64 {
        let end = match (self.parts, self.shape.left > self.shape.right) {
            (false, _) => turned,
            (true, left) => left != turned,
        };
        match (self.parts, end) {
            (false, false) => -shape.left,
            (false, true) => shape.on_reference + shape.right,
            (true, false) => 0,
            (true, true) => shape.on_reference,
        }
    }

    /// The offset of an entry at `position`.
    pub(super) fn offset(&self, position: i64, turned: bool, shape: &Shape) -> i64 {
        let place = position + self.corner(turned, shape);
        if turned {
            place + self.base()
        } else {
            place - self.base()
        }
    }

    /// The position of an entry with `offset`.
    pub(super) fn position(&self, offset: i64, turned: bool, shape: &Shape) -> i64 {
        let place = if turned {
            offset.wrapping_sub(self.base())
        } else {
            offset.wrapping_add(self.base())
        };
        place.wrapping_sub(self.corner(turned, shape))
    }
}

/// The remembered keys.
#[derive(Clone)]
pub(super) struct Keys {
    /// The most recent last.
    known: Vec<Known>,
    pairs: Vec<(u32, Key)>,
    /// Keys of the value before.
    pub(super) before: Vec<Key>,
    now: Vec<Key>,
    first: Key,
    outcomes: u32,
    value: u32,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            known: Vec::new(),
            pairs: vec![(0, Key::NONE); PAIRS],
            before: Vec::new(),
            now: Vec::new(),
            first: Key::NONE,
            outcomes: 0,
            value: 0,
        }
    }

    /// Begins a value.
    pub(super) fn begin(&mut self) {
        self.value = self.value.wrapping_add(1);
        self.before = std::mem::take(&mut self.now);
        self.before.truncate(LISTED);
    }

    /// Whether the value has had the key lately.
    fn has_had(&self, key: Key) -> bool {
        self.now
            .iter()
            .rev()
            .take(LISTED)
            .any(|other| *other == key)
    }

    /// Notes a key that was told otherwise.
    pub(super) fn note(&mut self, key: Key, salt: u32) {
        let (last, pair) = self.pair(salt);
        self.remember(key, last, pair);
    }

    /// The last key, and a number for it and the one before it.
    fn pair(&self, salt: u32) -> (Key, u32) {
        let last = self.now.last().copied().unwrap_or(Key::NONE);
        let second = self.now.iter().rev().nth(1).copied().unwrap_or(Key::NONE);
        (last, hash(last.digest(), second.digest(), salt, 52))
    }

    /// Codes the key of entry `at` of `count`; `own` is the record's place.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        mixer: &mut Mixer<6, 1>,
        truth: Key,
        own: &Own,
        (at, count): (usize, usize),
        salt: u32,
    ) -> Result<Key> {
        let (last, pair) = self.pair(salt);
        let paired = self.pairs[pair as usize % PAIRS];
        let (next, streak) = match (self.now.last(), self.known.last()) {
            (Some(_), Some(known)) => (known.next, known.streak),
            _ => (self.first, 0),
        };
        let candidates = [
            if paired.0 == pair {
                paired.1
            } else {
                Key::NONE
            },
            next,
            self.before.get(at).copied().unwrap_or(Key::NONE),
        ];
        let place = at.min(6) as u32 | (count.min(12) as u32) << 4;
        let mut tried = 0u32;
        let mut told = None;
        for (kind, candidate) in candidates.into_iter().enumerate() {
            if candidate == Key::NONE
                || self.has_had(candidate)
                || candidates[..kind].contains(&candidate)
            {
                continue;
            }
            let agreeing = (0..3)
                .filter(|&other| candidates[other] == candidate)
                .map(|other| 1 << other)
                .sum::<u32>();
            let state = salt | agreeing << 8 | tried << 12;
            let contexts = [
                hash(1, state, 0, 0),
                hash(2, state, place, 0),
                hash(3, state, last.digest(), 0),
                hash(4, state, streak.into(), 0),
                hash(5, state, candidate.digest(), 0),
                hash(6, state, self.outcomes & 0xff, 0),
            ];
            mixer.turn(&contexts, 1);
            if mixer.bit(
                coder,
                candidate == truth,
                1,
                (agreeing | tried << 3) as usize,
            ) {
                told = Some(candidate);
                self.outcomes = self.outcomes << 2 | 1;
                break;
            }
            tried |= agreeing;
        }
        let key = match told {
            Some(key) => key,
            None => self.code_other(coder, mixer, truth, own, place, salt | tried << 8, last)?,
        };
        self.remember(key, last, pair);
        Ok(key)
    }

    /// Codes a key that did not follow from those before it.
    #[allow(clippy::too_many_arguments)]
    fn code_other<C: Coder>(
        &mut self,
        coder: &mut C,
        mixer: &mut Mixer<6, 1>,
        truth: Key,
        own: &Own,
        place: u32,
        state: u32,
        last: Key,
    ) -> Result<Key> {
        let contexts = [
            hash(11, state, 0, 0),
            hash(12, state, place, 0),
            hash(13, state, self.outcomes & 0xff, 0),
            hash(14, state, last.digest(), 0),
            hash(15, state, (self.known.len() / 64) as u32, 0),
            hash(16, state, self.outcomes & 0xf, place),
        ];
        let value = self.value;
        let left = || self.known.iter().rev().filter(|known| known.value != value);
        let rank = if C::DECODES {
            None
        } else {
            left().position(|known| known.key == truth)
        };
        if mixer.flag(coder, rank.is_some(), &contexts, 2) {
            self.outcomes = self.outcomes << 2 | 2;
            let rank = mixer.number(coder, rank.unwrap_or(0) as u64, &contexts, 3);
            let found = left().nth(usize::try_from(rank).unwrap_or(usize::MAX));
            return found
                .map(|known| known.key)
                .ok_or_else(|| damaged("a remembered place that there is not"));
        }
        let looked_at = || self.known.iter().rev().take(LOOKED_AT);
        let is_near = |known: &Known| {
            let key = known.key;
            (key.reference, key.turned) == (truth.reference, truth.turned)
                && (key.offset - truth.offset).abs() <= NEAR
        };
        let near = if C::DECODES {
            None
        } else {
            looked_at().position(is_near)
        };
        if mixer.flag(coder, near.is_some(), &contexts, 4) {
            self.outcomes <<= 2;
            let near = mixer.number(coder, near.unwrap_or(0) as u64, &contexts, 5);
            let found = looked_at().nth(usize::try_from(near).unwrap_or(usize::MAX));
            let key = found
                .ok_or_else(|| damaged("a near place that there is not"))?
                .key;
            let further = mixer.signed(coder, truth.offset.wrapping_sub(key.offset), &contexts, 6);
            let offset = key.offset.wrapping_add(further);
            return Ok(Key { offset, ..key });
        }
        self.outcomes = self.outcomes << 2 | 3;
        Ok(Self::code_new(coder, mixer, truth, own, state & 0xff, last))
    }

    /// Codes a key that is like none before.
    fn code_new<C: Coder>(
        coder: &mut C,
        mixer: &mut Mixer<6, 1>,
        truth: Key,
        own: &Own,
        salt: u32,
        last: Key,
    ) -> Key {
        let (own_reference, mate) = (own.reference as u32, own.mate_reference as u32);
        let contexts = [
            hash(21, salt, own_reference, 0),
            hash(22, salt, last.reference, 0),
            hash(23, salt, 0, 0),
            hash(24, salt, mate, 0),
            hash(25, salt, own_reference, last.reference),
            hash(
                26,
                salt,
                u32::from(own_reference == mate),
                u32::from(last == Key::NONE),
            ),
        ];
        let same = mixer.flag(coder, truth.reference == own_reference, &contexts, 7);
        let reference = if same {
            own_reference
        } else if mate != own_reference && mixer.flag(coder, truth.reference == mate, &contexts, 8)
        {
            mate
        } else {
            mixer.number(coder, truth.reference.into(), &contexts, 9) as u32
        };
        let turned = mixer.flag(coder, truth.turned, &contexts, 10);
        // Where the entry would lie beside the record, its mate, or at the start.
        let of = |position: i64| {
            if turned {
                position.wrapping_add(own.base())
            } else {
                position.wrapping_sub(own.base())
            }
        };
        let kind = u32::from(reference == own_reference)
            | u32::from(reference == mate) << 1
            | u32::from(turned) << 2;
        let contexts = [
            hash(31, salt, kind, 0),
            hash(32, salt, kind, reference),
            hash(33, salt, reference, 0),
            hash(34, salt, kind, (own.length / 16) as u32),
            hash(35, salt, kind, u32::from(last == Key::NONE)),
            hash(36, salt, 0, 0),
        ];
        let (by_mate, by_own) = (of(own.mate_position), of(own.position));
        let is_nearer = (truth.offset - by_mate).abs() < (truth.offset - by_own).abs();
        let from = match (reference == own_reference, reference == mate) {
            (true, true) if mixer.flag(coder, is_nearer, &contexts, 11) => by_mate,
            (true, _) => by_own,
            (false, true) => by_mate,
            (false, false) => of(0),
        };
        let difference = mixer.signed(coder, truth.offset.wrapping_sub(from), &contexts, 12);
        Key {
            reference,
            turned,
            offset: from.wrapping_add(difference),
        }
    }

    /// Puts a key before the others.
    fn remember(&mut self, key: Key, last: Key, pair: u32) {
        self.pairs[pair as usize % PAIRS] = (pair, key);
        match self.known.last_mut() {
            Some(known) if last != Key::NONE => {
                known.streak = if known.next == key {
                    known.streak.saturating_add(1).min(20)
                } else {
                    0
                };
                known.next = key;
            }
            _ => self.first = key,
        }
        let found = self.known.iter().rposition(|known| known.key == key);
        let mut known = match found {
            Some(found) => self.known.remove(found),
            None => Known {
                key,
                next: Key::NONE,
                streak: 0,
                class: 0xff,
                distance: i32::MIN,
                value: 0,
            },
        };
        known.value = self.value;
        if self.known.len() >= MOST {
            self.known.drain(..OLDEST);
        }
        self.known.push(known);
        self.now.push(key);
    }

    /// The key coded last.
    pub(super) fn last(&mut self) -> Option<&mut Known> {
        self.known.last_mut()
    }
}
