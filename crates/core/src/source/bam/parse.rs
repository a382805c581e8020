//! Records of a chunk, taken apart into fields.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::names::Names;
use super::record::{self, Fixed};
use super::{form, header, tags};
use crate::codec::Hint;
use crate::codec::records::{Column, MOST_COLUMNS, Records, on_reference};
use crate::source::key;
use crate::source::streams::Stream;
use crate::source::walk::Item;

/// A chunk's items, taken apart.
#[derive(Default)]
pub struct Parsed {
    /// Forms, and what neither the fields of regular records nor the header's text carry.
    pub streams: Vec<Stream>,
    /// Text of a header among the items; empty if there is none.
    pub header_text: Vec<u8>,
    /// Fields of the regular records.
    pub fields: Records,
    /// Records, escapes included.
    pub records: u64,
    /// Escaped records.
    pub escapes: u64,
    /// Where the records lie.
    pub span: Span,
}

/// Reference positions that records take (0-based; largest end exclusive, on the last reference).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub first: (i32, i32),
    pub last: (i32, i32),
    pub largest_end: i64,
    pub unsorted: bool,
    pub multi_reference: bool,
    /// Whether there are opaque bytes beside them.
    pub opaque: bool,
}

/// Takes the items of a chunk apart; `content` is what their ranges point into.
pub fn parse(content: &[u8], items: &[Item]) -> Parsed {
    let mut parser = Parser::default();
    parser.fields.limit = usize::MAX;
    // At most as many as there can be: what is not used is never touched.
    parser.fields.bases.reserve(content.len() / 3 * 2);
    parser.fields.qualities.reserve(content.len() / 3 * 2);
    parser.names = Names::with_capacity(items.len());
    for item in items {
        let bytes = &content[item.range().clone()];
        match item {
            Item::Opaque(_) => parser.opaque(bytes),
            Item::Record(_) => {
                parser.records += 1;
                if let Some(fixed) = Fixed::read(bytes) {
                    parser.see(&fixed, bytes);
                }
                if !parser.regular(bytes) {
                    parser.escaped += 1;
                    parser.forms.push(form::ESCAPE);
                    push(&mut parser.escape_lengths, bytes.len() as i32);
                    parser.escapes.extend_from_slice(bytes);
                }
            }
        }
    }
    parser.finish()
}

fn push(column: &mut Vec<u8>, value: i32) {
    column.extend_from_slice(&value.to_le_bytes());
}

/// Lines of the last records that are tried before all others are.
const NEAR: usize = 4;

/// A row of tags' names and type numbers.
type Line = Vec<([u8; 2], u8)>;

#[derive(Default)]
struct Parser<'a> {
    fields: Records,
    records: u64,
    escaped: u64,
    span: Span,
    forms: Vec<u8>,
    bins: Vec<u8>,
    escape_lengths: Vec<u8>,
    escapes: Vec<u8>,
    opaque_lengths: Vec<u8>,
    opaque: Vec<u8>,
    header_text: Vec<u8>,
    /// The last regular record of each name.
    names: Names,
    /// Numbers of lines, those of the last records first in `near`, and the columns of each.
    lines: HashMap<Line, u32, RandomState>,
    near: [u32; NEAR],
    columns_of_lines: Vec<Vec<usize>>,
    columns: HashMap<([u8; 2], u8), usize, RandomState>,
    /// Tags of the record at hand.
    found: Vec<tags::Tag<'a>>,
    line: Line,
}

impl<'a> Parser<'a> {
    fn opaque(&mut self, bytes: &[u8]) {
        let text = header::text(bytes).filter(|text| !text.is_empty());
        if let (Some(text), true) = (text, self.header_text.is_empty()) {
            self.forms.push(form::HEADER);
            self.header_text.extend_from_slice(text);
            return;
        }
        self.span.opaque = true;
        self.forms.push(form::OPAQUE);
        push(&mut self.opaque_lengths, bytes.len() as i32);
        self.opaque.extend_from_slice(bytes);
    }

