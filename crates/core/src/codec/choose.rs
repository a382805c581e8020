//! What the encoder tries for each hint, and how it chooses. Nothing here binds a decoder.

use super::integers::{self, Split, Tokens, Transform};
use super::rans::{Order, Ranked, order_zero_size};
use super::wire::{from_i32, to_i32};
use super::{Encoded, Hint, columns, number, packed, planes, repeats, text, zstandard};

/// Bytes of a sample that decides whether Zstandard is worth trying on all of a long stream.
const SAMPLE: usize = 1 << 16;
/// Zstandard's highest level without a window that takes more memory.
const ZSTANDARD_BEST: i32 = 19;
/// Texts longer than this are not given the best level.
const LONG_TEXT: usize = 1 << 20;
/// Bases fewer than this are not worth the tables of histories.
const HISTORIES_FROM: usize = 1 << 14;
/// Integers of a sample that decides how a long stream of them is taken apart.
const SAMPLE_VALUES: usize = 1 << 12;
/// Zstandard's level on text and bytes: fast enough that tags do not slow a chunk down.
const ZSTANDARD_LEVEL: i32 = 6;
/// Streams shorter than this are not worth entropy coding trials beyond the simplest.
const TINY: usize = 24;
/// Shorter streams are not searched for repeats.
const REPEATS_FROM: usize = 1 << 13;

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
        Hint::Bytes => best_of(decoded, &[order_one, zstandard]),
        Hint::Symbols => entropy(decoded, &[Order::One]),
        Hint::Integers => integers(decoded),
        Hint::Text => best_of(decoded, &[order_one, zstandard, mixed_text]),
        Hint::Header => best_of(decoded, &[order_one, zstandard_slow]),
        Hint::Bases => with_repeats(decoded, bases(decoded)),
        Hint::Names => columns::encode_distinct(decoded)
            .unwrap_or_else(|| best_of(decoded, &[order_one, zstandard])),
        Hint::Strings => best_of(decoded, &[order_one, zstandard, columns::encode]),
        Hint::Qualities => {
            let plain = with_histories(decoded);
            // Long rows are looked at where they begin.
            let start = &decoded[..decoded.len().min(4 * SAMPLE)];
            let cost = plain.stored.len() as u64 * start.len() as u64 / decoded.len() as u64;
            if repeats::pays(start, cost as usize) {
                with_repeats(decoded, plain)
            } else {
                plain
            }
        }
        Hint::RepeatedQualities => with_repeats(decoded, with_histories(decoded)),
    }
}

fn order_one(decoded: &[u8]) -> Option<Encoded> {
    Some(entropy(decoded, &[Order::One]))
}

fn smaller(one: Encoded, other: Option<Encoded>) -> Encoded {
    match other {
        Some(other) if other.stored.len() < one.stored.len() => other,
        _ => one,
    }
}

/// Entropy coding with histories, as version 1's writer coded qualities.
pub(super) fn with_histories(decoded: &[u8]) -> Encoded {
    entropy(decoded, &[Order::One, Order::History(12)])
}

/// `plain`, or what taking long repeats out of `decoded` makes of it.
fn with_repeats(decoded: &[u8], plain: Encoded) -> Encoded {
    // In well-compressed streams only very long repeats are worth their copies' bits, and those are rare.
    let dense = plain.stored.len() * 6 > decoded.len();
    if decoded.len() < REPEATS_FROM || !dense {
        return plain;
    }
    let repeats = repeats::encode(decoded, plain.stored.len());
    smaller(plain, repeats)
}

/// One way to encode a stream; `None` if it does not suit.
type Way = fn(&[u8]) -> Option<Encoded>;

/// Mixing, which is slow: not for long texts.
fn mixed_text(decoded: &[u8]) -> Option<Encoded> {
    let short = decoded.len() <= text::LONGEST;
    short.then(|| Encoded::new(number::MIXED_TEXT, text::encode(decoded)))
}

