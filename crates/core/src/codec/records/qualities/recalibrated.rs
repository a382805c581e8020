//! Recalibrated qualities: the original ones (tag OQ) first, then what a recalibration made of them.
//!
//! A recalibration leaves the qualities that the machine gave in OQ. They are coded as qualities are; those of the
//! record are then, but for rounding, a sum of few terms that [`estimate`] learns.

pub(crate) mod alphabet;
pub(crate) mod estimate;
mod given;
pub(in super::super) mod memory;

use super::super::super::mixing::{Coder, Mixer, Slot, hash};
use super::super::{Column, Context, Level, Records, part};
use super::reading::Reading;
use crate::Result;
use crate::codec::wire::damaged;
use given::Recalibrated;

/// The tag of original qualities, and the number of its type: Z.
const TAG: [u8; 2] = *b"OQ";
const KIND: u8 = 8;

/// What a character of the tag is above its quality, and the highest quality that characters can be.
const FIRST: u8 = b'!';
const HIGHEST: u8 = b'~' - FIRST;

/// In joined qualities: none.
pub(crate) const NONE: u8 = 0xff;

/// The model of OQ and the qualities of records that have it.
#[derive(Clone)]
pub(crate) struct Model {
    originals: Box<super::Model>,
    given: Recalibrated,
    /// Whether a record with original qualities has none of its own.
    missing: Slot,
    odd: Odd,
}

impl Model {
    /// The model for records like these. Leaves the records without the qualities that it will code.
    pub(crate) fn fit(level: Level, context: &Context<'_>, records: &mut Records) -> Self {
        let column = find(records).unwrap_or(0);
        let originals = gather(records, &records.columns[column]);
        let told: Vec<bool> = (0..records.count)
            .map(|record| is_told(&originals, &part(&records.base_ends, record)))
            .collect();
        let given = Recalibrated::fit(records, &originals, &told);
        let mut own = std::mem::replace(&mut records.qualities, originals);
        let model = super::Model::fit_plain(level, context, records);
        for (quality, original) in own.iter_mut().zip(&records.qualities) {
            if *original != NONE {
                *quality = NONE;
            }
        }
        records.qualities = own;
        Self {
            originals: Box::new(model),
            given,
            missing: Slot::NEW,
            odd: Odd::new(),
        }
    }

    /// A decoder's model.
    pub(crate) fn blank() -> Self {
        Self {
            originals: Box::new(super::Model::blank()),
            given: Recalibrated::blank(),
            missing: Slot::NEW,
            odd: Odd::new(),
        }
    }

    /// A decoder's model where the number of the level has been decoded.
    pub(crate) fn blank_at(level: u32) -> Result<Self> {
        let mut model = Self::blank();
        model.originals.level = super::level_of(level)?;
        model.originals.is_level_known = true;
        Ok(model)
    }

    /// Codes the OQ column and the qualities of the records whose value in it is as long as they are. Their number
    /// stands in `done` then. If there is no such column, does nothing.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
        done: &mut [bool],
    ) -> Result<()> {
        let Some(column) = find(records) else {
            return Ok(());
        };
        let originals = code_originals::<C>(records, column, |records, without| {
            self.originals.code_plain(coder, context, records, without)
        })?;
        self.odd
            .complete(coder, records, column, &originals, done)?;
        coder.charge(records.columns[column].key());
        self.given.parameters(coder);
        let mut reading = Reading::default();
        for record in 0..records.count {
            if !done[record] {
                continue;
            }
            let range = part(&records.base_ends, record);
            let missing = records.qualities[range.clone()].iter().all(|&q| q == NONE);
            let missing = coder.code(missing, self.missing.p().clamp(1, 65_535));
            self.missing.update(missing, 255);
            if missing {
                records.qualities[range].fill(NONE);
                continue;
            }
            reading.turn(records, record);
            self.given
                .record(coder, records, &originals, record, &reading);
        }
        coder.charge(super::KEY);
        Ok(())
    }
}

/// Whether any record has original qualities.
pub(crate) fn suits(records: &Records) -> bool {
    find(records).is_some()
}

/// The number of the column of original qualities.
pub(crate) fn find(records: &Records) -> Option<usize> {
    let is = |column: &Column| column.tag == TAG && column.kind == KIND && !column.complete;
    let found = records.columns.iter().position(is)?;
    (!records.columns[found].records.is_empty()).then_some(found)
}

