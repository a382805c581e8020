//! What an open archive tells of its records and views is what stands in the source.

mod common;

use std::fs;
use std::ops::Range;
use std::path::Path;

use common::bam::{self, Record};
use common::bgzf::{self, Head};
use common::{Random, Silent, folder, samples};
use readvault_core::archive::{
    Archive, Batch, CompressOptions, Input, Level, Output, Query, compress,
};
use readvault_core::error::Error;
use readvault_encoders::{Encoder, Encoders, Inflater};

/// BGZF blocks of `content`, each with so many bytes of it.
fn blocks(content: &[u8], limit: usize) -> Vec<u8> {
    let (mut out, mut encoders) = (Vec::new(), Encoders::new());
    let zlib = Encoder::all().find(|one| one.number() == 1).unwrap();
    for piece in content.chunks(limit) {
        let mut deflate = Vec::new();
        encoders.deflate(zlib, piece, &mut deflate);
        out.extend(bgzf::block(&Head::default(), &deflate, piece));
    }
    [&out[..], &bgzf::EOF].concat()
}

/// Compresses a source in small groups and opens its archive.
fn opened(folder: &Path, source: &[u8], level: Level) -> Archive {
    let (path, archive) = (folder.join("x.bam"), folder.join("x.rv"));
    fs::write(&path, source).unwrap();
    let mut options = CompressOptions::default();
    (options.level, options.sizes, options.force) = (level, samples::GROUPS, true);
    let output = Output::from(archive.clone());
    compress(&Input::from(path), &output, &options, &Silent).unwrap();
    Archive::open(&archive, None).unwrap()
}

/// Pairs in order, and strange records among them in no order at all.
fn records(pairs: usize, with_strange: bool) -> Vec<Record> {
    let (mut random, mut names) = (Random::new(21), Vec::new());
    let mut all = Vec::new();
    for number in 0..pairs {
        all.extend(bam::pair(number, &mut random));
        if with_strange {
            all.push(bam::strange(&mut random, &mut names));
        }
    }
    if !with_strange {
        all.sort_by_key(|record| (record.reference as u32, record.position));
    }
    all
}

fn read(archive: &Archive, query: &Query, threads: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for batch in archive.records(query, threads).unwrap() {
        let Batch { bytes, ends } = batch.unwrap();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        all.extend(
            starts
                .zip(&ends)
                .map(|(start, &end)| bytes[start..end].to_vec()),
        );
    }
    all
}

#[test]
fn records_are_those_of_the_source_at_every_level() {
    for with_strange in [false, true] {
        let records = records(70, with_strange);
        let expected: Vec<Vec<u8>> = records.iter().map(Record::bytes).collect();
        let (content, _) = bam::content(bam::usual_header(), records);
        for (level, threads) in Level::ALL.into_iter().zip([1, 2, 3]) {
            let folder = folder();
            let archive = opened(folder.path(), &blocks(&content, 900), level);
            assert_eq!(read(&archive, &Query::default(), threads), expected);
            let count = archive.count(&Query::default(), threads).unwrap();
            assert_eq!(count, expected.len() as u64);
        }
    }
}

/// The positions that a record takes, by the SAM specification and as samtools sees unmapped ones.
fn place(record: &[u8]) -> (i32, Range<i64>) {
    let number = |at: usize| i32::from_le_bytes(record[at..at + 4].try_into().unwrap());
    let flags = u16::from_le_bytes([record[18], record[19]]);
    let (start, mut length) = (i64::from(number(8)), 0);
    for operation in 0..usize::from(u16::from_le_bytes([record[16], record[17]])) {
        let at = 36 + usize::from(record[12]) + 4 * operation;
        let Some(bytes) = record.get(at..at + 4) else {
            break;
        };
        let operation = u32::from_le_bytes(bytes.try_into().unwrap());
        if [0, 2, 3, 7, 8].contains(&(operation & 15)) && flags & 4 == 0 {
            length += i64::from(operation >> 4);
        }
    }
    (number(4), start..start + length.max(1))
}

#[test]
fn a_region_holds_the_records_that_overlap_it_sorted_or_not() {
    for with_strange in [false, true] {
        let records = records(120, with_strange);
        let all: Vec<Vec<u8>> = records.iter().map(Record::bytes).collect();
        let (content, _) = bam::content(bam::usual_header(), records);
        let folder = folder();
        let level = if with_strange {
            Level::Fast
        } else {
            Level::Default
        };
        let archive = opened(folder.path(), &blocks(&content, 3000), level);
        let mut random = Random::new(5);
        for _ in 0..60 {
            let start = random.below(6000) as i64;
            let end = start + 1 + random.below(300) as i64;
            let texts = [format!("c1:{}-{end}", start + 1), "c2:1-90".to_owned()];
            let mut query = Query::default();
            query.regions = Some(archive.regions(&texts).unwrap());
            let overlaps = |record: &&Vec<u8>| {
                let (reference, taken) = place(record);
                let meets = |start: i64, end: i64| taken.start < end && start < taken.end;
                reference == 0 && meets(start, end) || reference == 1 && meets(0, 90)
            };
            let expected: Vec<Vec<u8>> = all.iter().filter(overlaps).cloned().collect();
            assert_eq!(read(&archive, &query, 2), expected, "{texts:?}");
            assert_eq!(archive.count(&query, 1).unwrap(), expected.len() as u64);
        }
        let mut query = Query::default();
        query.regions = Some(archive.regions(&["*".to_owned()]).unwrap());
        let unplaced = all.iter().filter(|record| place(record).0 < 0);
        assert_eq!(read(&archive, &query, 1).len(), unplaced.count());
    }
}

