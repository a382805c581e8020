//! The trailer and the footer behind it: everything that is known only at the end, found with one suffix read.
//!
//! The trailer vouches for every other byte: it holds the SHA-256 of the header, of the directory pages (which hold
//! the hashes of chunks and groups) and of the attachments. Its own SHA-256 is the *archive digest*.

use super::directory::{Page, read_root, write_root};
use super::header::refuse_critical;
use super::wire::{Cursor, put_bytes, put_signed, put_varint, seal, unseal};
use crate::{Error, Result};

/// Last eight bytes of every archive.
pub const END_MAGIC: [u8; 8] = *b"RVAend\r\n";

/// Length of the footer: offset of the trailer's frame (8), length of its payload (4), CRC32C of both (4), magic (8).
pub const FOOTER_LENGTH: usize = 24;

/// Longest trailer: a million references with long names stay below.
pub const MAX_TRAILER: u64 = 256 << 20;

/// Most reference sequences, and most bytes of their table: bound the memory that a few stored bytes may ask for.
const MAX_REFERENCES: u64 = 4 << 20;
/// See [`MAX_REFERENCES`]; room for the names and up to six bytes of lengths for each.
const MAX_REFERENCE_TABLE: u64 = 72 << 20;

/// Sections. Even numbers may be passed over by readers who do not know them, odd ones not.
mod section {
    pub const FINGERPRINT: u64 = 1;
    pub const HEADER_HASH: u64 = 3;
    pub const ROOT: u64 = 5;
    pub const HEADER_TEXT: u64 = 7;
    pub const GIVEN: u64 = 9;
    pub const NAME: u64 = 2;
    pub const MTIME: u64 = 4;
    pub const REFERENCES: u64 = 6;
    pub const ATTACHMENTS: u64 = 8;
    pub const COUNTS: u64 = 10;
    pub const WRITER: u64 = 12;
    pub const ENCODERS: u64 = 14;
    pub const STREAMS: u64 = 16;
}

/// One reference sequence of the source's BAM header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Name as in the header, without the NUL.
    pub name: Vec<u8>,
    /// Length in bases.
    pub length: u32,
}

/// How an attachment's file name follows from the source's. The values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Naming {
    /// `x.bam.bai`: the suffix is appended.
    Appended = 0,
    /// `x.bai`: the suffix replaces the last extension.
    Replaced = 1,
}

/// An attachment and where its pieces are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// `bai` or `csi`.
    pub kind: String,
    /// How its name follows from the source's.
    pub naming: Naming,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 of its bytes.
    pub hash: [u8; 32],
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Why it may not belong to the source; empty if nothing speaks against it.
    pub stale: String,
    /// Archive offset of its first frame; further pieces follow directly.
    pub offset: u64,
    /// Number of pieces; each is one attachment frame, a zstd frame of its own.
    pub pieces: u64,
}

/// Stored and decoded bytes of one stream over all chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamTotal {
    /// Bundle number.
    pub bundle: u8,
    /// Stream key.
    pub key: u32,
    /// Codecs used, as a bit for each number.
    pub codecs: Vec<u8>,
    /// Stored bytes; a unit shared by small streams is split by their decoded lengths.
    pub stored: u64,
    /// Decoded bytes.
    pub decoded: u64,
}

/// Bytes coded by a codec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Codec number.
    pub codec: u8,
    /// Decoded length.
    pub length: u64,
    /// Stored bytes.
    pub stored: Vec<u8>,
}

/// The trailer's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trailer {
    /// Source length, SHA-256 and MD5.
    pub source_length: u64,
    /// SHA-256 of the source.
    pub source_sha256: [u8; 32],
    /// MD5 of the source.
    pub source_md5: [u8; 16],
    /// SHA-256 of the whole header.
    pub header_hash: [u8; 32],
    /// Directory root.
    pub pages: Vec<Page>,
    /// Source's file name, as bytes; may hold anything.
    pub name: Vec<u8>,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: Option<i64>,
    /// Reference table.
    pub references: Vec<Reference>,
    /// Whether the reference table follows from the header's text, and is not stored.
    pub references_in_text: bool,
    /// The BAM header's text, if the header follows from it.
    pub header_text: Option<Packed>,
    /// Numbers and MD5 digests of the reference sequences that were given, and are needed to decode.
    pub given: Vec<(u32, [u8; 16])>,
    /// Attachments.
    pub attachments: Vec<Attachment>,
    /// records, record escapes, groups, chunks, blocks, content bytes, layout bytes, block size bytes, kept bytes.
    pub counts: [u64; 9],
    /// The software that wrote the archive.
    pub writer: String,
    /// Encoder numbers and blocks.
    pub encoders: Vec<(u8, u64)>,
    /// Streams.
    pub streams: Vec<StreamTotal>,
}

