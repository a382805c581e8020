//! Round trips of real, absurd and damaged records.

use super::*;
use crate::codec::mixing::{Decoder, Encoder};
use crate::codec::records::laboratory;

pub(in crate::codec::records) const CONTEXT: Context<'_> = Context {
    references: &[],
    bases: None,
};

/// Files of all classes.
pub(in crate::codec::records) const FILES: &[&str] = &[
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
pub(in crate::codec::records) fn encode(
    model: &mut Model,
    records: &Records,
) -> (Vec<u8>, Vec<(u32, u64)>, Records) {
    let mut coder = Encoder::new();
    let mut copy = records.clone();
    model.code(&mut coder, &CONTEXT, &mut copy).unwrap();
    let costs = coder.costs();
    (coder.finish(), costs, copy)
}

/// The records that a chunk's stored bytes stand for.
pub(in crate::codec::records) fn decode(
    model: &mut Model,
    stored: &[u8],
    count: usize,
    limit: usize,
) -> Result<Records> {
    let mut coder = Decoder::new(stored);
    let mut records = Records::to_decode(count, limit);
    model.code(&mut coder, &CONTEXT, &mut records)?;
    coder.finish()?;
    Ok(records)
}

/// Panics unless `decoded` has what `records` have.
pub(in crate::codec::records) fn check(records: &Records, encoded: &Records, decoded: &Records) {
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
        let Some((mut chunks, _)) = laboratory::load(file, 8_000, 1_000) else {
            continue;
        };
        chunks.truncate(6);
        assert!(round_trip(&chunks) > 0, "{file}");
    }
}

/// Numbers without a pattern, from a seed.
pub(in crate::codec::records) struct Random(pub(in crate::codec::records) u32);

impl Random {
    pub(in crate::codec::records) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.next() as usize % list.len()]
    }
}

/// Records that no aligner would write: extremes, contradictions, nonsense.
pub(in crate::codec::records) fn absurd(count: usize, seed: u32) -> Records {
    const PLACES: &[i32] = &[
        -1,
        0,
        1,
        7,
        100,
        101,
        5000,
        i32::MAX,
        i32::MIN,
        -2,
        i32::MAX - 3,
    ];
    let mut random = Random(seed);
    let mut records = Records {
        count,
        limit: usize::MAX,
        ..Records::default()
    };
    let mut bases = 0;
    for record in 0..count {
        let places = if seed.is_multiple_of(2) {
            PLACES
        } else {
            &PLACES[1..5]
        };
        let noise = random.next() as u16;
        records.flags.push(random.of(&[
            0, 4, 99, 147, 83, 163, 65, 129, 77, 141, 0x900, 0xffff, noise,
        ]));
        records
            .references
            .push(random.of(&places[..4.min(places.len())]));
        records.positions.push(random.of(places));
        records.mapq.push(random.next() as u8);
        let length = random.of(&[0, 1, 10, 10, 10, 150, 1000]);
        records.lengths.push(length);
        bases += length as usize;
        records.base_ends.push(bases);
        for _ in 0..random.next() % 5 {
            let size = random.of(&[0, 1, 10, 150, (1 << 28) - 1, random.0 & 0xff]);
            records.cigar.push(size << 4 | random.next() % 16);
        }
        if random.next().is_multiple_of(3) && length > 0 {
            records.cigar.push(length << 4);
        }
        records.cigar_ends.push(records.cigar.len());
        records
            .mate_references
            .push(random.of(&places[..4.min(places.len())]));
        records.mate_positions.push(random.of(places));
        let extremes = [0, 1, -1, 150, -150, i32::MIN, i32::MAX];
        records.template_lengths.push(random.of(&extremes));
        let link = random.of(&[0, 0, 1, 1, 2, 3, 17]);
        let link = if link as usize > record { 0 } else { link };
        records.links.push(link);
    }
    records
}

#[test]
fn absurd_records_come_back() {
    for seed in 0..12 {
        let chunks = [
            absurd(500, seed),
            absurd(80, seed + 100),
            absurd(1, seed + 200),
        ];
        round_trip(&chunks);
    }
    round_trip(&[absurd(1, 1), absurd(0, 2), absurd(300, 3)]);
    round_trip(&[absurd(0, 4), absurd(40, 5)]);
}

#[test]
fn absurd_records_after_usual_ones_come_back() {
    let Some((mut chunks, _)) = laboratory::load(FILES[0], 3000, 500) else {
        return;
    };
    chunks.truncate(2);
    chunks.push(absurd(300, 6));
    chunks.push(absurd(300, 7));
    round_trip(&chunks);
}

