//! Every encoder gives DEFLATE that decodes to its content, whatever the content's length.

mod common;

use readvault_encoders::{Encoder, Encoders, Inflater, MAX_CONTENT};

/// Lengths at which something changes: empty, tiny, the limits of stored blocks and of BGZF.
const LENGTHS: [usize; 14] = [
    0, 1, 2, 15, 56, 300, 1000, 32_506, 32_768, 65_280, 65_535, 65_536, 65_513, 131_071,
];

#[test]
fn every_encoder_gives_what_decodes_to_its_content() {
    let (mut encoders, mut inflater) = (Encoders::new(), Inflater::new());
    let (mut deflate, mut back) = (Vec::new(), Vec::new());
    for length in LENGTHS {
        let content = common::content(length);
        for encoder in Encoder::all() {
            let can = encoders.deflate(encoder, &content, &mut deflate);
            let too_long = match encoder.number() {
                0x60..=0x62 => length > 65_536,
                0x64..=0x66 => length > 65_513,
                _ => false,
            };
            if too_long || encoder == Encoder::EMPTY && length > 0 {
                assert!(!can, "{} takes {length} bytes", encoder.name());
                continue;
            }
            assert!(can, "{} refuses {length} bytes", encoder.name());
            let taken = inflater.inflate(&deflate, &mut back, length);
            assert_eq!(taken, Ok(deflate.len()), "{} {length}", encoder.name());
            assert!(back == content, "{} {length}", encoder.name());
            assert!(encoders.makes(encoder, &content, &deflate));
        }
    }
}

#[test]
fn a_compressor_used_again_gives_the_same_bytes_as_a_fresh_one() {
    let mut used = Encoders::new();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for length in [30_000, 7, 0, 65_536] {
        let content = common::content(length);
        for encoder in Encoder::all() {
            let again = used.deflate(encoder, &content, &mut first);
            let fresh = Encoders::new().deflate(encoder, &content, &mut second);
            assert_eq!(again, fresh);
            assert!(!fresh || first == second, "{} {length}", encoder.name());
        }
    }
}

#[test]
fn one_changed_byte_is_seen() {
    let mut encoders = Encoders::new();
    let content = common::content(50_000);
    let mut deflate = Vec::new();
    for encoder in Encoder::all().filter(|&e| e != Encoder::EMPTY) {
        assert!(encoders.deflate(encoder, &content, &mut deflate));
        for place in [0, deflate.len() / 2, deflate.len() - 1] {
            deflate[place] ^= 0x10;
            assert!(!encoders.makes(encoder, &content, &deflate));
            deflate[place] ^= 0x10;
        }
        let shorter = &deflate[..deflate.len() - 1];
        assert!(!encoders.makes(encoder, &content, shorter));
        deflate.push(0);
        assert!(!encoders.makes(encoder, &content, &deflate));
    }
}

#[test]
fn an_encoder_is_found_by_its_bytes_with_and_without_a_hint() {
    let mut encoders = Encoders::new();
    let mut deflate = Vec::new();
    for length in [400, 20_000] {
        let content = common::content(length);
        for encoder in Encoder::all().filter(|&e| e != Encoder::EMPTY) {
            assert!(encoders.deflate(encoder, &content, &mut deflate));
            let hinted = encoders.identify(&content, &deflate, &[encoder]);
            assert_eq!(hinted, Some(encoder));
            // Several encoders may give the same bytes: any that does will do.
            let found = encoders.identify(&content, &deflate, &[]);
            let found = found.unwrap_or_else(|| panic!("{} not found", encoder.name()));
            assert!(encoders.makes(found, &content, &deflate));
        }
    }
}

#[test]
fn the_common_encoders_are_found_without_asking_the_slow_ones() {
    let mut encoders = Encoders::new();
    let content = common::content(20_000);
    let mut deflate = Vec::new();
    let slow = Encoder::from_number(0x2C).expect("libdeflate 1.7 level 12");
    assert!(encoders.deflate(slow, &content, &mut deflate));
    assert_eq!(encoders.identify_common(&content, &deflate, &[]), None);
    let hinted = encoders.identify_common(&content, &deflate, &[slow]);
    assert_eq!(hinted, Some(slow));
    for number in [0x06, 0x05, 0x57, 0x26, 0x60] {
        let encoder = Encoder::from_number(number).expect("a known number");
        assert!(encoders.deflate(encoder, &content, &mut deflate));
        let found = encoders.identify_common(&content, &deflate, &[]);
        assert_eq!(found, Some(encoder));
    }
}

#[test]
fn bytes_of_no_encoder_are_not_identified() {
    let content = common::content(500);
    let mut deflate = Vec::new();
    Encoders::new().deflate(Encoder::STORED, &content, &mut deflate);
    // A stored block that is not the last, and an empty one after it: sound, but made by none.
    deflate[0] = 0;
    deflate.extend_from_slice(&[1, 0, 0, 0xFF, 0xFF]);
    let mut back = Vec::new();
    assert!(Inflater::new().inflate(&deflate, &mut back, 500).is_ok());
    assert_eq!(Encoders::new().identify(&content, &deflate, &[]), None);
}

#[test]
fn content_of_the_longest_length_is_taken_and_longer_content_refused() {
    let mut encoders = Encoders::new();
    let content = vec![0; MAX_CONTENT + 1];
    let mut deflate = Vec::new();
    for number in [0x01, 0x21, 0x31, 0x51, 0x71] {
        let encoder = Encoder::from_number(number).expect("a known number");
        assert!(encoders.deflate(encoder, &content[1..], &mut deflate));
        assert!(!encoders.deflate(encoder, &content, &mut deflate));
        assert!(!encoders.makes(encoder, &content, &deflate));
    }
}
