//! Long repeats taken out in front of entropy coding: qualities and bases of reads that stand twice in a file.
//!
//! Zstandard finds repeats too, but codes what is left without contexts; here the rest goes to whatever codec
//! suits it. Archives of version 1 hold them; the encoder is kept for tests.

mod encode;

use super::wire::{Reader, damaged, to_i32};
use super::{take_inner, take_inner_exactly};
use crate::Result;
pub(super) use encode::{encode, pays};

/// No copy is shorter.
const WINDOW: usize = 16;

pub(super) fn decode(depth: u32, stored: &[u8], length: usize) -> Result<Vec<u8>> {
    let mut reader = Reader::new(stored);
    let rest = take_inner(depth, &mut reader, length)?;
    // A copy has at least `WINDOW` bytes, so there cannot be more of these four-byte integers.
    let fresh = take_inner(depth, &mut reader, length / WINDOW * 4)?;
    let lengths = take_inner_exactly(depth, &mut reader, fresh.len())?;
    let distances = take_inner_exactly(depth, &mut reader, fresh.len())?;
    reader.finish()?;
    let mut out = Vec::with_capacity(length);
    let mut rest = &rest[..];
    let copies = to_i32(&lengths).into_iter().zip(to_i32(&distances));
    for (fresh, (size, distance)) in to_i32(&fresh).into_iter().zip(copies) {
        let count = |value: i32| usize::try_from(value).map_err(|_| damaged("a negative repeat"));
        let (size, distance) = (count(size)?, count(distance)?);
        let (new, after) = rest
            .split_at_checked(count(fresh)?)
            .ok_or_else(|| damaged("too few bytes between repeats"))?;
        rest = after;
        out.extend_from_slice(new);
        let start = out.len().checked_sub(distance).filter(|_| size <= distance);
        let start = start.ok_or_else(|| damaged("a repeat of bytes that are not there"))?;
        if size < WINDOW || size > length.saturating_sub(out.len()) {
            return Err(damaged("a repeat of a length that cannot be"));
        }
        out.extend_from_within(start..start + size);
    }
    if out.len() + rest.len() != length {
        return Err(damaged("repeats of another length"));
    }
    out.extend_from_slice(rest);
    Ok(out)
}
