//! The directory: a root in the trailer that lists pages, and pages that list chunks in columns.
//!
//! Pages are written after the last chunk, when their number is known: a page covers as many chunks as keep the root
//! small. Columns hold differences, compressed together; the hashes follow outside, so that a reader who trusts the
//! store need not fetch them.

use super::wire::{Cursor, put_bytes, put_signed, put_varint, seal, unseal};
use super::{MAX_CHUNK_CONTENT, MAX_FRAME, frame};
use crate::{Error, Result};

/// Fewest chunks of a page of a large archive.
const CHUNKS_PER_PAGE: usize = 1024;

/// Most pages: a root entry takes at most 124 bytes, so the root stays below 64 KiB.
pub const MAX_PAGES: usize = 512;

/// Most bytes that one chunk's columns can take before compression; bounds the memory that a page may ask for.
const MAX_ENTRY: usize = 128;

/// The chunk's records are not in coordinate order, or not in the order of the chunk before.
pub const UNSORTED: u8 = 1;
/// The chunk's records lie on more than one reference.
pub const MULTI_REFERENCE: u8 = 2;
/// The chunk has opaque bytes, among which records may be that are longer than a chunk holds. Since version 5.
pub const OPAQUE: u8 = 4;

/// Reference positions that a chunk's records take (all 0-based; reference -1 is "none").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Reference of the first record.
    pub first_reference: i32,
    /// Position of the first record.
    pub first_position: i32,
    /// Reference of the last record.
    pub last_reference: i32,
    /// Position of the last record.
    pub last_position: i32,
    /// Largest end (exclusive) of the records on the last reference.
    pub largest_end: i64,
    /// [`UNSORTED`] and [`MULTI_REFERENCE`].
    pub flags: u8,
}

/// One chunk, as the directory knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Offset of the chunk's frame in the archive.
    pub offset: u64,
    /// Length of its payload.
    pub length: u64,
    /// Payload length and short hash of the group frame that stands before it, if it starts a group.
    pub group: Option<(u64, [u8; 16])>,
    /// Short hash of its payload.
    pub hash: [u8; 16],
    /// Records that start in it.
    pub records: u64,
    /// Where its records lie.
    pub span: Span,
    /// Source offset of its first source byte (its first BGZF block).
    pub source_offset: u64,
    /// Content offset of its first content byte.
    pub content_offset: u64,
    /// Content offset of its first BGZF block, relative to `content_offset`.
    pub first_block: i64,
}

impl Entry {
    /// Offset of the first byte after the chunk's frame.
    pub fn end(&self) -> u64 {
        self.offset + frame::HEAD_LENGTH + self.length
    }
}

/// One page, as the root knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Offset of the page's frame in the archive.
    pub offset: u64,
    /// Length of its payload.
    pub length: u64,
    /// SHA-256 of its payload.
    pub hash: [u8; 32],
    /// Chunks in it.
    pub chunks: u64,
    /// Archive offset where its first frame starts.
    pub start: u64,
    /// Archive offset where its last chunk ends.
    pub end: u64,
    /// Source offset of its first chunk.
    pub source_offset: u64,
    /// Content offset of its first chunk.
    pub content_offset: u64,
    /// Records in it.
    pub records: u64,
    /// Span of all its chunks.
    pub span: Span,
}

/// Splits `entries` into pages: the payload of each and its root entry, whose `offset` is still to be set.
pub fn pages(entries: &[Entry]) -> Vec<(Page, Vec<u8>)> {
    let per_page = CHUNKS_PER_PAGE.max(entries.len().div_ceil(MAX_PAGES));
    entries.chunks(per_page).map(page).collect()
}

