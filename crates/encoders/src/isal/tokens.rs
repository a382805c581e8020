//! Levels 1 and 2, first pass: literals and matches of the content, counted for their codes.
//!
//! As level 0's search, with a larger table at level 2, and with strides of literals that are
//! not searched where no match was found for long.

use super::Generation;
use super::search::{LONG_MATCH, Search, Sink, Step, body_end, cut};
use crate::deflate::codes::{distance_symbol, length_symbol};

/// Bytes without a match before the first stride.
const PATIENCE: usize = 2 << 10;

/// Shortest and longest stride, in bytes.
const STRIDE: (i64, i64) = (32, 128);

/// Strides before they get longer, by two bytes each.
const LONGER_AFTER: i64 = 512;

/// Strides grow no further than this level.
const MAX_STRIDE_LEVEL: i64 = (STRIDE.1 - STRIDE.0) / 2 + LONGER_AFTER;

/// A literal, or a match and its distance less one.
#[derive(Clone, Copy)]
pub(super) enum Token {
    Literal(u8),
    Pair { length: u16, distance: u16 },
}

/// Tokens in order, and how often each symbol occurs.
pub(super) struct Tokens {
    pub(super) list: Vec<Token>,
    pub(super) literals: [u32; 286],
    pub(super) distances: [u32; 30],
}

impl Sink for Tokens {
    fn is_full(&self) -> bool {
        false
    }

    fn literal(&mut self, byte: u8) {
        self.list.push(Token::Literal(byte));
        self.literals[usize::from(byte)] += 1;
    }

    fn pair(&mut self, length: usize, distance: u16) {
        self.list.push(Token::Pair {
            length: length as u16,
            distance,
        });
        self.literals[length_symbol(length).0] += 1;
        self.distances[distance_symbol(distance).0] += 1;
    }
}

/// Tokens of `content` from `start`, with a table of `SLOTS / 2` entries; the other half only
/// holds the slot of position 2 when its hash is not known.
pub(super) fn find<const SLOTS: usize>(
    generation: Generation,
    content: &[u8],
    start: usize,
) -> Tokens {
    let mut tokens = Tokens {
        list: Vec::with_capacity(content.len() / 2),
        literals: [0; 286],
        distances: [0; 30],
    };
    let mut search = Search::<SLOTS>::new(generation, content, start, SLOTS / 2);
    let end = body_end(generation, content);
    let mut begun = false;
    if start < end {
        begun = true;
        search.first(&mut tokens);
        search.refresh_slots();
        if let Generation::Late { stray } = generation {
            let unused = (SLOTS / 2) as u16;
            search.slots[1] = stray.map_or(unused, |word| search.slot_of(u64::from(word)));
        }
        if search.at < end {
            match generation {
                Generation::Early => early_body(&mut search, end, &mut tokens),
                Generation::Late { .. } => body(&mut search, start, end, &mut tokens),
            }
        }
    }
    search.finish(begun, &mut tokens);
    tokens
}

/// Codes positions up to `end` by pairs, as the early generation does.
fn early_body<const SLOTS: usize>(search: &mut Search<'_, SLOTS>, end: usize, tokens: &mut Tokens) {
    while search.at < end {
        let at = search.at;
        match search.step() {
            Step::Literals => {
                tokens.two_literals(search.byte(at), search.byte(at + 1));
                search.at = at + 2;
                search.slots = search.next_slots;
            }
            Step::Match { length, distance } => {
                tokens.pair(length, distance);
                search.insert_next(at);
                search.at = at + length;
                search.refresh_slots();
            }
            Step::LiteralAndMatch { length, distance } => {
                tokens.literal_and_pair(search.byte(at), length, distance);
                search.insert_next(at);
                search.insert(search.slot(at + 4), at + 4);
                search.at = at + 1 + length;
                search.refresh_slots();
            }
        }
    }
}

/// When to stop searching for a stride: the position, and how often it came to that lately.
struct Strides {
    next: usize,
    level: i64,
}

impl Strides {
    fn matched(&mut self, at: usize, length: usize) {
        self.next = at + PATIENCE;
        self.level -= length as i64;
    }

    /// Length of a stride from here; the position of the next is added after it.
    fn stride(&mut self) -> usize {
        self.level = (self.level + 1).clamp(0, MAX_STRIDE_LEVEL);
        self.next = PATIENCE.checked_shr(self.level as u32).unwrap_or(0);
        let stride = 2 * (self.level - LONGER_AFTER).max(0) + STRIDE.0;
        (stride / STRIDE.0 * STRIDE.0) as usize
    }
}

/// Codes positions up to `end` and sometimes beyond, by pairs.
fn body<const SLOTS: usize>(
    search: &mut Search<'_, SLOTS>,
    start: usize,
    end: usize,
    tokens: &mut Tokens,
) {
    let mut strides = Strides {
        next: start + PATIENCE,
        level: 0,
    };
    loop {
        let at = search.at;
        let (length, distance, skipped) = match search.step() {
            Step::Literals => {
                tokens.two_literals(search.byte(at), search.byte(at + 1));
                search.at = at + 2;
                // After a stride these are not the slots of the position, as in ISA-L.
                search.slots = search.next_slots;
                if search.at > end
                    || (search.at > strides.next && !stride(search, end, &mut strides, tokens))
                {
                    return;
                }
                continue;
            }
            Step::Match { length, distance } => (length, distance, 0),
            Step::LiteralAndMatch { length, distance } => {
                tokens.literal(search.byte(at));
                (length, distance, 1)
            }
        };
        search.at = at + skipped;
        if length >= LONG_MATCH {
            // One slot off for a match after a literal, as in ISA-L.
            search.insert_next(search.at);
            search.emit_long(length, distance, tokens);
            if search.at >= end {
                return;
            }
            search.insert_last();
        } else {
            search.insert_next(at);
            tokens.pair(cut(length), distance);
            search.at += cut(length);
            if search.at > end {
                return;
            }
            if skipped > 0 {
                search.insert(search.slot(at + 4), at + 4);
            }
            strides.matched(search.at, cut(length));
        }
        search.refresh_slots();
    }
}

/// Codes a stride of literals; false when that ends the search by pairs.
fn stride<const SLOTS: usize>(
    search: &mut Search<'_, SLOTS>,
    end: usize,
    strides: &mut Strides,
    tokens: &mut Tokens,
) -> bool {
    let stop = search.at + strides.stride();
    // A stride beyond the content only goes on to the end of the search by pairs.
    let stop = if stop > search.length() {
        end.max(search.at + 1)
    } else {
        stop
    };
    while search.at < stop {
        tokens.two_literals(search.byte(search.at), search.byte(search.at + 1));
        search.at += 2;
    }
    strides.next += search.at;
    search.at < end
}
