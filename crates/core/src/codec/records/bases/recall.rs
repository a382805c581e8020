//! Where the last bases stood before, on either strand: what followed them there is likely to follow again.

use super::letters::{Before, Guess};
use crate::codec::records::Level;

/// Bases that must agree: for a sure place, and for one that must be looked at.
const LONG: u32 = 24;
const SHORT: u32 = 12;

/// The bases that letters coded, and where each row of [`LONG`] and [`SHORT`] of them stands.
#[derive(Clone)]
pub(super) struct Recall {
    /// A ring of bases.
    bases: Vec<u8>,
    /// How many were put into the ring.
    count: u32,
    long: Vec<u32>,
    short: Vec<u32>,
    /// The place followed: the next base in the ring, or the one before it on the other strand.
    at: Option<(u32, bool)>,
    /// Bases it agreed in since the last that it did not, at most 32.
    length: u32,
    /// Which of its last 8 predictions failed.
    misses: u8,
    guessed: Option<u8>,
}

impl Recall {
    pub(super) fn new(level: Level) -> Self {
        let more = match level {
            Level::Fast => 0,
            Level::Default => 1,
            Level::Max => 3,
        };
        Self {
            bases: vec![0; 1 << (17 + more)],
            count: 0,
            long: vec![0; 1 << (15 + more)],
            short: vec![0; 1 << (15 + more)],
            at: None,
            length: 0,
            misses: 0,
            guessed: None,
        }
    }

    /// Forgets the place followed: what comes next does not go on from the base before.
    pub(super) fn leave(&mut self) {
        self.at = None;
    }

    #[inline]
    fn base(&self, at: u32) -> u8 {
        self.bases[at as usize & (self.bases.len() - 1)]
    }

    /// Whether a position is still in the ring.
    #[inline]
    fn holds(&self, at: u32) -> bool {
        self.count.wrapping_sub(at).wrapping_sub(1) < self.bases.len() as u32
    }

    /// The base that is expected behind `before`.
    pub(super) fn guess(&mut self, before: Before) -> Guess {
        if self.at.is_none() || self.length < 16 {
            self.look(before);
        }
        self.guessed = None;
        let (at, turned) = self.at?;
        if !self.holds(at) {
            self.at = None;
            return None;
        }
        let base = if turned {
            3 - self.base(at)
        } else {
            self.base(at)
        };
        self.guessed = Some(base);
        let misses = self.misses.count_ones().min(7) as u8;
        Some((base, (self.length.min(31) as u8) << 3 | misses))
    }

    /// Looks for a place where the last bases stood, if it agrees in more than the place followed.
    fn look(&mut self, before: Before) {
        for (order, long) in [(LONG, true), (SHORT, false)] {
            if before.count < order {
                continue;
            }
            let (place, turned) = self.key(before, order, long);
            let entry = if long {
                self.long[place]
            } else {
                self.short[place]
            };
            if entry == 0 {
                continue;
            }
            let (next, stored) = (entry >> 1, entry & 1 == 1);
            let turned = turned != stored;
            let at = if turned {
                next.wrapping_sub(order + 1)
            } else {
                next
            };
            let length = self.agreement(before, at, turned);
            if length >= order.min(16) && (self.at.is_none() || length > self.length) {
                self.at = Some((at, turned));
                self.length = length;
                self.misses = 0;
                return;
            }
        }
        if self.length == 0 && self.misses.count_ones() > 4 {
            self.at = None;
        }
    }

    /// How many of the last bases agree with those that lead to a place.
    fn agreement(&self, before: Before, at: u32, turned: bool) -> u32 {
        let mut length = 0;
        while length < before.count {
            let there = if turned {
                at.wrapping_add(1 + length)
            } else {
                at.wrapping_sub(1 + length)
            };
            if !self.holds(there) {
                break;
            }
            let base = self.base(there);
            let base = if turned { 3 - base } else { base };
            if u64::from(base) != before.forward >> (2 * length) & 3 {
                break;
            }
            length += 1;
        }
        length
    }

    /// The place in a table of the last `order` bases, the same for both strands, and which strand it is.
    #[inline]
    fn key(&self, before: Before, order: u32, long: bool) -> (usize, bool) {
        let forward = before.forward & ((1 << (2 * order)) - 1);
        let reverse = before.reverse >> (64 - 2 * order);
        let key = forward
            .min(reverse)
            .wrapping_add(1)
            .wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let size = if long {
            self.long.len()
        } else {
            self.short.len()
        };
        ((key >> (64 - size.ilog2())) as usize, reverse < forward)
    }

    /// Puts the base behind `before` into the ring, and goes on.
    pub(super) fn learn(&mut self, base: u8, before: Before) {
        for (order, long) in [(LONG, true), (SHORT, false)] {
            if before.count >= order {
                let (place, turned) = self.key(before, order, long);
                let entry = self.count << 1 | u32::from(turned);
                if long {
                    self.long[place] = entry;
                } else {
                    self.short[place] = entry;
                }
            }
        }
        let mask = self.bases.len() - 1;
        self.bases[self.count as usize & mask] = base;
        // Entries have 31 bits for it.
        self.count = (self.count + 1) & 0x7fff_ffff;
        if let (Some((at, turned)), Some(guessed)) = (self.at, self.guessed) {
            let right = guessed == base;
            self.length = if right { (self.length + 1).min(32) } else { 0 };
            self.misses = self.misses << 1 | u8::from(!right);
            let next = if turned {
                at.wrapping_sub(1)
            } else {
                at.wrapping_add(1)
            };
            self.at = Some((next, turned));
        }
    }
}
