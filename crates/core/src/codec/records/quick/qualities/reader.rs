//! Reads of qualities, each in the order of sequencing: what comes next in one, and what is learnt from it.

use super::Parameters;
use super::alphabet::{Alphabet, OWN, stranger};
use super::contexts::{self, Bases, CONTEXTS, Track, Whole};
use super::runs::{self, Runs};
use crate::codec::mixing::{Coder, Lanes, Scores, Shares, Work, dispatch};
use crate::codec::records::Records;
use crate::codec::records::qualities::reading::Reading;
use crate::codec::records::states::DIFFERS;

/// What is learnt of qualities.
#[derive(Clone)]
pub(super) struct Reader {
    alphabet: Alphabet,
    long: bool,
    scores: Scores<CONTEXTS>,
    runs: Option<Runs>,
    /// The number that reads start as if after it.
    first: usize,
}

/// A read that is being coded.
#[derive(Default)]
pub(super) struct Read {
    /// The record whose qualities are not stored yet.
    record: Option<usize>,
    pub(super) reading: Reading,
    bases: Bases,
    qualities: Vec<u8>,
    whole: Whole,
    track: Track,
    /// Qualities that are done.
    at: usize,
    /// How many bases in a row before this one are equal to it.
    same: u64,
    /// Whether a run has just ended, so that the usual quality does not follow.
    after_run: bool,
}

/// What is expected of a read's next quality.
struct Next {
    places: [u32; CONTEXTS],
    shares: Shares,
}

impl Read {
    /// Where the next base at or behind this one is that differs from what lies at its place; the end if none does.
    fn next_difference(&self) -> usize {
        let states = &self.reading.states;
        memchr::memchr(DIFFERS, &states[self.at..]).map_or(states.len(), |more| self.at + more)
    }

    /// Codes a run of the usual quality, if one can start here.
    #[inline(always)]
    fn run<L: Lanes, C: Coder>(&mut self, lanes: L, coder: &mut C, runs: &mut Runs) -> bool {
        if self.after_run || self.track.q1 != runs.usual as u64 {
            return false;
        }
        let most = self.next_difference() - self.at;
        if most == 0 {
            return false;
        }
        let ahead = &mut self.qualities[self.at..][..most];
        let is_usual = |&&quality: &&u8| quality == runs.quality;
        let run = ahead.iter().take_while(is_usual).count();
        let run = runs.code(lanes, coder, run, most, self.at, (&self.whole, &self.track));
        ahead[..run].fill(runs.quality);
        self.track.skip(runs.usual, run);
        self.track.runs = [runs::class(run) as u64, self.track.runs[0]];
        self.at += run;
        // Where it could have gone on, the next one is another.
        self.after_run = run < most;
        true
    }

    /// The record that is being read.
    pub(super) fn record(&self) -> Option<usize> {
        self.record
    }

    /// Whether all qualities are done, or nothing is read.
    #[inline(always)]
    pub(super) fn is_done(&self) -> bool {
        self.at >= self.qualities.len()
    }

    /// Hashes of what step `step` of the next quality follows from.
    #[inline(always)]
    fn contexts(&self, long: bool, step: u64) -> [u32; CONTEXTS] {
        let (bases, track, at) = (&self.bases, &self.track, self.at);
        if long {
            contexts::long(track, bases, at, step, self.same)
        } else {
            contexts::short(&self.whole, track, bases, at, step, self.after_run)
        }
    }

    /// If all are done, puts the qualities where they are stored; gives the record then.
    pub(super) fn end(&mut self, records: &mut Records) -> Option<usize> {
        if !self.is_done() {
            return None;
        }
        let record = self.record.take()?;
        if self.reading.reversed {
            self.qualities.reverse();
        }
        records.qualities[self.reading.range.clone()].copy_from_slice(&self.qualities);
        Some(record)
    }
}

impl Reader {
    /// A reader that has learnt nothing.
    pub(super) fn new(parameters: &Parameters) -> Self {
        let alphabet = parameters.alphabet.clone();
        let usual = parameters.usual.filter(|&usual| usual < alphabet.len());
        let bits = contexts::table_bits(alphabet.len(), parameters.large);
        Self {
            first: usual.unwrap_or(alphabet.len().saturating_sub(1)),
            alphabet,
            long: parameters.long,
            scores: Scores::new(bits),
            runs: usual.map(|usual| Runs::new(usual, parameters.alphabet.quality(usual))),
        }
    }

    /// Starts a record, which `read.reading` is at; `mate` is the class of its mate's mean.
    pub(super) fn start(&mut self, read: &mut Read, records: &Records, record: usize, mate: u64) {
        read.record = Some(record);
        let reading = &read.reading;
        reading.order(
            &records.qualities[reading.range.clone()],
            &mut read.qualities,
        );
        read.bases.turn(reading);
        let differs = reading.states.iter().filter(|&&state| state == DIFFERS);
        read.whole = Whole {
            second: u64::from(records.flags[record] >> 7 & 1),
            mate,
            mismatches: differs.count().min(3) as u64,
        };
        read.track = Track::starting(self.first);
        (read.at, read.same, read.after_run) = (0, 0, false);
        self.scores.turn();
        if let Some(runs) = &mut self.runs {
            runs.turn();
        }
    }

