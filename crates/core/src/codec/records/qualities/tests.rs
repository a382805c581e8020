use super::super::super::mixing::{Decoder, Encoder, hash};
use super::super::laboratory::load;
use super::super::states::states;
use super::*;

pub(crate) const CONTEXT: Context<'_> = Context {
    references: &[],
    bases: None,
};

const FILES: [&str; 4] = [
    "novaseq_wgs_wes/nf-cmgg.8645da.Sample10.bam",
    "singlecell_10x/broadinstitute.03e26d.BA46_downsampled_SMN.bam",
    "pacbio_clr/google.08cfcc.ecoli.subreads.bam",
    "ont/imgag.22e189.SampleGender_in_lr2.bam",
];

/// The records without what is decoded after the bases.
pub(crate) fn stripped(records: &Records) -> Records {
    Records {
        qualities: Vec::new(),
        columns: Vec::new(),
        ..records.clone()
    }
}

/// Stores the records with a copy of `model`; gives it back as it is then.
fn store(model: &Model, records: &Records) -> (Model, Vec<u8>) {
    let mut model = model.clone();
    let mut encoder = Encoder::new();
    let mut coded = records.clone();
    model.code(&mut encoder, &CONTEXT, &mut coded).unwrap();
    assert!(coded == *records);
    (model, encoder.finish())
}

/// Restores records that [`store`] stored.
fn restore(model: &Model, stored: &[u8], records: &Records) -> (Model, crate::Result<Vec<u8>>) {
    let mut model = model.clone();
    let mut decoder = Decoder::new(stored);
    let mut decoded = stripped(records);
    let done = model.code(&mut decoder, &CONTEXT, &mut decoded);
    let done = done.and_then(|()| decoder.finish());
    (model, done.map(|()| decoded.qualities))
}

fn levels() -> [Level; 3] {
    [Level::Fast, Level::Default, Level::Max]
}

#[test]
fn real_files_come_back_from_a_key_chunk_and_its_clones() {
    for (file, level) in FILES.iter().zip(levels().into_iter().cycle()) {
        // Of long reads a few.
        let few = if file.starts_with("ont") { 100 } else { 1 };
        let Some((mut chunks, _)) = load(file, 4000 / few, 500 / few) else {
            continue;
        };
        chunks.truncate(4);
        for records in &mut chunks {
            records.base_states = states(records);
        }
        let (key, stored) = store(&Model::fit(level, &CONTEXT, &chunks[0]), &chunks[0]);
        let (read, qualities) = restore(&Model::blank(), &stored, &chunks[0]);
        assert!(qualities.unwrap() == chunks[0].qualities, "{file}");
        for records in &chunks[1..] {
            let (_, stored) = store(&key, records);
            let (_, qualities) = restore(&read, &stored, records);
            assert!(qualities.unwrap() == records.qualities, "{file}");
        }
    }
}

/// Records of every kind that a machine would not make.
pub(crate) fn strange(seed: u32, count: usize) -> Records {
    let mut state = seed;
    let mut random = move |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (u64::from(state >> 4) * u64::from(below) >> 28) as u32
    };
    let mut records = Records {
        count,
        limit: usize::MAX,
        ..Records::default()
    };
    for record in 0..count {
        let length = [0, 1, 2, 7, 40, 300][random(6) as usize];
        records.flags.push(random(65_536) as u16);
        records.mapq.push(random(256) as u8);
        records.lengths.push(length);
        records.references.push(random(3) as i32 - 1);
        records.positions.push(random(1000) as i32 - 1);
        records
            .links
            .push([0, 1, 2, u32::MAX][random(4) as usize].min(record as u32));
        let kind = random(5);
        for at in 0..length {
            records.bases.push(random(16) as u8);
            records.base_states.push(random(5) as u8);
            records.qualities.push(match kind {
                0 => 0xff,
                1 => 30 + (at / 50) as u8,
                2 => random(4) as u8 * 10,
                3 => random(256) as u8,
                _ => 0xff - u8::from(at == 3),
            });
        }
        records.base_ends.push(records.bases.len());
        for _ in 0..random(4) {
            records
                .cigar
                .push(random(u32::MAX) % 1000 << 4 | random(16));
        }
        records.cigar_ends.push(records.cigar.len());
    }
    records
}

#[test]
fn strange_records_come_back() {
    for (seed, level) in (1..).zip(levels()) {
        let (first, mut second) = (strange(seed, 120), strange(seed + 10, 60));
        second.base_states.truncate(5);
        for key in [&first, &strange(1, 0), &strange(2, 1)] {
            let (key_model, stored) = store(&Model::fit(level, &CONTEXT, key), key);
            let (read, qualities) = restore(&Model::blank(), &stored, key);
            assert!(qualities.unwrap() == key.qualities);
            let (_, stored) = store(&key_model, &second);
            let (_, qualities) = restore(&read, &stored, &second);
            assert!(qualities.unwrap() == second.qualities);
        }
    }
}

