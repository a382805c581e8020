//! Streams back into records: chunks of level fast, and all of version 1.

mod core;
mod tags;

use self::core::{Core, links, with_mates};
use self::tags::TagSources;
use super::derive::{Deriver, Facts};
use super::record::{self, Fixed};
use super::restore::count;
use super::{form, header};
use crate::codec::records::Context;
use crate::source::key;
use crate::source::streams::Decoded;
use crate::source::walk::{Item, Walk};
use crate::{Error, Result};

pub use self::core::{Aligned, core};

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
#[derive(Default)]
pub struct Rebuilt {
    /// The bytes.
    pub content: Vec<u8>,
    /// Where each item ends.
    pub borders: Vec<usize>,
    /// Numbers of the items that are not records.
    pub opaque: Vec<usize>,
}

impl Rebuilt {
    /// Content whose items are found by walking it. Where those are not `records` records and nothing else, it is
    /// one stretch of opaque bytes.
    pub fn found(content: Vec<u8>, records: u64) -> Self {
        let mut items = Vec::new();
        Walk::at_border(&content).advance(&content, true, &mut items);
        let are_records = items.iter().all(|item| matches!(item, Item::Record(_)));
        if are_records && items.len() as u64 == records {
            let borders = items.iter().map(|item| item.range().end).collect();
            return Self {
                content,
                borders,
                opaque: Vec::new(),
            };
        }
        Self {
            borders: vec![content.len()],
            content,
            opaque: vec![0],
        }
    }
}

/// Numbers of the items of these forms that are not records.
pub fn opaque_items(forms: &[u8]) -> Vec<usize> {
    let items = forms.iter().enumerate();
    let is_opaque = |form: &u8| form & (form::OPAQUE | form::HEADER) != 0;
    items
        .filter(|(_, form)| is_opaque(form))
        .map(|(number, _)| number)
        .collect()
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
            opaque: opaque_items(forms),
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
