//! A sidecar, `NAME.rv.idx` (`spec/sidecar.md`): indexes made for an archive, and a copy of what the archive says of itself,
//! so that this can be read where the archive is out of reach.

use super::directory::{Page, read_page};
use super::header::{Header, MAX_PAYLOAD};
use super::trailer::{FOOTER_LENGTH, MAX_TRAILER, Trailer};
use super::wire::{Cursor, put_varint, seal, sha256, unseal};
use super::{MAX_FRAME, MAX_INDEX, frame};
use crate::{Error, Result};

/// First eight bytes of every sidecar.
pub const MAGIC: [u8; 8] = *b"\x89RVX\r\n\x1a\n";

/// Version of the format that this code writes, and the newest that it reads.
const VERSION: u32 = 1;

/// Bytes before the head's payload: magic, version, payload length.
pub const PREFIX: usize = 16;

/// Longest payload of a head: a few numbers, and some fifty bytes for each index.
const MAX_HEAD: u32 = 4096;

/// zstd packs at most about so many bytes into one; an index that claims more has not earned its memory.
const MOST_PACKED: u64 = 32_768;

/// zstd level of indexes: they are small, and written once.
const LEVEL: i32 = 12;

/// Whose virtual offsets an index holds. The values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum View {
    /// The source's own bytes.
    Exact = 1,
    /// The same content in stored blocks.
    Plain = 2,
}

impl View {
    /// The view's name as users see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Plain => "plain",
        }
    }
}

/// Kind of an index. The values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum IndexKind {
    Bai = 1,
    Csi = 2,
}

impl IndexKind {
    /// The kind's name: what index files end with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bai => "bai",
            Self::Csi => "csi",
        }
    }
}

/// An index in a sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub view: View,
    pub kind: IndexKind,
    /// Bytes of the index.
    pub length: u64,
    /// Bytes that it takes in the sidecar.
    pub stored: u64,
    /// SHA-256 of these.
    pub hash: [u8; 32],
}

/// Where the parts of a sidecar are, and what must be known to check them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Length of the archive.
    pub archive_length: u64,
    /// Its digest: SHA-256 of its trailer.
    pub digest: [u8; 32],
    /// Bytes of its header.
    pub header: u64,
    /// Bytes of its trailer's payload.
    pub trailer: u64,
    /// Bytes of its directory pages' payloads.
    pub pages: u64,
    /// Indexes, in order of their views.
    pub indexes: Vec<Member>,
}

/// Parts of an archive that are copied into its sidecar.
pub struct Copied {
    pub archive_length: u64,
    pub header: Vec<u8>,
    /// Payload of the trailer.
    pub trailer: Vec<u8>,
    /// Payloads of the directory pages, in order.
    pub pages: Vec<Vec<u8>>,
}

/// A sidecar's bytes; `indexes` in order of their views.
pub fn write(copied: &Copied, indexes: &[(View, IndexKind, Vec<u8>)]) -> std::io::Result<Vec<u8>> {
    let mut payload = Vec::new();
    put_varint(&mut payload, copied.archive_length);
    payload.extend_from_slice(&sha256(&copied.trailer));
    put_varint(&mut payload, copied.header.len() as u64);
    put_varint(&mut payload, copied.trailer.len() as u64);
    let pages = copied.pages.iter().map(|page| page.len() as u64).sum();
    put_varint(&mut payload, pages);
    put_varint(&mut payload, indexes.len() as u64);
    let mut packed = Vec::new();
    for (view, kind, bytes) in indexes {
        let stored = zstd::bulk::compress(bytes, LEVEL)?;
        payload.extend_from_slice(&[*view as u8, *kind as u8]);
        put_varint(&mut payload, bytes.len() as u64);
        put_varint(&mut payload, stored.len() as u64);
        payload.extend_from_slice(&sha256(&stored));
        packed.push(stored);
    }
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&payload);
    seal(&mut out, 0);
    let parts = [&copied.header, &copied.trailer];
    for part in parts.into_iter().chain(&copied.pages).chain(&packed) {
        out.extend_from_slice(part);
    }
    Ok(out)
}

