use std::time::Instant;

use super::*;
use crate::codec::mixing::{Decoder, Encoder};
use crate::codec::records::laboratory::load;

const NOTHING: Context<'_> = Context {
    references: &[],
    bases: None,
};

/// Says what the alignment codec would: records whose mate fields and those of the linked record agree are found.
fn find_mates(records: &mut Records) {
    let mate_is_at = |records: &Records, one: usize, other: usize| {
        records.mate_references[one] == records.references[other]
            && records.mate_positions[one] == records.positions[other]
    };
    records.found_mates = (0..records.count)
        .map(|record| {
            records.linked(record).is_some_and(|other| {
                mate_is_at(records, record, other) && mate_is_at(records, other, record)
            })
        })
        .collect();
}

fn encode(model: &mut Model, records: &mut Records) -> Vec<u8> {
    let mut encoder = Encoder::new();
    model.code(&mut encoder, &NOTHING, records).unwrap();
    encoder.finish()
}

fn without_links(records: &Records) -> Records {
    let mut bare = records.clone();
    for record in 0..bare.count {
        if !found(&bare, record) {
            bare.links[record] = 0;
        }
    }
    bare
}

fn decode(model: &mut Model, records: &mut Records, stored: &[u8]) -> Result<()> {
    let mut decoder = Decoder::new(stored);
    model.code(&mut decoder, &NOTHING, records)?;
    decoder.finish()
}

/// Encodes and decodes the chunks: stored bytes of the first and of the others, nanoseconds per record.
fn round_trip(chunks: &mut [Records]) -> ([usize; 2], [u64; 2]) {
    let (mut bytes, mut times, mut count) = ([0; 2], [0; 2], 0);
    let mut keys: Option<(Model, Model)> = None;
    for records in chunks {
        let start = Instant::now();
        let (mut encoding, mut decoding) = match &keys {
            Some(keys) => keys.clone(),
            None => (
                Model::fit(Level::Default, &NOTHING, records),
                Model::blank(),
            ),
        };
        let stored = encode(&mut encoding, records);
        times[0] += start.elapsed().as_nanos() as u64;
        let mut back = without_links(records);
        let start = Instant::now();
        decode(&mut decoding, &mut back, &stored).unwrap();
        times[1] += start.elapsed().as_nanos() as u64;
        assert!(back == *records);
        bytes[usize::from(keys.is_some())] += stored.len();
        keys.get_or_insert((encoding, decoding));
        count += records.count as u64;
    }
    (bytes, times.map(|time| time / count.max(1)))
}

#[test]
fn links_of_real_files_come_back() {
    for path in [
        "singlecell_10x/broadinstitute.03e26d.BA46_downsampled_SMN.bam",
        "ubam_queryname/broadinstitute.17d01c.test.bam",
        "ont/imgag.22e189.SampleGender_in_lr2.bam",
    ] {
        if let Some((mut chunks, _)) = load(path, 5000, 2500) {
            round_trip(&mut chunks);
            chunks.iter_mut().for_each(find_mates);
            round_trip(&mut chunks);
        }
    }
}

/// Records with every field that counts at random, and links of `names` names.
fn made(count: usize, names: u64) -> Records {
    let mut state = 5u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut records = Records::to_decode(count, usize::MAX);
    let mut last = std::collections::BTreeMap::new();
    for record in 0..count {
        let strange = [-1, 0, 7, i32::MIN, i32::MAX];
        let any = |number: u64| strange[number as usize % 5];
        records.references[record] = any(random());
        records.positions[record] = any(random());
        records.mate_references[record] = any(random());
        records.mate_positions[record] = any(random());
        records.template_lengths[record] = any(random());
        records.lengths[record] = any(random()) as u32;
        records.flags[record] = random() as u16;
        records.mapq[record] = random() as u8;
        records.cigar.push(any(random()) as u32);
        records.cigar_ends.push(records.cigar.len());
        records.found_mates.push(random() % 3 == 0);
        if let Some(before) = last.insert(random() % names, record) {
            records.links[record] = (record - before) as u32;
        }
    }
    records
}

