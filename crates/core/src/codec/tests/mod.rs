//! The promises of every codec: exact both ways, and damaged bytes give an error or a stream of the right length.

mod bases;
mod covered;
mod golden;

use super::bases::encode_bases;
use super::{Encoded, Hint, choose, columns, decode, encode, name, number, repeats};
use crate::Error;
use proptest::prelude::*;

/// How a stream may be encoded: as the writer does, or as those of older versions did.
#[derive(Clone, Copy, Debug)]
enum Way {
    Hint(Hint),
    Histories,
    Repeats,
    Columns,
}

const WAYS: [Way; 13] = [
    Way::Hint(Hint::Bytes),
    Way::Hint(Hint::Text),
    Way::Hint(Hint::Header),
    Way::Hint(Hint::Bases),
    Way::Hint(Hint::Names),
    Way::Hint(Hint::Strings),
    Way::Hint(Hint::RepeatedQualities),
    Way::Hint(Hint::Integers),
    Way::Hint(Hint::Symbols),
    Way::Hint(Hint::Incompressible),
    Way::Histories,
    Way::Repeats,
    Way::Columns,
];

impl Way {
    fn encode(self, decoded: &[u8]) -> Encoded {
        let plain = |decoded| encode(Hint::Symbols, decoded);
        match self {
            Self::Hint(hint) => encode(hint, decoded),
            _ if decoded.len() < 2 => plain(decoded),
            Self::Histories => choose::with_histories(decoded),
            Self::Repeats => {
                let one = choose::with_histories(decoded);
                repeats::encode(decoded, one.stored.len()).unwrap_or(one)
            }
            Self::Columns => columns::encode(decoded).unwrap_or_else(|| plain(decoded)),
        }
    }
}

/// A small generator, so that shapes are the same in every run.
fn noise(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state >> 11)
    })
}

fn assert_exact(way: Way, decoded: &[u8]) -> Encoded {
    let encoded = way.encode(decoded);
    let restored = decode(encoded.codec, &encoded.stored, decoded.len());
    assert!(
        restored.is_ok_and(|bytes| bytes == decoded),
        "{way:?} of {} bytes",
        decoded.len()
    );
    encoded
}

fn names(count: usize) -> Vec<u8> {
    let mut random = noise(7);
    let mut next = |below: u64| random.next().unwrap() % below;
    let mut names: Vec<String> = Vec::new();
    for index in 0..count {
        let (lane, tile, x, y) = (next(4) + 1, next(78) + 1101, next(30000), next(30000));
        let fresh = format!("A00206:9:H2KJLDMXX:{lane}:{tile}:{x}:{y}");
        let back = next(60) as usize + 1;
        names.push(if index > 60 && next(2) == 0 {
            names[index - back].clone()
        } else {
            fresh
        });
    }
    names
        .iter()
        .flat_map(|name| name.bytes().chain([0]))
        .collect()
}

fn four_levels(count: usize) -> Vec<u8> {
    let mut level = 37;
    let step = |random: u64| {
        if random.is_multiple_of(9) {
            level = [2, 11, 25, 37][(random / 9 % 4) as usize];
        }
        level
    };
    noise(3).map(step).take(count).collect()
}

fn integers(values: impl IntoIterator<Item = i32>) -> Vec<u8> {
    values.into_iter().flat_map(i32::to_le_bytes).collect()
}

