//! Promises: the bytes of ISA-L's assembly path, real files made again, and streams that inflate.

use std::path::PathBuf;

use super::{HTSJDK_ROOM, MAX_CONTENT, deflate, deflate_early};
use crate::Inflater;

/// Kinds of content, each made of a seed and a length.
const KINDS: [&str; 5] = [
    "records",
    "noise",
    "repeats",
    "blank start",
    "hardly shrinks",
];

/// Lengths around the borders of tables, blocks and fields.
const LENGTHS: [usize; 14] = [
    1_000, 4_095, 4_096, 4_097, 8_191, 16_383, 16_384, 32_768, 40_000, 65_280, 65_497, 65_498,
    65_535, 65_536,
];

/// Digests of ISA-L 2.30's output on a CPU with AVX-512, called as GKL does: one line a kind,
/// one column a level, first all lengths to 600, then those of [`LENGTHS`].
const GOLDEN: [[[u64; 3]; 2]; 5] = [
    [
        [
            0x2ad6_5f2c_0206_0e8b,
            0x6039_26c1_fd43_fc25,
            0x6039_26c1_fd43_fc25,
        ],
        [
            0xbcf2_fa13_6a58_6d51,
            0x6528_0621_1909_262b,
            0x8fda_7778_250f_fd29,
        ],
    ],
    [
        [
            0x2c7e_1d56_b7ab_841c,
            0x2c7e_1d56_b7ab_841c,
            0x2c7e_1d56_b7ab_841c,
        ],
        [
            0x10f4_1bed_e16a_8a41,
            0x10f4_1bed_e16a_8a41,
            0x10f4_1bed_e16a_8a41,
        ],
    ],
    [
        [
            0xf409_2793_db28_3c89,
            0x3d7c_7889_31f0_82ba,
            0x3d7c_7889_31f0_82ba,
        ],
        [
            0x47e2_3347_de46_8cfc,
            0xdf4d_1356_a784_d454,
            0x22c0_cbf4_2bfe_5680,
        ],
    ],
    [
        [
            0x31c5_ec61_47d8_8542,
            0xeb16_a160_fc3d_4c0d,
            0xeb16_a160_fc3d_4c0d,
        ],
        [
            0xc9c8_96ab_dbb6_8885,
            0x6236_e7a4_f71f_eedd,
            0x984b_d8a8_6d98_88bd,
        ],
    ],
    [
        [
            0xb482_806b_77f8_748f,
            0x489e_a38f_b752_4de9,
            0x489e_a38f_b752_4de9,
        ],
        [
            0x53b1_0ca1_afb6_5e59,
            0x0506_90f7_aace_a659,
            0x1d27_9712_c535_295b,
        ],
    ],
];

/// Digests of this module's output for the early generation: no such library is at hand, but
/// the code that gave them makes every block of two files of GATK 4.0 and 4.1 again.
const GOLDEN_EARLY: [[u64; 3]; 5] = [
    [
        0x3c79_c2b3_3849_9836,
        0xd813_b977_0683_4f8a,
        0x7f36_fc40_6726_2b6a,
    ],
    [
        0x7216_b665_e2b1_82d8,
        0x86a0_da67_c906_9ca5,
        0x86a0_da67_c906_9ca5,
    ],
    [
        0x04d9_5b4f_bed1_5516,
        0xab30_214c_b598_b5b4,
        0x9f2f_1380_320b_9a49,
    ],
    [
        0xef07_ee3d_0ef8_fc54,
        0xc3b9_3980_93a9_7aa5,
        0xc812_3244_faca_8049,
    ],
    [
        0x801e_f2e1_d20b_ab53,
        0xbebe_59fa_8b93_1545,
        0x07cf_5cfc_20d1_a937,
    ],
];

/// Deterministic content of a kind.
pub fn content(kind: usize, length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64 ^ ((kind as u64) << 32 | length as u64);
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    let mut made = Vec::with_capacity(length + 8_192);
    if kind == 3 {
        let byte = if length.is_multiple_of(2) { 0 } else { 0xff };
        made.resize([length.min(300), 4_095, 4_096, 9_000][random(4)], byte);
    }
    while made.len() < length {
        let run = random(40) + 4;
        match kind {
            0 | 3 => {
                let name = b"\x00\x00A00206:9:H2KJLDMXX:2:1";
                made.extend_from_slice(&name[..run.min(name.len())]);
                made.extend(
                    (0..run).map(|_| b"\x11\x12\x14\x18\x21\x22\x24\x28\x41\x42"[random(10)]),
                );
                made.extend((0..run).map(|_| [37, 37, 37, 37, 23, 12][random(6)]));
                made.extend_from_slice(b"NMC\x00MDZ151\x00");
            }
            1 => made.extend((0..run).map(|_| random(256) as u8)),
            2 => {
                made.extend((0..run).map(|_| b"ACGT\n"[random(5)]));
                let back = random(made.len().min(40_000)) + 1;
                let times = [run, 254 + random(14), 4_120 + random(20), random(6_000)][random(4)];
                for _ in 0..times {
                    made.push(made[made.len() - back]);
                }
            }
            _ => {
                made.extend((0..run).map(|_| random(250) as u8));
                if random(4) == 0 && made.len() > 100 {
                    let from = random(made.len() - 50);
                    made.extend_from_within(from..from + 10 + random(30));
                }
            }
        }
    }
    made.truncate(length);
    made
}

