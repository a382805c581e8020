//! Character model: texts of any bytes but NUL, given the text of the same kind before.
//!
//! A text is seen as fields, each ended by a character that is no letter or digit, and a character is predicted from
//! the one in the same place of the same field before, from what stands before it, and from the last text that went
//! the same way (barcodes and whole names come again).

use std::cmp::Ordering;

use super::LONGEST;
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use crate::codec::wire::damaged;

/// Contexts.
const CONTEXTS: usize = 7;
/// Where many texts are expected their tables have 2^12 blocks each, 1.8 MB in all; else few.
const TABLE_BITS: [u32; 2] = [6, 12];
/// Slots learn from so many bits at most: names are stationary.
const LIMIT: u32 = 255;
/// Bits of the number of bytes of text that are remembered, few or many, and of the places to find them by.
const HISTORY_BITS: [u32; 2] = [12, 19];
const PLACES_BITS: [u32; 2] = [10, 17];
/// Of a place, so many bits are the position; the others check the hash.
const POSITION_BITS: u32 = HISTORY_BITS[1];
/// Characters that must agree with an earlier text before it is asked what comes next.
const LEAST_MATCH: usize = 4;

/// Characters by rank, commonest first: short codes for those that are used.
#[derive(Clone)]
pub(super) struct Alphabet {
    by_rank: [u8; 256],
    ranks: [u8; 256],
}

impl Alphabet {
    /// The alphabet in which `first` have the lowest ranks (a repeated character counts once).
    pub(super) fn new(first: &[u8]) -> Self {
        let mut this = Self {
            by_rank: [0; 256],
            ranks: [0; 256],
        };
        let mut known = [false; 256];
        let mut rank = 0usize;
        for byte in first.iter().copied().chain(0..=255) {
            if !std::mem::replace(&mut known[usize::from(byte)], true) {
                this.by_rank[rank] = byte;
                this.ranks[usize::from(byte)] = rank as u8;
                rank += 1;
            }
        }
        this
    }
}

/// The model.
#[derive(Clone)]
pub(super) struct Text {
    mixer: Mixer<CONTEXTS, 1>,
    alphabet: Alphabet,
    history: Vec<u8>,
    /// Length of the history less one.
    mask: usize,
    written: usize,
    places: Vec<u32>,
}

/// Where in a text, and in the text before, the next character stands.
struct Place<'a> {
    before: &'a [u8],
    /// Number of the field, characters of it so far, and where it starts in the text before and where it ends there.
    field: u32,
    in_field: usize,
    start: usize,
    end: usize,
    /// How the field compares so far, characters until now in order.
    compared: Ordering,
    field_hash: u32,
    whole_hash: u32,
    last: u32,
    /// The earlier text that agrees: where it goes on in the history, and for how many characters it has.
    matched: Option<usize>,
    length: usize,
    /// Characters so far.
    characters: usize,
}

fn ends_field(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric()
}

impl<'a> Place<'a> {
    fn new(before: &'a [u8], matched: Option<usize>) -> Self {
        let mut this = Self {
            before,
            field: 0,
            in_field: 0,
            start: 0,
            end: 0,
            compared: Ordering::Equal,
            field_hash: 0,
            whole_hash: 0,
            last: 0,
            matched,
            length: 0,
            characters: 0,
        };
        this.find_end();
        this
    }

    fn find_end(&mut self) {
        let rest = &self.before[self.start..];
        let length = rest.iter().position(|&byte| ends_field(byte));
        self.end = self.start + length.unwrap_or(rest.len());
    }

    /// The character of the text before that stands `ahead` after the same place; 0 behind its end.
    fn same_place(&self, ahead: usize) -> u8 {
        let at = self.start + self.in_field + ahead;
        self.before.get(at).copied().unwrap_or(0)
    }

    fn step(&mut self, byte: u8) {
        if self.compared == Ordering::Equal {
            self.compared = byte.cmp(&self.same_place(0));
        }
        if ends_field(byte) {
            self.field += 1;
            self.in_field = 0;
            self.start = (self.end + 1).min(self.before.len());
            self.find_end();
            self.compared = Ordering::Equal;
            self.field_hash = 0;
        } else {
            self.in_field += 1;
            self.field_hash = hash(self.field_hash, byte.into(), 1, 0);
        }
        self.characters += 1;
        self.whole_hash = hash(self.whole_hash, byte.into(), 2, 0);
        self.last = self.last << 8 | u32::from(byte);
    }
}

