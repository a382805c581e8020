//! An archive opened for reading: header, trailer and directory, each checked against the hash that vouches for it.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::attach;
use super::decode::{self, Chunk, Partial, Wanted};
use super::report::{
    ArchiveReport, AttachmentReport, Counts, EncoderReport, Exactness, Fingerprint,
    ReferenceReport, SourceReport,
};
use super::share::{Leader, Shared};
use super::workers::watched;
use super::write::{ATTACHMENT_PIECE, KEY_CHUNK, NO_KEY};
use super::{Input, Progress};
use crate::codec;
use crate::codec::records::Level;
use crate::codec::records::models::Models;
use crate::container::MAX_INDEX;
use crate::container::chunk;
use crate::container::directory::{self, Entry, Page};
use crate::container::frame::{self, Kind};
use crate::container::header::{self, Header};
use crate::container::sidecar::{self, Copied};
use crate::container::trailer::{self, Attachment, FOOTER_LENGTH, Reference, Trailer};
use crate::container::wire::{sha256, short_hash, unseal};
use crate::source::bam::{self, CoreFields};
use crate::source::recipe;
use crate::source::reference::{self as given, Places, Sequence};
use crate::store::{First, Location, Object, Reading, Source};
use crate::{Error, Result};

/// Bytes read at the end of an archive at first: footer, trailer and root of most are within.
const SUFFIX: u64 = 64 << 10;

/// Bytes fetched at the start of an archive in a store: more than any header has.
const START: u64 = 1 << 10;

/// Bytes read of a chunk at first when only some of its units are wanted: its head, and most often those too.
const HEAD: u64 = 8 << 10;

/// Most bytes of the directory that are fetched from a store before they are needed.
const PAGES_AHEAD: u64 = 4 << 20;

/// Longest payload of one attachment frame: a piece that does not compress grows by little.
const MAX_PIECE: u64 = 2 * ATTACHMENT_PIECE as u64;

/// An open archive.
pub struct Opened {
    object: Object,
    /// Whether it is read from front to back.
    onward: AtomicBool,
    /// What it is called in errors.
    pub name: String,
    /// Where it is; none for a pipe.
    pub path: Option<String>,
    /// Length in bytes.
    pub length: u64,
    /// Header.
    pub header: Header,
    /// Trailer.
    pub trailer: Trailer,
    /// Archive digest.
    pub digest: [u8; 32],
    /// What its chunks share.
    pub shared: Shared,
}

impl Opened {
    /// Opens a file, or what standard input gives (kept in an unnamed temporary file).
    pub fn open(input: &Input, progress: &dyn Progress, stop: &Arc<AtomicBool>) -> Result<Self> {
        match input {
            Input::Location(location) => Self::open_at(location, stop),
            Input::Stdin => {
                let mut source = Source::stdin(stop)?;
                let mut file = tempfile::tempfile().map_err(|source| Error::Store {
                    context: "cannot keep standard input".into(),
                    source,
                })?;
                watched(progress, stop, || {
                    io::copy(&mut source, &mut file).map_err(|error| source.error(error))
                })?;
                let name = "standard input";
                Self::read(Object::of_file(file, name.into())?, None)
                    .map_err(|error| error.at(name))
            }
        }
    }

    /// Opens a file or an object of a store.
    pub fn open_at(location: &Location, stop: &Arc<AtomicBool>) -> Result<Self> {
        Self::of(Self::object(location, stop)?, location)
    }

    /// Opens a file or an object of a store that may be an archive.
    pub fn object(location: &Location, stop: &Arc<AtomicBool>) -> Result<Object> {
        Object::open(location, First::Ends(START, SUFFIX), stop)
    }

    /// The archive that `object` is.
    pub fn of(object: Object, location: &Location) -> Result<Self> {
        let name = location.to_string();
        Self::read(object, Some(name.clone())).map_err(|error| error.at(name))
    }

