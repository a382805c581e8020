//! Values of arrays, floats and characters: whole ones that are as expected, lengths, elements.

use super::Model;
use super::bases::{introns, kmer, oriented};
use super::choice::{Choice, Form};
use super::decimals::{from_float, to_float};
use super::expected::divergence;
use super::likelihoods::{CONTEXTS, Calls, Sites};
use crate::Result;
use crate::codec::mixing::{Coder, hash};
use crate::codec::records::{Column, Records, part};
use crate::codec::wire::damaged;
use std::ops::Range;

/// Bytes of a value that are kept for the next chunk.
const KEPT: usize = 64;
/// Guesses of an array's length.
const GUESSES: usize = 7;

/// What is carried on of a column.
#[derive(Clone)]
pub(super) struct State {
    pub(super) key: u32,
    slot: usize,
    pub(super) choice: Choice,
    /// The last value of the chunk before, if it is short.
    last: Vec<u8>,
    /// How often each kind of expectation was right, newest lowest.
    right: [u32; 3],
    /// How often each guess of the length was right, falling with time.
    scores: [u32; GUESSES],
}

impl State {
    pub(super) fn new(key: u32, slot: usize, choice: Choice) -> Self {
        Self {
            key,
            slot,
            choice,
            last: Vec::new(),
            right: [0; 3],
            scores: [0; GUESSES],
        }
    }
}

/// A column's values while they are coded.
pub(super) struct Values {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
    kind: u8,
    /// Bytes of an element.
    pub(super) width: usize,
    /// Bytes of other columns' values.
    pub(super) before: usize,
}

impl Values {
    pub(super) fn new(kind: u8, bytes: Vec<u8>, ends: Vec<usize>, before: usize) -> Self {
        let width = match kind {
            12 | 13 => 2,
            7 | 14..=16 => 4,
            _ => 1,
        };
        Self {
            bytes,
            ends,
            kind,
            width,
            before,
        }
    }

    /// Where the value numbered `at` begins.
    pub(super) fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The value numbered `at`.
    pub(super) fn range(&self, at: usize) -> Range<usize> {
        part(&self.ends, at)
    }

    /// The value of record `record`, which is one of the first in the ascending `list`.
    pub(super) fn of(&self, list: &[u32], record: usize) -> Option<Range<usize>> {
        let at = list.partition_point(|&other| (other as usize) < record);
        (list.get(at).copied() == u32::try_from(record).ok()).then(|| self.range(at))
    }

    /// The bits of the float numbered `at` of all.
    pub(super) fn float(&self, at: usize) -> Option<u32> {
        let four = self.bytes.get(at * 4..at * 4 + 4)?;
        Some(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    }

    /// The element at a byte; 0 if it is not there (yet). Floats are their bits.
    #[inline]
    fn element(&self, at: usize) -> i64 {
        let bytes = self.bytes.get(at..at + self.width).unwrap_or_default();
        element_of(self.kind, bytes)
    }

    /// Appends an element.
    fn push(&mut self, element: i64) {
        let bytes = element.to_le_bytes();
        self.bytes.extend_from_slice(&bytes[..self.width]);
    }
}

/// An element of kind `kind`; 0 if the bytes are not as many as it has.
#[inline]
fn element_of(kind: u8, bytes: &[u8]) -> i64 {
    match (kind, bytes) {
        (10, &[a]) => i64::from(a as i8),
        (_, &[a]) => a.into(),
        (12, &[a, b]) => i16::from_le_bytes([a, b]).into(),
        (_, &[a, b]) => u16::from_le_bytes([a, b]).into(),
        (14, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]).into(),
        (_, &[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]).into(),
        _ => 0,
    }
}

/// A number with few values that says roughly how large another is.
#[inline]
fn coarse(number: i64) -> u32 {
    let magnitude = number.unsigned_abs();
    let bits = 64 - magnitude.leading_zeros();
    let rough = if bits < 3 {
        magnitude as u32
    } else {
        bits * 4 | (magnitude >> (bits - 3) & 3) as u32
    };
    rough << 1 | u32::from(number < 0)
}

/// What belongs to one run over a column.
pub(super) struct Job<'a> {
    records: &'a Records,
    column: &'a Column,
    companion: Option<&'a Column>,
    /// The text that says which bases the probabilities of this column are for.
    calls: Option<&'a Column>,
    sites: Sites,
}