    /// Widens the chunk's span by a record.
    fn see(&mut self, fixed: &Fixed, bytes: &[u8]) {
        let span = &mut self.span;
        let place = (fixed.reference, fixed.position);
        let end = i64::from(fixed.position) + reference_length(fixed, bytes).max(1) as i64;
        if self.records == 1 {
            *span = Span {
                first: place,
                last: place,
                largest_end: end,
                opaque: span.opaque,
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

    /// Takes a record apart; false, with nothing changed, if the fields cannot carry it.
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
        self.found.clear();
        let found = &mut self.found;
        if !tags::split(&bytes[tags_at..], |tag| found.push(tag)) {
            return false;
        }
        let Some(line) = self.line() else {
            return false;
        };
        let index = self.fields.count;
        self.tags(line, index);
        self.core(&fixed, &bytes[name_end..cigar_end]);
        let fields = &mut self.fields;
        fields.count += 1;
        fields.names.extend_from_slice(name);
        fields.name_ends.push(fields.names.len());
        let before = self.names.insert(index, &fields.names, &fields.name_ends);
        fields
            .links
            .push(before.map_or(0, |before| (index - before) as u32));
        unpack(packed, length, &mut fields.bases);
        fields.base_ends.push(fields.bases.len());
        fields.qualities.extend_from_slice(&rest[..length]);
        true
    }

    /// Whether there is a column, or room for one, for each tag of the record at hand.
    fn columns_suffice(&self) -> bool {
        let is_new = |tag: &&tags::Tag<'_>| !self.columns.contains_key(&(tag.tag, tag.kind));
        // A tag that stands twice counts twice: rare, and harmless.
        self.columns.len() + self.found.len() <= MOST_COLUMNS
            || self.columns.len() + self.found.iter().filter(is_new).count() <= MOST_COLUMNS
    }

    /// Flags, places, MAPQ, length and CIGAR, and the record's form.
    fn core(&mut self, fixed: &Fixed, cigar: &[u8]) {
        let fields = &mut self.fields;
        fields.flags.push(fixed.flags);
        fields.references.push(fixed.reference);
        fields.positions.push(fixed.position);
        fields.mapq.push(fixed.mapq);
        fields.lengths.push(fixed.length);
        fields.mate_references.push(fixed.mate_reference);
        fields.mate_positions.push(fixed.mate_position);
        fields.template_lengths.push(fixed.template_length);
        let mut reference_bases = 0u64;
        for operation in cigar.as_chunks::<4>().0 {
            let operation = u32::from_le_bytes(*operation);
            reference_bases += u64::from(on_reference(operation));
            fields.cigar.push(operation);
        }
        fields.cigar_ends.push(fields.cigar.len());
        let mut form = 0;
        if record::bin(fixed.position, reference_bases) != fixed.bin {
            form |= form::BIN;
            push(&mut self.bins, fixed.bin.into());
        }
        self.forms.push(form);
    }

    /// The number of the line of the tags found, a new one if need be; none if there is no room for its columns.
    fn line(&mut self) -> Option<u32> {
        self.line.clear();
        self.line
            .extend(self.found.iter().map(|tag| (tag.tag, tag.kind)));
        let line_tags = &self.fields.line_tags;
        let is = |&number: &u32| line_tags.get(number as usize) == Some(&self.line);
        if let Some(at) = self.near.iter().position(is) {
            self.near[..=at].rotate_right(1);
            return Some(self.near[0]);
        }
        let number = match self.lines.get(&self.line) {
            Some(&number) => number,
            None => self.new_line()?,
        };
        self.near.rotate_right(1);
        self.near[0] = number;
        Some(number)
    }

    fn new_line(&mut self) -> Option<u32> {
        if !self.columns_suffice() {
            return None;
        }
        let number = self.fields.line_tags.len() as u32;
        self.lines.insert(self.line.clone(), number);
        self.fields.line_tags.push(self.line.clone());
        let columns = &mut self.fields.columns;
        let numbers = self.line.iter().map(|&(tag, kind)| {
            *self.columns.entry((tag, kind)).or_insert_with(|| {
                columns.push(Column {
                    tag,
                    kind,
                    ..Column::default()
                });
                columns.len() - 1
            })
        });
        self.columns_of_lines.push(numbers.collect());
        Some(number)
    }

    /// Adds the tags found, which make up a line, to their columns.
    fn tags(&mut self, line: u32, index: usize) {
        self.fields.lines.push(line);
        self.fields.read_groups.push(0);
        let numbers = &self.columns_of_lines[line as usize];
        for (tag, &number) in self.found.iter().zip(numbers) {
            let column = &mut self.fields.columns[number];
            let value = match tags::width(tag.kind) {
                0 => &tag.value[..tag.value.len() - 1],
                _ => tag.value,
            };
            column.records.push(index as u32);
            column.values.extend_from_slice(value);
            column.ends.push(column.values.len());
        }
    }

    fn finish(self) -> Parsed {
        let mut streams = Vec::new();
        let mut add = |key, hint, data: Vec<u8>| {
            if !data.is_empty() {
                streams.push(Stream { key, hint, data });
            }
        };
        add(key::FORMS, Hint::Symbols, self.forms);
        add(key::BINS, Hint::Integers, self.bins);
        add(key::ESCAPE_LENGTHS, Hint::Integers, self.escape_lengths);
        add(key::ESCAPES, Hint::Bytes, self.escapes);
        add(key::OPAQUE_LENGTHS, Hint::Integers, self.opaque_lengths);
        add(key::OPAQUE, Hint::Bytes, self.opaque);
        Parsed {
            streams,
            header_text: self.header_text,
            fields: self.fields,
            records: self.records,
            escapes: self.escaped,
            span: self.span,
        }
    }
}

/// Appends `length` 4-bit codes of `packed`, one a byte.
fn unpack(packed: &[u8], length: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + 2 * packed.len(), 0);
    let both = out[start..].as_chunks_mut::<2>().0;
    for (both, &pair) in both.iter_mut().zip(packed) {
        *both = [pair >> 4, pair & 15];
    }
    out.truncate(start + length);
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
        .map(|operation| u64::from(on_reference(u32::from_le_bytes(*operation))))
        .sum()
}
