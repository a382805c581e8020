//! The match search all levels share: one hash probe for a position and the next at a time.
//!
//! Positions are probed in pairs. A match of eight bytes or more at the first position wins,
//! then one of eight or more at the second, then one of four to seven at the first, then at the
//! second. A probe's distance is cut to 15 bits before the bytes are compared, so an old entry
//! may give a match at another place than the one that was hashed. After a match only its
//! first positions enter the table, or, after a very long one, its last.

use super::{Generation, hash};

/// Longest match of DEFLATE.
const MAX_MATCH: usize = 258;

/// Shortest match that is used.
const MIN_MATCH: usize = 4;

/// A match this long is written as several at once, up to [`MAX_EMIT`].
pub(super) const LONG_MATCH: usize = 264;

/// Longest match that is followed; in the early generation, [`MAX_MATCH`].
const MAX_EMIT: usize = MAX_MATCH * 16;

/// Distances are cut to this many bits, less one: DEFLATE's window.
const DISTANCE_MASK: u16 = 0x7fff;

/// Bytes at the end that the search by pairs leaves to [`Search::finish`].
const BODY_END: usize = 16;

/// [`BODY_END`] of the early generation.
const EARLY_BODY_END: usize = 288;

/// Bytes at the end that are always literals or inside a match that starts before.
const LITERAL_END: usize = 3;

/// Takes what the search finds, in order. Distances are one less than DEFLATE's.
pub(super) trait Sink {
    /// Whether there is no room for more: the search may then stop.
    fn is_full(&self) -> bool;
    fn literal(&mut self, byte: u8);
    fn pair(&mut self, length: usize, distance: u16);

    #[inline]
    fn two_literals(&mut self, first: u8, second: u8) {
        self.literal(first);
        self.literal(second);
    }

    #[inline]
    fn literal_and_pair(&mut self, byte: u8, length: usize, distance: u16) {
        self.literal(byte);
        self.pair(length, distance);
    }
}

/// What two positions gave; a match's length may be beyond [`MAX_MATCH`].
pub(super) enum Step {
    Literals,
    Match { length: usize, distance: u16 },
    LiteralAndMatch { length: usize, distance: u16 },
}

/// Content, hash table (`SLOTS` is a power of two) and place of the search.
pub(super) struct Search<'a, const SLOTS: usize> {
    content: &'a [u8],
    mask: u16,
    longest: usize,
    head: [u16; SLOTS],
    /// The position to code next.
    pub(super) at: usize,
    /// Slots of the position to code next and of the one after it.
    pub(super) slots: [u16; 2],
    /// Slots of the two positions after those, as the last step computed them.
    pub(super) next_slots: [u16; 2],
}

impl<'a, const SLOTS: usize> Search<'a, SLOTS> {
    /// A search of `content` from `start`, with `entries` of the table in use.
    pub(super) fn new(
        generation: Generation,
        content: &'a [u8],
        start: usize,
        entries: usize,
    ) -> Self {
        let (mask, longest) = match generation {
            Generation::Early => ((entries - 1) as u16, MAX_MATCH),
            Generation::Late { .. } => (hash::mask(entries, content.len()), MAX_EMIT),
        };
        Self {
            content,
            mask,
            longest,
            head: [start as u16; SLOTS],
            at: start,
            slots: [0; 2],
            next_slots: [0; 2],
        }
    }

    /// The slot of a position.
    #[inline]
    pub(super) fn slot(&self, position: usize) -> u16 {
        self.slot_of(self.word(position))
    }

    /// The slot of the low four bytes of a word.
    #[inline]
    pub(super) fn slot_of(&self, word: u64) -> u16 {
        hash::of(word) & self.mask
    }

    /// Puts a position into a slot.
    #[inline]
    pub(super) fn insert(&mut self, slot: u16, position: usize) {
        self.head[usize::from(slot) & (SLOTS - 1)] = position as u16;
    }

    /// Puts the two positions after the pair at `at` into the slots the last step computed.
    #[inline]
    pub(super) fn insert_next(&mut self, at: usize) {
        let [first, second] = self.next_slots;
        self.insert(first, at + 2);
        self.insert(second, at + 3);
    }

    /// Length of the content.
    pub(super) fn length(&self) -> usize {
        self.content.len()
    }

    #[inline]
    pub(super) fn byte(&self, position: usize) -> u8 {
        self.content.get(position).copied().unwrap_or_default()
    }

    /// Takes the slots of the position to code next and of the one after from the content.
    #[inline]
    pub(super) fn refresh_slots(&mut self) {
        let word = self.word(self.at);
        self.slots = [self.slot_of(word), self.slot_of(word >> 8)];
    }

