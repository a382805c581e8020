//! The values of a column of qualities.

use super::super::super::qualities::predictor::{Given, Predictor, Shape};
use super::super::super::qualities::reading::Reading;
use super::super::super::qualities::recalibrated::memory::Memory;
use super::super::super::qualities::tree::Tree;
use super::super::super::{Column, Records};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, Slot, hash};
use crate::codec::wire::damaged;

/// Contexts, weight sets.
const N: usize = 8;
const SETS: usize = 3;

/// 2^this many slots for each context: 2 MB for all.
const BITS: u32 = 16;

/// 2^this many combinations of cycle, bases and read group are remembered: 256 kB.
const REMEMBERED: u32 = 17;

/// What is learnt from values.
#[derive(Clone)]
pub(super) struct Learnt {
    predictor: Predictor<N, 1, SETS>,
    memory: Memory,
    lengths: Mixer<2, 1>,
    /// Whether a value is as long as the read, and whether it is the linked record's.
    is_long: Flag,
    is_linked: Flag,
}

/// A flag that is told by its last three answers.
#[derive(Clone)]
struct Flag {
    slots: [Slot; 8],
    before: usize,
}

impl Flag {
    fn new() -> Self {
        Self {
            slots: [Slot::NEW; 8],
            before: 0,
        }
    }

    fn code<C: Coder>(&mut self, coder: &mut C, flag: bool) -> bool {
        let slot = &mut self.slots[self.before];
        let flag = coder.code(flag, slot.p().clamp(1, 65_535));
        slot.update(flag, 255);
        self.before = (self.before * 2 + usize::from(flag)) % 8;
        flag
    }
}

/// What a value is coded from.
struct Around<'a> {
    reading: &'a Reading,
    /// The value is as long as the read, and lies as it does or is turned.
    long: bool,
    reversed: bool,
    length: usize,
    /// The record's qualities, if the value is as long.
    qualities: &'a [u8],
    /// The related tag's value and the linked record's, if as long.
    related: &'a [u8],
    linked: &'a [u8],
    /// Bits 6 and 7 of the flags.
    end: u32,
    group: u32,
}

/// Symbols before in the value: the last two, and how often the last stood before itself.
#[derive(Default)]
struct Before {
    q1: u32,
    q2: u32,
    same: u32,
    /// How often the base stood before itself.
    run: u32,
}

impl Learnt {
    pub(super) fn new(tree: Tree) -> Self {
        let symbols = tree.symbols() as u32 + 1;
        let shape = Shape {
            bits: BITS,
            selections: [symbols, 64, 25],
            corrections: [symbols, 64],
            limit: 1023,
            // From 0.009 to 0.002.
            rates: (600, 130),
        };
        Self {
            predictor: Predictor::new(tree, shape),
            memory: Memory::new(REMEMBERED),
            lengths: Mixer::new(6, 255),
            is_long: Flag::new(),
            is_linked: Flag::new(),
        }
    }

