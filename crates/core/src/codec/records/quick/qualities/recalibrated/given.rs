//! Qualities given the original ones: how far each is from the nearest to what [`Estimator`] expects, among those that
//! occur. Where the same quality, cycle and bases are remembered, a bit says whether it is that again; else it takes a step
//! of scores.

use super::read::{Base, Read};
use crate::codec::mixing::{Coder, Lanes, SYMBOLS, Scores, Slot, Work, dispatch};
use crate::codec::records::qualities::recalibrated::NONE;
use crate::codec::records::qualities::recalibrated::alphabet::Alphabet;
use crate::codec::records::qualities::recalibrated::estimate::{Estimate, Estimator};
use crate::codec::records::qualities::recalibrated::memory::Memory;
use crate::codec::records::quick::plain::{bits, flag};
use crate::codec::records::quick::qualities::contexts::key;

/// Contexts of a step.
const CONTEXTS: usize = 8;

/// 2^this many rows for each.
const ROWS: [u32; CONTEXTS] = [4, 8, 12, 12, 12, 12, 12, 12];

/// 2^this many combinations of quality, cycle, bases and read group are remembered: 1 MB.
const REMEMBERED: u32 = 19;

/// How an estimate lies from the guess is told in 1/8, in so many classes.
const LIES: i32 = 16;

/// Classes of how sure what is remembered is, how near it is to the guess, and how well the estimate is known.
const CLASSES: usize = 4 * 3 * 12;

/// The symbol of no difference, and that of those without a symbol of their own.
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
    /// Whether a quality is as remembered, by class and by how the estimate lies.
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
                as_remembered: vec![Slot::NEW; CLASSES * LIES as usize],
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
        for at in 0..read.qualities.len() {
            let base = read.base(at);
            let estimate = learnt.estimator.estimate(base.original, &base.places);
            let rounded = estimate.in_parts(1).clamp(0, 255);
            let now = Now {
                base: &base,
                group: read.group,
                cycle: at as u64,
                estimate,
                guess: alphabet.nearest[rounded as usize],
            };
            let difference =
                alphabet.places[usize::from(read.qualities[at])].wrapping_sub(now.guess);
            let difference = learnt.difference(lanes, coder, alphabet, difference, &now);
            let quality = alphabet.values[usize::from(difference.wrapping_add(now.guess))];
            read.qualities[at] = quality;
            // What the estimate tells need not be remembered where room is scarce.
            learnt.memory.learn(base.cell, quality, difference != 0);
            learnt.estimator.learn(&base.places, estimate, quality);
        }
    }
}

/// What a quality is coded from.
struct Now<'a> {
    base: &'a Base,
    /// A hash of the read group.
    group: u64,
    /// Bases sequenced before this one.
    cycle: u64,
    estimate: Estimate,
    /// The place in the alphabet that the estimate is nearest to.
    guess: u8,
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
        let eighths = now.estimate.in_parts(8);
        let guessed = i32::from(alphabet.values[usize::from(now.guess)]);
        let lies = (eighths - 8 * guessed + LIES / 2).clamp(0, LIES - 1) as u32;
        let known = now.estimate.known;
        let (value, sure) = self.memory.get(now.base.cell);
        let mut remembered = 0;
        if sure > 0 {
            remembered = alphabet.places[usize::from(value)].wrapping_sub(now.guess);
            let near = match remembered {
                0 => 1,
                1 | 255 => 0,
                _ => 2,
            };
            let class = (sure * 3 + near) * 12 + known;
            let slot = &mut self.as_remembered[(class * LIES as u32 + lies) as usize];
            if flag(coder, difference == remembered, slot) {
                return remembered;
            }
        }
        let base = now.base;
        let original = u64::from(base.original);
        let (guess, lies, known) = (u64::from(now.guess), u64::from(lies), u64::from(known));
        let both = original | guess << 8;
        let remembered = u64::from(remembered) | u64::from(sure) << 8;
        let places = self.scores.places(&[
            0,
            key(known | lies << 8, 1, 0),
            key((both | base.bases << 16) ^ now.group, 2, 0),
            key(both | base.side << 16, 3, 0),
            key(remembered | original << 16, 4, 0),
            key(remembered | known << 16 | guess << 24, 5, 0),
            key(original | (eighths.clamp(0, 4095) as u64) << 8, 6, 0),
            key(original | lies << 8 | (now.cycle >> 3) << 16, 7, 0),
        ]);
        let symbol = usize::from(difference.wrapping_add(SAME)).min(FAR);
        let symbol = self.scores.code(lanes, coder, symbol, &places);
        if symbol == FAR {
            bits(coder, difference.into(), 8) as u8
        } else {
            (symbol as u8).wrapping_sub(SAME)
        }
    }
}