    /// Goes on until one of the reads is done; gives whether either was not.
    pub(super) fn read<C: Coder>(&mut self, coder: &mut C, reads: &mut [Read; 2]) -> bool {
        let reader = self;
        dispatch(Reads {
            reader,
            coder,
            reads,
        })
    }

    /// What to expect of the next quality of a read that is not done.
    #[inline(always)]
    fn expect<L: Lanes>(&self, lanes: L, read: &mut Read) -> Next {
        if self.long {
            let (codes, at) = (&read.reading.bases, read.at);
            let again = at > 0 && codes[at] == codes[at - 1];
            read.same = if again { (read.same + 1).min(15) } else { 0 };
        }
        let places = self.scores.places(&read.contexts(self.long, 0));
        let shares = self.scores.expect(lanes, &places);
        Next { places, shares }
    }

    /// Codes the first symbol of the next quality.
    #[inline(always)]
    fn symbol<L: Lanes, C: Coder>(
        &self,
        lanes: L,
        coder: &mut C,
        read: &Read,
        next: &Next,
    ) -> usize {
        let given = if C::DECODES {
            0
        } else {
            self.rank(read, read.qualities[read.at]).min(OWN)
        };
        coder.symbol(lanes, given, &next.shares.ends)
    }

    /// The rank of a quality that comes next; one that no quality has if it is not in the alphabet.
    #[inline(always)]
    fn rank(&self, read: &Read, quality: u8) -> usize {
        let number = self.alphabet.number(quality);
        if number < self.alphabet.len() {
            self.alphabet.rank(read.track.q1 as usize, number)
        } else {
            usize::MAX
        }
    }

    /// Learns the symbol that came, codes what it leaves open, and goes on behind the quality.
    #[inline(always)]
    fn follow<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        read: &mut Read,
        next: &Next,
        symbol: usize,
    ) {
        self.scores.learn(lanes, &next.places, &next.shares, symbol);
        let (number, quality) = if symbol < OWN && symbol < self.alphabet.len() {
            let number = self.alphabet.ranked(read.track.q1 as usize, symbol);
            (number, self.alphabet.quality(number))
        } else {
            self.unlikely(lanes, coder, read)
        };
        read.qualities[read.at] = quality;
        read.track.push(number);
        read.at += 1;
    }

    /// Codes the number and quality of what the first step did not tell.
    #[inline(always)]
    fn unlikely<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        read: &Read,
    ) -> (usize, u8) {
        let before = read.track.q1 as usize;
        let quality = read.qualities[read.at];
        let rank = self.rank(read, quality);
        for step in 1..self.alphabet.steps() {
            let given = rank.saturating_sub(step * OWN).min(OWN);
            let places = self.scores.places(&read.contexts(self.long, step as u64));
            let found = self.scores.code(lanes, coder, given, &places);
            let rank = step * OWN + found;
            if found < OWN && rank < self.alphabet.len() {
                let number = self.alphabet.ranked(before, rank);
                return (number, self.alphabet.quality(number));
            }
        }
        (before, stranger(coder, quality))
    }

    /// The class of a read's mean, from 1.
    pub(super) fn mean(&self, read: &Read) -> u64 {
        let levels = self.alphabet.len().max(1) as u64;
        read.track.mean(read.qualities.len(), 16) / levels + 1
    }
}

/// The work on two reads.
struct Reads<'a, C> {
    reader: &'a mut Reader,
    coder: &'a mut C,
    reads: &'a mut [Read; 2],
}

impl<C: Coder> Work for Reads<'_, C> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> bool {
        let Self {
            reader,
            coder,
            reads: [first, other],
        } = self;
        let alone = match (first.is_done(), other.is_done()) {
            (false, false) => {
                while !first.is_done() && !other.is_done() {
                    let (a, b) = (reader.expect(lanes, first), reader.expect(lanes, other));
                    let x = reader.symbol(lanes, coder, first, &a);
                    let y = reader.symbol(lanes, coder, other, &b);
                    reader.follow(lanes, coder, first, &a, x);
                    reader.follow(lanes, coder, other, &b, y);
                }
                return true;
            }
            (false, true) => first,
            (true, false) => other,
            (true, true) => return false,
        };
        let mut runs = reader.runs.take();
        while !alone.is_done() {
            if let Some(runs) = &mut runs
                && alone.run(lanes, coder, runs)
            {
                continue;
            }
            let next = reader.expect(lanes, alone);
            let symbol = reader.symbol(lanes, coder, alone, &next);
            reader.follow(lanes, coder, alone, &next, symbol);
            if let Some(runs) = &runs {
                alone.track.note(runs.usual);
                alone.after_run = false;
            }
        }
        reader.runs = runs;
        true
    }
}
