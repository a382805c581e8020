//! A chunk's payload: a head that lists what is inside, then the stored bytes of the units, bundle by bundle.
//!
//! A *unit* is what one coder run produced. Most units hold one stream; small streams of a bundle share a unit, so
//! that checksums and sizes do not cost more than the data.

use super::wire::{Cursor, put_signed, put_varint, seal, unseal};
use super::{MAX_CHUNK_CONTENT, MAX_CHUNK_SOURCE};
use crate::{Error, Result};

/// Number of bundles that a chunk may have.
pub const BUNDLES: usize = 8;

/// Most streams that a chunk may have: fixed ones, and a few for each tag and type that its records carry.
pub const MAX_STREAMS: usize = 1 << 16;

/// A chunk's streams may decode to more than its content: numbers are widened to four bytes, bases to one each. All
/// together they stay below this many times the content and source bytes, plus [`STREAM_SLACK`].
const STREAM_GROWTH: u64 = 4;

/// Decoded bytes that a chunk's streams may have whatever it holds.
const STREAM_SLACK: u64 = 1 << 16;

/// Fewest bytes of a BGZF block: a header of 18, a byte of DEFLATE, checksum and length.
const LEAST_BLOCK: u64 = 27;

/// Where the bytes of a chunk come from. The values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ChunkKind {
    /// Content from streams; BGZF blocks re-created by recipe.
    Content = 1,
    /// BGZF blocks kept as they are; content by inflating them.
    Kept = 2,
    /// Source bytes without content.
    Raw = 3,
    /// As [`Self::Content`], but records are coded by models that start blank; what they know in the end is where the
    /// modelled chunks of the group start.
    Key = 4,
    /// As [`Self::Key`], but the models start from what the group's key chunk left.
    Modelled = 5,
}

impl ChunkKind {
    /// Whether blocks are re-created by recipe.
    pub fn recreates(self) -> bool {
        matches!(self, Self::Content | Self::Key | Self::Modelled)
    }
}

/// How the writer of the source cut its content into BGZF blocks, so that only exceptions are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Most content bytes of a block.
    pub limit: u32,
    /// Whether a block ends early at a record border when the next record does not fit.
    pub at_records: bool,
}

/// One coder run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Bundle number.
    pub bundle: u8,
    /// Codec number.
    pub codec: u8,
    /// CRC32C of the stored bytes.
    pub stored_crc: u32,
    /// CRC32C of the decoded bytes.
    pub decoded_crc: u32,
    /// Where the stored bytes lie in the payload.
    pub place: std::ops::Range<usize>,
    /// Streams inside, in order: key and decoded length.
    pub members: Vec<(u32, u64)>,
}

/// What a chunk says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Where the bytes come from.
    pub kind: ChunkKind,
    /// Content bytes.
    pub content_length: u64,
    /// BAM records that start here.
    pub records: u64,
    /// BGZF blocks that belong to it.
    pub blocks: u64,
    /// Source bytes that belong to it.
    pub source_length: u64,
    /// Content offset of its first block, relative to the start of its content.
    pub first_block: i64,
    /// Cut rule.
    pub cut: Cut,
    /// Coder runs.
    pub units: Vec<Unit>,
}

/// A unit to be written.
pub struct NewUnit<'a> {
    /// Bundle number.
    pub bundle: u8,
    /// Codec number.
    pub codec: u8,
    /// Stored bytes.
    pub stored: &'a [u8],
    /// CRC32C of the decoded bytes.
    pub decoded_crc: u32,
    /// Streams inside, in order: key and decoded length.
    pub members: &'a [(u32, u64)],
}

