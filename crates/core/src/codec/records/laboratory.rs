//! Records of real files for tests and measurements: the corpus, where it is present.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use readvault_encoders::Inflater;

use super::{Column, Records};

/// The corpus folder: `READVAULT_CORPUS`, or `../shared/corpus` beside the project.
fn corpus() -> PathBuf {
    std::env::var_os("READVAULT_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
        PathBuf::from,
    )
}

/// The chunks of the BAM file at `path` (within the corpus): the first of `first` records, the others of `rest`, all that
/// a chunk may not hold left out; and the names of its references. None, said on standard error, without the file.
pub(crate) fn load(path: &str, first: usize, rest: usize) -> Option<(Vec<Records>, Vec<Vec<u8>>)> {
    let path = corpus().join(path);
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("skipped: no {}", path.display());
        return None;
    };
    let mut content = Vec::new();
    let (mut inflater, mut block) = (Inflater::new(), &bytes[..]);
    while let [.., _] = block {
        // Blocks with the usual header: its size stands in bytes 16 and 17.
        let size = usize::from(u16::from_le_bytes([block[16], block[17]])) + 1;
        let mut inflated = Vec::new();
        inflater
            .inflate(&block[18..size - 8], &mut inflated, 1 << 16)
            .expect("a corpus file inflates");
        content.extend(inflated);
        block = &block[size..];
    }
    let number = |at: usize| {
        let four = content.get(at..at + 4).expect("a corpus file is whole");
        u32::from_le_bytes(four.try_into().expect("four bytes"))
    };
    let mut at = 8 + number(4) as usize;
    let references = number(at);
    at += 4;
    let mut names = Vec::new();
    for _ in 0..references {
        let length = number(at) as usize;
        names.push(content[at + 4..at + 3 + length].to_vec());
        at += 8 + length;
    }
    let mut chunks = Vec::new();
    let mut now = Filler::default();
    while at + 4 <= content.len() {
        let end = at + 4 + number(at) as usize;
        now.add(&content[at..end]);
        at = end;
        let target = if chunks.is_empty() { first } else { rest };
        if now.records.count == target {
            chunks.push(std::mem::take(&mut now).records);
        }
    }
    if now.records.count > 0 {
        chunks.push(now.records);
    }
    Some((chunks, names))
}

#[derive(Default)]
struct Filler {
    records: Records,
    names: HashMap<Vec<u8>, usize>,
    lines: HashMap<Vec<([u8; 2], u8)>, u32>,
    columns: HashMap<([u8; 2], u8), usize>,
}

impl Filler {
    fn add(&mut self, bytes: &[u8]) {
        let signed = |at: usize| i32::from_le_bytes(bytes[at..at + 4].try_into().expect("four"));
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let records = &mut self.records;
        let index = records.count;
        records.count += 1;
        records.limit = usize::MAX;
        records.references.push(signed(4));
        records.positions.push(signed(8));
        records.mapq.push(bytes[13]);
        records.flags.push(short(18));
        records.lengths.push(signed(20) as u32);
        records.mate_references.push(signed(24));
        records.mate_positions.push(signed(28));
        records.template_lengths.push(signed(32));
        let name_end = 36 + usize::from(bytes[12]);
        let name = &bytes[36..name_end - 1];
        records.names.extend_from_slice(name);
        records.name_ends.push(records.names.len());
        let before = self.names.insert(name.to_vec(), index);
        records
            .links
            .push(before.map_or(0, |before| (index - before) as u32));
        let cigar_end = name_end + 4 * usize::from(short(16));
        for at in (name_end..cigar_end).step_by(4) {
            records.cigar.push(signed(at) as u32);
        }
        records.cigar_ends.push(records.cigar.len());
        let length = signed(20) as usize;
        let bases_end = cigar_end + length.div_ceil(2);
        for at in 0..length {
            let pair = bytes[cigar_end + at / 2];
            records
                .bases
                .push(if at % 2 == 0 { pair >> 4 } else { pair & 15 });
        }
        let tags_at = bases_end + length;
        records
            .qualities
            .extend_from_slice(&bytes[bases_end..tags_at]);
        records.base_ends.push(records.bases.len());
        self.tags(&bytes[tags_at..], index as u32);
    }

    fn tags(&mut self, mut bytes: &[u8], index: u32) {
        const TYPES: &[u8] = b"AcCsSiIfZH";
        const ELEMENTS: &[u8] = b"cCsSiIf";
        let mut line = Vec::new();
        while let [a, b, letter, rest @ ..] = bytes {
            let (kind, value, skipped, length) = if *letter == b'B' {
                let element = ELEMENTS.iter().position(|l| *l == rest[0]).expect("type");
                let width = [1, 1, 2, 2, 4, 4, 4][element];
                let count = u32::from_le_bytes(rest[1..5].try_into().expect("four")) as usize;
                (10 + element, &rest[5..5 + count * width], 5, count * width)
            } else {
                let kind = TYPES.iter().position(|l| l == letter).expect("type");
                let length = match kind {
                    0..=2 => 1,
                    3 | 4 => 2,
                    5..=7 => 4,
                    _ => rest.iter().position(|byte| *byte == 0).expect("a NUL"),
                };
                (kind, &rest[..length], 0, length + usize::from(kind >= 8))
            };
            let key = ([*a, *b], kind as u8);
            line.push(key);
            let columns = &mut self.records.columns;
            let at = *self.columns.entry(key).or_insert_with(|| {
                columns.push(Column {
                    tag: key.0,
                    kind: key.1,
                    ..Column::default()
                });
                columns.len() - 1
            });
            columns[at].records.push(index);
            columns[at].values.extend_from_slice(value);
            let end = columns[at].values.len();
            columns[at].ends.push(end);
            bytes = &rest[skipped + length..];
        }
        let next = self.lines.len() as u32;
        let number = *self.lines.entry(line.clone()).or_insert(next);
        if number == next {
            self.records.line_tags.push(line);
        }
        self.records.lines.push(number);
        self.records.read_groups.push(0);
    }
}

#[test]
fn a_corpus_file_becomes_records() {
    let Some((chunks, names)) = load(
        "novaseq_wgs_wes/imgag.df196b.Statistics_mapqc_wgs.bam",
        20_000,
        2_500,
    ) else {
        return;
    };
    assert!(!names.is_empty());
    for records in &chunks {
        assert_eq!(records.base_ends.last(), Some(&records.bases.len()));
        assert_eq!(records.lines.len(), records.count);
    }
}
