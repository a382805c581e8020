//! Writes an archive from front to back: header, groups of chunks, attachments, directory, trailer. Nothing is ever
//! sought back to, so a pipe or a multipart upload can carry it.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::build::{Built, Totals};
use super::open::references_of;
use super::rebuild::REACH;
use crate::codec::{self, Hint};
use crate::container::directory::{self, Entry};
use crate::container::frame::{self, Kind};
use crate::container::header::Header;
use crate::container::trailer::{
    self, Attachment, Naming, Packed, Reference, StreamTotal, Trailer,
};
use crate::container::wire::{put_varint, seal, sha256, short_hash};

/// Chunks of a group: what a damaged key part can take with it.
const CHUNKS_PER_GROUP: u64 = 1024;

/// Bytes of an attachment in one frame, before compression.
pub const ATTACHMENT_PIECE: usize = 1 << 20;

/// zstd level of attachments: indexes are small, and written once.
const ATTACHMENT_LEVEL: i32 = 12;

/// Kind of a group's key part: its chunks share nothing.
pub const NO_KEY: u8 = 0;

/// Kind of a group's key part: its first chunk is a key chunk, from which the others start.
pub const KEY_CHUNK: u8 = 1;

/// What is known of the source when the archive ends.
pub struct Ending {
    /// Length, SHA-256 and MD5.
    pub digests: (u64, [u8; 32], [u8; 16]),
    /// File name.
    pub name: Vec<u8>,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: Option<i64>,
    /// Reference table.
    pub references: Vec<Reference>,
    /// Whether it follows from the header's text.
    pub references_in_text: bool,
    /// Reference sequences that were given: numbers and MD5 digests.
    pub given: Vec<(u32, [u8; 16])>,
}

/// An attachment's bytes and what is said of them.
pub struct NewAttachment {
    /// `bai` or `csi`.
    pub kind: &'static str,
    /// How its name follows from the source's.
    pub naming: Naming,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Why it may not belong to the source; empty if nothing speaks against it.
    pub stale: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What has been written.
pub struct Written {
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 of all bytes.
    pub sha256: [u8; 32],
    /// Archive digest.
    pub digest: [u8; 32],
    /// The trailer.
    pub trailer: Trailer,
}

/// An archive on its way out.
pub struct ArchiveWriter<W> {
    out: W,
    hash: Sha256,
    offset: u64,
    header_hash: [u8; 32],
    entries: Vec<Entry>,
    groups: u64,
    /// Chunks of the group at hand, and whether it has a key chunk.
    group: (u64, bool),
    header_text: Vec<u8>,
    source_offset: u64,
    content_offset: u64,
    records: u64,
    totals: Totals,
    attachments: Vec<Attachment>,
    /// Content bytes that chunks' last blocks take from the chunks after them, and how many chunks may still give them.
    owed: Vec<(u64, u64)>,
}

impl<W: Write> ArchiveWriter<W> {
    /// Starts an archive.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        let bytes = header.write();
        let mut writer = Self {
            out,
            hash: Sha256::new(),
            offset: 0,
            header_hash: sha256(&bytes),
            entries: Vec::new(),
            groups: 0,
            group: (0, false),
            header_text: Vec::new(),
            source_offset: 0,
            content_offset: 0,
            records: 0,
            totals: Totals::default(),
            attachments: Vec::new(),
            owed: Vec::new(),
        };
        writer.put(&bytes)?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.hash.update(bytes);
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn put_frame(&mut self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        self.put(&frame::head(kind, length))?;
        self.put(payload)
    }

    /// Adds a chunk.
    pub fn chunk(&mut self, built: &Built) -> io::Result<()> {
        let mut group = None;
        let full = self.group.0 >= CHUNKS_PER_GROUP && !built.needs_key;
        if built.is_key || full || self.entries.is_empty() {
            self.group = (0, built.is_key);
            let mut payload = Vec::new();
            put_varint(&mut payload, self.groups);
            payload.push(if built.is_key { KEY_CHUNK } else { NO_KEY });
            seal(&mut payload, 0);
            self.put_frame(Kind::Group, &payload)?;
            self.groups += 1;
            group = Some((payload.len() as u64, short_hash(&payload)));
        }
        if built.needs_key && !self.group.1 {
            return Err(io::Error::other("a chunk's group has no key chunk"));
        }
        self.group.0 += 1;
        if !built.header_text.is_empty() {
            self.header_text = built.header_text.clone();
        }
        let mut span = built.span;
        if built.records > 0 {
            let last = self.entries.iter().rev().find(|entry| entry.records > 0);
            let rank = |reference: i32, position: i32| (reference as u32, position);
            let before =
                last.map(|entry| rank(entry.span.last_reference, entry.span.last_position));
            if before.is_some_and(|before| before > rank(span.first_reference, span.first_position))
            {
                span.flags |= directory::UNSORTED;
            }
        }
        self.entries.push(Entry {
            offset: self.offset,
            length: built.payload.len() as u64,
            group,
            hash: short_hash(&built.payload),
            records: built.records,
            span,
            source_offset: self.source_offset,
            content_offset: self.content_offset,
            first_block: built.first_block,
        });
        self.put_frame(Kind::Chunk, &built.payload)?;
        for (bytes, chunks) in &mut self.owed {
            *bytes = bytes.saturating_sub(built.content_length);
            *chunks -= 1;
        }
        self.owed.retain(|&(bytes, _)| bytes > 0);
        self.check_owed(|&(_, chunks)| chunks == 0)?;
        if built.spill > 0 {
            self.owed.push((built.spill, REACH));
        }
        self.source_offset += built.source_length;
        self.content_offset += built.content_length;
        self.records += built.records;
        self.totals.add(&built.totals);
        Ok(())
    }