impl Trailer {
    /// The trailer's payload.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut section = |tag: u64, bytes: &[u8]| {
            put_varint(&mut out, tag);
            put_bytes(&mut out, bytes);
        };
        let mut fingerprint = self.source_length.to_le_bytes().to_vec();
        fingerprint.extend_from_slice(&self.source_sha256);
        fingerprint.extend_from_slice(&self.source_md5);
        section(section::FINGERPRINT, &fingerprint);
        section(section::HEADER_HASH, &self.header_hash);
        let mut root = Vec::new();
        write_root(&mut root, &self.pages);
        section(section::ROOT, &root);
        section(section::NAME, &self.name);
        if let Some(mtime) = self.mtime_ns {
            section(section::MTIME, &mtime.to_le_bytes());
        }
        if !self.references.is_empty() && !self.references_in_text {
            section(section::REFERENCES, &write_references(&self.references));
        }
        if let Some(text) = &self.header_text {
            let mut packed = vec![text.codec];
            put_varint(&mut packed, text.length);
            packed.extend_from_slice(&text.stored);
            section(section::HEADER_TEXT, &packed);
        }
        if !self.given.is_empty() {
            let mut given = Vec::new();
            for (number, digest) in &self.given {
                put_varint(&mut given, u64::from(*number));
                given.extend_from_slice(digest);
            }
            section(section::GIVEN, &given);
        }
        if !self.attachments.is_empty() {
            section(section::ATTACHMENTS, &write_attachments(&self.attachments));
        }
        let mut counts = Vec::new();
        self.counts
            .iter()
            .for_each(|&count| put_varint(&mut counts, count));
        section(section::COUNTS, &counts);
        section(section::WRITER, self.writer.as_bytes());
        let mut encoders = Vec::new();
        for &(number, blocks) in &self.encoders {
            encoders.push(number);
            put_varint(&mut encoders, blocks);
        }
        section(section::ENCODERS, &encoders);
        section(section::STREAMS, &write_streams(&self.streams));
        seal(&mut out, 0);
        out
    }

    /// Reads a trailer's payload whose frame starts at archive offset `at`.
    pub fn read(payload: &[u8], at: u64) -> Result<Self> {
        let mut cursor = Cursor::new(unseal(payload, "trailer")?, "trailer");
        let mut trailer = Self::default();
        let mut seen = 0u64;
        while cursor.remaining() > 0 {
            let tag = cursor.varint()?;
            let bytes = cursor.bytes()?;
            if tag < 64 {
                if seen >> tag & 1 == 1 {
                    return Err(cursor.damaged("has a section twice"));
                }
                seen |= 1 << tag;
            }
            trailer.read_section(tag, bytes, at)?;
        }
        for required in [
            section::FINGERPRINT,
            section::HEADER_HASH,
            section::ROOT,
            section::COUNTS,
        ] {
            if seen >> required & 1 == 0 {
                return Err(cursor.damaged("lacks a section that every archive has"));
            }
        }
        Ok(trailer)
    }

    fn read_section(&mut self, tag: u64, bytes: &[u8], at: u64) -> Result<()> {
        let mut cursor = Cursor::new(bytes, "trailer section");
        match tag {
            section::FINGERPRINT => {
                self.source_length = u64::from_le_bytes(cursor.array()?);
                self.source_sha256 = cursor.array()?;
                self.source_md5 = cursor.array()?;
                cursor.finish()?;
            }
            section::HEADER_HASH => {
                self.header_hash = cursor.array()?;
                cursor.finish()?;
            }
            section::ROOT => self.pages = read_root(bytes, at)?,
            section::NAME => self.name = bytes.to_vec(),
            section::MTIME => self.mtime_ns = Some(i64::from_le_bytes(cursor.array()?)),
            section::REFERENCES => self.references = read_references(bytes)?,
            section::HEADER_TEXT => {
                self.header_text = Some(Packed {
                    codec: cursor.u8()?,
                    length: cursor.bounded(super::MAX_CHUNK_CONTENT, "length of the header")?
                        as u64,
                    stored: cursor.take(cursor.remaining())?.to_vec(),
                });
            }
            section::GIVEN => {
                while cursor.remaining() > 0 {
                    let number = cursor.bounded(MAX_REFERENCES, "number of a reference")? as u32;
                    self.given.push((number, cursor.array()?));
                }
            }
            section::ATTACHMENTS => self.attachments = read_attachments(bytes, at)?,
            section::COUNTS => {
                for count in &mut self.counts {
                    *count = cursor.varint()?;
                }
            }
            section::WRITER => self.writer = String::from_utf8_lossy(bytes).into_owned(),
            section::ENCODERS => {
                while cursor.remaining() > 0 {
                    self.encoders.push((cursor.u8()?, cursor.varint()?));
                }
            }
            section::STREAMS => self.streams = read_streams(bytes)?,
            unknown => refuse_critical(unknown, "trailer section")?,
        }
        Ok(())
    }
}

