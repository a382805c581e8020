//! Which tags each record has, of which types and in which order, and its read group.
//!
//! A record's line of tags is mostly the one that the last record like it had. Two tables remember that: by what is known
//! of the record, and by less. What neither gives is a number in the dictionary of lines.

use super::super::decisions::Decisions;
use super::super::plain::{Numbers, Symbols, bits};
use crate::Result;
use crate::codec::mixing::{Coder, hash};
use crate::codec::records::lines::{
    Dictionary, KINDS, LINES, Line, SMALLEST_TAG, SPELLED, make_columns,
};
use crate::codec::records::{Column, Records};
use crate::codec::wire::damaged;

/// Bits of the hashes that say what is known of a record.
const HASH: u32 = 10;

/// A table's guesses of what comes after something: one more than its number, 0 where there is none.
#[derive(Clone)]
struct Guesses {
    /// Guesses, and how sure they are.
    table: Vec<(u32, u8)>,
    right: Decisions,
}

/// A guess is given up when it was wrong this much more often than right lately.
const SURE: u8 = 3;

impl Guesses {
    fn new() -> Self {
        Self {
            table: vec![(0, 0); 1 << HASH],
            right: Decisions::new(8 << HASH),
        }
    }

    /// Codes whether the guess in a context is right, if there is one that is not `excluded`; gives it if so.
    #[inline(always)]
    fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        number: u32,
        context: usize,
        last: &Last,
        excluded: u32,
    ) -> std::result::Result<u32, u32> {
        let (guess, _) = self.table[context];
        if guess == 0 || guess == excluded {
            return Err(guess);
        }
        let context = context << 3 | last.agree(guess);
        if self.right.code(coder, guess == number, context) {
            Ok(guess)
        } else {
            Err(guess)
        }
    }

    /// Forgets numbers above `most`.
    fn trim(&mut self, most: u32) {
        let too_large = self.table.iter_mut().filter(|guess| guess.0 > most);
        too_large.for_each(|guess| *guess = (0, 0));
    }

    /// Learns what came in a context.
    #[inline(always)]
    fn learn(&mut self, number: u32, context: usize) {
        let (guess, sure) = &mut self.table[context];
        if *guess == number {
            *sure = (*sure + 1).min(SURE);
        } else if *sure == 0 {
            *guess = number;
        } else {
            *sure -= 1;
        }
    }
}

/// The model of lines and read groups.
#[derive(Clone)]
pub(super) struct Lines {
    lines: Dictionary<([u8; 2], u8)>,
    groups: Dictionary<u8>,
    /// By all that is known of a record, and by less.
    guesses: [Guesses; 2],
    numbers: Numbers,
    /// Tags by number of first use, and which came after each, and after the start, last.
    tags: Vec<([u8; 2], u8)>,
    after: Vec<usize>,
    follows: Decisions,
    spelled: Numbers,
    same_group: Decisions,
    group_numbers: Numbers,
    group_bytes: Symbols<256>,
}

/// Contexts of read groups' numbers: the last one's number.
const GROUPS: usize = 64;

