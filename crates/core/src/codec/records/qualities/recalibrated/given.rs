//! Qualities given the original ones: how far each is from the nearest to what [`Estimator`] expects, among those that
//! occur; mixed from what the same quality, cycle and bases gave before and from how the estimate lies.

use super::super::super::super::mixing::{Coder, Slot, hash};
use super::super::super::Records;
use super::super::predictor::{self, Predictor, Shape};
use super::super::reading::Reading;
use super::super::tree::Tree;
use super::alphabet::Alphabet;
use super::estimate::{Estimate, Estimator, Given, Places};
use super::memory::Memory;

/// Contexts, weight sets.
const N: usize = 11;
const SETS: usize = 3;

/// 2^this many slots for each context: 2.9 MB for all.
const BITS: u32 = 16;

/// 2^this many combinations of quality, cycle, bases and read group are remembered: 1 MB.
const REMEMBERED: u32 = 19;

/// The quality of bases without one.
const NONE: u8 = 0xff;

/// The model.
#[derive(Clone)]
pub(super) struct Recalibrated {
    alphabet: Alphabet,
    tree: Tree,
    learnt: Option<Learnt>,
}

/// What is learnt from qualities.
#[derive(Clone)]
struct Learnt {
    estimator: Estimator,
    memory: Memory,
    /// Whether a quality is as remembered, by how sure that is and how the estimate lies.
    as_remembered: Vec<Slot>,
    predictor: Predictor<N, 2, SETS>,
}

/// The symbols before in the record.
#[derive(Default)]
struct Before {
    quality: u32,
    original: u32,
    /// How far the last two were from the estimates, at most 7.
    errors: [i32; 2],
}

/// What a quality is coded from.
struct Place {
    given: Given,
    places: Places,
    estimate: Estimate,
    /// The place in the alphabet that the estimate is nearest to.
    guess: u8,
    /// A number for everything a recalibration goes by.
    cell: u32,
}

impl Recalibrated {
    /// The model for records like these.
    pub(super) fn fit(records: &Records, originals: &[u8], of: &[bool]) -> Self {
        let mut occurs = [false; 256];
        for (&quality, &original) in records.qualities.iter().zip(originals) {
            occurs[usize::from(quality)] |= original != NONE && quality != NONE;
        }
        let alphabet = Alphabet::of(occurs);
        // As often as they would occur in the sample.
        let mut histogram = [0; 256];
        let mut estimator = Estimator::new();
        let mut reading = Reading::default();
        for record in (0..records.count).filter(|&record| of[record]) {
            if records
                .qualities_of(record)
                .iter()
                .all(|&quality| quality == NONE)
            {
                continue;
            }
            reading.turn(records, record);
            for at in 0..reading.bases.len() {
                let place = reading.place(at);
                let now = Place::new(
                    &estimator,
                    &alphabet,
                    given(records, &reading, originals[place], record, at),
                );
                let quality = records.qualities[place];
                let symbol = alphabet.places[usize::from(quality)].wrapping_sub(now.guess);
                histogram[usize::from(symbol)] += 1;
                estimator.learn(&now.places, now.estimate, quality);
            }
        }
        Self {
            alphabet,
            tree: Tree::of(&histogram),
            learnt: None,
        }
    }

    /// A decoder's model.
    pub(super) fn blank() -> Self {
        Self {
            alphabet: Alphabet::of([false; 256]),
            tree: Tree::of(&[0; 256]),
            learnt: None,
        }
    }

    /// Codes the parameters, if they are not yet.
    pub(super) fn parameters<C: Coder>(&mut self, coder: &mut C) {
        if self.learnt.is_none() {
            self.alphabet.code(coder);
            self.tree.code(coder);
            self.learnt = Some(Learnt::new(self.tree.clone()));
        }
    }

    /// Codes a record's qualities; `originals` holds the original ones, joined as the qualities are. The parameters must
    /// have been coded.
    pub(super) fn record<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        originals: &[u8],
        record: usize,
        reading: &Reading,
    ) {
        let Some(learnt) = &mut self.learnt else {
            return;
        };
        let alphabet = &self.alphabet;
        let mut before = Before::default();
        for at in 0..reading.bases.len() {
            let place = reading.place(at);
            let given = given(records, reading, originals[place], record, at);
            let now = Place::new(&learnt.estimator, alphabet, given);
            let symbol = alphabet.places[usize::from(records.qualities[place])];
            let symbol = symbol.wrapping_sub(now.guess);
            let sides = sides(reading, at, before.quality);
            let symbol = learnt.symbol(coder, symbol, alphabet, &now, &before, sides);
            let quality = alphabet.values[usize::from(symbol.wrapping_add(now.guess))];
            records.qualities[place] = quality;
            // What the estimate tells need not be remembered where room is scarce.
            learnt.memory.learn(now.cell, quality, symbol != 0);
            learnt.estimator.learn(&now.places, now.estimate, quality);
            let error = i32::from(quality) - now.estimate.in_parts(1);
            before = Before {
                quality: quality.into(),
                original: given.original.into(),
                errors: [error.clamp(-7, 7), before.errors[0]],
            };
        }
    }
}

