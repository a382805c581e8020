use super::super::super::laboratory::load;
use super::super::super::states::states;
use super::*;
use crate::codec::mixing::Decoder;

const CONTEXT: Context<'_> = Context {
    references: &[],
    bases: None,
};

/// Files, and tags in them that are for this model.
const FILES: [(&str, &[[u8; 2]]); 5] = [
    (
        "hiseq_bqsr_oq_bibd/samtools.9df4f6.CEUTrio.HiSeq.WGS.b37.NA12878.20.first.8000.bam",
        &[*b"BQ"],
    ),
    (
        "hiseq_bqsr_oq_bibd/samtools.01ad31.NA12878.20.21.unmapped.orig.bam",
        &[*b"BQ"],
    ),
    (
        "hiseq_bqsr_oq_bibd/broadinstitute.8d4f2b.expected.HiSeq.1mb.1RG.2k_lines.bqsr.bam",
        &[*b"BD", *b"BI"],
    ),
    (
        "hiseq_bqsr_oq_bibd/broadinstitute.a596b3.pruned_cycle.bam",
        &[*b"BD", *b"BI"],
    ),
    (
        "hiseqx_8level/10XGenomics.e58dd1.lr21.bam",
        &[*b"QX", *b"QT", *b"TQ"],
    ),
];

/// Chunks with the columns of these tags alone.
fn chunks(file: &str, tags: &[[u8; 2]], first: usize, rest: usize) -> Option<Vec<Records>> {
    let (mut chunks, _) = load(file, first, rest)?;
    for records in &mut chunks {
        records.base_states = states(records);
        records.columns.retain(|column| tags.contains(&column.tag));
    }
    Some(chunks)
}

/// Codes all columns, as the codec of tags does, and gives which were taken.
fn code<C: Coder>(model: &mut Model, coder: &mut C, records: &mut Records) -> Result<Vec<bool>> {
    let mut taken = Vec::new();
    for column in 0..records.columns.len() {
        taken.push(model.code_column(coder, &CONTEXT, records, column)?);
        records.columns[column].complete = true;
        coder.charge(records.columns[column].key());
    }
    Ok(taken)
}

/// Stores the columns with a copy of `model`; gives it back as it is then.
fn store(model: &Model, records: &Records) -> (Model, Vec<u8>) {
    let (mut model, mut encoder) = (model.clone(), Encoder::new());
    code(&mut model, &mut encoder, &mut records.clone()).unwrap();
    (model, encoder.finish())
}

/// Restores the columns that [`store`] stored, without those that this model did not take.
fn restore(model: &Model, stored: &[u8], records: &Records) -> (Model, Result<Records>) {
    let (mut model, mut decoder) = (model.clone(), Decoder::new(stored));
    let mut decoded = records.clone();
    for column in &mut decoded.columns {
        column.values.clear();
        column.ends.clear();
    }
    let done = code(&mut model, &mut decoder, &mut decoded);
    let done = done.and_then(|taken| decoder.finish().map(|()| taken));
    let done = done.map(|taken| {
        for (at, taken) in taken.into_iter().enumerate() {
            decoded.columns[at].complete = false;
            if !taken {
                decoded.columns[at] = records.columns[at].clone();
            }
        }
        decoded
    });
    (model, done)
}

#[test]
fn real_columns_come_back_from_a_key_chunk_and_its_clones() {
    for (file, tags) in FILES {
        let Some(mut chunks) = chunks(file, tags, 1000, 200) else {
            continue;
        };
        chunks.truncate(3);
        let (key, stored) = store(&Model::new(), &chunks[0]);
        let known = key.columns.iter().filter(|(_, one)| one.is_some()).count();
        assert_eq!(known, chunks[0].columns.len(), "{file}");
        let (read, records) = restore(&Model::new(), &stored, &chunks[0]);
        assert!(records.unwrap() == chunks[0], "{file}");
        for chunk in &chunks[1..] {
            let (_, stored) = store(&key, chunk);
            let (_, records) = restore(&read, &stored, chunk);
            assert!(records.unwrap() == *chunk, "{file}");
        }
    }
}

