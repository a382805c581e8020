use super::super::super::{Column, Context, Records, laboratory};
use super::super::alternatives;
use super::*;
use crate::codec::mixing::{Decoder, Encoder};

/// Tags that other models code, which are known before the strings.
fn is_elsewhere(column: &Column) -> bool {
    !matches!(column.kind, 8 | 9)
        || [
            *b"RG", *b"MC", *b"MD", *b"OQ", *b"BQ", *b"BD", *b"BI", *b"MM", *b"Mm",
        ]
        .contains(&column.tag)
}

/// The models of all strings.
#[derive(Clone)]
struct Both {
    strings: Model,
    alternatives: alternatives::Model,
}

impl Both {
    fn new() -> Self {
        Self {
            strings: Model::new(),
            alternatives: alternatives::Model::new(),
        }
    }

    /// Codes the strings of `records`, of which only the columns coded elsewhere are known; `all` holds the values when
    /// encoding.
    fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
        all: &Records,
    ) -> Result<()> {
        for column in 0..records.columns.len() {
            if is_elsewhere(&all.columns[column]) {
                continue;
            }
            if !C::DECODES {
                records.columns[column] = all.columns[column].clone();
            }
            if [*b"XA", *b"SA", *b"OA"].contains(&all.columns[column].tag) {
                self.alternatives
                    .code_column(coder, context, records, column)?;
            } else {
                self.strings.code_column(coder, context, records, column)?;
            }
        }
        Ok(())
    }
}

/// The records without the values of strings.
fn blank(all: &Records) -> Records {
    let mut records = all.clone();
    for column in &mut records.columns {
        if !is_elsewhere(column) {
            column.values.clear();
            column.ends.clear();
        }
    }
    records
}

const FILES: &[&str] = &[
    "novaseq_wgs_wes/imgag.df196b.Statistics_mapqc_wgs.bam",
    "hiseq_bqsr_oq_bibd/samtools.01ad31.NA12878.20.21.unmapped.orig.bam",
    "derived_dev/D_hiseq2500_yeast_chip_SRR5204810.bwa.markdup.bam",
    "novaseq_wgs_wes/imgag.6f65ca.TrioMaternalContaminationFather.bam",
    "novaseq_wgs_wes/imgag.8927f9.VcfCalculatePRS_in1.bam",
    "hiseqx_8level/broadinstitute.da7bd9.NA12878.bam",
    "hiseqx_8level/10XGenomics.257222.lr20.bam",
    "singlecell_10x/broadinstitute.185ffd.TTTGCGCGGAGC_ATTGTTTAGGAG.bam",
    "singlecell_10x/broadinstitute.03e26d.BA46_downsampled_SMN.bam",
    "singlecell_10x/broadinstitute.e679f0.DetectBeadSubstitutionErrors.bam",
    "novaseq_wgs_wes/broadinstitute.483be7.GenotypeSperm.bam",
    "umi_panel/imgag.d6bb90.cfDNA.bam",
    "rnaseq/czbiohub.65d168.MACA_24m_M_BLADDER_59.Aligned.out.sorted.chr19.bam",
    "umi_panel/CGATOxford.5fae75.unmapped.bam",
    "ont/imgag.85e40c.SampleGender_in_lr1.bam",
    "pacbio_hifi/samtools.5f1216.NA12878.m64020_190210_035026.chr21.5011316.5411316.unmapped.bam",
];

fn tag_of(key: u32) -> String {
    let tag = ((key - 64) / 64) as u16;
    String::from_utf8_lossy(&tag.to_be_bytes()).into_owned()
}

#[test]
#[ignore = "prints sizes"]
fn measure() {
    let only = std::env::var("ONLY").unwrap_or_default();
    for file in FILES.iter().filter(|file| file.contains(&only)) {
        let Some((chunks, references)) = laboratory::load(file, usize::MAX, 1) else {
            continue;
        };
        let context = Context {
            references: &references,
            bases: None,
        };
        let all = &chunks[0];
        let mut encoder = Encoder::new();
        let mut model = Both::new();
        let start = now();
        (model.code(&mut encoder, &context, &mut blank(all), all)).unwrap();
        let encoding = now() - start;
        let strings = all.columns.iter().filter(|column| !is_elsewhere(column));
        let values = strings
            .map(|column| column.records.len())
            .sum::<usize>()
            .max(1) as u128;
        let mut line = String::new();
        for (key, cost) in encoder.costs() {
            line += &format!(" {} {}", tag_of(key), cost / 128);
        }
        let stored = encoder.finish();
        let start = now();
        (Both::new().code(&mut Decoder::new(&stored), &context, &mut blank(all), all)).unwrap();
        let decoding = now() - start;
        let (chunks, _) = laboratory::load(file, 20_000, 2_500).expect("it was there");
        let sizes = round_trip(&chunks, &references);
        println!(
            "{file}: {}, in chunks {} + {}; {} and {} ns/value\n   {line}",
            stored.len(),
            sizes[0],
            sizes[1..].iter().sum::<usize>(),
            encoding / values,
            decoding / values
        );
    }
}

/// Nanoseconds of processor time that this thread has used, or the time of day where that is not told.
fn now() -> u128 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let used = told.split(' ').next().and_then(|used| used.parse().ok());
    used.unwrap_or_else(|| {
        std::time::UNIX_EPOCH
            .elapsed()
            .map_or(0, |since| since.as_nanos())
    })
}

