//! Small alphabets packed into fewer bits: two, four or eight symbols in each byte of an inner stream.
//!
//! Four-level qualities become a quarter of the bytes, so that an entropy coder does a quarter of the work and
//! sees four symbols of history in each byte.

use super::wire::{Reader, damaged};
use super::{Encoded, put_inner, take_inner_exactly};
use crate::Result;

/// The bytes that occur in `decoded`, ascending, if they fit into 4 bits.
pub(super) fn alphabet(decoded: &[u8]) -> Option<Vec<u8>> {
    let mut present = [false; 256];
    decoded
        .iter()
        .for_each(|&byte| present[usize::from(byte)] = true);
    let symbols: Vec<u8> = (0..=255)
        .filter(|&byte| present[usize::from(byte)])
        .collect();
    (symbols.len() <= 16).then_some(symbols)
}

/// Symbols in one byte for an alphabet of `symbols`.
fn per_byte(symbols: usize) -> usize {
    match symbols {
        0..=2 => 8,
        3..=4 => 4,
        _ => 2,
    }
}

/// `decoded` with each symbol replaced by its rank in `symbols`, packed; the first symbol in the lowest bits.
pub(super) fn pack(decoded: &[u8], symbols: &[u8]) -> Vec<u8> {
    let mut rank_of = [0u8; 256];
    (0u8..)
        .zip(symbols)
        .for_each(|(rank, &byte)| rank_of[usize::from(byte)] = rank);
    match per_byte(symbols.len()) {
        8 => pack_each::<8>(decoded, &rank_of),
        4 => pack_each::<4>(decoded, &rank_of),
        _ => pack_each::<2>(decoded, &rank_of),
    }
}

fn pack_each<const EACH: usize>(decoded: &[u8], rank_of: &[u8; 256]) -> Vec<u8> {
    let bits = 8 / EACH;
    let pack_one = |group: &[u8; EACH]| {
        let mut packed = 0;
        for (index, &byte) in group.iter().enumerate() {
            packed |= rank_of[usize::from(byte)] << (index * bits);
        }
        packed
    };
    let (groups, rest) = decoded.as_chunks::<EACH>();
    let mut out = Vec::with_capacity(groups.len() + 1);
    out.extend(groups.iter().map(pack_one));
    if !rest.is_empty() {
        // What is not there counts as rank 0.
        let ranks = rest.iter().enumerate();
        out.push(ranks.fold(0, |packed, (index, &byte)| {
            packed | rank_of[usize::from(byte)] << (index * bits)
        }));
    }
    out
}

/// The stored bytes around an encoded inner stream of `length` packed bytes.
pub(super) fn wrap(symbols: &[u8], inner: &Encoded, length: usize) -> Vec<u8> {
    let mut out = vec![symbols.len() as u8];
    out.extend_from_slice(symbols);
    put_inner(&mut out, inner, length);
    out
}

pub(super) fn decode(depth: u32, stored: &[u8], length: usize) -> Result<Vec<u8>> {
    let mut reader = Reader::new(stored);
    let count = usize::from(reader.byte()?);
    if !(1..=16).contains(&count) {
        return Err(damaged("a packed alphabet of a size that cannot be"));
    }
    let symbols = reader.take(count)?;
    let packed = take_inner_exactly(depth, &mut reader, length.div_ceil(per_byte(count)))?;
    reader.finish()?;
    match per_byte(count) {
        8 => unpack::<8>(&packed, symbols, length),
        4 => unpack::<4>(&packed, symbols, length),
        _ => unpack::<2>(&packed, symbols, length),
    }
}

fn unpack<const EACH: usize>(packed: &[u8], symbols: &[u8], length: usize) -> Result<Vec<u8>> {
    let bits = 8 / EACH;
    let mut groups = [[0u8; EACH]; 256];
    let mut valid = [true; 256];
    for (byte, group) in groups.iter_mut().enumerate() {
        for (index, symbol) in group.iter_mut().enumerate() {
            match symbols.get(byte >> (index * bits) & ((1 << bits) - 1)) {
                Some(&known) => *symbol = known,
                None => valid[byte] = false,
            }
        }
    }
    let mut out = vec![0u8; packed.len() * EACH];
    let mut all_valid = true;
    for (group, &byte) in out.as_chunks_mut::<EACH>().0.iter_mut().zip(packed) {
        *group = groups[usize::from(byte)];
        all_valid &= valid[usize::from(byte)];
    }
    out.truncate(length);
    if all_valid {
        Ok(out)
    } else {
        Err(damaged("a packed symbol outside its alphabet"))
    }
}
