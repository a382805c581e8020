//! Round trips of real, absurd and damaged records.

use super::*;
use crate::codec::mixing::{Decoder, Encoder};
use crate::codec::records::alignment::tests::{CONTEXT, FILES, Random, absurd, check, long_reads};
use crate::codec::records::laboratory;

/// A chunk's stored bytes, the costs by stream, and the records with what coding sets.
fn encode(model: &mut Model, records: &Records) -> (Vec<u8>, Vec<(u32, u64)>, Records) {
    let mut coder = Encoder::new();
    let mut copy = records.clone();
    model.code(&mut coder, &CONTEXT, &mut copy).unwrap();
    let costs = coder.costs();
    (coder.finish(), costs, copy)
}

/// The records that a chunk's stored bytes stand for.
fn decode(model: &mut Model, stored: &[u8], count: usize, limit: usize) -> Result<Records> {
    let mut coder = Decoder::new(stored);
    let mut records = Records::to_decode(count, limit);
    model.code(&mut coder, &CONTEXT, &mut records)?;
    coder.finish()?;
    Ok(records)
}

/// Codes a key chunk and the others from its model, both ways.
fn round_trip(chunks: &[Records]) -> usize {
    let (key, rest) = chunks.split_first().unwrap();
    let mut model = Model::fit(Level::Default, &CONTEXT, key);
    let mut mirror = Model::blank();
    let (stored, _, encoded) = encode(&mut model, key);
    let limit = usize::MAX;
    let decoded = decode(&mut mirror, &stored, key.count, limit).unwrap();
    check(key, &encoded, &decoded);
    let mut bytes = stored.len();
    for records in rest {
        let (stored, _, encoded) = encode(&mut model.clone(), records);
        let decoded = decode(&mut mirror.clone(), &stored, records.count, limit).unwrap();
        check(records, &encoded, &decoded);
        bytes += stored.len();
    }
    bytes
}

#[test]
fn real_records_come_back_from_a_key_chunk_and_its_followers() {
    for file in FILES {
        let Some((mut chunks, _)) = laboratory::load(file, 8_000, 1_000) else {
            continue;
        };
        chunks.truncate(6);
        assert!(round_trip(&chunks) > 0, "{file}");
    }
}

#[test]
fn absurd_records_come_back() {
    for seed in 0..12 {
        let chunks = [
            absurd(500, seed),
            absurd(80, seed + 100),
            absurd(1, seed + 200),
        ];
        round_trip(&chunks);
    }
    round_trip(&[absurd(1, 1), absurd(0, 2), absurd(300, 3)]);
    round_trip(&[absurd(0, 4), absurd(40, 5)]);
}

#[test]
fn absurd_records_after_usual_ones_come_back() {
    let Some((mut chunks, _)) = laboratory::load(FILES[0], 3000, 500) else {
        return;
    };
    chunks.truncate(2);
    chunks.push(absurd(300, 6));
    chunks.push(absurd(300, 7));
    round_trip(&chunks);
}

#[test]
fn mates_are_found_by_position() {
    let Some((chunks, _)) = laboratory::load(FILES[0], 5000, 500) else {
        return;
    };
    let mut model = Model::fit(Level::Default, &CONTEXT, &chunks[0]);
    let (_, _, encoded) = encode(&mut model, &chunks[0]);
    let linked = chunks[0].links.iter().filter(|&&link| link > 0).count();
    let found = encoded.found_mates.iter().filter(|&&found| found).count();
    assert!(found * 20 > linked * 19, "{found} of {linked}");
}

/// Pairs whose second records all lie at one place, in an order of their own: mates that wait there are told apart.
#[test]
fn mates_that_wait_at_one_place_are_told_apart() {
    const PAIRS: usize = 200;
    let mut records = absurd(2 * PAIRS, 4);
    records.cigar = vec![10 << 4; 2 * PAIRS];
    for record in 0..2 * PAIRS {
        let first = record < PAIRS;
        // 83 and 200 have no common factor: each first record is answered once.
        let other = (record * 83) % PAIRS;
        records.flags[record] = if first { 99 } else { 147 };
        records.references[record] = 3;
        records.positions[record] = if first { 1000 + record as i32 } else { 2000 };
        records.lengths[record] = 10;
        records.base_ends[record] = 10 * (record + 1);
        records.cigar_ends[record] = record + 1;
        records.mate_references[record] = 3;
        records.mate_positions[record] = if first { 2000 } else { 1000 + other as i32 };
        let template = 1010 - if first { record } else { other } as i32;
        records.template_lengths[record] = if first { template } else { -template };
        records.links[record] = if first { 0 } else { (record - other) as u32 };
    }
    let mut model = Model::fit(Level::Default, &CONTEXT, &records);
    let (_, _, encoded) = encode(&mut model, &records);
    let found = encoded.found_mates.iter().filter(|&&found| found).count();
    assert!(found > PAIRS / 2, "{found}");
    round_trip(&[records.clone(), records]);
}