/// A chunk's payload: `head`'s fields (its `units` are ignored) and `units`, which must be sorted by bundle.
pub fn write(head: &Head, units: &[NewUnit<'_>]) -> Vec<u8> {
    let mut body = Vec::with_capacity(64 + units.len() * 20);
    body.push(head.kind as u8);
    put_varint(&mut body, head.content_length);
    put_varint(&mut body, head.records);
    put_varint(&mut body, head.blocks);
    put_varint(&mut body, head.source_length);
    put_signed(&mut body, head.first_block);
    put_varint(
        &mut body,
        u64::from(head.cut.limit) << 1 | u64::from(head.cut.at_records),
    );
    put_varint(&mut body, units.len() as u64);
    for unit in units {
        body.push(unit.bundle);
        body.push(unit.codec);
        put_varint(&mut body, unit.stored.len() as u64);
        body.extend_from_slice(&crc32c::crc32c(unit.stored).to_le_bytes());
        body.extend_from_slice(&unit.decoded_crc.to_le_bytes());
        put_varint(&mut body, unit.members.len() as u64);
        for &(key, length) in unit.members {
            put_varint(&mut body, u64::from(key));
            put_varint(&mut body, length);
        }
    }
    let mut out = Vec::with_capacity(
        body.len() + 16 + units.iter().map(|unit| unit.stored.len()).sum::<usize>(),
    );
    put_varint(&mut out, body.len() as u64);
    out.extend_from_slice(&body);
    seal(&mut out, 0);
    for unit in units {
        out.extend_from_slice(unit.stored);
    }
    out
}

/// Where a chunk's head ends in its payload, of which this needs the first bytes.
pub fn head_length(payload: &[u8]) -> Result<usize> {
    let mut cursor = Cursor::new(payload, "chunk head");
    let body_length = cursor.count(1, "length of the head")?;
    let body_start = payload.len() - cursor.remaining();
    let head_end = body_start
        .checked_add(body_length + 4)
        .filter(|&end| end <= payload.len());
    head_end.ok_or_else(|| Error::Truncated("chunk head: ends early".into()))
}

/// Reads a chunk's head from its whole payload and checks that the units fill the rest exactly.
pub fn read(payload: &[u8]) -> Result<Head> {
    let head_end = head_length(payload)?;
    let mut cursor = Cursor::new(payload, "chunk head");
    cursor.varint()?;
    let body_start = payload.len() - cursor.remaining();
    let sealed = unseal(&payload[..head_end], "chunk head")?;
    let mut cursor = Cursor::new(&sealed[body_start..], "chunk head");
    let kind = match cursor.u8()? {
        1 => ChunkKind::Content,
        2 => ChunkKind::Kept,
        3 => ChunkKind::Raw,
        4 => ChunkKind::Key,
        5 => ChunkKind::Modelled,
        other => return Err(Error::Unsupported(format!("chunk of unknown kind {other}"))),
    };
    let content_length = cursor.bounded(MAX_CHUNK_CONTENT, "content length")? as u64;
    let records = cursor.bounded(content_length, "number of records")? as u64;
    let blocks = cursor.bounded(MAX_CHUNK_SOURCE, "number of blocks")? as u64;
    let source_length = cursor.bounded(MAX_CHUNK_SOURCE, "source length")? as u64;
    if blocks > source_length / LEAST_BLOCK {
        return Err(cursor.damaged("has more blocks than its source bytes can hold"));
    }
    let first_block = cursor.signed()?;
    if first_block.unsigned_abs() > MAX_CHUNK_CONTENT {
        return Err(cursor.damaged("the first block lies outside the chunk"));
    }
    let cut = cursor.bounded(1 << 33, "cut rule")? as u64;
    let cut = Cut {
        limit: (cut >> 1) as u32,
        at_records: cut & 1 == 1,
    };
    let mut streams = 0;
    let mut room = (content_length + source_length) * STREAM_GROWTH + STREAM_SLACK;
    let count = cursor.count(12, "number of units")?;
    let mut units: Vec<Unit> = Vec::with_capacity(count);
    let mut start = head_end;
    for _ in 0..count {
        let unit = read_unit(&mut cursor, &mut room, start, payload.len())?;
        start = unit.place.end;
        streams += unit.members.len();
        let sorted = units.last().is_none_or(|last| last.bundle <= unit.bundle);
        if usize::from(unit.bundle) >= BUNDLES || streams > MAX_STREAMS || !sorted {
            return Err(cursor.damaged("has units out of order or out of bounds"));
        }
        units.push(unit);
    }
    cursor.finish()?;
    if start != payload.len() {
        return Err(Error::Damaged("chunk: its units do not fill it".into()));
    }
    Ok(Head {
        kind,
        content_length,
        records,
        blocks,
        source_length,
        first_block,
        cut,
        units,
    })
}

/// Reads one unit; its decoded bytes come out of `room`.
fn read_unit(
    cursor: &mut Cursor<'_>,
    room: &mut u64,
    start: usize,
    payload_length: usize,
) -> Result<Unit> {
    let bundle = cursor.u8()?;
    let codec = cursor.u8()?;
    let stored_length =
        cursor.bounded((payload_length - start) as u64, "stored length of a unit")?;
    let stored_crc = cursor.u32()?;
    let decoded_crc = cursor.u32()?;
    let count = cursor.count(2, "number of streams of a unit")?;
    let mut members = Vec::with_capacity(count);
    for _ in 0..count {
        let key = cursor.bounded(u64::from(u32::MAX), "stream key")? as u32;
        let length = cursor.bounded(*room, "decoded length of a stream")? as u64;
        *room -= length;
        members.push((key, length));
    }
    Ok(Unit {
        bundle,
        codec,
        stored_crc,
        decoded_crc,
        place: start..start + stored_length,
        members,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Head, Vec<u8>) {
        let head = Head {
            kind: ChunkKind::Content,
            content_length: 1000,
            records: 3,
            blocks: 2,
            source_length: 500,
            first_block: -17,
            cut: Cut {
                limit: 65280,
                at_records: true,
            },
            units: Vec::new(),
        };
        let unit = |bundle, stored| NewUnit {
            bundle,
            codec: 1,
            stored,
            decoded_crc: 5,
            members: &[(9, 40), (300_000, 2)],
        };
        let payload = write(&head, &[unit(0, b"abc"), unit(0, b""), unit(6, b"defg")]);
        (head, payload)
    }

    #[test]
    fn a_head_comes_back() {
        let (head, payload) = sample();
        let read = read(&payload).unwrap();
        assert_eq!(read.units.len(), 3);
        assert_eq!(&payload[read.units[2].place.clone()], b"defg");
        assert_eq!(read.units[2].members, [(9, 40), (300_000, 2)]);
        assert_eq!(
            Head {
                units: Vec::new(),
                ..read
            },
            head
        );
    }

    #[test]
    fn a_flipped_bit_in_the_head_and_a_cut_anywhere_are_refused() {
        let (_, payload) = sample();
        for length in 0..payload.len() {
            assert!(read(&payload[..length]).is_err());
        }
        for bit in 0..(payload.len() - 7) * 8 {
            let mut flipped = payload.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&flipped).is_err());
        }
    }
}
