use super::super::super::laboratory::load;
use super::super::super::tags::tests::{Random, absurd, context, stripped, with_lines};
use super::super::super::{Column, states};
use super::*;
use crate::codec::mixing::{Decoder, Encoder};

/// Codes the chunks, each but the first with a clone of the first one's model, and back; gives the stored bytes.
fn round_trip(chunks: &[Records]) -> usize {
    let mut key: Option<(Model, Model)> = None;
    let mut bytes = 0;
    for chunk in chunks {
        let fresh = || {
            (
                Model::fit(Level::Default, &context(), chunk),
                Model::blank(),
            )
        };
        let (mut model, mut other) = key.clone().unwrap_or_else(fresh);
        let mut encoder = Encoder::new();
        let mut records = chunk.clone();
        model.code(&mut encoder, &context(), &mut records).unwrap();
        let stored = encoder.finish();
        bytes += stored.len();
        let mut decoder = Decoder::new(&stored);
        let mut decoded = stripped(chunk);
        other.code(&mut decoder, &context(), &mut decoded).unwrap();
        decoder.finish().unwrap();
        for (before, after) in records.columns.iter().zip(&decoded.columns) {
            let name = String::from_utf8_lossy(&before.tag);
            assert!(
                before == after,
                "{name}:{}\n{before:?}\n{after:?}",
                before.kind
            );
        }
        assert!(records == decoded);
        assert!(decoded.columns.iter().all(|column| column.complete));
        key.get_or_insert((model, other));
    }
    bytes
}

#[test]
fn tags_of_real_files_come_back() {
    for path in [
        "novaseq_wgs_wes/nf-cmgg.8645da.Sample10.bam",
        "hiseqx_8level/10XGenomics.257222.lr20.bam",
        "hiseq_40level/imgag.202788.SampleCorrelation_in5.bam",
        "hiseq_40level/czbiohub.7d2405.NA12878_S1.chr20.10_10p1mb.bam",
        "rnaseq/imgag.4e32c6.MappingQC_in3.bam",
    ] {
        let Some((mut chunks, _)) = load(path, 2_000, 1_000) else {
            return;
        };
        chunks.truncate(3);
        for chunk in &mut chunks {
            chunk.base_states = states::states(chunk);
        }
        with_lines(&mut chunks);
        round_trip(&chunks);
    }
}

#[test]
fn absurd_records_come_back() {
    for seed in 0..8 {
        let mut chunks: Vec<_> = (0..3).map(|at| absurd(seed * 3 + at, 60)).collect();
        with_lines(&mut chunks);
        round_trip(&chunks);
    }
}

#[test]
fn a_chunk_without_records_or_tags_costs_nothing() {
    let empty = Records::default();
    let mut bare = absurd(1, 20);
    bare.columns.clear();
    bare.lines.fill(0);
    bare.line_tags = vec![Vec::new()];
    assert_eq!(
        round_trip(&[empty, bare]),
        2 * Encoder::new().finish().len()
    );
}

#[test]
fn long_records_are_left_to_the_thorough_model() {
    let mut chunk = absurd(3, 30);
    let range = 0..chunk.count;
    for record in range {
        // Each gets 2,000 bases more, clipped.
        let at = chunk.base_ends[record] + 2000 * record;
        let more = vec![4u8; 2000];
        chunk.bases.splice(at..at, more.iter().copied());
        chunk.qualities.splice(at..at, more.iter().copied());
        chunk.base_states.splice(at..at, more.iter().map(|_| 3));
        chunk.lengths[record] += 2000;
    }
    for (record, end) in chunk.base_ends.iter_mut().enumerate() {
        *end += 2000 * (record + 1);
    }
    let mut chunks = [chunk];
    with_lines(&mut chunks);
    round_trip(&chunks);
}

/// Reads of a reference that differs from all of them here and there, with the tags that BWA writes.
fn plain_reads(count: usize, depth: usize) -> Records {
    let mut random = Random(9);
    let reference: Vec<u8> = (0..count * 100 / depth + 200)
        .map(|_| random.of(&[1, 2, 4, 8]))
        .collect();
    let mut records = Records {
        count,
        limit: 1 << 24,
        ..Records::default()
    };
    let line = [(*b"MD", 8), (*b"NM", 2), (*b"AS", 2)];
    records.line_tags = vec![line.to_vec()];
    records.columns = line
        .map(|(tag, kind)| Column {
            tag,
            kind,
            records: (0..count as u32).collect(),
            ..Column::default()
        })
        .to_vec();
    for record in 0..count {
        let start = record * 100 / depth;
        let mut text = String::new();
        let (mut since, mut mismatches) = (0, 0);
        for (at, &base) in reference[start..start + 100].iter().enumerate() {
            let site = start + at;
            // Every 150th base differs in all reads, now and then one in a single read.
            let other = site % 150 == 7 || random.below(500) == 0;
            let base = if other {
                base.rotate_left(1) % 15
            } else {
                base
            };
            let base = if base == 0 { 1 } else { base };
            if base == reference[site] {
                since += 1;
            } else {
                let letter = b"?AC?G???T"[usize::from(reference[site])];
                text += &format!("{since}{}", letter as char);
                (since, mismatches) = (0, mismatches + 1);
            }
            records.bases.push(base);
            records.qualities.push(30);
        }
        text += &since.to_string();
        records.flags.push(0);
        records.references.push(0);
        records.positions.push(start as i32);
        records.mapq.push(60);
        records.lengths.push(100);
        records.cigar.push(100 << 4);
        records.cigar_ends.push(record + 1);
        records.mate_references.push(-1);
        records.mate_positions.push(-1);
        records.template_lengths.push(0);
        records.links.push(0);
        records.base_ends.push(records.bases.len());
        records.name_ends.push(0);
        records.lines.push(0);
        records.read_groups.push(0);
        let values = [
            text.into_bytes(),
            vec![mismatches],
            vec![100 - 5 * mismatches],
        ];
        for (column, value) in records.columns.iter_mut().zip(values) {
            column.values.extend(value);
            column.ends.push(column.values.len());
        }
    }
    records.base_states = states::states(&records);
    records
}

#[test]
fn what_an_md_tells_of_the_reference_is_known_to_later_records() {
    let deep = round_trip(&[plain_reads(3000, 50)]);
    // 40 places differ in all reads and some 600 in one: each costs little more than its place.
    assert!(deep < 1400, "{deep} bytes");
}

#[test]
fn damaged_bytes_end_in_records_or_an_error() {
    let mut random = Random(7);
    for seed in 0..6 {
        let mut chunk = [absurd(100 + seed, 40)];
        with_lines(&mut chunk);
        let [mut records] = chunk;
        let blank = stripped(&records);
        let mut encoder = Encoder::new();
        Model::blank()
            .code(&mut encoder, &context(), &mut records)
            .unwrap();
        let stored = encoder.finish();
        for _ in 0..40 {
            let mut damaged = stored.clone();
            if random.below(2) == 0 {
                damaged.truncate(random.below(stored.len() as u64) as usize);
            } else {
                let at = random.below(stored.len() as u64) as usize;
                damaged[at] ^= 1 << random.below(8);
            }
            let mut decoded = blank.clone();
            decoded.limit = 1 << 16;
            let mut decoder = Decoder::new(&damaged);
            if Model::blank()
                .code(&mut decoder, &context(), &mut decoded)
                .is_ok()
            {
                for column in &decoded.columns {
                    assert_eq!(column.ends.len(), column.records.len());
                    assert!(column.values.len() <= decoded.limit);
                }
            }
        }
    }
}