/// Zstandard over all of `decoded`.
fn zstandard(decoded: &[u8]) -> Option<Encoded> {
    let stored = zstandard::encode(decoded, ZSTANDARD_LEVEL)?;
    Some(Encoded::new(number::ZSTANDARD, stored))
}

/// Zstandard as good as it gets in less than a second.
fn zstandard_slow(decoded: &[u8]) -> Option<Encoded> {
    let level = if decoded.len() > LONG_TEXT {
        ZSTANDARD_LEVEL
    } else {
        ZSTANDARD_BEST
    };
    let stored = zstandard::encode(decoded, level)?;
    Some(Encoded::new(number::ZSTANDARD, stored))
}

/// Bases: packed, or after as many before them as a history holds.
fn bases(decoded: &[u8]) -> Encoded {
    let packed = entropy(decoded, &[Order::One]);
    if decoded.len() < HISTORIES_FROM || packed::alphabet(decoded).is_none_or(|all| all.len() > 4) {
        return packed;
    }
    let history = Order::History(12);
    if decoded.len() > 4 * SAMPLE {
        let sample = Ranked::new(middle(decoded));
        let plan = sample.plan(history);
        let times = decoded.len() / SAMPLE;
        if plan.overhead + plan.words * times > packed.stored.len() {
            return packed;
        }
    }
    let ranked = Ranked::new(decoded);
    let plan = ranked.plan(history);
    if plan.words + plan.overhead < packed.stored.len() {
        Encoded::new(number::RANS, plan.write())
    } else {
        packed
    }
}

/// The smallest of what the `ways` make of `decoded`. Of a long stream a sample from the start (of whole strings
/// if they are short) decides which ways are worth trying on all of it.
fn best_of(decoded: &[u8], ways: &[Way]) -> Encoded {
    let mut limit = usize::MAX;
    let mut sizes = vec![0; ways.len()];
    if decoded.len() > 2 * SAMPLE {
        let start = &decoded[..SAMPLE];
        let whole = start
            .iter()
            .rposition(|&byte| byte == 0)
            .map_or(0, |last| last + 1);
        let sample = if whole > SAMPLE / 2 {
            &start[..whole]
        } else {
            start
        };
        let size = |way: &Way| way(sample).map_or(usize::MAX, |encoded| encoded.stored.len());
        sizes = ways.iter().map(size).collect();
        limit = sizes.iter().copied().min().unwrap_or(0);
    }
    let worth = ways.iter().zip(sizes).filter(|(_, size)| *size <= limit);
    worth.fold(Encoded::verbatim(decoded), |best, (way, _)| {
        smaller(best, way(decoded))
    })
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
    let ranked = Ranked::new(decoded);
    let all = [&[Order::Zero], orders].concat();
    let best = if decoded.len() > 16 * SAMPLE {
        let sample = Ranked::new(middle(decoded));
        let size = |order: &Order| {
            let plan = sample.plan(*order);
            plan.overhead + plan.words.saturating_mul(decoded.len()) / SAMPLE
        };
        all.into_iter()
            .min_by_key(size)
            .map(|order| ranked.plan(order))
    } else {
        let plans = all.into_iter().map(|order| ranked.plan(order));
        plans.min_by_key(|plan| plan.words + plan.overhead)
    };
    let coded = best.map(|plan| Encoded::new(number::RANS, plan.write()));
    smaller(Encoded::verbatim(decoded), coded)
}

/// A sample from the middle of a long stream.
fn middle(decoded: &[u8]) -> &[u8] {
    let start = (decoded.len() / 2).saturating_sub(SAMPLE / 2);
    &decoded[start..decoded.len().min(start + SAMPLE)]
}