/// What is known of one value before it is coded.
struct Value {
    record: usize,
    /// Whether it is the record's first value of this column.
    first: bool,
    start: usize,
    linked: Option<Range<usize>>,
    previous: Option<Range<usize>>,
}

impl<'a> Job<'a> {
    pub(super) fn new(records: &'a Records, column: &'a Column, choice: Choice) -> Self {
        let complete = |column: &&Column| column.ends.len() == column.records.len();
        let find = |(tag, kind)| records.column(tag, kind).filter(complete);
        let calls = match (&column.tag, column.kind) {
            (b"ML", 11) => find((*b"MM", 8)),
            (b"Ml", 11) => find((*b"Mm", 8)),
            _ => None,
        };
        Self {
            records,
            column,
            companion: choice.companion.and_then(find),
            calls,
            sites: Sites::default(),
        }
    }

    /// Guesses of an array's length; `called` is what the text of modifications says.
    fn lengths(
        &self,
        value: &Value,
        values: &Values,
        called: Option<usize>,
    ) -> [Option<usize>; GUESSES] {
        let length = self.records.lengths[value.record] as usize;
        let count = |range: &Range<usize>| range.len() / values.width;
        let companion = self.companion.and_then(|column| {
            let width = Values::new(column.kind, Vec::new(), Vec::new(), 0).width;
            Some(column.of(value.record)?.len() / width)
        });
        [
            called,
            Some(length),
            value.previous.as_ref().map(count),
            value.linked.as_ref().map(count),
            companion,
            companion.map(|count| count.saturating_mul(2)),
            Some(0),
        ]
    }
}

impl Model {
    /// Codes the value numbered `at`.
    pub(super) fn value<C: Coder>(
        &mut self,
        coder: &mut C,
        job: &mut Job<'_>,
        state: &mut State,
        values: &mut Values,
        at: usize,
    ) -> Result<()> {
        let list = &job.column.records;
        let record = list[at] as usize;
        let linked = job.records.linked(record);
        let value = Value {
            record,
            first: at == 0 || list[at - 1] != list[at],
            start: values.start(at),
            linked: linked.and_then(|linked| values.of(&list[..at], linked)),
            previous: at.checked_sub(1).map(|before| values.range(before)),
        };
        if job.column.kind == 0 {
            self.character(coder, job, state, values, &value);
        } else if !self.whole(coder, job, state, values, &value, at)? {
            self.parts(coder, job, state, values, &value, at)?;
        }
        if C::DECODES {
            values.ends.push(values.bytes.len());
        }
        let range = values.range(at);
        if at + 1 == list.len() && range.len() <= KEPT {
            state.last = values.bytes[range.clone()].to_vec();
        }
        if job.column.tag == *b"jM" && job.column.kind == 10 && value.first {
            self.expected
                .learn(job.records, record, &values.bytes[range]);
        }
        Ok(())
    }

