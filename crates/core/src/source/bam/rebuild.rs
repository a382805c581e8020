//! Streams of version 1's chunks back into records.

use super::derive::{Deriver, Facts, Rule};
use super::mate::NO_MATE;
use super::record::{self, Fixed};
use super::restore::count;
use super::{form, header, mate, tags};
use crate::codec::Alignments;
use crate::codec::records::{Context, Records, on_read, on_reference as reference_bases};
use crate::source::key;
use crate::source::streams::Decoded;
use crate::{Error, Result};

/// Rebuilds a chunk's content, which must come to `length` bytes.
pub fn rebuild(streams: &mut Decoded<'_>, length: usize, context: &Context<'_>) -> Result<Rebuilt> {
    let forms = streams.take(key::FORMS)?;
    count(&forms, length)?;
    let core = Core::read(streams, &forms)?;
    if core.aligned.bases() > length as u64 {
        return Err(damaged("more bases than the chunk can hold"));
    }
    let (bases, covered) = streams.take_bases(&core.aligned, context)?;
    let links = links(streams, core.fixed.len())?;
    let (fixed, mates) = with_mates(core.fixed, &links, &core.ends, &forms, streams)?;
    let facts = Facts {
        references: &core.aligned.references,
        positions: &core.aligned.positions,
        mapq: &core.mapq,
        cigar: &core.aligned.cigar,
        cigar_ends: &core.cigar_ends,
        bases: &bases,
        base_ends: &core.base_ends,
        mates: &mates,
    };
    let writer = Writer {
        out: Vec::with_capacity(length),
        length,
        cigar: &core.aligned.cigar,
        bases: &bases,
        names: Text::new(streams.take(key::READ_NAMES)?),
        qualities: streams.take(key::READ_QUALITIES)?,
        qualities_at: 0,
        name_places: Vec::with_capacity(fixed.len()),
        tags: TagSources::read(streams, Deriver::new(facts, &covered))?,
        borders: Vec::with_capacity(forms.len()),
    };
    writer.write(&forms, &fixed, &links, streams)
}

/// A chunk's content.
pub struct Rebuilt {
    /// The bytes.
    pub content: Vec<u8>,
    /// Where each item ends.
    pub borders: Vec<usize>,
}

/// The forms of the regular records.
fn regular(forms: &[u8]) -> impl Iterator<Item = u8> + '_ {
    forms
        .iter()
        .copied()
        .filter(|form| form & form::NOT_REGULAR == 0)
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
    /// How many bases the records have together.
    pub fn bases(&self) -> u64 {
        self.lengths.iter().map(|&length| u64::from(length)).sum()
    }

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

/// The error when streams contradict each other.
pub fn damaged(text: &str) -> Error {
    Error::Damaged(format!("chunk: its streams do not agree: {text}"))
}

/// Reads a stream of four-byte numbers from the front.
pub struct Numbers {
    data: Vec<u8>,
    at: usize,
}

impl Numbers {
    /// The numbers in `data`.
    pub fn new(data: Vec<u8>) -> Self {
        Self { data, at: 0 }
    }

    /// The next.
    pub fn next(&mut self) -> Result<i32> {
        let Some(bytes) = self.data.get(self.at..).and_then(<[u8]>::first_chunk::<4>) else {
            return Err(damaged("numbers run out"));
        };
        self.at += 4;
        Ok(i32::from_le_bytes(*bytes))
    }

    /// A number that is a length or count.
    fn length(&mut self) -> Result<usize> {
        usize::try_from(self.next()?).map_err(|_| damaged("a length is negative"))
    }
}

/// Reads NUL-terminated strings from the front.
struct Text {
    data: Vec<u8>,
    at: usize,
}

impl Text {
    fn new(data: Vec<u8>) -> Self {
        Self { data, at: 0 }
    }

    /// The next string, NUL included.
    fn next(&mut self) -> Result<&[u8]> {
        let rest = &self.data[self.at..];
        let Some(length) = memchr::memchr(0, rest) else {
            return Err(damaged("strings run out"));
        };
        self.at += length + 1;
        Ok(&rest[..=length])
    }
}

/// Fields of the regular records that need no names, bases, qualities or tags.
struct Core {
    fixed: Vec<Fixed>,
    /// Exclusive ends on the reference.
    ends: Vec<i64>,
    aligned: Aligned,
    mapq: Vec<u8>,
    cigar_ends: Vec<usize>,
    base_ends: Vec<usize>,
}

