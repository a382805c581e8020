//! Integer tags: each is predicted from what else is known of the record, and what differs from the prediction is coded.
//!
//! A tag has several predictions; the one that has lately been nearest is the base. See `predictions` for them.

use super::super::Records;
use super::SoFar;
use super::predictions::{CANDIDATES, Expected, OF_TAG, View};
use super::suboptimal;
use super::values::{Integers, bounds, push_integer};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use crate::codec::wire::damaged;

/// Tags share this many places for what is learnt of each; which one a tag has, its hash says.
const PLACES: usize = 256;

/// What is learnt of a tag.
#[derive(Clone, Copy, Default)]
struct Place {
    /// How far each prediction has been from the value of late: its bits, in 1/4096.
    errors: [u32; CANDIDATES],
    /// The last value, and the last two differences from the base.
    last: i64,
    differences: [i64; 2],
    /// Whether the last values were as predicted, the last one lowest.
    history: u32,
}

impl Place {
    /// The number of the prediction to go by. The tag's own are preferred to those that any tag may follow.
    fn best(&self, candidates: &[Option<i64>; CANDIDATES]) -> usize {
        let cost = |at: &usize| match *at {
            ..OF_TAG => self.errors[*at] / 2,
            // Contexts predict the value itself well when they know it: the others must be much nearer.
            OF_TAG => self.errors[*at] / 2 + 64,
            _ => self.errors[*at] + 128,
        };
        let there = (0..CANDIDATES).filter(|&at| candidates[at].is_some());
        there.min_by_key(cost).unwrap_or(OF_TAG)
    }

    /// Learns a value.
    fn learn(&mut self, candidates: &[Option<i64>; CANDIDATES], value: i64, difference: i64) {
        for (error, candidate) in self.errors.iter_mut().zip(candidates) {
            if let Some(candidate) = candidate {
                let apart = value.wrapping_sub(*candidate).unsigned_abs();
                let bits = (64 - apart.leading_zeros()) << 12;
                *error = *error - (*error >> 5) + (bits >> 5);
            }
        }
        self.last = value;
        self.differences = [difference, self.differences[0]];
        self.history = self.history << 1 | u32::from(difference == 0);
    }
}

/// The model of integer tags.
#[derive(Clone)]
pub(crate) struct Model {
    places: Vec<Place>,
    agrees: Mixer<7, 1>,
    differs: Mixer<10, 2>,
    suboptimal: suboptimal::Model,
}

/// The contexts of a value.
struct Contexts {
    agrees: [u32; 7],
    differs: [u32; 10],
    /// Weight sets from here on.
    selection: usize,
}

impl Model {
    /// A model that has seen nothing.
    pub(crate) fn new() -> Self {
        Self {
            places: vec![Place::default(); PLACES],
            agrees: Mixer::new(11, 255),
            differs: Mixer::new(12, 400),
            suboptimal: suboptimal::Model::new(),
        }
    }

    /// Codes a column of integers of kind 1 to 6.
    pub(crate) fn code_column<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        column: usize,
        so_far: &mut SoFar<'_>,
    ) -> Result<()> {
        let SoFar {
            facts,
            known,
            reference,
        } = so_far;
        let mut taken = std::mem::take(&mut records.columns[column]);
        let mut coded = Integers::new(&taken, records.count);
        let [least, most] = bounds(taken.kind);
        let key = u32::from(u16::from_be_bytes(taken.tag));
        let place = hash(key, 0, 0, 9) as usize % PLACES;
        let mut places = suboptimal::Places::default();
        for at in 0..taken.records.len() {
            let record = taken.records[at] as usize;
            let truth = if C::DECODES { 0 } else { taken.integer(at) };
            let counts = taken.tag == *b"NM" && !facts.of(record).certain;
            if counts {
                reference.guess(records, record, facts.of_mut(record));
            }
            let view = View {
                records,
                facts,
                known,
                coded: &coded,
                tag: taken.tag,
                record,
                mate: facts.mate(record),
                twin: facts.twin(record),
            };
            let (value, difference) = match view.own(*b"AS") {
                Some(score) if taken.tag == *b"XS" => {
                    let value = self
                        .suboptimal
                        .code(coder, truth, score, &view, &mut places);
                    (value, value)
                }
                _ => {
                    let state = &self.places[place];
                    let expected = view.expected(state.last);
                    let best = state.best(&expected.candidates);
                    let base = expected.candidates[best].unwrap_or(0).clamp(least, most);
                    let salt = hash(key, taken.kind.into(), 0, 0);
                    let contexts = state.contexts(&view, &expected, best, base, salt);
                    let difference = self.difference(coder, truth.wrapping_sub(base), &contexts);
                    let value = base.wrapping_add(difference);
                    self.places[place].learn(&expected.candidates, value, difference);
                    (value, difference)
                }
            };
            if value < least || value > most {
                return Err(damaged("a number does not fit its type"));
            }
            coded.push(value, difference);
            if counts {
                facts.tell_edits(record, value, reference);
            }
            if C::DECODES {
                push_integer(&mut taken, value);
                records.check_limit(taken.values.len())?;
            }
        }
        if taken.tag == *b"NM" {
            facts.settle(records, reference);
        }
        known.add(taken.tag, coded);
        records.columns[column] = taken;
        Ok(())
    }

    /// Codes the difference from the base: whether there is any, its sign and its size.
    fn difference<C: Coder>(&mut self, coder: &mut C, difference: i64, contexts: &Contexts) -> i64 {
        self.agrees.turn(&contexts.agrees, 0);
        if self
            .agrees
            .bit(coder, difference == 0, 1, contexts.selection)
        {
            return 0;
        }
        let differs = &mut self.differs;
        differs.turn(&contexts.differs, 0);
        let negative = differs.bit(coder, difference < 0, 1, contexts.selection);
        let more = difference.unsigned_abs().wrapping_sub(1);
        let more = sized(differs, coder, more, contexts, 2 + u32::from(negative));
        let size = more.wrapping_add(1) as i64;
        if negative { size.wrapping_neg() } else { size }
    }
}

