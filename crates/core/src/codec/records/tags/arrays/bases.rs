//! Bases in the order of sequencing, and where they lie on the reference.

use crate::codec::records::{Records, on_reference};

/// The complement of BAM's base code: its bits in reverse order.
pub(super) fn complement(base: u8) -> u8 {
    (base & 15).reverse_bits() >> 4
}

/// A record's bases (BAM's codes) in the order of sequencing.
pub(super) fn oriented(records: &Records, record: usize) -> Vec<u8> {
    let bases = records.bases_of(record).iter();
    if records.flags[record] & 16 == 0 {
        bases.copied().collect()
    } else {
        bases.rev().map(|&base| complement(base)).collect()
    }
}

/// The `before` bases before `at`, the one there, and the `after` ones behind it: four bits each, the last one lowest;
/// 0 outside.
#[inline]
pub(super) fn kmer(bases: &[u8], at: usize, before: usize, after: usize) -> u32 {
    let mut kmer = 0;
    for step in 0..=before + after {
        let place = at.wrapping_add(step).wrapping_sub(before);
        kmer = kmer << 4 | u32::from(bases.get(place).copied().unwrap_or(0) & 15);
    }
    kmer
}

/// The reference position of each base of a record, as the record stores them; none for inserted and clipped ones.
pub(super) fn positions(records: &Records, record: usize) -> Vec<Option<i64>> {
    let length = records.bases_of(record).len();
    let mut positions = Vec::with_capacity(length);
    let mut at = i64::from(records.positions[record]);
    for &operation in records.cigar_of(record) {
        let room = length - positions.len();
        let count = (operation >> 4) as usize;
        match operation & 15 {
            0 | 7 | 8 => positions.extend((at..).map(Some).take(count.min(room))),
            1 | 4 => positions.extend(std::iter::repeat_n(None, count.min(room))),
            _ => {}
        }
        at = at.wrapping_add(on_reference(operation).into());
    }
    positions.resize(length, None);
    positions
}

/// The introns (N) of a record: 1-based first and last base.
pub(super) fn introns(records: &Records, record: usize) -> Vec<(i64, i64)> {
    let mut introns = Vec::new();
    let mut at = i64::from(records.positions[record]) + 1;
    for &operation in records.cigar_of(record) {
        let taken = i64::from(on_reference(operation));
        if operation & 15 == 3 {
            introns.push((at, at + taken - 1));
        }
        at += taken;
    }
    introns
}
