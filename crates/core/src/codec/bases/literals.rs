//! Codes that nothing predicts: ranks of single bases, and the other codes between them.

use super::{ACGT, OTHER_CODE, RANK};
use crate::Result;
use crate::codec::wire::{Reader, damaged, from_i32, to_i32};
use crate::codec::{Hint, encode, put_inner, take_inner, take_inner_exactly};

/// Appends codes (0 to 15).
pub(in crate::codec) fn put_literals(out: &mut Vec<u8>, codes: &[u8]) {
    let (mut ranks, mut other_gaps, mut other_codes) = (Vec::new(), Vec::new(), Vec::new());
    ranks.reserve(codes.len());
    let mut gap = 0i32;
    for &code in codes {
        match RANK[usize::from(code & 15)] {
            OTHER_CODE => {
                other_gaps.push(std::mem::take(&mut gap));
                other_codes.push(code);
            }
            rank => {
                ranks.push(rank);
                gap += 1;
            }
        }
    }
    let mut put = |hint, bytes: &[u8]| put_inner(out, &encode(hint, bytes), bytes.len());
    put(Hint::Symbols, &other_codes);
    put(Hint::Integers, &from_i32(&other_gaps));
    put(Hint::Bases, &ranks);
}

/// Takes codes, at most `limit`.
pub(in crate::codec) fn take_literals(reader: &mut Reader<'_>, limit: usize) -> Result<Vec<u8>> {
    let other_codes = take_inner(0, reader, limit)?;
    let other_gaps = to_i32(&take_inner_exactly(0, reader, other_codes.len() * 4)?);
    let ranks = take_inner(0, reader, limit - other_codes.len())?;
    merge(ranks, &other_codes, &other_gaps)
}

/// Literal codes from the ranks of single bases and the other codes between them.
fn merge(ranks: Vec<u8>, other_codes: &[u8], other_gaps: &[i32]) -> Result<Vec<u8>> {
    let mut literals = ranks;
    let mut seen = 0u8;
    for rank in &mut literals {
        seen |= *rank;
        *rank = ACGT[usize::from(*rank & 3)];
    }
    if seen > 3 {
        return Err(damaged("a literal base out of range"));
    }
    if other_codes.is_empty() {
        return Ok(literals);
    }
    let mut merged = Vec::with_capacity(literals.len() + other_codes.len());
    let mut rest = &literals[..];
    for (&code, &gap) in other_codes.iter().zip(other_gaps) {
        let (before, after) = usize::try_from(gap)
            .ok()
            .and_then(|gap| rest.split_at_checked(gap))
            .ok_or_else(|| damaged("a code other than a single base out of place"))?;
        if RANK.get(usize::from(code)) != Some(&OTHER_CODE) {
            return Err(damaged("a code other than a single base that is one"));
        }
        merged.extend_from_slice(before);
        merged.push(code);
        rest = after;
    }
    merged.extend_from_slice(rest);
    Ok(merged)
}
