//! Archives and sources in a store: every verb takes its URLs, and what goes wrong leaves nothing there.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Random, Silent, folder, samples, threads};
use readvault_core::Error;
use readvault_core::archive::{
    Archive, DecompressOptions, Input, Location, Output, Progress, Query, VerifyOptions, compress,
    decompress, estimate, info, quickcheck, verify,
};

fn at(url: &str) -> Location {
    Location::parse(OsStr::new(url)).unwrap()
}

/// Puts bytes into the store of this process's memory.
fn put(url: &str, bytes: &[u8]) {
    let folder = folder();
    let (source, archive) = (folder.path().join("source"), folder.path().join("x.rv"));
    fs::write(&source, bytes).unwrap();
    let (source, archive) = (Input::from(source), Output::from(archive.clone()));
    compress(&source, &archive, &threads(2), &Silent).unwrap();
    let archive = Input::from(folder.path().join("x.rv"));
    let mut options = DecompressOptions::default();
    options.force = true;
    decompress(&archive, Some(&Output::from(at(url))), &options, &Silent).unwrap();
}

fn exists(url: &str) -> bool {
    match info(&Input::from(at(url)), &Silent) {
        Err(Error::Store { source, .. }) => source.kind() != std::io::ErrorKind::NotFound,
        _ => true,
    }
}

#[test]
fn every_verb_takes_urls() {
    let bam = samples::plain(1500);
    put("memory://verbs/x.bam", &bam);
    let (source, archive) = (at("memory://verbs/x.bam"), at("memory://verbs/x.bam.rv"));
    let (from, to) = (Input::from(&source), Output::from(&archive));
    let report = compress(&from, &to, &threads(2), &Silent).unwrap();
    assert_eq!(report.source.fingerprint.length, bam.len() as u64);
    assert_eq!(report.source.name, "x.bam");
    assert_eq!(
        report.archive.path.as_deref(),
        Some("memory://verbs/x.bam.rv")
    );
    let input = Input::from(&archive);
    quickcheck(&input, &Silent).unwrap();
    let told = info(&input, &Silent).unwrap();
    assert_eq!(told.archive.digest, report.archive.digest);
    let mut options = VerifyOptions::default();
    options.against = Some(from.clone());
    verify(&input, &options, &Silent).unwrap();
    assert!(estimate(&from, Default::default(), &Silent).unwrap().ratio > 1.0);

    let opened = Archive::open(&archive, None).unwrap();
    let mut random = Random::new(5);
    for _ in 0..50 {
        let offset = random.below(bam.len());
        let mut buffer = vec![0; random.below(100_000)];
        let read = opened.read_at(offset as u64, &mut buffer).unwrap();
        assert!(buffer[..read] == bam[offset..(offset + buffer.len()).min(bam.len())]);
    }
    assert_eq!(opened.count(&Query::default(), 2).unwrap(), 3000);

    // Under the recorded name beside the archive: there the source stands already.
    let refused = decompress(&input, None, &DecompressOptions::default(), &Silent);
    assert!(matches!(refused, Err(Error::Store { source, .. })
        if source.kind() == std::io::ErrorKind::AlreadyExists));
    let folder = folder();
    let back = folder.path().join("back");
    let output = Output::from(back.clone());
    decompress(
        &input,
        Some(&output),
        &DecompressOptions::default(),
        &Silent,
    )
    .unwrap();
    assert!(fs::read(back).unwrap() == bam);
}

#[test]
fn an_object_is_replaced_only_by_force() {
    put("memory://force/x.bam", &samples::plain(50));
    let (from, to) = (at("memory://force/x.bam"), at("memory://force/x.rv"));
    let (from, to) = (Input::from(from), Output::from(to));
    compress(&from, &to, &threads(1), &Silent).unwrap();
    let again = compress(&from, &to, &threads(1), &Silent);
    let Err(Error::Store { source, context }) = again else {
        panic!("replaced: {again:?}");
    };
    assert_eq!(source.kind(), std::io::ErrorKind::AlreadyExists);
    assert!(context.contains("memory://force/x.rv exists"), "{context}");
    let mut options = threads(1);
    options.force = true;
    compress(&from, &to, &options, &Silent).unwrap();
}

#[test]
fn what_is_stopped_leaves_no_object() {
    struct After(AtomicU64);
    impl Progress for After {
        fn update(&self, _: u64, _: Option<u64>) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed) < 1
        }
    }
    put("memory://stopped/x.bam", &samples::plain(10_000));
    let from = Input::from(at("memory://stopped/x.bam"));
    let to = Output::from(at("memory://stopped/x.rv"));
    let stopped = compress(&from, &to, &threads(1), &After(AtomicU64::new(0)));
    assert!(matches!(stopped, Err(Error::Interrupted)), "{stopped:?}");
    assert!(!exists("memory://stopped/x.rv"));
}

#[test]
fn what_is_not_there_is_named() {
    let error = Archive::open(at("memory://absent/x.rv"), None)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("memory://absent/x.rv"),
        "{error}"
    );
    assert!(matches!(error, Error::Store { source, .. }
        if source.kind() == std::io::ErrorKind::NotFound));
    let empty = "memory://absent/empty";
    put(empty, b"");
    let error = Archive::open(at(empty), None).err().unwrap();
    assert!(
        matches!(error, Error::Truncated(_) | Error::Damaged(_)),
        "{error}"
    );
    let back = compress(
        &Input::from(at(empty)),
        &Output::from(at("memory://absent/empty.rv")),
        &threads(1),
        &Silent,
    );
    assert_eq!(back.unwrap().source.fingerprint.length, 0);
}
