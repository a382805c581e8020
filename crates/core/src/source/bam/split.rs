//! Fields of records as streams, each to be coded by itself: what level fast writes.

mod derived;

use derived::derived;

use super::derive::Rule;
use super::record::{FIRST, PAIRED, SECONDARY, SUPPLEMENTARY};
use super::{form, mate, tags};
use crate::codec::covered::{Covered, Revealed};
use crate::codec::records::{Column, Context, Records, on_read, on_reference, part};
use crate::codec::{Alignments, Hint};
use crate::source::key;
use crate::source::streams::{CodedUnit, Stream, encode_bases};

/// Adds the streams of the regular records that `fields` are of to `streams`, and completes the forms among them. Their
/// bases are coded already, since tags may follow from them.
pub fn split(
    fields: &Records,
    context: &Context<'_>,
    streams: &mut Vec<Stream>,
) -> Option<CodedUnit> {
    let forms = streams.iter_mut().find(|stream| stream.key == key::FORMS);
    let forms = forms.map_or(&mut [][..], |forms| &mut forms.data);
    let mut columns = Columns::default();
    let regular = forms
        .iter_mut()
        .filter(|form| **form & form::NOT_REGULAR == 0);
    let mates = mates(fields);
    for (record, form) in regular.enumerate() {
        *form |= columns.alignment(fields, record);
        *form |= columns.mate(fields, record, &mates);
        *form |= columns.qualities(fields, record);
        if fields.links[record] == 0 {
            columns.names.extend_from_slice(fields.name_of(record));
            columns.names.push(0);
        }
    }
    let qualities = if reads_repeat(fields, &mates) {
        Hint::RepeatedQualities
    } else {
        Hint::Qualities
    };
    streams.extend(columns.streams(qualities));
    let mut add = |key, hint, data: Vec<u8>| {
        if !data.is_empty() {
            streams.push(Stream { key, hint, data });
        }
    };
    add(key::LINKS, Hint::Integers, numbers(&fields.links));
    add(key::TAG_LINES, Hint::Integers, numbers(&fields.lines));
    add(key::TAG_DICTIONARY, Hint::Bytes, dictionary(fields));
    let mut tags: Vec<&Column> = fields.columns.iter().collect();
    tags.sort_unstable_by_key(|column| column.key());
    for column in tags {
        if Rule::of(column.tag, column.kind).is_some() {
            continue;
        }
        add(column.key(), hint(column.kind), values(column));
        if tags::is_array(column.kind) {
            add(column.key() + 1, Hint::Integers, counts(column));
        }
    }
    let (unit, covered) = bases(fields, context);
    derived(fields, &mates, &covered, &mut add);
    unit
}

/// Codes the bases.
fn bases(fields: &Records, context: &Context<'_>) -> (Option<CodedUnit>, Covered) {
    let counts = (0..fields.count).map(|record| fields.cigar_of(record).len() as u32);
    let alignments = Alignments {
        reference: &fields.references,
        position: &fields.positions,
        lengths: &fields.lengths,
        cigar_counts: &counts.collect::<Vec<_>>(),
        cigar: &fields.cigar,
    };
    let mut mds: Vec<&[u8]> = Vec::new();
    if let Some(column) = fields.column(*b"MD", tags::TEXT) {
        mds.resize(fields.count, &[]);
        for (at, &record) in column.records.iter().enumerate() {
            mds[record as usize] = column.value(at);
        }
    }
    let revealed = Revealed {
        mds: &mds,
        given: context.bases,
    };
    encode_bases(&alignments, &fields.bases, revealed)
}

/// One record in so many must stand again for repeats to be looked for.
const REPEATED: usize = 64;

fn push(column: &mut Vec<u8>, value: i32) {
    column.extend_from_slice(&value.to_le_bytes());
}

