//! Flags, mapping qualities and lengths of a record.

use super::super::decisions::{Decisions, RANKS, Ranks};
use super::super::plain::{Numbers, Symbols};
use crate::codec::mixing::Coder;
use crate::codec::records::Records;
use crate::codec::records::alignment::classes::{Related, kind, mates_flags};
use crate::codec::records::alignment::motion::Motion;

/// What has been learnt of them.
#[derive(Clone)]
pub(super) struct Classes {
    decisions: Decisions,
    /// Flags of records of their own, and of others.
    flags: [Ranks; 2],
    flag_rank: usize,
    mapq: Ranks,
    same_mapq: Decisions,
    lengths: Symbols<256>,
    long: Numbers,
    /// The length that most records had lately, and how sure that is.
    usual: u64,
    votes: u32,
    /// Whether the last ones were usual.
    history: usize,
}

/// The usual length changes only when this many records more speak for another.
const MOST_VOTES: u32 = 255;

/// Lengths from here on are coded as numbers.
const LONG: u64 = 255;

/// Contexts of lengths, a few bits.
const LENGTH: usize = 64;

impl Classes {
    pub(super) fn new() -> Self {
        Self {
            decisions: Decisions::new(16 + 4 * LENGTH),
            flags: [Ranks::new(16, 8 * RANKS), Ranks::new(16, 4)],
            flag_rank: 0,
            mapq: Ranks::new(8, 2 * 4 * 4 * RANKS),
            same_mapq: Decisions::new(8 * RANKS),
            lengths: Symbols::new(4),
            long: Numbers::new(4),
            usual: 0,
            votes: 0,
            history: 0,
        }
    }

    /// Ranks flags and mapping qualities as `records` have them.
    pub(super) fn fit(&mut self, records: &Records) {
        let all = 0..records.count;
        let own = all.filter(|&record| records.links[record] == 0);
        self.flags[0].fit(own.map(|record| records.flags[record].into()));
        self.mapq.fit(records.mapq.iter().map(|&mapq| mapq.into()));
    }

    /// Codes what [`Self::fit`] chose.
    pub(super) fn parameters<C: Coder>(&mut self, coder: &mut C) {
        self.flags[0].code_list(coder);
        self.mapq.code_list(coder);
    }

    /// The length that most records had lately.
    pub(super) fn usual(&self) -> u64 {
        self.usual
    }

    /// A mapping quality's rank.
    #[inline(always)]
    pub(super) fn rank(&self, mapq: u32) -> usize {
        self.mapq.rank(mapq)
    }

    /// Codes flags of a record of its own.
    #[inline(always)]
    pub(super) fn flags<C: Coder>(
        &mut self,
        coder: &mut C,
        motion: &Motion,
        reference: i32,
        flags: u32,
    ) -> u32 {
        let still = usize::from(motion.steps[0] == 0);
        let class = usize::from(reference < 0) << 2 | still << 1 | (motion.arrivals & 1) as usize;
        let context = class * RANKS + self.flag_rank;
        let flags = self.flags[0].code(coder, flags, context, None);
        self.flag_rank = self.flags[0].rank(flags);
        flags
    }

    /// Codes flags of a record that belongs to another and is not all that this lets expect.
    pub(super) fn related_flags<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        related: Related,
        flags: u32,
    ) -> u32 {
        let other = u32::from(records.flags[related.record]);
        let expected = mates_flags(other);
        let context = related.kind as usize;
        let is = other & 1 == 1 && flags == expected;
        if other & 1 == 1 && self.decisions.code(coder, is, context) {
            return expected;
        }
        self.flags[1].code(coder, flags, context, None)
    }

    /// Codes a mapping quality, given flags.
    #[inline(always)]
    pub(super) fn mapq<C: Coder>(
        &mut self,
        coder: &mut C,
        motion: &Motion,
        records: &Records,
        related: Option<Related>,
        (flags, mapq): (u32, u32),
    ) -> u32 {
        // Unmapped, secondary or supplementary, properly paired.
        let class = match flags {
            _ if flags & 4 != 0 => 0,
            _ if flags & 0x900 != 0 => 1,
            _ if flags & 2 != 0 => 2,
            _ => 3,
        };
        let [one, two] = motion.mapq;
        let first = self.mapq.rank(one);
        let Some(related) = related else {
            let second = self.mapq.rank(two).min(3);
            let context = (class * 4 + second) * RANKS + first;
            return self.mapq.code(coder, mapq, context, None);
        };
        let other = u32::from(records.mapq[related.record]);
        let rank = self.mapq.rank(other);
        let context = (class * 2 + usize::from(one == other)) * RANKS + rank;
        if self.same_mapq.code(coder, mapq == other, context) {
            return other;
        }
        let context = ((4 + class) * 4 + first.min(3)) * RANKS + rank;
        self.mapq.code(coder, mapq, context, Some(other))
    }

    /// Codes how many bases the CIGAR takes (`taken`) and how many there are (`length`), given flags, of a record that is
    /// not all as usual; `span` is how far a mate known says that the record reaches. Gives both.
    pub(super) fn lengths<C: Coder>(
        &mut self,
        coder: &mut C,
        (taken, length): (u64, u32),
        records: &Records,
        record: usize,
        related: Option<Related>,
        span: Option<i64>,
    ) -> (u64, u32) {
        let flags = u32::from(records.flags[record]);
        let kind = kind(related) as usize;
        let other = related.map_or(0, |related| u64::from(records.lengths[related.record]));
        let span = span.map_or(0, |span| span.clamp(0, 2000) as u64);
        let usual = self.usual;
        let agrees = taken == u64::from(length);
        // What it may be: as usual, as far as the mate says, as the mate.
        let guesses = [usual, span, other];
        let context = kind * 16
            + usize::from(flags & 4 != 0) * 8
            + usize::from(span > 0 && span < usual) * 4
            + (self.history & 3);
        for (at, &guess) in guesses.iter().enumerate() {
            let known = at == 0 || kind == 1 && guess > 0 && !guesses[..at].contains(&guess);
            let is = agrees && taken == guess;
            if known && self.decisions.code(coder, is, 16 + LENGTH * at + context) {
                return (guess, guess as u32);
            }
        }
        let agrees = self.decisions.code(coder, agrees, 16 + 3 * LENGTH);
        let small = self.lengths.code(coder, taken.min(LONG) as usize, kind) as u64;
        let taken = if small < LONG {
            small
        } else {
            let more = self.long.code(coder, taken - LONG.min(taken), kind);
            more.wrapping_add(LONG)
        };
        if agrees {
            return (taken, taken as u32);
        }
        let difference = i64::from(length).wrapping_sub(taken as i64);
        let difference = self.long.signed(coder, difference, 3);
        (taken, (taken as i64).wrapping_add(difference) as u32)
    }

    /// Learns the length of a record's CIGAR.
    #[inline(always)]
    pub(super) fn learn(&mut self, taken: u64) {
        self.history = self.history << 1 | usize::from(taken == self.usual);
        if taken == self.usual {
            self.votes = (self.votes + 1).min(MOST_VOTES);
        } else if self.votes == 0 {
            self.usual = taken;
        } else {
            self.votes -= 1;
        }
    }
}
