//! The numbers, their names and the bytes they stand for never change: archives hold them.
//!
//! When this test fails after an upgrade of a library, the upgrade changes the format: keep the
//! old version, or give the new bytes new numbers.

mod common;

use readvault_encoders::{Encoder, Encoders, preflate};

/// Number, name, and CRC-32 of what the encoder makes of the contents below, one after another.
const GOLDEN: &[(u8, &str, u32)] = &[
    (0x01, "zlib 1", 0xB3E551BD),
    (0x02, "zlib 2", 0x58018545),
    (0x03, "zlib 3", 0x6402EC9B),
    (0x04, "zlib 4", 0x72F475A0),
    (0x05, "zlib 5", 0x4ED44698),
    (0x06, "zlib 6", 0xF16236F8),
    (0x07, "zlib 7", 0x01EDB5E3),
    (0x08, "zlib 8", 0x4C1ACEAB),
    (0x09, "zlib 9", 0x4C1ACEAB),
    (0x11, "zlib 1 memlevel 9", 0x34D870F5),
    (0x12, "zlib 2 memlevel 9", 0xF35A750C),
    (0x13, "zlib 3 memlevel 9", 0x45AC6901),
    (0x14, "zlib 4 memlevel 9", 0x1F0D9955),
    (0x15, "zlib 5 memlevel 9", 0x4AEC9A07),
    (0x16, "zlib 6 memlevel 9", 0x709E1FCC),
    (0x17, "zlib 7 memlevel 9", 0x0C86B151),
    (0x18, "zlib 8 memlevel 9", 0x4C1ACEAB),
    (0x19, "zlib 9 memlevel 9", 0x4C1ACEAB),
    (0x21, "libdeflate 1.7 level 1", 0x7A0677D3),
    (0x22, "libdeflate 1.7 level 2", 0x67B1FE55),
    (0x23, "libdeflate 1.7 level 3", 0x57665020),
    (0x24, "libdeflate 1.7 level 4", 0x307BAE6E),
    (0x25, "libdeflate 1.7 level 5", 0x604EFAB0),
    (0x26, "libdeflate 1.7 level 6", 0x253C4409),
    (0x27, "libdeflate 1.7 level 7", 0x341635B2),
    (0x28, "libdeflate 1.7 level 8", 0x76886B05),
    (0x29, "libdeflate 1.7 level 9", 0x45EA4515),
    (0x2A, "libdeflate 1.7 level 10", 0x6FFE6D99),
    (0x2B, "libdeflate 1.7 level 11", 0x4CBC3870),
    (0x2C, "libdeflate 1.7 level 12", 0x1D48881A),
    (0x31, "libdeflate 1.14 level 1", 0xE3E2802C),
    (0x32, "libdeflate 1.14 level 2", 0x808E99CE),
    (0x33, "libdeflate 1.14 level 3", 0x3CE76EE5),
    (0x34, "libdeflate 1.14 level 4", 0xE86D996A),
    (0x35, "libdeflate 1.14 level 5", 0xA1F34CF9),
    (0x36, "libdeflate 1.14 level 6", 0x6C42475A),
    (0x37, "libdeflate 1.14 level 7", 0x93C5E869),
    (0x38, "libdeflate 1.14 level 8", 0x21930106),
    (0x39, "libdeflate 1.14 level 9", 0xA6AD491A),
    (0x3A, "libdeflate 1.14 level 10", 0x43748207),
    (0x3B, "libdeflate 1.14 level 11", 0xE4FBEC90),
    (0x3C, "libdeflate 1.14 level 12", 0x2FC92E0C),
    (0x4A, "libdeflate 1.18 level 10", 0x5C8B3A25),
    (0x4B, "libdeflate 1.18 level 11", 0xE7B2DC71),
    (0x4C, "libdeflate 1.18 level 12", 0x5E40ABBC),
    (0x51, "libdeflate 1.26 level 1", 0xE3E2802C),
    (0x52, "libdeflate 1.26 level 2", 0x75189FC8),
    (0x53, "libdeflate 1.26 level 3", 0x0E18ED8B),
    (0x54, "libdeflate 1.26 level 4", 0x8EEA1C0B),
    (0x55, "libdeflate 1.26 level 5", 0x69195B30),
    (0x56, "libdeflate 1.26 level 6", 0x39D0228E),
    (0x57, "libdeflate 1.26 level 7", 0xD467EDF3),
    (0x58, "libdeflate 1.26 level 8", 0xF3831B23),
    (0x59, "libdeflate 1.26 level 9", 0x2ACBBE4F),
    (0x5A, "libdeflate 1.26 level 10", 0x0E5764A0),
    (0x5B, "libdeflate 1.26 level 11", 0xDE7BC97E),
    (0x5C, "libdeflate 1.26 level 12", 0x19843BF7),
    (0x60, "isa-l level 0 (GKL)", 0x17579541),
    (0x61, "isa-l level 1 (GKL)", 0xFD21E330),
    (0x62, "isa-l level 2 (GKL)", 0xF78BCA20),
    (0x64, "isa-l early level 0 (GKL)", 0xE3397D4F),
    (0x65, "isa-l early level 1 (GKL)", 0x941DE1DE),
    (0x66, "isa-l early level 2 (GKL)", 0x2565E592),
    (0x70, "empty block", 0x6AF4413C),
    (0x71, "stored block", 0xD4561BD7),
];