    /// Codes whether a value is as expected; if it is, that is the value.
    fn whole<C: Coder>(
        &mut self,
        coder: &mut C,
        job: &Job<'_>,
        state: &mut State,
        values: &mut Values,
        value: &Value,
        at: usize,
    ) -> Result<bool> {
        let copy = |range: &Range<usize>| values.bytes[range.clone()].to_vec();
        let mut follows = None;
        if value.first && job.column.kind >= 10 {
            let expected = self
                .expected
                .expect(job.column.tag, job.records, value.record);
            follows = expected.map(|elements| {
                let bytes = elements.iter().map(|element| element.to_le_bytes());
                bytes
                    .flat_map(|bytes| bytes.into_iter().take(values.width))
                    .collect()
            });
        }
        let kept = (!state.last.is_empty()).then(|| state.last.clone());
        let previous = value
            .previous
            .as_ref()
            .map_or(kept, |range| Some(copy(range)));
        let guesses: [Option<Vec<u8>>; 3] = [follows, value.linked.as_ref().map(copy), previous];
        for (which, guess) in guesses.iter().enumerate() {
            let Some(guess) = guess else { continue };
            let same = !C::DECODES && values.bytes[values.range(at)] == guess[..];
            let right = state.right[which];
            let salt = hash(state.key, which as u32, 1, 0);
            let mut contexts = [0; CONTEXTS];
            contexts[0] = right & 0xff;
            contexts[1] = 0x100 | (right & 7);
            contexts[2] = hash(right & 3, guess.len().min(255) as u32, 0, 1);
            let same = self.mixer.flag(coder, same, &contexts, salt);
            state.right[which] = right << 1 | u32::from(same);
            if same {
                if C::DECODES {
                    let room = values.before.saturating_add(value.start);
                    job.records.check_limit(room.saturating_add(guess.len()))?;
                    values.bytes.extend_from_slice(guess);
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Codes how many elements an array has.
    fn length<C: Coder>(
        &mut self,
        coder: &mut C,
        state: &mut State,
        guesses: [Option<usize>; GUESSES],
        length: usize,
    ) -> Result<usize> {
        let mut order: [usize; GUESSES] = std::array::from_fn(|which| which);
        order.sort_by_key(|&which| std::cmp::Reverse(state.scores[which]));
        let mut found = None;
        for (step, which) in order.into_iter().enumerate() {
            let repeated = order[..step]
                .iter()
                .any(|&earlier| guesses[earlier] == guesses[which]);
            let Some(guess) = guesses[which].filter(|_| !repeated && found.is_none()) else {
                continue;
            };
            let mut contexts = [0; CONTEXTS];
            contexts[0] = which as u32;
            contexts[1] = hash(step as u32, state.scores[which] / 64, 0, 2);
            let salt = hash(state.key, 2, 0, 0);
            if self.mixer.flag(coder, guess == length, &contexts, salt) {
                found = Some(guess);
            }
        }
        let length = match found {
            Some(guess) => guess,
            None => {
                let salt = hash(state.key, 3, 0, 0);
                let number = self
                    .mixer
                    .number(coder, length as u64, &[0; CONTEXTS], salt);
                usize::try_from(number).map_err(|_| damaged("an array is too long"))?
            }
        };
        for (guess, score) in guesses.into_iter().zip(&mut state.scores) {
            *score -= *score / 16;
            *score += if guess == Some(length) { 16 } else { 0 };
        }
        Ok(length)
    }

    /// Codes a value element by element.
    fn parts<C: Coder>(
        &mut self,
        coder: &mut C,
        job: &mut Job<'_>,
        state: &mut State,
        values: &mut Values,
        value: &Value,
        at: usize,
    ) -> Result<()> {
        if job.column.kind == 7 {
            return self.scalar(coder, job, state, values, value);
        }
        let text = job
            .calls
            .filter(|_| value.first)
            .and_then(|column| column.of(value.record));
        let mut calls = text.and_then(|text| Calls::of(job.records, value.record, text));
        let guesses = job.lengths(value, values, calls.as_ref().map(Calls::count));
        let length = if C::DECODES {
            0
        } else {
            values.range(at).len() / values.width
        };
        let length = self.length(coder, state, guesses, length)?;
        let bytes = length.saturating_mul(values.width);
        let room = values.before.saturating_add(value.start);
        job.records.check_limit(room.saturating_add(bytes))?;
        if let Some(calls) = &mut calls {
            self.likelihoods(coder, job, state, values, value, length, calls)
        } else {
            self.elements(coder, job, state, values, value, length)
        }
    }

    /// Codes probabilities of modifications.
    fn likelihoods<C: Coder>(
        &mut self,
        coder: &mut C,
        job: &mut Job<'_>,
        state: &State,
        values: &mut Values,
        value: &Value,
        length: usize,
        calls: &mut Calls,
    ) -> Result<()> {
        let salt = hash(state.key, 4, 0, 0);
        for at in 0..length {
            let contexts = calls.contexts(at, &job.sites);
            let truth = values.element(value.start + at) as u32;
            let element = self
                .mixer
                .symbol(coder, truth, 8, &contexts, salt, state.slot % 8 * 8);
            calls.learn(at, element as u8, &mut job.sites);
            if C::DECODES {
                values.push(element.into());
            }
        }
        Ok(())
    }

    /// Codes the elements of an array.
    fn elements<C: Coder>(
        &mut self,
        coder: &mut C,
        job: &Job<'_>,
        state: &State,
        values: &mut Values,
        value: &Value,
        length: usize,
    ) -> Result<()> {
        let (records, width) = (job.records, values.width);
        let aligned = value.first && length > 0 && length == records.bases_of(value.record).len();
        let bases = if aligned {
            oriented(records, value.record)
        } else {
            Vec::new()
        };
        let companion = job.companion.and_then(|column| {
            let width = Values::new(column.kind, Vec::new(), Vec::new(), 0).width;
            Some((column.of(value.record)?, column.kind, width))
        });
        let model = value.linked.clone().or(value.previous.clone());
        let (mut one, mut two, mut mean) = (0i64, 0i64, 0i64);
        for at in 0..length {
            let other = companion.map_or(0, |(bytes, kind, width)| {
                element_of(
                    kind,
                    bytes
                        .get(at * width..at * width + width)
                        .unwrap_or_default(),
                )
            });
            let same = model.as_ref().map_or(0, |range| {
                let place = range.start + at * width;
                if place < range.end {
                    values.element(place)
                } else {
                    0
                }
            });
            let here = if aligned {
                kmer(&bases, at, 2, 2)
            } else {
                at.min(255) as u32
            };
            let contexts = [
                hash(one as u32, coarse(two), 0, 0),
                hash(one as u32, here >> 4 & 0xfff, 0, 1),
                hash(here, aligned.into(), 0, 2),
                hash(other as u32, coarse(one), 0, 3),
                hash(same as u32, coarse(one), 0, 4),
                hash(coarse(other), here >> 4 & 0xfff, 0, 5),
                hash(coarse(mean / 4), coarse(one), coarse(two), 6),
            ];
            let truth = values.element(value.start + at * width);
            let element = self.element(coder, state, values.kind, truth, one, &contexts)?;
            if C::DECODES {
                values.push(element);
            }
            (one, two) = (element, one);
            mean += element - mean / 4;
        }
        Ok(())
    }

    /// Codes an element in the column's form; `one` is the element before.
    fn element<C: Coder>(
        &mut self,
        coder: &mut C,
        state: &State,
        kind: u8,
        truth: i64,
        one: i64,
        contexts: &[u32; CONTEXTS],
    ) -> Result<i64> {
        let salt = hash(state.key, 5, 0, 0);
        match state.choice.form {
            Form::Number if matches!(kind, 12 | 14) => {
                Ok(self.mixer.signed(coder, truth, contexts, salt))
            }
            Form::Number => Ok(self.mixer.number(coder, truth as u64, contexts, salt) as i64),
            Form::Difference => {
                let difference = truth.wrapping_sub(one);
                Ok(one.wrapping_add(self.mixer.signed(coder, difference, contexts, salt)))
            }
            Form::Decimal(digits) => self.decimal(coder, state, truth, digits, 0, contexts),
            Form::Bytes => Ok(self.planes(coder, state, kind, truth, contexts)),
        }
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
        let width = Values::new(kind, Vec::new(), Vec::new(), 0).width as u32;
        let mut done = 0u32;
        for plane in (0..width).rev() {
            let salt = hash(state.key, 6, plane, done);
            let byte = truth as u32 >> (8 * plane) & 255;
            let selection = state.slot % 8 * 8;
            done = done << 8 | self.mixer.symbol(coder, byte, 8, contexts, salt, selection);
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
        if !self.mixer.flag(coder, number.is_some(), contexts, salt) {
            return Ok(self.planes(coder, state, 7, truth, contexts));
        }
        let difference = number.unwrap_or(0).wrapping_sub(expected);
        let salt = hash(state.key, 8, 0, 0);
        let number = expected.wrapping_add(self.mixer.signed(coder, difference, contexts, salt));
        let float = to_float(number, digits).ok_or_else(|| damaged("a decimal is too large"))?;
        Ok(float.into())
    }

    /// Codes a float.
    fn scalar<C: Coder>(
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
        let contexts = [
            hash(other, 0, 0, 0),
            hash(one, 0, 0, 1),
            hash(linked, flags & 0xc0, 0, 2),
            hash(mapq, other, 0, 3),
            hash(other, one, 0, 4),
            hash(records.lengths[value.record], 0, 0, 5),
            0,
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
    fn character<C: Coder>(
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
            .mixer
            .symbol(coder, truth, 8, &contexts, salt, state.slot % 8 * 8);
        if C::DECODES {
            values.push(byte.into());
        }
    }
}
