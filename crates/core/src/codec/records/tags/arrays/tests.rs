//! Round trips of real and of strange columns, and what they cost.

use super::super::super::laboratory::load;
use super::*;
use crate::codec::mixing::{Decoder, Encoder};
use crate::codec::records::Level;

const CONTEXT: Context<'_> = Context {
    references: &[],
    bases: None,
};

const _: Level = Level::Default;

/// Column numbers in the order of coding: texts of modifications before their probabilities.
fn order(records: &Records) -> Vec<usize> {
    let mut order: Vec<usize> = (0..records.columns.len()).collect();
    order.sort_by_key(|&at| {
        takes(records.columns[at].tag, records.columns[at].kind) && records.columns[at].kind != 8
    });
    order
}

fn mine(column: &Column) -> bool {
    takes(column.tag, column.kind)
}

/// Codes the columns of a chunk; gives the stored bytes and costs in 1/16 bit.
fn encode(model: &mut Model, records: &mut Records) -> (Vec<u8>, Vec<(u32, u64)>) {
    let mut encoder = Encoder::new();
    let mut left: Vec<Column> = Vec::new();
    let order = order(records);
    // Columns that are not coded yet are incomplete.
    for column in &mut records.columns {
        left.push(column.clone());
        if mine(column) {
            (column.values, column.ends) = Default::default();
        }
    }
    for at in order {
        if mine(&left[at]) {
            records.columns[at] = left[at].clone();
            model
                .code_column(&mut encoder, &CONTEXT, records, at)
                .expect("encoding works");
            assert!(records.columns[at] == left[at]);
        }
    }
    let costs = encoder.costs();
    (encoder.finish(), costs)
}

fn decode(model: &mut Model, records: &mut Records, stored: &[u8]) -> Result<()> {
    let mut decoder = Decoder::new(stored);
    for at in order(records) {
        if mine(&records.columns[at]) {
            (records.columns[at].values, records.columns[at].ends) = Default::default();
        }
    }
    for at in order(records) {
        if mine(&records.columns[at]) {
            model.code_column(&mut decoder, &CONTEXT, records, at)?;
        }
    }
    decoder.finish()
}

/// Codes all chunks there and back, those behind the first with copies of its model; bytes by tag.
fn round_trip(chunks: &mut [Records]) -> Vec<(u32, u64)> {
    let (mut coded, mut decoded) = (Model::new(), Model::new());
    let mut all: Vec<(u32, u64)> = Vec::new();
    for (at, records) in chunks.iter_mut().enumerate() {
        let (mut now, mut back) = (coded.clone(), decoded.clone());
        let whole = records.clone();
        let (stored, costs) = encode(&mut now, records);
        decode(&mut back, records, &stored).expect("decoding works");
        assert!(whole == *records);
        if at == 0 {
            (coded, decoded) = (now, back);
        }
        for (key, cost) in costs {
            match all.iter_mut().find(|(other, _)| *other == key) {
                Some((_, total)) => *total += cost,
                None => all.push((key, cost)),
            }
        }
    }
    all
}

const FILES: [&str; 12] = [
    "ont/imgag.22e189.SampleGender_in_lr2.bam",
    "ont/imgag.85e40c.SampleGender_in_lr1.bam",
    "pacbio_clr/PacificBiosciences.e49a84.median.bam",
    "pacbio_clr/google.08cfcc.ecoli.subreads.bam",
    "pacbio_hifi/google.0ea2e1.m64062_190806_063919-chr20.dc.small.bam",
    "pacbio_hifi/samtools.5f1216.NA12878.m64020_190210_035026.chr21.5011316.5411316.unmapped.bam",
    "rnaseq/imgag.4e32c6.MappingQC_in3.bam",
    "rnaseq/czbiohub.65d168.MACA_24m_M_BLADDER_59.Aligned.out.sorted.chr19.bam",
    "rnaseq/czbiohub.63e3fa.test_microcebus_aligned_sorted.bam",
    "hiseqx_8level/10XGenomics.257222.lr20.bam",
    "hiseq_bqsr_oq_bibd/samtools.01ad31.NA12878.20.21.unmapped.orig.bam",
    "edge/pbmm2/2a0a45.m54075_180905_233034.subreads.bam",
];

#[test]
fn columns_of_real_files_come_back() {
    for file in [0, 6, 9, 11] {
        let Some((mut chunks, _)) = load(FILES[file], 2000, 500) else {
            return;
        };
        chunks.truncate(3);
        round_trip(&mut chunks);
    }
}

/// Prints what each column of the files costs: ARRAYS_FILES holds numbers of files, all without it.
#[test]
#[ignore = "prints sizes"]
fn sizes() {
    let chosen = std::env::var("ARRAYS_FILES").unwrap_or_default();
    let chosen: Vec<usize> = chosen
        .split(',')
        .filter_map(|number| number.parse().ok())
        .collect();
    for (number, file) in FILES.iter().enumerate() {
        if !chosen.is_empty() && !chosen.contains(&number) {
            continue;
        }
        for (first, rest) in [(usize::MAX, 1), (20_000, 2_500)] {
            let Some((mut chunks, _)) = load(file, first, rest) else {
                return;
            };
            if chunks.len() == 1 && first != usize::MAX {
                continue;
            }
            let clock = std::time::Instant::now();
            let costs = round_trip(&mut chunks);
            let sizes: Vec<String> = costs
                .iter()
                .map(|(key, cost)| {
                    let tag = ((key - 64) / 64) as u16;
                    let [a, b] = tag.to_be_bytes().map(char::from);
                    let elements: usize = chunks
                        .iter()
                        .flat_map(|chunk| &chunk.columns)
                        .filter(|column| column.key() == *key)
                        .map(|column| column.values.len())
                        .sum();
                    format!("{a}{b} {} of {elements}", cost / 128)
                })
                .collect();
            println!(
                "{file} {first} {:?}\n    {}",
                clock.elapsed(),
                sizes.join(", ")
            );
        }
    }
}