impl Core {
    fn read(streams: &mut Decoded<'_>, forms: &[u8]) -> Result<Self> {
        let mut numbers = |key| streams.take(key).map(Numbers::new);
        let (mut flags, mut references, mut positions) = (
            numbers(key::FLAGS)?,
            numbers(key::REFERENCES)?,
            numbers(key::POSITIONS)?,
        );
        let (mut lengths, mut counts, mut operation_lengths) = (
            numbers(key::LENGTHS)?,
            numbers(key::CIGAR_COUNTS)?,
            numbers(key::CIGAR_LENGTHS)?,
        );
        let mut bins = numbers(key::BINS)?;
        let (mapq, operations) = (streams.take(key::MAPQ)?, streams.take(key::CIGAR_OPS)?);
        let mut core = Self {
            fixed: Vec::with_capacity(mapq.len()),
            ends: Vec::new(),
            aligned: Aligned::default(),
            mapq: Vec::new(),
            cigar_ends: Vec::new(),
            base_ends: Vec::new(),
        };
        let mut bases = 0usize;
        let (mut reference, mut position, mut operation_at) = (0i32, 0i32, 0);
        for (index, form) in regular(forms).enumerate() {
            let step = references.next()?;
            position = if step == 0 { position } else { 0 }.wrapping_add(positions.next()?);
            reference = reference.wrapping_add(step);
            let cigar_count =
                u16::try_from(counts.next()?).map_err(|_| damaged("a CIGAR is too long"))?;
            let (mut query, mut on_reference) = (0u64, 0u64);
            for _ in 0..cigar_count {
                let &letter = operations
                    .get(operation_at)
                    .ok_or_else(|| damaged("CIGAR operations run out"))?;
                operation_at += 1;
                let operation = (operation_lengths.next()? as u32) << 4 | u32::from(letter & 15);
                query += u64::from(on_read(operation));
                on_reference += u64::from(reference_bases(operation));
                core.aligned.cigar.push(operation);
            }
            let length = if form & form::LENGTH != 0 {
                lengths.next()? as u32
            } else {
                query as u32
            };
            let bin = if form & form::BIN != 0 {
                bins.next()? as u16
            } else {
                record::bin(position, on_reference)
            };
            core.ends.push(i64::from(position) + on_reference as i64);
            core.aligned.references.push(reference);
            core.aligned.positions.push(position);
            core.aligned.lengths.push(length);
            core.aligned.cigar_counts.push(cigar_count.into());
            core.cigar_ends.push(core.aligned.cigar.len());
            bases = bases.saturating_add(length as usize);
            core.base_ends.push(bases);
            let &mapq = mapq
                .get(index)
                .ok_or_else(|| damaged("mapping qualities run out"))?;
            core.fixed.push(Fixed {
                size: 0,
                reference,
                position,
                name_length: 0,
                mapq,
                bin,
                cigar_count,
                flags: flags.next()? as u16,
                length,
                mate_reference: 0,
                mate_position: 0,
                template_length: 0,
            });
        }
        core.mapq = mapq;
        Ok(core)
    }
}

/// How far before each record the last of the same name stands.
fn links(streams: &mut Decoded<'_>, count: usize) -> Result<Vec<u32>> {
    let mut numbers = Numbers::new(streams.take(key::LINKS)?);
    let link = |record| match numbers.length()? {
        link if link > record => Err(damaged("a record is linked to one before the first")),
        link => Ok(link as u32),
    };
    (0..count).map(link).collect()
}

/// Flags, places, mapping qualities and CIGARs of the regular records, from the streams of the bundle `core`.
pub fn core(streams: &mut Decoded<'_>, forms: &[u8], length: usize) -> Result<Records> {
    count(forms, length)?;
    let core = Core::read(streams, forms)?;
    Ok(Records {
        count: core.fixed.len(),
        flags: core.fixed.iter().map(|fixed| fixed.flags).collect(),
        references: core.aligned.references,
        positions: core.aligned.positions,
        mapq: core.mapq,
        cigar: core.aligned.cigar,
        cigar_ends: core.cigar_ends,
        ..Records::default()
    })
}

