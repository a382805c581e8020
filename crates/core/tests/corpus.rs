//! Every file of the corpus of real sequencing files (`../shared/corpus`, or `READVAULT_CORPUS`) comes back bit for
//! bit. Without the corpus this says so and passes: users do not have it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use readvault_core::archive::{
    CompressOptions, CompressReport, DecompressOptions, Input, Output, Progress, compress,
    decompress,
};

struct Silent;

impl Progress for Silent {
    fn update(&self, _: u64, _: Option<u64>) -> bool {
        true
    }
}

fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("READVAULT_CORPUS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    [named, Some(beside)]
        .into_iter()
        .flatten()
        .find(|folder| folder.is_dir())
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found)
        } else {
            found.push(path)
        }
    }
}

/// Source length below which an archive may be larger than its source: framing weighs more than data.
const TINY: u64 = 4096;

/// Bytes by which an archive may exceed its source: framing, for a source that is tiny, or compressed by something
/// that is not taken apart (gzip, CRAM), or a BAM of a record or two.
fn allowance(report: &CompressReport) -> u64 {
    let tiny = report.source.fingerprint.length < TINY;
    let compressed = report.source.kind == "raw";
    let lone = report.source.kind == "bam" && report.counts.records < 3;
    if tiny || compressed || lone { 1500 } else { 0 }
}

/// Compresses and restores the file at `path` in `folder`, and compares; gives the report.
fn round_trip(path: &Path, folder: &Path) -> CompressReport {
    let source = fs::read(path).unwrap();
    let archive = folder.join("archive.rv");
    let mut options = CompressOptions::default();
    options.force = true;
    options.threads = 1;
    let input = Input::from(path);
    let report = compress(&input, &Output::from(archive.clone()), &options, &Silent)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let restored = folder.join("restored");
    let mut options = DecompressOptions::default();
    options.force = true;
    options.threads = 1;
    options.attachments = false;
    let output = Output::from(restored.clone());
    decompress(&Input::from(archive), Some(&output), &options, &Silent)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(
        fs::read(&restored).unwrap() == source,
        "{} came back different",
        path.display()
    );
    report
}

/// A line of the table that `READVAULT_CORPUS_TABLE` names.
fn line(name: &str, report: &CompressReport) -> String {
    let encoders = report.exactness.encoders.iter();
    let encoders: Vec<String> = encoders
        .map(|e| format!("{} x{}", e.name, e.blocks))
        .collect();
    format!(
        "{name}\t{}\t{}\t{}\t{:.3}\t{}\t{}\t{}\t{}\n",
        report.source.kind,
        report.source.fingerprint.length,
        report.archive.length,
        report.ratio,
        report.exactness.overhead_bytes,
        report.exactness.block_size_bytes,
        report.counts.record_escapes,
        encoders.join(", ")
    )
}

#[test]
fn every_file_of_the_corpus_comes_back_bit_for_bit_and_smaller() {
    let Some(corpus) = corpus() else {
        println!("SKIPPED: the corpus is not here");
        return;
    };
    let mut paths = Vec::new();
    files(&corpus, &mut paths);
    let next = AtomicUsize::new(0);
    let worker = || {
        let folder = tempfile::tempdir().unwrap();
        let mut done = Vec::new();
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((path.clone(), round_trip(path, folder.path())));
        }
        done
    };
    let mut reports: Vec<(PathBuf, CompressReport)> = thread::scope(|scope| {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(worker)).collect();
        let done = workers.into_iter().map(|worker| worker.join().unwrap());
        done.flatten().collect()
    });
    reports.sort_by(|one, other| one.0.cmp(&other.0));
    let (mut table, mut larger) = (String::new(), Vec::new());
    for (path, report) in &reports {
        let name = path.strip_prefix(&corpus).unwrap().display().to_string();
        table += &line(&name, report);
        if report.archive.length >= report.source.fingerprint.length + allowance(report) {
            larger.push(name);
        }
    }
    if let Some(path) = std::env::var_os("READVAULT_CORPUS_TABLE") {
        fs::write(path, table).unwrap();
    }
    assert!(larger.is_empty(), "larger than their sources: {larger:#?}");
}