    fn read(object: Object, path: Option<String>) -> Result<Self> {
        let length = object.length();
        let prefix = read_at(&object, 0, length.min(header::PREFIX as u64))?;
        if prefix.starts_with(&sidecar::MAGIC) {
            return Err(Error::Invalid(
                "is a sidecar, which holds indexes and no chunks: give the archive that it was made for".into(),
            ));
        }
        let header_length = Header::length(&prefix)? as u64;
        if header_length > length {
            return Err(Error::Truncated("header: the file ends inside it".into()));
        }
        let header_bytes = read_at(&object, 0, header_length)?;
        let header = Header::read(&header_bytes)?;
        let suffix_at = length.saturating_sub(SUFFIX);
        let suffix = read_at(&object, suffix_at, length - suffix_at)?;
        let footer = &suffix[suffix.len().saturating_sub(FOOTER_LENGTH)..];
        let (at, payload_length) = trailer::read_footer(footer, length)?;
        let frame_length = frame::HEAD_LENGTH + payload_length;
        let frame_bytes = match at.checked_sub(suffix_at) {
            Some(start) => suffix[start as usize..(start + frame_length) as usize].to_vec(),
            None => read_at(&object, at, frame_length)?,
        };
        let payload = frame::payload(&frame_bytes, Kind::Trailer, "trailer")?;
        let mut trailer = Trailer::read(payload, at)?;
        let header_text = unpack_header(&mut trailer)?;
        let names = trailer.references.iter();
        let shared = Shared {
            references: Arc::new(names.map(|reference| reference.name.clone()).collect()),
            header_text: Arc::new(header_text),
            ..Shared::default()
        };
        if trailer.header_hash != sha256(&header_bytes) {
            return Err(Error::Damaged(
                "header: is not the one that the trailer vouches for".into(),
            ));
        }
        let first = trailer
            .pages
            .first()
            .map_or(header_length, |page| page.start);
        if first != header_length {
            return Err(Error::Damaged(
                "directory root: the first chunk does not follow the header".into(),
            ));
        }
        Ok(Self {
            name: object.name().to_owned(),
            object,
            onward: AtomicBool::new(false),
            path,
            length,
            header,
            trailer,
            digest: sha256(payload),
            shared,
        })
    }

    /// Opens what the archive's chunks lean on besides themselves, if they do: the sequences of a FASTA file, or those in
    /// the folders that the environment names.
    pub fn give_reference(&mut self, fasta: Option<&Path>) -> Result<()> {
        if self.trailer.given.is_empty() {
            return Ok(());
        }
        let references = self.trailer.references.iter();
        let mut sequences: Vec<Sequence> = references
            .map(|reference| Sequence {
                name: reference.name.clone(),
                length: reference.length.into(),
                digest: None,
            })
            .collect();
        for &(number, digest) in &self.trailer.given {
            if let Some(sequence) = sequences.get_mut(number as usize) {
                sequence.digest = Some(digest);
            }
        }
        let places = Places::from_environment(fasta.map(Path::to_owned));
        let reference = given::Reference::open(places, sequences, given::USUAL_BUDGET)?;
        self.shared.bases = Some(Arc::new(reference));
        Ok(())
    }

    fn frame(&self, offset: u64, length: u64, kind: Kind, what: &str) -> Result<Vec<u8>> {
        let mut bytes = self.read_within(offset, frame::HEAD_LENGTH + length)?;
        frame::payload(&bytes, kind, what)?;
        bytes.drain(..frame::HEAD_LENGTH as usize);
        Ok(bytes)
    }

    /// Says that it will be read from front to back.
    pub fn read_onward(&self) {
        self.onward.store(true, Ordering::Relaxed);
    }

    /// Whether reading takes requests over a network.
    pub fn is_remote(&self) -> bool {
        self.object.is_remote()
    }

