use super::super::laboratory::load;
use super::*;
use crate::codec::mixing::{Decoder, Encoder};

/// Records as a decoder has them before lines are decoded.
fn stripped(records: &Records) -> Records {
    let mut stripped = records.clone();
    stripped.lines = vec![0; records.count];
    stripped.read_groups = vec![0; records.count];
    stripped.line_tags.clear();
    stripped.columns.clear();
    stripped
}

/// What decoded lines must agree with.
fn agrees(coded: &Records, decoded: &Records) -> bool {
    let same = |(coded, decoded): (&Column, &Column)| {
        (coded.tag, coded.kind, &coded.records) == (decoded.tag, decoded.kind, &decoded.records)
            && (!coded.complete || coded == decoded)
    };
    coded.lines == decoded.lines
        && coded.line_tags == decoded.line_tags
        && coded.read_groups == decoded.read_groups
        && coded.columns.len() == decoded.columns.len()
        && coded.columns.iter().zip(&decoded.columns).all(same)
}

fn context() -> Context<'static> {
    Context {
        references: &[],
        bases: None,
    }
}

/// Codes the chunks, each but the first with a clone of the first one's model; gives the costs by key and the stored
/// bytes of the first and the other chunks.
fn round_trip(chunks: &[Records]) -> (HashMap<u32, u64>, [usize; 2]) {
    let mut costs: HashMap<u32, u64> = HashMap::new();
    let mut sizes = [0; 2];
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
        model.code(&mut encoder, &context(), &mut records).unwrap();
        for (key, cost) in encoder.costs() {
            *costs.entry(key).or_default() += cost;
        }
        let stored = encoder.finish();
        sizes[usize::from(key.is_some())] += stored.len();
        let mut decoder = Decoder::new(&stored);
        let mut decoded = stripped(&records);
        other.code(&mut decoder, &context(), &mut decoded).unwrap();
        decoder.finish().unwrap();
        assert!(agrees(&records, &decoded));
        key.get_or_insert((model, other));
    }
    (costs, sizes)
}

#[test]
fn lines_of_real_files_come_back() {
    for path in [
        "novaseq_wgs_wes/imgag.df196b.Statistics_mapqc_wgs.bam",
        "umi_panel/imgag.505b96.BamDeduplicateByBarcode_in4.bam",
    ] {
        let Some((chunks, _)) = load(path, 20_000, 2_500) else {
            return;
        };
        let (costs, sizes) = round_trip(&chunks);
        println!("{path} {costs:?} {sizes:?}");
    }
}

/// A generator of numbers: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ x >> 31) % bound
    }
}

/// Records with lines that no program writes: any characters and types, tags twice, tens of tags.
fn absurd(seed: u64, count: usize) -> Records {
    let mut random = Random(seed);
    let mut records = Records {
        limit: 1 << 20,
        ..Records::to_decode(count, 1 << 20)
    };
    for record in 0..count {
        records.flags[record] = random.below(1 << 16) as u16;
        records.positions[record] = [-1, i32::MIN, i32::MAX, 5][random.below(4) as usize];
        records.links[record] = random.below(record as u64 + 1) as u32;
        records.cigar_ends.push(0);
        let tags = [0, 3, 5, 60][random.below(4) as usize];
        let mut line = Line::new();
        for _ in 0..tags {
            let tag = match random.below(3) {
                0 => *b"RG",
                1 => *b"NM",
                _ => [random.below(256) as u8, random.below(256) as u8],
            };
            line.push((tag, random.below(KINDS.into()) as u8));
        }
        let known = records.line_tags.iter().position(|other| *other == line);
        records.lines[record] = known.unwrap_or(records.line_tags.len()) as u32;
        if known.is_none() {
            records.line_tags.push(line);
        }
    }
    make_columns(&mut records).unwrap();
    for column in &mut records.columns {
        for _ in 0..column.records.len() {
            if (column.tag, column.kind) == (*b"RG", 8) {
                let group = [&b"a"[..], b"", b"group 2", b"\xff\x01"][random.below(4) as usize];
                column.values.extend_from_slice(group);
            }
            column.ends.push(column.values.len());
        }
    }
    records
}

