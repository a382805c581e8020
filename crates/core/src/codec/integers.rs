//! Integers of 32 bits, as they come in positions, lengths, flags and tag values.
//!
//! A few distinct values become ranks in a dictionary. Others become a token (small values exactly, larger ones
//! by size and leading bits), which an inner stream codes, and the bits below, which are nearly random and are
//! kept as they are.

use super::wire::{Reader, damaged, put_varint};
use super::{Encoded, put_inner, take_inner_exactly};
use crate::Result;

/// How a value becomes an unsigned number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    /// The same 32 bits.
    Plain = 0,
    /// 0, -1, 1, -2, 2 become 0, 1, 2, 3, 4.
    ZigZag = 1,
    /// The difference to the value before (at first to 0), modulo 2^32, then as `ZigZag`.
    Difference = 2,
}

/// In the method byte's low bits: ranks in a dictionary instead of tokens.
const DICTIONARY: u8 = 3;
/// Ranks are bytes.
const MAX_DICTIONARY: usize = 256;

fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

fn unzigzag(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

/// Values below 2^`exact` are their own token; others keep `leading` bits below the highest in the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) exact: u32,
    pub(super) leading: u32,
}

impl Split {
    /// The token of `value`, its remaining bits and how many they are.
    fn token(self, value: u32) -> (u8, u32, u32) {
        if value >> self.exact == 0 {
            return (value as u8, 0, 0);
        }
        let size = value.ilog2();
        let below = size - self.leading;
        let leading = value >> below & ((1 << self.leading) - 1);
        let token = (1 << self.exact) + ((size - self.exact) << self.leading) + leading;
        (token as u8, value & ((1 << below) - 1), below)
    }

    /// For each token its smallest value and its remaining bits; `None` for tokens that no value has.
    fn values(self) -> [Option<(u32, u32)>; 256] {
        std::array::from_fn(|token| {
            let token = token as u32;
            let Some(above) = token.checked_sub(1 << self.exact) else {
                return Some((token, 0));
            };
            let size = self.exact + (above >> self.leading);
            let leading = above & ((1 << self.leading) - 1);
            let below = size - self.leading;
            (size < 32).then(|| (1 << size | leading << below, below))
        })
    }
}

/// Values taken apart.
pub(super) struct Tokens {
    pub(super) method: u8,
    pub(super) tokens: Vec<u8>,
    pub(super) raw: Vec<u8>,
}