fn numbers(values: &[u32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// A record's mate in the chunk, and the template length that follows from it.
type Mate = Option<(usize, i32)>;

/// Finds the mates among linked records, as a decoder will.
fn mates(fields: &Records) -> Vec<Mate> {
    let mut mates: Vec<Mate> = vec![None; fields.count];
    let names = |one: usize, other: usize| {
        fields.mate_references[one] == fields.references[other]
            && fields.mate_positions[one] == fields.positions[other]
    };
    for record in 0..fields.count {
        let Some(before) = fields.linked(record) else {
            continue;
        };
        if mates[before].is_none()
            && may_pair(fields.flags[before], fields.flags[record])
            && names(before, record)
            && names(record, before)
        {
            let expected = mate::template_length(&place(fields, before), &place(fields, record));
            mates[before] = Some((record, expected));
            let back = fields.template_lengths[before].wrapping_neg();
            mates[record] = Some((before, back));
        }
    }
    mates
}

fn place(fields: &Records, record: usize) -> mate::Place {
    let bases = fields.cigar_of(record).iter();
    let bases: i64 = bases.map(|&one| i64::from(on_reference(one))).sum();
    let position = fields.positions[record];
    mate::Place {
        flags: fields.flags[record],
        reference: fields.references[record],
        position,
        end: i64::from(position) + bases,
    }
}

/// Whether two records may be each other's mates: primary lines of a pair's two ends.
fn may_pair(one: u16, other: u16) -> bool {
    let primary = |flags: u16| flags & (SECONDARY | SUPPLEMENTARY) == 0 && flags & PAIRED != 0;
    primary(one) && primary(other) && (one ^ other) & FIRST != 0
}

/// Whether enough records have the name of one that is not their mate: a read that stands several times has the same
/// qualities each time.
fn reads_repeat(fields: &Records, mates: &[Mate]) -> bool {
    let links = fields.links.iter().zip(mates);
    let again = links.filter(|(link, mate)| **link > 0 && mate.is_none());
    again.count() > fields.count / REPEATED
}

/// Fields that are streams of regular records.
#[derive(Default)]
struct Columns {
    flags: Vec<u8>,
    references: Vec<u8>,
    positions: Vec<u8>,
    mapq: Vec<u8>,
    lengths: Vec<u8>,
    cigar_counts: Vec<u8>,
    cigar_ops: Vec<u8>,
    cigar_lengths: Vec<u8>,
    mate_references: Vec<u8>,
    mate_positions: Vec<u8>,
    template_lengths: Vec<u8>,
    names: Vec<u8>,
    qualities: Vec<u8>,
}

impl Columns {
    /// Flags, place, MAPQ, CIGAR and length; gives the form's bits for them.
    fn alignment(&mut self, fields: &Records, record: usize) -> u8 {
        let before = record.checked_sub(1);
        let (reference, position) = before.map_or((0, 0), |before| {
            (fields.references[before], fields.positions[before])
        });
        let step = fields.references[record].wrapping_sub(reference);
        let from = if step == 0 { position } else { 0 };
        push(&mut self.flags, fields.flags[record].into());
        push(&mut self.references, step);
        push(
            &mut self.positions,
            fields.positions[record].wrapping_sub(from),
        );
        self.mapq.push(fields.mapq[record]);
        let cigar = fields.cigar_of(record);
        push(&mut self.cigar_counts, cigar.len() as i32);
        let mut bases = 0u64;
        for &operation in cigar {
            bases += u64::from(on_read(operation));
            self.cigar_ops.push((operation & 15) as u8);
            push(&mut self.cigar_lengths, (operation >> 4) as i32);
        }
        let length = fields.lengths[record];
        if bases == u64::from(length) && bases > 0 {
            return 0;
        }
        push(&mut self.lengths, length as i32);
        form::LENGTH
    }

    /// Mate fields; gives the form's bit for them.
    fn mate(&mut self, fields: &Records, record: usize, mates: &[Mate]) -> u8 {
        let length = fields.template_lengths[record];
        if let Some((_, expected)) = mates[record] {
            push(&mut self.template_lengths, length.wrapping_sub(expected));
            return form::MATE;
        }
        let step = fields.mate_references[record].wrapping_sub(fields.references[record]);
        let from = if step == 0 {
            fields.positions[record]
        } else {
            0
        };
        push(&mut self.mate_references, step);
        push(
            &mut self.mate_positions,
            fields.mate_positions[record].wrapping_sub(from),
        );
        push(&mut self.template_lengths, length);
        0
    }

    /// Qualities; gives the form's bit for them.
    fn qualities(&mut self, fields: &Records, record: usize) -> u8 {
        let own = fields.qualities_of(record);
        if own.first() == Some(&0xff) && own.iter().all(|&quality| quality == 0xff) {
            return form::NO_QUALITIES;
        }
        self.qualities.extend_from_slice(own);
        0
    }

    fn streams(self, qualities: Hint) -> Vec<Stream> {
        let all = [
            (key::FLAGS, Hint::Integers, self.flags),
            (key::REFERENCES, Hint::Integers, self.references),
            (key::POSITIONS, Hint::Integers, self.positions),
            (key::MAPQ, Hint::Symbols, self.mapq),
            (key::LENGTHS, Hint::Integers, self.lengths),
            (key::CIGAR_COUNTS, Hint::Integers, self.cigar_counts),
            (key::CIGAR_OPS, Hint::Symbols, self.cigar_ops),
            (key::CIGAR_LENGTHS, Hint::Integers, self.cigar_lengths),
            (key::MATE_REFERENCES, Hint::Integers, self.mate_references),
            (key::MATE_POSITIONS, Hint::Integers, self.mate_positions),
            (key::TEMPLATE_LENGTHS, Hint::Integers, self.template_lengths),
            (key::READ_NAMES, Hint::Names, self.names),
            (key::READ_QUALITIES, qualities, self.qualities),
        ];
        all.into_iter()
            .filter(|(_, _, data)| !data.is_empty())
            .map(|(key, hint, data)| Stream { key, hint, data })
            .collect()
    }
}

/// The dictionary of tag lines.
fn dictionary(fields: &Records) -> Vec<u8> {
    let mut out = Vec::new();
    for line in &fields.line_tags {
        out.extend_from_slice(&(line.len() as u32).to_le_bytes());
        for &([one, other], kind) in line {
            out.extend_from_slice(&[one, other, kind]);
        }
    }
    out
}

/// What kind of series a tag's values are.
fn hint(kind: u8) -> Hint {
    match (tags::width(kind), tags::is_array(kind)) {
        (0, _) => Hint::Strings,
        (1, true) => Hint::Qualities,
        (1, false) => Hint::Symbols,
        _ => Hint::Integers,
    }
}

/// A column's values as their stream holds them: two-byte numbers as four bytes, strings with their NUL.
fn values(column: &Column) -> Vec<u8> {
    match tags::width(column.kind) {
        0 => {
            let mut out = Vec::with_capacity(column.values.len() + column.ends.len());
            for at in 0..column.ends.len() {
                out.extend_from_slice(column.value(at));
                out.push(0);
            }
            out
        }
        2 => {
            let signed = matches!(key::TAG_TYPES[usize::from(column.kind)].last(), Some(b's'));
            let pairs = column.values.as_chunks::<2>().0.iter();
            let wide = |pair: &[u8; 2]| match signed {
                true => i32::from(i16::from_le_bytes(*pair)),
                false => i32::from(u16::from_le_bytes(*pair)),
            };
            pairs.flat_map(|pair| wide(pair).to_le_bytes()).collect()
        }
        _ => column.values.clone(),
    }
}

/// How many elements each array of a column has.
fn counts(column: &Column) -> Vec<u8> {
    let width = tags::width(column.kind);
    let counts = (0..column.ends.len()).map(|at| (part(&column.ends, at).len() / width) as i32);
    counts.flat_map(i32::to_le_bytes).collect()
}
