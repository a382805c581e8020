//! Round trips of real and absurd records, and damaged streams.

use super::super::super::laboratory::load;
use super::super::super::states::states;
use super::*;
use crate::codec::mixing::{Decoder, Encoder, hash};
use crate::codec::records::ReferenceBases;
use crate::codec::records::bases::again::turned;

const NO_CONTEXT: Context<'static> = Context {
    references: &[],
    bases: None,
};

/// The records as a decoder of bases finds them.
fn stripped(records: &Records) -> Records {
    Records {
        bases: Vec::new(),
        base_states: Vec::new(),
        ..records.clone()
    }
}

/// Codes chunks, the first as the key of the others, and checks that they come back and how their bases lie; gives the stored
/// bytes of the first and of the others.
fn round_trip(chunks: &mut [Records]) -> (usize, usize) {
    let mut key = Model::fit(Level::Default, &NO_CONTEXT, &chunks[0]);
    let mut key_blank = Model::blank();
    let mut sizes = [0; 2];
    for (number, records) in chunks.iter_mut().enumerate() {
        let mut model = key.clone();
        let mut encoder = Encoder::new();
        let original = records.bases.clone();
        model.code(&mut encoder, &NO_CONTEXT, records).unwrap();
        assert_eq!(original, records.bases);
        assert_eq!(records.base_states, states(records));
        let stored = encoder.finish();
        sizes[number.min(1)] += stored.len();
        let mut decoded = stripped(records);
        let mut blank = key_blank.clone();
        let mut decoder = Decoder::new(&stored);
        blank.code(&mut decoder, &NO_CONTEXT, &mut decoded).unwrap();
        decoder.finish().unwrap();
        assert!(decoded == *records);
        if number == 0 {
            (key, key_blank) = (model, blank);
        }
    }
    (sizes[0], sizes[1])
}

/// A generator of numbers that are the same in every run.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % limit
    }
}

/// Records that no aligner would write: everything within them is drawn, from small and from absurd values.
fn absurd(random: &mut Random, count: usize) -> Records {
    let mut records = Records::to_decode(count, 1 << 20);
    for record in 0..count {
        records.flags[record] = [0, 0x10, 0x51, 0xa1, 0x900, 0xffff, 0x4][random.below(7) as usize];
        records.references[record] = [-1, 0, 0, 0, 1, i32::MIN, i32::MAX][random.below(7) as usize];
        records.positions[record] = match random.below(12) {
            0 => i32::MIN,
            1 => i32::MAX,
            2 => -1,
            _ => random.below(200) as i32,
        };
        records.mapq[record] = random.below(256) as u8;
        records.links[record] = match random.below(3) {
            0 => random.below(record as u32 + 1),
            _ => 0,
        };
        let operations = random.below(7);
        for _ in 0..operations {
            let length = [0, 1, 5, 30, 100, (1 << 28) - 1][random.below(6) as usize];
            let operation = [0, 0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 15][random.below(14) as usize];
            records.cigar.push(length << 4 | operation);
        }
        records.cigar_ends.push(records.cigar.len());
        let length = [0, 1, 2, 30, 150, 700][random.below(6) as usize];
        records.lengths[record] = length;
        let kind = random.below(4);
        for at in 0..length {
            let base = match kind {
                0 => 1 << random.below(4),
                1 => random.below(16),
                2 => 1 << (at / 3 % 4),
                _ => [1, 2, 4, 8, 15][random.below(5) as usize],
            };
            records.bases.push(base as u8);
        }
        records.base_ends.push(records.bases.len());
    }
    records
}

#[test]
fn absurd_records_come_back() {
    let mut random = Random(1);
    for _ in 0..10 {
        let mut chunks: Vec<Records> = [0, 1, 150, 60, 1, 0, 100]
            .map(|count| absurd(&mut random, count))
            .into();
        round_trip(&mut chunks);
    }
}

/// A made-up reference.
struct Reference;

impl ReferenceBases for Reference {
    fn base(&self, reference: i32, position: i64) -> Option<u8> {
        let known = reference == 0 && (0..100_000).contains(&position);
        known.then(|| 1 << (hash(position as u32, 1, 2, 3) & 3))
    }
}

#[test]
fn a_reference_makes_the_first_reads_nearly_free() {
    let mut records = Records::to_decode(400, 1 << 20);
    for record in 0..records.count {
        records.positions[record] = record as i32 * 100;
        records.cigar.push(100 << 4);
        records.cigar_ends.push(record + 1);
        for at in 0..100 {
            let base = Reference.base(0, (record * 100 + at) as i64);
            records.bases.push(base.unwrap_or(15));
        }
        records.base_ends.push(records.bases.len());
    }
    let context = Context {
        references: &[],
        bases: Some(&Reference),
    };
    let mut encoder = Encoder::new();
    let original = records.clone();
    let mut model = Model::fit(Level::Default, &context, &records);
    model.code(&mut encoder, &context, &mut records).unwrap();
    let stored = encoder.finish();
    assert!(stored.len() < 300, "{}", stored.len());
    let mut decoded = stripped(&original);
    let mut decoder = Decoder::new(&stored);
    Model::blank()
        .code(&mut decoder, &context, &mut decoded)
        .unwrap();
    assert_eq!(decoded.bases, original.bases);
    // Without it they cost two bits a base.
    let (size, _) = round_trip(&mut [original]);
    assert!(size > 9_000);
}

