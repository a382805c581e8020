//! The header: magic, version, UUID, members, settings and extensions, under a checksum of its own.

use super::wire::{Cursor, put_bytes, put_varint, seal, unseal};
use crate::{Error, Result};

/// First eight bytes of every archive: a high byte, the name, and line ends that reveal text-mode damage.
pub const MAGIC: [u8; 8] = *b"\x89RVA\r\n\x1a\n";

/// Bytes before the header's payload: magic, version, payload length.
pub const PREFIX: usize = 16;

/// Longest payload of a header: it holds a few small fields, and bounds what a reader takes on trust.
pub const MAX_PAYLOAD: u32 = 1 << 16;

/// Bit of a TLV type that says a reader who does not know it must refuse the archive.
pub const CRITICAL: u64 = 1;

/// What kind of source a member is. The values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MemberKind {
    /// BGZF-compressed BAM.
    Bam = 1,
    /// Anything else, as bytes.
    Raw = 2,
    /// BGZF-compressed, but not BAM.
    Bgzf = 3,
}

impl MemberKind {
    /// The kind's name as users see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bam => "bam",
            Self::Raw => "raw",
            Self::Bgzf => "bgzf",
        }
    }
}

/// The header's fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Random (version 4) UUID of the archive.
    pub uuid: [u8; 16],
    /// The one member.
    pub kind: MemberKind,
    /// Format version.
    pub version: u32,
    /// Number of the compression level that was asked for; 0 before version 2. Chunks say themselves what they use.
    pub level: u8,
}

impl Header {
    /// The header's bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        payload.extend_from_slice(&self.uuid);
        put_varint(&mut payload, 1);
        payload.push(self.kind as u8);
        put_bytes(&mut payload, &[self.level]); // settings of the member
        put_varint(&mut payload, 0);
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&payload);
        seal(&mut out, 0);
        out
    }

    /// Length of the whole header, checksum included, from its first [`PREFIX`] bytes.
    pub fn length(prefix: &[u8]) -> Result<usize> {
        let known = prefix.len().min(MAGIC.len());
        if prefix[..known] != MAGIC[..known] || known == 0 {
            return Err(Error::Damaged(
                "not a Readvault archive (its first bytes are not an archive's)".into(),
            ));
        }
        let mut cursor = Cursor::new(prefix, "header");
        if prefix.len() < PREFIX {
            return Err(Error::Truncated("header: the file ends inside it".into()));
        }
        cursor.take(MAGIC.len())?;
        let version = cursor.u32()?;
        if version == 0 || version > super::VERSION {
            return Err(Error::Unsupported(format!(
                "written in container format version {version}; this readvault reads up to version {}: use a newer one",
                super::VERSION
            )));
        }
        let length = cursor.u32()?;
        if length > MAX_PAYLOAD {
            return Err(Error::Damaged(format!(
                "header: says it is {length} bytes long, more than {MAX_PAYLOAD}"
            )));
        }
        Ok(PREFIX + length as usize + 4)
    }

    /// Reads a header from exactly its bytes.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let length = Self::length(&bytes[..bytes.len().min(PREFIX)])?;
        if bytes.len() < length {
            return Err(Error::Truncated("header: the file ends inside it".into()));
        }
        let body = unseal(&bytes[..length], "header")?;
        let mut cursor = Cursor::new(&body[PREFIX..], "header");
        let uuid = cursor.array()?;
        let members = cursor.varint()?;
        if members != 1 {
            return Err(Error::Unsupported(format!(
                "archive with {members} members; this readvault reads one"
            )));
        }
        let kind = match cursor.u8()? {
            1 => MemberKind::Bam,
            2 => MemberKind::Raw,
            3 => MemberKind::Bgzf,
            other => {
                return Err(Error::Unsupported(format!(
                    "member of unknown kind {other}"
                )));
            }
        };
        // Settings of the member: none in version 1, later versions may add to the level.
        let level = cursor.bytes()?.first().copied().unwrap_or(0);
        read_extensions(&mut cursor, "header extension")?;
        cursor.finish()?;
        let [a, b, c, d] = [body[8], body[9], body[10], body[11]];
        Ok(Self {
            uuid,
            kind,
            version: u32::from_le_bytes([a, b, c, d]),
            level,
        })
    }
}

/// Walks a list of extensions (count, then type, length, bytes of each); all are unknown to version 1, so optional
/// ones are passed over and a critical one is refused.
fn read_extensions(cursor: &mut Cursor<'_>, what: &str) -> Result<()> {
    let count = cursor.count(2, "number of extensions")?;
    for _ in 0..count {
        let tag = cursor.varint()?;
        cursor.bytes()?;
        refuse_critical(tag, what)?;
    }
    Ok(())
}

/// Refuses an unknown TLV type that is marked critical.
pub fn refuse_critical(tag: u64, what: &str) -> Result<()> {
    if tag & CRITICAL == 0 {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "{what} {tag} is required to read this archive and not known to this readvault"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            uuid: [7; 16],
            kind: MemberKind::Bam,
            version: super::super::VERSION,
            level: 2,
        }
    }

    #[test]
    fn a_header_comes_back() {
        assert_eq!(Header::read(&header().write()).unwrap(), header());
    }

    #[test]
    fn a_newer_version_is_refused_by_its_number() {
        let mut bytes = header().write();
        bytes[8] = 9;
        assert!(
            matches!(Header::read(&bytes), Err(Error::Unsupported(text)) if text.contains("version 9"))
        );
    }

    #[test]
    fn a_critical_extension_is_refused_and_an_optional_one_passed_over() {
        for (tag, accepted) in [(0x20, true), (0x21, false)] {
            let mut payload = header().write();
            payload.truncate(payload.len() - 4);
            payload.pop();
            put_varint(&mut payload, 1);
            put_varint(&mut payload, tag);
            put_bytes(&mut payload, b"x");
            let length = (payload.len() - PREFIX) as u32;
            payload[12..16].copy_from_slice(&length.to_le_bytes());
            seal(&mut payload, 0);
            match Header::read(&payload) {
                Ok(_) => assert!(accepted),
                Err(Error::Unsupported(text)) => {
                    assert!(!accepted && text.contains("extension 33"))
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}