/// Fills in the mate fields.
fn with_mates(
    mut fixed: Vec<Fixed>,
    links: &[u32],
    ends: &[i64],
    forms: &[u8],
    streams: &mut Decoded<'_>,
) -> Result<(Vec<Fixed>, Vec<u32>)> {
    let mut numbers = |key| streams.take(key).map(Numbers::new);
    let (mut references, mut positions, mut lengths) = (
        numbers(key::MATE_REFERENCES)?,
        numbers(key::MATE_POSITIONS)?,
        numbers(key::TEMPLATE_LENGTHS)?,
    );
    let linked: Vec<bool> = regular(forms).map(|form| form & form::MATE != 0).collect();
    let mut mates = vec![NO_MATE; fixed.len()];
    for (index, &link) in links.iter().enumerate() {
        let before = index - link as usize;
        if link > 0 && linked[index] && linked[before] && mates[before] == NO_MATE {
            mates[before] = index as u32;
            mates[index] = before as u32;
        }
    }
    for index in 0..fixed.len() {
        if !linked[index] {
            let record = &mut fixed[index];
            let step = references.next()?;
            record.mate_reference = record.reference.wrapping_add(step);
            let from = if step == 0 { record.position } else { 0 };
            record.mate_position = from.wrapping_add(positions.next()?);
            record.template_length = lengths.next()?;
            continue;
        }
        let other = mates[index] as usize;
        let Some(&mate) = fixed.get(other) else {
            return Err(damaged("a mate is missing"));
        };
        let expected = if other > index {
            let place = |record: &Fixed, end| mate::Place {
                flags: record.flags,
                reference: record.reference,
                position: record.position,
                end,
            };
            mate::template_length(
                &place(&fixed[index], ends[index]),
                &place(&mate, ends[other]),
            )
        } else {
            mate.template_length.wrapping_neg()
        };
        let record = &mut fixed[index];
        record.mate_reference = mate.reference;
        record.mate_position = mate.position;
        record.template_length = expected.wrapping_add(lengths.next()?);
    }
    Ok((fixed, mates))
}

/// Where one tag's values come from.
struct TagSource {
    tag: [u8; 2],
    kind: u8,
    values: Text,
    counts: Numbers,
    /// What the values follow from, and which texts do.
    rule: Option<Rule>,
    exceptions: std::vec::IntoIter<u8>,
}

/// The tag dictionary and the value streams.
struct TagSources<'a> {
    /// For each tag line, indices into `sources`.
    lines: Vec<Vec<usize>>,
    sources: Vec<TagSource>,
    numbers: Numbers,
    rules: Vec<u8>,
    deriver: Deriver<'a>,
}

impl<'a> TagSources<'a> {
    fn read(streams: &mut Decoded<'_>, deriver: Deriver<'a>) -> Result<Self> {
        let dictionary = streams.take(key::TAG_DICTIONARY)?;
        let mut all = Self {
            lines: Vec::new(),
            sources: Vec::new(),
            numbers: Numbers::new(streams.take(key::TAG_LINES)?),
            rules: streams.take(key::TAG_RULES)?,
            deriver,
        };
        let mut rest = &dictionary[..];
        while let Some((count, after)) = rest.split_first_chunk::<4>() {
            let length = (u32::from_le_bytes(*count) as usize).checked_mul(3);
            let Some((line, after)) = length.and_then(|length| after.split_at_checked(length))
            else {
                return Err(damaged("the tag dictionary ends early"));
            };
            let line: Result<Vec<usize>> = line
                .as_chunks::<3>()
                .0
                .iter()
                .map(|&[a, b, kind]| all.source([a, b], kind, streams))
                .collect();
            all.lines.push(line?);
            rest = after;
        }
        Ok(all)
    }

    fn source(&mut self, tag: [u8; 2], kind: u8, streams: &mut Decoded<'_>) -> Result<usize> {
        if usize::from(kind) >= key::TAG_TYPES.len() {
            return Err(damaged("a tag has an unknown type"));
        }
        if let Some(known) = self
            .sources
            .iter()
            .position(|source| source.tag == tag && source.kind == kind)
        {
            return Ok(known);
        }
        let values = Text::new(streams.take(key::tag_values(tag, kind))?);
        let rule = self.rule(tag, kind)?;
        let more = streams.take(key::tag_counts(tag, kind))?;
        let (counts, exceptions) = match rule {
            None => (more, Vec::new()),
            Some(_) => (Vec::new(), more),
        };
        self.sources.push(TagSource {
            tag,
            kind,
            values,
            counts: Numbers::new(counts),
            rule,
            exceptions: exceptions.into_iter(),
        });
        Ok(self.sources.len() - 1)
    }