    /// Says that these pages of the directory will be read soon; of a directory that is long, only some.
    pub fn will_read_pages<'a>(&self, pages: impl Iterator<Item = &'a Page>) {
        let mut total = 0u64;
        let ranges: Vec<Range<u64>> = pages
            .map(|page| {
                let length = page.length.saturating_add(frame::HEAD_LENGTH);
                page.offset..page.offset.saturating_add(length)
            })
            .take_while(|range| {
                total = total.saturating_add(range.end - range.start);
                total <= PAGES_AHEAD
            })
            .collect();
        self.object.will_read(&ranges, Reading::Exact);
    }

    /// Says that the chunks of these entries will be read soon; of a pass, near ones are fetched together with what is between.
    pub fn will_read(&self, entries: impl Iterator<Item = Entry>, reading: Reading) {
        let range = |entry: Entry| {
            let group = entry
                .group
                .map_or(0, |(length, _)| length + frame::HEAD_LENGTH);
            let start = entry.offset.saturating_sub(group);
            let length = entry.length.saturating_add(frame::HEAD_LENGTH);
            start..entry.offset.saturating_add(length)
        };
        let ranges: Vec<Range<u64>> = entries.map(range).collect();
        self.object.will_read(&ranges, reading);
    }

    /// Bytes at `offset`.
    pub fn bytes(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        self.read_within(offset, length)
            .map_err(|error| error.at(&self.name))
    }

    /// Bytes at `offset`, for which no memory is taken unless the archive is that long.
    fn read_within(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        match offset.checked_add(length) {
            Some(end) if end <= self.length => {
                let onward = self.onward.load(Ordering::Relaxed);
                let reading = if onward {
                    Reading::Onward
                } else {
                    Reading::Exact
                };
                read_as(&self.object, offset, length, reading)
            }
            _ => Err(Error::Damaged(format!(
                "{length} bytes at {offset} lie outside the archive"
            ))),
        }
    }

    /// Reads a directory page.
    pub fn page(&self, page: &Page) -> Result<Vec<Entry>> {
        let read = || directory::read_page(&self.page_payload(page)?, page);
        read().map_err(|error| error.at(&self.name))
    }

    fn page_payload(&self, page: &Page) -> Result<Vec<u8>> {
        let payload = self.frame(page.offset, page.length, Kind::Page, "directory page")?;
        if sha256(&payload) == page.hash {
            return Ok(payload);
        }
        Err(Error::Damaged(
            "directory page: is not the one that the trailer vouches for".into(),
        ))
    }

    /// What a sidecar copies of the archive, read again.
    pub fn copied(&self) -> Result<Copied> {
        let read = || {
            let prefix = self.read_within(0, header::PREFIX as u64)?;
            let footer_at = self.length.saturating_sub(FOOTER_LENGTH as u64);
            let footer = self.read_within(footer_at, FOOTER_LENGTH as u64)?;
            let (at, length) = trailer::read_footer(&footer, self.length)?;
            let trailer = self.frame(at, length, Kind::Trailer, "trailer")?;
            let header = self.read_within(0, Header::length(&prefix)? as u64)?;
            if sha256(&trailer) != self.digest || sha256(&header) != self.trailer.header_hash {
                return Err(Error::Invalid(
                    "changed while it was read: an archive is never changed in place".into(),
                ));
            }
            let pages = self.trailer.pages.iter();
            Ok(Copied {
                archive_length: self.length,
                header,
                trailer,
                pages: pages
                    .map(|page| self.page_payload(page))
                    .collect::<Result<_>>()?,
            })
        };
        read().map_err(|error| error.at(&self.name))
    }

    /// What it says of itself.
    pub fn told(&self) -> Told<'_> {
        Told {
            path: self.path.as_deref(),
            length: self.length,
            header: &self.header,
            trailer: &self.trailer,
            digest: &self.digest,
        }
    }

    /// The whole directory.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for page in &self.trailer.pages {
            entries.extend(self.page(page)?);
        }
        Ok(entries)
    }

    /// The group frame before the chunk of `entry`, checked.
    fn check_group(&self, entry: &Entry) -> Result<()> {
        let Some((length, hash)) = entry.group else {
            return Ok(());
        };
        let offset = entry.offset - frame::HEAD_LENGTH - length;
        let payload = self.frame(offset, length, Kind::Group, "group")?;
        if short_hash(&payload) != hash {
            return Err(Error::Damaged(
                "group: is not the one that the directory vouches for".into(),
            ));
        }
        let mut cursor = crate::container::wire::Cursor::new(unseal(&payload, "group")?, "group");
        cursor.varint()?;
        match cursor.u8()? {
            NO_KEY | KEY_CHUNK => cursor.finish(),
            other => Err(Error::Unsupported(format!(
                "group with a key part of unknown kind {other}"
            ))),
        }
    }

    /// Reads, checks and decodes chunk number `number`; `leader` gives what its group's key chunk left, if it is
    /// asked. A key chunk gives what it leaves.
    pub fn chunk(
        &self,
        number: u64,
        entry: &Entry,
        leader: Leader<'_>,
    ) -> Result<(Chunk, Option<Models>)> {
        let read = || {
            self.check_group(entry)?;
            let payload = self.frame(entry.offset, entry.length, Kind::Chunk, "chunk")?;
            if short_hash(&payload) != entry.hash {
                return Err(Error::Damaged(
                    "is not the one that the directory vouches for".into(),
                ));
            }
            let (chunk, left) = decode::decode(&payload, &self.shared, leader)?;
            if chunk.head.records != entry.records || chunk.head.first_block != entry.first_block {
                return Err(Error::Damaged("is not what the directory says".into()));
            }
            Ok((chunk, left))
        };
        read().map_err(|error| self.at_chunk(error, number, entry))
    }

    /// Reads, checks and decodes the core fields of chunk number `number`, and reads nothing else of it. None where they cannot be
    /// told without the rest.
    pub fn core_fields(
        &self,
        number: u64,
        entry: &Entry,
        leader: Leader<'_>,
    ) -> Result<Option<(CoreFields, Option<Models>)>> {
        let read = || {
            let payload = self.units(entry, decode::is_core)?;
            let Some((fields, left)) = decode::core_fields(&payload, &self.shared, leader)? else {
                return Ok(None);
            };
            check_count(fields.flags.len(), entry)?;
            Ok(Some((fields, left)))
        };
        read().map_err(|error| self.at_chunk(error, number, entry))
    }

    /// The same of records with the fields that are wanted.
    pub fn partial(
        &self,
        number: u64,
        entry: &Entry,
        wanted: Wanted,
        leader: Leader<'_>,
    ) -> Result<Option<(Partial, Option<Models>)>> {
        let read = || {
            let payload = self.units(entry, |unit| wanted.needs(unit))?;
            let read = decode::partial(&payload, wanted, &self.shared, leader)?;
            if let Some((partial, _)) = &read {
                check_count(partial.records.len(), entry)?;
            }
            Ok(read)
        };
        read().map_err(|error| self.at_chunk(error, number, entry))
    }

    /// Content length and size in the source of each block of chunk number `number`; none where they cannot be told without
    /// the rest of it.
    pub fn block_lengths(&self, number: u64, entry: &Entry) -> Result<Option<Vec<(usize, usize)>>> {
        let read = || decode::block_lengths(&self.units(entry, decode::is_length)?);
        read().map_err(|error| self.at_chunk(error, number, entry))
    }

    /// The head of chunk number `number`.
    pub fn chunk_head(&self, number: u64, entry: &Entry) -> Result<chunk::Head> {
        let read = || chunk::read(&self.units(entry, |_| false)?);
        read().map_err(|error| self.at_chunk(error, number, entry))
    }

    /// A chunk's payload of which only the units that are `wanted` were read: zeros stand for the others. What vouches for
    /// it are the checksums of its head and of each unit, and not the directory's hash.
    fn units(&self, entry: &Entry, wanted: impl Fn(&chunk::Unit) -> bool) -> Result<Vec<u8>> {
        let payload_at = entry.offset + frame::HEAD_LENGTH;
        let end = payload_at.checked_add(entry.length);
        if end.is_none_or(|end| end > self.length) {
            return Err(Error::Damaged("lies outside the archive".into()));
        }
        let length = usize::try_from(entry.length).unwrap_or(usize::MAX);
        let start = self.read_within(entry.offset, frame::HEAD_LENGTH + entry.length.min(HEAD))?;
        let (head, start) = start.split_at(frame::HEAD_LENGTH as usize);
        if head != frame::head(Kind::Chunk, entry.length as u32) {
            return Err(Error::Damaged("is not where the directory says".into()));
        }
        let mut payload = vec![0; length];
        payload[..start.len()].copy_from_slice(start);
        // Units stand in order: whatever of those that are wanted lies before this has been read.
        let mut known = start.len();
        let mut fetch = |payload: &mut [u8], range: Range<usize>| -> Result<()> {
            let from = range.start.max(known);
            if from < range.end {
                let bytes = (range.end - from) as u64;
                let bytes = self.read_within(payload_at + from as u64, bytes)?;
                payload[from..range.end].copy_from_slice(&bytes);
                known = range.end;
            }
            Ok(())
        };
        let head_length = chunk::head_length(&payload)?;
        fetch(&mut payload, 0..head_length)?;
        let head = chunk::read(&payload)?;
        for unit in head.units.iter().filter(|&unit| wanted(unit)) {
            fetch(&mut payload, unit.place.clone())?;
        }
        Ok(payload)
    }

    fn at_chunk(&self, error: Error, number: u64, entry: &Entry) -> Error {
        let (name, offset) = (&self.name, entry.offset);
        error.at(format!("{name}: chunk {number} at offset {offset}"))
    }

    /// Reads an attachment whole.
    pub fn attachment(&self, attachment: &Attachment) -> Result<Vec<u8>> {
        let read = || {
            let (mut out, mut offset) = (Vec::new(), attachment.offset);
            if attachment.length > MAX_INDEX {
                return Err(Error::Damaged("is longer than any may be".into()));
            }
            for _ in 0..attachment.pieces {
                let head = self.read_within(offset, frame::HEAD_LENGTH)?;
                let length = u64::from(u32::from_le_bytes([head[1], head[2], head[3], head[4]]));
                if length > MAX_PIECE {
                    return Err(Error::Damaged("a piece is longer than any may be".into()));
                }
                let payload = self.frame(offset, length, Kind::Attachment, "piece")?;
                let packed = unseal(&payload, "piece")?;
                let piece = zstd::bulk::decompress(packed, ATTACHMENT_PIECE)
                    .map_err(|_| Error::Damaged("a piece does not decompress".into()))?;
                out.extend_from_slice(&piece);
                if out.len() as u64 > attachment.length {
                    break;
                }
                offset += frame::HEAD_LENGTH + length;
            }
            if out.len() as u64 != attachment.length || sha256(&out) != attachment.hash {
                return Err(Error::Damaged(
                    "is not the one that the trailer vouches for".into(),
                ));
            }
            Ok(out)
        };
        read().map_err(|error| error.at(format!("{}: attached {}", self.name, attachment.kind)))
    }

    /// Checks everything that can be checked without reading chunks: the directory covers the archive and the source.
    pub fn quickcheck(&self) -> Result<()> {
        let entries = self.entries()?;
        let damaged = |text: &str| Error::Damaged(format!("{}: directory: {text}", self.name));
        let mut source_offset = 0;
        for entry in &entries {
            if entry.source_offset < source_offset {
                return Err(damaged("chunks are not in the source's order"));
            }
            source_offset = entry.source_offset;
            let head = self.bytes(entry.offset, frame::HEAD_LENGTH)?;
            if head != frame::head(Kind::Chunk, entry.length as u32) {
                return Err(damaged("a chunk is not where it says"));
            }
        }
        if entries.is_empty() != (self.trailer.source_length == 0)
            || source_offset > self.trailer.source_length
        {
            return Err(damaged("does not cover the source"));
        }
        for attachment in &self.trailer.attachments {
            self.attachment(attachment)?;
        }
        Ok(())
    }

    /// The recorded source name; see [`Told::source_name`].
    pub fn source_name(&self) -> String {
        self.told().source_name()
    }
}