/// Streams of many shapes and sizes around the encoders' thresholds.
fn shapes() -> Vec<Vec<u8>> {
    let random: Vec<u8> = noise(1).map(|value| value as u8).take(70_000).collect();
    let rare: Vec<u8> = noise(2)
        .map(|value| u8::from(value % 1000 == 0) * 200)
        .take(9000)
        .collect();
    let forty: Vec<u8> = noise(4)
        .map(|value| 2 + (value % 7 * (value >> 8) % 40) as u8)
        .take(20_000)
        .collect();
    let all: Vec<u8> = (0..=255).collect();
    let mut shapes = vec![
        vec![],
        vec![0],
        vec![255],
        vec![7; 2],
        vec![7; 5000],
        all.clone(),
        all.repeat(40),
        rare,
        forty,
        random.repeat(2).iter().map(|byte| byte % 50).collect(),
        names(3000),
        four_levels(15_001),
        b"\0\0\0".to_vec(),
        b"a\0\0bcd\0".to_vec(),
        b"00:1:x\x00007:22:y\x00123:333:z\0".repeat(9),
        integers([i32::MIN, i32::MAX, 0, -1, 1]),
        integers(noise(5).map(|value| value as i32).take(3000)),
        integers(noise(6).map(|value| (value % 300) as i32 - 150).take(3000)),
        integers((0..3000).map(|value| i32::MIN.wrapping_add(i32::wrapping_mul(value, 1_000_003)))),
        integers(
            noise(8)
                .map(|value| [99, 147, 83, 163][(value % 4) as usize])
                .take(2500),
        ),
    ];
    shapes.extend(
        [1, 2, 3, 7, 23, 24, 25, 100, 4095, 4096, 4097, 70_000].map(|size| random[..size].to_vec()),
    );
    shapes
}

#[test]
fn every_shape_comes_back_in_every_way() {
    for shape in shapes() {
        for way in WAYS {
            assert_exact(way, &shape);
        }
    }
}

#[test]
fn the_encoder_uses_every_codec_that_it_has() {
    let mut used: Vec<u8> = Vec::new();
    for shape in shapes() {
        used.extend(WAYS.map(|way| way.encode(&shape).codec));
    }
    used.push(encode_bases(&bases::reads(50).view(), &bases::reads(50).bases).codec);
    used.sort_unstable();
    used.dedup();
    // The records' parts, and bases that need alignments, are coded elsewhere.
    let apart = |codec: &u8| {
        (number::ALIGNMENT..number::MIXED_TEXT).contains(codec) || *codec >= number::QUICK_ALIGNMENT
    };
    let streams = (0..number::UNKNOWN).filter(|codec| !apart(codec));
    assert_eq!(used, streams.collect::<Vec<u8>>());
}

#[test]
fn noisy_qualities_that_stand_twice_cost_little_more_than_once() {
    let once: Vec<u8> = noise(9)
        .map(|value| 2 + (value % 40) as u8)
        .take(30_000)
        .collect();
    let twice = assert_exact(Way::Repeats, &once.repeat(2));
    assert!(twice.stored.len() < Way::Histories.encode(&once).stored.len() + 100);
}

#[test]
fn an_empty_stream_is_stored_as_nothing() {
    for way in WAYS {
        assert_eq!(
            way.encode(&[]),
            Encoded {
                codec: 0,
                stored: vec![]
            }
        );
    }
}

#[test]
fn an_unknown_codec_is_refused_by_its_number() {
    for codec in number::UNKNOWN..=255 {
        assert_eq!(name(codec), None);
        for length in [0, 5] {
            match decode(codec, &[1, 2, 3], length) {
                Err(Error::Unsupported(text)) => {
                    assert!(text.contains(&format!(" {codec} ")), "{text}")
                }
                other => panic!("codec {codec}: {other:?}"),
            }
        }
    }
}

#[test]
fn names_and_four_levels_become_small() {
    let names = names(5000);
    assert!(Way::Columns.encode(&names).stored.len() * 8 < names.len());
    let levels = four_levels(100_000);
    assert!(Way::Histories.encode(&levels).stored.len() * 8 < levels.len());
}

/// Damages `encoded` in every way that one byte allows and checks that decoding stays within its promise.
fn assert_damage_is_survived(
    encoded: &Encoded,
    length: usize,
    decode: impl Fn(u8, &[u8]) -> crate::Result<Vec<u8>>,
) {
    let check = |codec: u8, stored: &[u8]| match decode(codec, stored) {
        Ok(decoded) => assert_eq!(decoded.len(), length),
        Err(Error::Damaged(_) | Error::Unsupported(_)) => {}
        Err(other) => panic!("{other}"),
    };
    for cut in 0..encoded.stored.len() {
        check(encoded.codec, &encoded.stored[..cut]);
    }
    let mut stored = encoded.stored.clone();
    for place in 0..stored.len() {
        let intact = stored[place];
        for bit in 0..8 {
            stored[place] = intact ^ (1 << bit);
            check(encoded.codec, &stored);
        }
        for byte in [0, 255] {
            stored[place] = byte;
            check(encoded.codec, &stored);
        }
        stored[place] = intact;
    }
    for codec in 0..=number::UNKNOWN {
        check(codec, &encoded.stored);
    }
}

