use super::super::super::super::mixing::{Decoder, Encoder};
use super::super::super::laboratory::load;
use super::super::super::states::states;
use super::*;

const CONTEXT: Context<'_> = Context {
    references: &[],
    bases: None,
};

/// Files with original qualities.
pub(crate) const FILES: [&str; 6] = [
    "hiseq_bqsr_oq_bibd/samtools.9df4f6.CEUTrio.HiSeq.WGS.b37.NA12878.20.first.8000.bam",
    "hiseq_bqsr_oq_bibd/samtools.01ad31.NA12878.20.21.unmapped.orig.bam",
    "hiseqx_8level/broadinstitute.da7bd9.NA12878.bam",
    "hiseq_bqsr_oq_bibd/broadinstitute.8d4f2b.expected.HiSeq.1mb.1RG.2k_lines.bqsr.bam",
    "hiseq_bqsr_oq_bibd/broadinstitute.04e2bc.expected.HiSeq.1mb.1RG.2k_lines.bqsr.qq-1.bam",
    "hiseq_bqsr_oq_bibd/broadinstitute.cdedcd.NexPond-359781_chrm21_rg1.bam",
];

/// Gives records the fields that codecs before this one set.
fn prepare(records: &mut Records, groups: &mut Vec<Vec<u8>>) {
    records.base_states = states(records);
    let Some(column) = records.column(*b"RG", 8) else {
        return;
    };
    let numbers = (0..records.count).map(|record| {
        let value = column.of(record)?;
        let known = groups.iter().position(|group| group == value);
        let number = known.unwrap_or_else(|| {
            groups.push(value.to_vec());
            groups.len() - 1
        });
        Some(number as u32 + 1)
    });
    records.read_groups = numbers.map(|number| number.unwrap_or(0)).collect();
}

/// Chunks of a file, prepared.
pub(crate) fn chunks(file: &str, first: usize, rest: usize) -> Option<Vec<Records>> {
    let (mut chunks, _) = load(file, first, rest)?;
    let mut groups = Vec::new();
    for records in &mut chunks {
        prepare(records, &mut groups);
    }
    Some(chunks)
}

type Whole = super::super::Model;

/// Stores the records with a copy of `model`; gives it back as it is then, and what each stream cost.
fn store(model: &Whole, records: &Records) -> (Whole, Vec<u8>, Vec<(u32, u64)>) {
    let mut model = model.clone();
    let mut encoder = Encoder::new();
    let mut coded = records.clone();
    model.code(&mut encoder, &CONTEXT, &mut coded).unwrap();
    for column in &mut coded.columns {
        column.complete = false;
    }
    assert!(coded == *records);
    let costs = encoder.costs();
    (model, encoder.finish(), costs)
}

/// Restores records that [`store`] stored.
fn restore(model: &Whole, stored: &[u8], records: &Records) -> (Whole, Result<Records>) {
    let mut model = model.clone();
    let mut decoder = Decoder::new(stored);
    let mut decoded = records.clone();
    decoded.qualities.clear();
    for column in &mut decoded.columns {
        if column.tag == TAG && column.kind == KIND {
            column.values.clear();
            column.ends.clear();
        }
    }
    let done = model.code(&mut decoder, &CONTEXT, &mut decoded);
    let done = done.and_then(|()| decoder.finish());
    for column in &mut decoded.columns {
        column.complete = false;
    }
    (model, done.map(|()| decoded))
}

#[test]
fn real_files_come_back_from_a_key_chunk_and_its_clones() {
    for file in FILES {
        let Some(mut chunks) = chunks(file, 1000, 300) else {
            continue;
        };
        chunks.truncate(3);
        let fitted = Whole::fit(Level::Default, &CONTEXT, &chunks[0]);
        let (key, stored, _) = store(&fitted, &chunks[0]);
        let (read, records) = restore(&Whole::blank(), &stored, &chunks[0]);
        assert!(records.unwrap() == chunks[0], "{file}");
        for chunk in &chunks[1..] {
            let (_, stored, _) = store(&key, chunk);
            let (_, records) = restore(&read, &stored, chunk);
            assert!(records.unwrap() == *chunk, "{file}");
        }
    }
}