    /// Eight bytes, four at the end of the content, of a position.
    #[inline]
    fn word(&self, position: usize) -> u64 {
        let tail = self.content.get(position..).unwrap_or_default();
        match tail.first_chunk::<8>() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => tail
                .first_chunk::<4>()
                .map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes))),
        }
    }

    /// Exchanges a slot's position for `position`: the distance to it, less one, cut to 15 bits.
    #[inline]
    fn probe(&mut self, slot: u16, position: usize) -> u16 {
        let entry = &mut self.head[usize::from(slot) & (SLOTS - 1)];
        let seen = std::mem::replace(entry, position as u16);
        (position as u16).wrapping_sub(1).wrapping_sub(seen) & DISTANCE_MASK
    }

    /// The word a distance, less one, before a position.
    #[inline]
    fn word_before(&self, position: usize, distance: u16) -> u64 {
        self.word(position.wrapping_sub(usize::from(distance) + 1))
    }

    /// Probes and inserts the next two positions, which must be [`BODY_END`] from the end.
    #[inline]
    pub(super) fn step(&mut self) -> Step {
        let (first, second) = (self.at, self.at + 1);
        let distance = self.probe(self.slots[0], first);
        let distance2 = self.probe(self.slots[1], second);
        let (word, word2) = (self.word(first), self.word(second));
        self.next_slots = [self.slot_of(word >> 16), self.slot_of(word >> 24)];
        let different = word ^ self.word_before(first, distance);
        if different == 0 {
            let length = self.match_length(first, distance, 8, self.longest);
            return Step::Match { length, distance };
        }
        let different2 = word2 ^ self.word_before(second, distance2);
        if different2 == 0 {
            return Step::LiteralAndMatch {
                length: self.match_length(second, distance2, 8, self.longest),
                distance: distance2,
            };
        }
        if different as u32 == 0 {
            let length = different.trailing_zeros() as usize / 8;
            return Step::Match { length, distance };
        }
        if different2 as u32 == 0 {
            return Step::LiteralAndMatch {
                length: different2.trailing_zeros() as usize / 8,
                distance: distance2,
            };
        }
        Step::Literals
    }

    /// Length of the match at a position, from `known` bytes on, to the end or `most` bytes.
    fn match_length(&self, position: usize, distance: u16, known: usize, most: usize) -> usize {
        let most = most.min(self.content.len() - position);
        let source = position.wrapping_sub(usize::from(distance) + 1);
        let mut length = known;
        while length + 8 <= most {
            let different = self.word(position + length) ^ self.word(source + length);
            if different != 0 {
                return length + different.trailing_zeros() as usize / 8;
            }
            length += 8;
        }
        while length < most && self.byte(position + length) == self.byte(source + length) {
            length += 1;
        }
        length
    }

    /// Writes a match of [`LONG_MATCH`] or more at the position to code next as several, and
    /// moves past it. Up to five of its bytes may be left over, to be coded next.
    pub(super) fn emit_long(&mut self, mut length: usize, distance: u16, sink: &mut impl Sink) {
        while length >= LONG_MATCH {
            sink.pair(MAX_MATCH, distance);
            self.at += MAX_MATCH;
            length -= MAX_MATCH;
        }
        let length = length.min(MAX_MATCH);
        sink.pair(length, distance);
        self.at += length;
    }

    /// Inserts the last four positions before the one to code next, as after a long match.
    pub(super) fn insert_last(&mut self) {
        for position in self.at - 4..self.at {
            self.insert(self.slot(position), position);
        }
    }

    /// Codes the first byte: it has nothing before it to match.
    pub(super) fn first(&mut self, sink: &mut impl Sink) {
        self.insert(self.slot(self.at), self.at);
        sink.literal(self.byte(self.at));
        self.at += 1;
    }

    /// Codes what the search by pairs left, one position at a time; `begun` says whether a
    /// first byte is behind.
    pub(super) fn finish(&mut self, begun: bool, sink: &mut impl Sink) {
        let end = self.content.len().saturating_sub(LITERAL_END);
        if !begun && self.at < end {
            self.first(sink);
        }
        while self.at < end && !sink.is_full() {
            match self.match_here() {
                Some((length, distance)) => {
                    let inserted = self.at + 1..self.at + 3;
                    self.at += length;
                    if self.at < end {
                        for position in inserted {
                            self.insert(self.slot(position), position);
                        }
                    }
                    sink.pair(length, distance);
                }
                None => {
                    sink.literal(self.byte(self.at));
                    self.at += 1;
                }
            }
        }
        while self.at < self.content.len() && !sink.is_full() {
            sink.literal(self.byte(self.at));
            self.at += 1;
        }
    }

    /// Probes and inserts the position to code next. Unlike the search by pairs, this takes
    /// the distance as it is and drops it when too long.
    fn match_here(&mut self) -> Option<(usize, u16)> {
        let slot = self.slot(self.at);
        let entry = &mut self.head[usize::from(slot) & (SLOTS - 1)];
        let seen = std::mem::replace(entry, self.at as u16);
        let distance = (self.at as u16).wrapping_sub(seen).wrapping_sub(1);
        if distance >= DISTANCE_MASK {
            return None;
        }
        let length = self.match_length(self.at, distance, 0, MAX_MATCH);
        (length >= MIN_MATCH).then_some((length, distance))
    }
}

/// Where the search by pairs ends in this content.
pub(super) fn body_end(generation: Generation, content: &[u8]) -> usize {
    content.len().saturating_sub(match generation {
        Generation::Early => EARLY_BODY_END,
        Generation::Late { .. } => BODY_END,
    })
}

/// A match's length as DEFLATE can say it.
#[inline]
pub(super) fn cut(length: usize) -> usize {
    length.min(MAX_MATCH)
}