/// What the estimate of a base is made from.
#[inline]
fn given(records: &Records, reading: &Reading, original: u8, record: usize, at: usize) -> Given {
    let base = reading.base(at) | reading.base(at.wrapping_sub(1)) << 4;
    Given {
        read_group: records.read_groups[record],
        original,
        cycle: at as u32,
        end: u32::from(records.flags[record] >> 6 & 3),
        bases: base,
    }
}

/// A number for how the base lies, how many follow, and in clipped ones the quality before.
#[inline]
fn sides(reading: &Reading, at: usize, before: u32) -> u32 {
    let state = |at: usize| reading.states.get(at).map_or(5, |&state| u32::from(state));
    let (own, last) = (state(at), state(at.wrapping_sub(1)));
    let left = (reading.bases.len() - at).min(20) as u32;
    let before = if own == 3 { before } else { 0 };
    own | last << 4 | left << 8 | before << 16
}

impl Place {
    #[inline]
    fn new(estimator: &Estimator, alphabet: &Alphabet, given: Given) -> Self {
        let places = given.places();
        let estimate = estimator.estimate(given.original, &places);
        let rounded = estimate.in_parts(1).clamp(0, 255);
        let Given { cycle, bases, .. } = given;
        let group = given.read_group << 2 ^ given.end;
        Self {
            guess: alphabet.nearest[rounded as usize],
            cell: hash(u32::from(given.original) | cycle << 8, bases, group, 0),
            given,
            places,
            estimate,
        }
    }
}

impl Learnt {
    fn new(tree: Tree) -> Self {
        let shape = Shape {
            bits: BITS,
            selections: [64, 192, 144],
            corrections: [128, 144],
            limit: 1023,
            // 0.003 throughout.
            rates: (197, 197),
        };
        Self {
            estimator: Estimator::new(),
            memory: Memory::new(REMEMBERED),
            as_remembered: vec![Slot::NEW; 12 * 12 * 16],
            predictor: Predictor::new(tree, shape),
        }
    }

    /// Codes a symbol: how far the quality's place in the alphabet is from the guess.
    #[inline]
    fn symbol<C: Coder>(
        &mut self,
        coder: &mut C,
        symbol: u8,
        alphabet: &Alphabet,
        now: &Place,
        before: &Before,
        sides: u32,
    ) -> u8 {
        let Place {
            given, estimate, ..
        } = now;
        let parts = |parts| estimate.in_parts(parts) as u32;
        let (o, i, bases) = (u32::from(given.original), given.cycle, given.bases);
        let (group, end, q1) = (given.read_group, given.end, before.quality);
        let g = u32::from(now.guess);
        // How the estimate lies from the guess, in 1/8.
        let guessed = u32::from(alphabet.values[usize::from(now.guess)]);
        let lies = parts(8).wrapping_sub(8 * guessed);
        let known = estimate.known;
        let (value, sure) = self.memory.get(now.cell);
        let remembered = match sure {
            0 => 0,
            _ => alphabet.places[usize::from(value)].wrapping_sub(now.guess),
        };
        let near = match remembered {
            0 => 1,
            1 | 255 => 0,
            _ => 2,
        };
        let class = (sure * 3 + near) * 12 + known;
        if sure > 0 {
            let place = class * 16 + (lies.wrapping_add(8) & 15);
            let slot = &mut self.as_remembered[place as usize];
            let same = coder.code(symbol == remembered, slot.p().clamp(1, 65_535));
            slot.update(same, 1023);
            if same {
                return remembered;
            }
        }
        let remembered = u32::from(remembered) | sure << 8;
        let contexts = [
            hash(1, o | g << 8, group, 0),
            hash(2, o | i << 8, group, end | g << 8),
            hash(3, o | bases << 8, group, g),
            hash(4, remembered, lies, 0),
            hash(5, o | q1 << 8 | before.original << 16 | g << 24, group, 0),
            hash(6, o | g << 8, sides, 0),
            hash(7, lies, known, 0),
            hash(8, remembered, o, 0),
            hash(9, parts(8), known, 0),
            hash(10, parts(2), o, known),
            hash(11, lies, before.errors[0] as u32, before.errors[1] as u32),
        ];
        let given = predictor::Given {
            contexts,
            selections: [
                estimate.in_parts(1).clamp(0, 63) as u32,
                (lies.wrapping_add(8) & 15) * 12 + known,
                class,
            ],
            corrections: [parts(2) & 127, class],
        };
        self.predictor.symbol(coder, symbol, &given)
    }
}
