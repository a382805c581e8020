//! Flags, mapping qualities and lengths of a record.

use super::motion::{Motion, scale};
use super::ranked::Ranked;
use crate::codec::mixing::{Coder, Mixer, hash};
use crate::codec::records::Records;

/// The record that the one being coded is known to belong to.
#[derive(Clone, Copy)]
pub(in crate::codec::records) struct Related {
    /// Its number.
    pub(in crate::codec::records) record: usize,
    /// 1 if found by position, 2 if it is the record before.
    pub(in crate::codec::records) kind: u32,
}

/// 0 for a record of its own, else how it was found.
pub(in crate::codec::records) fn kind(related: Option<Related>) -> u32 {
    related.map_or(0, |related| related.kind)
}

/// The flags that a mate of a record with `flags` has, if it is as usual.
pub(in crate::codec::records) fn mates_flags(flags: u32) -> u32 {
    let swapped = |one: u32, other: u32| {
        let there = |bit: u32, to: u32| if flags & bit != 0 { to } else { 0 };
        there(one, other) | there(other, one)
    };
    flags & 0x603 | swapped(0x10, 0x20) | swapped(4, 8) | swapped(0x40, 0x80)
}

/// What has been learnt of them.
#[derive(Clone)]
pub(super) struct Classes {
    flags: Mixer<5, 1>,
    /// Flags of records of their own, and of others.
    flag_ranks: [Ranked; 2],
    mapq_ranks: Ranked,
    mapq: Mixer<6, 1>,
    lengths: Mixer<5, 1>,
    /// The length that most records had lately, and how sure that is.
    usual: u64,
    votes: u32,
    /// The last length, and whether the last ones were usual.
    last: u64,
    history: u32,
}

/// The usual length changes only when this many records more speak for another.
const MOST_VOTES: u32 = 255;

impl Classes {
    pub(super) fn new() -> Self {
        Self {
            flags: Mixer::new(8, 255),
            flag_ranks: [Ranked::new(16, 4), Ranked::new(16, 4)],
            mapq_ranks: Ranked::new(8, 2),
            mapq: Mixer::new(8, 255),
            lengths: Mixer::new(9, 255),
            usual: 0,
            votes: 0,
            last: 0,
            history: 0,
        }
    }

    /// Ranks flags and mapping qualities as `records` have them.
    pub(super) fn fit(&mut self, records: &Records) {
        let all = 0..records.count;
        let own = all.filter(|&record| records.links[record] == 0);
        self.flag_ranks[0].fit(own.map(|record| records.flags[record].into()));
        self.mapq_ranks
            .fit(records.mapq.iter().map(|&mapq| mapq.into()));
    }

    /// Codes what [`Self::fit`] chose.
    pub(super) fn parameters<C: Coder>(&mut self, coder: &mut C) {
        self.flag_ranks[0].code_list(coder);
        self.mapq_ranks.code_list(coder);
    }

    /// The length that most records had lately.
    pub(super) fn usual(&self) -> u64 {
        self.usual
    }

    /// Codes flags.
    pub(super) fn flags<C: Coder>(
        &mut self,
        coder: &mut C,
        motion: &Motion,
        records: &Records,
        record: usize,
        related: Option<Related>,
    ) -> u32 {
        let flags = u32::from(records.flags[record]);
        let kind = kind(related);
        let before = motion.flags;
        let none = u32::from(records.references[record] < 0);
        let still = u32::from(motion.steps[0] == 0);
        if let Some(related) = related {
            let other = u32::from(records.flags[related.record]);
            let expected = mates_flags(other);
            let contexts = [
                expected << 2 | kind,
                before << 3 | none << 2 | kind,
                expected << 3 | (before >> 4 & 1) << 2 | kind,
                kind,
                (expected & 0x6ff) << 13 | (before & 0x610) << 2 | still,
            ];
            self.flags.turn(&contexts, 0);
            let is = other & 1 == 1 && flags == expected;
            if other & 1 == 1 && self.flags.bit(coder, is, 1, kind as usize) {
                return expected;
            }
            let contexts = contexts.map(|context| context | 1 << 31);
            let ranks = &mut self.flag_ranks[1];
            return ranks.code(coder, &mut self.flags, flags, &contexts, (8, 24));
        }
        let pair = before << 1 | none;
        let contexts = [
            pair << 2,
            (before >> 4 & 1) << 3 | none << 2 | still << 1,
            before << 4 | still << 3 | none << 2 | motion.arrivals & 1,
            none,
            (motion.mapq[0].min(63)) << 4 | none << 2 | motion.arrivals & 1,
        ];
        let ranks = &mut self.flag_ranks[0];
        ranks.code(coder, &mut self.flags, flags, &contexts, (4, 8))
    }

