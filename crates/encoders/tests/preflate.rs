//! Streams of unknown encoders: corrections rebuild them exactly, and damaged corrections do no harm.

mod common;

use readvault_encoders::{Encoder, Encoders, Inflater, preflate};

fn deflated(number: u8, content: &[u8]) -> Vec<u8> {
    let mut deflate = Vec::new();
    let encoder = Encoder::from_number(number).expect("a known number");
    assert!(Encoders::new().deflate(encoder, content, &mut deflate));
    deflate
}

#[test]
fn the_stream_of_every_encoder_is_rebuilt_from_corrections() {
    for length in [0, 1, 2, 300, 40_000] {
        let content = common::content(length);
        for encoder in Encoder::all() {
            let mut deflate = Vec::new();
            if !Encoders::new().deflate(encoder, &content, &mut deflate) {
                continue;
            }
            let corrections = preflate::analyse(&deflate, &content);
            let corrections = corrections.unwrap_or_else(|| panic!("{} {length}", encoder.name()));
            let rebuilt = preflate::rebuild(&content, &corrections, deflate.len());
            assert!(
                rebuilt.as_deref() == Some(&deflate[..]),
                "{}",
                encoder.name()
            );
        }
    }
}

#[test]
fn a_stream_near_a_known_encoder_costs_little() {
    let content = common::content(65_280);
    for number in [0x01, 0x06, 0x26, 0x57, 0x60, 0x61] {
        let deflate = deflated(number, &content);
        let corrections = preflate::analyse(&deflate, &content).expect("corrections");
        assert!(
            corrections.len() < deflate.len() / 20,
            "0x{number:02X}: {}",
            corrections.len()
        );
    }
}

#[test]
fn content_that_is_not_of_the_stream_gives_no_corrections() {
    let content = common::content(5_000);
    let deflate = deflated(6, &content);
    let mut other = content.clone();
    other[2_500] ^= 1;
    assert_eq!(preflate::analyse(&deflate, &other), None);
    assert_eq!(preflate::analyse(&deflate, &content[1..]), None);
    assert_eq!(
        preflate::analyse(&deflate[..deflate.len() - 1], &content),
        None
    );
    let longer = [&deflate[..], &[0]].concat();
    assert_eq!(preflate::analyse(&longer, &content), None);
}

#[test]
fn the_length_limit_holds() {
    let content = common::content(5_000);
    let deflate = deflated(9, &content);
    let corrections = preflate::analyse(&deflate, &content).expect("corrections");
    assert!(preflate::rebuild(&content, &corrections, deflate.len()).is_some());
    assert_eq!(
        preflate::rebuild(&content, &corrections, deflate.len() - 1),
        None
    );
    assert_eq!(preflate::rebuild(&content, &corrections, 0), None);
}

#[test]
fn hostile_corrections_end_within_the_limit() {
    let content = common::content(3_000);
    let corrections = preflate::analyse(&deflated(9, &content), &content).expect("corrections");
    let mut state = 1u32;
    for round in 0..4_000u32 {
        let mut hostile = corrections.clone();
        for _ in 0..=round % 3 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = state as usize / 7 % hostile.len();
            hostile[place] = (state >> 16) as u8;
        }
        hostile.truncate(hostile.len() - round as usize % hostile.len().min(50));
        let rebuilt = preflate::rebuild(&content, &hostile, 4_000);
        assert!(rebuilt.is_none_or(|r| r.len() <= 4_000));
    }
    for number in 0..=255 {
        for filler in [0, 0xFF, 0x55, number] {
            for length in [0, 1, 7, 1_000] {
                let mut hostile = vec![filler; length];
                hostile.insert(0, number);
                let rebuilt = preflate::rebuild(&content, &hostile, 4_000);
                assert!(rebuilt.is_none_or(|r| r.len() <= 4_000));
            }
        }
    }
    assert!(preflate::rebuild(&content, &[], 4_000).is_none_or(|r| r.len() <= 4_000));
}

#[test]
fn hostile_streams_are_refused_without_panic() {
    let content = common::content(3_000);
    let deflate = deflated(9, &content);
    let mut state = 7u32;
    for _ in 0..3_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut damaged = deflate.clone();
        let place = state as usize / 7 % damaged.len();
        damaged[place] ^= (state >> 16) as u8 | 1;
        let mut decoded = vec![0; content.len()];
        let sound = Inflater::new().inflate_exact(&damaged, &mut decoded);
        if let Some(corrections) = preflate::analyse(&damaged, &decoded) {
            assert!(sound, "corrections for a stream that does not decode");
            let rebuilt = preflate::rebuild(&decoded, &corrections, damaged.len());
            assert!(rebuilt.as_deref() == Some(&damaged[..]));
        }
    }
}

#[test]
fn blocks_of_unknown_writers_are_rebuilt() {
    let Some(folder) = common::corpus() else {
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv")).expect("a manifest");
    let mut inflater = Inflater::new();
    let (mut blocks, mut bytes, mut cost) = (0, 0, 0);
    for line in manifest.lines().filter(|line| line.contains("nomatch")) {
        let path = line.split('\t').next().expect("a path");
        let file = std::fs::read(folder.join(path)).expect("a file of the manifest");
        for block in common::blocks(&file).iter().step_by(9) {
            let mut content = vec![0; block.length];
            assert!(inflater.inflate_exact(block.deflate, &mut content));
            let corrections = preflate::analyse(block.deflate, &content).expect(path);
            (blocks, bytes) = (blocks + 1, bytes + block.deflate.len());
            cost += corrections.len();
        }
    }
    println!("{blocks} blocks, {bytes} bytes, corrections {cost}");
    assert!(blocks > 0 && cost < bytes / 8, "{cost} of {bytes}");
}