/// Codes the chunks, the first with a new model and the others each with what that one left, and checks that they come
/// back. Gives the stored sizes.
fn round_trip(chunks: &[Records], references: &[Vec<u8>]) -> Vec<usize> {
    let context = Context {
        references,
        bases: None,
    };
    let (mut encoding, mut decoding) = (Both::new(), Both::new());
    let mut sizes = Vec::new();
    for (number, all) in chunks.iter().enumerate() {
        let (mut one, mut other) = (encoding.clone(), decoding.clone());
        let mut encoder = Encoder::new();
        one.code(&mut encoder, &context, &mut blank(all), all)
            .unwrap();
        let stored = encoder.finish();
        let mut decoder = Decoder::new(&stored);
        let mut records = blank(all);
        other
            .code(&mut decoder, &context, &mut records, all)
            .unwrap();
        decoder.finish().unwrap();
        for column in &mut records.columns {
            column.complete = false;
        }
        assert!(records == *all, "chunk {number}");
        sizes.push(stored.len());
        if number == 0 {
            (encoding, decoding) = (one, other);
        }
    }
    sizes
}

#[test]
fn real_files_come_back_chunk_by_chunk() {
    for file in [FILES[0], FILES[5], FILES[6], FILES[9], FILES[14]] {
        let Some((chunks, references)) = laboratory::load(file, 4000, 1000) else {
            continue;
        };
        let few = &chunks[..chunks.len().min(6)];
        let sizes = round_trip(few, &references);
        assert!(sizes.iter().sum::<usize>() > 0);
    }
}

/// Records with strange columns.
fn strange(count: usize, tags: usize, limit: usize) -> Records {
    let mut state = 1u32;
    let mut random = move |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut records = Records {
        count,
        limit,
        ..Records::default()
    };
    for record in 0..count {
        records.flags.push(random(65_536) as u16);
        records
            .references
            .push([-1, 0, 1, 7, i32::MAX, i32::MIN][random(6) as usize]);
        records
            .positions
            .push([-1, 0, 100, i32::MAX, i32::MIN][random(5) as usize]);
        records.mapq.push(random(256) as u8);
        records.lengths.push(random(u32::MAX));
        for _ in 0..random(4) {
            records.cigar.push(random(u32::MAX) << 8 | random(256));
        }
        records.cigar_ends.push(records.cigar.len());
        records.mate_references.push(random(3) as i32 - 1);
        records
            .mate_positions
            .push([-1, i32::MAX, i32::MIN, 5][random(4) as usize]);
        records.template_lengths.push(0);
        records
            .links
            .push([0, 1, 2, u32::MAX][random(4) as usize].min(record as u32));
        records.read_groups.push(random(3));
        records
            .names
            .extend([b'a', b':', 0xff][..random(4) as usize].iter());
        records.name_ends.push(records.names.len());
        records.base_ends.push(0);
        records.lines.push(0);
    }
    let pieces: &[&[u8]] = &[
        b"",
        b"a",
        b"chr1,+5,10M,2;",
        b"chr1,5,-,10M,60,2;",
        b"chr1,5,+,*,60,null;",
        b"no such,+1,1M1I,0;",
        b";",
        b",,,;",
        b"chr1,-05,10M,2;",
        b"chr1,+99999999999999999999,10M,2;",
        b"x,y,+1,1M,1;",
        b"\xff\x01",
        b"chr1,+0,0M,-1;",
        b"chr1,+2147483648,268435455M,4294967295;",
        b"chr2,7,+,5S5M,,;",
        b"chr2,7,+,268435456M,256,1;",
        b"chr1,+5,10M,2",
        b"chr1,5,-,10M,60,;",
    ];
    for tag in 0..tags {
        let mut column = Column {
            tag: [b"XA", b"SA", b"OA", b"ZZ", b"RX"]
                .get(tag)
                .map_or([tag as u8, (tag >> 8) as u8], |tag| **tag),
            kind: 8 + (tag / 5 % 2) as u8,
            ..Column::default()
        };
        for record in 0..count as u32 {
            for _ in 0..random(3) {
                column.records.push(record);
                for _ in 0..random(4) {
                    column
                        .values
                        .extend_from_slice(pieces[random(pieces.len() as u32) as usize]);
                }
                if random(50) == 0 {
                    column
                        .values
                        .extend(vec![b'A' + random(3) as u8; random(5000) as usize]);
                }
                column.ends.push(column.values.len());
            }
        }
        records.columns.push(column);
    }
    records
}

#[test]
fn strange_values_come_back() {
    let references = [b"chr1".to_vec(), b"chr2".to_vec(), b"x,y".to_vec()];
    let chunks = [strange(100, 8, usize::MAX), strange(20, 80, usize::MAX)];
    for references in [&references[..], &[]] {
        round_trip(&chunks, references);
    }
}

#[test]
fn damaged_streams_end_within_the_limit() {
    let all = strange(40, 6, 40_000);
    let context = Context {
        references: &[b"chr1".to_vec()],
        bases: None,
    };
    let mut encoder = Encoder::new();
    Both::new()
        .code(&mut encoder, &context, &mut blank(&all), &all)
        .unwrap();
    let stored = encoder.finish();
    let check = |stored: &[u8]| {
        let mut records = blank(&all);
        let done = Both::new().code(&mut Decoder::new(stored), &context, &mut records, &all);
        let total: usize = records
            .columns
            .iter()
            .map(|column| column.values.len())
            .sum();
        assert!(total <= records.limit);
        done.is_ok()
    };
    assert!(check(&stored));
    for cut in (0..stored.len()).step_by(stored.len() / 12) {
        check(&stored[..cut]);
        let mut flipped = stored.clone();
        flipped[cut] ^= 1 << (cut % 8);
        check(&flipped);
    }
}