    /// Codes the values of a column.
    pub(super) fn column<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        own: &mut Column,
        related: Option<&Column>,
        turned: bool,
    ) -> Result<()> {
        let mut reading = Reading::default();
        // One more than the number of each record's first value, as far as coded.
        let mut places = vec![0u32; records.count];
        for at in 0..own.records.len() {
            let record = own.records[at] as usize;
            let linked = records.linked(record).map_or(0, |linked| places[linked]);
            let linked = match linked.checked_sub(1) {
                Some(place) => own.value(place as usize).to_vec(),
                None => Vec::new(),
            };
            let mut value = if C::DECODES {
                Vec::new()
            } else {
                own.value(at).to_vec()
            };
            reading.turn(records, record);
            let bases = reading.bases.len();
            let length = self.length(coder, value.len(), bases, linked.len());
            if C::DECODES {
                records.check_limit(own.values.len().saturating_add(length))?;
                value.resize(length, 0);
            }
            let long = length == bases;
            let beside = related.and_then(|related| related.of(record));
            let if_as_long = |value: &'_ [u8]| value.len() == length;
            let around = Around {
                reading: &reading,
                long,
                reversed: long && turned && reading.reversed,
                length,
                qualities: if long {
                    records.qualities_of(record)
                } else {
                    &[]
                },
                related: beside.filter(|value| if_as_long(value)).unwrap_or(&[]),
                linked: if if_as_long(&linked) { &linked } else { &[] },
                end: u32::from(records.flags[record] >> 6 & 3),
                group: records.read_groups[record],
            };
            self.value(coder, &mut value, &around);
            if C::DECODES {
                if own.kind == 8 && value.contains(&0) {
                    return Err(damaged("a string has a NUL"));
                }
                own.values.extend_from_slice(&value);
                own.ends.push(own.values.len());
            }
            if places[record] == 0 {
                places[record] = at as u32 + 1;
            }
        }
        Ok(())
    }

    /// Codes a value's length.
    fn length<C: Coder>(
        &mut self,
        coder: &mut C,
        length: usize,
        bases: usize,
        linked: usize,
    ) -> usize {
        if self.is_long.code(coder, length == bases) {
            return bases;
        }
        let contexts = [hash(linked as u32, 1, 0, 0), 2];
        let length = self.lengths.number(coder, length as u64, &contexts, 0);
        usize::try_from(length).unwrap_or(usize::MAX)
    }

    /// Codes a value of known length.
    fn value<C: Coder>(&mut self, coder: &mut C, value: &mut [u8], around: &Around<'_>) {
        if !around.linked.is_empty() && self.is_linked.code(coder, value == around.linked) {
            value.copy_from_slice(around.linked);
            return;
        }
        let mut before = Before::default();
        for at in 0..around.length {
            let place = if around.reversed {
                around.length - 1 - at
            } else {
                at
            };
            value[place] = self.symbol(coder, value[place], around, &mut before, at, place);
        }
    }

    /// Codes the symbol at `at` in the order of coding, which stands at `place`.
    fn symbol<C: Coder>(
        &mut self,
        coder: &mut C,
        symbol: u8,
        around: &Around<'_>,
        before: &mut Before,
        at: usize,
        place: usize,
    ) -> u8 {
        let beside = |values: &[u8]| values.get(place).map_or(0, |&value| u32::from(value));
        let quality = around.quality(at);
        let other = beside(around.related);
        let linked = beside(around.linked);
        // Bases as the symbols lie: in the order of sequencing, unless the values are not turned.
        let base = |back: usize| at.checked_sub(back).map_or(0, |at| around.base(at));
        let (i, three) = (at as u32, base(0) | base(1) << 4 | base(2) << 8);
        let far = base(3) | base(4) << 4 | base(5) << 8 | base(6) << 12;
        let repeats = at > 0 && base(0) == base(1);
        before.run = if repeats { (before.run + 1).min(15) } else { 0 };
        let states = [
            around.state(at),
            at.checked_sub(1).map_or(5, |at| around.state(at)),
        ];
        let cell = hash(i | around.end << 30, three, around.group, 0);
        let (value, sure) = self.memory.get(cell);
        let remembered = u32::from(value) | sure << 8;
        let &mut Before { q1, q2, same, run } = before;
        let contexts = [
            hash(1, q1 | q2 << 8, 0, 0),
            hash(2, three, q1, other),
            hash(3, i, three & 0xff, 0),
            hash(4, three, far, 0),
            hash(5, q1, quality, states[0] | states[1] << 4),
            hash(6, other | q1 << 8, run | three << 8, around.end),
            hash(7, remembered, q1, other),
            hash(8, q1, same.min(31), linked | quality << 8),
        ];
        let rank = self.predictor.tree().rank(q1 as u8);
        let given = Given {
            contexts,
            selections: [rank, i.min(63), letter(base(0)) * 5 + letter(base(1))],
            corrections: [rank, (i / 4).min(7) * 8 + states[0]],
        };
        let symbol = self.predictor.symbol(coder, symbol, &given);
        self.memory.learn(cell, symbol, true);
        before.same = if u32::from(symbol) == q1 { same + 1 } else { 0 };
        (before.q2, before.q1) = (q1, symbol.into());
        symbol
    }
}

/// A base from 0 to 3, or 4 for codes that are none.
fn letter(base: u32) -> u32 {
    match base {
        1 | 2 | 4 | 8 => base.ilog2(),
        _ => 4,
    }
}

impl Around<'_> {
    /// The base at `at` in the order of coding; 0 outside.
    #[inline]
    fn base(&self, at: usize) -> u32 {
        if self.long { self.reading.base(at) } else { 0 }
    }

    /// Its quality; 0 if there is none.
    #[inline]
    fn quality(&self, at: usize) -> u32 {
        let place = match self.reading.reversed {
            true => self.qualities.len().wrapping_sub(at + 1),
            false => at,
        };
        self.qualities
            .get(place)
            .map_or(0, |&quality| quality.into())
    }

    /// Its state; 5 outside.
    #[inline]
    fn state(&self, at: usize) -> u32 {
        let states: &[u8] = if self.long { &self.reading.states } else { &[] };
        states.get(at).map_or(5, |&state| u32::from(state))
    }
}
