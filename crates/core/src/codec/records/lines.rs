//! Which tags each record has, of which types and in which order, and its read group.
//!
//! The tags of a record are its line. Few lines make up a file, so a dictionary of those seen is kept, and a record's
//! line is a number in it, predicted from the record before, the record of the same template, and the alignment.

use std::collections::HashMap;
use std::hash::Hash;

use super::{Column, Context, Level, MOST_COLUMNS, Records};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use crate::codec::wire::damaged;

/// Keys of what is charged: the lines, and those spelled out.
pub(in crate::codec::records) const LINES: u32 = 36;
pub(in crate::codec::records) const SPELLED: u32 = 37;

/// What a dictionary keeps from chunk to chunk: entries, and tags or bytes in all of them. Real files have up to a few
/// hundred lines and read groups; this bounds the model's memory.
const MOST_ENTRIES: usize = 4096;
const MOST_PARTS: usize = 1 << 16;

/// Fewest bytes that a tag takes in a record: two characters, a type and one more.
pub(in crate::codec::records) const SMALLEST_TAG: usize = 4;

/// Types have numbers below this.
pub(in crate::codec::records) const KINDS: u32 = 17;

pub(in crate::codec::records) type Line = Vec<([u8; 2], u8)>;

/// Values by number of first use.
#[derive(Clone)]
pub(in crate::codec::records) struct Dictionary<T> {
    pub(in crate::codec::records) values: Vec<Vec<T>>,
    pub(in crate::codec::records) numbers: HashMap<Vec<T>, u32>,
}