/// Whether the original qualities in `range` are those of a record: it has bases, and not all are [`NONE`].
fn is_told(originals: &[u8], range: &std::ops::Range<usize>) -> bool {
    originals[range.clone()]
        .iter()
        .any(|&quality| quality != NONE)
}

/// Original qualities of all records, joined as the bases are. [`NONE`] where a record has no value, or one that is not
/// as long as its bases or of other characters.
pub(crate) fn gather(records: &Records, column: &Column) -> Vec<u8> {
    let mut joined = vec![NONE; records.bases.len()];
    let mut before = None;
    for (at, &record) in column.records.iter().enumerate() {
        let range = part(&records.base_ends, record as usize);
        let value = column.value(at);
        let is_usual = |byte: &u8| (FIRST..=b'~').contains(byte);
        let first = before.replace(record) != Some(record);
        if first && value.len() == range.len() && value.iter().all(is_usual) {
            for (quality, byte) in joined[range].iter_mut().zip(value) {
                *quality = byte - FIRST;
            }
        }
    }
    joined
}

/// Codes the original qualities of a column by `code`, which finds them where a record's qualities are, and is told which
/// records have none; gives them.
pub(crate) fn code_originals<C: Coder>(
    records: &mut Records,
    column: usize,
    code: impl FnOnce(&mut Records, &[bool]) -> Result<()>,
) -> Result<Vec<u8>> {
    let mut originals = if C::DECODES {
        vec![NONE; records.bases.len()]
    } else {
        gather(records, &records.columns[column])
    };
    let mut without = vec![true; records.count];
    for &record in &records.columns[column].records {
        without[record as usize] = false;
    }
    std::mem::swap(&mut records.qualities, &mut originals);
    let coded = code(records, &without);
    std::mem::swap(&mut records.qualities, &mut originals);
    coded?;
    Ok(originals)
}

/// Values that are not a quality for each base.
#[derive(Clone)]
pub(crate) struct Odd {
    bytes: Mixer<3, 1>,
}

impl Odd {
    pub(crate) fn new() -> Self {
        Self {
            bytes: Mixer::new(6, 255),
        }
    }

    /// Completes the column: values that `originals` gives, whose records are `done` then, and plainly the others.
    pub(crate) fn complete<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        column: usize,
        originals: &[u8],
        done: &mut [bool],
    ) -> Result<()> {
        let mut taken = std::mem::take(&mut records.columns[column]);
        for at in 0..taken.records.len() {
            let record = taken.records[at] as usize;
            let range = part(&records.base_ends, record);
            // Of a record's values the first is that which was gathered.
            let told = !done[record] && is_told(originals, &range);
            done[record] |= told;
            if told && !C::DECODES {
                continue;
            }
            let value = if told {
                let qualities = &originals[range];
                if qualities.iter().any(|&quality| quality > HIGHEST) {
                    return Err(damaged("an original quality is too high"));
                }
                qualities.iter().map(|&quality| quality + FIRST).collect()
            } else {
                let known = if C::DECODES { &[] } else { taken.value(at) };
                let most = records.limit.saturating_sub(taken.values.len());
                self.code(coder, known, most)?
            };
            if C::DECODES {
                taken.values.extend_from_slice(&value);
                records.check_limit(taken.values.len())?;
                taken.ends.push(taken.values.len());
            }
        }
        taken.complete = true;
        records.columns[column] = taken;
        Ok(())
    }

    /// Codes a value's bytes, and a NUL behind them.
    fn code<C: Coder>(&mut self, coder: &mut C, value: &[u8], most: usize) -> Result<Vec<u8>> {
        let mut coded: Vec<u8> = Vec::new();
        loop {
            let last = |back| coded.iter().nth_back(back).map_or(0, |&byte| byte.into());
            let contexts = [
                hash(0, last(0), 0, 0),
                hash(1, last(0), last(1), 0),
                hash(2, coded.len().min(8) as u32, 0, 0),
            ];
            let byte = value.get(coded.len()).map_or(0, |&byte| byte.into());
            match self.bytes.symbol(coder, byte, 8, &contexts, 0, 0) {
                0 => return Ok(coded),
                _ if coded.len() >= most => return Err(damaged("an OQ is longer than the chunk")),
                byte => coded.push(byte as u8),
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
