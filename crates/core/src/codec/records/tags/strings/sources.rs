//! What a value may depend on: attributes of its record, whose values are remembered together with the tag's, and
//! columns whose values are like the tag's character by character.

use std::borrow::Cow;

use super::super::super::{Column, Records, on_reference};
use super::digest;
use crate::codec::mixing::{hash, hash_bytes};

/// Attributes that every record has; numbers from this on are column keys.
const OF_RECORDS: u32 = 13;

/// Columns that are tried as attributes, and as related ones.
const COLUMNS: usize = 16;

/// Texts made from the record that are tried as related columns: its name, the name's last field, its alignment.
const TEXTS: u32 = 3;

/// CIGAR operations that are looked at.
const OPERATIONS: usize = 256;

/// The 5' end of a record, clipped bases included, and its strand, hashed with its reference.
fn start(records: &Records, record: usize) -> u32 {
    let mut position = i64::from(records.positions[record]);
    let cigar = records.cigar_of(record);
    let cigar = &cigar[..cigar.len().min(OPERATIONS)];
    let is_clip = |operation: &&u32| matches!(**operation & 15, 4 | 5);
    let reverse = records.flags[record] & 16 != 0;
    if reverse {
        position += cigar
            .iter()
            .map(|&op| i64::from(on_reference(op)))
            .sum::<i64>();
        position += cigar
            .iter()
            .rev()
            .take_while(is_clip)
            .map(|op| i64::from(op >> 4))
            .sum::<i64>();
    } else {
        position -= cigar
            .iter()
            .take_while(is_clip)
            .map(|op| i64::from(op >> 4))
            .sum::<i64>();
    }
    hash(
        records.references[record] as u32,
        position as u32,
        reverse.into(),
        31,
    )
}

/// The text of an alignment, as several tags give it: name of the reference, position, strand, CIGAR, mapping quality.
fn alignment(references: &[Vec<u8>], records: &Records, record: usize) -> Vec<u8> {
    let name = usize::try_from(records.references[record])
        .ok()
        .and_then(|reference| references.get(reference));
    let mut text = name.map_or(&b"*"[..], |name| name).to_vec();
    let strand = if records.flags[record] & 16 != 0 {
        '-'
    } else {
        '+'
    };
    text.extend(format!(",{},{strand},", i64::from(records.positions[record]) + 1).into_bytes());
    for operation in records.cigar_of(record).iter().take(OPERATIONS) {
        text.extend(format!("{}", operation >> 4).into_bytes());
        text.push(b"MIDNSHP=X???????"[(operation & 15) as usize]);
    }
    text.extend(format!(",{}", records.mapq[record]).into_bytes());
    text
}

/// The columns that are known already, and the texts.
pub(super) struct Sources<'a> {
    records: &'a Records,
    references: &'a [Vec<u8>],
    /// Known columns with their keys: those tried as attributes, and those as related ones.
    columns: Vec<(u32, &'a Column)>,
    texts: Vec<(u32, &'a Column)>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(references: &'a [Vec<u8>], records: &'a Records) -> Self {
        let known =
            |column: &&Column| !column.ends.is_empty() && column.ends.len() == column.records.len();
        let with_key = |column: &'a Column| (column.key(), column);
        let columns = records
            .columns
            .iter()
            .filter(known)
            .filter(|column| column.kind < 10);
        let texts = columns
            .clone()
            .filter(|column| matches!(column.kind, 8 | 9));
        Self {
            records,
            references,
            columns: columns.take(COLUMNS).map(with_key).collect(),
            texts: texts.take(COLUMNS).map(with_key).collect(),
        }
    }

    /// All attributes there are to try.
    pub(super) fn attributes(&self) -> impl Iterator<Item = u32> {
        (0..OF_RECORDS).chain(self.columns.iter().map(|column| column.0))
    }

    /// All related columns and texts there are to try.
    pub(super) fn related(&self) -> impl Iterator<Item = u32> {
        (0..TEXTS).chain(self.texts.iter().map(|column| column.0))
    }

    /// The attribute numbered `number` of a record, hashed; none if it has none. `previous` is the previous value's hash.
    pub(super) fn attribute(&self, number: u32, record: usize, previous: u32) -> Option<u32> {
        let records = self.records;
        let value = match number {
            0 => records.read_groups[record],
            1..=4 => {
                let name = records.name_of(record);
                let mut separators = name
                    .iter()
                    .enumerate()
                    .filter(|(_, c)| !c.is_ascii_alphanumeric());
                let end = separators.nth(number as usize - 1)?.0;
                hash_bytes(&name[..end], 0)
            }
            5 => records.references[record] as u32,
            6 => hash(
                records.references[record] as u32,
                u32::from(records.flags[record] & 16),
                0,
                0,
            ),
            7 => records.flags[record].into(),
            8 => records.mapq[record].into(),
            9 => start(records, record),
            10 => hash(
                records.references[record] as u32,
                records.positions[record] as u32,
                0,
                0,
            ),
            11 => hash_bytes(last_field(records.name_of(record)), 0),
            12 => previous,
            _ => {
                let column = self.columns.iter().find(|column| column.0 == number)?;
                digest(column.1.of(record)?)
            }
        };
        Some(hash(number, value, 41, 0))
    }

    /// The text of the related column numbered `number`, if the record has it.
    pub(super) fn text(&self, number: u32, record: usize) -> Option<Cow<'a, [u8]>> {
        match number {
            0 => Some(self.records.name_of(record).into()),
            1 => Some(last_field(self.records.name_of(record)).into()),
            2 => Some(alignment(self.references, self.records, record).into()),
            _ => {
                let column = self.texts.iter().find(|column| column.0 == number)?;
                Some(column.1.of(record)?.into())
            }
        }
    }
}

