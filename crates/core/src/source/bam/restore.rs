//! Fields back into records.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::rebuild::{Numbers, Pieces, Rebuilt, damaged, opaque_items};
use super::record::{self, FIXED, Fixed};
use super::{form, header, tags};
use crate::Result;
use crate::codec::records::{Column, Records, on_reference};
use crate::source::key;
use crate::source::streams::Decoded;

/// How many regular records these forms stand for, checked against the content they must make.
pub fn count(forms: &[u8], length: usize) -> Result<usize> {
    let count = forms
        .iter()
        .filter(|&&form| form & form::NOT_REGULAR == 0)
        .count();
    if count.saturating_mul(FIXED) > length || forms.len() > length {
        return Err(damaged("more records than the chunk can hold"));
    }
    Ok(count)
}

/// Writes a chunk's content, which must come to `length` bytes, from the fields of its regular records and the
/// streams that hold the rest. A header is made from its stream, or from `header_text` if it has none.
pub fn restore(
    streams: &mut Decoded<'_>,
    forms: &[u8],
    fields: &Records,
    header_text: &[u8],
    length: usize,
) -> Result<Rebuilt> {
    let mut opaque = Pieces::new(
        streams.take(key::OPAQUE_LENGTHS)?,
        streams.take(key::OPAQUE)?,
    );
    let mut writer = Writer::new(streams, fields, length)?;
    let mut borders = Vec::with_capacity(forms.len());
    for &form in forms {
        if form & form::HEADER != 0 {
            let own = streams.take(key::HEADER_TEXT)?;
            let text = if own.is_empty() { header_text } else { &own };
            let header = header::from_text(text, length);
            let header =
                header.ok_or_else(|| damaged("its header does not follow from its text"))?;
            writer.out.extend_from_slice(&header);
        } else if form & form::OPAQUE != 0 {
            writer.out.extend_from_slice(opaque.next()?);
        } else {
            writer.item(form, length)?;
        }
        if writer.out.len() > length {
            return Err(damaged("the records are longer than the chunk"));
        }
        borders.push(writer.out.len());
    }
    if writer.out.len() != length {
        return Err(damaged("the records are shorter than the chunk"));
    }
    Ok(Rebuilt {
        content: writer.out,
        borders,
        opaque: opaque_items(forms),
    })
}

/// Writes the records of a chunk without opaque bytes, and nothing else of it: at most `length` bytes. Gives where they lie.
pub fn restore_records(
    streams: &mut Decoded<'_>,
    forms: &[u8],
    fields: &Records,
    length: usize,
) -> Result<(Vec<u8>, Vec<Range<usize>>)> {
    let mut writer = Writer::new(streams, fields, length)?;
    let mut records = Vec::with_capacity(forms.len());
    for &form in forms.iter().filter(|&&form| form & form::HEADER == 0) {
        let start = writer.out.len();
        writer.item(form, length)?;
        if writer.out.len() > length {
            return Err(damaged("the records are longer than the chunk"));
        }
        records.push(start..writer.out.len());
    }
    Ok((writer.out, records))
}

/// For each line of tags, the columns that hold its values.
fn columns_of_lines(fields: &Records) -> Result<Vec<Vec<usize>>> {
    // Thousands of lines may have thousands of tags that none but they have.
    let columns = fields.columns.iter().enumerate();
    let places: HashMap<([u8; 2], u8), usize, RandomState> = columns
        .filter(|(_, column)| usize::from(column.kind) < key::TAG_TYPES.len())
        .map(|(place, column)| ((column.tag, column.kind), place))
        .collect();
    let place = |tag: &([u8; 2], u8)| {
        let place = places.get(tag).copied();
        place.ok_or_else(|| damaged("a tag has no values"))
    };
    let line = |line: &Vec<_>| line.iter().map(place).collect();
    fields.line_tags.iter().map(line).collect()
}

struct Writer<'a> {
    out: Vec<u8>,
    fields: &'a Records,
    /// Bins that do not follow from places, and records that are stored as they are.
    bins: Numbers,
    escapes: Pieces,
    /// Number of the next regular record.
    next: usize,
    columns: Vec<Values<'a>>,
    /// Columns of each line.
    lines: Vec<Vec<usize>>,
}

/// The values of a column, one after the other.
struct Values<'a> {
    column: &'a Column,
    /// Tag and type, as they stand in front of each value.
    head: Vec<u8>,
    /// Bytes of an array's element; 0 for other types.
    element: usize,
    /// Whether a NUL stands behind each value.
    ends: bool,
    /// Number of the next value, and where it starts.
    next: usize,
    start: usize,
}