#[test]
fn mates_are_found_by_position() {
    let Some((chunks, _)) = laboratory::load(FILES[0], 5000, 500) else {
        return;
    };
    let mut model = Model::fit(Level::Default, &CONTEXT, &chunks[0]);
    let (_, _, encoded) = encode(&mut model, &chunks[0]);
    let linked = chunks[0].links.iter().filter(|&&link| link > 0).count();
    let found = encoded.found_mates.iter().filter(|&&found| found).count();
    assert!(found * 20 > linked * 19, "{found} of {linked}");
}

/// A small chunk's stored bytes.
fn stored() -> (Vec<u8>, usize) {
    let records = match laboratory::load(FILES[0], 200, 200) {
        Some((mut chunks, _)) => chunks.swap_remove(0),
        None => absurd(200, 8),
    };
    let mut model = Model::fit(Level::Default, &CONTEXT, &records);
    (encode(&mut model, &records).0, records.count)
}

/// Decodes damaged bytes, which must end without a panic and within the limit.
fn survives(stored: &[u8], count: usize) {
    const LIMIT: usize = 100_000;
    if let Ok(records) = decode(&mut Model::blank(), stored, count, LIMIT) {
        assert!(records.cigar.len() * 4 <= LIMIT);
        assert!(*records.base_ends.last().unwrap() <= LIMIT);
        assert_eq!(records.found_mates.len(), count);
    }
}

/// Long reads of one stretch of reference, each `copies` times. All break off at every hundredth base, and elsewhere now
/// and then.
pub(in crate::codec::records) fn long_reads(count: usize, copies: usize) -> Records {
    let mut random = Random(11);
    let mut records = Records {
        count: count * copies,
        limit: usize::MAX,
        ..Records::default()
    };
    for read in 0..count {
        let position = 1000 + 37 * read as u32;
        let strand = random.of(&[0, 0x10]);
        let (mut cigar, mut at, mut bases) = (vec![33 << 4 | 4], position, 33);
        for _ in 0..40 {
            let place = (at / 100 + 1) * 100 - at;
            let run = random.of(&[place, place, place, 1 + random.0 % 30]);
            let (operation, length) = (random.of(&[1, 2, 8]), random.of(&[1, 1, 2]));
            cigar.extend([run << 4 | 7, length << 4 | operation]);
            at += run + if operation == 1 { 0 } else { length };
            bases += run + if operation == 2 { 0 } else { length };
        }
        cigar.push(5 << 4 | 4);
        for _ in 0..copies {
            records.flags.push(strand);
            records.references.push(0);
            records.positions.push(position as i32);
            records.mapq.push(60);
            records.lengths.push(bases + 5);
            let end = records.base_ends.last().copied().unwrap_or(0);
            records.base_ends.push(end + bases as usize + 5);
            records.cigar.extend(&cigar);
            records.cigar_ends.push(records.cigar.len());
            records.mate_references.push(-1);
            records.mate_positions.push(-1);
            records.template_lengths.push(0);
            records.links.push(0);
        }
    }
    records
}

#[test]
fn long_reads_come_back_and_copies_of_them_cost_little() {
    let (once, thrice) = (long_reads(60, 1), long_reads(60, 3));
    let (one, three) = (
        round_trip(std::slice::from_ref(&once)),
        round_trip(std::slice::from_ref(&thrice)),
    );
    assert!(three < one + one / 5, "{one} {three}");
    round_trip(&[once.clone(), once, thrice]);
}

#[test]
fn damaged_streams_of_long_reads_do_no_harm() {
    let records = long_reads(12, 2);
    let mut model = Model::fit(Level::Default, &CONTEXT, &records);
    let (mut stored, ..) = encode(&mut model, &records);
    for at in (0..stored.len()).step_by(7) {
        let bit = 1 << (at % 8);
        stored[at] ^= bit;
        survives(&stored, records.count);
        survives(&stored[..at], records.count);
        stored[at] ^= bit;
    }
}

#[test]
fn truncated_streams_do_no_harm() {
    let (stored, count) = stored();
    for length in (0..stored.len()).step_by(5) {
        survives(&stored[..length], count);
    }
}

#[test]
fn damaged_streams_do_no_harm() {
    let (mut stored, count) = stored();
    for at in (0..stored.len()).step_by(3) {
        let bit = 1 << (at % 8);
        stored[at] ^= bit;
        survives(&stored, count);
        stored[at] ^= bit;
    }
    let mut random = Random(9);
    for _ in 0..60 {
        let noise: Vec<u8> = (0..2000).map(|_| random.next() as u8).collect();
        survives(&noise, count);
        survives(&vec![random.next() as u8; 3000], count);
    }
}