#[test]
fn records_longer_than_a_chunk_are_found() {
    for level in [Level::Fast, Level::Default] {
        let mut records = records(40, false);
        let at = records.len() / 2;
        let mut long = bam::pair(at / 2, &mut Random::new(1))[0].bytes();
        let (reference, taken) = place(&long);
        long.extend(b"XXZ");
        long.extend((0..5 << 20).map(|i: u64| b'!' + (i * i / 7 % 90) as u8));
        long.push(0);
        let size = (long.len() - 4) as u32;
        long[..4].copy_from_slice(&size.to_le_bytes());
        let rest = records.split_off(at);
        let (mut content, _) = bam::content(bam::usual_header(), records);
        content.extend(&long);
        rest.iter()
            .for_each(|record| content.extend(record.bytes()));
        let folder = folder();
        let archive = opened(folder.path(), &blocks(&content, 65_280), level);
        assert_eq!(read(&archive, &Query::default(), 2).len(), 81);
        let mut query = Query::default();
        let text = format!("c{}:{}-{}", reference + 1, taken.start + 1, taken.start + 2);
        query.regions = Some(archive.regions(&[text]).unwrap());
        assert!(read(&archive, &query, 1).contains(&long));
        assert!(archive.count(&query, 1).unwrap() >= 1);
        let flags = archive.flag_statistics(&Query::default(), 1).unwrap();
        assert_eq!(flags.passed.total + flags.failed.total, 81);
    }
}

#[test]
fn the_plain_view_holds_the_content_and_any_range_of_it() {
    let (content, _) = bam::content(bam::usual_header(), records(900, true));
    let folder = folder();
    let archive = opened(folder.path(), &blocks(&content, 20_000), Level::Default).with_threads(2);
    let length = archive.plain_length() as usize;
    let mut whole = vec![0; length];
    // Small reads one after the other, so that decoding runs ahead.
    for piece in whole.chunks_mut(10_007).scan(0, |at, piece| {
        let start = *at;
        *at += piece.len();
        Some((start, piece))
    }) {
        let (start, piece) = piece;
        assert_eq!(
            archive.read_plain_at(start as u64, piece).unwrap(),
            piece.len()
        );
    }
    let (mut at, mut inflated) = (0, Vec::new());
    while at < length {
        let size = usize::from(u16::from_le_bytes([whole[at + 16], whole[at + 17]])) + 1;
        let tail = &whole[at + size - 4..at + size];
        let start = inflated.len();
        inflated.resize(
            start + u32::from_le_bytes(tail.try_into().unwrap()) as usize,
            0,
        );
        let deflate = &whole[at + 18..at + size - 8];
        assert!(Inflater::new().inflate_exact(deflate, &mut inflated[start..]));
        at += size;
    }
    assert!(inflated == content);
    assert!(whole.ends_with(&bgzf::EOF));
    let mut random = Random::new(8);
    for _ in 0..200 {
        let offset = random.below(length + 10);
        let mut buffer = vec![0; random.below(90_000)];
        let read = archive.read_plain_at(offset as u64, &mut buffer).unwrap();
        let expected = whole.get(offset..).unwrap_or_default();
        assert!(buffer[..read] == expected[..expected.len().min(buffer.len())]);
    }
}

#[test]
fn a_damaged_source_is_told_where_its_records_end() {
    let (content, ends) = bam::content(bam::usual_header(), records(50, false));
    for source in [
        blocks(&content[..content.len() - 7], 2000),
        blocks(&[&content[..], &[1; 50]].concat(), 2000),
        [&blocks(&content, 2000)[..], b"garbage"].concat(),
    ] {
        let folder = folder();
        let archive = opened(folder.path(), &source, Level::Default);
        let pass = archive.records(&Query::default(), 1).unwrap();
        let mut batches: Vec<_> = pass.collect();
        let last = batches.pop();
        assert!(matches!(last, Some(Err(Error::Damaged(_)))), "{last:?}");
        let found: usize = batches.iter().flatten().map(|batch| batch.ends.len()).sum();
        assert!(found > 50 && found <= ends.len());
        assert!(archive.count(&Query::default(), 1).is_err());
    }
    let folder = folder();
    let archive = opened(folder.path(), b"text", Level::Default);
    assert!(matches!(archive.header_text(), Err(Error::Invalid(_))));
    let none = archive.records(&Query::default(), 1);
    assert!(matches!(none, Err(Error::Invalid(_))));
}
