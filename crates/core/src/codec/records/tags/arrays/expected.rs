//! Arrays that follow from something else: introns (jI) from the CIGAR, their motifs (jM) from earlier reads with the
//! same introns.

use super::bases::introns;
use crate::codec::mixing::hash;
use crate::codec::records::{Column, Records};

/// Introns whose motifs are remembered.
const REMEMBERED: usize = 4096;

/// Motifs of introns, by hash.
#[derive(Clone)]
pub(super) struct Model {
    motifs: Vec<(u32, i8)>,
}

/// The place of an intron in the table, and what tells it from others there.
fn place(reference: i32, (start, end): (i64, i64)) -> (usize, u32) {
    let hash = hash(reference as u32, start as u32, end as u32, 11);
    (hash as usize % REMEMBERED, hash >> 8)
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            motifs: vec![(0, 0); REMEMBERED],
        }
    }

    /// The elements that an array of this tag should have, if it is one that follows from something.
    pub(super) fn expect(
        &self,
        tag: [u8; 2],
        records: &Records,
        record: usize,
    ) -> Option<Vec<i64>> {
        let ends = |(start, end)| [start, end];
        let reference = records.references[record];
        let motif = |intron| {
            let (at, check) = place(reference, intron);
            let (known, motif) = self.motifs[at];
            if known == check { motif.into() } else { -128 }
        };
        let introns = match &tag {
            b"jI" | b"jM" => introns(records, record).into_iter(),
            _ => return None,
        };
        let expected: Vec<i64> = if tag == *b"jI" {
            introns.flat_map(ends).collect()
        } else {
            introns.map(motif).collect()
        };
        Some(if expected.is_empty() {
            vec![-1]
        } else {
            expected
        })
    }

    /// Learns the motifs of a record's introns.
    pub(super) fn learn(&mut self, records: &Records, record: usize, motifs: &[u8]) {
        for (intron, &motif) in introns(records, record).into_iter().zip(motifs) {
            let (at, check) = place(records.references[record], intron);
            self.motifs[at] = (check, motif as i8);
        }
    }
}

/// Minimap2's divergence (de) of an alignment times 10^`digits`: what differs, with each gap counted once, as a part of
/// the columns; needs the edit distance (NM).
pub(super) fn divergence(records: &Records, record: usize, digits: u32) -> Option<i64> {
    let whole =
        |column: &&Column| column.tag == *b"NM" && column.ends.len() == column.records.len();
    let column = records
        .columns
        .iter()
        .find(|column| whole(column) && column.kind <= 6 && column.of(record).is_some())?;
    let at = column
        .records
        .partition_point(|&other| (other as usize) < record);
    let distance = column.integer(at);
    let (mut matched, mut gaps, mut gapped) = (0i64, 0i64, 0i64);
    for operation in records.cigar_of(record) {
        let length = i64::from(operation >> 4);
        match operation & 15 {
            0 | 7 | 8 => matched += length,
            1 | 2 => {
                gaps += 1;
                gapped += length;
            }
            _ => {}
        }
    }
    let columns = matched + gaps;
    let differ = distance - gapped + gaps;
    if !(1..1 << 40).contains(&columns) || !(0..=columns).contains(&differ) {
        return None;
    }
    let scale = 10i64.pow(digits);
    Some((2 * differ * scale + columns) / (2 * columns))
}