#[test]
fn truncated_and_flipped_streams_are_refused_or_keep_their_length() {
    let small = [
        names(40),
        four_levels(600),
        integers(noise(6).map(|value| (value % 3000) as i32 - 150).take(60)),
        integers(
            noise(8)
                .map(|value| [99, 147, 83, 163][(value % 4) as usize])
                .take(90),
        ),
        b"RG:one\0RG:two\0RG:one\0and more text, and more text\0".repeat(3),
        noise(4)
            .map(|value| 2 + (value % 7 * (value >> 8) % 40) as u8)
            .take(500)
            .collect(),
    ];
    for shape in small {
        for way in WAYS {
            let encoded = way.encode(&shape);
            assert_damage_is_survived(&encoded, shape.len(), |codec, stored| {
                decode(codec, stored, shape.len())
            });
        }
    }
}

#[test]
fn a_wrong_length_is_refused_or_kept() {
    for shape in [names(40), four_levels(600), integers(0..50)] {
        for way in WAYS {
            let encoded = way.encode(&shape);
            for length in [
                0,
                1,
                3,
                4,
                shape.len() - 1,
                shape.len() + 1,
                shape.len() * 2,
            ] {
                match decode(encoded.codec, &encoded.stored, length) {
                    Ok(decoded) => assert_eq!(decoded.len(), length),
                    Err(error) => assert!(matches!(error, Error::Damaged(_))),
                }
            }
        }
    }
}

#[test]
fn streams_nested_too_deep_are_refused() {
    let mut stored = vec![1, 65, number::CONSTANT, 1, 1, 0];
    for _ in 0..20 {
        let mut outer = vec![1, 65, number::PACKED, 1, stored.len() as u8];
        outer.extend(&stored);
        stored = outer;
    }
    let refused = decode(number::PACKED, &stored, 8);
    assert!(matches!(refused, Err(Error::Damaged(text)) if text.contains("deep")));
}

proptest! {
    #[test]
    fn any_bytes_come_back_in_every_way(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for way in WAYS {
            assert_exact(way, &bytes);
        }
    }

    #[test]
    fn any_small_alphabet_comes_back(
        bytes in prop::collection::vec(0..20u8, 0..6000), first in any::<u8>(), count in 1..20u8,
    ) {
        let bytes: Vec<u8> = bytes.iter().map(|byte| first.wrapping_add((byte % count).wrapping_mul(11))).collect();
        for way in WAYS {
            assert_exact(way, &bytes);
        }
    }

    #[test]
    fn any_integers_come_back(values in prop::collection::vec(prop_oneof![any::<i32>(), -5..300i32], 0..600)) {
        assert_exact(Way::Hint(Hint::Integers), &integers(values.iter().copied()));
        let mut sorted = values;
        sorted.sort_unstable();
        assert_exact(Way::Hint(Hint::Integers), &integers(sorted));
    }

    #[test]
    fn any_strings_come_back(strings in prop::collection::vec("[a-c0-2]{0,3}([:./]0{0,2}[0-9]{0,11}){0,4}", 0..300)) {
        let bytes: Vec<u8> = strings.iter().flat_map(|string| string.bytes().chain([0])).collect();
        for way in WAYS {
            assert_exact(way, &bytes);
        }
    }

    #[test]
    fn any_stored_bytes_are_refused_or_give_the_length(
        codec in any::<u8>(), stored in prop::collection::vec(any::<u8>(), 0..300), length in 0..5000usize,
    ) {
        for codec in [codec, codec % number::UNKNOWN] {
            if let Ok(decoded) = decode(codec, &stored, length) {
                prop_assert_eq!(decoded.len(), length);
            }
        }
    }
}
