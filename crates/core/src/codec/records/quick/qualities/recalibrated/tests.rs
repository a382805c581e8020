use super::super::Model as Whole;
use super::*;
use crate::codec::mixing::{Decoder, Encoder};
use crate::codec::records::qualities::recalibrated as thorough;
use crate::codec::records::qualities::recalibrated::tests::{FILES, chunks, strange};
use crate::codec::records::qualities::tests::CONTEXT;

/// Codes the records from a copy of `model`; gives it back as it is then.
fn store(model: &Whole, records: &Records) -> (Whole, Vec<u8>) {
    let mut model = model.clone();
    let mut encoder = Encoder::new();
    let mut coded = records.clone();
    model.code(&mut encoder, &CONTEXT, &mut coded).unwrap();
    for column in &mut coded.columns {
        column.complete = false;
    }
    assert!(coded == *records);
    (model, encoder.finish())
}

/// Decodes what [`store`] coded.
fn restore(model: &Whole, stored: &[u8], records: &Records) -> (Whole, Result<Records>) {
    let mut model = model.clone();
    let mut decoder = Decoder::new(stored);
    let mut decoded = records.clone();
    decoded.qualities.clear();
    if let Some(column) = find(&decoded) {
        decoded.columns[column].values.clear();
        decoded.columns[column].ends.clear();
    }
    let done = model.code(&mut decoder, &CONTEXT, &mut decoded);
    let done = done.and_then(|()| decoder.finish());
    for column in &mut decoded.columns {
        column.complete = false;
    }
    (model, done.map(|()| decoded))
}

/// Codes a key chunk, and others from what it leaves, and decodes them; gives how long the last was.
fn round_trip(level: Level, key: &Records, others: &[Records]) -> usize {
    let (model, stored) = store(&Whole::fit(level, &CONTEXT, key), key);
    let (read, records) = restore(&Whole::blank(), &stored, key);
    assert!(records.unwrap() == *key);
    let mut length = stored.len();
    for chunk in others {
        let (_, stored) = store(&model, chunk);
        let (_, records) = restore(&read, &stored, chunk);
        assert!(records.unwrap() == *chunk);
        length = stored.len();
    }
    length
}

#[test]
fn real_files_come_back_from_a_key_chunk_and_its_clones() {
    let levels = [Level::Default, Level::Max].into_iter().cycle();
    for (file, level) in FILES.into_iter().zip(levels) {
        let Some(mut chunks) = chunks(file, 1000, 300) else {
            continue;
        };
        chunks.truncate(3);
        round_trip(level, &chunks[0], &chunks[1..]);
    }
}

#[test]
fn strange_records_come_back() {
    let second = strange(5, 100);
    let mut none = strange(8, 50);
    none.columns.clear();
    let mut stateless = strange(9, 50);
    stateless.base_states.truncate(5);
    let others = [second, none.clone(), stateless];
    for key in [&strange(4, 200), &none, &strange(1, 0), &strange(2, 1)] {
        round_trip(Level::Default, key, &others);
        round_trip(Level::Max, key, &others);
    }
}

/// Records whose qualities `given` tells by the original one and the place.
fn told(seed: u32, mut given: impl FnMut(u8, usize) -> u8) -> Records {
    let mut records = strange(seed, 400);
    records.links.fill(0);
    records.flags.fill(0);
    records.read_groups.fill(1);
    let values = &mut records.columns[0];
    (values.records, values.values, values.ends) = Default::default();
    for record in 0..records.count {
        let range = part(&records.base_ends, record);
        let values = &mut records.columns[0];
        values.records.push(record as u32);
        for (at, quality) in records.qualities[range].iter_mut().enumerate() {
            let original = 10 + (at * 7 + record) as u8 % 30;
            values.values.push(original + b'!');
            *quality = given(original, at);
        }
        values.ends.push(values.values.len());
    }
    records
}

#[test]
fn what_follows_from_the_originals_costs_next_to_nothing() {
    let same = told(3, |original, _| original);
    let other = told(3, |original, at| original - 3 + (at / 50) as u8);
    let mut state = 1u32;
    let random = told(3, |original, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        original - 3 + (state >> 24) as u8 % 7
    });
    let [same, other, random] = [&same, &other, &random].map(|records| {
        let next = std::slice::from_ref(records);
        round_trip(Level::Default, records, next)
    });
    // Beside the originals.
    assert!(other < same + 200, "{other} {same}");
    assert!(random > same + 500, "{random} {same}");
}

#[test]
fn qualities_far_from_what_is_expected_come_back() {
    let records = told(4, |original, at| if at % 9 == 0 { 254 } else { original });
    let other = told(5, |original, at| original.wrapping_mul(at as u8));
    round_trip(Level::Default, &records, &[other]);
}

#[test]
fn damaged_streams_end_without_a_panic() {
    let records = strange(6, 40);
    let (_, stored) = store(&Whole::fit(Level::Default, &CONTEXT, &records), &records);
    for at in (0..stored.len()).step_by(stored.len() / 60) {
        let mut flipped = stored.clone();
        flipped[at] ^= 1 << (at % 8);
        for bytes in [&stored[..at], &flipped] {
            if let (_, Ok(decoded)) = restore(&Whole::blank(), bytes, &records) {
                assert_eq!(decoded.qualities.len(), records.bases.len());
                assert!(decoded.columns[0].values.len() <= records.limit);
            }
        }
    }
}

/// Codes the records as versions 3 and 4 of the format did.
fn store_thoroughly(
    known: Option<(thorough::Model, Whole)>,
    records: &Records,
) -> ((thorough::Model, Whole), Vec<u8>) {
    let level = Level::Max;
    let (mut model, mut plain) = known.unwrap_or_else(|| {
        let model = thorough::Model::fit(level, &CONTEXT, &mut records.clone());
        (model, Whole::fit(level, &CONTEXT, records))
    });
    let (mut encoder, mut coded) = (Encoder::new(), records.clone());
    let mut done = vec![false; records.count];
    model
        .code(&mut encoder, &CONTEXT, &mut coded, &mut done)
        .unwrap();
    plain.code_plain(&mut encoder, &mut coded, &done).unwrap();
    ((model, plain), encoder.finish())
}

#[test]
fn what_older_versions_coded_comes_back() {
    let (key, other) = (strange(4, 100), strange(5, 100));
    let (known, first) = store_thoroughly(None, &key);
    let (_, second) = store_thoroughly(Some(known), &other);
    let (read, records) = restore(&Whole::blank(), &first, &key);
    assert!(records.unwrap() == key);
    assert!(restore(&read, &second, &other).1.unwrap() == other);
}