fn page(entries: &[Entry]) -> (Page, Vec<u8>) {
    let payload = write_page(entries);
    let (first, last) = (&entries[0], &entries[entries.len() - 1]);
    let mut span = Span {
        last_reference: last.span.last_reference,
        last_position: last.span.last_position,
        ..first.span
    };
    span.largest_end = 0;
    for entry in entries {
        span.flags |= entry.span.flags;
        if entry.span.last_reference == span.last_reference {
            span.largest_end = span.largest_end.max(entry.span.largest_end);
        }
    }
    if span.first_reference != span.last_reference {
        span.flags |= MULTI_REFERENCE;
    }
    let page = Page {
        offset: 0,
        length: payload.len() as u64,
        hash: super::wire::sha256(&payload),
        chunks: entries.len() as u64,
        start: start_of(first),
        end: last.end(),
        source_offset: first.source_offset,
        content_offset: first.content_offset,
        records: entries.iter().map(|entry| entry.records).sum(),
        span,
    };
    (page, payload)
}

fn start_of(entry: &Entry) -> u64 {
    entry.offset
        - entry
            .group
            .map_or(0, |(length, _)| frame::HEAD_LENGTH + length)
}

fn write_page(entries: &[Entry]) -> Vec<u8> {
    let mut columns = Vec::new();
    let mut column = |value: &dyn Fn(&Entry, Option<&Entry>) -> i64| {
        let mut before = None;
        for entry in entries {
            put_signed(&mut columns, value(entry, before));
            before = Some(entry);
        }
    };
    let step = |now: i64, before: Option<i64>| now - before.unwrap_or(0);
    column(&|entry, _| entry.length as i64);
    column(&|entry, _| entry.group.map_or(-1, |(length, _)| length as i64));
    column(&|entry, before| step(entry.records as i64, before.map(|b| b.records as i64)));
    column(&|entry, _| i64::from(entry.span.flags));
    column(&|entry, before| {
        step(
            entry.span.first_reference.into(),
            before.map(|b| b.span.last_reference.into()),
        )
    });
    column(&|entry, before| {
        step(
            entry.span.first_position.into(),
            before.map(|b| b.span.last_position.into()),
        )
    });
    column(&|entry, _| {
        i64::from(entry.span.last_reference) - i64::from(entry.span.first_reference)
    });
    column(&|entry, _| i64::from(entry.span.last_position) - i64::from(entry.span.first_position));
    column(&|entry, _| entry.span.largest_end - i64::from(entry.span.last_position));
    column(&|entry, before| before.map_or(0, |b| (entry.source_offset - b.source_offset) as i64));
    column(&|entry, before| before.map_or(0, |b| (entry.content_offset - b.content_offset) as i64));
    column(&|entry, _| entry.first_block);
    let packed = zstd::bulk::compress(&columns, 19).unwrap_or_default();
    let mut out = Vec::new();
    put_varint(&mut out, entries.len() as u64);
    put_varint(&mut out, columns.len() as u64);
    put_bytes(&mut out, &packed);
    for entry in entries {
        out.extend_from_slice(&entry.hash);
    }
    for (_, hash) in entries.iter().filter_map(|entry| entry.group) {
        out.extend_from_slice(&hash);
    }
    seal(&mut out, 0);
    out
}

/// Reads a page's payload back; `page` is its root entry.
pub fn read_page(payload: &[u8], page: &Page) -> Result<Vec<Entry>> {
    let body = unseal(payload, "directory page")?;
    let mut cursor = Cursor::new(body, "directory page");
    let count = cursor.count(16, "number of chunks")?;
    if count as u64 != page.chunks || count == 0 {
        return Err(cursor.damaged("does not hold as many chunks as the root says"));
    }
    let length = cursor.bounded((count * MAX_ENTRY) as u64, "length of the columns")?;
    let columns = zstd::bulk::decompress(cursor.bytes()?, length)
        .map_err(|_| Error::Damaged("directory page: columns do not decompress".into()))?;
    let columns = read_columns(&columns, count)?;
    let mut entries = entries_from(&columns, page)?;
    for entry in &mut entries {
        entry.hash = cursor.array()?;
    }
    for entry in &mut entries {
        if let Some((_, hash)) = &mut entry.group {
            *hash = cursor.array()?;
        }
    }
    cursor.finish()?;
    if entries.last().is_none_or(|last| last.end() != page.end) {
        return Err(Error::Damaged(
            "directory page: its chunks do not end where the root says".into(),
        ));
    }
    Ok(entries)
}

