//! Parts of strange records come back, and hostile ones do no harm to those that follow, whatever checksums say.

#[path = "../../../tests/common/bam.rs"]
#[allow(dead_code)]
pub(crate) mod bam;
#[path = "../../../tests/common/random.rs"]
#[allow(dead_code)]
pub(crate) mod random;

use random::Random;

use super::*;
use crate::source::bam as records_of;
use crate::source::streams::{self, Decoded};
use crate::source::walk::Item;

/// A chunk of ordinary and strange records, of which some have original qualities: its content, and its items.
pub(crate) fn chunk(pairs: usize, random: &mut Random) -> (Vec<u8>, Vec<Item>) {
    let (mut content, mut items, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let recalibrated = random.one_in(3);
    for number in 0..pairs {
        let mut records = Vec::from(bam::pair(number, random));
        if recalibrated {
            records
                .iter_mut()
                .for_each(|record| bam::recalibrate(record, random.below(20)));
        }
        if random.one_in(2) {
            records.push(bam::strange(random, &mut names));
        }
        for record in records {
            let start = content.len();
            content.extend(record.bytes());
            items.push(Item::Record(start..content.len()));
        }
    }
    (content, items)
}

fn context(references: &[Vec<u8>]) -> Context<'_> {
    Context {
        references,
        bases: None,
    }
}

fn stored(units: &[CodedUnit]) -> Vec<StoredUnit<'_>> {
    units.iter().map(CodedUnit::to_decode).collect()
}

#[test]
fn strange_records_come_back_in_a_key_chunk_and_behind_it() {
    let references = [b"c1".to_vec(), b"c2".to_vec()];
    let context = context(&references);
    for (seed, level) in (0..6).zip(Level::ALL.into_iter().cycle()) {
        let random = &mut Random::new(seed);
        let mut models = Models::default();
        for number in 0..3 {
            let (content, items) = chunk(20, random);
            let mut parsed = records_of::parse(&content, &items);
            let units = encode(&mut parsed.fields, &models, level, &context).unwrap();
            let others = streams::encode(std::mem::take(&mut parsed.streams));
            let mut all = Decoded::new(stored(&others).into_iter().chain(stored(&units)));
            let forms = all.take(key::FORMS).unwrap();
            let count = records_of::count(&forms, content.len()).unwrap();
            let find = |key| all.take_unit(key);
            let (limit, keep) = (content.len(), number == 0);
            let decoded = decode(count, limit, &models, keep, &context, &Part::ALL, find);
            let (records, left) = decoded.unwrap();
            let rebuilt =
                records_of::restore(&mut all, &forms, &records, b"", content.len()).unwrap();
            assert!(rebuilt.content == content, "seed {seed}, chunk {number}");
            if let Some(left) = left {
                models = left;
            }
        }
    }
}

/// Stored bytes that an attacker may put in the place of others. Behind their end a decoder reads zeros, so that short
/// ones never leave bytes over.
fn hostile(stored: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = stored.to_vec();
    match random.below(5) {
        0 => {
            let length = random.below(40);
            bytes = random.bytes(length);
        }
        1 => bytes = vec![0xff; random.below(60)],
        2 => bytes.truncate(random.below(bytes.len() + 1)),
        3 => {
            let keep = random.below(bytes.len() + 1);
            bytes.truncate(keep);
            let length = random.below(20);
            bytes.extend(random.bytes(length));
        }
        _ => {
            if !bytes.is_empty() {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
                bytes.truncate(at + 1 + random.below(30));
            }
        }
    }
    bytes
}

#[test]
fn hostile_parts_do_no_harm_to_those_that_follow() {
    let references = [b"c1".to_vec(), b"c2".to_vec()];
    let context = context(&references);
    let mut reached = [0; Part::ALL.len()];
    for seed in 0..80 {
        let random = &mut Random::new(seed);
        let level = *random.pick(&Level::ALL);
        let (content, items) = chunk(8, random);
        let mut parsed = records_of::parse(&content, &items);
        let blank = Models::default();
        let units = encode(&mut parsed.fields, &blank, level, &context).unwrap();
        let others = streams::encode(std::mem::take(&mut parsed.streams));
        for _ in 0..8 {
            // Two chunks, the second from what the first leaves, with no checksum between parts.
            let mut models = Models::default();
            let first = random.below(Part::ALL.len());
            for chunk in 0..2 {
                let limit = content.len();
                let mut all = Decoded::new(stored(&others));
                let forms = all.take(key::FORMS).unwrap();
                let count = records_of::count(&forms, limit).unwrap();
                let mut records = Records::to_decode(count, limit);
                let mut left = Models::default();
                let mut whole = true;
                for (number, part) in Part::ALL.into_iter().enumerate() {
                    let of_part = |unit: &CodedUnit| Family::of_codec(part, unit.codec);
                    let found = units.iter().find_map(|unit| Some((unit, of_part(unit)?)));
                    let (unit, family) = found.expect("every part is coded");
                    let mut bytes = unit.stored.clone();
                    if chunk > 0 || number == first || number > first && random.one_in(2) {
                        bytes = hostile(&bytes, random);
                    }
                    let decoded = models.decode(part, family, &bytes, &context, &mut records);
                    let Ok(after) = decoded else {
                        whole = false;
                        break;
                    };
                    digest(&records, part);
                    left.take(part, after);
                    reached[number] += 1;
                }
                let sizes = [
                    records.names.len(),
                    records.bases.len(),
                    records.qualities.len(),
                    records.cigar.len() * 4,
                ];
                assert!(sizes.iter().all(|&size| size <= limit), "{sizes:?}");
                if !whole {
                    break;
                }
                let values = records.columns.iter().map(|column| column.values.len());
                assert!(values.sum::<usize>() <= limit);
                let rebuilt = records_of::restore(&mut all, &forms, &records, b"", limit);
                assert!(rebuilt.is_err() || rebuilt.is_ok_and(|all| all.content.len() == limit));
                models = left;
            }
        }
    }
    // The attack is one: it gets to the last part again and again.
    assert!(reached.iter().all(|&times| times > 20), "{reached:?}");
}