#[test]
fn damaged_streams_end_without_a_panic() {
    let records = strange(5, 40);
    let (_, stored) = store(&Model::fit(Level::Fast, &CONTEXT, &records), &records);
    for at in (0..stored.len()).step_by(stored.len() / 40) {
        let mut flipped = stored.clone();
        flipped[at] ^= 1 << (at % 8);
        for bytes in [&stored[..at], &flipped] {
            if let (_, Ok(qualities)) = restore(&Model::blank(), bytes, &records) {
                assert_eq!(qualities.len(), records.bases.len());
            }
        }
    }
}

/// `copies` records of one read of random bases and qualities; every second lies on the other strand, and the last has
/// its first 30 bases clipped hard.
pub(crate) fn copies(copies: usize) -> Records {
    let digits = (0..250u32).map(|at| hash(at, 1, 2, 3));
    let bases: Vec<u8> = digits.clone().map(|digit| 1 << (digit & 3)).collect();
    let qualities: Vec<u8> = digits.map(|digit| 20 + (digit >> 8) as u8 % 20).collect();
    let mut records = Records {
        limit: usize::MAX,
        ..Records::default()
    };
    for copy in 0..copies {
        let skip = if copy + 1 == copies { 30 } else { 0 };
        let mut stored: (Vec<u8>, Vec<u8>) = (bases[skip..].to_vec(), qualities[skip..].to_vec());
        let reversed = copy % 2 == 1;
        if reversed {
            stored.0.reverse();
            stored
                .0
                .iter_mut()
                .for_each(|base| *base = base.reverse_bits() >> 4);
            stored.1.reverse();
        }
        let mut cigar = vec![(250 - skip as u32) << 4];
        if skip > 0 {
            cigar.insert(if reversed { 1 } else { 0 }, (skip as u32) << 4 | 5);
        }
        records.count += 1;
        records.flags.push(if reversed { 0x10 } else { 0 });
        records.mapq.push(60);
        records.references.push(0);
        records.positions.push(copy as i32 * 1000);
        records.links.push(u32::from(copy > 0));
        records.bases.extend(&stored.0);
        records.qualities.extend(&stored.1);
        records.base_ends.push(records.bases.len());
        records.cigar.extend(cigar);
        records.cigar_ends.push(records.cigar.len());
    }
    records
}

#[test]
fn a_read_that_is_aligned_again_costs_next_to_nothing() {
    let size = |count| {
        let records = copies(count);
        let (_, stored) = store(&Model::fit(Level::Default, &CONTEXT, &records), &records);
        let (_, qualities) = restore(&Model::blank(), &stored, &records);
        assert!(qualities.unwrap() == records.qualities);
        stored.len()
    };
    let once = size(1);
    assert!(once > 100);
    // The parameters tell of more, and the flags take a few bits to be learnt.
    assert!(size(12) < once + 60, "{} {once}", size(12));
}

#[test]
fn qualities_that_differ_from_those_of_the_same_read_come_back() {
    let mut records = copies(6);
    for quality in records.qualities.iter_mut().step_by(97) {
        *quality = quality.wrapping_add(1);
    }
    let (_, stored) = store(&Model::fit(Level::Max, &CONTEXT, &records), &records);
    let (_, qualities) = restore(&Model::blank(), &stored, &records);
    assert!(qualities.unwrap() == records.qualities);
}

/// Prints the sizes of the files in FILES at level LEVEL: whole as one chunk, and with CHUNKED as a key chunk and clones
/// of its model; with ONLY, so many records alone.
#[test]
#[ignore = "measures"]
fn sizes() {
    let files = std::env::var("FILES").unwrap_or_default();
    let level = match std::env::var("LEVEL").as_deref() {
        Ok("fast") => Level::Fast,
        Ok("max") => Level::Max,
        _ => Level::Default,
    };
    let chunked = std::env::var("CHUNKED").is_ok();
    let only = std::env::var("ONLY").map_or(usize::MAX, |text| text.parse().unwrap());
    for file in files.split(' ') {
        let (first, rest) = if chunked {
            (20_000, 2_500)
        } else {
            (only, usize::MAX)
        };
        let Some((mut chunks, _)) = load(file, first, rest) else {
            continue;
        };
        chunks.truncate(if chunked { usize::MAX } else { 1 });
        let mut key = None;
        let (mut size, mut bases, mut decoding) = (0, 0, 0);
        let start = std::time::Instant::now();
        for records in &mut chunks {
            records.base_states = states(records);
            bases += records.bases.len();
            let (before, read) =
                key.get_or_insert_with(|| (Model::fit(level, &CONTEXT, records), Model::blank()));
            let (after, stored) = store(before, records);
            size += stored.len();
            let begun = std::time::Instant::now();
            let (after_read, qualities) = restore(read, &stored, records);
            decoding += begun.elapsed().as_nanos();
            assert!(qualities.unwrap() == records.qualities);
            if bases == records.bases.len() {
                key = Some((after, after_read));
            }
        }
        let whole = start.elapsed().as_nanos() as usize / bases;
        eprintln!(
            "{file} {size} B {bases} q {whole} ns both decoding {}",
            decoding as usize / bases
        );
    }
}