/// Most tags that are remembered.
const MOST_TAGS: usize = 4096;

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            lines: Dictionary::new(),
            groups: Dictionary::new(),
            guesses: [Guesses::new(), Guesses::new()],
            numbers: Numbers::new(1),
            tags: Vec::new(),
            after: vec![0],
            follows: Decisions::new(1),
            spelled: Numbers::new(1),
            same_group: Decisions::new(1),
            group_numbers: Numbers::new(GROUPS),
            group_bytes: Symbols::new(1),
        }
    }

    /// Codes `lines` and `line_tags`, makes the columns, and codes the column RG:Z and `read_groups`.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, records: &mut Records) -> Result<()> {
        self.code_lines(coder, records)?;
        if C::DECODES {
            make_columns(records)?;
        }
        self.code_groups(coder, records)?;
        self.lines.trim();
        self.groups.trim();
        let most = self.lines.values.len() as u32;
        self.guesses
            .iter_mut()
            .for_each(|guesses| guesses.trim(most));
        Ok(())
    }

    fn code_lines<C: Coder>(&mut self, coder: &mut C, records: &mut Records) -> Result<()> {
        let numbers = &self.lines.numbers;
        // When encoding, by number in the chunk, one more than the number in the dictionary, 0 if it is not there.
        let mut known: Vec<u32> = records
            .line_tags
            .iter()
            .map(|line| numbers.get(line).map_or(0, |id| id + 1))
            .collect();
        // When decoding, by number in the dictionary, one more than the number in the chunk.
        let mut in_chunk = Vec::new();
        let mut coded: Vec<u32> = Vec::with_capacity(records.count);
        let mut tags = 0;
        let mut last = Last::default();
        for record in 0..records.count {
            let kind = kind(records, record);
            last.go(records, record, kind);
            let contexts = contexts(records, &coded, &last, record);
            let truth = if C::DECODES {
                0
            } else {
                known[records.lines[record] as usize]
            };
            let number = match self.line(coder, truth, contexts, &last)? {
                0 => {
                    coder.charge(LINES);
                    let line = if C::DECODES {
                        Line::new()
                    } else {
                        records.line_tags[records.lines[record] as usize].clone()
                    };
                    let most = records.limit / SMALLEST_TAG;
                    let line = self.spell(coder, line, most.saturating_sub(tags))?;
                    coder.charge(SPELLED);
                    let number = self.lines.add(line) + 1;
                    if !C::DECODES {
                        known[records.lines[record] as usize] = number;
                    }
                    number
                }
                number => number,
            };
            for (guesses, context) in self.guesses.iter_mut().zip(contexts) {
                guesses.learn(number, context);
            }
            last.add(number);
            coded.push(number);
            if C::DECODES {
                let id = number as usize - 1;
                let line = &self.lines.values[id];
                tags += line.len();
                records.check_limit(tags.saturating_mul(SMALLEST_TAG))?;
                if in_chunk.len() <= id {
                    in_chunk.resize(self.lines.values.len(), 0);
                }
                if in_chunk[id] == 0 {
                    records.line_tags.push(line.clone());
                    in_chunk[id] = records.line_tags.len() as u32;
                }
                records.lines[record] = in_chunk[id] - 1;
            }
        }
        coder.charge(LINES);
        Ok(())
    }

    /// Codes one more than a line's number in the dictionary; 0 if it is not there.
    #[inline(always)]
    fn line<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: u32,
        contexts: [usize; 2],
        last: &Last,
    ) -> Result<u32> {
        let [first, second] = &mut self.guesses;
        let excluded = match first.code(coder, truth, contexts[0], last, 0) {
            Ok(number) => return Ok(number),
            Err(excluded) => excluded,
        };
        if let Ok(number) = second.code(coder, truth, contexts[1], last, excluded) {
            return Ok(number);
        }
        match self.numbers.code(coder, truth.into(), 0) {
            0 => Ok(0),
            number => Ok(self.lines.get(number)?.0 + 1),
        }
    }

    /// Codes a line tag by tag; it has at most `most`.
    fn spell<C: Coder>(&mut self, coder: &mut C, line: Line, most: usize) -> Result<Line> {
        let count = self.spelled.code(coder, line.len() as u64, 0);
        if C::DECODES && count > most as u64 {
            return Err(damaged("a record has more tags than the chunk can hold"));
        }
        let mut spelled = Line::new();
        // Tags are numbered from 1; before the first is 0.
        let mut before = 0;
        for at in 0..count as usize {
            // Nothing is there when decoding.
            let tag = line.get(at).copied().unwrap_or_default();
            let number = self.tags.iter().position(|other| *other == tag);
            let number = number.map_or(0, |number| number + 1);
            let expected = self.after[before];
            let follows = expected > 0 && self.follows.code(coder, number == expected, 0);
            let number = if follows {
                expected
            } else {
                self.spelled.code(coder, number as u64, 0) as usize
            };
            let (tag, number) = match number.checked_sub(1) {
                Some(at) => {
                    let tag = self.tags.get(at).copied();
                    let tag = tag.ok_or_else(|| damaged("a line has a tag without a number"))?;
                    (tag, number)
                }
                None => {
                    let [a, b, kind] = [tag.0[0], tag.0[1], tag.1];
                    let [a, b] = [a, b].map(|byte| bits(coder, byte.into(), 8) as u8);
                    let kind = bits(coder, kind.into(), 5) as u8;
                    if u32::from(kind) >= KINDS {
                        return Err(damaged("a tag has no type"));
                    }
                    let tag = ([a, b], kind);
                    if self.tags.len() < MOST_TAGS {
                        self.tags.push(tag);
                        self.after.push(0);
                        (tag, self.tags.len())
                    } else {
                        (tag, 0)
                    }
                }
            };
            self.after[before] = number;
            before = number;
            spelled.push(tag);
        }
        Ok(spelled)
    }

    /// Codes the values of the column RG:Z, if there is one.
    fn code_groups<C: Coder>(&mut self, coder: &mut C, records: &mut Records) -> Result<()> {
        let is = |column: &Column| column.tag == *b"RG" && column.kind == 8;
        let Some(at) = records.columns.iter().position(is) else {
            return Ok(());
        };
        let mut column = std::mem::take(&mut records.columns[at]);
        // One more than the number of the last value, and its record.
        let (mut before, mut last) = (0, None);
        for value in 0..column.records.len() {
            let record = column.records[value] as usize;
            let linked = records.linked(record);
            let linked = linked.map_or(0, |other| records.read_groups[other]);
            let truth = if C::DECODES {
                &[][..]
            } else {
                column.value(value)
            };
            let number = self.group(coder, truth, (linked, before), records.limit)?;
            let group = &self.groups.values[number as usize - 1];
            if C::DECODES {
                column.values.extend_from_slice(group);
                records.check_limit(column.values.len())?;
                column.ends.push(column.values.len());
            }
            if last != Some(record) {
                records.read_groups[record] = number;
            }
            last = Some(record);
            before = number;
        }
        coder.charge(column.key());
        column.complete = true;
        records.columns[at] = column;
        Ok(())
    }

    /// Codes a read group: one more than its number. Of the record that this one is linked to, and of the last value, the
    /// same is given, or 0.
    #[inline(always)]
    fn group<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: &[u8],
        (linked, before): (u32, u32),
        limit: usize,
    ) -> Result<u32> {
        let mut number = 0;
        if !C::DECODES {
            let is = |number: &u32| {
                let group = number
                    .checked_sub(1)
                    .map(|at| &self.groups.values[at as usize]);
                group.is_some_and(|group| group == truth)
            };
            let near = [linked, before].into_iter().find(is);
            number = near.unwrap_or_else(|| self.groups.numbers.get(truth).map_or(0, |id| id + 1));
        }
        if linked > 0 && self.same_group.code(coder, number == linked, 0) {
            return Ok(linked);
        }
        let context = (before as usize).min(GROUPS - 1);
        match self.group_numbers.code(coder, number.into(), context) {
            0 => {
                let group = self.spell_group(coder, truth, limit)?;
                Ok(self.groups.add(group) + 1)
            }
            number => Ok(self.groups.get(number)?.0 + 1),
        }
    }

    /// Codes a read group byte by byte; it ends with a NUL and is at most `most` long.
    fn spell_group<C: Coder>(
        &mut self,
        coder: &mut C,
        group: &[u8],
        most: usize,
    ) -> Result<Vec<u8>> {
        let mut spelled: Vec<u8> = Vec::new();
        loop {
            let at = spelled.len();
            let byte = group.get(at).copied().unwrap_or(0);
            match self.group_bytes.code(coder, byte.into(), 0) as u8 {
                0 => return Ok(spelled),
                _ if C::DECODES && at >= most => {
                    return Err(damaged("a read group is longer than the chunk"));
                }
                byte => spelled.push(byte),
            }
        }
    }
}