#[test]
fn long_reads_come_back_and_copies_of_them_cost_little() {
    let (once, thrice) = (long_reads(60, 1), long_reads(60, 3));
    let (one, three) = (
        round_trip(std::slice::from_ref(&once)),
        round_trip(std::slice::from_ref(&thrice)),
    );
    assert!(three < one + one / 5, "{one} {three}");
    round_trip(&[once.clone(), once, thrice]);
}

/// A small chunk's stored bytes.
fn stored() -> (Vec<u8>, usize) {
    let records = match laboratory::load(FILES[0], 200, 200) {
        Some((mut chunks, _)) => chunks.swap_remove(0),
        None => absurd(200, 8),
    };
    let mut model = Model::fit(Level::Default, &CONTEXT, &records);
    (encode(&mut model, &records).0, records.count)
}

/// Decodes damaged bytes, which must end without a panic and within the limit.
fn survives(stored: &[u8], count: usize) {
    const LIMIT: usize = 100_000;
    if let Ok(records) = decode(&mut Model::blank(), stored, count, LIMIT) {
        assert!(records.cigar.len() * 4 <= LIMIT);
        assert!(*records.base_ends.last().unwrap() <= LIMIT);
        assert_eq!(records.found_mates.len(), count);
    }
}

#[test]
fn damaged_streams_of_long_reads_do_no_harm() {
    let records = long_reads(12, 2);
    let mut model = Model::fit(Level::Default, &CONTEXT, &records);
    let (mut stored, ..) = encode(&mut model, &records);
    for at in (0..stored.len()).step_by(7) {
        let bit = 1 << (at % 8);
        stored[at] ^= bit;
        survives(&stored, records.count);
        survives(&stored[..at], records.count);
        stored[at] ^= bit;
    }
}

#[test]
fn damaged_and_truncated_streams_do_no_harm() {
    let (mut stored, count) = stored();
    for at in 0..stored.len() {
        let bit = 1 << (at % 8);
        stored[at] ^= bit;
        survives(&stored, count);
        stored[at] ^= bit;
        survives(&stored[..at], count);
    }
    let mut random = Random(9);
    for _ in 0..60 {
        let noise: Vec<u8> = (0..2000).map(|_| random.next() as u8).collect();
        survives(&noise, count);
        survives(&vec![random.next() as u8; 3000], count);
    }
}

/// Prints what each field of the files in `READVAULT_FIELDS_OF` (paths, between colons) costs, by the thorough model and by
/// this one.
#[test]
#[ignore = "prints sizes"]
fn sizes_per_field() {
    let files = std::env::var("READVAULT_FIELDS_OF").unwrap_or_default();
    let of = |costs: &[(u32, u64)]| -> Vec<u64> {
        let cost = |key: u32| costs.iter().find(|cost| cost.0 == key);
        [9, 10, 11, 12, 13, 15, 16, 20, 21, 22, 23]
            .map(|key| cost(key).map_or(0, |cost| cost.1 / 128))
            .to_vec()
    };
    println!("flags refs pos mapq len ops oplen links mref mpos tlen");
    for file in files.split(':').filter(|file| !file.is_empty()) {
        let Some((chunks, _)) = laboratory::load(file, 200_000, 0) else {
            continue;
        };
        let records = &chunks[0];
        let mut thorough =
            super::super::super::alignment::Model::fit(Level::Default, &CONTEXT, records);
        let (_, costs, _) = super::super::super::alignment::tests::encode(&mut thorough, records);
        let before = of(&costs);
        let mut quick = Model::fit(Level::Default, &CONTEXT, records);
        let (_, costs, _) = encode(&mut quick, records);
        let after = of(&costs);
        let sum = |costs: &[u64]| costs.iter().sum::<u64>();
        println!(
            "{file}, {} records\n  thorough {} {before:?}\n  quick    {} {after:?}",
            records.count,
            sum(&before),
            sum(&after)
        );
    }
}
