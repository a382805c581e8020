//! Indexes of an archive's views, and the sidecars that hold them. What htslib makes of the indexes is held in
//! `tests/interop/test_index.py`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::bam::{self, Record};
use common::bgzf::{self, Head};
use common::{Random, Silent, folder, samples, with_suffix};
use readvault_core::archive::{
    CompressOptions, IndexOptions, Input, Level, Output, View, compress, index, info, read_index,
    verify,
};
use readvault_core::error::Error;
use readvault_encoders::{Encoder, Encoders};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/sidecar1")
}

/// Sorted records on two references and on none, in small groups of chunks.
fn sorted(level: Level, folder: &Path) -> PathBuf {
    let mut random = Random::new(21);
    let mut records: Vec<Record> = (0..120).flat_map(|i| bam::pair(i, &mut random)).collect();
    for record in &mut records[150..200] {
        record.reference = 1;
    }
    for record in &mut records[200..] {
        (record.reference, record.position, record.flags) = (-1, -1, 4);
    }
    records.sort_by_key(|record| (record.reference as u32, record.position));
    let (content, _) = bam::content(bam::usual_header(), records);
    let (mut source, mut encoders) = (Vec::new(), Encoders::new());
    let zlib = Encoder::from_number(6).unwrap();
    for piece in content.chunks(700) {
        let mut deflate = Vec::new();
        encoders.deflate(zlib, piece, &mut deflate);
        source.extend(bgzf::block(&Head::default(), &deflate, piece));
    }
    source.extend(bgzf::EOF);
    packed(&source, level, folder)
}

fn packed(source: &[u8], level: Level, folder: &Path) -> PathBuf {
    let (path, archive) = (folder.join("x.bam"), folder.join("x.bam.rv"));
    fs::write(&path, source).unwrap();
    let mut options = CompressOptions::default();
    (options.level, options.sizes, options.force) = (level, samples::GROUPS, true);
    let output = Output::from(archive.clone());
    compress(&Input::from(path), &output, &options, &Silent).unwrap();
    archive
}

fn made(archive: &Path, force: bool) -> Result<PathBuf, Error> {
    let mut options = IndexOptions::default();
    options.force = force;
    let report = index(archive, None, &options, &Silent)?;
    Ok(report.sidecar.path.into())
}

/// Mapped and unmapped records of each reference with any, and records on none, as the totals of a BAI say.
fn totals(bai: &[u8]) -> (Vec<[u64; 2]>, u64) {
    let mut at = 4;
    let mut take = |bytes: usize| {
        at += bytes;
        let mut number = [0; 8];
        number[..bytes].copy_from_slice(&bai[at - bytes..at]);
        u64::from_le_bytes(number)
    };
    let mut counts = Vec::new();
    for _ in 0..take(4) {
        for _ in 0..take(4) {
            let bin = take(4);
            let ranges = take(4);
            let offsets: Vec<u64> = (0..2 * ranges).map(|_| take(8)).collect();
            if bin == 37_450 {
                counts.push([offsets[2], offsets[3]]);
            }
        }
        for _ in 0..take(4) {
            take(8);
        }
    }
    (counts, take(8))
}

#[test]
fn an_index_counts_the_records_of_each_reference() {
    for level in [Level::Fast, Level::Default] {
        let folder = folder();
        let archive = sorted(level, folder.path());
        made(&archive, false).unwrap();
        for view in [View::Exact, View::Plain] {
            let bai = read_index(&archive, view).unwrap();
            assert_eq!(totals(&bai), (vec![[150, 0], [50, 0]], 40), "{view:?}");
        }
    }
}

#[test]
fn a_sidecar_tells_what_its_archive_says_of_itself() {
    let folder = folder();
    let archive = sorted(Level::Default, folder.path());
    let told = info(&Input::from(archive.clone()), &Silent).unwrap();
    let sidecar = made(&archive, false).unwrap();
    fs::remove_file(&archive).unwrap();
    let alone = info(&Input::from(sidecar.clone()), &Silent).unwrap();
    assert_eq!(alone.archive.digest, told.archive.digest);
    assert_eq!(alone.archive.length, told.archive.length);
    assert_eq!(alone.source.fingerprint, told.source.fingerprint);
    assert_eq!(alone.counts.references, 2);
    assert_eq!(alone.sidecar.unwrap().indexes.len(), 2);
    read_index(&sidecar, View::Plain).unwrap();
    let verified = verify(&Input::from(sidecar), &Default::default(), &Silent);
    assert!(matches!(verified, Err(Error::Invalid(text)) if text.contains("is a sidecar")));
}