fn read_columns(bytes: &[u8], count: usize) -> Result<[Vec<i64>; 12]> {
    let mut cursor = Cursor::new(bytes, "directory page");
    let mut columns: [Vec<i64>; 12] = Default::default();
    for column in &mut columns {
        *column = (0..count).map(|_| cursor.signed()).collect::<Result<_>>()?;
    }
    cursor.finish()?;
    Ok(columns)
}

/// Undoes the differences. Sums wrap; what must be in bounds is checked after.
fn entries_from(columns: &[Vec<i64>; 12], page: &Page) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::with_capacity(columns[0].len());
    let mut offset = page.start;
    let rows = columns[0].len();
    for value in (0..rows).map(|row| move |column: usize| columns[column][row]) {
        let before = entries.last();
        let (length, group) = (value(0), value(1));
        let group = (group >= 0).then_some((group as u64, [0; 16]));
        let small = |value: i64, limit: u64| (0..=limit as i64).contains(&value);
        if !small(length, MAX_FRAME) || group.is_some_and(|(length, _)| length > MAX_FRAME) {
            return Err(Error::Damaged(
                "directory page: a frame is longer than any may be".into(),
            ));
        }
        offset = offset.wrapping_add(group.map_or(0, |(length, _)| frame::HEAD_LENGTH + length));
        let records = value(2).wrapping_add(before.map_or(0, |b| b.records as i64));
        let first_reference =
            value(4).wrapping_add(before.map_or(0, |b| b.span.last_reference.into()));
        let first_position =
            value(5).wrapping_add(before.map_or(0, |b| b.span.last_position.into()));
        let last_reference = value(6).wrapping_add(first_reference);
        let last_position = value(7).wrapping_add(first_position);
        if !small(records, MAX_CHUNK_CONTENT)
            || !small(value(9), MAX_FRAME)
            || !small(value(10), MAX_CHUNK_CONTENT)
        {
            return Err(Error::Damaged(
                "directory page: a chunk is larger than any may be".into(),
            ));
        }
        let entry = Entry {
            offset,
            length: length as u64,
            group,
            hash: [0; 16],
            records: records as u64,
            span: Span {
                first_reference: narrow(first_reference)?,
                first_position: narrow(first_position)?,
                last_reference: narrow(last_reference)?,
                last_position: narrow(last_position)?,
                largest_end: value(8).wrapping_add(last_position),
                flags: value(3) as u8,
            },
            source_offset: before.map_or(page.source_offset, |b| {
                b.source_offset.wrapping_add(value(9) as u64)
            }),
            content_offset: before.map_or(page.content_offset, |b| {
                b.content_offset.wrapping_add(value(10) as u64)
            }),
            first_block: value(11),
        };
        offset = offset.wrapping_add(frame::HEAD_LENGTH + entry.length);
        entries.push(entry);
    }
    Ok(entries)
}

fn narrow(value: i64) -> Result<i32> {
    i32::try_from(value)
        .map_err(|_| Error::Damaged("directory page: a position is out of range".into()))
}

/// Appends the root.
pub fn write_root(out: &mut Vec<u8>, pages: &[Page]) {
    put_varint(out, pages.len() as u64);
    for page in pages {
        for value in [page.offset, page.length, page.chunks, page.start, page.end] {
            put_varint(out, value);
        }
        for value in [page.source_offset, page.content_offset, page.records] {
            put_varint(out, value);
        }
        let span = page.span;
        for value in [
            span.first_reference,
            span.first_position,
            span.last_reference,
            span.last_position,
        ] {
            put_signed(out, value.into());
        }
        put_signed(out, span.largest_end);
        out.push(span.flags);
        out.extend_from_slice(&page.hash);
    }
}

