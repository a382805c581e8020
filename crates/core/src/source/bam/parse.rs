//! Records into streams.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::record::{self, Fixed};
use super::{form, header, mate, tags};
use crate::codec::{Alignments, Hint};
use crate::source::key;
use crate::source::streams::Stream;
use crate::source::walk::Item;

/// A chunk's items as streams.
#[derive(Default)]
pub struct Parsed {
    /// All streams but the bases.
    pub streams: Vec<Stream>,
    /// Bases, one 4-bit code a byte.
    pub bases: Vec<u8>,
    /// Records, escapes included.
    pub records: u64,
    /// Escaped records.
    pub escapes: u64,
    /// Side information of the bases' codec.
    pub aligned: Aligned,
    /// Where the records lie.
    pub span: Span,
}

/// What the bases' codec needs to know of each regular record.
#[derive(Default)]
pub struct Aligned {
    pub references: Vec<i32>,
    pub positions: Vec<i32>,
    pub lengths: Vec<u32>,
    pub cigar_counts: Vec<u32>,
    pub cigar: Vec<u32>,
}

impl Aligned {
    /// The same, as the codec takes it.
    pub fn view(&self) -> Alignments<'_> {
        Alignments {
            reference: &self.references,
            position: &self.positions,
            lengths: &self.lengths,
            cigar_counts: &self.cigar_counts,
            cigar: &self.cigar,
        }
    }
}

/// Reference positions that records take (0-based; largest end exclusive, on the last reference).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub first: (i32, i32),
    pub last: (i32, i32),
    pub largest_end: i64,
    pub unsorted: bool,
    pub multi_reference: bool,
}

/// A regular record met before in the chunk.
struct Earlier {
    fixed: Fixed,
    end: i64,
    /// Whether a later record has taken it as its mate.
    taken: bool,
}

#[derive(Default)]
struct Columns {
    forms: Vec<u8>,
    flags: Vec<u8>,
    references: Vec<u8>,
    positions: Vec<u8>,
    mapq: Vec<u8>,
    lengths: Vec<u8>,
    cigar_counts: Vec<u8>,
    cigar_ops: Vec<u8>,
    cigar_lengths: Vec<u8>,
    bins: Vec<u8>,
    names: Vec<u8>,
    qualities: Vec<u8>,
    tag_lines: Vec<u8>,
    escape_lengths: Vec<u8>,
    escapes: Vec<u8>,
    opaque_lengths: Vec<u8>,
    opaque: Vec<u8>,
    header_text: Vec<u8>,
}

/// Takes the items of a chunk apart; `content` is what their ranges point into.
pub fn parse(content: &[u8], items: &[Item]) -> Parsed {
    let mut parser = Parser::default();
    for item in items {
        let bytes = &content[item.range().clone()];
        match item {
            Item::Opaque(_) => {
                let text = header::text(bytes).filter(|text| !text.is_empty());
                if let (Some(text), true) = (text, parser.columns.header_text.is_empty()) {
                    parser.columns.forms.push(form::HEADER);
                    parser.columns.header_text.extend_from_slice(text);
                    continue;
                }
                parser.columns.forms.push(form::OPAQUE);
                push(&mut parser.columns.opaque_lengths, bytes.len() as i32);
                parser.columns.opaque.extend_from_slice(bytes);
            }
            Item::Record(_) => {
                parser.parsed.records += 1;
                if let Some(fixed) = Fixed::read(bytes) {
                    parser.see(&fixed, bytes);
                }
                if !parser.regular(bytes) {
                    parser.parsed.escapes += 1;
                    parser.columns.forms.push(form::ESCAPE);
                    push(&mut parser.columns.escape_lengths, bytes.len() as i32);
                    parser.columns.escapes.extend_from_slice(bytes);
                }
            }
        }
    }
    parser.finish()
}

fn push(column: &mut Vec<u8>, value: i32) {
    column.extend_from_slice(&value.to_le_bytes());
}

#[derive(Default)]
struct Parser<'a> {
    parsed: Parsed,
    columns: Columns,
    /// Index of the last regular record of each name.
    by_name: HashMap<&'a [u8], usize, RandomState>,
    earlier: Vec<Earlier>,
    /// Index of each regular record's form.
    form_at: Vec<usize>,
    links: Vec<u8>,
    tags: TagColumns<'a>,
}