fn check_count(records: usize, entry: &Entry) -> Result<()> {
    if records as u64 == entry.records {
        return Ok(());
    }
    Err(Error::Damaged("is not what the directory says".into()))
}

/// What an archive says of itself, read from it or from its sidecar.
pub struct Told<'a> {
    /// Where the archive is, if that is known.
    pub path: Option<&'a str>,
    /// Its length in bytes.
    pub length: u64,
    pub header: &'a Header,
    pub trailer: &'a Trailer,
    pub digest: &'a [u8; 32],
}

impl Told<'_> {
    /// The recorded source name, made safe to be a file's name and to be shown: only the last part of a path, no
    /// control characters, never empty or a folder.
    pub fn source_name(&self) -> String {
        let text = String::from_utf8_lossy(&self.trailer.name);
        let last = text.rsplit('/').next().unwrap_or_default();
        let safe: String = last
            .chars()
            .map(|c| if c.is_control() { '_' } else { c })
            .collect();
        if !matches!(safe.as_str(), "" | "." | "..") {
            return safe;
        }
        let own = self.path.and_then(|path| Path::new(path).file_stem());
        own.map_or_else(
            || "restored".to_owned(),
            |stem| stem.to_string_lossy().into_owned(),
        )
    }

    /// What reports say of the archive.
    pub fn archive_report(&self, sha256: Option<[u8; 32]>) -> ArchiveReport {
        ArchiveReport {
            path: self.path.map(str::to_owned),
            length: self.length,
            sha256: sha256.map(|hash| hex(&hash)),
            digest: hex(self.digest),
            uuid: uuid::Uuid::from_bytes(self.header.uuid).to_string(),
            format_version: self.header.version,
            level: Level::from_number(self.header.level).map(|level| level.name().to_owned()),
            writer: self.trailer.writer.clone(),
        }
    }

    /// What reports say of the source.
    pub fn source_report(&self) -> SourceReport {
        source_report(self.trailer, self.header.kind.name(), self.source_name())
    }
}

