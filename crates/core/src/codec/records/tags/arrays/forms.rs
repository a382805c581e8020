//! Elements in the forms that columns may take, floats and characters.

use std::ops::Range;

use super::Model;
use super::bases::introns;
use super::choice::Form;
use super::decimals::{from_float, to_float};
use super::elements::{Job, Value};
use super::expected::divergence;
use super::likelihoods::CONTEXTS;
use super::values::{State, Values, element_of, width_of};
use crate::Result;
use crate::codec::mixing::{Coder, hash};
use crate::codec::records::part;
use crate::codec::wire::damaged;

impl Model {
    /// Codes an element in the column's form; `one` is the element before.
    pub(super) fn element<C: Coder>(
        &mut self,
        coder: &mut C,
        state: &State,
        kind: u8,
        truth: i64,
        one: i64,
        contexts: &[u32; CONTEXTS],
    ) -> Result<i64> {
        let salt = hash(state.key, 5, 0, 0);
        let element = match state.choice.form {
            Form::Number if matches!(kind, 12 | 14) => {
                self.large().signed(coder, truth, contexts, salt)
            }
            Form::Number => self.large().number(coder, truth as u64, contexts, salt) as i64,
            Form::Difference => {
                let difference = truth.wrapping_sub(one);
                one.wrapping_add(self.large().signed(coder, difference, contexts, salt))
            }
            Form::Decimal(digits) => self.decimal(coder, state, truth, digits, 0, contexts)?,
            Form::Bytes => self.planes(coder, state, kind, truth, contexts),
        };
        // What is damaged may be too large for the kind.
        Ok(element_of(kind, &element.to_le_bytes()[..width_of(kind)]))
    }

    /// Codes an element's bytes, the highest first.
    fn planes<C: Coder>(
        &mut self,
        coder: &mut C,
        state: &State,
        kind: u8,
        truth: i64,
        contexts: &[u32; CONTEXTS],
    ) -> i64 {
        let width = width_of(kind) as u32;
        let mut done = 0u32;
        for plane in (0..width).rev() {
            let salt = hash(state.key, 6, plane, done);
            let byte = truth as u32 >> (8 * plane) & 255;
            let selection = state.slot % 8 * 8;
            done = done << 8
                | self
                    .large()
                    .symbol(coder, byte, 8, contexts, salt, selection);
        }
        element_of(kind, &done.to_le_bytes()[..width as usize])
    }

    /// Codes a float that may be a decimal number, by its difference from `expected`.
    fn decimal<C: Coder>(
        &mut self,
        coder: &mut C,
        state: &State,
        truth: i64,
        digits: u32,
        expected: i64,
        contexts: &[u32; CONTEXTS],
    ) -> Result<i64> {
        let number = from_float(truth as u32, digits);
        let salt = hash(state.key, 7, 0, 0);
        if !self.large().flag(coder, number.is_some(), contexts, salt) {
            return Ok(self.planes(coder, state, 7, truth, contexts));
        }
        let difference = number.unwrap_or(0).wrapping_sub(expected);
        let salt = hash(state.key, 8, 0, 0);
        let number = expected.wrapping_add(self.large().signed(coder, difference, contexts, salt));
        let float = to_float(number, digits).ok_or_else(|| damaged("a decimal is too large"))?;
        Ok(float.into())
    }

    /// Codes a float.
    pub(super) fn scalar<C: Coder>(
        &mut self,
        coder: &mut C,
        job: &Job<'_>,
        state: &State,
        values: &mut Values,
        value: &Value,
    ) -> Result<()> {
        let records = job.records;
        let room = values.before.saturating_add(value.start);
        records.check_limit(room.saturating_add(4))?;
        let first =
            |range: Option<&Range<usize>>| range.map_or(0, |range| values.element(range.start));
        let one = first(value.previous.as_ref()) as u32;
        let linked = first(value.linked.as_ref()) as u32;
        let other = self.other(job, value);
        let flags = u32::from(records.flags[value.record]);
        let mapq = u32::from(records.mapq[value.record]);
        // What a score may follow from.
        let bases = part(&records.base_ends, value.record);
        let states = records.base_states.get(bases).unwrap_or_default();
        let differ = states.iter().filter(|&&state| state == 1).count() as u32;
        let cigar = records.cigar_of(value.record).iter().take(8);
        let shape = cigar.fold(1, |hashed, &operation| hash(hashed, operation, 5, 0));
        let contexts = [
            hash(other, 0, 0, 0),
            hash(one, 0, 0, 1),
            hash(linked, flags & 0xc0, 0, 2),
            hash(mapq, other, 0, 3),
            hash(other, one, 0, 4),
            hash(shape, records.lengths[value.record], differ, 5),
            hash(shape, differ, other, 6),
        ];
        let truth = values.element(value.start);
        let element = match state.choice.form {
            Form::Decimal(digits) => {
                let expected = match &job.column.tag {
                    b"de" => divergence(records, value.record, digits),
                    _ => None,
                };
                self.decimal(
                    coder,
                    state,
                    truth,
                    digits,
                    expected.unwrap_or(0),
                    &contexts,
                )?
            }
            _ => self.planes(coder, state, 7, truth, &contexts),
        };
        if C::DECODES {
            values.push(element);
        }
        Ok(())
    }

    /// A number for the companion's value of a record.
    fn other(&self, job: &Job<'_>, value: &Value) -> u32 {
        let bytes = job.companion.and_then(|column| column.of(value.record));
        bytes.map_or(0, |bytes| {
            let start = 1 + bytes.len() as u32;
            bytes
                .iter()
                .take(16)
                .fold(start, |hashed, &byte| hash(hashed, byte.into(), 9, 0))
        })
    }

    /// Codes a character.
    pub(super) fn character<C: Coder>(
        &mut self,
        coder: &mut C,
        job: &Job<'_>,
        state: &State,
        values: &mut Values,
        value: &Value,
    ) {
        let records = job.records;
        let byte = |at: Option<usize>| at.map_or(0, |at| u32::from(values.bytes[at]) + 1);
        let one = byte(value.start.checked_sub(1));
        let two = byte(value.start.checked_sub(2));
        let linked = byte(value.linked.as_ref().map(|range| range.start));
        let other = self.other(job, value);
        let flags = u32::from(records.flags[value.record]);
        let mapq = u32::from(records.mapq[value.record]);
        let intron = if value.first {
            introns(records, value.record).first().copied()
        } else {
            None
        };
        let intron = intron.map_or(0, |(start, end)| hash(start as u32, end as u32, 1, 0));
        let contexts = [
            hash(other, flags & 0x1d0, 0, 0),
            hash(one, two, 0, 1),
            hash(linked, flags & 0xd0, 0, 2),
            hash(intron, flags & 0xd0, 0, 3),
            hash(mapq, other, 0, 4),
            hash(one, flags & 0xd0, 0, 5),
            0,
        ];
        let truth = values.element(value.start) as u32;
        let salt = hash(state.key, 9, 0, 0);
        let byte = self
            .large()
            .symbol(coder, truth, 8, &contexts, salt, state.slot % 8 * 8);
        if C::DECODES {
            values.push(byte.into());
        }
    }
}