    /// What values of a tag follow from.
    fn rule(&self, tag: [u8; 2], kind: u8) -> Result<Option<Rule>> {
        let (rules, rest) = self.rules.as_chunks::<4>();
        let own = rules
            .iter()
            .find(|rule| rule[..3] == [tag[0], tag[1], kind]);
        let rule = own.map(|rule| Rule::from_number(rule[3]).filter(|rule| rule.suits(kind)));
        if !rest.is_empty() || rule == Some(None) {
            return Err(damaged("an unknown rule for tags"));
        }
        Ok(rule.flatten())
    }

    /// Appends the tags of a record, the next.
    fn write(&mut self, record: usize, out: &mut Vec<u8>, limit: usize) -> Result<()> {
        let line = self.numbers.length()?;
        let Some(line) = self.lines.get(line) else {
            return Err(damaged("a tag line is not in the dictionary"));
        };
        self.deriver.turn(record);
        for &source in line {
            self.sources[source].write(&mut self.deriver, out)?;
            if out.len() > limit {
                return Err(damaged("the records are longer than the chunk"));
            }
        }
        Ok(())
    }
}

impl TagSource {
    fn write(&mut self, deriver: &mut Deriver<'_>, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&self.tag);
        out.extend_from_slice(key::TAG_TYPES[usize::from(self.kind)]);
        if let Some(rule) = self.rule {
            return self.write_derived(rule, deriver, out);
        }
        let width = tags::width(self.kind);
        if width == 0 {
            out.extend_from_slice(self.values.next()?);
            return Ok(());
        }
        let count = if tags::is_array(self.kind) {
            let count = self.counts.length()?;
            out.extend_from_slice(&(count as u32).to_le_bytes());
            count
        } else {
            1
        };
        let stored = if width == 2 { 4 } else { width };
        let end = count
            .checked_mul(stored)
            .and_then(|length| self.values.at.checked_add(length));
        let Some(values) = end.and_then(|end| self.values.data.get(self.values.at..end)) else {
            return Err(damaged("tag values run out"));
        };
        if width == 2 {
            values
                .as_chunks::<4>()
                .0
                .iter()
                .for_each(|value| out.extend_from_slice(&value[..2]));
        } else {
            out.extend_from_slice(values);
        }
        self.values.at += values.len();
        Ok(())
    }
}

impl TagSource {
    /// Writes what follows from a rule, with what is stored instead or besides.
    fn write_derived(
        &mut self,
        rule: Rule,
        deriver: &mut Deriver<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if rule.is_text() {
            let text = deriver.text(rule);
            match text.map(|text| (text, self.exceptions.next())) {
                Some((text, Some(0))) => {
                    out.extend_from_slice(text);
                    out.push(0);
                }
                Some((_, None)) => return Err(damaged("tags that follow run out")),
                Some((_, Some(_))) | None => out.extend_from_slice(self.values.next()?),
            }
            return Ok(());
        }
        let number = deriver.number(rule);
        let (width, at) = (tags::width(self.kind), self.values.at);
        let stored = if width == 1 { 1 } else { 4 };
        let Some(value) = self.values.data.get(at..at + stored) else {
            return Err(damaged("tag values run out"));
        };
        self.values.at += stored;
        let mut bytes = [0; 4];
        bytes[..stored].copy_from_slice(value);
        let value = u32::from_le_bytes(bytes).wrapping_add(number);
        out.extend_from_slice(&value.to_le_bytes()[..width]);
        Ok(())
    }
}

struct Writer<'a> {
    out: Vec<u8>,
    length: usize,
    cigar: &'a [u32],
    bases: &'a [u8],
    names: Text,
    qualities: Vec<u8>,
    qualities_at: usize,
    /// Start and length (NUL included) of each regular record's name in `out`.
    name_places: Vec<(usize, u8)>,
    tags: TagSources<'a>,
    borders: Vec<usize>,
}

