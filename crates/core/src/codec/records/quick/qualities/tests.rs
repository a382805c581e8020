use super::*;
use crate::codec::mixing::{Decoder, Encoder};
use crate::codec::records::laboratory::load;
use crate::codec::records::qualities::reading::letter;
use crate::codec::records::qualities::tests::{CONTEXT, copies, strange, stripped};
use crate::codec::records::states::states;

const FILES: [&str; 5] = [
    "novaseq_wgs_wes/nf-cmgg.8645da.Sample10.bam",
    "hiseq_40level/czbiohub.7d2405.NA12878_S1.chr20.10_10p1mb.bam",
    "singlecell_10x/broadinstitute.03e26d.BA46_downsampled_SMN.bam",
    "pacbio_clr/google.08cfcc.ecoli.subreads.bam",
    "ont/imgag.22e189.SampleGender_in_lr2.bam",
];

/// Codes the records from a copy of `model`; gives it back as it is then.
fn store(model: &Model, records: &Records) -> (Model, Vec<u8>) {
    let mut model = model.clone();
    let mut encoder = Encoder::new();
    let mut coded = records.clone();
    model.code(&mut encoder, &CONTEXT, &mut coded).unwrap();
    assert!(coded == *records);
    (model, encoder.finish())
}

/// Decodes what [`store`] coded.
fn restore(model: &Model, stored: &[u8], records: &Records) -> (Model, Result<Vec<u8>>) {
    let mut model = model.clone();
    let mut decoder = Decoder::new(stored);
    let mut decoded = stripped(records);
    let done = model.code(&mut decoder, &CONTEXT, &mut decoded);
    let done = done.and_then(|()| decoder.finish());
    (model, done.map(|()| decoded.qualities))
}

/// Codes a key chunk, and others from what it leaves, and decodes them; gives how long the key chunk was.
fn round_trip(level: Level, key: &Records, others: &[Records]) -> usize {
    let (model, first) = store(&Model::fit(level, &CONTEXT, key), key);
    let (read, qualities) = restore(&Model::blank(), &first, key);
    assert!(qualities.unwrap() == key.qualities);
    for records in others {
        let (_, stored) = store(&model, records);
        let (_, qualities) = restore(&read, &stored, records);
        assert!(qualities.unwrap() == records.qualities);
    }
    first.len()
}

#[test]
fn real_files_come_back_from_a_key_chunk_and_its_clones() {
    for (file, level) in FILES
        .iter()
        .zip([Level::Default, Level::Max].into_iter().cycle())
    {
        // Of long reads a few.
        let few = if file.starts_with("ont") { 100 } else { 1 };
        let Some((mut chunks, _)) = load(file, 4000 / few, 500 / few) else {
            continue;
        };
        chunks.truncate(4);
        for records in &mut chunks {
            records.base_states = states(records);
        }
        round_trip(level, &chunks[0], &chunks[1..]);
    }
}

#[test]
fn strange_records_come_back() {
    for (seed, level) in (1..).zip([Level::Default, Level::Max]) {
        let mut second = strange(seed + 10, 60);
        second.base_states.truncate(5);
        for key in [&strange(seed, 120), &strange(1, 0), &strange(2, 1)] {
            round_trip(level, key, std::slice::from_ref(&second));
        }
    }
}

#[test]
fn damaged_streams_end_without_a_panic() {
    let records = strange(5, 40);
    let (_, stored) = store(&Model::fit(Level::Default, &CONTEXT, &records), &records);
    for at in (0..stored.len()).step_by(stored.len() / 60) {
        let mut flipped = stored.clone();
        flipped[at] ^= 1 << (at % 8);
        for bytes in [&stored[..at], &flipped] {
            if let (_, Ok(qualities)) = restore(&Model::blank(), bytes, &records) {
                assert_eq!(qualities.len(), records.bases.len());
            }
        }
    }
}

#[test]
fn a_read_that_is_aligned_again_costs_next_to_nothing() {
    let once = round_trip(Level::Default, &copies(1), &[]);
    assert!(once > 100);
    // The alphabet tells of more, and the flags take a few bits to be learnt.
    let often = round_trip(Level::Default, &copies(12), &[]);
    assert!(often < once + 60, "{often} {once}");
}

/// Records of `count` reads of `length` bases, whose qualities `of` gives by read and place.
fn reads(count: usize, length: usize, of: impl Fn(usize, usize) -> u8) -> Records {
    let mut records = copies(1);
    records.count = count;
    records.flags = vec![0; count];
    records.mapq = vec![60; count];
    records.references = vec![0; count];
    records.positions = (0..count as i32).collect();
    records.links = vec![0; count];
    records.bases = vec![1; count * length];
    let places = (0..count).flat_map(|read| (0..length).map(move |at| (read, at)));
    records.qualities = places.map(|(read, at)| of(read, at)).collect();
    records.base_ends = (1..=count).map(|read| read * length).collect();
    records.cigar = vec![(length as u32) << 4; count];
    records.cigar_ends = (1..=count).collect();
    records
}

#[test]
fn runs_of_every_length_come_back() {
    // A rare quality at every distance from the start, and from another.
    let records = reads(400, 400, |read, at| match at {
        _ if at == read => 11,
        _ if at == 2 * read + 1 => 25,
        _ => 37,
    });
    let length = round_trip(Level::Default, &records, &[reads(3, 1000, |_, _| 37)]);
    // Two places among 400 in each read.
    assert!(length < 400 * 5, "{length}");
}

#[test]
fn qualities_that_are_all_the_same_cost_next_to_nothing() {
    let length = round_trip(Level::Default, &reads(500, 500, |_, _| 30), &[]);
    assert!(length < 80, "{length}");
}

#[test]
fn every_quality_may_follow_every_other() {
    let all = reads(255, 255, |read, at| (read * at) as u8 % 255);
    let few = reads(20, 90, |read, at| (read + at) as u8 % 3);
    round_trip(Level::Default, &all, std::slice::from_ref(&few));
    // Those that the key chunk did not have come back too.
    round_trip(Level::Max, &few, std::slice::from_ref(&all));
}

#[test]
fn what_lies_around_a_base_is_told_by_letters_and_states() {
    let reading = Reading {
        bases: (0..16).collect(),
        states: (0..16).map(|at| at % 5).collect(),
        ..Reading::default()
    };
    let mut bases = contexts::Bases::default();
    bases.turn(&reading);
    let letter =
        |at: usize| -> u32 { reading.bases.get(at).map_or(0, |&code| letter(code.into())) };
    let state = |at: usize| -> u32 { reading.states.get(at).map_or(5, |&state| state.into()) };
    for at in 0..16usize {
        let before = [at.wrapping_sub(1), at.wrapping_sub(2)].map(letter);
        let letters = letter(at) | letter(at + 1) << 2 | before[0] << 4 | before[1] << 6;
        let all = letters | state(at) << 8 | state(at + 1) << 11;
        assert_eq!(bases.at(at), u64::from(all), "at {at}");
    }
    assert_eq!(bases.at(16), 5 << 8);
}