/// FNV-1a of all outputs and their lengths.
pub fn digest(
    kind: usize,
    lengths: impl Iterator<Item = usize>,
    mut deflate: impl FnMut(&[u8]) -> Vec<u8>,
) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for length in lengths {
        let output = deflate(&content(kind, length));
        let size = (output.len() as u64).to_le_bytes();
        for byte in size.into_iter().chain(output) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[test]
fn the_bytes_are_those_of_the_library_on_simd() {
    for (kind, name) in KINDS.iter().enumerate() {
        for level in 0..3 {
            let make = |content: &[u8]| {
                let mut out = Vec::new();
                assert!(deflate(level, content, &mut out));
                out
            };
            let short = digest(kind, 0..=600, make);
            let long = digest(kind, LENGTHS.into_iter(), make);
            let expected = GOLDEN[kind].map(|levels| levels[usize::from(level)]);
            assert_eq!([short, long], expected, "{name}, level {level}");
        }
    }
}

#[test]
fn the_early_bytes_stay_as_they_are() {
    for (kind, name) in KINDS.iter().enumerate() {
        for level in 0..3 {
            let lengths = (0..=600).step_by(7).chain(LENGTHS);
            let lengths = lengths.filter(|length| length + 5 <= HTSJDK_ROOM);
            let made = digest(kind, lengths, |content: &[u8]| {
                let mut out = Vec::new();
                assert!(deflate_early(level, content, &mut out));
                out
            });
            let expected = GOLDEN_EARLY[kind][usize::from(level)];
            assert_eq!(made, expected, "{name}, level {level}");
        }
    }
}

#[test]
fn every_stream_inflates_to_its_content() {
    let mut inflater = Inflater::new();
    for kind in 0..KINDS.len() {
        for length in (0..=600).step_by(13).chain(LENGTHS) {
            let expected = content(kind, length);
            for (level, early) in [
                (0, false),
                (1, false),
                (2, false),
                (0, true),
                (1, true),
                (2, true),
            ] {
                let mut out = b"kept".to_vec();
                let encode = if early { deflate_early } else { deflate };
                if !encode(level, &expected, &mut out) {
                    assert!(early && length + 5 > HTSJDK_ROOM);
                    continue;
                }
                let mut inflated = vec![0; length];
                assert!(out.starts_with(b"kept"));
                assert!(inflater.inflate_exact(&out[4..], &mut inflated), "{length}");
                assert_eq!(
                    inflated, expected,
                    "kind {kind}, length {length}, level {level}"
                );
            }
        }
    }
}

#[test]
fn levels_and_contents_beyond_are_refused_and_leave_the_output_alone() {
    let mut out = b"kept".to_vec();
    assert!(!deflate(3, b"content", &mut out));
    assert!(!deflate(0, &vec![0; MAX_CONTENT + 1], &mut out));
    assert!(!deflate_early(3, b"content", &mut out));
    assert!(!deflate_early(0, &vec![0; HTSJDK_ROOM - 4], &mut out));
    assert_eq!(out, b"kept");
}

#[test]
fn content_that_does_not_shrink_is_stored() {
    let noise = content(1, 65_498);
    for level in 0..3 {
        let mut out = Vec::new();
        assert!(deflate(level, &noise, &mut out));
        assert_eq!(out[..5], [1, 0xda, 0xff, 0x25, 0x00]);
        assert_eq!(out[5..], noise);
    }
}

/// Files of the corpus by GKL: folder, start of the name, level asked for, generation.
const FILES: [(&str, &str, u8, bool); 4] = [
    (
        "bgzf_writers_dev",
        "mapqc_wgs5k.picard2.27-intel-l1",
        1,
        false,
    ),
    (
        "bgzf_writers_dev",
        "mapqc_wgs5k.picard2.27-intel-l2",
        2,
        false,
    ),
    ("hiseq_bqsr_oq_bibd", "samtools.01ad31", 2, true),
    ("hiseqx_8level", "broadinstitute.da7bd9", 2, true),
];

#[test]
fn every_block_of_gkl_in_real_files_is_made_again() {
    let corpus = std::env::var_os("READVAULT_CORPUS").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/corpus"
            ))
        },
        PathBuf::from,
    );
    if !corpus.is_dir() {
        eprintln!("SKIPPED: no corpus at {}", corpus.display());
        return;
    }
    let mut inflater = Inflater::new();
    for (folder, name, level, early) in FILES {
        let mut entries = std::fs::read_dir(corpus.join(folder)).expect("a folder of the corpus");
        let path = entries
            .find_map(|entry| {
                let path = entry.ok()?.path();
                let found = path.file_name()?.to_str()?.starts_with(name);
                found.then_some(path)
            })
            .expect("a file of the corpus");
        let file = std::fs::read(path).expect("a readable file");
        let mut made_again = 0;
        for (number, (stream, length)) in blocks(&file).into_iter().enumerate() {
            if length == 0 {
                continue; // the end of the file, written by htsjdk itself
            }
            let mut content = vec![0; length];
            assert!(
                inflater.inflate_exact(stream, &mut content),
                "{name} {number}"
            );
            let level = if number == 0 { level } else { 0 };
            let mut out = Vec::new();
            let encode = if early { deflate_early } else { deflate };
            assert!(encode(level, &content, &mut out));
            assert!(out == stream, "{name}, block {number}");
            made_again += 1;
        }
        assert!(made_again > 30, "{name}: {made_again} blocks");
    }
}

/// DEFLATE bytes and content length of each block, for the header htsjdk writes (18 bytes).
fn blocks(file: &[u8]) -> Vec<(&[u8], usize)> {
    let mut found = Vec::new();
    let mut rest = file;
    while rest.len() > 26 {
        let size = usize::from(u16::from_le_bytes([rest[16], rest[17]])) + 1;
        let (block, after) = rest.split_at(size);
        let (stream, trailer) = block[18..].split_at(size - 26);
        let length = trailer[4..].try_into().map(u32::from_le_bytes);
        found.push((stream, length.expect("four bytes") as usize));
        rest = after;
    }
    found
}
