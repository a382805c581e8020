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

/// Numbers that look like chance.
fn random(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Records of names that `name` makes, every third linked to an earlier one.
fn made(count: usize, mut name: impl FnMut(usize, &mut u64) -> Vec<u8>) -> Records {
    let mut state = 11;
    let mut records = Records::to_decode(count, usize::MAX);
    for record in 0..count {
        records.flags[record] = random(&mut state) as u16;
        records.references[record] = (random(&mut state) % 3) as i32 - 1;
        records.positions[record] = [-1, i32::MIN, i32::MAX, 7][random(&mut state) as usize % 4];
        records.read_groups[record] = (random(&mut state) % 3) as u32;
        let own = if record > 0 && random(&mut state).is_multiple_of(3) {
            let link = random(&mut state) as usize % record + 1;
            records.links[record] = link as u32;
            records.name_of(record - link).to_vec()
        } else {
            name(record, &mut state)
        };
        records.names.extend(own);
        records.name_ends.push(records.names.len());
    }
    records
}

/// A name of many shapes.
fn any_name(record: usize, state: &mut u64) -> Vec<u8> {
    let mut digits = |most: u64| random(state) % most;
    match digits(12) {
        0 => Vec::new(),
        1 => {
            let length = digits(255) as usize;
            (0..length).map(|_| 1 + digits(255) as u8).collect()
        }
        2 => b"A:1:007:0000000000:00".to_vec(),
        3 => format!("A:1:{}:{}:{}", u64::MAX, digits(u64::MAX), record).into_bytes(),
        4 => format!("{}:1101:1000:1000", "LONG".repeat(58)).into_bytes(),
        5 => format!("B{}:{}:1000:2000_ACGT/1", digits(900), digits(9)).into_bytes(),
        _ => {
            let (x, y) = (1000 + digits(3000) * 9, 1000 + digits(2000) * 16);
            format!("A:{}:{}:{x}:{y}", digits(4), 1101 + digits(60)).into_bytes()
        }
    }
}

/// A name of the usual shape, on a lattice.
fn usual_name(_: usize, state: &mut u64) -> Vec<u8> {
    let mut digits = |most: u64| random(state) % most;
    let (column, row) = (digits(3000), digits(1000));
    let x = 1000 + column * 9041 / 1000;
    let y = 1000 + (row * 2 + column % 2) * 15_657 / 1000;
    let (tile, lane) = (1101 + digits(30), digits(2));
    let tail = ["", "_ACG", "_TTT"][digits(3) as usize];
    format!("RUN:{lane}:{tile}:{x}:{y}{tail}").into_bytes()
}

#[test]
fn strange_names_come_back() {
    let mut chunks = vec![
        made(3000, usual_name),
        made(800, any_name),
        made(0, any_name),
        made(1, any_name),
    ];
    round_trip(Level::Default, &mut chunks);
    chunks.rotate_left(1);
    round_trip(Level::Max, &mut chunks);
    chunks.rotate_left(1);
    round_trip(Level::Fast, &mut chunks);
}

#[test]
fn coordinates_on_a_lattice_cost_no_more_than_their_lines() {
    let mut chunks = vec![made(6000, usual_name)];
    let new = chunks[0].links.iter().filter(|&&link| link == 0).count();
    let ([bytes, _], _) = round_trip(Level::Default, &mut chunks);
    // Lane 1 bit, tile 4.9, column 11.6, row 10, tail 1.6; and what is learnt.
    assert!(bytes * 8 < new * 31, "{} bits", bytes * 8 / new);
}

#[test]
fn damaged_bytes_are_refused_or_give_other_names() {
    for make in [usual_name, any_name] {
        let mut records = made(400, make);
        let stored = encode(
            &mut Model::fit(Level::Default, &NOTHING, &records),
            &mut records,
        );
        let limit = records.names.len();
        let mut changed = 0;
        for at in (0..stored.len()).step_by(stored.len() / 150 + 1) {
            let mut flipped = stored.clone();
            flipped[at] ^= 1 << (at % 8);
            for bytes in [&stored[..at], &flipped] {
                let mut back = without_names(&records, limit);
                let result = decode(&mut Model::blank(), &mut back, bytes);
                assert!(back.names.len() <= limit);
                changed += usize::from(result.is_err() || back.names != records.names);
            }
        }
        assert!(changed > 150);
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
        // The machine may be busy: the best of several runs.
        let mut times = times;
        for _ in 0..4 {
            let (_, again) = round_trip(Level::Default, &mut whole);
            times = [times[0].min(again[0]), times[1].min(again[1])];
        }
        let (mut chunks, _) = load(path, 20_000, 2_500).expect("it was there");
        let new_in = |records: &Records| records.links.iter().filter(|&&link| link == 0).count();
        let of_chunks: usize = chunks.iter().map(new_in).sum();
        let ([key, others], _) = round_trip(Level::Default, &mut chunks);
        println!(
            "{:28} {new:6} new {one:7} ({:5.2} bit) prototype {prototype:7} CRAM {cram:7}; key {key:7} others {others:7} ({:+.2} % per name); ns {} {}",
            path.split('/')
                .next_back()
                .unwrap()
                .chars()
                .take(28)
                .collect::<String>(),
            one as f64 * 8.0 / new as f64,
            ((key + others) as f64 / one as f64 * new as f64 / of_chunks as f64 - 1.0) * 100.0,
            times[0],
            times[1],
        );
    }
}