fn integers(decoded: &[u8]) -> Encoded {
    if !decoded.len().is_multiple_of(4) {
        return encode(Hint::Bytes, decoded);
    }
    let values = to_i32(decoded);
    if values.len() <= 2 * SAMPLE_VALUES {
        let near = ways_of(&values);
        let least = near.iter().map(|(size, _)| *size).min().unwrap_or(0);
        let near = near
            .into_iter()
            .filter(|(size, _)| *size <= least + least / 8 + 64);
        return near.fold(Encoded::verbatim(decoded), |best, (_, candidate)| {
            smaller(best, Some(candidate.encode(values.len())))
        });
    }
    let start = (values.len() - SAMPLE_VALUES) / 2;
    let ways = ways_of(&values[start..start + SAMPLE_VALUES]);
    let best = ways.into_iter().min_by_key(|(size, _)| *size);
    let candidate = best.and_then(|(_, candidate)| candidate.of(&values));
    let candidate = candidate.unwrap_or_else(|| Candidate::Planes(planes::split(decoded)));
    smaller(
        Encoded::verbatim(decoded),
        Some(candidate.encode(values.len())),
    )
}

/// The ways to take integers apart, with a measure of what each would come to.
fn ways_of(values: &[i32]) -> Vec<(usize, Candidate)> {
    let mut ways: Vec<(usize, Candidate)> = Vec::new();
    if let Some(distinct) = integers::dictionary(values) {
        let ranks = integers::ranks(values, &distinct);
        let size = order_zero_size(&ranks) + 2 * distinct.len();
        ways.push((size, Candidate::Dictionary(distinct, ranks)));
    }
    let signed = values.iter().any(|&value| value < 0);
    let plain = if signed {
        Transform::ZigZag
    } else {
        Transform::Plain
    };
    for transform in [plain, Transform::Difference] {
        for split in SPLITS {
            let tokens = integers::tokens(values, transform, split);
            let size = order_zero_size(&tokens.tokens) + tokens.raw.len();
            ways.push((size, Candidate::Tokens(tokens, transform, split)));
        }
    }
    let split = planes::split(&from_i32(values));
    let size = split.iter().map(|plane| order_zero_size(plane)).sum();
    ways.push((size, Candidate::Planes(split)));
    ways
}

/// How tokens may be made.
const SPLITS: [Split; 2] = [
    Split {
        exact: 4,
        leading: 2,
    },
    Split {
        exact: 7,
        leading: 1,
    },
];

/// One way to take integers apart.
enum Candidate {
    Dictionary(Vec<i32>, Vec<u8>),
    Tokens(Tokens, Transform, Split),
    Planes([Vec<u8>; 4]),
}

impl Candidate {
    /// The same way for other values, if it suits them.
    fn of(self, values: &[i32]) -> Option<Self> {
        match self {
            Self::Dictionary(..) => {
                let distinct = integers::dictionary(values)?;
                let ranks = integers::ranks(values, &distinct);
                Some(Self::Dictionary(distinct, ranks))
            }
            Self::Tokens(_, transform, split) => {
                // Values below 0 may be missing in the sample.
                let signed = values.iter().any(|&value| value < 0);
                let transform = match transform {
                    Transform::Plain if signed => Transform::ZigZag,
                    other => other,
                };
                let tokens = integers::tokens(values, transform, split);
                Some(Self::Tokens(tokens, transform, split))
            }
            Self::Planes(_) => None,
        }
    }

    fn encode(self, count: usize) -> Encoded {
        let inner = |bytes: &[u8]| encode(Hint::Symbols, bytes);
        match self {
            Self::Dictionary(distinct, ranks) => Encoded::new(
                number::INTEGERS,
                integers::wrap_dictionary(&distinct, &inner(&ranks), count),
            ),
            Self::Tokens(tokens, ..) => {
                Encoded::new(number::INTEGERS, tokens.wrap(&inner(&tokens.tokens)))
            }
            Self::Planes(split) => Encoded::new(
                number::PLANES,
                planes::join(&split.map(|plane| inner(&plane)), count),
            ),
        }
    }
}
