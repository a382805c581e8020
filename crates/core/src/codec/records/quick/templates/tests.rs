//! Round trips of real, hand-made and damaged records.

use super::*;
use crate::codec::mixing::{Decoder, Encoder};
use crate::codec::records::alignment::tests::{CONTEXT, FILES, Random};
use crate::codec::records::{Column, laboratory, quick};

/// Records as a decoder has them before this part is decoded.
fn stripped(records: &Records) -> Records {
    let mut stripped = records.clone();
    for record in 0..records.count {
        if !records.found_mates[record] {
            stripped.links[record] = 0;
        }
    }
    stripped.lines = vec![0; records.count];
    stripped.read_groups = vec![0; records.count];
    stripped.line_tags.clear();
    stripped.columns.clear();
    stripped
}

/// Panics unless `decoded` has what `coded` has.
fn check(coded: &Records, decoded: &Records) {
    let same = |(coded, decoded): (&Column, &Column)| {
        (coded.tag, coded.kind, &coded.records) == (decoded.tag, decoded.kind, &decoded.records)
            && (!coded.complete || coded == decoded)
    };
    assert_eq!(coded.links, decoded.links);
    assert_eq!(coded.lines, decoded.lines);
    assert_eq!(coded.line_tags, decoded.line_tags);
    assert_eq!(coded.read_groups, decoded.read_groups);
    assert_eq!(coded.columns.len(), decoded.columns.len());
    assert!(coded.columns.iter().zip(&decoded.columns).all(same));
}

/// Lets the alignment model find mates.
fn find_mates(records: &mut Records) {
    let mut model = quick::alignment::Model::fit(Level::Default, &CONTEXT, records);
    model.code(&mut Encoder::new(), &CONTEXT, records).unwrap();
}

/// Codes the chunks, each but the first with a clone of the first one's model; gives the stored bytes.
fn round_trip(chunks: &[Records]) -> usize {
    let mut key: Option<(Model, Model)> = None;
    let mut bytes = 0;
    for chunk in chunks {
        let fresh = || (Model::fit(Level::Default, &CONTEXT, chunk), Model::blank());
        let (mut model, mut mirror) = key.clone().unwrap_or_else(fresh);
        let mut records = chunk.clone();
        find_mates(&mut records);
        let mut encoder = Encoder::new();
        model.code(&mut encoder, &CONTEXT, &mut records).unwrap();
        assert_eq!(records.links, chunk.links);
        let stored = encoder.finish();
        bytes += stored.len();
        let mut decoded = stripped(&records);
        let mut decoder = Decoder::new(&stored);
        mirror.code(&mut decoder, &CONTEXT, &mut decoded).unwrap();
        decoder.finish().unwrap();
        check(&records, &decoded);
        key.get_or_insert((model, mirror));
    }
    bytes
}

#[test]
fn links_and_lines_of_real_files_come_back() {
    for file in FILES {
        let Some((mut chunks, _)) = laboratory::load(file, 8_000, 1_000) else {
            continue;
        };
        chunks.truncate(5);
        assert!(round_trip(&chunks) > 0, "{file}");
    }
}

/// Records without alignments, linked and tagged at random.
fn random(count: usize, seed: u32) -> Records {
    let mut random = Random(seed);
    let mut records = Records::to_decode(count, usize::MAX);
    records.base_ends = vec![0; count];
    records.cigar_ends = vec![0; count];
    for line in 0..7u8 {
        let tags = (0..line).map(|at| ([b'A' + at, b'0' + line % 3], (at * 5 + line) % 17));
        records.line_tags.push(tags.collect());
    }
    let mut used = Vec::new();
    for record in 0..count {
        records.flags[record] = random.next() as u16;
        let link = random.next() as usize % 9;
        records.links[record] = if link <= record { link as u32 } else { 0 };
        let line = random.next() % 7;
        let known = used.iter().position(|&other| other == line);
        let number = known.unwrap_or_else(|| {
            used.push(line);
            used.len() - 1
        });
        records.lines[record] = number as u32;
    }
    let lines = used
        .iter()
        .map(|&line| records.line_tags[line as usize].clone());
    records.line_tags = lines.collect();
    crate::codec::records::lines::make_columns(&mut records).unwrap();
    records
}