/// The header's text as the trailer holds it, from which the reference table follows where it has none.
pub fn unpack_header(trailer: &mut Trailer) -> Result<Vec<u8>> {
    let Some(packed) = &trailer.header_text else {
        return Ok(Vec::new());
    };
    let text = codec::decode(packed.codec, &packed.stored, packed.length as usize)
        .map_err(|error| error.at("header text"))?;
    if trailer.references.is_empty() {
        trailer.references = references_of(&text).unwrap_or_default();
        trailer.references_in_text = !trailer.references.is_empty();
    }
    Ok(text)
}

/// The reference table that a header's text gives.
pub fn references_of(text: &[u8]) -> Option<Vec<Reference>> {
    let references = bam::references(text)?.into_iter();
    Some(
        references
            .map(|(name, length)| Reference { name, length })
            .collect(),
    )
}

/// What reports say of the source of an archive with this trailer.
pub fn source_report(trailer: &Trailer, kind: &str, name: String) -> SourceReport {
    SourceReport {
        name,
        kind: kind.to_owned(),
        fingerprint: fingerprint(
            trailer.source_length,
            &trailer.source_sha256,
            &trailer.source_md5,
        ),
        mtime_ns: trailer.mtime_ns,
    }
}

/// Digests as reports show them.
pub fn fingerprint(length: u64, sha256: &[u8], md5: &[u8]) -> Fingerprint {
    Fingerprint {
        length,
        sha256: hex(sha256),
        md5: hex(md5),
    }
}