/// What stands behind the last `:`, `_` or `#`.
fn last_field(name: &[u8]) -> &[u8] {
    let from = name.iter().rposition(|c| matches!(c, b':' | b'_' | b'#'));
    &name[from.map_or(0, |at| at + 1)..]
}

/// Which attributes foretell a tag's values best, and which related column is most like it.
#[derive(Clone, Default)]
pub(super) struct Learnt {
    /// Attributes: number, how often they were right, and how often so where the best was wrong.
    attributes: Vec<(u32, u32, u32)>,
    /// Related columns and their scores.
    related: Vec<(u32, i32)>,
    /// The best attribute, the best beside it, and the best related column.
    pub(super) best: Option<u32>,
    pub(super) second: Option<u32>,
    pub(super) like: Option<u32>,
    /// Values seen.
    pub(super) seen: u32,
}

/// Values after which only the best attributes are kept up, and how many those are.
const TRIAL: u32 = 2000;
const KEPT: usize = 5;

/// Bounds of a related column's score.
const SCORES: (i32, i32) = (-20, 1000);

impl Learnt {
    /// Whether everything is still on trial.
    pub(super) fn on_trial(&self) -> bool {
        self.seen < TRIAL
    }

    /// Makes sure that all that there is to try is tried.
    pub(super) fn enter(&mut self, sources: &Sources<'_>) {
        if self.on_trial() {
            for number in sources.attributes() {
                if !self
                    .attributes
                    .iter()
                    .any(|attribute| attribute.0 == number)
                {
                    self.attributes.push((number, 0, 0));
                }
            }
        }
        for number in sources.related() {
            if self.related.len() < 2 * COLUMNS
                && !self.related.iter().any(|related| related.0 == number)
            {
                self.related.push((number, 0));
            }
        }
    }

    /// The attributes that are kept up.
    pub(super) fn attributes(&self) -> impl Iterator<Item = u32> {
        self.attributes.iter().map(|attribute| attribute.0)
    }

    /// Notes that attribute number `at` of those kept up was right, and whether the best was.
    pub(super) fn was_right(&mut self, at: usize, best_was_right: bool) {
        let attribute = &mut self.attributes[at];
        attribute.1 = attribute.1.saturating_add(1);
        if !best_was_right {
            attribute.2 = attribute.2.saturating_add(1);
        }
    }

    /// Compares the value with the related columns.
    pub(super) fn compare(&mut self, sources: &Sources<'_>, record: usize, value: &[u8]) {
        for (number, score) in &mut self.related {
            let Some(text) = sources.text(*number, record) else {
                continue;
            };
            let both = text.len().min(value.len()).min(64);
            let equal = text
                .iter()
                .zip(value)
                .take(both)
                .filter(|(a, b)| a == b)
                .count();
            let good = both > 0 && equal * 10 >= both * 7;
            *score = (*score + if good { 4 } else { -1 }).clamp(SCORES.0, SCORES.1);
        }
        let mut best = (None, 0);
        for &(number, score) in &self.related {
            if score > best.1 {
                best = (Some(number), score);
            }
        }
        self.like = best.0;
    }

    /// Counts a value, and chooses again now and then.
    pub(super) fn count(&mut self) {
        self.seen = self.seen.saturating_add(1);
        if self.seen > TRIAL
            || !(self.seen.is_power_of_two() || self.seen.is_multiple_of(64) || self.seen == TRIAL)
        {
            return;
        }
        let before = self.best;
        let first = |list: &[(u32, u32, u32)], of: fn(&(u32, u32, u32)) -> u32| {
            let mut best = (None, 0);
            for attribute in list {
                if of(attribute) > best.1 {
                    best = (Some(attribute.0), of(attribute));
                }
            }
            best.0
        };
        self.best = first(&self.attributes, |attribute| attribute.1);
        if self.best != before {
            for attribute in &mut self.attributes {
                attribute.2 = 0;
            }
        }
        self.second = first(&self.attributes, |attribute| attribute.2);
        if self.seen == TRIAL {
            let (best, second) = (self.best, self.second);
            self.attributes.sort_by_key(|attribute| {
                let chosen = Some(attribute.0) == best || Some(attribute.0) == second;
                (!chosen, u32::MAX - attribute.1)
            });
            self.attributes.truncate(KEPT);
        }
    }
}
