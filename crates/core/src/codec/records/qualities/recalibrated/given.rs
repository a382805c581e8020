//! Qualities given the original ones.

use super::super::super::super::mixing::{Coder, Slot, hash};
use super::super::super::Records;
use super::super::predictor::{self, Predictor, Shape};
use super::super::reading::Reading;
use super::super::tree::Tree;
use super::estimate::{Estimator, Given};

const N: usize = 13;
const SETS: usize = 3;

/// Where a quality stands among those that occur.
#[derive(Clone)]
struct Alphabet {
    /// All 256 values: those that occur in ascending order, then the others.
    values: [u8; 256],
    places: [u8; 256],
    /// The place of the nearest value that occurs.
    nearest: [u8; 256],
}

impl Alphabet {
    fn of(occurs: &[bool; 256]) -> Self {
        let mut values = [0; 256];
        let (mut places, mut nearest) = ([0; 256], [0; 256]);
        let known = (0..=255u8).filter(|&value| occurs[usize::from(value)]);
        let others = (0..=255u8).filter(|&value| !occurs[usize::from(value)]);
        let count = known.clone().count().max(1);
        for (place, value) in known.chain(others).enumerate() {
            values[place] = value;
            places[usize::from(value)] = place as u8;
        }
        for value in 0..=255u8 {
            let distance = |place: &usize| values[*place].abs_diff(value);
            nearest[usize::from(value)] = (0..count).min_by_key(distance).unwrap_or(0) as u8;
        }
        Self {
            values,
            places,
            nearest,
        }
    }
}

/// The model.
#[derive(Clone)]
pub(super) struct Recalibrated {
    occurs: [bool; 256],
    started: bool,
    alphabet: Alphabet,
    estimator: Estimator,
    predictor: Predictor<N, 32, SETS>,
    memory: Vec<u32>,
}

impl Recalibrated {
    /// The model for records like these.
    pub(super) fn fit(records: &Records, originals: &[u8]) -> Self {
        let mut occurs = [false; 256];
        for &quality in &records.qualities {
            occurs[usize::from(quality)] |= quality != 255;
        }
        let mut h = [0; 256];
        for s in 0..20 {
            h[s] = 100000 >> s;
            h[255 - s] = 50000 >> s;
        }
        Self::new(&occurs, Tree::of(&h))
    }

    pub(super) fn blank() -> Self {
        Self::new(&[false; 256], Tree::of(&[0; 256]))
    }

