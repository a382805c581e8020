//! Archives that lean on reference sequences: smaller, and refused without them, never decoded wrongly.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::bam::{self, Record};
use common::{Random, Silent, bgzf, folder, with_suffix};
use readvault_core::archive::{
    Archive, CompressOptions, CompressReport, DecompressOptions, Input, Output, VerifyOptions,
    compress, decompress, info, verify,
};
use readvault_core::error::Error;
use readvault_encoders::Encoders;

/// Bases of the reference.
const LENGTH: usize = 100_000;

fn reference(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..LENGTH).map(|_| *random.pick(b"ACGT")).collect()
}

fn fasta(folder: &Path, name: &str, bases: &[u8]) -> PathBuf {
    let path = folder.join(name);
    let text = [b">c1\n", bases, b"\n>c2\n", &[b'A'; 5000], b"\n"].concat();
    fs::write(&path, text).unwrap();
    path
}

/// A BAM file of reads that agree with the reference, each position covered about once.
fn source(folder: &Path, bases: &[u8]) -> PathBuf {
    let mut random = Random::new(4);
    let records = (0..900).map(|number| {
        let position = number * 100 + random.below(40);
        let code = |base: &u8| match base {
            b'A' => 1,
            b'C' => 2,
            b'G' => 4,
            _ => 8,
        };
        Record {
            position: position as i32,
            name: format!("read:{number}\0").into_bytes(),
            mapq: 60,
            cigar: vec![100 << 4],
            bases: bases[position..position + 100].iter().map(code).collect(),
            qualities: vec![30; 100],
            mate_reference: -1,
            mate_position: -1,
            ..Record::default()
        }
    });
    let (content, _) = bam::content(bam::usual_header(), records);
    let mut file = Vec::new();
    let mut encoders = Encoders::new();
    for piece in content.chunks(60_000) {
        let style = bgzf::Style::One(readvault_encoders::Encoder::from_number(6).unwrap());
        let deflate = bgzf::deflate(style, piece, &mut encoders, &mut Random::new(1));
        file.extend(bgzf::block(&bgzf::Head::default(), &deflate, piece));
    }
    let path = folder.join("reads.bam");
    fs::write(&path, file).unwrap();
    path
}

fn pack(source: &Path, reference: Option<&Path>) -> Result<(PathBuf, CompressReport), Error> {
    let archive = with_suffix(source, "rv");
    let mut options = CompressOptions::default();
    options.force = true;
    options.reference = reference.map(Path::to_owned);
    let report = compress(
        &Input::from(source),
        &Output::from(archive.clone()),
        &options,
        &Silent,
    )?;
    Ok((archive, report))
}

fn unpack(archive: &Path, reference: Option<&Path>) -> Result<Vec<u8>, Error> {
    let output = with_suffix(archive, "back");
    let mut options = DecompressOptions::default();
    options.force = true;
    options.reference = reference.map(Path::to_owned);
    let to = Output::from(output.clone());
    decompress(&Input::from(archive), Some(&to), &options, &Silent)?;
    Ok(fs::read(output).unwrap())
}

fn leaning_on(reference: Option<&Path>) -> VerifyOptions {
    let mut options = VerifyOptions::default();
    options.reference = reference.map(Path::to_owned);
    options
}

#[test]
fn a_reference_makes_archives_smaller_and_is_needed_to_decode() {
    let home = folder();
    let bases = reference(1);
    let right = fasta(home.path(), "right.fa", &bases);
    let source = source(home.path(), &bases);
    let (archive, alone) = pack(&source, None).unwrap();
    assert_eq!(unpack(&archive, None).unwrap(), fs::read(&source).unwrap());
    let (archive, leaning) = pack(&source, Some(&right)).unwrap();
    assert!(leaning.archive.length * 2 < alone.archive.length);
    assert_eq!(
        unpack(&archive, Some(&right)).unwrap(),
        fs::read(&source).unwrap()
    );
    let from = Input::from(archive.clone());
    verify(&from, &leaning_on(Some(&right)), &Silent).unwrap();
    let mut buffer = [0; 1000];
    let view = Archive::open(&archive, Some(&right)).unwrap();
    assert_eq!(view.read_at(5_000, &mut buffer).unwrap(), 1000);
    assert_eq!(buffer, fs::read(&source).unwrap()[5_000..6_000]);
    // What it says of itself needs no reference.
    assert_eq!(info(&from, &Silent).unwrap().counts.records, 900);
}

#[test]
fn a_missing_or_different_reference_is_refused_by_name() {
    let home = folder();
    let bases = reference(1);
    let right = fasta(home.path(), "right.fa", &bases);
    let mut changed = bases.clone();
    changed[50_123] = if changed[50_123] == b'A' { b'C' } else { b'A' };
    let wrong = fasta(home.path(), "wrong.fa", &changed);
    let short = fasta(home.path(), "short.fa", &bases[..LENGTH - 1]);
    let source = source(home.path(), &bases);
    let (archive, _) = pack(&source, Some(&right)).unwrap();
    for reference in [None, Some(&wrong), Some(&short)] {
        let reference = reference.map(PathBuf::as_path);
        let error = unpack(&archive, reference).unwrap_err().to_string();
        assert!(error.contains("c1") && error.contains("-T"), "{error}");
        let view = Archive::open(&archive, reference).unwrap();
        assert!(view.read_at(0, &mut [0; 10]).is_err());
        let from = Input::from(archive.clone());
        assert!(verify(&from, &leaning_on(reference), &Silent).is_err());
    }
    // A reference that does not fit the header is refused before anything is written.
    fs::remove_file(&archive).unwrap();
    let error = pack(&source, Some(&short)).unwrap_err().to_string();
    assert!(error.contains("c1"), "{error}");
    assert!(!archive.exists());
}
