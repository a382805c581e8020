//! What each field of real files costs, in bytes and time.

use std::time::Instant;

use super::tests::{CONTEXT, FILES, decode, encode};
use super::*;
use crate::codec::mixing::{Lanes, SYMBOLS};
use crate::codec::records::laboratory;

#[test]
#[ignore = "prints sizes and times"]
fn sizes_per_field() {
    let only = std::env::var("ONLY").unwrap_or_default();
    for file in FILES.iter().filter(|file| file.contains(&only)) {
        let Some((chunks, _)) = laboratory::load(file, usize::MAX, 0) else {
            continue;
        };
        let records = &chunks[0];
        let mut model = Model::fit(Level::Default, &CONTEXT, records);
        let mut counter = Counter::default();
        let mut copy = records.clone();
        model
            .clone()
            .code(&mut counter, &CONTEXT, &mut copy)
            .unwrap();
        let start = Instant::now();
        let (stored, costs, _) = encode(&mut model, records);
        let encoding = start.elapsed().as_nanos() / records.count as u128;
        let start = Instant::now();
        let mut mirror = Model::blank();
        decode(&mut mirror, &stored, records.count, usize::MAX).unwrap();
        let decoding = start.elapsed().as_nanos() / records.count as u128;
        println!(
            "{file}\n  {} records, {} bytes, {encoding} and {decoding} ns and {:.1} decisions a record",
            records.count,
            stored.len(),
            counter.0 as f64 / records.count as f64
        );
        let names = [
            (9, "flags"),
            (10, "refs"),
            (11, "pos"),
            (12, "mapq"),
            (13, "len"),
            (15, "ops"),
            (16, "oplen"),
            (20, "links"),
            (21, "mref"),
            (22, "mpos"),
            (23, "tlen"),
        ];
        let of = |key: u32| {
            costs
                .iter()
                .find(|cost| cost.0 == key)
                .map_or(0, |cost| cost.1 / 128)
        };
        print!(" ");
        for (key, name) in names {
            print!(" {name} {}", of(key));
        }
        let sum = |keys: &[u32]| keys.iter().map(|&key| of(key)).sum::<u64>();
        println!(
            "\n  M {} CIGAR {} len {}",
            sum(&[9, 10, 11, 20, 21, 22, 23]),
            sum(&[15, 16]),
            of(13)
        );
        if std::env::var_os("CHUNKS").is_some() {
            chunked(file);
        }
    }
}

/// What chunks beyond the key cost against the same records in one chunk with it.
fn chunked(file: &str) {
    let Some((chunks, _)) = laboratory::load(file, 20_000, 2_500) else {
        return;
    };
    let (key, rest) = chunks.split_first().unwrap();
    let mut model = Model::fit(Level::Default, &CONTEXT, key);
    let first = encode(&mut model, key).0.len();
    let apart: usize = rest
        .iter()
        .map(|records| encode(&mut model.clone(), records).0.len())
        .sum();
    println!("  key {first}, {} others {apart}", rest.len());
}

/// Counts decisions.
#[derive(Default)]
struct Counter(u64);

impl Coder for Counter {
    const DECODES: bool = false;

    fn code(&mut self, bit: bool, _: u32) -> bool {
        self.0 += 1;
        bit
    }

    fn symbol<L: Lanes>(&mut self, _: L, symbol: usize, _: &[u16; SYMBOLS]) -> usize {
        self.0 += 1;
        symbol
    }

    fn quarter(&mut self, number: usize, _: [u32; 3]) -> usize {
        self.0 += 1;
        number
    }

    fn equal(&mut self, number: u32, _: u32) -> u32 {
        self.0 += 1;
        number
    }

    fn charge(&mut self, _: u32) {}
}