    /// Codes the parameters, if they are not yet.
    pub(super) fn parameters<C: Coder>(&mut self, coder: &mut C) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let mut occurs = self.occurs;
        let mut slots = [Slot::NEW; 2];
        let mut before = false;
        for occurs in &mut occurs {
            let slot = &mut slots[usize::from(before)];
            *occurs = coder.code(*occurs, slot.p().clamp(1, 65_535));
            slot.update(*occurs, 30);
            before = *occurs;
        }
        let mut tree = self.predictor.tree().clone();
        tree.code(coder);
        if C::DECODES {
            *self = Self::new(&occurs, tree);
            self.started = true;
        }
    }

    pub(super) fn new(occurs: &[bool; 256], tree: Tree) -> Self {
        let shape = Shape {
            bits: 18 as u32,
            selections: [64, 256, 1024],
            corrections: [128, 1024],
            limit: 1023,
            rates: (197, 197),
        };
        Self {
            occurs: *occurs,
            started: false,
            alphabet: Alphabet::of(occurs),
            estimator: Estimator::new(),
            predictor: Predictor::new(tree, shape),
            memory: vec![0; 1 << 18],
        }
    }

    /// Codes a record's qualities; `original` holds its original ones where its qualities are in the joined ones.
    pub(super) fn record<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        originals: &[u8],
        record: usize,
        reading: &Reading,
    ) {
        let length = reading.bases.len();
        let group = records.read_groups[record];
        let end = u32::from(records.flags[record] >> 6 & 3);
        let (mut q1, mut q2, mut o1) = (0u32, 0u32, 0u32);
        let (mut error1, mut error2) = (0, 0);
        for at in 0..length {
            let place = reading.place(at);
            let original = originals[place];
            let o = u32::from(original);
            let bases = reading.base(at) | reading.base(at.wrapping_sub(1)) << 4;
            let i = at as u32;
            let estimate = self.estimator.estimate(Given {
                read_group: group,
                original,
                cycle: i,
                end,
                bases,
            });
            let (e1, e2, e4, e8) = (
                estimate.in_parts(1),
                estimate.in_parts(2) as u32,
                estimate.in_parts(4) as u32,
                estimate.in_parts(8) as u32,
            );
            let guess = self.alphabet.nearest[e1.clamp(0, 255) as usize];
            let guessed = self.alphabet.values[usize::from(guess)];
            let known = estimate.cycle_known * 3 + estimate.bases_known;
            let state = |at: usize| reading.states.get(at).map_or(5, |&s| u32::from(s));
            let (c0, cp) = (state(at), state(at.wrapping_sub(1)));
            let left = (length - at).min(20) as u32;
            let g = u32::from(guess);
            let clipped = if c0 == 3 { q1 } else { 0 };
            // The estimate relative to the guess.
            let f = (e8 as i32 - 8 * i32::from(guessed)) as u32;
            let cell = hash(o | i << 8, bases, group << 2 ^ end, 0);
            let spot = (cell >> (32 - 18)) as usize;
            let owner = cell & 0xffff;
            let entry = self.memory[spot];
            let (remembered, sure) = if entry >> 16 == owner && entry & 0xff > 0 {
                let value = (entry >> 8) as u8;
                (
                    u32::from(self.alphabet.places[usize::from(value)].wrapping_sub(guess)),
                    (entry & 0xff).min(3),
                )
            } else {
                (0, 0)
            };
            let memory = remembered | sure << 8;
            let contexts = [
                hash(1, o | g << 8, group, 0),
                hash(2, o | i << 8, group, end | g << 8),
                hash(3, o | bases << 8, group, g),
                hash(4, memory, f, 0),
                hash(5, o | q1 << 8 | o1 << 16 | g << 24, group, 0),
                hash(6, o | i << 8, bases | g << 8, q1),
                hash(7, o | q1 << 8 | q2 << 16 | o1 << 24, g, 0),
                hash(8, o | c0 << 8 | cp << 12 | g << 16, clipped, left),
                hash(9, f, known, 0),
                hash(10, memory, o, 0),
                hash(11, e8, known, 0),
                hash(12, e2, o, known),
                hash(13, f, error1 as u32, error2 as u32),
            ];
            let given = predictor::Given {
                contexts,
                selections: [
                    e1.clamp(0, 63) as u32,
                    (f.wrapping_add(8) & 15) * 12 + known,
                    (sure * 3
                        + u32::from(remembered == 0)
                        + u32::from(remembered > 1 && remembered < 255))
                        * 12
                        + known,
                ],
                corrections: [e2 & 127, sure * 256 + remembered],
            };
            let quality = {
                let symbol =
                    self.alphabet.places[usize::from(records.qualities[place])].wrapping_sub(guess);
                let symbol = self.predictor.symbol(coder, symbol, &given);
                self.alphabet.values[usize::from(symbol.wrapping_add(guess))]
            };
            records.qualities[place] = quality;
            let entry = self.memory[spot];
            if entry >> 16 == owner && (entry >> 8) as u8 == quality {
                if entry & 0xff < 255 {
                    self.memory[spot] += 1;
                }
            } else if entry >> 16 == owner || entry & 0xff <= 1 {
                self.memory[spot] = owner << 16 | u32::from(quality) << 8 | 1;
            } else {
                self.memory[spot] -= 1;
            }
            self.estimator.learn(quality);
            (q2, q1, o1) = (q1, quality.into(), o);
            (error2, error1) = (error1, (i32::from(quality) - e1).clamp(-7, 7));
        }
    }
}
