//! What the encoder tries for each hint, and how it chooses. Nothing here binds a decoder.

use super::integers::{self, Split, Transform};
use super::rans::{self, Order, Plan};
use super::{Encoded, Hint, columns, number, packed, planes, zstandard};

/// Bytes of a sample that decides whether Zstandard is worth trying on all of a long stream.
const SAMPLE: usize = 1 << 16;
/// Zstandard's level on text and bytes: fast enough that tags do not slow a chunk down.
const ZSTANDARD_LEVEL: i32 = 6;
/// Streams shorter than this are not worth entropy coding trials beyond the simplest.
const TINY: usize = 24;
/// Most clusters of one stream: more save little and push slots out of the cache.
const MAX_CLUSTERS: usize = 64;

/// Encodes `decoded` with the best of what `hint` suggests.
pub(super) fn encode(hint: Hint, decoded: &[u8]) -> Encoded {
    match decoded {
        [] => return Encoded::verbatim(decoded),
        [first, rest @ ..] if rest.len() > 1 && rest.iter().all(|byte| byte == first) => {
            return Encoded::new(number::CONSTANT, vec![*first]);
        }
        _ => {}
    }
    match hint {
        Hint::Incompressible => Encoded::verbatim(decoded),
        Hint::Bytes => smaller(entropy(decoded, &[Order::One]), repeats(decoded)),
        Hint::Symbols => entropy(decoded, &[Order::One]),
        Hint::Qualities => entropy(decoded, &[Order::One, Order::History(12)]),
        Hint::Integers => integers(decoded),
        Hint::Text => smaller(
            smaller(entropy(decoded, &[Order::One]), repeats(decoded)),
            columns::encode(decoded),
        ),
        Hint::Names => match columns::encode(decoded) {
            Some(columns) => columns,
            None => smaller(entropy(decoded, &[Order::One]), repeats(decoded)),
        },
    }
}

fn smaller(one: Encoded, other: Option<Encoded>) -> Encoded {
    match other {
        Some(other) if other.stored.len() < one.stored.len() => other,
        _ => one,
    }
}

/// Zstandard over all of `decoded`, if a sample looks better than entropy coding.
fn repeats(decoded: &[u8]) -> Option<Encoded> {
    if decoded.len() > 2 * SAMPLE {
        let middle = &decoded[decoded.len() / 2 - SAMPLE / 2..][..SAMPLE];
        let plain = rans::plan(Order::One, middle, MAX_CLUSTERS).estimate;
        if zstandard::encode(middle, ZSTANDARD_LEVEL)?.len() > plain + plain / 8 {
            return None;
        }
    }
    Some(Encoded::new(
        number::ZSTANDARD,
        zstandard::encode(decoded, ZSTANDARD_LEVEL)?,
    ))
}

/// The best of storing, packing and rANS with order 0 and `orders`.
fn entropy(decoded: &[u8], orders: &[Order]) -> Encoded {
    let stored = Encoded::verbatim(decoded);
    let alphabet = packed::alphabet(decoded).filter(|_| decoded.len() > 8);
    let best = match &alphabet {
        Some(symbols) if symbols.len() <= 4 || decoded.len() >= 4 * SAMPLE => {
            let packed = packed::pack(decoded, symbols);
            let inner = best_plan(&packed, orders);
            let direct = (decoded.len() < 4096).then(|| best_plan(decoded, orders));
            match direct {
                Some(direct) if direct.stored.len() < inner.stored.len() + 4 + symbols.len() => {
                    direct
                }
                _ => Encoded::new(number::PACKED, packed::wrap(symbols, &inner, packed.len())),
            }
        }
        _ => best_plan(decoded, orders),
    };
    smaller(stored, Some(best))
}

fn best_plan(decoded: &[u8], orders: &[Order]) -> Encoded {
    if decoded.len() < TINY {
        return Encoded::verbatim(decoded);
    }
    let plan_of = |order| rans::plan(order, decoded, MAX_CLUSTERS);
    let mut best: Plan = plan_of(Order::Zero);
    for &order in orders {
        let other = plan_of(order);
        if other.estimate < best.estimate {
            best = other;
        }
    }
    smaller(
        Encoded::verbatim(decoded),
        Some(Encoded::new(number::RANS, best.write())),
    )
}

/// Estimated bytes of `bytes` under order 0: a measure to rank candidates by.
fn order_zero(bytes: &[u8]) -> usize {
    if bytes.is_empty() {
        0
    } else {
        rans::plan(Order::Zero, bytes, 1).estimate
    }
}

fn integers(decoded: &[u8]) -> Encoded {
    if !decoded.len().is_multiple_of(4) {
        return encode(Hint::Bytes, decoded);
    }
    let values = integers::values(decoded);
    let count = values.len();
    let mut best = Encoded::verbatim(decoded);
    if let Some(distinct) = integers::dictionary(&values) {
        let inner = entropy_or_constant(&integers::ranks(&values, &distinct));
        best = smaller(
            best,
            Some(Encoded::new(
                number::INTEGERS,
                integers::wrap_dictionary(&distinct, &inner, count),
            )),
        );
    }
    let plain = if values.iter().all(|&value| value >= 0) {
        Transform::Plain
    } else {
        Transform::ZigZag
    };
    let fine = Split {
        exact: 7,
        leading: 1,
    };
    let coarse = Split {
        exact: 4,
        leading: 2,
    };
    let candidate = |(transform, split)| {
        let tokens = integers::tokens(&values, transform, split);
        (order_zero(&tokens.tokens) + tokens.raw.len(), tokens)
    };
    let candidates = [
        (plain, coarse),
        (plain, fine),
        (Transform::Difference, coarse),
        (Transform::Difference, fine),
    ];
    if let Some((_, tokens)) = candidates
        .into_iter()
        .map(candidate)
        .min_by_key(|(size, _)| *size)
    {
        let inner = entropy_or_constant(&tokens.tokens);
        best = smaller(
            best,
            Some(Encoded::new(number::INTEGERS, tokens.wrap(&inner))),
        );
    }
    let split = planes::split(decoded);
    let rough: usize = split.iter().map(|plane| order_zero(plane)).sum();
    if rough < best.stored.len() + best.stored.len() / 8 + 200 {
        let inner = split.map(|plane| entropy_or_constant(&plane));
        best = smaller(
            best,
            Some(Encoded::new(number::PLANES, planes::join(&inner, count))),
        );
    }
    best
}

fn entropy_or_constant(bytes: &[u8]) -> Encoded {
    encode(Hint::Symbols, bytes)
}
