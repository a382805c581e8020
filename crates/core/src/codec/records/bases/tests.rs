//! Round trips of real and absurd records, damaged streams, and sizes.

use super::super::ReferenceBases;
use super::super::laboratory::load;
use super::super::states::states;
use super::*;
use crate::codec::mixing::hash;
use crate::codec::mixing::{Decoder, Encoder};

const NO_CONTEXT: Context<'static> = Context {
    references: &[],
    bases: None,
};

/// Nanoseconds that this thread ran, where the system says it; else 0.
fn cpu_time() -> u128 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next();
    first.and_then(|first| first.parse().ok()).unwrap_or(0)
}

/// The records as a decoder of bases finds them.
fn stripped(records: &Records) -> Records {
    Records {
        bases: Vec::new(),
        base_states: Vec::new(),
        ..records.clone()
    }
}

/// Codes chunks, the first as the key of the others; checks the round trip; sizes of the first and the others, and
/// nanoseconds to encode and decode.
fn round_trip(level: Level, chunks: &mut [Records], check: bool) -> (usize, usize, u128, u128) {
    let mut key = Model::fit(level, &NO_CONTEXT, &chunks[0]);
    let mut key_blank = Model::blank();
    let (mut sizes, mut times) = ([0; 2], [0; 2]);
    for (number, records) in chunks.iter_mut().enumerate() {
        let mut model = key.clone();
        let mut encoder = Encoder::new();
        let original = check.then(|| records.clone());
        let start = cpu_time();
        model.code(&mut encoder, &NO_CONTEXT, records).unwrap();
        times[0] += cpu_time() - start;
        if number == 0 {
            key = model;
        }
        let stored = encoder.finish();
        sizes[number.min(1)] += stored.len();
        if !check {
            continue;
        }
        assert_eq!(original.unwrap().bases, records.bases);
        assert_eq!(records.base_states, states(records));
        let mut decoded = stripped(records);
        let mut model = key_blank.clone();
        let mut decoder = Decoder::new(&stored);
        let start = cpu_time();
        model.code(&mut decoder, &NO_CONTEXT, &mut decoded).unwrap();
        times[1] += cpu_time() - start;
        decoder.finish().unwrap();
        if number == 0 {
            key_blank = model;
        }
        assert!(decoded == *records);
    }
    (sizes[0], sizes[1], times[0], times[1])
}

const FILES: [&str; 26] = [
    "novaseq_wgs_wes/imgag.df196b.Statistics_mapqc_wgs.bam",
    "novaseq_wgs_wes/imgag.8927f9.VcfCalculatePRS_in1.bam",
    "novaseq_wgs_wes/imgag.6f65ca.TrioMaternalContaminationFather.bam",
    "novaseq_wgs_wes/nf-cmgg.8645da.Sample10.bam",
    "novaseq_wgs_wes/broadinstitute.344a84.NA24385_contaminated_with_NA12878_at_8_percent_chr1_fingerprint_sites.bam",
    "hiseq_40level/czbiohub.7d2405.NA12878_S1.chr20.10_10p1mb.bam",
    "hiseq_40level/imgag.202788.SampleCorrelation_in5.bam",
    "hiseq_bqsr_oq_bibd/samtools.9df4f6.CEUTrio.HiSeq.WGS.b37.NA12878.20.first.8000.bam",
    "hiseq_bqsr_oq_bibd/samtools.01ad31.NA12878.20.21.unmapped.orig.bam",
    "hiseqx_8level/broadinstitute.da7bd9.NA12878.bam",
    "hiseqx_8level/10XGenomics.257222.lr20.bam",
    "umi_panel/imgag.505b96.BamDeduplicateByBarcode_in4.bam",
    "umi_panel/imgag.d6bb90.cfDNA.bam",
    "rnaseq/czbiohub.65d168.MACA_24m_M_BLADDER_59.Aligned.out.sorted.chr19.bam",
    "rnaseq/imgag.4e32c6.MappingQC_in3.bam",
    "singlecell_10x/broadinstitute.185ffd.TTTGCGCGGAGC_ATTGTTTAGGAG.bam",
    "singlecell_10x/broadinstitute.03e26d.BA46_downsampled_SMN.bam",
    "atac_chip/macs3-project.d619d5.PEsample_peaks_sorted.bam",
    "derived_dev/D_novaseq_wes_pe_pool.nfcmgg.bam",
    "ont/imgag.22e189.SampleGender_in_lr2.bam",
    "ont/imgag.85e40c.SampleGender_in_lr1.bam",
    "pacbio_hifi/samtools.5f1216.NA12878.m64020_190210_035026.chr21.5011316.5411316.unmapped.bam",
    "pacbio_hifi/google.0ea2e1.m64062_190806_063919-chr20.dc.small.bam",
    "pacbio_clr/google.8fa046.human.subreads.bam",
    "ubam_queryname/broadinstitute.17d01c.test.bam",
    "derived_dev/D_hiseq2500_yeast_chip_SRR5204810.bwa.markdup.bam",
];