/// Codes a number of at most 40 bits: how many it has, then those below the highest.
fn sized<C: Coder>(
    mixer: &mut Mixer<10, 2>,
    coder: &mut C,
    number: u64,
    contexts: &Contexts,
    salt: u32,
) -> u64 {
    let Contexts {
        differs, selection, ..
    } = contexts;
    let bits = (64 - number.leading_zeros()).min(40);
    let mut node = 1;
    // Up to 14 bits in one turn; more are told apart in a second one.
    mixer.turn(differs, hash(salt, 1, 0, 0));
    for level in 0..4 {
        let bit = bits.min(15) >> (3 - level) & 1 == 1;
        let bit = mixer.bit(coder, bit, node, selection + 1 + level);
        node = node * 2 + usize::from(bit);
    }
    let mut bits = node as u32 - 16;
    if bits == 15 {
        let more = (64 - number.leading_zeros()).clamp(15, 40) - 15;
        bits += mixer.symbol(coder, more, 5, differs, hash(salt, 2, 0, 0), *selection);
    }
    if bits < 2 {
        return bits.into();
    }
    let mut done = 1u64;
    for (level, shift) in (0..bits.min(40) - 1).rev().enumerate() {
        if level % 3 == 0 {
            // After nine bits only the place counts: the lower bits of large numbers are noise.
            let known = if level < 9 { done as u32 } else { 0 };
            mixer.turn(differs, hash(salt, known, bits, 4 + level as u32));
        }
        let node = 1 << (level % 3) | (done as usize & ((1 << (level % 3)) - 1));
        let bit = number >> shift & 1 == 1;
        let bit = mixer.bit(coder, bit, node, selection + 5 + level.min(9));
        done = done << 1 | u64::from(bit);
    }
    done
}

impl Place {
    fn contexts(
        &self,
        view: &View<'_>,
        expected: &Expected,
        best: usize,
        base: i64,
        key: u32,
    ) -> Contexts {
        let fact = view.facts.of(view.record);
        let mapq = u32::from(view.records.mapq[view.record]);
        let flags = u32::from(view.records.flags[view.record]);
        let other = view.mate.or(view.records.linked(view.record));
        let mate = other.and_then(|mate| view.coded.difference(mate));
        let twin = view.twin.and_then(|twin| view.coded.difference(twin));
        let twin = twin.map_or(1 << 20, |difference| difference as u32);
        let has_mate = u32::from(view.mate.is_some()) + u32::from(mate.is_some());
        let mate = mate.map_or(1 << 20, |difference| difference as u32);
        let mut agreement = best as u32;
        for candidate in expected.candidates {
            agreement = agreement << 1 | u32::from(candidate == Some(base));
        }
        let chosen = hash(key, best as u32, 0, 0);
        let error = self.errors[best] >> 10;
        let nm = view.known.of(*b"NM", view.record).unwrap_or(fact.edits()) as u32;
        let score = view.known.of(*b"AS", view.record);
        let [related, before] = view
            .known
            .last(view.record)
            .map(|value| value.map_or(1 << 20, |value| value as u32));
        let score_difference = score.map_or(related, |score| (score - fact.score()) as u32);
        let score = score.map_or(1 << 20, |score| score as u32);
        let mismatches = hash(
            fact.mismatches as u32,
            fact.gaps as u32,
            u32::from(fact.extent.clipped != [0; 2]),
            0,
        );
        let [last, before_last] = self.differences.map(|difference| difference as u32);
        let line = view.records.lines[view.record];
        Contexts {
            agrees: [
                hash(chosen, error.min(31), has_mate, 1),
                hash(chosen, mate, has_mate, 2),
                hash(chosen, self.history & 7, mapq, 3),
                hash(chosen, mismatches, 0, 4),
                hash(key, agreement, line, 5),
                hash(key, expected.hints[0], expected.hints[1], 6),
                hash(chosen, twin, expected.hints[0], 7),
            ],
            differs: [
                hash(chosen, has_mate, 0, 1),
                hash(chosen, mate, has_mate, 2),
                hash(chosen, last, 0, 3),
                hash(chosen, related, nm, 4),
                hash(chosen, mapq, score, 5),
                hash(chosen, mismatches, before, 6),
                hash(chosen, last, before_last, 7 + (mapq << 8)),
                hash(chosen, mapq, score_difference, 8 + (nm << 8)),
                hash(
                    chosen,
                    expected.hints[0],
                    hash(expected.hints[1], flags & 0x904, 0, 0),
                    9,
                ),
                hash(chosen, twin, expected.hints[1], 10),
            ],
            selection: (key % 16) as usize * 16,
        }
    }
}
