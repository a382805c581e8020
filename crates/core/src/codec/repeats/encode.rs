//! The encoder's side of repeats.

use super::WINDOW;
use crate::codec::wire::from_i32;
use crate::codec::{Encoded, Hint, choose, encode as encode_inner, number, put_inner};

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
pub(in crate::codec) fn encode(decoded: &[u8], plain: usize) -> Option<Encoded> {
    let repeats = worthwhile(decoded, plain)?;
    let repeated: usize = repeats.iter().map(|repeat| repeat.length).sum();
    let mut rest = Vec::with_capacity(decoded.len() - repeated);
    let mut at = 0;
    for repeat in &repeats {
        rest.extend_from_slice(&decoded[at..at + repeat.fresh]);
        at += repeat.fresh + repeat.length;
    }
    rest.extend_from_slice(&decoded[at..]);
    let mut out = Vec::new();
    put_inner(&mut out, &choose::with_histories(&rest), rest.len());
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

/// Whether [`encode`] would save something.
pub(in crate::codec) fn pays(decoded: &[u8], plain: usize) -> bool {
    worthwhile(decoded, plain).is_some()
}

/// The repeats, if to take them out saves more than it costs.
fn worthwhile(decoded: &[u8], plain: usize) -> Option<Vec<Repeat>> {
    let shortest = (COPY_BITS * decoded.len() / 8).div_ceil(plain.max(1));
    let repeats = find(decoded, shortest.max(WINDOW));
    let repeated: usize = repeats.iter().map(|repeat| repeat.length).sum();
    let saved = (repeated as u128 * plain as u128 / decoded.len().max(1) as u128) as usize;
    let cost = repeats.len() * COPY_BITS / 8;
    let pays = saved >= cost + plain / WORTHWHILE && i32::try_from(decoded.len()).is_ok();
    pays.then_some(repeats)
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
