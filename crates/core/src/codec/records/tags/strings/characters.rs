//! Values spelt out: each character given those before it and those that other values have at its place.

use super::Aligned;
use super::store::{Match, Store};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash, hash_bytes};

/// Contexts of a character.
const CONTEXTS: usize = 11;

/// What is known before a value is spelt out.
pub(super) struct Hints<'a> {
    /// Key of the column.
    pub(super) key: u32,
    /// The previous value.
    pub(super) previous: &'a [u8],
    /// The value of the record's mate or other linked record.
    pub(super) linked: Option<&'a [u8]>,
    /// The value of the column that is most like this one.
    pub(super) related: Option<&'a [u8]>,
    /// What the value depends on most, hashed.
    pub(super) attribute: u32,
    /// Numbers that may stand in the value.
    pub(super) numbers: &'a [i64; 3],
}

/// The model of characters.
#[derive(Clone)]
pub(super) struct Characters {
    mixer: Mixer<CONTEXTS, 24>,
}

/// A text that is followed while it agrees with what is coded.
struct Follower<'a> {
    text: Option<&'a [u8]>,
    agrees: bool,
}

impl Follower<'_> {
    /// The character at `at`: 0 at the end, 256 if there is no text.
    fn expected(&self, at: usize) -> u32 {
        self.text
            .map_or(256, |text| text.get(at).copied().unwrap_or(0).into())
    }
}

/// Numbers of which one may be what stands in the value: their digits, and how many agree.
struct Digits {
    texts: [([u8; 20], usize); 3],
    agreeing: [bool; 3],
    at: usize,
}

impl Digits {
    fn new(numbers: &[i64; 3]) -> Self {
        let texts = numbers.map(|number| {
            let mut text = [0u8; 20];
            let mut rest = number.unsigned_abs();
            let mut length = 0;
            while rest > 0 || length == 0 {
                text[length] = b'0' + (rest % 10) as u8;
                rest /= 10;
                length += 1;
            }
            text[..length].reverse();
            (text, length)
        });
        Self {
            texts,
            agreeing: [true; 3],
            at: 0,
        }
    }

    /// What number `which` expects next: its digit, 0 behind its end, 1 if it does not agree.
    fn expected(&self, which: usize) -> u32 {
        let (text, length) = &self.texts[which];
        match (self.agreeing[which], self.at < *length) {
            (false, _) => 1,
            (true, true) => text[self.at].into(),
            (true, false) => 0,
        }
    }

    fn follow(&mut self, character: u8) {
        if character.is_ascii_digit() {
            for which in 0..3 {
                self.agreeing[which] &= self.expected(which) == u32::from(character);
            }
            self.at += 1;
        } else {
            self.agreeing = [true; 3];
            self.at = 0;
        }
    }
}

impl Characters {
    /// A model with 2^`bits` blocks per context.
    pub(super) fn new(bits: u32) -> Self {
        Self {
            mixer: Mixer::new(bits, 255),
        }
    }

    /// Codes the value `truth`; `spelt` becomes what was coded. It may get `limit` bytes long.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        store: &Store,
        hints: &Hints<'_>,
        truth: &[u8],
        spelt: &mut Vec<u8>,
        limit: impl Fn(usize) -> Result<()>,
    ) -> Result<()> {
        spelt.clear();
        let key = hints.key;
        let mut prefix = key;
        let mut previous = Aligned::new(hints.previous);
        let mut previous_agrees = true;
        let mut linked = Follower {
            text: hints.linked,
            agrees: true,
        };
        let mut related = Follower {
            text: hints.related,
            agrees: true,
        };
        let mut digits = Digits::new(hints.numbers);
        let mut found = Match::default();
        let mut last = 0u32;
        loop {
            let at = spelt.len();
            let foretold = store.foretold(found).map_or(256, u32::from);
            let (p, l, r) = (
                previous.expected(),
                linked.expected(at),
                related.expected(at),
            );
            let agreeing = u32::from(previous_agrees)
                | u32::from(linked.agrees && l < 256) << 1
                | u32::from(related.agrees && r < 256) << 2;
            let place = at.min(60) as u32;
            let sure = found.length.min(24);
            let contexts = [
                hash(1, prefix, 0, 0),
                hash(2, key, last & 0xffff, place),
                hash(3, key, last, 0),
                hash(4, key, p | agreeing << 9 & 0x200, place.min(40)),
                hash(5, key, l | agreeing << 9 & 0x400, p),
                hash(6, key, r | agreeing << 9 & 0x800, 0),
                hash(7, prefix, hints.attribute, 0),
                hash(8, key, last & 0xff | r << 8, p),
                hash(9, key, last & 0xff_ffff, 0),
                hash(10, key, foretold | sure << 9, last & 0xff),
                hash(
                    11,
                    key,
                    digits.expected(0) | digits.expected(1) << 8 | digits.expected(2) << 16,
                    last & 0xff,
                ),
            ];
            let match_class = match found.length {
                0 => 0,
                1..8 => 1,
                8..16 => 2,
                _ => 3,
            };
            let selection = (match_class * 8 + agreeing as usize) * 8;
            let wanted = truth.get(at).copied().unwrap_or(0);
            let coded =
                self.mixer
                    .symbol(coder, wanted.into(), 8, &contexts, 1, selection) as u8;
            if coded == 0 {
                return Ok(());
            }
            limit(at + 1)?;
            previous_agrees &= u32::from(coded) == p;
            linked.agrees &= u32::from(coded) == l;
            related.agrees &= u32::from(coded) == r;
            previous.follow(coded);
            digits.follow(coded);
            spelt.push(coded);
            found = store.follow(found, coded, spelt);
            prefix = hash_bytes(&[coded], prefix);
            last = last << 8 | u32::from(coded);
        }
    }
}
