//! Array tags (kinetics, moves, signal, base modifications), floats and single characters.
//!
//! Columns differ too much for one model: the encoder tries a few forms on the first values of a column and codes which
//! one it took. An array may be all as expected (as the last one, as the linked record's, as the CIGAR says); else its
//! length is coded by who has the same length, and its elements given the elements before, the bases at the same
//! place, and another column's element there.

mod bases;
mod choice;
mod decimals;
mod elements;
mod expected;
mod forms;
mod likelihoods;
mod modifications;
mod values;

use crate::Result;
use crate::codec::mixing::{Coder, Mixer};
use crate::codec::records::{Column, Context, Records};
use crate::codec::wire::damaged;
use choice::Choice;
use elements::Job;
use values::{State, Values};

/// Whether a column is coded here: arrays, floats, characters, and the texts of base modifications.
pub(super) fn takes(tag: [u8; 2], kind: u8) -> bool {
    matches!(kind, 0 | 7 | 10..=16) || kind == 8 && matches!(&tag, b"MM" | b"Mm")
}

/// What has been learnt of all such columns.
#[derive(Clone)]
pub(super) struct Model {
    /// Blocks per context of the large model are 2^this.
    bits: u32,
    large: Option<Box<Mixer<7, 1>>>,
    modifications: Option<Box<modifications::Model>>,
    small: Option<Box<Mixer<3, 1>>>,
    expected: expected::Model,
    columns: Vec<State>,
}

impl Model {
    /// A model that knows no column.
    pub(super) fn new() -> Self {
        Self::sized(13)
    }

    /// With 2^`bits` blocks per context.
    fn sized(bits: u32) -> Self {
        Self {
            bits,
            large: None,
            modifications: None,
            small: None,
            expected: expected::Model::new(),
            columns: Vec::new(),
        }
    }

    /// The model of most values.
    fn large(&mut self) -> &mut Mixer<7, 1> {
        let bits = self.bits;
        self.large
            .get_or_insert_with(|| Box::new(Mixer::new(bits, 1023)))
    }

    /// The model of long arrays that lie along the bases.
    fn small(&mut self) -> &mut Mixer<3, 1> {
        self.small
            .get_or_insert_with(|| Box::new(Mixer::new(12, 1023)))
    }

    /// Codes the values of a column whose tag, kind and records are known. When a column is met for the first time, its
    /// parameters are coded before.
    pub(super) fn code_column<C: Coder>(
        &mut self,
        coder: &mut C,
        _: &Context<'_>,
        records: &mut Records,
        column: usize,
    ) -> Result<()> {
        let own = &mut records.columns[column];
        let (values, ends) = (
            std::mem::take(&mut own.values),
            std::mem::take(&mut own.ends),
        );
        let before = records
            .columns
            .iter()
            .map(|column| column.values.len())
            .sum();
        let own = &records.columns[column];
        let mut values = Values::new(own.kind, values, ends, before);
        if own
            .records
            .iter()
            .any(|&record| record as usize >= records.count)
        {
            return Err(damaged("a tag is of a record that is not there"));
        }
        let result = if own.kind == 8 {
            self.texts(coder, records, own, &mut values)
        } else {
            self.values(coder, records, own, &mut values)
        };
        coder.charge(own.key());
        let own = &mut records.columns[column];
        (own.values, own.ends) = (values.bytes, values.ends);
        result
    }

    /// Codes the texts of base modifications.
    fn texts<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        column: &Column,
        values: &mut Values,
    ) -> Result<()> {
        let new = || Box::new(modifications::Model::new());
        let model = self.modifications.get_or_insert_with(new);
        for (at, &record) in column.records.iter().enumerate() {
            let record = record as usize;
            let linked = records
                .linked(record)
                .and_then(|linked| values.of(&column.records[..at], linked));
            let place = modifications::Place {
                records,
                record,
                linked: linked.map(|range| &values.bytes[range]),
                first: at == 0 || column.records[at - 1] as usize != record,
                before: values.before.saturating_add(values.start(at)),
            };
            let truth = if C::DECODES {
                &[][..]
            } else {
                &values.bytes[values.range(at)]
            };
            let text = model.text(coder, place, truth)?;
            if C::DECODES {
                values.bytes.extend_from_slice(&text);
                values.ends.push(values.bytes.len());
            }
        }
        Ok(())
    }

    /// Codes values of the other kinds.
    fn values<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        column: &Column,
        values: &mut Values,
    ) -> Result<()> {
        let key = column.key();
        let known = self.columns.iter().position(|state| state.key == key);
        let slot = known.unwrap_or(self.columns.len());
        if known.is_none() {
            let mut choice = Choice::default();
            if !C::DECODES {
                choice = Choice::by_trial(records, column, values);
            }
            let choice = choice.code(coder)?;
            self.columns.push(State::new(key, slot, choice));
        }
        let mut state = self.columns[slot].clone();
        let result = self.run(coder, records, column, &mut state, values, usize::MAX);
        self.columns[slot] = state;
        result
    }

    /// Codes values until `most` elements are through.
    fn run<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        column: &Column,
        state: &mut State,
        values: &mut Values,
        most: usize,
    ) -> Result<()> {
        let mut job = Job::new(records, column, state.choice);
        let mut done = 0usize;
        for at in 0..column.records.len() {
            self.value(coder, &mut job, state, values, at)?;
            done += 1 + values.range(at).len() / values.width;
            if done >= most {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
