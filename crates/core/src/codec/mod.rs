//! Codecs: one stream (a data series of a chunk) into stored bytes and back, exactly.
//!
//! Every codec has a number that means the same for ever; `spec/codecs.md` describes the bytes of each. Encoders
//! may choose differently from one version to the next, decoders may not. Stored bytes are never trusted: a
//! decoder gives exactly the length that was asked for, or an error.
#![allow(clippy::precedence)] // a shift after a product is what fixed-point numbers look like
#![allow(clippy::needless_range_loop)] // one index runs through several arrays of a model

mod bases;
mod binary;
mod choose;
mod columns;
pub(crate) mod covered;
mod integers;
mod mixing;
mod packed;
mod planes;
mod range;
mod rans;
pub(crate) mod records;
mod repeats;
#[cfg(test)]
mod tests;
mod text;
mod wire;
mod zstandard;

use crate::{Error, Result};
pub(crate) use bases::{Alignments, decode_bases};
pub(crate) use wire::put_decimal;
use wire::{Reader, damaged, put_varint};

/// The stable numbers of the codecs.
pub(crate) mod number {
    pub(super) const STORED: u8 = 0;
    pub(super) const ZSTANDARD: u8 = 1;
    pub(super) const CONSTANT: u8 = 2;
    pub(super) const PACKED: u8 = 3;
    pub(super) const RANS: u8 = 4;
    pub(super) const INTEGERS: u8 = 5;
    pub(super) const PLANES: u8 = 6;
    pub(super) const COLUMNS: u8 = 7;
    pub(crate) const BASES: u8 = 8;
    pub(super) const REPEATS: u8 = 9;
    /// The records' parts have this number and those after it, in the order of `records::models::Part`.
    pub(super) const ALIGNMENT: u8 = 10;
    /// Text by mixing.
    pub(super) const MIXED_TEXT: u8 = 16;
    /// The records' parts by quick models have this number and those after it; names, which have none, leave a gap.
    pub(super) const QUICK_ALIGNMENT: u8 = 17;
    /// Bases on a reference that stands in the stream.
    pub(crate) const COVERED: u8 = 23;
    /// The first number without a meaning.
    #[cfg(test)]
    pub(super) const UNKNOWN: u8 = 24;
}

/// Streams inside streams: columns hold integers, which hold packed symbols, which hold rANS. One to spare.
const MAX_DEPTH: u32 = 5;

/// What a stream holds, so that its encoder tries what may suit it. Any hint is exact for any bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Anything.
    Bytes,
    /// Lines of text.
    Text,
    /// Little-endian `i32` values.
    Integers,
    /// Bytes of a small alphabet.
    Symbols,
    /// The header's text: once in an archive, so it may take a while.
    Header,
    /// Bases or their ranks, one a byte.
    Bases,
    /// Names of reads, NUL-terminated.
    Names,
    /// NUL-terminated strings.
    Strings,
    /// Qualities, or other bytes that depend on those before them.
    Qualities,
    /// The same, where long rows of them are likely to stand twice.
    RepeatedQualities,
    /// Already compressed or random: stored.
    Incompressible,
}

/// A stream as it stands in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// The number of the codec that decodes it.
    pub(crate) codec: u8,
    /// The stored bytes.
    pub(crate) stored: Vec<u8>,
}

impl Encoded {
    fn new(codec: u8, stored: Vec<u8>) -> Self {
        Self { codec, stored }
    }

    fn verbatim(decoded: &[u8]) -> Self {
        Self::new(number::STORED, decoded.to_vec())
    }
}

/// Encodes `decoded` with whatever fits `hint` and gives the smallest result.
pub(crate) fn encode(hint: Hint, decoded: &[u8]) -> Encoded {
    choose::encode(hint, decoded)
}

/// Decodes `stored` to exactly `decoded_length` bytes.
///
/// Takes at most 48 times `decoded_length` and 16 MiB of memory, whatever `stored` holds.
pub(crate) fn decode(codec: u8, stored: &[u8], decoded_length: usize) -> Result<Vec<u8>> {
    decode_at(0, codec, stored, decoded_length)
}

