//! Old archives open for ever: what stands in `tests/golden` was written once and is never written again, and must
//! still decode to the source whose digest was noted beside it.
//!
//! A new format version, or a codec that the archives here do not use, adds archives:
//! `cargo test -p readvault-core --test compatibility -- --ignored` writes those that are missing and touches none
//! that is there.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::craft::{Parts, plan_chunk};
use common::samples::Sample;
use common::{Silent, check, folder, ranges_are_the_sources, samples, unpack};
use readvault_core::archive::{Input, Level, info};

/// The folder of the archives of each format version.
const VERSIONS: [&str; 5] = ["v1", "v2", "v3", "v4", "v5"];

fn golden(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden")
        .join(version)
}

/// Name, length and SHA-256 of each source, from `sources.tsv`.
fn sources(folder: &Path) -> Vec<(String, u64, String)> {
    let table = fs::read_to_string(folder.join("sources.tsv")).unwrap_or_default();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        (
            fields[0].to_owned(),
            fields[1].parse().unwrap(),
            fields[2].to_owned(),
        )
    };
    table.lines().skip(1).map(row).collect()
}

/// The archives of a version.
fn archives(version: &str) -> Vec<PathBuf> {
    let golden = golden(version);
    let archive = |(name, ..): (String, u64, String)| golden.join(format!("{name}.rv"));
    sources(&golden).into_iter().map(archive).collect()
}

/// The sources of the archives, made the same on every run.
fn made() -> Vec<Sample> {
    let mut all = samples::all();
    let larger = [
        ("pairs.bam", samples::plain(400), Level::Default),
        ("strangers.bam", samples::strange(60), Level::Default),
        ("fast.bam", samples::grouped(40), Level::Fast),
        ("default.bam", samples::grouped(40), Level::Default),
        ("max.bam", samples::grouped(40), Level::Max),
        (
            "recalibrated.bam",
            samples::recalibrated(40),
            Level::Default,
        ),
    ];
    all.extend(larger.map(|(name, source, level)| Sample {
        name,
        source,
        index: None,
        sizes: match name {
            "fast.bam" | "default.bam" | "max.bam" => Some(samples::GROUPS),
            "recalibrated.bam" => Some(samples::LARGER_GROUPS),
            _ => None,
        },
        level,
    }));
    all
}

#[test]
fn every_golden_archive_decodes_to_its_source() {
    for version in VERSIONS {
        let golden = golden(version);
        let sources = sources(&golden);
        assert!(!sources.is_empty(), "{} holds nothing", golden.display());
        let scratch = folder();
        for (name, length, sha256) in &sources {
            let archive = golden.join(format!("{name}.rv"));
            let report = check(&archive, 2).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(report.source.fingerprint.length, *length, "{name}");
            assert_eq!(report.source.fingerprint.sha256, *sha256, "{name}");
            let restored = scratch.path().join("restored");
            let given = unpack(&archive, &restored, 1).unwrap();
            assert_eq!(given.fingerprint.sha256, *sha256, "{name}");
            ranges_are_the_sources(&archive, &fs::read(&restored).unwrap(), 20);
            assert_eq!(format!("v{}", report.archive.format_version), version);
        }
        let archives = fs::read_dir(&golden).unwrap().filter(|entry| {
            let path = entry.as_ref().unwrap().path();
            path.extension().is_some_and(|extension| extension == "rv")
        });
        assert_eq!(archives.count(), sources.len(), "archives and table differ");
    }
}

#[test]
fn the_golden_archives_use_every_kind_of_chunk_and_recipe() {
    let (mut encoders, mut streams) = (BTreeMap::new(), BTreeMap::new());
    for archive in archives("v1") {
        let report = info(&Input::from(archive), &Silent).unwrap();
        for encoder in report.exactness.encoders {
            encoders.insert(encoder.name, ());
        }
        for stream in report.streams {
            for codec in stream.codecs {
                streams.insert(codec, ());
            }
        }
    }
    for expected in ["zlib 6", "corrections", "kept"] {
        assert!(
            encoders.contains_key(expected),
            "no block by {expected}: {encoders:?}"
        );
    }
    for expected in [
        "stored",
        "zstandard",
        "constant",
        "packed",
        "rans",
        "integers",
        "columns",
        "bases",
    ] {
        assert!(
            streams.contains_key(expected),
            "no stream by {expected}: {streams:?}"
        );
    }
}

