//! Long repeats taken out in front of entropy coding: qualities and bases of reads that stand twice in a file.
//!
//! Zstandard finds repeats too, but codes what is left without contexts; here the rest goes to whatever codec
//! suits it.

use super::wire::{Reader, damaged, from_i32, to_i32};
use super::{
    Encoded, Hint, encode as encode_inner, number, put_inner, take_inner, take_inner_exactly,
};
use crate::Result;

/// Bytes that must agree before a repeat is looked at; no copy is shorter.
const WINDOW: usize = 16;
/// What a copy costs: its place, its length, and how far it is from the one before.
const COPY_BITS: usize = 40;
/// The part of the plain size that must be saved to make encoding it once more worth its time.
const WORTHWHILE: usize = 64;
/// One window in so many is looked at: of repeats of 32 bytes nine in ten are seen, of longer ones nearly all.
const ONE_IN: usize = 8;

/// A stretch of bytes as new bytes followed by a copy.
struct Repeat {
    fresh: usize,
    length: usize,
    distance: usize,
}

/// Takes repeats out of `decoded`, which other codecs store in `plain` bytes; `None` if that hardly saves anything.
pub(super) fn encode(decoded: &[u8], plain: usize) -> Option<Encoded> {
    let shortest = (COPY_BITS * decoded.len() / 8).div_ceil(plain.max(1));
    let repeats = find(decoded, shortest.max(WINDOW));
    let repeated: usize = repeats.iter().map(|repeat| repeat.length).sum();
    let saved = (repeated as u128 * plain as u128 / decoded.len().max(1) as u128) as usize;
    let cost = repeats.len() * COPY_BITS / 8;
    if saved < cost + plain / WORTHWHILE || i32::try_from(decoded.len()).is_err() {
        return None;
    }
    let mut rest = Vec::with_capacity(decoded.len() - repeated);
    let mut at = 0;
    for repeat in &repeats {
        rest.extend_from_slice(&decoded[at..at + repeat.fresh]);
        at += repeat.fresh + repeat.length;
    }
    rest.extend_from_slice(&decoded[at..]);
    let mut out = Vec::new();
    // The hint must not lead back here: what repeats has been taken out.
    put_inner(&mut out, &super::choose::without_repeats(&rest), rest.len());
    let fields: [fn(&Repeat) -> usize; 3] = [
        |repeat| repeat.fresh,
        |repeat| repeat.length,
        |repeat| repeat.distance,
    ];
    for field in fields {
        let values: Vec<i32> = repeats.iter().map(|repeat| field(repeat) as i32).collect();
        let bytes = from_i32(&values);
        put_inner(&mut out, &encode_inner(Hint::Integers, &bytes), bytes.len());
    }
    Some(Encoded::new(number::REPEATS, out))
}

/// A hash of the window, good in its high bits.
fn hash(window: &[u8; WINDOW]) -> u64 {
    let word = u128::from_le_bytes(*window);
    let mixed =
        (word as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ((word >> 64) as u64).rotate_left(29);
    mixed.wrapping_mul(0xd6e8_feb8_6659_fd93)
}

fn find(decoded: &[u8], shortest: usize) -> Vec<Repeat> {
    let bits = (decoded.len() / ONE_IN)
        .max(256)
        .next_power_of_two()
        .ilog2();
    // Position plus one; 0 for nothing.
    let mut places = vec![0u32; 1 << bits];
    let mut repeats = Vec::new();
    let (mut next, mut done) = (0, 0);
    for (at, window) in decoded.windows(WINDOW).enumerate() {
        let Some(window) = window.first_chunk::<WINDOW>() else {
            continue;
        };
        let hash = hash(window);
        // The content of a window decides whether it is looked at, so both copies look at the same ones.
        if !(hash >> 8).is_multiple_of(ONE_IN as u64) {
            continue;
        }
        let place = &mut places[(hash >> (64 - bits)) as usize];
        let candidate = std::mem::replace(place, at as u32 + 1) as usize;
        let Some(from) = candidate.checked_sub(1).filter(|_| at >= next) else {
            continue;
        };
        let (behind, ahead) = agreement(decoded, from, at, done);
        if behind + ahead >= shortest {
            repeats.push(Repeat {
                fresh: at - behind - done,
                length: behind + ahead,
                distance: at - from,
            });
            done = at + ahead;
            next = done;
        } else {
            // Inside a short repeat there is hardly a long one: do not compare again and again.
            next = at + ahead / 2;
        }
    }
    repeats
}

/// How many bytes before `from` and `at` (not before `done`) and how many from there on agree, without the copy
/// overlapping its source.
fn agreement(decoded: &[u8], from: usize, at: usize, done: usize) -> (usize, usize) {
    let distance = at - from;
    let pairs = decoded[at..].iter().zip(&decoded[from..]).take(distance);
    let ahead = pairs.take_while(|(one, other)| one == other).count();
    let most = from.min(at - done).min(distance - ahead);
    let pairs = decoded[at - most..at]
        .iter()
        .rev()
        .zip(decoded[from - most..from].iter().rev());
    (pairs.take_while(|(one, other)| one == other).count(), ahead)
}

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
