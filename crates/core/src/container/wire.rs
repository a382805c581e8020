//! Little-endian numbers, varints and checksums: the alphabet of every structure on disk.

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// Appends an unsigned LEB128 number.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Maps signed numbers onto unsigned ones so that small magnitudes stay small: 0, -1, 1, -2, ...
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Inverse of [`zigzag`].
pub fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// Appends a signed number as a zigzag varint.
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

/// Appends a length and the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends the CRC32C of everything in `out` from `start` on.
pub fn seal(out: &mut Vec<u8>, start: usize) {
    let crc = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// Splits off and checks the CRC32C that [`seal`] put behind a structure.
pub fn unseal<'a>(bytes: &'a [u8], what: &str) -> Result<&'a [u8]> {
    let Some((body, crc)) = bytes.split_last_chunk::<4>() else {
        return Err(Error::Truncated(format!(
            "{what} is too short for its checksum"
        )));
    };
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return Err(Error::Damaged(format!("{what}: checksum does not match")));
    }
    Ok(body)
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// First 16 bytes of the SHA-256 of `bytes`: what the directory holds of each chunk and group.
pub fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&sha256(bytes)[..16]);
    short
}

/// Reads the structures back; every failure is an error that names the structure.
pub struct Cursor<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Cursor<'a> {
    /// A reader of `bytes`, called `what` in errors.
    pub fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// An error that this structure is not what it should be.
    pub fn damaged(&self, text: &str) -> Error {
        Error::Damaged(format!("{}: {text}", self.what))
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let Some((head, rest)) = self.bytes.split_at_checked(length) else {
            return Err(self.damaged("ends early"));
        };
        self.bytes = rest;
        Ok(head)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let what = self.what;
        self.take(N)?
            .try_into()
            .map_err(|_| Error::Damaged(format!("{what}: ends early")))
    }

    /// The next four bytes as a little-endian number.
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// An unsigned LEB128 number of at most 64 bits.
    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number is too long"))
    }

    /// A zigzag varint.
    pub fn signed(&mut self) -> Result<i64> {
        Ok(unzigzag(self.varint()?))
    }

    /// A varint that must not exceed `limit`.
    pub fn bounded(&mut self, limit: u64, field: &str) -> Result<usize> {
        let value = self.varint()?;
        if value > limit {
            return Err(self.damaged(&format!("{field} is {value}, more than {limit}")));
        }
        usize::try_from(value)
            .map_err(|_| self.damaged(&format!("{field} does not fit this machine")))
    }

    /// A count of things that take at least `least` bytes each in what remains, so that memory for them is earned.
    pub fn count(&mut self, least: usize, field: &str) -> Result<usize> {
        let limit = (self.bytes.len() / least.max(1)) as u64;
        self.bounded(limit, field)
    }

    /// A length and that many bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.count(1, "a length")?;
        self.take(length)
    }

    /// Fails unless everything has been read.
    pub fn finish(self) -> Result<()> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(self.damaged("has bytes left over"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut cursor = Cursor::new(&out, "test");
            assert_eq!(cursor.varint().unwrap(), value);
            cursor.finish().unwrap();
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        assert!(Cursor::new(&[0xff; 11], "test").varint().is_err());
        assert!(
            Cursor::new(
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
                "test"
            )
            .varint()
            .is_err()
        );
    }

    #[test]
    fn a_count_that_the_input_has_not_earned_is_refused() {
        let mut out = Vec::new();
        put_varint(&mut out, 1 << 40);
        assert!(Cursor::new(&out, "test").count(1, "count").is_err());
    }
}
