//! Reading and writing the small structures inside a stored stream: single bytes, variable-length integers and
//! length-prefixed parts. Every read is checked, because stored bytes may be damaged or hostile.

use crate::{Error, Result};

/// The error for stored bytes that cannot be what an encoder wrote.
pub(super) fn damaged(what: &str) -> Error {
    Error::Damaged(format!("codec: {what}"))
}

/// Appends `value` in LEB128: seven bits per byte, lowest first, the high bit set on all but the last byte.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a number in decimal.
pub(crate) fn put_decimal(text: &mut Vec<u8>, mut number: u32) {
    if number < 10 {
        return text.push(b'0' + number as u8);
    }
    let mut digits = [0; 10];
    let mut at = digits.len();
    while number > 0 {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    text.extend_from_slice(&digits[at..]);
}

/// A cursor over stored bytes.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, tail) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| damaged("a part is cut short"))?;
        self.rest = tail;
        Ok(head)
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Result<u8> {
        let (&first, tail) = self
            .rest
            .split_first()
            .ok_or_else(|| damaged("a byte is missing"))?;
        self.rest = tail;
        Ok(first)
    }

    /// The next LEB128 integer, at most 63 bits in at most 9 bytes.
    pub(super) fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(damaged("an integer is too long"))
    }

    /// The next LEB128 integer, which must be at most `limit`.
    pub(super) fn length(&mut self, limit: usize) -> Result<usize> {
        let value = self.varint()?;
        match usize::try_from(value) {
            Ok(length) if length <= limit => Ok(length),
            _ => Err(damaged("a length is larger than the stream allows")),
        }
    }

    /// All bytes not yet read.
    pub(super) fn remainder(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Refuses bytes that nothing has read.
    pub(super) fn finish(self) -> Result<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(damaged("bytes are left over"))
        }
    }
}

/// The little-endian `i32` values of `bytes`; a remainder of fewer than four bytes is ignored.
pub(super) fn to_i32(bytes: &[u8]) -> Vec<i32> {
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|four| i32::from_le_bytes(*four))
        .collect()
}

/// The bytes of `values`, little-endian.
pub(super) fn from_i32(values: &[i32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