impl Writer<'_> {
    fn write(
        mut self,
        forms: &[u8],
        fixed: &[Fixed],
        links: &[u32],
        streams: &mut Decoded<'_>,
    ) -> Result<Rebuilt> {
        let mut escapes = Pieces::new(
            streams.take(key::ESCAPE_LENGTHS)?,
            streams.take(key::ESCAPES)?,
        );
        let mut opaque = Pieces::new(
            streams.take(key::OPAQUE_LENGTHS)?,
            streams.take(key::OPAQUE)?,
        );
        let mut records = fixed.iter().zip(links);
        for &form in forms {
            if form & form::HEADER != 0 {
                let text = streams.take(key::HEADER_TEXT)?;
                let header = header::from_text(&text, self.length);
                let header =
                    header.ok_or_else(|| damaged("its header does not follow from its text"))?;
                self.out.extend_from_slice(&header);
            } else if form & form::OPAQUE != 0 {
                self.out.extend_from_slice(opaque.next()?);
            } else if form & form::ESCAPE != 0 {
                self.out.extend_from_slice(escapes.next()?);
            } else {
                let Some((fixed, &link)) = records.next() else {
                    return Err(damaged("records run out"));
                };
                self.record(form, *fixed, link as usize)?;
            }
            if self.out.len() > self.length {
                return Err(damaged("the records are longer than the chunk"));
            }
            self.borders.push(self.out.len());
        }
        if self.out.len() != self.length {
            return Err(damaged("the records are shorter than the chunk"));
        }
        Ok(Rebuilt {
            content: self.out,
            borders: self.borders,
        })
    }

    fn record(&mut self, form: u8, mut fixed: Fixed, link: usize) -> Result<()> {
        let start = self.out.len();
        let length = fixed.length as usize;
        if self.bases.len() < length
            || self.length - start.min(self.length) < length + record::FIXED
        {
            return Err(damaged("a record is longer than the chunk"));
        }
        self.out.extend_from_slice(&[0; record::FIXED]);
        let name_at = self.out.len();
        if link > 0 {
            let (at, name_length) = self.name_places[self.name_places.len() - link];
            self.out
                .extend_from_within(at..at + usize::from(name_length));
        } else {
            self.out.extend_from_slice(self.names.next()?);
        }
        fixed.name_length = u8::try_from(self.out.len() - name_at)
            .map_err(|_| damaged("a name is longer than BAM allows"))?;
        let record = self.name_places.len();
        self.name_places.push((name_at, fixed.name_length));
        let (cigar, rest) = self.cigar.split_at(fixed.cigar_count.into());
        self.cigar = rest;
        cigar
            .iter()
            .for_each(|operation| self.out.extend_from_slice(&operation.to_le_bytes()));
        let (bases, rest) = self.bases.split_at(length);
        self.bases = rest;
        let (pairs, last) = bases.as_chunks::<2>();
        self.out
            .extend(pairs.iter().map(|[high, low]| high << 4 | low & 15));
        self.out.extend(last.iter().map(|high| high << 4));
        if form & form::NO_QUALITIES != 0 {
            self.out.resize(self.out.len() + length, 0xff);
        } else {
            let qualities = self
                .qualities
                .get(self.qualities_at..self.qualities_at + length);
            self.out
                .extend_from_slice(qualities.ok_or_else(|| damaged("qualities run out"))?);
            self.qualities_at += length;
        }
        self.tags.write(record, &mut self.out, self.length)?;
        fixed.size = (self.out.len() - start - 4) as u32;
        fixed.write_at(&mut self.out[start..start + record::FIXED]);
        Ok(())
    }
}

/// Byte stretches with their lengths in a stream of their own.
pub struct Pieces {
    lengths: Numbers,
    bytes: Vec<u8>,
    at: usize,
}

impl Pieces {
    /// The stretches of `bytes`.
    pub fn new(lengths: Vec<u8>, bytes: Vec<u8>) -> Self {
        Self {
            lengths: Numbers::new(lengths),
            bytes,
            at: 0,
        }
    }

    /// The next.
    pub fn next(&mut self) -> Result<&[u8]> {
        let length = self.lengths.length()?;
        let end = self.at.checked_add(length);
        let piece = end
            .and_then(|end| self.bytes.get(self.at..end))
            .ok_or_else(|| damaged("stored bytes run out"))?;
        self.at += length;
        Ok(piece)
    }
}