    /// Fails if a block's content is not where readers look for it: a fault of this software.
    fn check_owed(&self, late: impl Fn(&(u64, u64)) -> bool) -> io::Result<()> {
        if self.owed.iter().any(late) {
            return Err(io::Error::other(
                "a block's content is not in the chunks after it",
            ));
        }
        Ok(())
    }

    /// Adds an attachment; all chunks must have been added.
    pub fn attach(&mut self, new: &NewAttachment) -> io::Result<()> {
        let attachment = Attachment {
            kind: new.kind.to_owned(),
            naming: new.naming,
            length: new.bytes.len() as u64,
            hash: sha256(&new.bytes),
            mtime_ns: new.mtime_ns,
            stale: new.stale.clone(),
            offset: self.offset,
            pieces: new.bytes.chunks(ATTACHMENT_PIECE).len() as u64,
        };
        for piece in new.bytes.chunks(ATTACHMENT_PIECE) {
            let mut payload = zstd::bulk::compress(piece, ATTACHMENT_LEVEL)?;
            seal(&mut payload, 0);
            self.put_frame(Kind::Attachment, &payload)?;
        }
        self.attachments.push(attachment);
        Ok(())
    }

    /// Whether the header's text that was kept apart gives this reference table.
    pub fn gives_references(&self, references: &[Reference]) -> bool {
        !references.is_empty() && references_of(&self.header_text).as_deref() == Some(references)
    }

    /// Ends the archive: directory, trailer, footer.
    pub fn finish(mut self, ending: Ending) -> io::Result<Written> {
        self.check_owed(|_| true)?;
        let mut pages = Vec::new();
        for (mut page, payload) in directory::pages(&std::mem::take(&mut self.entries)) {
            page.offset = self.offset;
            self.put_frame(Kind::Page, &payload)?;
            pages.push(page);
        }
        let chunks = pages.iter().map(|page| page.chunks).sum();
        let totals = std::mem::take(&mut self.totals);
        let streams = totals
            .streams
            .iter()
            .map(|(&(bundle, key), (codecs, stored, decoded))| StreamTotal {
                bundle,
                key,
                codecs: codecs.clone(),
                stored: *stored,
                decoded: *decoded,
            });
        let (source_length, source_sha256, source_md5) = ending.digests;
        let trailer = Trailer {
            source_length,
            source_sha256,
            source_md5,
            header_hash: self.header_hash,
            pages,
            name: ending.name,
            mtime_ns: ending.mtime_ns,
            references: ending.references,
            references_in_text: ending.references_in_text,
            given: ending.given,
            header_text: packed(&self.header_text),
            attachments: std::mem::take(&mut self.attachments),
            counts: [
                self.records,
                totals.escapes,
                self.groups,
                chunks,
                totals.blocks,
                self.content_offset,
                totals.layout_bytes,
                totals.size_bytes,
                totals.kept_bytes,
            ],
            writer: concat!("readvault ", env!("CARGO_PKG_VERSION")).to_owned(),
            encoders: totals
                .encoders
                .iter()
                .map(|(&number, &blocks)| (number, blocks))
                .collect(),
            streams: streams.collect(),
        };
        let payload = trailer.write();
        let at = self.offset;
        self.put_frame(Kind::Trailer, &payload)?;
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        self.put(&trailer::footer(at, length))?;
        self.out.flush()?;
        Ok(Written {
            length: self.offset,
            sha256: self.hash.finalize().into(),
            digest: sha256(&payload),
            trailer,
        })
    }
}

/// The header's text, coded.
fn packed(text: &[u8]) -> Option<Packed> {
    if text.is_empty() {
        return None;
    }
    let encoded = codec::encode(Hint::Text, text);
    Some(Packed {
        codec: encoded.codec,
        length: text.len() as u64,
        stored: encoded.stored,
    })
}