/// Where the trailer is: its frame's offset and its payload's length, from the archive's last [`FOOTER_LENGTH`] bytes.
pub fn read_footer(footer: &[u8], archive_length: u64) -> Result<(u64, u64)> {
    let truncated = || {
        Error::Truncated(
            "the archive's end is missing: its copying or writing did not finish; get the whole file again".into(),
        )
    };
    let Some(body) = footer
        .strip_suffix(&END_MAGIC)
        .filter(|body| body.len() == FOOTER_LENGTH - END_MAGIC.len())
    else {
        return Err(truncated());
    };
    let mut cursor = Cursor::new(unseal(body, "footer")?, "footer");
    let offset = u64::from_le_bytes(cursor.array()?);
    let length = u64::from(cursor.u32()?);
    let end = offset.checked_add(super::frame::HEAD_LENGTH + length + FOOTER_LENGTH as u64);
    if end != Some(archive_length) || length > MAX_TRAILER {
        return Err(Error::Damaged(format!(
            "footer: places the trailer at {offset} with {length} bytes, which does not end the archive"
        )));
    }
    Ok((offset, length))
}

/// The archive's last bytes.
pub fn footer(offset: u64, length: u32) -> [u8; FOOTER_LENGTH] {
    let mut out = Vec::with_capacity(FOOTER_LENGTH);
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    seal(&mut out, 0);
    out.extend_from_slice(&END_MAGIC);
    let mut footer = [0; FOOTER_LENGTH];
    footer.copy_from_slice(&out);
    footer
}

fn write_references(references: &[Reference]) -> Vec<u8> {
    let mut table = Vec::new();
    for reference in references {
        put_bytes(&mut table, &reference.name);
        put_varint(&mut table, reference.length.into());
    }
    let mut out = Vec::new();
    put_varint(&mut out, references.len() as u64);
    put_varint(&mut out, table.len() as u64);
    out.extend_from_slice(&zstd::bulk::compress(&table, 19).unwrap_or_default());
    out
}

fn read_references(bytes: &[u8]) -> Result<Vec<Reference>> {
    let mut cursor = Cursor::new(bytes, "reference table");
    let count = cursor.bounded(MAX_REFERENCES, "number of references")?;
    // zstd packs at most about 1:30000; a table that claims more has not earned its memory.
    let length = cursor.bounded(
        (bytes.len() as u64)
            .saturating_mul(32_768)
            .min(MAX_REFERENCE_TABLE),
        "length",
    )?;
    let packed = cursor.take(cursor.remaining())?;
    let table = zstd::bulk::decompress(packed, length)
        .map_err(|_| Error::Damaged("reference table: does not decompress".into()))?;
    let mut cursor = Cursor::new(&table, "reference table");
    if count > table.len() {
        return Err(cursor.damaged("claims more references than it holds"));
    }
    let mut references = Vec::with_capacity(count);
    for _ in 0..count {
        let name = cursor.bytes()?.to_vec();
        let length = cursor.bounded(u32::MAX.into(), "reference length")? as u32;
        references.push(Reference { name, length });
    }
    cursor.finish()?;
    Ok(references)
}

fn write_attachments(attachments: &[Attachment]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, attachments.len() as u64);
    for attachment in attachments {
        put_bytes(&mut out, attachment.kind.as_bytes());
        out.push(attachment.naming as u8);
        put_varint(&mut out, attachment.length);
        out.extend_from_slice(&attachment.hash);
        put_signed(&mut out, attachment.mtime_ns);
        put_bytes(&mut out, attachment.stale.as_bytes());
        put_varint(&mut out, attachment.offset);
        put_varint(&mut out, attachment.pieces);
    }
    out
}