/// Takes `values` apart.
pub(super) fn tokens(values: &[i32], transform: Transform, split: Split) -> Tokens {
    let mut tokens = Vec::with_capacity(values.len());
    let mut raw = Vec::new();
    let (mut pending, mut filled) = (0u64, 0);
    let mut before = 0i32;
    for &value in values {
        let number = match transform {
            Transform::Plain => value as u32,
            Transform::ZigZag => zigzag(value),
            Transform::Difference => {
                zigzag(value.wrapping_sub(std::mem::replace(&mut before, value)))
            }
        };
        let (token, bits, count) = split.token(number);
        tokens.push(token);
        pending |= u64::from(bits) << filled;
        filled += count;
        while filled >= 8 {
            raw.push(pending as u8);
            pending >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        raw.push(pending as u8);
    }
    Tokens {
        method: transform as u8 | (split.leading as u8) << 2 | (split.exact as u8) << 4,
        tokens,
        raw,
    }
}

impl Tokens {
    /// The stored bytes, with the tokens encoded as `inner`.
    pub(super) fn wrap(&self, inner: &Encoded) -> Vec<u8> {
        let mut out = vec![self.method];
        put_inner(&mut out, inner, self.tokens.len());
        out.extend_from_slice(&self.raw);
        out
    }
}

/// The distinct values, ascending, if there are few enough for a dictionary.
pub(super) fn dictionary(values: &[i32]) -> Option<Vec<i32>> {
    let mut distinct: Vec<i32> = Vec::new();
    let mut last = None;
    for &value in values {
        if last != Some(value) {
            last = Some(value);
            if let Err(place) = distinct.binary_search(&value) {
                if distinct.len() == MAX_DICTIONARY {
                    return None;
                }
                distinct.insert(place, value);
            }
        }
    }
    Some(distinct)
}

/// The rank of each value.
pub(super) fn ranks(values: &[i32], distinct: &[i32]) -> Vec<u8> {
    values
        .iter()
        .map(|value| distinct.binary_search(value).unwrap_or(0) as u8)
        .collect()
}

/// The stored bytes of a dictionary and the encoded ranks of `count` values.
pub(super) fn wrap_dictionary(distinct: &[i32], inner: &Encoded, count: usize) -> Vec<u8> {
    let mut out = vec![DICTIONARY];
    put_varint(&mut out, distinct.len() as u64);
    let mut before = None;
    for &value in distinct {
        let step = before.map_or(u64::from(zigzag(value)), |before| {
            (i64::from(value) - before - 1) as u64
        });
        put_varint(&mut out, step);
        before = Some(i64::from(value));
    }
    put_inner(&mut out, inner, count);
    out
}

pub(super) fn decode(depth: u32, stored: &[u8], length: usize) -> Result<Vec<u8>> {
    if !length.is_multiple_of(4) {
        return Err(damaged("integers that are not whole"));
    }
    let mut reader = Reader::new(stored);
    let method = reader.byte()?;
    let (transform, split) = match (method & 3, method >> 2 & 3, method >> 4) {
        (DICTIONARY, 0, 0) => return decode_dictionary(depth, reader, length),
        (transform @ 0..=2, leading @ 0..=2, exact @ 2..=7) => {
            let transform = [Transform::Plain, Transform::ZigZag, Transform::Difference]
                [usize::from(transform)];
            (
                transform,
                Split {
                    exact: exact.into(),
                    leading: leading.into(),
                },
            )
        }
        _ => return Err(damaged("integers of an unknown method")),
    };
    let tokens = take_inner_exactly(depth, &mut reader, length / 4)?;
    join(&tokens, reader.remainder(), transform, split)
}

fn join(tokens: &[u8], raw: &[u8], transform: Transform, split: Split) -> Result<Vec<u8>> {
    // Unknown tokens ask for more bits than there can be.
    const IMPOSSIBLE: u32 = 63;
    let values = split.values().map(|value| value.unwrap_or((0, IMPOSSIBLE)));
    let mut padded = raw.to_vec();
    padded.extend([0; 8]);
    let end = raw.len() as u64 * 8;
    let mut at = 0u64;
    let mut before = 0i32;
    let mut out = Vec::with_capacity(tokens.len() * 4);
    for &token in tokens {
        let (base, count) = values[usize::from(token)];
        let place = (at / 8) as usize;
        let window = padded.get(place..).and_then(|rest| rest.first_chunk::<8>());
        let window = window.ok_or_else(|| damaged("too few bits for the integers"))?;
        let bits = u64::from_le_bytes(*window) >> (at % 8) & ((1 << count) - 1);
        at += u64::from(count);
        if count == IMPOSSIBLE {
            return Err(damaged("an integer token that cannot be"));
        }
        let number = base | bits as u32;
        let value = match transform {
            Transform::Plain => number as i32,
            Transform::ZigZag => unzigzag(number),
            Transform::Difference => {
                before = before.wrapping_add(unzigzag(number));
                before
            }
        };
        out.extend_from_slice(&value.to_le_bytes());
    }
    let tail = raw
        .last()
        .map_or(0, |&last| u64::from(last) >> ((at + 7) % 8 + 1));
    if at.div_ceil(8) * 8 == end && tail == 0 {
        Ok(out)
    } else {
        Err(damaged("bits of integers are left over"))
    }
}

fn decode_dictionary(depth: u32, mut reader: Reader, length: usize) -> Result<Vec<u8>> {
    let count = reader.length(MAX_DICTIONARY)?;
    let mut distinct: Vec<i32> = Vec::with_capacity(count);
    for _ in 0..count {
        let step = reader.length(u32::MAX as usize)? as u32;
        let value = match distinct.last() {
            None => Some(unzigzag(step)),
            Some(&before) => i32::try_from(i64::from(before) + i64::from(step) + 1).ok(),
        };
        distinct.push(value.ok_or_else(|| damaged("a dictionary value out of range"))?);
    }
    let ranks = take_inner_exactly(depth, &mut reader, length / 4)?;
    reader.finish()?;
    let mut out = Vec::with_capacity(length);
    for rank in ranks {
        let value = distinct
            .get(usize::from(rank))
            .ok_or_else(|| damaged("a rank outside its dictionary"))?;
        out.extend_from_slice(&value.to_le_bytes());
    }
    Ok(out)
}
