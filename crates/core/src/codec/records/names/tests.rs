use std::time::Instant;

use super::*;
use crate::codec::mixing::{Decoder, Encoder};
use crate::codec::records::laboratory::load;

const NOTHING: Context<'_> = Context {
    references: &[],
    bases: None,
};

/// The stored bytes of the records' names.
fn encode(model: &mut Model, records: &mut Records) -> Vec<u8> {
    let mut encoder = Encoder::new();
    model.code(&mut encoder, &NOTHING, records).unwrap();
    encoder.finish()
}

/// The records as a decoder of names finds them.
fn without_names(records: &Records, limit: usize) -> Records {
    let mut bare = Records {
        limit,
        ..records.clone()
    };
    bare.names.clear();
    bare.name_ends.clear();
    bare
}

fn decode(model: &mut Model, records: &mut Records, stored: &[u8]) -> Result<()> {
    let mut decoder = Decoder::new(stored);
    model.code(&mut decoder, &NOTHING, records)?;
    decoder.finish()
}

/// Encodes and decodes the chunks, the others with clones of the first one's models: stored bytes of the first chunk
/// and of the others, and nanoseconds per new name to encode and to decode.
fn round_trip(level: Level, chunks: &mut [Records]) -> ([usize; 2], [u64; 2]) {
    let (mut bytes, mut times, mut new) = ([0; 2], [0; 2], 0);
    let mut keys: Option<(Model, Model)> = None;
    for records in chunks {
        let start = Instant::now();
        let (mut encoding, mut decoding) = match &keys {
            Some(keys) => keys.clone(),
            None => (Model::fit(level, &NOTHING, records), Model::blank()),
        };
        let stored = encode(&mut encoding, records);
        times[0] += start.elapsed().as_nanos() as u64;
        let mut back = without_names(records, records.names.len());
        let start = Instant::now();
        decode(&mut decoding, &mut back, &stored).unwrap();
        times[1] += start.elapsed().as_nanos() as u64;
        assert!(back.names == records.names && back.name_ends == records.name_ends);
        bytes[usize::from(keys.is_some())] += stored.len();
        keys.get_or_insert((encoding, decoding));
        new += records.links.iter().filter(|&&link| link == 0).count() as u64;
    }
    (bytes, times.map(|time| time / new.max(1)))
}

#[test]
fn names_of_real_files_come_back() {
    for path in [
        "novaseq_wgs_wes/imgag.df196b.Statistics_mapqc_wgs.bam",
        "rnaseq/czbiohub.65d168.MACA_24m_M_BLADDER_59.Aligned.out.sorted.chr19.bam",
        "ont/imgag.22e189.SampleGender_in_lr2.bam",
    ] {
        if let Some((mut chunks, _)) = load(path, 5000, 2500) {
            round_trip(Level::Default, &mut chunks);
        }
    }
}

const MEASURED: &[(&str, u32, u32)] = &[
    (
        "novaseq_wgs_wes/imgag.df196b.Statistics_mapqc_wgs.bam",
        45_631,
        59_944,
    ),
    (
        "novaseq_wgs_wes/nf-cmgg.8645da.Sample10.bam",
        46_549,
        52_665,
    ),
    (
        "novaseq_wgs_wes/imgag.8927f9.VcfCalculatePRS_in1.bam",
        77_235,
        87_831,
    ),
    (
        "hiseq_40level/czbiohub.7d2405.NA12878_S1.chr20.10_10p1mb.bam",
        132_939,
        163_738,
    ),
    (
        "hiseq_40level/imgag.202788.SampleCorrelation_in5.bam",
        127_399,
        141_450,
    ),
    (
        "derived_dev/D_novaseq_wes_pe_pool.nfcmgg.bam",
        250_486,
        282_885,
    ),
    (
        "derived_dev/D_hiseq2500_yeast_chip_SRR5204810.bwa.markdup.bam",
        192_609,
        234_230,
    ),
    (
        "rnaseq/czbiohub.65d168.MACA_24m_M_BLADDER_59.Aligned.out.sorted.chr19.bam",
        319_362,
        464_254,
    ),
    (
        "singlecell_10x/broadinstitute.185ffd.TTTGCGCGGAGC_ATTGTTTAGGAG.bam",
        251_789,
        269_554,
    ),
    (
        "singlecell_10x/broadinstitute.03e26d.BA46_downsampled_SMN.bam",
        28_146,
        29_311,
    ),
    (
        "hiseqx_8level/broadinstitute.da7bd9.NA12878.bam",
        41_760,
        57_319,
    ),
    ("hiseqx_8level/10XGenomics.257222.lr20.bam", 12_319, 15_529),
    (
        "hiseq_bqsr_oq_bibd/samtools.01ad31.NA12878.20.21.unmapped.orig.bam",
        32_817,
        41_232,
    ),
    (
        "umi_panel/imgag.505b96.BamDeduplicateByBarcode_in4.bam",
        93_974,
        102_796,
    ),
    ("rnaseq/imgag.4e32c6.MappingQC_in3.bam", 18_413, 21_146),
    ("umi_panel/imgag.d6bb90.cfDNA.bam", 0, 0),
    ("umi_panel/CGATOxford.5fae75.unmapped.bam", 0, 0),
    ("ubam_queryname/broadinstitute.17d01c.test.bam", 0, 0),
    ("ont/imgag.22e189.SampleGender_in_lr2.bam", 0, 4_845),
    (
        "pacbio_hifi/samtools.5f1216.NA12878.m64020_190210_035026.chr21.5011316.5411316.unmapped.bam",
        0,
        0,
    ),
    (
        "pacbio_clr/PacificBiosciences.c0a89f.m54019_171011_032401_tiny.scraps.bam",
        0,
        0,
    ),
];

#[test]
#[ignore = "a measurement"]
fn sizes_of_names() {
    let only = std::env::var("ONLY").unwrap_or_default();
    for &(path, prototype, cram) in MEASURED {
        if !path.contains(&only) {
            continue;
        }
        let Some((mut whole, _)) = load(path, usize::MAX, 1) else {
            continue;
        };
        let new = whole[0].links.iter().filter(|&&link| link == 0).count();
        let ([one, _], times) = round_trip(Level::Default, &mut whole);
        let (mut chunks, _) = load(path, 20_000, 2_500).expect("it was there");
        let ([key, others], _) = round_trip(Level::Default, &mut chunks);
        println!(
            "{:28} {new:6} new {one:7} ({:5.2} bit) prototype {prototype:7} CRAM {cram:7}; key {key:7} others {others:7} ({:+.2} %); ns {} {}",
            path.split('/')
                .next_back()
                .unwrap()
                .chars()
                .take(28)
                .collect::<String>(),
            one as f64 * 8.0 / new as f64,
            ((key + others) as f64 / one as f64 - 1.0) * 100.0,
            times[0],
            times[1],
        );
    }
}