impl<'a> Values<'a> {
    fn new(column: &'a Column) -> Self {
        let kind = column.kind;
        let name = key::TAG_TYPES.get(usize::from(kind)).copied();
        Self {
            column,
            head: [&column.tag, name.unwrap_or_default()].concat(),
            element: if tags::is_array(kind) {
                tags::width(kind)
            } else {
                0
            },
            ends: tags::width(kind) == 0,
            next: 0,
            start: 0,
        }
    }

    /// Appends the next value, which must be of `record`.
    #[inline]
    fn write(&mut self, record: u32, out: &mut Vec<u8>) -> Result<()> {
        let (Some(&end), Some(&of)) = (
            self.column.ends.get(self.next),
            self.column.records.get(self.next),
        ) else {
            return Err(damaged("tag values run out"));
        };
        let value = self.column.values.get(self.start..end);
        let value = value.filter(|_| of == record);
        let value = value.ok_or_else(|| damaged("tag values run out"))?;
        self.next += 1;
        self.start = end;
        out.extend_from_slice(&self.head);
        if let Some(count) = value.len().checked_div(self.element) {
            out.extend_from_slice(&(count as u32).to_le_bytes());
        }
        out.extend_from_slice(value);
        if self.ends {
            out.push(0);
        }
        Ok(())
    }
}

impl<'a> Writer<'a> {
    fn new(streams: &mut Decoded<'_>, fields: &'a Records, length: usize) -> Result<Self> {
        Ok(Self {
            out: Vec::with_capacity(length),
            fields,
            bins: Numbers::new(streams.take(key::BINS)?),
            escapes: Pieces::new(
                streams.take(key::ESCAPE_LENGTHS)?,
                streams.take(key::ESCAPES)?,
            ),
            next: 0,
            columns: fields.columns.iter().map(Values::new).collect(),
            lines: columns_of_lines(fields)?,
        })
    }

    /// Writes the next record, which has this form: an escaped or a regular one.
    fn item(&mut self, form: u8, limit: usize) -> Result<()> {
        if form & form::ESCAPE != 0 {
            self.out.extend_from_slice(self.escapes.next()?);
            return Ok(());
        }
        let bin = match form & form::BIN {
            0 => None,
            _ => Some(self.bins.next()? as u16),
        };
        self.record(bin, limit)
    }

    /// Writes the next regular record.
    fn record(&mut self, bin: Option<u16>, limit: usize) -> Result<()> {
        let (fields, index, start) = (self.fields, self.next, self.out.len());
        self.next += 1;
        let cigar = fields.cigar_of(index);
        let name = fields.name_of(index);
        let length = fields.lengths[index];
        if limit.saturating_sub(start) < length as usize + FIXED + 4 * cigar.len() {
            return Err(damaged("a record is longer than the chunk"));
        }
        let reference_length = cigar.iter().map(|&op| u64::from(on_reference(op))).sum();
        let mut fixed = Fixed {
            size: 0,
            reference: fields.references[index],
            position: fields.positions[index],
            name_length: u8::try_from(name.len() + 1)
                .map_err(|_| damaged("a name is longer than BAM allows"))?,
            mapq: fields.mapq[index],
            bin: bin.unwrap_or_else(|| record::bin(fields.positions[index], reference_length)),
            cigar_count: u16::try_from(cigar.len()).map_err(|_| damaged("a CIGAR is too long"))?,
            flags: fields.flags[index],
            length,
            mate_reference: fields.mate_references[index],
            mate_position: fields.mate_positions[index],
            template_length: fields.template_lengths[index],
        };
        self.out.extend_from_slice(&[0; FIXED]);
        self.out.extend_from_slice(name);
        self.out.push(0);
        for operation in cigar {
            self.out.extend_from_slice(&operation.to_le_bytes());
        }
        let (pairs, last) = fields.bases_of(index).as_chunks::<2>();
        let packed = pairs.iter().map(|[high, low]| high << 4 | low & 15);
        self.out.extend(packed);
        self.out.extend(last.iter().map(|high| high << 4));
        self.out.extend_from_slice(fields.qualities_of(index));
        self.tags(fields.lines[index] as usize, index, limit)?;
        fixed.size = (self.out.len() - start - 4) as u32;
        fixed.write_at(&mut self.out[start..start + FIXED]);
        Ok(())
    }

    fn tags(&mut self, line: usize, index: usize, limit: usize) -> Result<()> {
        let Some(columns) = self.lines.get(line) else {
            return Err(damaged("a tag line is not in the dictionary"));
        };
        for &place in columns {
            self.columns[place].write(index as u32, &mut self.out)?;
            if self.out.len() > limit {
                return Err(damaged("the records are longer than the chunk"));
            }
        }
        Ok(())
    }
}