impl<T: Clone + Hash + Eq> Dictionary<T> {
    pub(in crate::codec::records) fn new() -> Self {
        Self {
            values: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    /// Adds a value and gives its number.
    pub(in crate::codec::records) fn add(&mut self, value: Vec<T>) -> u32 {
        let number = self.values.len() as u32;
        self.numbers.insert(value.clone(), number);
        self.values.push(value);
        number
    }

    /// The value that was coded as `coded`, which is one more than its number.
    pub(in crate::codec::records) fn get(&self, coded: u64) -> Result<(u32, &[T])> {
        let number = usize::try_from(coded - 1).unwrap_or(usize::MAX);
        match self.values.get(number) {
            Some(value) => Ok((number as u32, value)),
            None => Err(damaged("a dictionary has no such entry")),
        }
    }

    /// Drops what is too much to keep for other chunks.
    pub(in crate::codec::records) fn trim(&mut self) {
        let mut parts = 0;
        let fits = |value: &Vec<T>| {
            parts += value.len();
            parts <= MOST_PARTS
        };
        let kept = self.values.iter().take(MOST_ENTRIES).map(fits);
        let kept = kept.take_while(|fits| *fits).count();
        for value in self.values.drain(kept..) {
            self.numbers.remove(&value);
        }
    }
}

/// The model of lines and read groups.
#[derive(Clone)]
pub(crate) struct Model {
    lines: Dictionary<([u8; 2], u8)>,
    groups: Dictionary<u8>,
    line: Mixer<8, 1>,
    group: Mixer<6, 1>,
    spelled: Mixer<3, 1>,
}

impl Model {
    /// The model for records like these; it has no parameters.
    pub(crate) fn fit(_: Level, _: &Context<'_>, _: &Records) -> Self {
        Self::blank()
    }

    /// A model that has seen nothing.
    pub(crate) fn blank() -> Self {
        Self {
            lines: Dictionary::new(),
            groups: Dictionary::new(),
            line: Mixer::new(10, 400),
            group: Mixer::new(10, 400),
            spelled: Mixer::new(8, 255),
        }
    }

    /// Codes `lines` and `line_tags`, makes the columns, and codes the column RG:Z and `read_groups`.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        _: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        let ids = self.code_lines(coder, records)?;
        if C::DECODES {
            make_columns(records)?;
        }
        self.code_groups(coder, records, &ids)?;
        self.lines.trim();
        self.groups.trim();
        Ok(())
    }

    /// Codes the lines and gives their numbers in the dictionary.
    fn code_lines<C: Coder>(&mut self, coder: &mut C, records: &mut Records) -> Result<Vec<u32>> {
        let numbers = &self.lines.numbers;
        let mut known: Vec<Option<u32>> = records
            .line_tags
            .iter()
            .map(|line| numbers.get(line).copied())
            .collect();
        let mut ids = Vec::with_capacity(records.count);
        let mut in_chunk: HashMap<u32, u32> = HashMap::new();
        let mut tags = 0;
        let mut by_strand = [[0; 2]; 4];
        for record in 0..records.count {
            let contexts = line_contexts(records, &ids, record, &by_strand);
            let truth = if C::DECODES {
                0
            } else {
                known[records.lines[record] as usize].map_or(0, |id| u64::from(id) + 1)
            };
            let coded = self.line.number(coder, truth, &contexts, 0);
            coder.charge(LINES);
            let id = if coded == 0 {
                let line = if C::DECODES {
                    Line::new()
                } else {
                    records.line_tags[records.lines[record] as usize].clone()
                };
                let most = records.limit / SMALLEST_TAG;
                let line = self.spell(coder, line, most.saturating_sub(tags))?;
                coder.charge(SPELLED);
                let id = self.lines.add(line);
                if !C::DECODES {
                    known[records.lines[record] as usize] = Some(id);
                }
                id
            } else {
                self.lines.get(coded)?.0
            };
            ids.push(id);
            let of_strand = &mut by_strand[strand(records, record)];
            *of_strand = [id + 1, of_strand[0]];
            if C::DECODES {
                let line = &self.lines.values[id as usize];
                tags += line.len();
                records.check_limit(tags.saturating_mul(SMALLEST_TAG))?;
                let line_tags = &mut records.line_tags;
                records.lines[record] = *in_chunk.entry(id).or_insert_with(|| {
                    line_tags.push(line.clone());
                    line_tags.len() as u32 - 1
                });
            }
        }
        Ok(ids)
    }

    /// Codes a line tag by tag; it has at most `most`.
    fn spell<C: Coder>(&mut self, coder: &mut C, line: Line, most: usize) -> Result<Line> {
        let count = self.spelled.number(coder, line.len() as u64, &[0, 0, 0], 1);
        if C::DECODES && count > most as u64 {
            return Err(damaged("a record has more tags than the chunk can hold"));
        }
        let mut spelled = Line::new();
        let mut before = 0;
        for at in 0..count as usize {
            // Nothing is there when decoding.
            let (tag, kind) = line.get(at).copied().unwrap_or_default();
            let first = hash(before, 1, 0, 0);
            let a = self.byte(coder, tag[0], [first, 0, 0], 2);
            let second = hash(a.into(), 2, 0, 0);
            let b = self.byte(coder, tag[1], [hash(before, second, 0, 0), second, 1], 3);
            let full = hash(a.into(), b.into(), 3, 0);
            let contexts = [full, hash(full, before, 1, 0), hash(a.into(), 4, 0, 0)];
            let kind = self.spelled.symbol(coder, kind.into(), 5, &contexts, 4, 32);
            if kind >= KINDS {
                return Err(damaged("a tag has no type"));
            }
            spelled.push(([a, b], kind as u8));
            before = hash(full, kind, 0, 0);
        }
        Ok(spelled)
    }

    fn byte<C: Coder>(&mut self, coder: &mut C, byte: u8, contexts: [u32; 3], salt: u32) -> u8 {
        self.spelled
            .symbol(coder, byte.into(), 8, &contexts, salt, 16) as u8
    }

    /// Codes the values of the column RG:Z, if there is one.
    fn code_groups<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        ids: &[u32],
    ) -> Result<()> {
        let is = |column: &Column| column.tag == *b"RG" && column.kind == 8;
        let Some(at) = records.columns.iter().position(is) else {
            return Ok(());
        };
        let mut column = std::mem::take(&mut records.columns[at]);
        let (mut before, mut last) = ([0; 2], None);
        for value in 0..column.records.len() {
            let record = column.records[value] as usize;
            let linked = records.linked(record);
            let linked = linked.map_or(0, |other| records.read_groups[other] + 1);
            let place = hash(
                records.references[record] as u32,
                records.positions[record] as u32,
                5,
                0,
            );
            let contexts = [
                hash(linked, 1, 0, 0),
                hash(before[0], before[1], 2, 0),
                hash(before[0], linked, 3, 0),
                hash(ids[record], records.lengths[record], 4, 0),
                place,
                6,
            ];
            let truth = if C::DECODES {
                &[][..]
            } else {
                column.value(value)
            };
            let group = self.groups.numbers.get(truth).copied();
            let group = group.map_or(0, |group| u64::from(group) + 1);
            let coded = self.group.number(coder, group, &contexts, 0);
            let number = if coded == 0 {
                let group = self.spell_group(coder, truth, records.limit)?;
                self.groups.add(group)
            } else {
                self.groups.get(coded)?.0
            };
            if C::DECODES {
                let group = &self.groups.values[number as usize];
                column.values.extend_from_slice(group);
                records.check_limit(column.values.len())?;
                column.ends.push(column.values.len());
            }
            if last != Some(record) {
                records.read_groups[record] = number + 1;
            }
            last = Some(record);
            before = [number + 1, before[0]];
        }
        coder.charge(column.key());
        column.complete = true;
        records.columns[at] = column;
        Ok(())
    }