#[test]
fn strange_links_come_back() {
    let mut short = made(300, 100);
    short.found_mates.truncate(50);
    let mut chunks = vec![made(1500, 400), short, made(0, 1), made(1, 1), made(200, 1)];
    round_trip(&mut chunks);
}

#[test]
fn damaged_bytes_are_refused_or_give_other_links() {
    let mut records = made(600, 200);
    let stored = encode(&mut Model::blank(), &mut records);
    let mut changed = 0;
    for at in (0..stored.len()).step_by(stored.len() / 100 + 1) {
        let mut flipped = stored.clone();
        flipped[at] ^= 1 << (at % 8);
        for bytes in [&stored[..at], &flipped] {
            let mut back = without_links(&records);
            // Links that the alignment codec decodes may be damaged as well.
            back.links[at % 600] = u32::MAX - at as u32;
            let result = decode(&mut Model::blank(), &mut back, bytes);
            changed += usize::from(result.is_err() || back != records);
        }
    }
    assert!(changed > 100);
}

const MEASURED: &[&str] = &[
    "novaseq_wgs_wes/imgag.df196b.Statistics_mapqc_wgs.bam",
    "novaseq_wgs_wes/nf-cmgg.8645da.Sample10.bam",
    "hiseq_40level/czbiohub.7d2405.NA12878_S1.chr20.10_10p1mb.bam",
    "derived_dev/D_novaseq_wes_pe_pool.nfcmgg.bam",
    "derived_dev/D_hiseq2500_yeast_chip_SRR5204810.bwa.markdup.bam",
    "rnaseq/czbiohub.65d168.MACA_24m_M_BLADDER_59.Aligned.out.sorted.chr19.bam",
    "rnaseq/czbiohub.63e3fa.test_microcebus_aligned_sorted.bam",
    "singlecell_10x/broadinstitute.185ffd.TTTGCGCGGAGC_ATTGTTTAGGAG.bam",
    "singlecell_10x/broadinstitute.03e26d.BA46_downsampled_SMN.bam",
    "ubam_queryname/broadinstitute.17d01c.test.bam",
    "umi_panel/imgag.505b96.BamDeduplicateByBarcode_in4.bam",
    "umi_panel/imgag.d6bb90.cfDNA.bam",
    "rnaseq/imgag.4e32c6.MappingQC_in3.bam",
    "ont/imgag.22e189.SampleGender_in_lr2.bam",
    "pacbio_hifi/samtools.5f1216.NA12878.m64020_190210_035026.chr21.5011316.5411316.unmapped.bam",
];

#[test]
#[ignore = "a measurement"]
fn sizes_of_links() {
    let only = std::env::var("ONLY").unwrap_or_default();
    for path in MEASURED.iter().filter(|path| path.contains(&only)) {
        let Some((mut whole, _)) = load(path, usize::MAX, 1) else {
            continue;
        };
        whole.iter_mut().for_each(find_mates);
        let missing = |records: &Records| {
            let missing = |&at: &usize| records.links[at] > 0 && !found(records, at);
            (0..records.count).filter(missing).count()
        };
        let links = missing(&whole[0]);
        let ([one, _], times) = round_trip(&mut whole);
        let (mut chunks, _) = load(path, 20_000, 2_500).expect("it was there");
        chunks.iter_mut().for_each(find_mates);
        let in_chunks: usize = chunks.iter().map(missing).sum();
        let ([key, others], _) = round_trip(&mut chunks);
        println!(
            "{:28} {links:6} links {one:7} bytes; chunks: {in_chunks} links, key {key:7} others {others:7}; ns {} {}",
            path.split('/')
                .next_back()
                .unwrap()
                .chars()
                .take(28)
                .collect::<String>(),
            times[0],
            times[1],
        );
    }
}
