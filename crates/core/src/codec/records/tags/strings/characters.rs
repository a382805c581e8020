//! Values spelt out: each character given those before it and those that other values have at its place.

use super::Aligned;
use super::store::{Match, Store};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash, hash_bytes};

/// Contexts of a character.
const CONTEXTS: usize = 12;

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
    /// The record's position as it is written.
    pub(super) position: u64,
}

/// The model of characters.
#[derive(Clone)]
pub(super) struct Characters {
    mixer: Mixer<CONTEXTS, 2>,
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

/// A number that what stands in the value may be near to, digit by digit.
#[derive(Clone, Copy)]
struct Near {
    digits: [u8; 20],
    length: usize,
    /// How the number compares so far: 0 equal, 1 one above in the last digit, 2 one below, 3 further away.
    state: u32,
}

impl Near {
    fn new(number: u64) -> Self {
        let mut digits = [b'0'; 20];
        let (mut rest, mut length) = (number, 0);
        while rest > 0 || length == 0 {
            digits[length] = b'0' + (rest % 10) as u8;
            rest /= 10;
            length += 1;
        }
        digits[..length].reverse();
        Self {
            digits,
            length,
            state: 0,
        }
    }

    /// What is expected as digit number `at`, with how sure that is.
    fn expected(&self, at: usize) -> u32 {
        let left = self.length.saturating_sub(at) as u32;
        if self.state == 3 {
            return 3 << 8 | left << 12;
        }
        let next = left > 1 && self.digits[at + 1] >= b'5';
        let digit = if left > 0 { self.digits[at] } else { 0 };
        u32::from(digit) | self.state << 8 | u32::from(next) << 10 | left << 12
    }

    fn follow(&mut self, digit: u8, at: usize) {
        if at >= self.length || self.state == 3 {
            self.state = 3;
            return;
        }
        // Tens carried over from digits before.
        let carried = [0, 10, -10, 0][self.state as usize];
        self.state = match i32::from(digit) + carried - i32::from(self.digits[at]) {
            0 => 0,
            1 => 1,
            -1 => 2,
            _ => 3,
        };
    }
}

/// The numbers that what stands in the value may be near to: the record's position, and the last two in the value.
struct Numbers {
    near: [Near; 3],
    /// The number so far, and its digits.
    now: u64,
    digits: usize,
    /// The last character that is no digit.
    separator: u32,
}

impl Numbers {
    fn new(position: u64) -> Self {
        Self {
            near: [position, 0, 0].map(Near::new),
            now: 0,
            digits: 0,
            separator: 0,
        }
    }

    fn expected(&self, which: usize) -> u32 {
        self.near[which].expected(self.digits)
    }

    fn follow(&mut self, character: u8) {
        if character.is_ascii_digit() {
            for near in &mut self.near {
                near.follow(character, self.digits);
            }
            self.now = self
                .now
                .wrapping_mul(10)
                .wrapping_add(u64::from(character - b'0'));
            self.digits += 1;
            return;
        }
        self.separator = character.into();
        if self.digits > 0 {
            if self.digits > 3 {
                self.near[2] = self.near[1];
                self.near[1] = Near::new(self.now);
            }
            for near in &mut self.near {
                near.state = 0;
            }
            (self.now, self.digits) = (0, 0);
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
        let mut numbers = Numbers::new(hints.position);
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
                if numbers.near[1].length > 3 {
                    hash(9, key, numbers.expected(1), numbers.separator)
                } else {
                    hash(10, key, last & 0xff_ffff, 0)
                },
                hash(13, key, foretold | sure << 9, last & 0xff),
                hash(11, key, numbers.expected(0), numbers.separator),
                hash(
                    12,
                    key,
                    numbers.expected(1),
                    numbers.expected(2) | numbers.separator << 20,
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
            numbers.follow(coded);
            spelt.push(coded);
            found = store.follow(found, coded, spelt);
            prefix = hash_bytes(&[coded], prefix);
            last = last << 8 | u32::from(coded);
        }
    }
}
