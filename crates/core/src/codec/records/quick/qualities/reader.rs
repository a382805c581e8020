//! Reads of qualities, one after the other, in the order of sequencing.

use super::Parameters;
use super::alphabet::{Alphabet, OWN, stranger};
use super::contexts::{self, Bases, CONTEXTS, Track, Whole};
use super::runs::{self, Runs};
use crate::codec::mixing::{Coder, Lanes, Scores, Work, dispatch};
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
    /// Numbers of the read at hand.
    numbers: Vec<u8>,
}

impl Reader {
    /// A reader that has learnt nothing.
    pub(super) fn new(parameters: &Parameters) -> Self {
        let alphabet = parameters.alphabet.clone();
        let usual = parameters.usual.filter(|&usual| usual < alphabet.len());
        let bits = contexts::table_bits(alphabet.len(), parameters.size);
        Self {
            first: usual.unwrap_or(alphabet.len().saturating_sub(1)),
            alphabet,
            long: parameters.long,
            scores: Scores::new(bits),
            runs: usual.map(Runs::new),
            numbers: Vec::new(),
        }
    }

    /// Codes a record's qualities; gives the class of their mean, from 1.
    pub(super) fn read<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        record: usize,
        reading: &Reading,
        mate: u64,
    ) -> u64 {
        dispatch(One {
            reader: self,
            coder,
            records,
            record,
            reading,
            mate,
        })
    }

    /// Codes the quality at `at`.
    #[inline(always)]
    fn quality<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        quality: u8,
        before: usize,
        contexts: impl Fn(u64) -> [u32; CONTEXTS],
    ) -> (usize, u8) {
        let alphabet = &self.alphabet;
        let number = alphabet.number(quality);
        let known = number < alphabet.len();
        let rank = if known {
            alphabet.rank(before, number)
        } else {
            usize::MAX
        };
        for step in 0..alphabet.steps() {
            let given = rank.saturating_sub(step * OWN).min(OWN);
            let places = self.scores.places(&contexts(step as u64));
            let found = self.scores.code(lanes, coder, given, &places);
            let rank = step * OWN + found;
            if found < OWN && rank < self.alphabet.len() {
                let number = self.alphabet.ranked(before, rank);
                return (number, self.alphabet.quality(number));
            }
        }
        (before, stranger(coder, quality))
    }
}

/// The work on a record.
struct One<'a, C> {
    reader: &'a mut Reader,
    coder: &'a mut C,
    records: &'a mut Records,
    record: usize,
    reading: &'a Reading,
    mate: u64,
}

impl<C: Coder> Work for One<'_, C> {
    type Output = u64;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> u64 {
        let Self {
            reader,
            coder,
            records,
            record,
            reading,
            mate,
        } = self;
        let mut qualities = std::mem::take(&mut reader.numbers);
        reading.order(&records.qualities[reading.range.clone()], &mut qualities);
        let bases = Bases {
            codes: &reading.bases,
            states: &reading.states,
        };
        let differs = reading.states.iter().filter(|&&state| state == DIFFERS);
        let whole = Whole {
            second: u64::from(records.flags[record] >> 7 & 1),
            mate,
            mismatches: differs.count().min(3) as u64,
        };
        reader.scores.turn();
        let mut runs = reader.runs.take();
        if let Some(runs) = &mut runs {
            runs.turn();
        }
        let usual = runs.as_ref().map(|runs| runs.usual as u64);
        let mut track = Track::starting(reader.first);
        let (mut at, mut same, mut after_run) = (0, 0, false);
        let length = qualities.len();
        while at < length {
            let before = track.q1 as usize;
            if let Some(runs) = &mut runs
                && !after_run
                && track.q1 == runs.usual as u64
            {
                let most = bases.next_difference(at) - at;
                if most > 0 {
                    let quality = reader.alphabet.quality(runs.usual);
                    let ahead = &qualities[at..at + most];
                    let run = ahead.iter().take_while(|&&other| other == quality).count();
                    let run = runs.code(lanes, coder, run, most, at, (&whole, &track));
                    qualities[at..at + run].fill(quality);
                    track.skip(runs.usual, run);
                    track.runs = [runs::class(run) as u64, track.runs[0]];
                    at += run;
                    // Where it could have gone on, the next one is another.
                    after_run = run < most;
                    continue;
                }
            }
            if reader.long {
                let again = at > 0 && bases.codes[at] == bases.codes[at - 1];
                same = if again { (same + 1).min(15) } else { 0 };
            }
            let (is_long, now) = (reader.long, track);
            let contexts = |step| {
                if is_long {
                    contexts::long(&now, bases, at, step, same)
                } else {
                    contexts::short(&whole, &now, bases, at, step, after_run)
                }
            };
            let (number, quality) = reader.quality(lanes, coder, qualities[at], before, contexts);
            qualities[at] = quality;
            track.push(number);
            if usual.is_some_and(|usual| usual != number as u64) {
                track.unusual = (track.unusual + 1).min(15);
                track.last_unusual = number as u64;
            }
            after_run = false;
            at += 1;
        }
        reader.runs = runs;
        if reading.reversed {
            qualities.reverse();
        }
        records.qualities[reading.range.clone()].copy_from_slice(&qualities);
        reader.numbers = qualities;
        let levels = reader.alphabet.len().max(1) as u64;
        track.mean(length, 16) / levels + 1
    }
}
