//! Round trips of real, absurd and damaged records.

use super::*;
use crate::codec::mixing::{Decoder, Encoder};
use crate::codec::records::laboratory;

const CONTEXT: Context<'_> = Context {
    references: &[],
    bases: None,
};

/// Files of all classes.
const FILES: &[&str] = &[
    "novaseq_wgs_wes/imgag.df196b.Statistics_mapqc_wgs.bam",
    "novaseq_wgs_wes/nf-cmgg.8645da.Sample10.bam",
    "novaseq_wgs_wes/imgag.8927f9.VcfCalculatePRS_in1.bam",
    "hiseq_40level/czbiohub.7d2405.NA12878_S1.chr20.10_10p1mb.bam",
    "hiseqx_8level/10XGenomics.257222.lr20.bam",
    "hiseq_bqsr_oq_bibd/samtools.01ad31.NA12878.20.21.unmapped.orig.bam",
    "rnaseq/imgag.4e32c6.MappingQC_in3.bam",
    "rnaseq/czbiohub.65d168.MACA_24m_M_BLADDER_59.Aligned.out.sorted.chr19.bam",
    "umi_panel/imgag.505b96.BamDeduplicateByBarcode_in4.bam",
    "umi_panel/imgag.d6bb90.cfDNA.bam",
    "umi_panel/CGATOxford.5fae75.unmapped.bam",
    "singlecell_10x/broadinstitute.185ffd.TTTGCGCGGAGC_ATTGTTTAGGAG.bam",
    "singlecell_10x/broadinstitute.03e26d.BA46_downsampled_SMN.bam",
    "ubam_queryname/broadinstitute.17d01c.test.bam",
    "ont/imgag.22e189.SampleGender_in_lr2.bam",
    "pacbio_hifi/samtools.5f1216.NA12878.m64020_190210_035026.chr21.5011316.5411316.unmapped.bam",
    "pacbio_clr/google.8fa046.human.subreads.bam",
];

/// A chunk's stored bytes and the costs by stream.
fn encode(model: &mut Model, records: &Records) -> (Vec<u8>, Vec<(u32, u64)>, Records) {
    let mut coder = Encoder::new();
    let mut copy = records.clone();
    model.code(&mut coder, &CONTEXT, &mut copy).unwrap();
    let costs = coder.costs();
    (coder.finish(), costs, copy)
}

fn decode(model: &mut Model, stored: &[u8], count: usize, limit: usize) -> Result<Records> {
    let mut coder = Decoder::new(stored);
    let mut records = Records::to_decode(count, limit);
    model.code(&mut coder, &CONTEXT, &mut records)?;
    coder.finish()?;
    Ok(records)
}

/// Panics unless `decoded` has what `records` have.
fn check(records: &Records, encoded: &Records, decoded: &Records) {
    assert_eq!(decoded.flags, records.flags);
    assert_eq!(decoded.references, records.references);
    assert_eq!(decoded.positions, records.positions);
    assert_eq!(decoded.mapq, records.mapq);
    assert_eq!(decoded.lengths, records.lengths);
    assert_eq!(decoded.cigar, records.cigar);
    assert_eq!(decoded.cigar_ends, records.cigar_ends);
    assert_eq!(decoded.base_ends, records.base_ends);
    assert_eq!(decoded.mate_references, records.mate_references);
    assert_eq!(decoded.mate_positions, records.mate_positions);
    assert_eq!(decoded.template_lengths, records.template_lengths);
    assert_eq!(decoded.found_mates, encoded.found_mates);
    assert_eq!(encoded.links, records.links);
    for record in 0..records.count {
        let known = if decoded.found_mates[record] {
            records.links[record]
        } else {
            0
        };
        assert_eq!(decoded.links[record], known);
    }
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
        let Some((chunks, _)) = laboratory::load(file, 20_000, 2_500) else {
            continue;
        };
        assert!(round_trip(&chunks) > 0, "{file}");
    }
}

#[test]
#[ignore = "prints sizes and times"]
fn sizes_per_field() {
    let only = std::env::var("ONLY").unwrap_or_default();
    println!("model: {} bytes", model_bytes());
    for file in FILES.iter().filter(|file| file.contains(&only)) {
        let Some((chunks, _)) = laboratory::load(file, usize::MAX, 0) else {
            continue;
        };
        let records = &chunks[0];
        let mut model = Model::fit(Level::Default, &CONTEXT, records);
        let start = cpu();
        let (stored, costs, _) = encode(&mut model, records);
        let encoding = (cpu() - start) / records.count as u64;
        let start = cpu();
        let mut counter = Counter::default();
        let mut other = Model::fit(Level::Default, &CONTEXT, records);
        other
            .code(&mut counter, &CONTEXT, &mut records.clone())
            .unwrap();
        println!(
            "{:.1} decisions a record",
            counter.0 as f64 / records.count as f64
        );
        let start = cpu();
        let mut mirror = Model::blank();
        decode(&mut mirror, &stored, records.count, usize::MAX).unwrap();
        let decoding = (cpu() - start) / records.count as u64;
        println!(
            "{file}\n  {} records, {} bytes, {encoding} and {decoding} ns a record",
            records.count,
            stored.len()
        );
        let names = [
            (9, "flags"),
            (10, "refs"),
            (11, "pos"),
            (12, "mapq"),
            (13, "len"),
            (15, "ops"),
            (16, "oplen"),
            (20, "links"),
            (24, "which"),
            (21, "mref"),
            (22, "mpos"),
            (23, "tlen"),
        ];
        let of = |key: u32| {
            costs
                .iter()
                .find(|cost| cost.0 == key)
                .map_or(0, |cost| cost.1 / 128)
        };
        print!(" ");
        for (key, name) in names {
            print!(" {name} {}", of(key));
        }
        let sum = |keys: &[u32]| keys.iter().map(|&key| of(key)).sum::<u64>();
        println!(
            "\n  M {} CIGAR {} len {}",
            sum(&[9, 10, 11, 20, 21, 22, 23]),
            sum(&[15, 16]),
            of(13)
        );
        if std::env::var_os("CHUNKS").is_some() {
            chunked(file);
        }
    }
}

/// What chunks beyond the key cost against the same records in one chunk with it.
fn chunked(file: &str) {
    let Some((chunks, _)) = laboratory::load(file, 20_000, 2_500) else {
        return;
    };
    let (key, rest) = chunks.split_first().unwrap();
    let mut model = Model::fit(Level::Default, &CONTEXT, key);
    let first = encode(&mut model, key).0.len();
    let apart: usize = rest
        .iter()
        .map(|records| encode(&mut model.clone(), records).0.len())
        .sum();
    let found: usize = rest
        .iter()
        .map(|records| {
            encode(&mut model.clone(), records)
                .2
                .found_mates
                .iter()
                .filter(|x| **x)
                .count()
        })
        .sum();
    println!(
        "  key {first}, {} others {apart}, mates found {found}",
        rest.len()
    );
}

/// Time this thread has run, in ns; 0 where the system does not say.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next().and_then(|first| first.parse().ok());
    first.unwrap_or(0)
}

fn model_bytes() -> usize {
    0
}

/// Counts decisions.
#[derive(Default)]
struct Counter(u64);

impl Coder for Counter {
    const DECODES: bool = false;

    fn code(&mut self, bit: bool, _: u32) -> bool {
        self.0 += 1;
        bit
    }

    fn charge(&mut self, _: u32) {}
}
