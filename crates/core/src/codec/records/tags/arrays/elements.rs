//! Values of arrays: whole ones that are as expected, lengths, elements.

use std::ops::Range;

use super::Model;
use super::bases::{complement, kmer, oriented};
use super::choice::Choice;
use super::likelihoods::{CONTEXTS, Calls, Sites};
use super::values::{GUESSES, KEPT, State, Values, coarse, element_of, width_of};
use crate::Result;
use crate::codec::mixing::{Coder, hash};
use crate::codec::records::{Column, Records};
use crate::codec::wire::damaged;

/// What belongs to one run over a column.
pub(super) struct Job<'a> {
    pub(super) records: &'a Records,
    pub(super) column: &'a Column,
    pub(super) companion: Option<&'a Column>,
    /// The text that says which bases the probabilities of this column are for.
    calls: Option<&'a Column>,
    sites: Sites,
    /// The calls of the value that is coded.
    now: Option<Calls>,
}

/// What is known of one value before it is coded.
pub(super) struct Value {
    pub(super) record: usize,
    /// Whether it is the record's first value of this column.
    pub(super) first: bool,
    pub(super) start: usize,
    pub(super) linked: Option<Range<usize>>,
    pub(super) previous: Option<Range<usize>>,
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
            now: None,
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
            let width = width_of(column.kind);
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
            let same = self.large().flag(coder, same, &contexts, salt);
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
            if self.large().flag(coder, guess == length, &contexts, salt) {
                found = Some(guess);
            }
        }
        let length = match found {
            Some(guess) => guess,
            None => {
                let salt = hash(state.key, 3, 0, 0);
                let number = self
                    .large()
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
        job.now = text.and_then(|text| Calls::of(job.records, value.record, text));
        let guesses = job.lengths(value, values, job.now.as_ref().map(Calls::count));
        let length = if C::DECODES {
            0
        } else {
            values.range(at).len() / values.width
        };
        let length = self.length(coder, state, guesses, length)?;
        let bytes = length.saturating_mul(values.width);
        let room = values.before.saturating_add(value.start);
        job.records.check_limit(room.saturating_add(bytes))?;
        if job.column.tag == *b"mv" && job.column.kind == 10 && length > 1 {
            let bytes = values.bytes.get(value.start + 1..value.start + length);
            let plain = bytes.is_some_and(|bytes| bytes.iter().all(|&byte| byte < 2));
            let salt = hash(state.key, 10, 0, 0);
            if self.large().flag(coder, plain, &[0; CONTEXTS], salt) {
                self.moves(coder, job, state, values, value, length);
                return Ok(());
            }
        }
        if job.now.is_some() {
            self.likelihoods(coder, job, state, values, value, length);
            return Ok(());
        }
        self.elements(coder, job, state, values, value, length)
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
    ) {
        let Some(calls) = &mut job.now else { return };
        let salt = hash(state.key, 4, 0, 0);
        for at in 0..length {
            let contexts = calls.contexts(at, &job.sites);
            let truth = values.element(value.start + at) as u32;
            let selection = state.slot % 8 * 8;
            let element = self
                .large()
                .symbol(coder, truth, 8, &contexts, salt, selection);
            calls.learn(at, element as u8, &mut job.sites);
            if C::DECODES {
                values.push(element.into());
            }
        }
    }

    /// Codes a table of moves: the stride, then for each stride of the signal whether the next base begins there.
    fn moves<C: Coder>(
        &mut self,
        coder: &mut C,
        job: &Job<'_>,
        state: &State,
        values: &mut Values,
        value: &Value,
        length: usize,
    ) {
        let bases = if value.first {
            oriented(job.records, value.record)
        } else {
            Vec::new()
        };
        let stride = values.element(value.start) as u32 & 255;
        let salt = hash(state.key, 11, 0, 0);
        let stride = self.small().symbol(coder, stride, 8, &[0; 3], salt, 0);
        if C::DECODES {
            values.push(stride.into());
        }
        // Bases begun; steps since the last began, and the one before took; the last elements, newest lowest.
        let (mut begun, mut run, mut before, mut last) = (0usize, 0u32, 0u32, 0u32);
        for at in 1..length {
            let here = kmer(&bases, begun.wrapping_sub(1), 2, 2);
            let contexts = [
                hash(last & 0xfff, 0, salt, 1),
                hash(here, run.min(15), salt, 2),
                hash(here >> 4 & 0xff, run.min(15), before.min(15), salt),
            ];
            let truth = values.element(value.start + at) == 1;
            let model = self.small();
            model.turn(&contexts, 0);
            let is = model.bit(coder, truth, 1, 240 + run.min(15) as usize);
            last = last << 1 | u32::from(is);
            if is {
                begun += 1;
                (before, run) = (run, 0);
            } else {
                run = run.saturating_add(1);
            }
            if C::DECODES {
                values.push(is.into());
            }
        }
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
        let mut bases = Vec::new();
        if aligned {
            bases = oriented(records, value.record);
            // Kinetics of the other strand run along that.
            if matches!(&job.column.tag, b"ri" | b"rp") {
                bases.reverse();
                bases.iter_mut().for_each(|base| *base = complement(*base));
            }
        }
        let companion = job.companion.and_then(|column| {
            let width = width_of(column.kind);
            Some((column.of(value.record)?, column.kind, width))
        });
        let model = value.linked.clone().or(value.previous.clone());
        let (mut one, mut two) = (0i64, 0i64);
        // Sums that forget: of the last 4 elements or so, and of the last 64.
        let (mut mean, mut long) = (0i64, 0i64);
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
            let (near, far) = (coarse(one), coarse(two));
            let contexts = if aligned {
                let here = kmer(&bases, at, 3, 2);
                let base = here >> 8 & 15;
                [
                    hash(near, far, 0, 0),
                    hash(base, 0, 0, 1),
                    hash(here & 0xf_ffff, 0, 0, 2),
                    hash(coarse(other), coarse(long / 64), 0, 3),
                    hash(here >> 8, 0, 0, 4),
                    hash(here >> 4 & 0xfff, 0, 0, 5),
                    hash(coarse(long / 64), base, 0, 6),
                ]
            } else {
                let place = at.min(255) as u32;
                [
                    hash(one as u32, far, 0, 7),
                    hash(one as u32, place / 16, 0, 8),
                    hash(place, 0, 0, 9),
                    hash(other as u32, near, 0, 10),
                    hash(same as u32, near, 0, 11),
                    hash(coarse(other), place / 16, 0, 12),
                    hash(coarse(mean / 4), near, far, 13),
                ]
            };
            let truth = values.element(value.start + at * width);
            let element = if aligned && width == 1 {
                // Little is to be gained here, so few contexts do.
                let contexts = [contexts[4], contexts[5], contexts[6]];
                let selection = state.slot % 8 * 8;
                let truth = truth as u32 & 255;
                let model = self.small();
                let byte = model.symbol(coder, truth, 8, &contexts, state.key, selection);
                element_of(values.kind, &[byte as u8])
            } else {
                self.element(coder, state, values.kind, truth, one, &contexts)?
            };
            long += element - long / 64;
            if C::DECODES {
                values.push(element);
            }
            (one, two) = (element, one);
            mean += element - mean / 4;
        }
        Ok(())
    }
}
