//! Real files: every block whose writer is known is made again by the encoder that wrote it.

mod common;

use common::blocks;
use readvault_encoders::{Encoder, Encoders, Inflater};
use std::collections::BTreeMap;

/// Blocks looked at in one file, spread over it.
const SAMPLE: usize = 6;

/// Whether the manifest names a writer that an encoder number stands for.
fn is_known(guess: &str) -> bool {
    let known = ["zlib-L", "libdeflate"];
    known.iter().any(|name| guess.starts_with(name)) || guess.contains("isal-L")
}

#[test]
fn the_blocks_of_known_writers_are_identified() {
    let Some(folder) = common::corpus() else {
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv")).expect("a manifest");
    let (mut encoders, mut inflater) = (Encoders::new(), Inflater::new());
    let mut unmatched: Vec<String> = Vec::new();
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    for line in manifest.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (path, guess) = (columns[0], columns[12]);
        if !is_known(guess) {
            continue;
        }
        let file = std::fs::read(folder.join(path)).expect("a file of the manifest");
        let found = blocks(&file);
        let mut likely: Vec<Encoder> = Vec::new();
        for block in found.iter().step_by(found.len().div_ceil(SAMPLE).max(1)) {
            let mut content = vec![0; block.length];
            assert!(
                inflater.inflate_exact(block.deflate, &mut content),
                "{path}"
            );
            if content.is_empty() {
                continue; // one of the files has a broken end-of-file block on purpose
            }
            let encoder = encoders.identify(&content, block.deflate, &likely);
            let Some(encoder) = encoder else {
                unmatched.push(format!("{path}: {} bytes of {guess}", content.len()));
                continue;
            };
            if !likely.contains(&encoder) {
                likely.push(encoder);
            }
            *tally.entry(encoder.name()).or_default() += 1;
        }
    }
    println!("{tally:#?}");
    assert!(unmatched.is_empty(), "{unmatched:#?}");
    assert!(tally.contains_key("zlib 6") && tally.contains_key("libdeflate 1.7 level 6"));
    assert!(tally.contains_key("isa-l level 0 (GKL)"));
    assert!(tally.contains_key("libdeflate 1.14 level 12"));
}

#[test]
fn zlib_by_faster_code_gives_the_librarys_bytes_of_real_content() {
    let Some(folder) = common::corpus() else {
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv")).expect("a manifest");
    let (mut fast, mut library) = (Encoders::new(), Encoders::by_library());
    let mut inflater = Inflater::new();
    let (mut made, mut expected) = (Vec::new(), Vec::new());
    let mut compared = 0;
    for line in manifest.lines().skip(1) {
        let path = line.split('\t').next().expect("a path");
        let file = std::fs::read(folder.join(path)).expect("a file of the manifest");
        let found = blocks(&file);
        for block in found.iter().step_by(found.len().div_ceil(SAMPLE).max(1)) {
            let mut content = vec![0; block.length];
            if !inflater.inflate_exact(block.deflate, &mut content) {
                continue;
            }
            for number in (0x04..=0x09).chain([0x16]) {
                let encoder = Encoder::from_number(number).expect("a known number");
                assert!(fast.deflate(encoder, &content, &mut made));
                assert!(library.deflate(encoder, &content, &mut expected));
                assert!(made == expected, "{path}: {} bytes", content.len());
                compared += 1;
            }
        }
    }
    assert!(compared > 1000);
}