#[test]
fn a_sidecar_of_another_archive_is_refused() {
    let folder = folder();
    let archive = sorted(Level::Default, folder.path());
    made(&archive, false).unwrap();
    sorted(Level::Fast, folder.path());
    let read = read_index(&archive, View::Exact);
    assert!(matches!(read, Err(Error::Invalid(text)) if text.contains("another archive")));
    assert!(matches!(made(&archive, false), Err(Error::Store { .. })));
    made(&archive, true).unwrap();
    read_index(&archive, View::Exact).unwrap();
}

#[test]
fn no_flipped_bit_and_no_cut_of_a_sidecar_passes() {
    let folder = folder();
    let archive = sorted(Level::Default, folder.path());
    let sidecar = fs::read(made(&archive, false).unwrap()).unwrap();
    let path = folder.path().join("other.idx");
    let all = || -> Result<(), Error> {
        info(&Input::from(path.clone()), &Silent)?;
        read_index(&path, View::Exact)?;
        read_index(&path, View::Plain).map(drop)
    };
    fs::write(&path, &sidecar).unwrap();
    all().unwrap();
    for at in 0..sidecar.len() {
        let mut flipped = sidecar.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, &flipped).unwrap();
        assert!(all().is_err(), "a bit of byte {at}");
        fs::write(&path, &sidecar[..at]).unwrap();
        assert!(all().is_err(), "cut at {at}");
    }
    fs::write(&path, [&sidecar[..], b"x"].concat()).unwrap();
    assert!(matches!(all(), Err(Error::Damaged(_))));
}

#[test]
fn a_sidecar_of_a_newer_version_is_refused_by_its_number() {
    let folder = folder();
    let archive = sorted(Level::Fast, folder.path());
    let sidecar = made(&archive, false).unwrap();
    let mut bytes = fs::read(&sidecar).unwrap();
    bytes[8] = 9;
    fs::write(&sidecar, bytes).unwrap();
    let read = read_index(&sidecar, View::Exact);
    assert!(matches!(read, Err(Error::Unsupported(text)) if text.contains("version 9")));
}

#[test]
fn what_is_not_sorted_or_not_bam_gets_no_index() {
    let folder = folder();
    let archives = [samples::plain(40), samples::strange(20), b"text".to_vec()];
    for source in archives {
        let archive = packed(&source, Level::Default, folder.path());
        let refused = made(&archive, false);
        assert!(refused.is_err(), "{refused:?}");
        assert!(!with_suffix(&archive, "idx").exists());
    }
    let archive = packed(&samples::plain(40), Level::Fast, folder.path());
    let refused = made(&archive, false);
    assert!(matches!(refused, Err(Error::Invalid(text)) if text.contains("not sorted")));
}

#[test]
fn the_golden_sidecar_gives_its_indexes() {
    let sidecar = golden().join("sorted.bam.rv.idx");
    for view in [View::Exact, View::Plain] {
        let name = format!("{}.bai", view.name());
        let known = fs::read(golden().join(name)).unwrap();
        assert!(read_index(&sidecar, view).unwrap() == known, "{view:?}");
    }
    let told = info(&Input::from(sidecar), &Silent).unwrap();
    assert_eq!((told.counts.records, told.counts.references), (240, 2));
}

#[test]
#[ignore = "writes the golden sidecar if it is missing"]
fn write_missing_golden_sidecar() {
    let folder = folder();
    let path = golden().join("sorted.bam.rv.idx");
    if path.exists() {
        return;
    }
    fs::create_dir_all(golden()).unwrap();
    let sidecar = made(&sorted(Level::Default, folder.path()), false).unwrap();
    fs::copy(&sidecar, path).unwrap();
    for view in [View::Exact, View::Plain] {
        let name = format!("{}.bai", view.name());
        fs::write(golden().join(name), read_index(&sidecar, view).unwrap()).unwrap();
    }
}
