//! Aligned bases whose position is disputed: variants, copies of a repeat, noisy reads.
//!
//! The other reads that chose between the same alternatives before predict best: a read is followed like a template as
//! long as its choices are this one's.

use crate::codec::mixing::{Coder, Mixer};
use crate::codec::records::states::Pileup;

/// A run of aligned bases of a record that was coded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) place: usize,
    pub(super) length: usize,
    /// Where its bases stand among those of the chunk.
    pub(super) at: usize,
    /// The record.
    pub(super) record: usize,
}

/// What is remembered of a disputed place.
#[derive(Clone, Copy, Default)]
struct Site {
    /// The run, plus one, that had each base last.
    runs: [usize; 4],
    /// Whether the last four bases, on each strand, equalled the top base (lowest bit the last).
    choices: [u8; 2],
}

/// Disputed places of a chunk and the runs of its records.
#[derive(Default)]
pub(super) struct Sites {
    /// Number of each place's site, 0 if it has none.
    numbers: Vec<u32>,
    sites: Vec<Site>,
    pub(super) runs: Vec<Run>,
    /// First run of each record.
    firsts: Vec<usize>,
}

impl Sites {
    pub(super) fn new(places: usize) -> Self {
        Self {
            numbers: vec![0; places],
            sites: vec![Site::default()],
            ..Self::default()
        }
    }

    /// Says that the runs added from now on are those of the next record.
    pub(super) fn start(&mut self) {
        self.firsts.push(self.runs.len());
    }

    /// The first run of a record, if it has one.
    pub(super) fn first(&self, record: usize) -> Option<usize> {
        let first = *self.firsts.get(record)?;
        (self.runs.get(first)?.record == record).then_some(first)
    }

    /// The site of a place; it becomes one.
    fn site(&mut self, place: usize) -> &mut Site {
        let number = &mut self.numbers[place];
        if *number == 0 {
            // As many as places at most; more than 2^32 would share the last.
            *number = u32::try_from(self.sites.len()).unwrap_or(u32::MAX);
            self.sites.push(Site::default());
        }
        let number = (*number as usize).min(self.sites.len() - 1);
        &mut self.sites[number]
    }

    /// Remembers that a run has a base (BAM's code) at a place.
    pub(super) fn remember(
        &mut self,
        place: usize,
        base: u8,
        run: usize,
        strand: usize,
        top: bool,
    ) {
        let site = self.site(place);
        site.runs[base.trailing_zeros() as usize & 3] = run + 1;
        site.choices[strand & 1] = site.choices[strand & 1] << 1 & 15 | u8::from(top);
    }
}

/// A read that is followed.
#[derive(Clone, Copy, Default)]
pub(super) struct Leader {
    /// A run of it, plus one.
    run: usize,
    /// How often it was right since it was wrong, up to 7; from 8 on for a mate.
    trust: u32,
}

impl Leader {
    /// Follows a mate from its first run on.
    pub(super) fn mate(run: Option<usize>) -> Self {
        Self {
            run: run.map_or(0, |run| run + 1),
            trust: 8,
        }
    }

    /// The base that the read has at a place.
    pub(super) fn base(&mut self, sites: &Sites, bases: &[u8], place: usize) -> Option<u8> {
        let mut at = self.run.checked_sub(1)?;
        let record = sites.runs[at].record;
        while let Some(run) = sites.runs.get(at).filter(|run| run.record == record) {
            self.run = at + 1;
            if place < run.place {
                return None;
            }
            if place - run.place < run.length {
                return Some(bases[run.at + (place - run.place)]);
            }
            at += 1;
        }
        // Places only grow: it has no more to say.
        self.run = 0;
        None
    }
}

/// See the module's head.
#[derive(Clone)]
pub(super) struct Disputed {
    tops: Mixer<7, 1>,
    others: Mixer<4, 1>,
}

/// What of the record matters here.
#[derive(Clone, Copy, Default)]
pub(super) struct Side {
    /// 0 or 1: the strand that was sequenced, as bisulfite tells them apart.
    pub(super) strand: usize,
    pub(super) mapq: u32,
    /// Whether the last three disputed bases of the record equalled the top base.
    pub(super) choices: u32,
    /// Disputed bases of it that no one predicted, up to 3.
    pub(super) lone: u32,
}

impl Disputed {
    pub(super) fn new() -> Self {
        Self {
            tops: Mixer::new(10, 1023),
            others: Mixer::new(8, 255),
        }
    }