/// Lengths of the contents: a full BGZF block, then ones so short that the releases of libdeflate differ.
const LENGTHS: [usize; 6] = [65_280, 700, 150, 60, 20, 0];

fn crc_of(encoders: &mut Encoders, encoder: Encoder) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    let mut deflate = Vec::new();
    for length in LENGTHS {
        if encoders.deflate(encoder, &common::content(length), &mut deflate) {
            crc.update(&deflate);
        }
    }
    crc.finalize()
}

#[test]
fn numbers_names_and_bytes_are_those_of_the_golden_list() {
    let mut encoders = Encoders::new();
    let found: Vec<(u8, String, u32)> = Encoder::all()
        .map(|e| (e.number(), e.name(), crc_of(&mut encoders, e)))
        .collect();
    for (number, name, crc) in &found {
        println!("    (0x{number:02X}, {name:?}, 0x{crc:08X}),");
    }
    let golden = GOLDEN.iter().map(|&(n, name, crc)| (n, name.into(), crc));
    assert_eq!(found, golden.collect::<Vec<_>>());
}

#[test]
fn the_content_of_the_golden_list_is_what_it_was() {
    assert_eq!(crc32fast::hash(&common::content(65_280)), 0x1DB9A1E7);
}

/// Encoder number of a stream, and CRC-32 of the corrections for it: one near its reference, and
/// ones that no reference makes.
const CORRECTIONS: &[(u8, u32)] = &[
    (0x06, 0x59018F2A),
    (0x02, 0x78645A70),
    (0x29, 0x145AAA2E),
    (0x3C, 0x69736C89),
    (0x71, 0xED56CA7D),
];

#[test]
fn the_form_of_corrections_is_that_of_the_golden_list() {
    let mut encoders = Encoders::new();
    let content = common::content(30_000);
    let mut deflate = Vec::new();
    let mut found = Vec::new();
    for &(number, _) in CORRECTIONS {
        let encoder = Encoder::from_number(number).expect("a known number");
        assert!(encoders.deflate(encoder, &content, &mut deflate));
        let corrections = preflate::analyse(&deflate, &content).expect("corrections");
        found.push((number, crc32fast::hash(&corrections)));
    }
    assert_eq!(found, CORRECTIONS);
}

#[test]
fn names_are_unique_and_reserved_numbers_name_nothing() {
    let mut names: Vec<String> = Encoder::all().map(Encoder::name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    for number in std::iter::once(0).chain(240..=255) {
        assert_eq!(Encoder::from_number(number), None);
    }
}

#[test]
fn the_specification_lists_the_same_numbers_and_names() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/encoders.md");
    let text = std::fs::read_to_string(path).expect("spec/encoders.md");
    let listed: Vec<(u8, String)> = text
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| 0x")?.split('|').map(str::trim);
            let number = u8::from_str_radix(cells.next()?, 16).ok()?;
            Some((number, cells.next()?.to_string()))
        })
        .collect();
    let known: Vec<(u8, String)> = Encoder::all().map(|e| (e.number(), e.name())).collect();
    assert_eq!(listed, known);
}

#[test]
fn the_specification_names_the_pinned_versions() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/encoders.md");
    let text = std::fs::read_to_string(path).expect("spec/encoders.md");
    let manifest = include_str!("../Cargo.toml");
    for library in ["libdeflate-sys", "libz-sys"] {
        let line = manifest.lines().find(|line| line.starts_with(library));
        let version = line.and_then(|line| line.split("\"=").nth(1)?.split('"').next());
        let version = version.expect("an exact version");
        assert!(
            text.contains(&format!("`{library}` {version}")),
            "{library}"
        );
    }
}