    /// Codes a mapping quality, given flags.
    pub(super) fn mapq<C: Coder>(
        &mut self,
        coder: &mut C,
        motion: &Motion,
        records: &Records,
        record: usize,
        related: Option<Related>,
    ) -> u32 {
        let flags = u32::from(records.flags[record]);
        // Unmapped, mate unmapped, proper pair, secondary, supplementary.
        let class = flags & 6 | flags >> 3 & 1 | flags >> 5 & 0x48;
        let kind = kind(related);
        let other = related.map_or(256, |related| u32::from(records.mapq[related.record]));
        let [one, two] = motion.mapq;
        let still = u32::from(motion.steps[0] == 0);
        let contexts = [
            class << 8 | one,
            class << 10 | kind << 16 | other,
            class << 16 | one << 8 | two,
            still << 15 | class << 8 | one,
            other << 16 | class << 8 | one,
            class << 2 | kind,
        ];
        let mapq = u32::from(records.mapq[record]);
        let selection = kind as usize * 16;
        self.mapq_ranks
            .code(coder, &mut self.mapq, mapq, &contexts, (0, selection))
    }

    /// Codes how many bases the CIGAR takes (`taken`) and how many there are (`length`), given flags; `span` is how far
    /// a mate known says that the record reaches. Gives both.
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
        let class = flags >> 8 & 9 | flags & 4 | (flags >> 5 & 6) << 4;
        let kind = kind(related);
        let other = related.map_or(0, |related| u64::from(records.lengths[related.record]));
        let span = span.map_or(0, |span| span.clamp(0, 2000) as u64);
        let usual = self.usual;
        let agrees = taken == u64::from(length);
        // What it may be: as usual, as far as the mate says, as the mate.
        let guesses = [Some(usual), Some(span), Some(other)];
        let same = u32::from(other == usual);
        let reaches = (span + 20).saturating_sub(usual).min(40) as u32;
        let contexts = [
            class << 2 | kind,
            self.history & 0xf | same << 4 | kind << 5 | (class & 0xf) << 8,
            reaches << 8 | kind << 4 | same,
            self.history & 0xff,
            hash(span as u32, other as u32, kind, usual as u32),
        ];
        self.lengths.turn(&contexts, 0);
        let mut answer = None;
        for (at, guess) in guesses.into_iter().enumerate() {
            let Some(guess) = guess else { continue };
            let known = at == 0 || kind == 1 && guess > 0 && !guesses[..at].contains(&Some(guess));
            if known {
                let is = agrees && taken == guess;
                if self.lengths.bit(coder, is, 1 + at, at) {
                    answer = Some((guess, guess as u32));
                    break;
                }
            }
        }
        let (taken, length) = answer.unwrap_or_else(|| {
            let agrees = self.lengths.bit(coder, agrees, 4, 4);
            let contexts = [
                self.last as u32,
                class << 2 | kind,
                (other as u32) << 3 | kind,
                (span as u32) << 2 | kind,
                scale(self.last),
            ];
            let taken = self.lengths.number(coder, taken, &contexts, 1);
            if agrees {
                (taken, taken as u32)
            } else {
                let difference = i64::from(length).wrapping_sub(taken as i64);
                let contexts = [taken as u32, class, other as u32, kind, self.last as u32];
                let difference = self.lengths.signed(coder, difference, &contexts, 2);
                (taken, (taken as i64).wrapping_add(difference) as u32)
            }
        });
        self.history = self.history << 1 | u32::from(taken == usual);
        self.last = taken;
        if taken == usual {
            self.votes = (self.votes + 1).min(MOST_VOTES);
        } else if self.votes == 0 {
            self.usual = taken;
        } else {
            self.votes -= 1;
        }
        (taken, length)
    }
}
