//! A short, seeded run of every fuzzer on damaged real bytes, so that each build is tried; and the seeds for long runs.

use std::path::Path;

use super::*;
use crate::archive::{CompressOptions, Level, Output, compress};
use crate::codec::Hint;
use crate::container::header::MemberKind;
use crate::source::parts::tests::chunk;
use crate::source::parts::tests::random::Random;
use crate::source::{bam as records_of, streams};

/// Runs of each fuzzer.
const RUNS: u64 = 250;

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u16).to_le_bytes());
    out.extend(bytes);
}

/// Two chunks' parts at a level.
fn coded_parts(level: Level, random: &mut Random) -> Vec<u8> {
    let references = [b"c1".to_vec(), b"c2".to_vec()];
    let context = Context {
        references: &references,
        bases: None,
    };
    let (content, items) = chunk(6, random);
    let mut records = records_of::parse(&content, &items).fields;
    let mut out = vec![records.count as u8, 0];
    let mut models = Models::default();
    for _ in 0..2 {
        let mut decoded = Records::to_decode(records.count, content.len());
        let mut left = Models::default();
        for (number, part) in Part::ALL.into_iter().enumerate() {
            let coded = models.encode(part, level, &context, &mut records).unwrap();
            let family = Family::of_codec(part, coded.codec).unwrap();
            if family == Family::Quick {
                out[1] |= 1 << number;
            }
            put(&mut out, &coded.stored);
            let after = models.decode(part, family, &coded.stored, &context, &mut decoded);
            left.take(part, after.unwrap());
        }
        // A second chunk's columns are not coded yet.
        for column in &mut records.columns {
            column.complete = false;
        }
        models = left;
    }
    out
}

/// A chunk of streams, as `chunks` takes it.
fn coded_streams(random: &mut Random) -> Vec<u8> {
    let (content, items) = chunk(3, random);
    let parsed = records_of::parse(&content, &items);
    let numbers = [0, content.len(), parsed.records as usize, 0, 0, 16];
    let mut out: Vec<u8> = numbers
        .iter()
        .flat_map(|&one| (one as u16).to_le_bytes())
        .collect();
    let context = Context {
        references: &[],
        bases: None,
    };
    let mut all = parsed.streams;
    if random.one_in(2) {
        records_of::split(&parsed.fields, &context, &mut all);
    }
    for unit in streams::encode(all) {
        for &(key, length) in &unit.members {
            let numbers = [0, u16::from(unit.codec), key as u16, length as u16];
            out.extend(numbers.iter().flat_map(|one| one.to_le_bytes()));
        }
        put(&mut out, &unit.stored);
    }
    out
}

/// A codec's stored bytes, as `codecs` takes them.
fn coded_stream(random: &mut Random) -> Vec<u8> {
    let length = random.below(3000);
    let hints = [
        Hint::Bytes,
        Hint::Text,
        Hint::Integers,
        Hint::Symbols,
        Hint::Strings,
    ];
    let hint = *random.pick(&hints);
    let decoded: Vec<u8> = (0..length / 4 * 4)
        .map(|at| {
            if at % 4 > 1 && hint == Hint::Integers {
                0
            } else {
                random.below(20) as u8 + 40
            }
        })
        .collect();
    let encoded = codec::encode(hint, &decoded);
    let mut out = vec![encoded.codec];
    out.extend((decoded.len() as u16).to_le_bytes());
    out.extend(encoded.stored);
    out
}