/// Reads the root; `end` is the archive offset where the trailer's frame starts, which nothing may pass.
pub fn read_root(bytes: &[u8], end: u64) -> Result<Vec<Page>> {
    let mut cursor = Cursor::new(bytes, "directory root");
    let count = cursor.count(46, "number of pages")?;
    if count > MAX_PAGES {
        return Err(cursor.damaged("has too many pages"));
    }
    let mut pages: Vec<Page> = Vec::with_capacity(count);
    for _ in 0..count {
        let mut number = || cursor.varint();
        let (offset, length, chunks, start, page_end) =
            (number()?, number()?, number()?, number()?, number()?);
        let (source_offset, content_offset, records) = (number()?, number()?, number()?);
        let mut position = || cursor.signed().and_then(narrow);
        let mut span = Span {
            first_reference: position()?,
            first_position: position()?,
            last_reference: position()?,
            last_position: position()?,
            ..Span::default()
        };
        span.largest_end = cursor.signed()?;
        span.flags = cursor.u8()?;
        let hash = cursor.array()?;
        let page = Page {
            offset,
            length,
            hash,
            chunks,
            start,
            end: page_end,
            source_offset,
            content_offset,
            records,
            span,
        };
        let inside = offset
            .checked_add(frame::HEAD_LENGTH + length.min(MAX_FRAME))
            .is_some_and(|last| last <= end);
        let ordered = pages
            .last()
            .is_none_or(|before| before.end == start && before.source_offset <= source_offset);
        if !inside || !ordered || length > MAX_FRAME || start > page_end || page_end > offset {
            return Err(cursor.damaged("has a page that lies outside the archive or out of order"));
        }
        pages.push(page);
    }
    cursor.finish()?;
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: u64) -> Vec<Entry> {
        let mut offset = 100;
        (0..count)
            .map(|i| {
                let group = (i % 256 == 0).then_some((7, [i as u8; 16]));
                offset += group.map_or(0, |_| 12);
                let entry = Entry {
                    offset,
                    length: 37_000 + i * 7 % 512,
                    group,
                    hash: [(i * 31) as u8; 16],
                    records: 2500,
                    span: Span {
                        first_reference: (i / 1000) as i32,
                        first_position: (i % 1000 * 4000) as i32,
                        last_reference: (i / 1000) as i32,
                        last_position: (i % 1000 * 4000 + 3990) as i32,
                        largest_end: (i % 1000 * 4000 + 4137) as i64,
                        flags: 0,
                    },
                    source_offset: i * 161_803 % 500 + i * 160_000,
                    content_offset: i * 1_000_003,
                    first_block: (i % 50) as i64,
                };
                offset += 5 + entry.length;
                entry
            })
            .collect()
    }

    #[test]
    fn pages_come_back_and_stay_small() {
        let entries = entries(3000);
        let mut root = Vec::new();
        let pages = pages(&entries);
        let bytes: usize = pages.iter().map(|(_, payload)| payload.len()).sum();
        assert!(
            bytes <= entries.len() * 32,
            "{} bytes per chunk",
            bytes / entries.len()
        );
        let mut place = entries[2999].end();
        let mut roots = Vec::new();
        let mut read = Vec::new();
        for (mut page, payload) in pages {
            page.offset = place;
            place += 5 + page.length;
            read.extend(read_page(&payload, &page).unwrap());
            roots.push(page);
        }
        assert_eq!(read, entries);
        write_root(&mut root, &roots);
        assert_eq!(read_root(&root, place).unwrap(), roots);
    }

    #[test]
    fn the_root_of_a_very_large_archive_stays_below_64_kib() {
        let pages: Vec<Page> = pages(&entries(600_000))
            .into_iter()
            .map(|(page, _)| page)
            .collect();
        let mut root = Vec::new();
        write_root(&mut root, &pages);
        assert!(pages.len() <= MAX_PAGES && root.len() <= 65_536);
    }

    #[test]
    fn a_flipped_bit_in_a_page_is_refused() {
        let (page, payload) = pages(&entries(20)).remove(0);
        for bit in 0..payload.len() * 8 {
            let mut flipped = payload.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read_page(&flipped, &page).is_err());
        }
    }
}