/// Sizes and times; `BASES_FILES` selects files by parts of their paths, `BASES_WHOLE` one chunk only, `BASES_CHECK` decoding,
/// `BASES_LEVEL` fast or max.
#[test]
#[ignore = "a measurement"]
fn sizes_of_real_files() {
    let wanted = std::env::var("BASES_FILES").unwrap_or_default();
    let check = std::env::var("BASES_CHECK").is_ok();
    let level = match std::env::var("BASES_LEVEL").as_deref() {
        Ok("fast") => Level::Fast,
        Ok("max") => Level::Max,
        _ => Level::Default,
    };
    let whole_only = std::env::var("BASES_WHOLE").is_ok();
    for path in FILES {
        if !wanted.is_empty() && !wanted.split(',').any(|part| path.contains(part)) {
            continue;
        }
        let Some((mut whole, _)) = load(path, usize::MAX, usize::MAX) else {
            continue;
        };
        let bases = whole[0].bases.len();
        let count = whole[0].count;
        let (one, _, encode, decode) = round_trip(level, &mut whole, check);
        let (mut key, mut rest) = (0, 0);
        if !whole_only {
            let (mut chunks, _) = load(path, 20_000, 2_500).unwrap();
            (key, rest, ..) = round_trip(level, &mut chunks, check);
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        eprintln!(
            "{:28} {bases:9} bases whole {one:8}  key {key:8} + {rest:8} = {:8}  ns/record {:6} {:6}  ns/base {:4} {:4}",
            &name[..name.len().min(28)],
            key + rest,
            encode / count as u128,
            decode / count as u128,
            encode / bases as u128,
            decode / bases as u128,
        );
    }
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
    for level in [Level::Fast, Level::Default, Level::Max] {
        let mut chunks: Vec<Records> = [0, 1, 150, 60, 1, 0, 100]
            .map(|count| absurd(&mut random, count))
            .into();
        round_trip(level, &mut chunks, true);
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
    let (size, ..) = round_trip(Level::Default, &mut [original], true);
    assert!(size > 9_000);
}

#[test]
fn real_files_come_back() {
    for path in [
        FILES[0],
        FILES[16],
        FILES[17],
        "umi_panel/imgag.4db2ae.BamDeduplicateByBarcode_in4.bam",
    ] {
        let Some((mut chunks, _)) = load(path, 4_000, 1_000) else {
            continue;
        };
        chunks.truncate(4);
        round_trip(Level::Default, &mut chunks, true);
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
            records.bases.extend(before.into_iter().map(again::turned));
        } else {
            records
                .bases
                .extend((0..200).map(|_| 1u8 << random.below(4)));
        }
        records.base_ends.push(records.bases.len());
    }
    let (size, ..) = round_trip(Level::Default, &mut [records], true);
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
    round_trip(Level::Default, &mut chunks, true);
}
