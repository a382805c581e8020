//! Qualities given the original ones: how far each is from the nearest to what [`Estimator`] expects, among those that
//! occur. One step of scores for each, from what the same quality, cycle and bases gave before and from how the estimate lies.

use super::read::{Base, Read};
use crate::codec::mixing::{Coder, Lanes, SYMBOLS, Scores, Slot, Work, dispatch};
use crate::codec::records::qualities::recalibrated::NONE;
use crate::codec::records::qualities::recalibrated::alphabet::Alphabet;
use crate::codec::records::qualities::recalibrated::estimate::{Estimate, Estimator};
use crate::codec::records::qualities::recalibrated::memory::Memory;
use crate::codec::records::quick::plain::{bits, flag};
use crate::codec::records::quick::qualities::contexts::key;

/// Contexts.
const CONTEXTS: usize = 8;

/// 2^this many rows for each.
const ROWS: [u32; CONTEXTS] = [12; CONTEXTS];

/// 2^this many combinations of quality, cycle, bases and read group are remembered: 1 MB.
const REMEMBERED: u32 = 19;

/// The symbol of no difference, and that of differences that have none of their own.
const SAME: u8 = 7;
const FAR: usize = SYMBOLS - 1;

/// The model.
#[derive(Clone)]
pub(super) struct Given {
    alphabet: Alphabet,
    learnt: Option<Box<Learnt>>,
}

/// What is learnt from qualities.
#[derive(Clone)]
struct Learnt {
    estimator: Estimator,
    memory: Memory,
    /// Whether a quality is as remembered, by how sure that is and how the estimate lies.
    as_remembered: Vec<Slot>,
    scores: Scores<CONTEXTS>,
}

impl Given {
    /// The model for qualities like these; those without original ones do not count.
    pub(super) fn fit(qualities: &[u8], originals: &[u8]) -> Self {
        let mut occurs = [false; 256];
        for (&quality, &original) in qualities.iter().zip(originals) {
            occurs[usize::from(quality)] |= original != NONE && quality != NONE;
        }
        Self {
            alphabet: Alphabet::of(occurs),
            learnt: None,
        }
    }

    /// A decoder's model.
    pub(super) fn blank() -> Self {
        Self::fit(&[], &[])
    }

    /// Codes the parameters, if they are not yet.
    pub(super) fn parameters<C: Coder>(&mut self, coder: &mut C) {
        if self.learnt.is_none() {
            self.alphabet.code(coder);
            self.learnt = Some(Box::new(Learnt {
                estimator: Estimator::new(),
                memory: Memory::new(REMEMBERED),
                as_remembered: vec![Slot::NEW; 12 * 12 * 16],
                scores: Scores::new(ROWS),
            }));
        }
    }

    /// Codes a read's qualities. The parameters must have been coded.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, read: &mut Read) {
        if let Some(learnt) = &mut self.learnt {
            learnt.scores.turn();
            let alphabet = &self.alphabet;
            dispatch(Qualities {
                alphabet,
                learnt,
                coder,
                read,
            });
        }
    }
}

/// The work on a read.
struct Qualities<'a, C> {
    alphabet: &'a Alphabet,
    learnt: &'a mut Learnt,
    coder: &'a mut C,
    read: &'a mut Read,
}

/// What went before in the read.
#[derive(Clone, Copy, Default)]
struct Before {
    quality: u64,
    original: u64,
    /// How far the last two were from the estimates, from -7 to 7, and 8 more.
    errors: [u64; 2],
}

impl<C: Coder> Work for Qualities<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self {
            alphabet,
            learnt,
            coder,
            read,
        } = self;
        let mut before = Before {
            errors: [8; 2],
            ..Before::default()
        };
        for at in 0..read.bases.len() {
            let base = &read.bases[at];
            let estimate = learnt.estimator.estimate(base.original, &base.places);
            let rounded = estimate.in_parts(1);
            let guess = alphabet.nearest[rounded.clamp(0, 255) as usize];
            let difference = alphabet.places[usize::from(read.qualities[at])].wrapping_sub(guess);
            let now = Now {
                base,
                estimate,
                guess,
                before: &before,
                cycle: at as u64,
                end: read.end,
                group: read.group,
            };
            let difference = learnt.difference(lanes, coder, alphabet, difference, &now);
            let quality = alphabet.values[usize::from(difference.wrapping_add(guess))];
            read.qualities[at] = quality;
            learnt.memory.learn(base.cell, quality, difference != 0);
            learnt.estimator.learn(&base.places, estimate, quality);
            let error = (i32::from(quality) - rounded).clamp(-7, 7);
            before = Before {
                quality: quality.into(),
                original: base.original.into(),
                errors: [(error + 8) as u64, before.errors[0]],
            };
        }
    }
}

/// What a quality is coded from.
struct Now<'a> {
    base: &'a Base,
    estimate: Estimate,
    /// The place in the alphabet that the estimate is nearest to.
    guess: u8,
    before: &'a Before,
    cycle: u64,
    end: u64,
    group: u32,
}

impl Learnt {
    /// Codes how far the quality's place in the alphabet is from the guess.
    #[inline(always)]
    fn difference<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        alphabet: &Alphabet,
        difference: u8,
        now: &Now<'_>,
    ) -> u8 {
        let Now {
            base,
            estimate,
            guess,
            before,
            ..
        } = now;
        let o = u64::from(base.original);
        let g = u64::from(*guess);
        let group = u64::from(now.group).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let guessed = i32::from(alphabet.values[usize::from(*guess)]);
        let lies = estimate.in_parts(16) - 16 * guessed;
        let lies = (lies.clamp(-16, 15) + 16) as u64;
        let known = u64::from(estimate.known);
        let (value, sure) = self.memory.get(base.cell);
        let remembered = match sure {
            0 => 0,
            _ => alphabet.places[usize::from(value)].wrapping_sub(*guess),
        };
        let near = match remembered {
            0 => 1,
            1 | 255 => 0,
            _ => 2,
        };
        let class = (sure * 3 + near) * 12 + estimate.known;
        if sure > 0 {
            let place = class as usize * 16 + (lies / 2) as usize;
            let slot = &mut self.as_remembered[place];
            if flag(coder, difference == remembered, slot) {
                return remembered;
            }
        }
        let m = u64::from(remembered) | u64::from(sure) << 8;
        let v8 = estimate.in_parts(8).clamp(0, 4095) as u64;
        let v2 = v8 / 4;
        let contexts = [
            key((o | g << 8) ^ group, 0, 0),
            key((o | now.cycle << 8 | g << 32 | now.end << 40) ^ group, 1, 0),
            key((o | base.bases << 8 | g << 16) ^ group, 2, 0),
            key(m | lies << 10 | (o) << 16, 3, 0),
            key(o | before.quality << 8 | before.original << 16 | g << 24, 4, 0),
            key(o | g << 8 | base.side << 16, 5, 0),
            key(v8 | known << 12, 6, 0),
            key(lies | before.errors[0] << 6 | before.errors[1] << 10, 7, 0),
        ];
        let _ = v2;
        let places = self.scores.places(&contexts);
        let symbol = difference.wrapping_add(SAME);
        let symbol = usize::from(symbol).min(FAR);
        let found = self.scores.code(lanes, coder, symbol, &places);
        if found == FAR {
            return bits(coder, difference.into(), 8) as u8;
        }
        (found as u8).wrapping_sub(SAME)
    }
}