impl Head {
    /// Length of the whole head, checksum included, from a sidecar's first [`PREFIX`] bytes.
    pub fn length(prefix: &[u8]) -> Result<u64> {
        let mut cursor = Cursor::new(prefix, "sidecar head");
        if prefix.len() < PREFIX {
            return Err(Error::Truncated("sidecar: the file ends inside it".into()));
        }
        if cursor.take(MAGIC.len())? != MAGIC {
            return Err(Error::Damaged(
                "not a sidecar of a Readvault archive (its first bytes are not a sidecar's)".into(),
            ));
        }
        let version = cursor.u32()?;
        if version == 0 || version > VERSION {
            return Err(Error::Unsupported(format!(
                "written in sidecar format version {version}; this readvault reads up to version {VERSION}: use a newer one"
            )));
        }
        let length = cursor.u32()?;
        if length > MAX_HEAD {
            return Err(cursor.damaged(&format!("says it is {length} bytes long")));
        }
        Ok((PREFIX + length as usize + 4) as u64)
    }

    /// Reads a head from exactly its bytes, of a sidecar of `file_length` bytes, which its parts must fill.
    pub fn read(bytes: &[u8], file_length: u64) -> Result<Self> {
        let body = unseal(bytes, "sidecar head")?;
        let mut cursor = Cursor::new(body.get(PREFIX..).unwrap_or_default(), "sidecar head");
        let archive_length = cursor.varint()?;
        let digest = cursor.array()?;
        let header = cursor.bounded(u64::from(MAX_PAYLOAD) + 20, "length of the header")? as u64;
        let trailer = cursor.bounded(MAX_TRAILER, "length of the trailer")? as u64;
        let pages = cursor.varint()?;
        let count = cursor.count(36, "number of indexes")?;
        let mut indexes: Vec<Member> = Vec::with_capacity(count);
        for _ in 0..count {
            let member = read_member(&mut cursor)?;
            if indexes.last().is_some_and(|last| last.view >= member.view) {
                return Err(cursor.damaged("its indexes are not in order"));
            }
            indexes.push(member);
        }
        cursor.finish()?;
        let head = Self {
            archive_length,
            digest,
            header,
            trailer,
            pages,
            indexes,
        };
        let stored = head.indexes.iter().map(|member| member.stored);
        let end = [header, trailer, pages]
            .into_iter()
            .chain(stored)
            .try_fold(bytes.len() as u64, u64::checked_add);
        match end {
            Some(end) if end == file_length => Ok(head),
            Some(end) if end < file_length => {
                Err(Error::Damaged("sidecar: has bytes behind its end".into()))
            }
            _ => Err(Error::Truncated(
                "sidecar: the file ends early; make it again (readvault index -f)".into(),
            )),
        }
    }

    /// Reads the header and trailer of the archive from their copies, and checks the pages' copies against the trailer.
    pub fn read_copies(
        &self,
        header: &[u8],
        trailer: &[u8],
        pages: &[u8],
    ) -> Result<(Header, Trailer)> {
        let other = |what: &str| Error::Damaged(format!("{what}: is not the archive's"));
        if sha256(trailer) != self.digest {
            return Err(other("trailer"));
        }
        let behind = frame::HEAD_LENGTH + trailer.len() as u64 + FOOTER_LENGTH as u64;
        let at = self.archive_length.checked_sub(behind);
        let known = Trailer::read(trailer, at.ok_or_else(|| other("trailer"))?)?;
        if sha256(header) != known.header_hash {
            return Err(other("header"));
        }
        let mut rest = pages;
        for page in &known.pages {
            rest = check_page(page, rest).ok_or_else(|| other("directory page"))??;
        }
        if !rest.is_empty() {
            return Err(other("directory"));
        }
        Ok((Header::read(header)?, known))
    }
}

