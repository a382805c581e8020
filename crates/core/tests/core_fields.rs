//! The core fields of an archive's records are those of the source's records, whatever kind of chunk holds them.

mod common;

use std::fs;

use common::{Random, Silent, bam, bgzf, folder, samples};
use readvault_core::archive::{
    Archive, CompressOptions, CoreFields, Input, Level, Output, Query, compress,
};
use readvault_encoders::{Encoder, Encoders};

/// What a BAM file's records say, read here by the SAM specification alone.
fn expected(content: &[u8]) -> CoreFields {
    let number = |at: usize| i32::from_le_bytes(content[at..at + 4].try_into().unwrap());
    let mut at = 8 + number(4) as usize;
    let references = number(at);
    at += 4;
    for _ in 0..references {
        at += 8 + number(at) as usize;
    }
    let mut all = CoreFields::default();
    while at < content.len() {
        let (size, names) = (number(at) as usize, usize::from(content[at + 12]));
        let short = |at: usize| u16::from_le_bytes(content[at..at + 2].try_into().unwrap());
        all.references.push(number(at + 4));
        all.positions.push(number(at + 8));
        all.mapping_qualities.push(content[at + 13]);
        all.flags.push(short(at + 18));
        all.mate_references.push(number(at + 24));
        let cigar = at + 36 + names;
        let operations = (0..usize::from(short(at + 16))).map(|n| cigar + 4 * n);
        let inside = operations.take_while(|&place| place + 4 <= at + 4 + size);
        all.cigars.extend(inside.map(|place| number(place) as u32));
        all.cigar_ends.push(all.cigars.len());
        at += 4 + size;
    }
    all
}

/// Ordinary records, strange ones between them, and a stretch of blocks that no encoder makes.
fn content(pairs: usize) -> Vec<u8> {
    let (mut random, mut names) = (Random::new(11), Vec::new());
    let mut records = Vec::new();
    for number in 0..pairs {
        records.extend(bam::pair(number, &mut random));
        records.push(bam::strange(&mut random, &mut names));
    }
    bam::content(bam::usual_header(), records).0
}

fn blocks(content: &[u8]) -> Vec<u8> {
    let (mut out, mut random, mut encoders) = (Vec::new(), Random::new(12), Encoders::new());
    let zlib = Encoder::all().find(|one| one.number() == 6).unwrap();
    for (number, piece) in content.chunks(700).enumerate() {
        let mut deflate = Vec::new();
        if number % 20 < 17 {
            encoders.deflate(zlib, piece, &mut deflate);
        } else {
            deflate = bgzf::odd_deflate(piece, &mut random);
        }
        out.extend(bgzf::block(&bgzf::Head::default(), &deflate, piece));
    }
    [&out[..], &bgzf::EOF].concat()
}

fn found(source: &[u8], level: Level, threads: usize) -> CoreFields {
    let folder = folder();
    let (path, archive) = (folder.path().join("x.bam"), folder.path().join("x.rv"));
    fs::write(&path, source).unwrap();
    let mut options = CompressOptions::default();
    (options.level, options.sizes) = (level, samples::GROUPS);
    let output = Output::from(archive.clone());
    compress(&Input::from(path), &output, &options, &Silent).unwrap();
    let archive = Archive::open(&archive, None).unwrap();
    let mut all = CoreFields::default();
    for fields in archive.core_fields(&Query::default(), threads).unwrap() {
        let (fields, before) = (fields.unwrap(), all.cigars.len());
        all.flags.extend(fields.flags);
        all.references.extend(fields.references);
        all.positions.extend(fields.positions);
        all.mapping_qualities.extend(fields.mapping_qualities);
        all.mate_references.extend(fields.mate_references);
        all.cigars.extend(fields.cigars);
        let ends = fields.cigar_ends.iter().map(|end| before + end);
        all.cigar_ends.extend(ends);
    }
    all
}

#[test]
fn core_fields_are_those_of_the_source_at_every_level() {
    let content = content(60);
    let expected = expected(&content);
    assert_eq!(expected.flags.len(), 180);
    for (level, threads) in Level::ALL.into_iter().zip([1, 2, 3]) {
        assert_eq!(
            found(&blocks(&content), level, threads),
            expected,
            "{level:?}"
        );
    }
}

#[test]
fn a_query_about_read_groups_is_refused() {
    let folder = folder();
    let (path, archive) = (folder.path().join("x.bam"), folder.path().join("x.rv"));
    fs::write(&path, samples::plain(50)).unwrap();
    let output = Output::from(archive.clone());
    let options = CompressOptions::default();
    compress(&Input::from(path), &output, &options, &Silent).unwrap();
    let mut query = Query::default();
    query.read_groups = Some(vec!["a".into()]);
    let archive = Archive::open(&archive, None).unwrap();
    assert!(archive.core_fields(&query, 1).is_err());
}