    /// Codes a read group byte by byte; it ends with a NUL and is at most `most` long.
    fn spell_group<C: Coder>(
        &mut self,
        coder: &mut C,
        group: &[u8],
        most: usize,
    ) -> Result<Vec<u8>> {
        let like = self.groups.values.last().cloned().unwrap_or_default();
        let mut spelled: Vec<u8> = Vec::new();
        loop {
            let at = spelled.len();
            let expected = like.get(at).copied().map_or(256, u32::from);
            let last = spelled.last().copied().unwrap_or(0);
            let contexts = [
                hash(expected, at as u32, 7, 0),
                hash(last.into(), expected, 8, 0),
                hash(last.into(), 9, 0, 0),
            ];
            let byte = group.get(at).copied().unwrap_or(0);
            match self.byte(coder, byte, contexts, 5) {
                0 => return Ok(spelled),
                _ if C::DECODES && at >= most => {
                    return Err(damaged("a read group is longer than the chunk"));
                }
                byte => spelled.push(byte),
            }
        }
    }
}

/// The contexts that predict a record's line, given the numbers `ids` of the lines before it.
///
/// `by_strand` has the last two lines of records of each strand and segment.
fn line_contexts(
    records: &Records,
    ids: &[u32],
    record: usize,
    by_strand: &[[u32; 2]; 4],
) -> [u32; 8] {
    let flags = u32::from(records.flags[record]);
    let kind = flags & 0x904;
    let mapq = u32::from(records.mapq[record]);
    let before = ids.last().map_or(0, |id| id + 1);
    let linked = records.linked(record).map_or(0, |other| ids[other] + 1);
    let operations = records.cigar_of(record).len().min(4) as u32;
    let alike = by_strand[strand(records, record)];
    let gap = record.checked_sub(1).map_or(100, |before| {
        records.positions[record].wrapping_sub(records.positions[before]) as u32
    });
    let alone = u32::from(flags & 8 != 0) | u32::from(records.mate_references[record] < 0) << 1;
    [
        hash(before, kind, 1, 0),
        hash(linked, kind, 2, 0),
        hash(kind, mapq, 3, 0),
        hash(before, mapq, linked, 4),
        hash(kind, operations, alone, 5),
        hash(u32::from(mapq < 20), linked, flags & 0xf0f, 6),
        hash(alike[0], alike[1], kind, 7),
        hash(alike[0], gap.min(100), operations, 8),
    ]
}

/// Which of four kinds of records one is, by its strand and segment.
fn strand(records: &Records, record: usize) -> usize {
    usize::from(records.flags[record] >> 4 & 1 | records.flags[record] >> 6 & 2)
}

/// Makes the columns of the decoded lines, without values, in the order of first use.
pub(in crate::codec::records) fn make_columns(records: &mut Records) -> Result<()> {
    let mut numbers: HashMap<([u8; 2], u8), usize> = HashMap::new();
    let mut by_line: Vec<Option<Vec<usize>>> = vec![None; records.line_tags.len()];
    for (record, &line) in records.lines.iter().enumerate() {
        let columns = &mut records.columns;
        let tags = &records.line_tags[line as usize];
        let of_line = by_line[line as usize].get_or_insert_with(|| {
            let mut number = |&key: &([u8; 2], u8)| {
                *numbers.entry(key).or_insert_with(|| {
                    columns.push(Column {
                        tag: key.0,
                        kind: key.1,
                        ..Column::default()
                    });
                    columns.len() - 1
                })
            };
            tags.iter().map(&mut number).collect()
        });
        if columns.len() > MOST_COLUMNS {
            return Err(damaged("a chunk has too many different tags"));
        }
        for &column in of_line.iter() {
            columns[column].records.push(record as u32);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