#[test]
fn the_golden_archives_of_version_2_use_every_part_level_and_kind_of_chunk() {
    let (mut streams, mut levels) = (BTreeSet::new(), BTreeSet::new());
    let (mut kinds, mut groups, mut headers) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for archive in archives("v2") {
        let report = info(&Input::from(archive.clone()), &Silent).unwrap();
        levels.extend(report.archive.level);
        streams.extend(report.streams.into_iter().flat_map(|stream| stream.codecs));
        let parts = Parts::read(&fs::read(archive).unwrap());
        for (kind, payload) in &parts.frames {
            match kind {
                b'C' => kinds.extend(plan_chunk(payload).map(|plan| payload[plan.head.start])),
                // The number of the group takes a byte.
                b'G' => groups.extend(payload.get(1).copied()),
                _ => {}
            }
        }
        parts.with_sections(|tag, bytes| {
            if tag == 7 {
                headers.insert(bytes[0]);
            }
        });
    }
    for expected in [
        "alignment model",
        "template model",
        "name model",
        "base model",
        "quality model",
        "tag model",
    ] {
        assert!(
            streams.contains(expected),
            "no stream by {expected}: {streams:?}"
        );
    }
    assert_eq!(Vec::from_iter(levels), ["default", "fast", "max"]);
    assert_eq!(Vec::from_iter(kinds), [1, 2, 3, 4, 5]);
    assert_eq!(Vec::from_iter(groups), [0, 1]);
    assert!(headers.contains(&16), "no mixed text: {headers:?}");
}

#[test]
fn the_golden_archives_of_version_3_use_every_quick_model() {
    let (mut streams, mut levels) = (BTreeSet::new(), BTreeSet::new());
    for archive in archives("v3") {
        let report = info(&Input::from(archive), &Silent).unwrap();
        levels.extend(report.archive.level);
        streams.extend(report.streams.into_iter().flat_map(|stream| stream.codecs));
    }
    for expected in [
        "quick alignment model",
        "quick template model",
        "name model",
        "quick base model",
        "quick quality model",
        "quick tag model",
    ] {
        assert!(
            streams.contains(expected),
            "no stream by {expected}: {streams:?}"
        );
    }
    assert_eq!(Vec::from_iter(levels), ["default", "fast", "max"]);
}

#[test]
fn the_golden_archives_of_versions_4_and_5_have_original_qualities() {
    for version in ["v4", "v5"] {
        let archive = golden(version).join("recalibrated.bam.rv");
        let report = info(&Input::from(archive), &Silent).unwrap();
        let mut streams = report.streams.into_iter();
        let originals = streams.find(|stream| stream.name.starts_with("tag OQ"));
        assert!(
            originals.is_some_and(|stream| stream.stored > 500),
            "{version}"
        );
    }
}

#[test]
#[ignore = "writes the golden archives that are missing"]
fn write_missing_golden_archives() {
    let golden = golden(VERSIONS[VERSIONS.len() - 1]);
    fs::create_dir_all(&golden).unwrap();
    let known = sources(&golden);
    let table = golden.join("sources.tsv");
    let mut rows =
        fs::read_to_string(&table).unwrap_or_else(|_| "source\tlength\tsha256\n".to_owned());
    for sample in made() {
        let name = sample.name;
        if known.iter().any(|row| row.0 == name) {
            continue;
        }
        let scratch = folder();
        let archive = sample.pack(scratch.path());
        let report = check(&archive, 1).unwrap();
        fs::copy(archive, golden.join(format!("{name}.rv"))).unwrap();
        let fingerprint = report.source.fingerprint;
        rows += &format!("{name}\t{}\t{}\n", fingerprint.length, fingerprint.sha256);
    }
    fs::write(table, rows).unwrap();
}
