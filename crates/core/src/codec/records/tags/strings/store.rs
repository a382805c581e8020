//! What has been seen: a ring of text in which values lie, each at most once while it is fresh, and from which the
//! next characters are foretold; and which value went with which key last.

use super::super::super::super::mixing::hash;

/// Bytes of the ring: a few thousand values of usual length.
const RING: usize = 1 << 17;

/// Values longer than this (bytes) are not kept.
pub(super) const LONGEST: usize = 2048;

/// Places by hash of the characters before them (2^14), values by hash (2^13), and associations (2^14).
const PLACES: usize = 1 << 14;
const VALUES: usize = 1 << 13;
const ASSOCIATIONS: usize = 1 << 14;

/// Characters that must agree for a foretelling.
const LEAST_MATCH: usize = 5;

/// Where a kept value starts, counted from the first byte ever kept, and its length.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kept {
    start: u32,
    length: u32,
    /// Its hash, so that a place which was written over is noticed.
    hash: u32,
}

/// What a key went with.
#[derive(Clone, Copy, Default)]
struct Association {
    key: u32,
    value: Kept,
    /// How often in a row it was so.
    streak: u32,
}

/// The store. See the module's head.
#[derive(Clone)]
pub(super) struct Store {
    ring: Vec<u8>,
    written: u32,
    values: Vec<Kept>,
    places: Vec<u32>,
    associations: Vec<Association>,
}

/// A place in the ring whose characters are expected to come, and how many before it agreed.
#[derive(Clone, Copy, Default)]
pub(super) struct Match {
    place: u32,
    pub(super) length: u32,
}

impl Kept {
    /// Whether it is the value with this digest.
    pub(super) fn is_digest(self, digest: u32) -> bool {
        self != Self::default() && self.hash == digest
    }
}

impl Store {
    pub(super) fn new() -> Self {
        Self {
            ring: vec![0; RING],
            written: 1,
            values: vec![Kept::default(); VALUES],
            places: vec![0; PLACES],
            associations: vec![Association::default(); ASSOCIATIONS],
        }
    }

    /// Whether `place` has not been written over.
    fn is_fresh(&self, place: u32) -> bool {
        let age = self.written.wrapping_sub(place) as usize;
        age > 0 && age <= RING
    }

    fn byte(&self, place: u32) -> u8 {
        self.ring[place as usize % RING]
    }

    /// Whether a kept value is still there.
    pub(super) fn has(&self, kept: Kept) -> bool {
        kept != Kept::default() && self.is_fresh(kept.start)
    }

    /// Copies a kept value to `into`; false if it is not there any more.
    pub(super) fn fetch(&self, kept: Kept, into: &mut Vec<u8>) -> bool {
        into.clear();
        if !self.has(kept) {
            return false;
        }
        let first = kept.start as usize % RING;
        let length = kept.length as usize;
        let whole = length.min(RING - first);
        into.extend_from_slice(&self.ring[first..first + whole]);
        into.extend_from_slice(&self.ring[..length - whole]);
        true
    }

    /// Whether a kept value is `value`, whose hash is `hash`.
    pub(super) fn is(&self, kept: Kept, value: &[u8], hash: u32) -> bool {
        kept.hash == hash
            && kept.length as usize == value.len()
            && kept != Kept::default()
            && self.is_fresh(kept.start)
            && (0..)
                .zip(value)
                .all(|(at, &byte)| self.byte(kept.start.wrapping_add(at)) == byte)
    }

    /// Keeps `value`, unless it is there already and not soon to be written over; its hash is `hash`.
    pub(super) fn keep(&mut self, value: &[u8], hash: u32) -> Kept {
        if value.len() > LONGEST {
            return Kept::default();
        }
        let slot = (hash >> 16) as usize % VALUES;
        let known = self.values[slot];
        if self.is(known, value, hash)
            && self.written.wrapping_sub(known.start) as usize <= RING / 2
        {
            return known;
        }
        let kept = Kept {
            start: self.written,
            length: value.len() as u32,
            hash,
        };
        for &byte in value.iter().chain(&[0]) {
            self.ring[self.written as usize % RING] = byte;
            self.written = self.written.wrapping_add(1);
            let slot = self.place_slot(&[], self.written);
            self.places[slot] = self.written;
        }
        self.values[slot] = kept;
        kept
    }

    /// The slot for the place behind the last characters before `end` in the ring, or of `text`.
    fn place_slot(&self, text: &[u8], end: u32) -> usize {
        let mut state = 0u32;
        for back in 1..=LEAST_MATCH {
            let byte = if text.is_empty() {
                self.byte(end.wrapping_sub(back as u32))
            } else {
                text[text.len() - back]
            };
            state = hash(state, byte.into(), 91, 0);
        }
        (state >> 8) as usize % PLACES
    }

    /// Where what comes after `text` may stand.
    pub(super) fn find(&self, text: &[u8]) -> Match {
        let mut found = Match::default();
        if text.len() < LEAST_MATCH {
            return found;
        }
        found.place = self.places[self.place_slot(text, 0)];
        while found.length < 32
            && text.len() > found.length as usize
            && self.is_fresh(found.place.wrapping_sub(found.length + 1))
            && self.byte(found.place.wrapping_sub(found.length + 1))
                == text[text.len() - 1 - found.length as usize]
        {
            found.length += 1;
        }
        if (found.length as usize) < LEAST_MATCH {
            return Match::default();
        }
        found
    }

    /// The character that a match foretells.
    pub(super) fn foretold(&self, found: Match) -> Option<u8> {
        (found.length > 0 && self.is_fresh(found.place)).then(|| self.byte(found.place))
    }

    /// Goes on behind `character`, which came after `text`.
    pub(super) fn follow(&self, found: Match, character: u8, text: &[u8]) -> Match {
        if self.foretold(found) == Some(character) {
            Match {
                place: found.place.wrapping_add(1),
                length: found.length.saturating_add(1),
            }
        } else {
            self.find(text)
        }
    }

    /// What went with `key` last, and how often in a row.
    pub(super) fn associated(&self, key: u32) -> (Kept, u32) {
        let association = self.associations[(key >> 8) as usize % ASSOCIATIONS];
        if association.key == key {
            (association.value, association.streak)
        } else {
            (Kept::default(), 0)
        }
    }

    /// Notes that `value` goes with `key`; returns whether that is what was known.
    pub(super) fn associate(&mut self, key: u32, value: Kept) -> bool {
        let association = &mut self.associations[(key >> 8) as usize % ASSOCIATIONS];
        let same = association.key == key;
        let hit = same
            && association.value.hash == value.hash
            && association.value.length == value.length;
        if hit {
            association.streak = association.streak.saturating_add(1).min(255);
        } else if !same {
            // The key is new here: what it writes over may come again, but the table is large enough.
            *association = Association {
                key,
                value,
                streak: 0,
            };
        } else {
            association.streak = 0;
        }
        association.value = value;
        hit
    }
}