/// Bases on a reference, as `codecs` takes them.
fn coded_bases(random: &mut Random) -> Vec<u8> {
    let count = random.below(20) + 1;
    let mut out = vec![number::COVERED, 0, 0, count as u8];
    let (mut position, mut cigar, mut bases) = (Vec::new(), Vec::new(), Vec::new());
    for record in 0..count {
        let clipped = random.below(9) as u32 + 1;
        let operations = [
            clipped << 4 | 4,
            (100 - clipped) << 4 | *random.pick(&[0, 7, 8]),
        ];
        position.push(record as i32 * 7);
        cigar.extend(operations);
        bases.extend(
            (0..100).map(|at| [1, 1, 2, 8, 15][(at % 4 + usize::from(random.one_in(30))) % 5]),
        );
        let fields = [
            position[record] as u16,
            0,
            operations[0] as u16,
            operations[1] as u16,
        ];
        out.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
    }
    let alignments = codec::Alignments {
        reference: &vec![0; count],
        position: &position,
        lengths: &vec![100; count],
        cigar_counts: &vec![2; count],
        cigar: &cigar,
    };
    let revealed = covered::Revealed {
        mds: &[],
        given: None,
    };
    out.extend(
        covered::encode(&alignments, &bases, revealed)
            .unwrap()
            .0
            .stored,
    );
    out
}

/// A block's content and its corrections, or its DEFLATE bytes, as `blocks` takes them.
fn coded_block(random: &mut Random) -> Vec<u8> {
    let (content, _) = chunk(2, random);
    let encoders: Vec<_> = readvault_encoders::Encoder::all().collect();
    let mut deflate = Vec::new();
    Encoders::new().deflate(*random.pick(&encoders), &content, &mut deflate);
    let mut out = Vec::new();
    if random.one_in(2) {
        put(&mut out, &content);
        out.extend(preflate::analyse(&deflate, &content).unwrap_or_default());
    } else {
        put(&mut out, b"");
        out.extend(deflate);
    }
    out
}

/// An archive of some records at a level.
fn coded_archive(level: Level, random: &mut Random) -> Vec<u8> {
    struct Silent;
    impl Progress for Silent {
        fn update(&self, _: u64, _: Option<u64>) -> bool {
            true
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let (source, archive) = (folder.path().join("x"), folder.path().join("x.rv"));
    fs::write(&source, chunk(4, random).0).unwrap();
    let options = CompressOptions {
        level,
        threads: 1,
        ..CompressOptions::default()
    };
    let (input, output) = (Input::from(source), Output::from(archive.clone()));
    compress(&input, &output, &options, &Silent).unwrap();
    fs::read(archive).unwrap()
}

/// Bytes that a fuzzer of this name takes, undamaged.
fn seed(target: &str, random: &mut Random) -> Vec<u8> {
    let level = *random.pick(&Level::ALL);
    match target {
        "codecs" if random.one_in(3) => coded_bases(random),
        "codecs" => coded_stream(random),
        "parts" => coded_parts(level, random),
        "chunks" => coded_streams(random),
        "blocks" => coded_block(random),
        "archive" => coded_archive(level, random),
        _ => {
            let which = random.below(256) as u8;
            let body = match which % 4 {
                0 => Header {
                    uuid: [7; 16],
                    kind: MemberKind::Bam,
                    version: crate::container::VERSION,
                    level: level.number(),
                }
                .write(),
                1 => Trailer::default().write(),
                _ => {
                    let length = random.below(60);
                    random.bytes(length)
                }
            };
            [&[which], &body[..body.len().saturating_sub(4)]].concat()
        }
    }
}

/// Damages bytes as an attacker might.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => {
                let length = random.below(20);
                bytes.splice(at..at, random.bytes(length));
            }
            2 => {
                let end = (at + random.below(8)).min(bytes.len());
                bytes[at..end].fill(*random.pick(&[0, 0xff]));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}

#[test]
fn a_seeded_run_of_every_fuzzer_finds_nothing() {
    for (name, target) in TARGETS {
        for run in 0..RUNS {
            let random = &mut Random::new(run);
            let mut bytes = seed(name, random);
            if run > 3 {
                damage(&mut bytes, random);
            }
            target(&bytes);
        }
    }
}

#[test]
#[ignore = "writes seeds for long runs of the fuzzers: ./run fuzz"]
fn seeds_are_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, _) in TARGETS {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        for number in 0..40 {
            let bytes = seed(name, &mut Random::new(number));
            fs::write(folder.join(format!("seed-{number}")), bytes).unwrap();
        }
    }
}