/// Checks the first of the pages' payloads, and gives the others; none if it is not the one that the trailer vouches for.
fn check_page<'a>(page: &Page, pages: &'a [u8]) -> Option<Result<&'a [u8]>> {
    let length = usize::try_from(page.length.min(MAX_FRAME)).ok()?;
    let (payload, rest) = pages.split_at_checked(length)?;
    (sha256(payload) == page.hash).then(|| read_page(payload, page).map(|_| rest))
}

fn read_member(cursor: &mut Cursor<'_>) -> Result<Member> {
    let view = match cursor.u8()? {
        1 => View::Exact,
        2 => View::Plain,
        other => {
            return Err(Error::Unsupported(format!(
                "index of an unknown view, {other}"
            )));
        }
    };
    let kind = match cursor.u8()? {
        1 => IndexKind::Bai,
        2 => IndexKind::Csi,
        other => return Err(Error::Unsupported(format!("index of unknown kind {other}"))),
    };
    let length = cursor.bounded(MAX_INDEX, "length of an index")? as u64;
    let stored = cursor.varint()?;
    if length > stored.saturating_mul(MOST_PACKED) {
        return Err(cursor.damaged("an index is longer than its bytes can tell"));
    }
    Ok(Member {
        view,
        kind,
        length,
        stored,
        hash: cursor.array()?,
    })
}

impl Member {
    /// The index's bytes from what is stored.
    pub fn unpack(&self, stored: &[u8]) -> Result<Vec<u8>> {
        let is_whole = |bytes: &Vec<u8>| bytes.len() as u64 == self.length;
        let bytes = match sha256(stored) == self.hash {
            true => zstd::bulk::decompress(stored, self.length as usize).ok(),
            false => None,
        };
        bytes.filter(is_whole).ok_or_else(|| {
            Error::Damaged(format!(
                "index of the {} view: is not the one that was written",
                self.view.name()
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head of these numbers: lengths of header, trailer and pages, then of an index and what is stored of it.
    fn head(lengths: [u64; 3], index: [u64; 2]) -> Vec<u8> {
        let mut payload = Vec::new();
        put_varint(&mut payload, 1 << 40);
        payload.extend_from_slice(&[7; 32]);
        lengths
            .iter()
            .for_each(|&length| put_varint(&mut payload, length));
        put_varint(&mut payload, 1);
        payload.extend_from_slice(&[View::Plain as u8, IndexKind::Csi as u8]);
        index
            .iter()
            .for_each(|&length| put_varint(&mut payload, length));
        payload.extend_from_slice(&[9; 32]);
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&payload);
        seal(&mut out, 0);
        out
    }

    #[test]
    fn a_head_comes_back_and_its_parts_must_fill_the_file() {
        let bytes = head([60, 900, 500], [70_000, 300]);
        assert_eq!(Head::length(&bytes[..PREFIX]).unwrap(), bytes.len() as u64);
        let end = bytes.len() as u64 + 60 + 900 + 500 + 300;
        let read = Head::read(&bytes, end).unwrap();
        assert_eq!((read.header, read.trailer, read.pages), (60, 900, 500));
        assert_eq!(
            (read.indexes[0].length, read.indexes[0].stored),
            (70_000, 300)
        );
        assert!(matches!(
            Head::read(&bytes, end - 1),
            Err(Error::Truncated(_))
        ));
        assert!(matches!(
            Head::read(&bytes, end + 1),
            Err(Error::Damaged(_))
        ));
    }

    #[test]
    fn a_head_that_promises_much_is_refused_before_memory_is_taken() {
        for (lengths, index) in [
            ([1 << 20, 900, 500], [70_000, 300]),
            ([60, 1 << 40, 500], [70_000, 300]),
            ([60, 900, u64::MAX], [70_000, 300]),
            ([60, 900, 500], [MAX_INDEX + 1, 1 << 30]),
            ([60, 900, 500], [MAX_INDEX, 300]),
            ([60, 900, 500], [70_000, u64::MAX]),
        ] {
            let bytes = head(lengths, index);
            assert!(Head::read(&bytes, 5000).is_err(), "{lengths:?} {index:?}");
        }
    }
}