/// Tag lines and the columns of tag values.
#[derive(Default)]
struct TagColumns<'a> {
    lines: HashMap<Vec<u8>, i32, RandomState>,
    dictionary: Vec<u8>,
    columns: HashMap<u32, (Hint, Vec<u8>), RandomState>,
    found: Vec<tags::Tag<'a>>,
    line: Vec<u8>,
}

impl<'a> Parser<'a> {
    /// Widens the chunk's span by a record.
    fn see(&mut self, fixed: &Fixed, bytes: &[u8]) {
        let span = &mut self.parsed.span;
        let place = (fixed.reference, fixed.position);
        let end = i64::from(fixed.position) + reference_length(fixed, bytes).max(1) as i64;
        if self.parsed.records == 1 {
            *span = Span {
                first: place,
                last: place,
                largest_end: end,
                ..Span::default()
            };
            return;
        }
        // "None" sorts last, as in a coordinate-sorted file.
        let rank = |(reference, position): (i32, i32)| (reference as u32, position);
        span.unsorted |= rank(place) < rank(span.last);
        span.largest_end = if place.0 == span.last.0 {
            span.largest_end.max(end)
        } else {
            end
        };
        span.multi_reference |= place.0 != span.first.0;
        span.last = place;
    }

    /// Takes a record apart; false, with nothing changed, if the streams cannot carry it.
    fn regular(&mut self, bytes: &'a [u8]) -> bool {
        let Some(fixed) = Fixed::read(bytes) else {
            return false;
        };
        let Some(tags_at) = fixed.tags_at() else {
            return false;
        };
        let name_end = record::FIXED + usize::from(fixed.name_length);
        let Some((0, name)) = bytes[record::FIXED..name_end].split_last() else {
            return false;
        };
        if memchr::memchr(0, name).is_some() {
            return false;
        }
        let cigar_end = name_end + usize::from(fixed.cigar_count) * 4;
        let length = fixed.length as usize;
        let (packed, rest) = bytes[cigar_end..].split_at(length.div_ceil(2));
        if length % 2 == 1 && packed.last().is_some_and(|last| last & 15 != 0) {
            return false;
        }
        if !self.tags.take(&bytes[tags_at..]) {
            return false;
        }
        self.tags.commit(&mut self.columns.tag_lines);
        let cigar = &bytes[name_end..cigar_end];
        let mut form = self.core(&fixed, cigar);
        let qualities = &rest[..length];
        if length > 0 && qualities.iter().all(|&quality| quality == 0xff) {
            form |= form::NO_QUALITIES;
        } else {
            self.columns.qualities.extend_from_slice(qualities);
        }
        unpack(packed, length, &mut self.parsed.bases);
        self.name_and_mate(&fixed, name, reference_length(&fixed, bytes));
        self.form_at.push(self.columns.forms.len());
        self.columns.forms.push(form);
        true
    }

    /// Flags, position, MAPQ, CIGAR, length and bin; returns the form's bits for them.
    fn core(&mut self, fixed: &Fixed, cigar: &[u8]) -> u8 {
        let columns = &mut self.columns;
        let aligned = &mut self.parsed.aligned;
        let (reference, position) = self.earlier.last().map_or((0, 0), |before| {
            (before.fixed.reference, before.fixed.position)
        });
        push(&mut columns.flags, fixed.flags.into());
        push(
            &mut columns.references,
            fixed.reference.wrapping_sub(reference),
        );
        let from = if fixed.reference == reference {
            position
        } else {
            0
        };
        push(&mut columns.positions, fixed.position.wrapping_sub(from));
        columns.mapq.push(fixed.mapq);
        push(&mut columns.cigar_counts, fixed.cigar_count.into());
        let (mut query, mut on_reference) = (0u64, 0u64);
        for operation in cigar.as_chunks::<4>().0 {
            let operation = u32::from_le_bytes(*operation);
            query += u64::from(record::query_length(operation));
            on_reference += u64::from(record::reference_length(operation));
            columns.cigar_ops.push((operation & 15) as u8);
            push(&mut columns.cigar_lengths, (operation >> 4) as i32);
            aligned.cigar.push(operation);
        }
        aligned.references.push(fixed.reference);
        aligned.positions.push(fixed.position);
        aligned.lengths.push(fixed.length);
        aligned.cigar_counts.push(fixed.cigar_count.into());
        let mut form = 0;
        if query != u64::from(fixed.length) || query == 0 {
            form |= form::LENGTH;
            push(&mut columns.lengths, fixed.length as i32);
        }
        if record::bin(fixed.position, on_reference) != fixed.bin {
            form |= form::BIN;
            push(&mut columns.bins, fixed.bin.into());
        }
        form
    }

