//! Round trips of real and of strange columns, and what they cost.

use super::super::super::laboratory::load;
use super::*;
use crate::codec::mixing::{Decoder, Encoder};

const CONTEXT: Context<'_> = Context {
    references: &[],
    bases: None,
};

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
        if std::env::var("ONLY").is_ok() {
            back = now.clone();
        } else {
            decode(&mut back, records, &stored).expect("decoding works");
        }
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

/// Numbers that look random.
struct Random(u32);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(self.0) * u64::from(bound)) >> 32) as u32
    }
}

const TEXTS: [&str; 14] = [
    "C+m?,0,1,0;",
    "C+m?,0,1,0;C+h?,0,1,0;",
    "C+mh.,3,900000000;A+a,;",
    "C+m,1,02;",
    "",
    ";",
    ";;,1;",
    "C+m?",
    "N+n?,0,0,0,0,0;T-a.;",
    "C+76792,0;U+e,1;G-m,0;",
    "\u{1}\u{7f},,5;",
    "C+m?,1234567890;",
    "X,1,2,3;",
    "a;b;c;d;e;f;g;h;i;j;k;l;m;n;o;p;q;r;",
];

/// Records and tags as no program would write them.
fn strange(seed: u32) -> Records {
    let mut random = Random(seed);
    let count = 40;
    let mut records = Records::to_decode(count, 1 << 20);
    for record in 0..count {
        records.flags[record] = random.below(65_536) as u16;
        records.references[record] = random.below(5) as i32 - 2;
        let odd = [i32::MIN, i32::MAX, -1, 0];
        records.positions[record] = odd[random.below(4) as usize];
        records.mapq[record] = random.below(256) as u8;
        let length = random.below(4) * random.below(30);
        records.lengths[record] = length;
        for _ in 0..random.below(5) {
            let large = if random.below(4) == 0 { u32::MAX } else { 300 };
            records.cigar.push(random.below(large));
        }
        records.cigar_ends.push(records.cigar.len());
        records.links[record] = random.below(record as u32 + 3);
        for _ in 0..length {
            let base = if random.below(9) == 0 {
                random.below(16)
            } else {
                1 << random.below(4)
            };
            records.bases.push(base as u8);
            records.qualities.push(random.below(256) as u8);
        }
        records.base_ends.push(records.bases.len());
    }
    let tags = [
        (b"MM", 8u8),
        (b"ML", 11),
        (b"Mm", 8),
        (b"Ml", 11),
        (b"mv", 10),
        (b"jI", 14),
        (b"jM", 10),
    ];
    let others = [
        (b"aa", 0u8),
        (b"NM", 2),
        (b"de", 7),
        (b"zz", 7),
        (b"ri", 11),
    ];
    let kinds = (10..17).map(|kind| (b"XX", kind));
    for (tag, kind) in tags.into_iter().chain(others).chain(kinds) {
        let mut column = Column {
            tag: *tag,
            kind,
            ..Column::default()
        };
        for record in 0..count {
            for _ in 0..[0, 1, 1, 2][random.below(4) as usize] {
                column.records.push(record as u32);
                let width = [1, 1, 1, 2, 2, 4, 4, 4, 1, 1, 1, 1, 2, 2, 4, 4, 4][usize::from(kind)];
                let elements = match (kind, random.below(3)) {
                    (..8, _) => 1,
                    (_, 0) => records.lengths[record],
                    _ => random.below(20),
                };
                let bound = [2, 3, 256][random.below(3) as usize];
                if kind == 8 {
                    let text = TEXTS[random.below(TEXTS.len() as u32) as usize];
                    column.values.extend_from_slice(text.as_bytes());
                } else {
                    let bytes = (0..elements * width).map(|_| random.below(bound) as u8);
                    column.values.extend(bytes);
                }
                column.ends.push(column.values.len());
            }
        }
        records.columns.push(column);
    }
    records
}

#[test]
fn columns_that_no_program_would_write_come_back() {
    for seed in 0..3 {
        round_trip(&mut [strange(seed), strange(seed + 100)]);
    }
}

#[test]
fn damaged_streams_are_refused_or_decoded_within_limits() {
    let whole = strange(7);
    let (stored, _) = encode(&mut Model::new(), &mut whole.clone());
    let mut random = Random(3);
    for trial in 0..50 {
        let mut bytes = stored.clone();
        let at = random.below(bytes.len() as u32) as usize;
        if trial % 2 == 0 {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << random.below(8);
        }
        let mut records = whole.clone();
        let result = decode(&mut Model::new(), &mut records, &bytes);
        let bytes: usize = records
            .columns
            .iter()
            .map(|column| column.values.len())
            .sum();
        assert!(bytes <= records.limit);
        assert!(result.is_err() || records != whole || trial % 2 == 0);
    }
}

const FILES: [&str; 15] = [
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
    "edge/pbmm2/130546.r64385e_20230505_214554_B01.73859681.bc2049--bc2049.bam",
    "edge/pbmm2/b3b419.median.ccs.bam",
    "edge/pbmm2/2a0a45.m54075_180905_233034.subreads.bam",
    "pacbio_clr/PacificBiosciences.c0a89f.m54019_171011_032401_tiny.scraps.bam",
];

#[test]
fn columns_of_real_files_come_back() {
    for file in [0, 6, 9, 13] {
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
        for (first, rest) in [(usize::MAX, 1), (20_000, 2_500), (160, 20)] {
            let Some((mut chunks, _)) = load(file, first, rest) else {
                return;
            };
            if chunks.len() == 1 && first != usize::MAX || first == 160 && number > 1 {
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
