use std::collections::BTreeMap;

use super::super::laboratory::load;
use super::super::{Context, Level, Records, lines};
use super::*;
use crate::codec::mixing::{Decoder, Encoder};

pub(in super::super) fn context() -> Context<'static> {
    Context {
        references: &[],
        bases: None,
    }
}

/// Records as a decoder has them when tags are to be decoded.
pub(in super::super) fn stripped(records: &Records) -> Records {
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
pub(in super::super) fn with_lines(chunks: &mut [Records]) {
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
        "hiseq_40level/imgag.202788.SampleCorrelation_in5.bam",
        "hiseq_bqsr_oq_bibd/samtools.9df4f6.CEUTrio.HiSeq.WGS.b37.NA12878.20.first.8000.bam",
    ] {
        let Some((mut chunks, _)) = load(path, 2_000, 1_000) else {
            return;
        };
        chunks.truncate(3);
        with_lines(&mut chunks);
        round_trip(&chunks, true);
    }
}

/// A generator of numbers: splitmix64.
pub(in super::super) struct Random(pub(in super::super) u64);

impl Random {
    pub(in super::super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ x >> 31
    }

    pub(in super::super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One of `values`, most often the first ones.
    pub(in super::super) fn of<T: Copy>(&mut self, values: &[T]) -> T {
        let most = 1 + self.below(values.len() as u64);
        values[self.below(most) as usize]
    }
}

const TAGS: [&[u8; 2]; 24] = [
    b"NM", b"AS", b"XS", b"MD", b"MC", b"MQ", b"ms", b"mc", b"UQ", b"XQ", b"PQ", b"HI", b"NH",
    b"SM", b"AM", b"XM", b"XG", b"ZP", b"XC", b"X1", b"nM", b"XA", b"zz", b"RG",
];

/// Records that no program writes.
pub(in super::super) fn absurd(seed: u64, count: usize) -> Records {
    let mut random = Random(seed);
    let mut records = Records {
        count,
        limit: 1 << 24,
        ..Records::default()
    };
    for record in 0..count {
        let positions = [100, 101, 130, -1, i32::MIN, i32::MAX, 0];
        records
            .flags
            .push(random.of(&[99, 147, 83, 163, 4, 77, 2115, 0xffff, 256]));
        records
            .references
            .push(random.of(&[0, 1, -1, i32::MIN, i32::MAX]));
        records.positions.push(random.of(&positions));
        records.mapq.push(random.of(&[60, 0, 255, 7]));
        let length = random.of(&[20u32, 0, 1, 100]);
        records.lengths.push(length);
        let operations = random.below(5);
        if random.below(3) > 0 {
            records.cigar.push(length << 4);
        } else {
            for _ in 0..operations {
                let length = random.of(&[3u32, 20, 0, 900, (1 << 28) - 1]);
                records.cigar.push(length << 4 | random.below(16) as u32);
            }
        }
        records.cigar_ends.push(records.cigar.len());
        records
            .mate_references
            .push(random.of(&[0, 1, -1, i32::MAX]));
        records.mate_positions.push(random.of(&positions));
        records
            .template_lengths
            .push(random.of(&[0, 30, -30, i32::MIN, i32::MAX]));
        records
            .links
            .push(random.below(record.min(40) as u64 + 1) as u32);
        for _ in 0..length {
            records.bases.push(random.of(&[1, 2, 4, 8, 15, 0, 3]));
            records.qualities.push(random.of(&[30, 40, 2, 93, 255]));
        }
        records.base_states.resize(records.bases.len(), 0);
        records.base_ends.push(records.bases.len());
        records.names.extend_from_slice(b"name");
        records.name_ends.push(records.names.len());
        let mut line = Vec::new();
        for _ in 0..random.below(8) {
            let tag = *random.of(&TAGS);
            let kind = match &tag {
                b"MD" | b"MC" | b"RG" => random.of(&[8, 8, 8, 2]),
                b"XA" => 8,
                _ => random.of(&[2, 1, 3, 4, 5, 6, 8]),
            };
            line.push((tag, kind));
        }
        for &(tag, kind) in &line {
            let column = records
                .columns
                .iter()
                .position(|column| (column.tag, column.kind) == (tag, kind));
            let column = column.unwrap_or_else(|| {
                records.columns.push(Column {
                    tag,
                    kind,
                    ..Column::default()
                });
                records.columns.len() - 1
            });
            let column = &mut records.columns[column];
            let text = random.of(&[
                &b"20"[..],
                b"10A9",
                b"20M",
                b"",
                b"0",
                b"^",
                b"3^AC17",
                b"99999999999",
                b"*",
                b"5M2I13M",
                b"0M",
                b"A\xff",
                b"268435455M",
            ]);
            match kind {
                8 => column.values.extend_from_slice(text),
                _ => {
                    let width = [0, 1, 1, 2, 2, 4, 4][kind as usize];
                    let value = random.of(&[0, 20, 7, u64::MAX, 1 << 31, 1 << 7, 1 << 15]);
                    column
                        .values
                        .extend_from_slice(&value.to_le_bytes()[..width]);
                }
            }
            column.records.push(record as u32);
            column.ends.push(column.values.len());
        }
        let number = records.line_tags.iter().position(|other| *other == line);
        records
            .lines
            .push(number.unwrap_or(records.line_tags.len()) as u32);
        if number.is_none() {
            records.line_tags.push(line);
        }
        records.read_groups.push(0);
    }
    records
}

#[test]
fn absurd_records_come_back() {
    for seed in 0..8 {
        let mut chunks: Vec<_> = (0..3).map(|at| absurd(seed * 3 + at, 60)).collect();
        with_lines(&mut chunks);
        round_trip(&chunks, true);
    }
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