    fn name_and_mate(&mut self, fixed: &Fixed, name: &'a [u8], reference_length: u64) {
        let index = self.earlier.len();
        let end = i64::from(fixed.position) + reference_length as i64;
        let link = match self.by_name.insert(name, index) {
            Some(before) => index - before,
            None => {
                self.columns.names.extend_from_slice(name);
                self.columns.names.push(0);
                0
            }
        };
        push(&mut self.links, link as i32);
        if link > 0 {
            let before = &mut self.earlier[index - link];
            let agrees = |one: &Fixed, other: &Fixed| {
                one.mate_reference == other.reference && one.mate_position == other.position
            };
            if !before.taken
                && mate::may_pair(before.fixed.flags, fixed.flags)
                && agrees(&before.fixed, fixed)
                && agrees(fixed, &before.fixed)
            {
                before.taken = true;
                self.earlier.push(Earlier {
                    fixed: *fixed,
                    end,
                    taken: true,
                });
                return;
            }
        }
        self.earlier.push(Earlier {
            fixed: *fixed,
            end,
            taken: false,
        });
    }

    /// The mate columns, now that every record has found its mate or not; marks the forms of those that did.
    fn mates(&mut self) -> [Vec<u8>; 3] {
        let (mut references, mut positions, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        let mut expected: Vec<Option<i32>> = vec![None; self.earlier.len()];
        for (index, link) in self.links.as_chunks::<4>().0.iter().enumerate() {
            let link = i32::from_le_bytes(*link) as usize;
            let before = index - link;
            if link > 0 && self.earlier[index].taken && expected[before].is_none() {
                let (one, other) = (&self.earlier[before], &self.earlier[index]);
                if one.taken && mate::may_pair(one.fixed.flags, other.fixed.flags) {
                    expected[before] = Some(mate::template_length(
                        &one.fixed,
                        one.end,
                        &other.fixed,
                        other.end,
                    ));
                    expected[index] = Some(one.fixed.template_length.wrapping_neg());
                }
            }
        }
        for (index, record) in self.earlier.iter().enumerate() {
            let fixed = &record.fixed;
            if let Some(expected) = expected[index] {
                self.columns.forms[self.form_at[index]] |= form::MATE;
                push(&mut lengths, fixed.template_length.wrapping_sub(expected));
                continue;
            }
            push(
                &mut references,
                fixed.mate_reference.wrapping_sub(fixed.reference),
            );
            let from = if fixed.mate_reference == fixed.reference {
                fixed.position
            } else {
                0
            };
            push(&mut positions, fixed.mate_position.wrapping_sub(from));
            push(&mut lengths, fixed.template_length);
        }
        [references, positions, lengths]
    }

    fn finish(mut self) -> Parsed {
        let [mate_references, mate_positions, template_lengths] = self.mates();
        let columns = self.columns;
        let mut streams = Vec::new();
        let mut add = |key, hint, data: Vec<u8>| {
            if !data.is_empty() {
                streams.push(Stream { key, hint, data });
            }
        };
        add(key::FORMS, Hint::Symbols, columns.forms);
        add(key::FLAGS, Hint::Integers, columns.flags);
        add(key::REFERENCES, Hint::Integers, columns.references);
        add(key::POSITIONS, Hint::Integers, columns.positions);
        add(key::MAPQ, Hint::Symbols, columns.mapq);
        add(key::LENGTHS, Hint::Integers, columns.lengths);
        add(key::CIGAR_COUNTS, Hint::Integers, columns.cigar_counts);
        add(key::CIGAR_OPS, Hint::Symbols, columns.cigar_ops);
        add(key::CIGAR_LENGTHS, Hint::Integers, columns.cigar_lengths);
        add(key::BINS, Hint::Integers, columns.bins);
        add(key::LINKS, Hint::Integers, self.links);
        add(key::MATE_REFERENCES, Hint::Integers, mate_references);
        add(key::MATE_POSITIONS, Hint::Integers, mate_positions);
        add(key::TEMPLATE_LENGTHS, Hint::Integers, template_lengths);
        add(key::READ_NAMES, Hint::Names, columns.names);
        add(key::READ_QUALITIES, Hint::Qualities, columns.qualities);
        add(key::TAG_LINES, Hint::Integers, columns.tag_lines);
        add(key::TAG_DICTIONARY, Hint::Bytes, self.tags.dictionary);
        let mut tags: Vec<_> = self.tags.columns.into_iter().collect();
        tags.sort_unstable_by_key(|(key, _)| *key);
        for (key, (hint, data)) in tags {
            add(key, hint, data);
        }
        add(key::ESCAPE_LENGTHS, Hint::Integers, columns.escape_lengths);
        add(key::ESCAPES, Hint::Bytes, columns.escapes);
        add(key::OPAQUE_LENGTHS, Hint::Integers, columns.opaque_lengths);
        add(key::OPAQUE, Hint::Bytes, columns.opaque);
        add(key::HEADER_TEXT, Hint::Bytes, columns.header_text);
        self.parsed.streams = streams;
        self.parsed
    }
}

impl<'a> TagColumns<'a> {
    /// Cuts a record's tags; false if they are not a row of tags.
    fn take(&mut self, bytes: &'a [u8]) -> bool {
        self.found.clear();
        let found = &mut self.found;
        tags::split(bytes, |tag| found.push(tag))
    }

