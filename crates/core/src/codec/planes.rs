//! Integers as four planes: all lowest bytes, then all second bytes, and so on, each an inner stream.

use super::wire::{Reader, damaged};
use super::{Encoded, put_inner, take_inner_exactly};
use crate::Result;

/// The planes of little-endian four-byte integers.
pub(super) fn split(decoded: &[u8]) -> [Vec<u8>; 4] {
    let values = decoded.as_chunks::<4>().0;
    std::array::from_fn(|plane| values.iter().map(|value| value[plane]).collect())
}

/// The stored bytes of four encoded planes of `count` bytes.
pub(super) fn join(planes: &[Encoded; 4], count: usize) -> Vec<u8> {
    let mut out = Vec::new();
    planes
        .iter()
        .for_each(|plane| put_inner(&mut out, plane, count));
    out
}

pub(super) fn decode(depth: u32, stored: &[u8], length: usize) -> Result<Vec<u8>> {
    if !length.is_multiple_of(4) {
        return Err(damaged("planes of integers that are not whole"));
    }
    let mut reader = Reader::new(stored);
    let mut out = vec![0u8; length];
    for plane in 0..4 {
        let bytes = take_inner_exactly(depth, &mut reader, length / 4)?;
        for (value, byte) in out.as_chunks_mut::<4>().0.iter_mut().zip(bytes) {
            value[plane] = byte;
        }
    }
    reader.finish()?;
    Ok(out)
}