fn read_attachments(bytes: &[u8], end: u64) -> Result<Vec<Attachment>> {
    let mut cursor = Cursor::new(bytes, "attachments");
    let count = cursor.count(38, "number of attachments")?;
    let mut attachments = Vec::with_capacity(count);
    for _ in 0..count {
        let kind = String::from_utf8_lossy(cursor.bytes()?).into_owned();
        if kind != "bai" && kind != "csi" {
            return Err(Error::Unsupported(format!(
                "attachment of unknown kind {kind:?}"
            )));
        }
        let naming = match cursor.u8()? {
            0 => Naming::Appended,
            1 => Naming::Replaced,
            other => {
                return Err(Error::Unsupported(format!(
                    "attachment with unknown naming {other}"
                )));
            }
        };
        let attachment = Attachment {
            kind,
            naming,
            length: cursor.varint()?,
            hash: cursor.array()?,
            mtime_ns: cursor.signed()?,
            stale: String::from_utf8_lossy(cursor.bytes()?).into_owned(),
            offset: cursor.varint()?,
            pieces: cursor.varint()?,
        };
        if attachment.offset > end || attachment.pieces > end {
            return Err(cursor.damaged("an attachment lies outside the archive"));
        }
        attachments.push(attachment);
    }
    cursor.finish()?;
    Ok(attachments)
}

fn write_streams(streams: &[StreamTotal]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, streams.len() as u64);
    for stream in streams {
        out.push(stream.bundle);
        put_varint(&mut out, stream.key.into());
        put_bytes(&mut out, &stream.codecs);
        put_varint(&mut out, stream.stored);
        put_varint(&mut out, stream.decoded);
    }
    out
}

fn read_streams(bytes: &[u8]) -> Result<Vec<StreamTotal>> {
    let mut cursor = Cursor::new(bytes, "stream totals");
    let count = cursor.count(5, "number of streams")?;
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let bundle = cursor.u8()?;
        let key = cursor.bounded(u32::MAX.into(), "stream key")? as u32;
        let codecs = cursor.bytes()?.to_vec();
        streams.push(StreamTotal {
            bundle,
            key,
            codecs,
            stored: cursor.varint()?,
            decoded: cursor.varint()?,
        });
    }
    cursor.finish()?;
    Ok(streams)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailer() -> Trailer {
        Trailer {
            source_length: 12345,
            source_sha256: [1; 32],
            source_md5: [2; 16],
            header_hash: [3; 32],
            name: b"a\x1b[31m.bam".to_vec(),
            mtime_ns: Some(-5),
            references_in_text: false,
            given: vec![(0, [7; 16]), (1, [9; 16])],
            header_text: Some(Packed {
                codec: 3,
                length: 100,
                stored: vec![1, 2, 3],
            }),
            references: vec![
                Reference {
                    name: b"chr1".to_vec(),
                    length: 248_956_422,
                },
                Reference {
                    name: Vec::new(),
                    length: 0,
                },
            ],
            attachments: vec![Attachment {
                kind: "bai".into(),
                naming: Naming::Replaced,
                length: 99,
                hash: [4; 32],
                mtime_ns: 7,
                stale: "older".into(),
                offset: 50,
                pieces: 1,
            }],
            counts: [1, 2, 3, 4, 5, 6, 7, 8, 9],
            writer: "readvault test".into(),
            encoders: vec![(6, 10)],
            streams: vec![StreamTotal {
                bundle: 1,
                key: 300_000,
                codecs: vec![0, 3],
                stored: 5,
                decoded: 50,
            }],
            pages: Vec::new(),
        }
    }

    #[test]
    fn a_trailer_comes_back() {
        assert_eq!(Trailer::read(&trailer().write(), 1000).unwrap(), trailer());
    }

    #[test]
    fn a_critical_section_is_refused_by_its_number() {
        let mut bytes = trailer().write();
        bytes.truncate(bytes.len() - 4);
        put_varint(&mut bytes, 33);
        put_bytes(&mut bytes, b"?");
        seal(&mut bytes, 0);
        assert!(
            matches!(Trailer::read(&bytes, 1000), Err(Error::Unsupported(text)) if text.contains("33"))
        );
    }

    #[test]
    fn an_attachment_outside_the_archive_is_refused() {
        assert!(Trailer::read(&trailer().write(), 10).is_err());
    }

    #[test]
    fn a_footer_comes_back_and_must_end_the_archive() {
        let footer = footer(1000, 77);
        assert_eq!(
            read_footer(&footer, 1000 + 5 + 77 + 24).unwrap(),
            (1000, 77)
        );
        assert!(matches!(read_footer(&footer, 5000), Err(Error::Damaged(_))));
        assert!(matches!(
            read_footer(&footer[..23], 1105),
            Err(Error::Truncated(_))
        ));
    }
}