    /// Codes the base at a disputed place, and chooses whom to follow from here.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        (base, place): (u8, usize),
        pileup: &Pileup,
        sites: &mut Sites,
        bases: &[u8],
        leader: &mut Leader,
        side: &mut Side,
    ) -> u8 {
        let top = pileup.top[place];
        let (second, count, rest) = runner_up(pileup.other[place], top);
        let guess = leader.base(sites, bases, place);
        let voice = match guess {
            None => 0,
            Some(guess) if guess == top => 1,
            Some(guess) if guess == second => 2,
            Some(_) => 3,
        };
        let voice = voice * 16 + if voice > 0 { leader.trust.min(15) } else { 0 };
        let site = *sites.site(place);
        let (agree, other) = (few(pileup.agree[place]), few(rest));
        let counts = agree * 16 + other;
        let ratio = balance(pileup.agree[place], count);
        let own = u32::from(site.choices[side.strand & 1]);
        let pair = u32::from(top) << 4 | u32::from(second);
        let contexts = [
            counts,
            voice | ratio << 8,
            own | u32::from(site.choices[side.strand & 1 ^ 1]) << 4 | voice / 16 << 8,
            pair | (side.strand as u32) << 8 | ratio << 9,
            side.choices | side.lone << 3 | ratio << 5 | voice / 16 << 9,
            side.mapq | voice << 4 | side.choices << 10,
            own | counts << 4,
        ];
        self.tops.turn(&contexts, 0);
        let is_top = self.tops.bit(coder, base == top, 1, voice as usize);
        let found = if is_top {
            top
        } else {
            self.another(
                coder,
                base,
                (top, second, count),
                voice,
                (agree, side.strand as u32),
            )
        };
        match guess {
            Some(guess) if guess == found => {
                leader.trust = leader.trust & 8 | (leader.trust & 7).min(6) + 1;
            }
            _ => {
                side.lone = (side.lone + 1).min(3);
                let run = site.runs[found.trailing_zeros() as usize & 3];
                *leader = Leader { run, trust: 0 };
            }
        }
        side.choices = side.choices << 1 & 7 | u32::from(is_top);
        found
    }

    /// Codes which of the bases other than `top` a base is; `second` is the likeliest, with a count.
    pub(super) fn another<C: Coder>(
        &mut self,
        coder: &mut C,
        base: u8,
        (top, second, count): (u8, u8, u8),
        voice: u32,
        (known, motif): (u32, u32),
    ) -> u8 {
        let pair = u32::from(top) << 4 | u32::from(second);
        let seen = u32::from(count.min(7));
        let contexts = [
            seen | known << 4,
            pair | motif << 8,
            voice | seen << 8,
            pair | seen.min(1) << 8,
        ];
        self.others.turn(&contexts, 0);
        if self.others.bit(coder, base == second, 1, seen as usize) {
            return second;
        }
        let mut rest = [1, 2, 4, 8]
            .into_iter()
            .filter(|&other| other != top && other != second);
        let (third, fourth) = (rest.next().unwrap_or(1), rest.next().unwrap_or(1));
        if self.others.bit(coder, base == fourth, 2, 8) {
            fourth
        } else {
            third
        }
    }
}

/// The base other than `top` that was seen most (if none was, the one of the same shape as `top`), how often, and how often all
/// others were.
pub(super) fn runner_up(other: [u8; 4], top: u8) -> (u8, u8, u8) {
    let (mut best, mut count, mut sum) = (0, 0, 0u8);
    for (at, &seen) in other.iter().enumerate() {
        sum = sum.saturating_add(seen);
        if seen > count {
            (best, count) = (1 << at, seen);
        }
    }
    if count == 0 {
        // A and G, C and T.
        best = match top {
            1 => 4,
            2 => 8,
            4 => 1,
            _ => 2,
        };
    }
    (best, count, sum)
}

/// A count's class, 0 to 12.
fn few(count: u8) -> u32 {
    match count {
        0..6 => count.into(),
        6..8 => 6,
        8..12 => 7,
        12..20 => 8,
        20..32 => 9,
        32..64 => 10,
        64..128 => 11,
        _ => 12,
    }
}

/// How two counts compare, 0 to 15.
fn balance(agree: u8, other: u8) -> u32 {
    u32::from(other) * 15 / (u32::from(agree) + u32::from(other)).max(1)
        + if u32::from(agree) + u32::from(other) > 8 {
            8
        } else {
            0
        }
}