/// The name of a codec, or `None` when this version does not know the number.
pub(crate) fn name(codec: u8) -> Option<&'static str> {
    Some(match codec {
        number::STORED => "stored",
        number::ZSTANDARD => "zstandard",
        number::CONSTANT => "constant",
        number::PACKED => "packed",
        number::RANS => "rans",
        number::INTEGERS => "integers",
        number::PLANES => "planes",
        number::COLUMNS => "columns",
        number::BASES => "bases",
        number::REPEATS => "repeats",
        10 => "alignment model",
        11 => "template model",
        12 => "name model",
        13 => "base model",
        14 => "quality model",
        15 => "tag model",
        number::MIXED_TEXT => "mixed text",
        17 => "quick alignment model",
        18 => "quick template model",
        20 => "quick base model",
        21 => "quick quality model",
        22 => "quick tag model",
        number::COVERED => "covered bases",
        _ => return None,
    })
}

fn decode_at(depth: u32, codec: u8, stored: &[u8], length: usize) -> Result<Vec<u8>> {
    if depth > MAX_DEPTH {
        return Err(damaged("streams are nested too deep"));
    }
    if length == 0 && codec != number::STORED && name(codec).is_some() {
        return Err(damaged("an empty stream must be stored"));
    }
    let decoded = match codec {
        number::STORED => stored.to_vec(),
        number::ZSTANDARD => zstandard::decode(stored, length)?,
        number::CONSTANT => match stored {
            [byte] => vec![*byte; length],
            _ => return Err(damaged("a constant is one byte")),
        },
        number::PACKED => packed::decode(depth, stored, length)?,
        number::RANS => rans::decode(stored, length)?,
        number::INTEGERS => integers::decode(depth, stored, length)?,
        number::PLANES => planes::decode(depth, stored, length)?,
        number::COLUMNS if depth > 0 => return Err(damaged("columns inside another stream")),
        number::COLUMNS => columns::decode(depth, stored, length)?,
        number::REPEATS => repeats::decode(depth, stored, length)?,
        number::MIXED_TEXT => text::decode(stored, length)?,
        number::ALIGNMENT..number::MIXED_TEXT | 17 | 18 | 20..=22 => {
            return Err(damaged("a part of records cannot be decoded alone"));
        }
        number::BASES | number::COVERED => {
            return Err(damaged("bases cannot be decoded without their alignments"));
        }
        unknown => return Err(unsupported(unknown)),
    };
    if decoded.len() == length {
        Ok(decoded)
    } else {
        Err(damaged("a stream decodes to another length"))
    }
}

fn unsupported(codec: u8) -> Error {
    Error::Unsupported(format!(
        "codec number {codec} is not known to this version of Readvault"
    ))
}

/// Appends a stream inside a stream: codec, decoded length, stored length, stored bytes.
fn put_inner(out: &mut Vec<u8>, inner: &Encoded, decoded_length: usize) {
    out.push(inner.codec);
    put_varint(out, decoded_length as u64);
    put_varint(out, inner.stored.len() as u64);
    out.extend_from_slice(&inner.stored);
}

/// Decodes a stream inside a stream at `depth`, which must not decode to more than `limit` bytes.
fn take_inner(depth: u32, reader: &mut Reader, limit: usize) -> Result<Vec<u8>> {
    let codec = reader.byte()?;
    let decoded_length = reader.length(limit)?;
    let stored_length = reader.length(usize::MAX)?;
    decode_at(
        depth + 1,
        codec,
        reader.take(stored_length)?,
        decoded_length,
    )
}

/// [`take_inner`] for a stream whose length is known: any other is refused.
fn take_inner_exactly(depth: u32, reader: &mut Reader, length: usize) -> Result<Vec<u8>> {
    let decoded = take_inner(depth, reader, length)?;
    if decoded.len() == length {
        Ok(decoded)
    } else {
        Err(damaged("an inner stream has the wrong length"))
    }
}