#[test]
fn absurd_lines_come_back() {
    let chunks: Vec<_> = (0..4).map(|seed| absurd(seed, 60)).collect();
    assert!(
        chunks
            .iter()
            .any(|records| records.column(*b"RG", 8).is_some())
    );
    round_trip(&chunks);
}

#[test]
fn more_columns_than_a_chunk_may_have_are_refused() {
    for (columns, fits) in [(MOST_COLUMNS, true), (MOST_COLUMNS + 1, false)] {
        let tag = |number: usize| ((number as u16).to_be_bytes(), 3);
        let mut records = Records {
            line_tags: vec![(0..columns).map(tag).collect()],
            ..Records::to_decode(1, 1 << 20)
        };
        records.cigar_ends.push(0);
        let mut blank = stripped(&records);
        let mut encoder = Encoder::new();
        Model::blank()
            .code(&mut encoder, &context(), &mut records)
            .unwrap();
        let stored = encoder.finish();
        let mut decoder = Decoder::new(&stored);
        let coded = Model::blank().code(&mut decoder, &context(), &mut blank);
        assert_eq!(coded.is_ok(), fits, "{columns} columns");
    }
}

#[test]
fn damaged_bytes_end_in_lines_or_an_error() {
    let mut random = Random(3);
    for seed in 0..4 {
        let mut records = absurd(10 + seed, 20);
        let mut blank = stripped(&records);
        blank.limit = 1 << 16;
        let mut encoder = Encoder::new();
        Model::blank()
            .code(&mut encoder, &context(), &mut records)
            .unwrap();
        let stored = encoder.finish();
        for _ in 0..100 {
            let mut damaged = stored.clone();
            let at = random.below(stored.len() as u64) as usize;
            match random.below(2) {
                0 => damaged.truncate(at),
                _ => damaged[at] ^= 1 << random.below(8),
            }
            let mut decoded = blank.clone();
            let mut decoder = Decoder::new(&damaged);
            let coded = Model::blank().code(&mut decoder, &context(), &mut decoded);
            if coded.is_ok() {
                let tags: usize = decoded
                    .columns
                    .iter()
                    .map(|column| column.records.len())
                    .sum();
                assert!(tags * SMALLEST_TAG <= decoded.limit);
            }
        }
    }
}

#[test]
fn a_dictionary_stays_small() {
    let mut dictionary = Dictionary::new();
    for number in 0..2 * MOST_ENTRIES as u32 {
        dictionary.add(number.to_le_bytes().to_vec());
    }
    dictionary.trim();
    assert_eq!(dictionary.values.len(), MOST_ENTRIES);
    assert_eq!(dictionary.numbers.len(), MOST_ENTRIES);
    dictionary.add(vec![0; MOST_PARTS]);
    dictionary.trim();
    assert_eq!(dictionary.values.len(), MOST_ENTRIES);
}

/// Prints what lines and read groups cost, for files listed in a variable.
#[test]
#[ignore = "a measurement"]
fn measure() {
    let first = std::env::var("FIRST").map_or(usize::MAX, |first| first.parse().unwrap());
    let mut sum = [0; 3];
    for path in std::env::var("FILES").unwrap().split(' ') {
        let Some((chunks, _)) = load(path, first, 2_500) else {
            return;
        };
        let (costs, sizes) = round_trip(&chunks);
        let mut all = [0; 3];
        for (key, cost) in costs {
            all[match key {
                LINES => 0,
                SPELLED => 1,
                _ => 2,
            }] += cost / 128;
        }
        (0..3).for_each(|at| sum[at] += all[at]);
        let lines: usize = chunks
            .iter()
            .map(|chunk| chunk.line_tags.len())
            .max()
            .unwrap();
        println!("{path} {all:?} {sizes:?} {lines} lines");
    }
    println!("{sum:?}");
}