/// Lines of the last records, as one more than their numbers.
#[derive(Default)]
struct Last {
    /// Of the last record, and of the last of each kind.
    before: u32,
    of_kind: [u32; 4],
    /// The kind of the record at hand, and how far it lies from the last one.
    kind: usize,
    gap: u32,
    position: i32,
}

impl Last {
    /// Goes to a record.
    #[inline(always)]
    fn go(&mut self, records: &Records, record: usize, kind: usize) {
        self.kind = kind;
        let position = records.positions[record];
        self.gap = position.wrapping_sub(self.position) as u32;
        self.position = position;
    }

    /// Which of the last records had a line, and whether the record at hand lies where the last one does: three bits.
    #[inline(always)]
    fn agree(&self, line: u32) -> usize {
        usize::from(line == self.before) << 2
            | usize::from(line == self.of_kind[self.kind]) << 1
            | usize::from(self.gap == 0)
    }

    /// Takes in the line of the record at hand.
    #[inline(always)]
    fn add(&mut self, line: u32) {
        self.before = line;
        self.of_kind[self.kind] = line;
    }
}

/// Which of four kinds a record is of, by its strand and segment.
#[inline(always)]
fn kind(records: &Records, record: usize) -> usize {
    usize::from(records.flags[record] >> 4 & 1 | records.flags[record] >> 6 & 2)
}

/// What says which line a record has, given those of the records before it.
#[inline(always)]
fn contexts(records: &Records, coded: &[u32], last: &Last, record: usize) -> [usize; 2] {
    let flags = u32::from(records.flags[record]);
    let kind = flags & 0x904;
    let mapq = u32::from(records.mapq[record]);
    let linked = records.linked(record).map_or(0, |other| coded[other]);
    let operations = records.cigar_of(record).len().min(4) as u32;
    let alone = u32::from(flags & 8 != 0) | u32::from(records.mate_references[record] < 0) << 1;
    let all = hash(linked, mapq << 8 | operations << 2 | alone, kind, 1);
    let less = hash(last.of_kind[last.kind], kind, last.gap.min(8), operations);
    [all, less].map(|hash| (hash >> (32 - HASH)) as usize)
}