    /// Adds the tags cut last.
    fn commit(&mut self, tag_lines: &mut Vec<u8>) {
        self.line.clear();
        for tag in &self.found {
            self.line.extend_from_slice(&tag.tag);
            self.line.push(tag.kind);
        }
        let next = self.lines.len() as i32;
        let number = match self.lines.get(&self.line) {
            Some(&number) => number,
            None => {
                self.dictionary
                    .extend_from_slice(&(self.found.len() as u32).to_le_bytes());
                self.dictionary.extend_from_slice(&self.line);
                self.lines.insert(self.line.clone(), next);
                next
            }
        };
        push(tag_lines, number);
        for tag in &self.found {
            let key = key::tag_values(tag.tag, tag.kind);
            let (_, values) = self
                .columns
                .entry(key)
                .or_insert_with(|| (hint(&tag.tag, tag.kind), Vec::new()));
            widen(tag.kind, tag.value, values);
            if tags::is_array(tag.kind) {
                let count = tag.value.len() / tags::width(tag.kind);
                let (_, counts) = self
                    .columns
                    .entry(key + 1)
                    .or_insert_with(|| (Hint::Integers, Vec::new()));
                push(counts, count as i32);
            }
        }
    }
}

/// What kind of series a tag's values are.
fn hint(tag: &[u8; 2], kind: u8) -> Hint {
    match (tags::width(kind), tags::is_array(kind)) {
        // Original qualities; other tags of qualities repeat or hardly vary and do better as text.
        (0, _) if tag == b"OQ" => Hint::Qualities,
        (0, _) => Hint::Text,
        (1, true) => Hint::Qualities,
        (1, false) => Hint::Symbols,
        _ => Hint::Integers,
    }
}

/// Appends a tag's value as its stream holds it: two-byte numbers as four bytes, all else as it is.
fn widen(kind: u8, value: &[u8], out: &mut Vec<u8>) {
    if tags::width(kind) != 2 {
        out.extend_from_slice(value);
        return;
    }
    let signed = matches!(key::TAG_TYPES[usize::from(kind)].last(), Some(b's'));
    for pair in value.as_chunks::<2>().0 {
        let number = if signed {
            i16::from_le_bytes(*pair).into()
        } else {
            i32::from(u16::from_le_bytes(*pair))
        };
        push(out, number);
    }
}

/// Appends `length` 4-bit codes of `packed`, one a byte.
fn unpack(packed: &[u8], length: usize, out: &mut Vec<u8>) {
    out.reserve(length + 1);
    for &pair in packed {
        out.extend_from_slice(&[pair >> 4, pair & 15]);
    }
    if length % 2 == 1 {
        out.pop();
    }
}

/// Reference bases that a record's CIGAR takes.
fn reference_length(fixed: &Fixed, bytes: &[u8]) -> u64 {
    let start = record::FIXED + usize::from(fixed.name_length);
    let cigar = bytes
        .get(start..start + usize::from(fixed.cigar_count) * 4)
        .unwrap_or_default();
    cigar
        .as_chunks::<4>()
        .0
        .iter()
        .map(|operation| u64::from(record::reference_length(u32::from_le_bytes(*operation))))
        .sum()
}