#[test]
fn random_links_and_lines_come_back() {
    for seed in 0..8 {
        round_trip(&[random(300, seed), random(50, seed + 50), random(1, seed)]);
    }
    round_trip(&[random(0, 1), random(40, 2), random(0, 3)]);
}

#[test]
fn read_groups_come_back_and_those_of_mates_cost_nothing() {
    let mut records = random(200, 5);
    records.line_tags = vec![vec![(*b"RG", 8)]];
    records.lines = vec![0; 200];
    records.columns = vec![Column {
        tag: *b"RG",
        kind: 8,
        ..Column::default()
    }];
    for record in 0..200 {
        records.flags[record] = 0x41;
        records.links[record] = record as u32 % 2;
        let column = &mut records.columns[0];
        column.records.push(record as u32);
        column
            .values
            .extend_from_slice(format!("sample{}", record / 2 % 5).as_bytes());
        column.ends.push(column.values.len());
    }
    let bytes = round_trip(&[records.clone(), records]);
    assert!(bytes < 160, "{bytes}");
}

#[test]
fn damaged_streams_do_no_harm() {
    let mut records = random(150, 3);
    find_mates(&mut records);
    let mut encoder = Encoder::new();
    let mut model = Model::fit(Level::Default, &CONTEXT, &records);
    model.code(&mut encoder, &CONTEXT, &mut records).unwrap();
    let mut stored = encoder.finish();
    let survives = |stored: &[u8]| {
        let mut decoded = stripped(&records);
        decoded.limit = 20_000;
        let coded = Model::blank().code(&mut Decoder::new(stored), &CONTEXT, &mut decoded);
        if coded.is_ok() {
            let tags: usize = decoded
                .columns
                .iter()
                .map(|column| column.records.len())
                .sum();
            assert!(tags * 4 <= decoded.limit);
        }
    };
    for at in 0..stored.len() {
        let bit = 1 << (at % 8);
        stored[at] ^= bit;
        survives(&stored);
        survives(&stored[..at]);
        stored[at] ^= bit;
    }
    let mut random = Random(4);
    for _ in 0..200 {
        let noise: Vec<u8> = (0..500).map(|_| random.next() as u8).collect();
        survives(&noise);
    }
}

/// Prints what links, lines and read groups of the files in `READVAULT_FIELDS_OF` (paths, between colons) cost, by the
/// thorough model and by this one.
#[test]
#[ignore = "prints sizes"]
fn sizes_per_field() {
    let files = std::env::var("READVAULT_FIELDS_OF").unwrap_or_default();
    println!("links lines spelled groups");
    let of = |costs: Vec<(u32, u64)>| -> Vec<u64> {
        let of = |least: u32, most: u32| {
            let costs = costs.iter().filter(|cost| (least..most).contains(&cost.0));
            costs.map(|cost| cost.1).sum::<u64>() / 128
        };
        vec![
            of(0, 1 << 30),
            of(20, 21),
            of(36, 37),
            of(37, 38),
            of(64, 1 << 30),
        ]
    };
    for file in files.split(':').filter(|file| !file.is_empty()) {
        let Some((mut chunks, _)) = laboratory::load(file, 200_000, 0) else {
            continue;
        };
        find_mates(&mut chunks[0]);
        let mut copy = chunks[0].clone();
        let mut coder = Encoder::new();
        let mut model = super::super::super::templates::Model::fit(Level::Default, &CONTEXT, &copy);
        model.code(&mut coder, &CONTEXT, &mut copy).unwrap();
        let before = of(coder.costs());
        let mut coder = Encoder::new();
        let mut model = Model::fit(Level::Default, &CONTEXT, &chunks[0]);
        model.code(&mut coder, &CONTEXT, &mut chunks[0]).unwrap();
        println!(
            "{file}\n  thorough {before:?}\n  quick    {:?}",
            of(coder.costs())
        );
    }
}