impl Text {
    /// A model of few texts or `many`.
    pub(super) fn new(alphabet: Alphabet, many: bool) -> Self {
        let many = usize::from(many);
        let history = 1 << HISTORY_BITS[many];
        Self {
            mixer: Mixer::new(TABLE_BITS[many], LIMIT),
            alphabet,
            history: vec![0; history],
            mask: history - 1,
            written: 0,
            places: vec![0; 1 << PLACES_BITS[many]],
        }
    }

    /// Codes `text` behind what stands in `out`, given the text `before` and a small number `hint`; `kind` tells kinds
    /// of texts apart. What is in `out` becomes at most the longest name.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        text: &[u8],
        before: &[u8],
        (kind, hint): (u32, u32),
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut place = Place::new(before, None);
        for at in 0.. {
            let byte = text.get(at).copied().unwrap_or(0);
            let byte = self.character(coder, byte, &place, kind, hint);
            if byte == 0 {
                return Ok(());
            }
            if out.len() == LONGEST {
                return Err(damaged("a name is too long"));
            }
            out.push(byte);
            self.remember(&mut place, byte, kind);
        }
        Ok(())
    }

    /// Codes one character; 0 is the end.
    fn character<C: Coder>(
        &mut self,
        coder: &mut C,
        byte: u8,
        place: &Place<'_>,
        kind: u32,
        hint: u32,
    ) -> u8 {
        let field = place.field << 8 | place.in_field as u32 & 0xff;
        let (now, next) = (place.same_place(0), place.same_place(1));
        let (now, next) = (u32::from(now), u32::from(next));
        let compared = place.compared as i8 as u8 as u32 & 3;
        let length = (place.end - place.start) as u32;
        let expected = match place.matched {
            Some(at) => {
                u32::from(self.history[at & self.mask]) << 8 | (place.length.min(24) as u32 + 1)
            }
            None => 0,
        };
        let contexts = [
            hash(field, now, compared, hint),
            hash(place.field, place.field_hash, 0, 0),
            hash(field, now << 8 | next, compared, length),
            hash(place.last & 0xff_ffff, 3, 0, 0),
            hash(field, place.last & 0xff, 0, 0),
            hash(place.whole_hash, 1, 0, 0),
            hash(expected, place.matched.is_some().into(), 0, 0),
        ];
        let select = 16 * place.field.min(14) as usize;
        let mut bit = |this: &mut Self, bit: bool, node: usize| {
            this.mixer.bit(coder, bit, node, select + node)
        };
        let rank = u32::from(self.alphabet.ranks[usize::from(byte)]);
        self.mixer.turn(&contexts, kind);
        // Node 1: beyond the first four; 2 to 4: which of these; 5: beyond the first twelve; 6 to 12: which of these.
        let rank = if !bit(self, rank >= 4, 1) {
            let high = u32::from(bit(self, rank & 2 != 0, 2));
            high * 2 + u32::from(bit(self, rank & 1 != 0, 3 + high as usize))
        } else if !bit(self, rank >= 12, 5) {
            let mut done = 1;
            for shift in (0..3).rev() {
                let set = bit(self, rank.wrapping_sub(4) >> shift & 1 == 1, 5 + done);
                done = done * 2 + usize::from(set);
            }
            done as u32 - 8 + 4
        } else {
            let rest = rank.saturating_sub(12);
            let salt = hash(kind, 9, 0, 0);
            12 + self.mixer.symbol(coder, rest, 8, &contexts, salt, 240)
        };
        self.alphabet.by_rank[rank.min(255) as usize]
    }

    /// Learns how the text went on.
    fn remember(&mut self, place: &mut Place<'_>, byte: u8, kind: u32) {
        match place.matched {
            Some(at) if self.history[at & self.mask] == byte => {
                place.matched = Some(at + 1);
                place.length += 1;
            }
            _ => (place.matched, place.length) = (None, 0),
        }
        self.history[self.written & self.mask] = byte;
        self.written += 1;
        place.step(byte);
        // The last text with the same beginning; if none is known, the last field with the same beginning.
        let whole = hash(place.whole_hash, kind, 6, 0);
        let field = hash(place.field_hash, place.field, kind, 5);
        let count = place.characters;
        let fits = [count >= LEAST_MATCH, place.in_field >= LEAST_MATCH];
        let shift = 32 - self.places.len().ilog2();
        for (found, fits) in [whole, field].into_iter().zip(fits) {
            if fits {
                let check = found << POSITION_BITS;
                let position = (self.written & self.mask) as u32;
                let entry = &mut self.places[(found >> shift) as usize];
                let known = *entry & ((1 << POSITION_BITS) - 1);
                if place.matched.is_none() && known > 0 && *entry == check | known {
                    place.matched = Some(known as usize);
                }
                *entry = check | position;
            }
        }
    }
}