/// What reports say of an archive's totals.
pub fn counts(trailer: &Trailer) -> Counts {
    let [records, record_escapes, groups, chunks, blocks, ..] = trailer.counts;
    Counts {
        records,
        record_escapes,
        groups,
        chunks,
        blocks,
        references: trailer.references.len() as u64,
    }
}

/// What reports say of the cost of exactness.
pub fn exactness(trailer: &Trailer) -> Exactness {
    let mut encoders: Vec<EncoderReport> = trailer
        .encoders
        .iter()
        .map(|&(number, blocks)| EncoderReport {
            name: recipe::name(number),
            blocks,
        })
        .collect();
    encoders.sort_by(|a, b| b.blocks.cmp(&a.blocks).then(a.name.cmp(&b.name)));
    let [.., overhead_bytes, block_size_bytes, kept_source_bytes] = trailer.counts;
    Exactness {
        overhead_bytes,
        block_size_bytes,
        encoders,
        kept_source_bytes,
    }
}

/// What reports say of attachments; `name` is the source's.
pub fn attachments(trailer: &Trailer, name: &str) -> Vec<AttachmentReport> {
    let report = |attachment: &Attachment| AttachmentReport {
        name: attach::path_of(Path::new(name), &attachment.kind, attachment.naming)
            .display()
            .to_string(),
        kind: attachment.kind.clone(),
        length: attachment.length,
        stale: (!attachment.stale.is_empty()).then(|| attachment.stale.clone()),
    };
    trailer.attachments.iter().map(report).collect()
}

/// What reports say of the reference sequences that an archive leans on.
pub fn leans_on(trailer: &Trailer) -> Vec<ReferenceReport> {
    let report = |(number, md5): &(u32, [u8; 16])| {
        let reference = trailer.references.get(*number as usize);
        ReferenceReport {
            name: reference.map_or_else(
                || format!("number {number}"),
                |reference| String::from_utf8_lossy(&reference.name).into_owned(),
            ),
            length: reference.map_or(0, |reference| reference.length.into()),
            md5: hex(md5),
        }
    };
    trailer.given.iter().map(report).collect()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_at(object: &Object, offset: u64, length: u64) -> Result<Vec<u8>> {
    read_as(object, offset, length, Reading::Exact)
}

fn read_as(object: &Object, offset: u64, length: u64, reading: Reading) -> Result<Vec<u8>> {
    let length = usize::try_from(length)
        .map_err(|_| Error::Damaged("a length does not fit this machine".into()))?;
    let mut bytes = vec![0; length];
    object.read_at(offset, &mut bytes, reading)?;
    Ok(bytes)
}