/// Records with columns of all sorts; the more there are, the fewer of them suit the model.
fn strange(seed: u32, count: usize, like_reads: bool) -> Records {
    let mut state = seed;
    let mut random = move |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (u64::from(state >> 4) * u64::from(below) >> 28) as u32
    };
    let mut records = Records {
        count,
        limit: 1 << 16,
        ..Records::default()
    };
    for (tag, kind) in [
        (b"BQ", 8),
        (b"QT", 8),
        (b"bb", 11),
        (b"bc", 10),
        (b"zz", 8),
        (b"zy", 8),
    ] {
        records.columns.push(Column {
            tag: *tag,
            kind,
            ..Column::default()
        });
    }
    for record in 0..count {
        let length = [0, 1, 2, 7, 40, 90][random(6) as usize];
        records.flags.push(random(65_536) as u16);
        records.links.push(random(3).min(record as u32));
        records.read_groups.push(random(3));
        for _ in 0..length {
            records.bases.push(random(16) as u8);
            records.base_states.push(random(5) as u8);
            records.qualities.push(random(256) as u8);
        }
        records.base_ends.push(records.bases.len());
        for column in &mut records.columns {
            for _ in 0..[0, 1, 1, 2][random(4) as usize] {
                let usual = like_reads || random(20) > 0;
                let length = if usual { length } else { random(200) };
                for _ in 0..length {
                    let usual = like_reads || random(50) > 0;
                    let byte = if usual {
                        33 + random(9)
                    } else {
                        1 + random(255)
                    };
                    column.values.push(byte as u8);
                }
                column.records.push(record as u32);
                column.ends.push(column.values.len());
            }
        }
    }
    records
}

#[test]
fn strange_columns_come_back() {
    let second = strange(3, 60, false);
    for key in [
        strange(1, 120, true),
        strange(2, 120, false),
        strange(5, 0, true),
    ] {
        let (key_model, stored) = store(&Model::new(), &key);
        let (read, records) = restore(&Model::new(), &stored, &key);
        assert!(records.unwrap() == key);
        let (_, stored) = store(&key_model, &second);
        let (_, records) = restore(&read, &stored, &second);
        assert!(records.unwrap() == second);
    }
}

#[test]
fn no_more_columns_are_taken_than_memory_allows() {
    let (model, _) = store(&Model::new(), &strange(1, 60, true));
    let taken = model
        .columns
        .iter()
        .filter(|(_, one)| one.is_some())
        .count();
    assert_eq!(taken, COLUMNS);
}

#[test]
fn damaged_streams_end_without_a_panic() {
    let records = strange(4, 30, true);
    let (_, stored) = store(&Model::new(), &records);
    for at in (0..stored.len()).step_by(stored.len() / 15) {
        let mut flipped = stored.clone();
        flipped[at] ^= 1 << (at % 8);
        for bytes in [&stored[..at], &flipped] {
            if let (_, Ok(decoded)) = restore(&Model::new(), bytes, &records) {
                let lengths = decoded.columns.iter().map(|column| column.values.len());
                assert!(lengths.max() <= Some(records.limit));
            }
        }
    }
}

/// Prints the sizes of columns of whole files, as one chunk and as a key chunk and its clones.
#[test]
#[ignore = "measures"]
fn sizes() {
    for (file, tags) in FILES {
        for (first, rest) in [(usize::MAX, 1), (2000, 500)] {
            let Some(chunks) = chunks(file, tags, first, rest) else {
                continue;
            };
            let start = std::time::Instant::now();
            let mut key = None;
            let (mut sizes, mut bytes) = (std::collections::BTreeMap::new(), 0);
            for records in &chunks {
                let mut model = key.clone().unwrap_or_else(Model::new);
                let mut encoder = Encoder::new();
                code(&mut model, &mut encoder, &mut records.clone()).unwrap();
                key.get_or_insert(model);
                for (key, cost) in encoder.costs() {
                    let tag = ((key - 64) / 64) as u16;
                    let tag = String::from_utf8_lossy(&tag.to_be_bytes()).into_owned();
                    *sizes.entry(tag).or_insert(0) += cost / 128;
                }
                bytes += records
                    .columns
                    .iter()
                    .map(|c| c.values.len())
                    .sum::<usize>();
            }
            let time = start.elapsed().as_nanos() / bytes as u128;
            println!("{file}: {first} first: bytes {sizes:?}, {time} ns a symbol");
        }
    }
}
