//! zlib's levels 4 to 9: a match is taken unless the next position has a longer one.

use super::block::{MAX_STORED, Symbol};
use super::search::{Effort, HALF, MIN_MATCH, Match, Search};
use std::ops::Range;

/// Matches of the shortest length are of no use from further back.
const TOO_FAR: usize = 4096;

/// How zlib searches at levels 4 to 9.
const EFFORTS: [Effort; 6] = [
    effort(4, 4, 16, 16),
    effort(8, 16, 32, 32),
    effort(8, 16, 128, 128),
    effort(8, 32, 128, 256),
    effort(32, 128, 258, 1024),
    effort(32, 258, 258, 4096),
];

const fn effort(good: usize, lazy: usize, nice: usize, chain: usize) -> Effort {
    Effort {
        good,
        lazy,
        nice,
        chain,
    }
}

/// Takes the symbols and blocks that zlib chooses.
pub(super) trait Taker {
    fn take(&mut self, symbol: Symbol);

    /// Symbols taken since the last block.
    fn count(&self) -> usize;

    /// Ends a block of this content; false if the rest is of no use.
    fn end_block(&mut self, content: &[u8], may_store: bool, last: bool) -> bool;
}

/// zlib's choice of symbols at one of the levels 4 to 9, for contents of one BGZF block.
pub(super) struct Lazy {
    effort: Effort,
    /// Symbols in a full block.
    full: usize,
    search: Search,
}

impl Lazy {
    /// zlib at this level and memory level, if they are followed here.
    pub(super) fn new(level: u8, memory: u8) -> Option<Lazy> {
        let effort = *EFFORTS.get(usize::from(level.checked_sub(4)?))?;
        let memory = u32::from(memory);
        Some(Lazy {
            effort,
            full: (1 << (memory + 6)) - 1,
            search: Search::new(memory + 7),
        })
    }

    /// Goes through `content`, of at most [`super::search::MAX_CONTENT`] bytes; false if the
    /// taker gave up.
    pub(super) fn run(&mut self, content: &[u8], taker: &mut impl Taker) -> bool {
        self.search.start(content);
        let length = content.len();
        // The place, and where the block started.
        let (mut at, mut start) = (0, 0);
        // What the place before has, and whether its byte waits for its symbol.
        let (mut before, mut waits) = (Match::NONE, false);
        let mut has_moved = false;
        while at < length {
            has_moved |= self.search.has_moved(at);
            let now = self.look(at, before.length);
            // Where the symbol ends that is taken here.
            let mut end = at;
            if before.length >= MIN_MATCH && now.length <= before.length {
                taker.take(Symbol::matched(before.length, before.distance));
                end = at - 1 + before.length;
                self.search.enter_all(at + 1..end);
                (at, before, waits) = (end, Match::NONE, false);
            } else {
                if waits {
                    taker.take(Symbol::literal(content[at - 1]));
                }
                (at, before, waits) = (at + 1, now, true);
            }
            if taker.count() == self.full {
                let may_store = may_store(start..end, has_moved);
                if !taker.end_block(&content[start..end], may_store, false) {
                    return false;
                }
                start = end;
            }
        }
        if waits {
            taker.take(Symbol::literal(content[length - 1]));
        }
        has_moved |= self.search.has_moved(length);
        taker.end_block(&content[start..], may_store(start..length, has_moved), true)
    }

    /// The match that zlib sees at a position after one of length `before`.
    #[inline]
    fn look(&mut self, at: usize, before: usize) -> Match {
        if self.search.content().len() - at < MIN_MATCH {
            return Match::NONE;
        }
        let candidates = self.search.enter(at);
        if before >= self.effort.lazy {
            return Match::NONE;
        }
        let found = self.search.longest(at, candidates, before, &self.effort);
        let is_far = found.length == MIN_MATCH && found.distance > TOO_FAR;
        if is_far { Match::NONE } else { found }
    }
}

/// Whether zlib may store a block: only what its window still holds.
fn may_store(range: Range<usize>, has_moved: bool) -> bool {
    range.len() <= MAX_STORED && !(has_moved && range.start < HALF)
}