/// Records with original qualities of every kind that a machine would not give.
pub(crate) fn strange(seed: u32, count: usize) -> Records {
    let mut state = seed;
    let mut random = move |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (u64::from(state >> 4) * u64::from(below) >> 28) as u32
    };
    let mut records = Records {
        count,
        limit: 1 << 20,
        ..Records::default()
    };
    let mut column = Column {
        tag: TAG,
        kind: KIND,
        ..Column::default()
    };
    for record in 0..count {
        let length = [0, 1, 2, 7, 40, 300][random(6) as usize];
        records.flags.push(random(65_536) as u16);
        records.mapq.push(random(256) as u8);
        records.lengths.push(length);
        records.references.push(random(3) as i32 - 1);
        records.positions.push(random(1000) as i32 - 1);
        records.links.push(random(2).min(record as u32));
        records
            .read_groups
            .push([0, 1, u32::MAX][random(3) as usize]);
        records.cigar_ends.push(0);
        let kind = random(4);
        for _ in 0..length {
            records.bases.push(random(16) as u8);
            records.base_states.push(random(5) as u8);
            records.qualities.push(match kind {
                0 => 0xff,
                1 => random(256) as u8,
                _ => 20 + random(9) as u8,
            });
        }
        records.base_ends.push(records.bases.len());
        // None, one, or several values.
        for _ in 0..[0, 1, 1, 1, 2, 3][random(6) as usize] {
            column.records.push(record as u32);
            let length = length + [0, 0, 0, 1][random(4) as usize];
            let kind = random(4);
            for _ in 0..length {
                column.values.push(match kind {
                    0 => 1 + random(255) as u8,
                    _ => 33 + random(94) as u8,
                });
            }
            column.ends.push(column.values.len());
        }
    }
    records.columns.push(column);
    records
}

#[test]
fn strange_records_come_back() {
    let second = strange(5, 100);
    let mut none = strange(8, 50);
    none.columns.clear();
    for key in [&strange(4, 200), &none, &strange(1, 0), &strange(2, 1)] {
        let (key_model, stored, _) = store(&Whole::fit(Level::Max, &CONTEXT, key), key);
        let (read, records) = restore(&Whole::blank(), &stored, key);
        assert!(records.unwrap() == *key);
        for chunk in [&second, &none] {
            let (_, stored, _) = store(&key_model, chunk);
            let (_, records) = restore(&read, &stored, chunk);
            assert!(records.unwrap() == *chunk);
        }
    }
}

#[test]
fn damaged_streams_end_without_a_panic() {
    let records = strange(6, 40);
    let (_, stored, _) = store(&Whole::fit(Level::Fast, &CONTEXT, &records), &records);
    for at in (0..stored.len()).step_by(stored.len() / 12) {
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

/// Prints the sizes of whole files as one chunk, and as a key chunk with clones.
#[test]
#[ignore = "measures"]
fn sizes() {
    let chunked = std::env::var("CHUNKED").is_ok();
    let size = |costs: &[(u32, u64)], small: bool| -> u64 {
        let of = costs.iter().filter(|(key, _)| (*key < 64) == small);
        of.map(|(_, cost)| cost).sum::<u64>() / 128
    };
    let wanted = std::env::var("FILE").unwrap_or_default();
    for file in FILES.iter().filter(|file| file.contains(&wanted)) {
        let first = if chunked { 5000 } else { usize::MAX };
        let Some(chunks) = chunks(file, first, 1000) else {
            continue;
        };
        let start = std::time::Instant::now();
        let mut key = None;
        let (mut own, mut original, mut bases) = (0, 0, 0);
        for records in &chunks {
            let model = key.get_or_insert_with(|| Whole::fit(Level::Default, &CONTEXT, records));
            let (model, _, costs) = store(model, records);
            if bases == 0 {
                key = Some(model);
            }
            own += size(&costs, true);
            original += size(&costs, false);
            bases += records.bases.len();
        }
        let time = start.elapsed().as_nanos() / bases as u128;
        println!("{file}: bytes, OQ {original} QUAL {own}, {time} ns a base");
    }
}
