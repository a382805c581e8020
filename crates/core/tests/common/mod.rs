//! What the tests of the promises share: a random source, strange BAM files made of it, hand-made DEFLATE, and a
//! writer of archives that knows nothing of the library.
#![allow(dead_code)] // each test file uses a part

pub mod bam;
pub mod bgzf;
pub mod craft;
mod random;
pub mod samples;

use std::fs;
use std::path::{Path, PathBuf};

pub use random::Random;
use readvault_core::Error;
use readvault_core::archive::{
    Archive, CompressOptions, CompressReport, DecompressOptions, DecompressReport, Input, Level,
    Output, Progress, VerifyOptions, VerifyReport, compress, decompress, verify,
};

/// A progress that nobody sees.
pub struct Silent;

impl Progress for Silent {
    fn update(&self, _: u64, _: Option<u64>) -> bool {
        true
    }
}

pub fn threads(threads: usize) -> CompressOptions {
    let mut options = CompressOptions::default();
    options.threads = threads;
    options
}

/// Compresses a file beside itself with one or more threads.
pub fn pack(source: &Path, threads: usize) -> Result<(PathBuf, CompressReport), Error> {
    pack_as(source, self::threads(threads))
}

/// Compresses a file beside itself.
pub fn pack_as(
    source: &Path,
    mut options: CompressOptions,
) -> Result<(PathBuf, CompressReport), Error> {
    let archive = with_suffix(source, "rv");
    options.force = true;
    let output = Output::from(archive.clone());
    compress(&Input::from(source), &output, &options, &Silent).map(|report| (archive, report))
}

/// Gives an archive's source back to `output`, replacing what is there.
pub fn unpack(archive: &Path, output: &Path, threads: usize) -> Result<DecompressReport, Error> {
    let mut options = DecompressOptions::default();
    options.threads = threads;
    options.force = true;
    let output = Output::from(output);
    decompress(&Input::from(archive), Some(&output), &options, &Silent)
}

pub fn check(archive: &Path, threads: usize) -> Result<VerifyReport, Error> {
    let mut options = VerifyOptions::default();
    options.threads = threads;
    verify(&Input::from(archive), &options, &Silent)
}

pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// A folder for one test, in memory where there is a place for it: on a disk these tests would mostly wait for
/// it to make their small files durable.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

/// What every source must stand: it comes back by decompressing, verifying holds, and any range can be read.
pub fn round_trip(source: &[u8], threads: usize) -> CompressReport {
    round_trip_at(source, threads, Level::Default)
}

/// The same at a level.
pub fn round_trip_at(source: &[u8], threads: usize, level: Level) -> CompressReport {
    let folder = folder();
    let path = folder.path().join("source.bam");
    fs::write(&path, source).unwrap();
    let mut options = self::threads(threads);
    options.level = level;
    let (archive, report) =
        pack_as(&path, options).unwrap_or_else(|error| panic!("refused: {error}"));
    assert_eq!(report.source.fingerprint.length, source.len() as u64);
    let restored = folder.path().join("restored");
    unpack(&archive, &restored, threads).unwrap();
    assert!(
        fs::read(&restored).unwrap() == source,
        "came back different"
    );
    let from = Input::from(archive.clone());
    let mut options = VerifyOptions::default();
    options.threads = threads;
    options.content_only = true;
    verify(&from, &options, &Silent).unwrap();
    options.content_only = false;
    options.against = Some(Input::from(path));
    verify(&from, &options, &Silent).unwrap();
    ranges_are_the_sources(&archive, source, 24);
    report
}

/// Reads ranges of the view and compares them with the source.
pub fn ranges_are_the_sources(archive: &Path, source: &[u8], ranges: usize) {
    let view = Archive::open(archive, None).unwrap();
    assert_eq!(view.source_length(), source.len() as u64);
    let mut random = Random::new(source.len() as u64 + 77);
    for round in 0..ranges {
        let offset = match round {
            0 => 0,
            1 => source.len(),
            2 => source.len().saturating_sub(1),
            _ => random.below(source.len() + 3),
        };
        let length = match random.below(4) {
            0 => random.below(3),
            1 => random.below(200),
            2 => random.below(70_000),
            _ => random.below(source.len() + 10),
        };
        let mut buffer = vec![0xa5; length];
        let read = view.read_at(offset as u64, &mut buffer).unwrap();
        let expected = source.get(offset..).unwrap_or_default();
        let expected = &expected[..expected.len().min(length)];
        assert_eq!(read, expected.len(), "length at {offset} + {length}");
        assert!(&buffer[..read] == expected, "bytes at {offset} + {length}");
    }
}