#[test]
fn real_files_come_back() {
    for path in [
        "novaseq_wgs_wes/imgag.df196b.Statistics_mapqc_wgs.bam",
        "singlecell_10x/broadinstitute.03e26d.BA46_downsampled_SMN.bam",
        "atac_chip/macs3-project.d619d5.PEsample_peaks_sorted.bam",
        "pacbio_hifi/samtools.5f1216.NA12878.m64020_190210_035026.chr21.5011316.5411316.unmapped.bam",
        "umi_panel/imgag.4db2ae.BamDeduplicateByBarcode_in4.bam",
    ] {
        let Some((mut chunks, _)) = load(path, 4_000, 1_000) else {
            continue;
        };
        chunks.truncate(4);
        round_trip(&mut chunks);
    }
}

#[test]
fn a_read_that_stands_again_is_nearly_free() {
    let mut random = Random(3);
    let mut records = Records::to_decode(200, 1 << 20);
    for record in 0..records.count {
        records.references[record] = -1;
        let again = record % 2 == 1;
        records.links[record] = again.into();
        records.flags[record] = if again { 0x10 } else { 0 };
        records.cigar_ends.push(0);
        if again {
            let mut before = records.bases_of(record - 1).to_vec();
            before.reverse();
            records.bases.extend(before.into_iter().map(turned));
        } else {
            records
                .bases
                .extend((0..200).map(|_| 1u8 << random.below(4)));
        }
        records.base_ends.push(records.bases.len());
    }
    let (size, _) = round_trip(&mut [records]);
    assert!(size < 100 * 52, "{size}");
}

#[test]
fn damaged_streams_end_without_harm() {
    let mut random = Random(9);
    let mut records = absurd(&mut random, 80);
    let mut encoder = Encoder::new();
    let mut model = Model::fit(Level::Default, &NO_CONTEXT, &records);
    model.code(&mut encoder, &NO_CONTEXT, &mut records).unwrap();
    let stored = encoder.finish();
    let decode = |stored: &[u8]| {
        let mut decoded = stripped(&records);
        let mut decoder = Decoder::new(stored);
        let coded = Model::blank().code(&mut decoder, &NO_CONTEXT, &mut decoded);
        if coded.is_ok() {
            assert_eq!(decoded.bases.len(), records.bases.len());
            assert!(decoded.bases.iter().all(|&base| base < 16));
        }
    };
    for _ in 0..12 {
        decode(&stored[..random.below(stored.len() as u32) as usize]);
        let mut flipped = stored.clone();
        flipped[random.below(stored.len() as u32) as usize] ^= 1 << random.below(8);
        decode(&flipped);
    }
    decode(&[0; 40]);
    decode(&[0xff; 40]);
}

#[test]
fn more_bases_than_the_limit_are_refused() {
    let mut records = absurd(&mut Random(2), 50);
    records.limit = records.bases.len() - 1;
    let mut decoded = stripped(&records);
    let mut decoder = Decoder::new(&[]);
    assert!(
        Model::blank()
            .code(&mut decoder, &NO_CONTEXT, &mut decoded)
            .is_err()
    );
}

#[test]
fn bases_that_never_agree_come_back() {
    let mut random = Random(5);
    let mut records = Records::to_decode(1_000, 1 << 20);
    for record in 0..records.count {
        records.positions[record] = (record / 2 * 200) as i32;
        records.cigar.push(200 << 4);
        records.cigar_ends.push(record + 1);
        for at in 0..200 {
            let turn = if record % 2 == 0 {
                0
            } else {
                1 + random.below(3)
            };
            let base = (hash(record as u32 / 2, at, 1, 1) & 3) + turn;
            records.bases.push(1 << (base & 3));
        }
        records.base_ends.push(records.bases.len());
    }
    let mut chunks = vec![records; 2];
    round_trip(&mut chunks);
}

#[test]
fn rows_that_repeat_share_decisions() {
    let mut random = Random(7);
    let row: Vec<u8> = (0..20_000).map(|_| 1u8 << random.below(4)).collect();
    let mut records = Records::to_decode(40, 1 << 20);
    for record in 0..records.count {
        records.references[record] = -1;
        records.cigar_ends.push(0);
        let start = random.below(10_000) as usize;
        let mut bases = row[start..start + 5_000].to_vec();
        if record % 2 == 1 {
            bases.reverse();
            bases = bases.into_iter().map(turned).collect();
        }
        records.bases.extend(bases);
        records.base_ends.push(records.bases.len());
    }
    // 15,000 bases at two bits, and little more for the 185,000 that repeat them.
    let (size, _) = round_trip(&mut [records]);
    assert!(size < 6_500, "{size}");
}

#[test]
fn a_long_row_wraps_the_ring() {
    let mut random = Random(11);
    let mut records = Records::to_decode(6, 1 << 21);
    for record in 0..records.count {
        records.references[record] = -1;
        records.cigar_ends.push(0);
        let bases = records.bases.clone();
        records
            .bases
            .extend((0..100_000).map(|_| 1u8 << random.below(4)));
        // The end of an earlier record, as it falls out of the ring.
        records.bases.extend(bases.iter().rev().take(40_000).rev());
        records
            .bases
            .extend(bases.iter().rev().take(40_000).copied().map(turned));
        records.base_ends.push(records.bases.len());
        assert_eq!(records.base_ends.len(), record + 1);
    }
    round_trip(&mut [records]);
}
