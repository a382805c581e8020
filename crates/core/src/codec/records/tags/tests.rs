use std::collections::BTreeMap;

use super::super::laboratory::load;
use super::super::{Context, Level, Records, lines};
use super::*;
use crate::codec::mixing::{Decoder, Encoder};

fn context() -> Context<'static> {
    Context {
        references: &[],
        bases: None,
    }
}

/// Records as a decoder has them when tags are to be decoded.
fn stripped(records: &Records) -> Records {
    let mut stripped = records.clone();
    for column in &mut stripped.columns {
        if !column.complete {
            column.values.clear();
            column.ends.clear();
        }
    }
    stripped
}

/// Sets what `lines` sets, without its costs.
fn with_lines(chunks: &mut [Records]) {
    let mut model = lines::Model::blank();
    for chunk in chunks {
        let mut encoder = Encoder::new();
        model.code(&mut encoder, &context(), chunk).unwrap();
    }
}

/// Nanoseconds of processor time that this thread has used, or the time of day where that is not told.
fn now() -> u128 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let used = told.split(' ').next().and_then(|used| used.parse().ok());
    used.unwrap_or_else(|| {
        let since = std::time::UNIX_EPOCH.elapsed();
        since.map_or(0, |since| since.as_nanos())
    })
}

struct Round {
    /// Costs by key, in 1/128 byte.
    costs: BTreeMap<u32, u64>,
    /// Nanoseconds to encode and to decode.
    times: [u128; 2],
    records: usize,
}

/// Codes the chunks, each but the first with a clone of the first one's model, and back.
fn round_trip(chunks: &[Records], decode: bool) -> Round {
    let mut round = Round {
        costs: BTreeMap::new(),
        times: [0; 2],
        records: 0,
    };
    let mut key: Option<(Model, Model)> = None;
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
        let start = now();
        model.code(&mut encoder, &context(), &mut records).unwrap();
        round.times[0] += now() - start;
        round.records += chunk.count;
        for (key, cost) in encoder.costs() {
            *round.costs.entry(key).or_default() += cost;
        }
        let stored = encoder.finish();
        if decode {
            let mut decoder = Decoder::new(&stored);
            let mut decoded = stripped(chunk);
            let start = now();
            other.code(&mut decoder, &context(), &mut decoded).unwrap();
            round.times[1] += now() - start;
            decoder.finish().unwrap();
            assert!(records == decoded);
        }
        key.get_or_insert((model, other));
    }
    round
}

#[test]
fn tags_of_real_files_come_back() {
    for path in [
        "novaseq_wgs_wes/nf-cmgg.8645da.Sample10.bam",
        "hiseqx_8level/10XGenomics.257222.lr20.bam",
    ] {
        let Some((mut chunks, _)) = load(path, 4_000, 2_500) else {
            return;
        };
        chunks.truncate(3);
        with_lines(&mut chunks);
        round_trip(&chunks, true);
    }
}

/// The files that sizes are measured on.
const FILES: [&str; 19] = [
    "novaseq_wgs_wes/imgag.df196b.Statistics_mapqc_wgs.bam",
    "novaseq_wgs_wes/imgag.8927f9.VcfCalculatePRS_in1.bam",
    "novaseq_wgs_wes/imgag.6f65ca.TrioMaternalContaminationFather.bam",
    "novaseq_wgs_wes/broadinstitute.344a84.NA24385_contaminated_with_NA12878_at_8_percent_chr1_fingerprint_sites.bam",
    "novaseq_wgs_wes/nf-cmgg.8645da.Sample10.bam",
    "derived_dev/D_novaseq_wes_pe_pool.nfcmgg.bam",
    "derived_dev/D_hiseq2500_yeast_chip_SRR5204810.bwa.markdup.bam",
    "hiseq_40level/czbiohub.7d2405.NA12878_S1.chr20.10_10p1mb.bam",
    "hiseq_40level/imgag.202788.SampleCorrelation_in5.bam",
    "hiseqx_8level/broadinstitute.da7bd9.NA12878.bam",
    "hiseqx_8level/10XGenomics.257222.lr20.bam",
    "hiseq_bqsr_oq_bibd/samtools.01ad31.NA12878.20.21.unmapped.orig.bam",
    "hiseq_bqsr_oq_bibd/samtools.9df4f6.CEUTrio.HiSeq.WGS.b37.NA12878.20.first.8000.bam",
    "umi_panel/imgag.505b96.BamDeduplicateByBarcode_in4.bam",
    "rnaseq/czbiohub.65d168.MACA_24m_M_BLADDER_59.Aligned.out.sorted.chr19.bam",
    "rnaseq/imgag.4e32c6.MappingQC_in3.bam",
    "singlecell_10x/broadinstitute.185ffd.TTTGCGCGGAGC_ATTGTTTAGGAG.bam",
    "singlecell_10x/broadinstitute.03e26d.BA46_downsampled_SMN.bam",
    "umi_panel/imgag.d6bb90.cfDNA.bam",
];

/// Prints bytes per tag and file. `ONLY` chooses files by a part of their name, `DECODE` decodes too.
#[test]
#[ignore = "a measurement"]
fn measure() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let first = std::env::var("FIRST").map_or(usize::MAX, |first| first.parse().unwrap());
    let mut totals: BTreeMap<u32, u64> = BTreeMap::new();
    for path in FILES.iter().filter(|path| path.contains(&only)) {
        let Some((mut chunks, _)) = load(path, first, 2_500) else {
            return;
        };
        with_lines(&mut chunks);
        for chunk in &mut chunks {
            for column in &mut chunk.columns {
                column.complete |= ![1, 2, 3, 4, 5, 6].contains(&column.kind)
                    && ![*b"MD", *b"MC"].contains(&column.tag);
            }
        }
        let round = round_trip(&chunks, std::env::var("DECODE").is_ok());
        let [encode, decode] = round.times.map(|time| time / round.records as u128);
        print!(
            "{} {encode} {decode} ns/record:",
            &path[path.find('.').unwrap() + 1..][..6]
        );
        for (key, cost) in round.costs {
            print!(" {} {}", tag(key), cost / 128);
            *totals.entry(key).or_default() += cost;
        }
        println!();
    }
    let mut by_tag: BTreeMap<String, u64> = BTreeMap::new();
    for (key, cost) in totals {
        *by_tag.entry(tag(key)[..2].to_string()).or_default() += cost;
    }
    for (tag, cost) in by_tag {
        print!(" {tag} {}", cost / 128);
    }
    println!();
}

fn tag(key: u32) -> String {
    let key = (key - 64) / 2;
    let [a, b] = ((key / 32) as u16).to_be_bytes();
    format!(
        "{}{}:{}",
        a as char,
        b as char,
        b"AcCsSiIfZHBBBBBBB"[key as usize % 32] as char
    )
}
