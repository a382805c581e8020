//! Tags of BAM records (SAM specification, section 4.2.4): cut into (tag, type, value) and joined again.

use crate::source::key::TAG_TYPES;

/// One tag of a record.
pub struct Tag<'a> {
    /// Its two characters.
    pub tag: [u8; 2],
    /// Its type's number in [`TAG_TYPES`].
    pub kind: u8,
    /// Its value: scalars and strings without type bytes (strings with their NUL), arrays without their count.
    pub value: &'a [u8],
}

/// Bytes of one value of a type: of a scalar, or of an array's element; 0 for strings.
pub fn width(kind: u8) -> usize {
    match TAG_TYPES
        .get(usize::from(kind))
        .and_then(|name| name.last())
    {
        Some(b'A' | b'c' | b'C') => 1,
        Some(b's' | b'S') => 2,
        Some(b'i' | b'I' | b'f') => 4,
        _ => 0,
    }
}

/// The type of texts (`Z`).
pub const TEXT: u8 = 8;

/// Whether a type is a single integer.
pub fn is_integer(kind: u8) -> bool {
    (1..=6).contains(&kind)
}

/// Whether a type is an array.
pub fn is_array(kind: u8) -> bool {
    kind >= 10
}

/// Calls `each` with every tag in `bytes`. False if the bytes are not exactly a row of tags.
pub fn split<'a>(mut bytes: &'a [u8], mut each: impl FnMut(Tag<'a>)) -> bool {
    while let Some((&[a, b, letter], rest)) = bytes.split_first_chunk::<3>() {
        let Some((kind, value, rest)) = value(letter, rest) else {
            return false;
        };
        each(Tag {
            tag: [a, b],
            kind,
            value,
        });
        bytes = rest;
    }
    bytes.is_empty()
}

/// Type number, value and what follows it.
fn value(letter: u8, rest: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    if letter == b'B' {
        let (&element, rest) = rest.split_first()?;
        let kind = TAG_TYPES
            .iter()
            .position(|name| **name == [b'B', element])? as u8;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let length = (u32::from_le_bytes(*count) as usize).checked_mul(width(kind))?;
        let (value, rest) = rest.split_at_checked(length)?;
        return Some((kind, value, rest));
    }
    let kind = TAG_TYPES.iter().position(|name| **name == [letter])? as u8;
    let length = match width(kind) {
        0 => memchr::memchr(0, rest)? + 1,
        width => width,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((kind, value, rest))
}
