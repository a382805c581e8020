//! Bases, predicted from the reads before that align to the same place.
//!
//! A running consensus keeps the base last agreed on at each reference position of the chunk. Where a read
//! matches it, nothing is stored; a mismatch is a distance and a substitution. Bases at positions not seen
//! before, insertions, soft clips and unaligned reads are literals of two bits. No reference is needed. Archives of
//! version 1 hold them; the encoder is kept for tests (`covered` does better).

mod consensus;
mod decode;
#[cfg(test)]
mod encode;
mod literals;
mod walk;

pub(crate) use decode::decode_bases;
#[cfg(test)]
pub(super) use encode::encode_bases;
pub(super) use literals::{put_literals, take_literals};
pub(super) use walk::fits;

/// What BAM records say about where their bases belong: known before the bases are decoded.
///
/// Records whose fields contradict each other count as unaligned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alignments<'a> {
    /// Reference number of each record.
    pub(crate) reference: &'a [i32],
    /// First position of each record, counted from 0; negative when there is none.
    pub(crate) position: &'a [i32],
    /// Bases of each record.
    pub(crate) lengths: &'a [u32],
    /// CIGAR operations of each record.
    pub(crate) cigar_counts: &'a [u32],
    /// CIGAR operations of all records as BAM encodes them: length in the 28 high bits, operation in the 4 low.
    pub(crate) cigar: &'a [u32],
}

impl Alignments<'_> {
    /// Whether every record has all its fields and the records hold `bases` bases together.
    pub(super) fn hold(&self, bases: usize) -> bool {
        let records = self.lengths.len();
        let complete = [
            self.reference.len(),
            self.position.len(),
            self.cigar_counts.len(),
        ] == [records; 3];
        let sum = self
            .lengths
            .iter()
            .try_fold(0usize, |sum, &length| sum.checked_add(length as usize));
        complete && sum == Some(bases)
    }
}

/// The four bases in BAM's code, by rank.
pub(super) const ACGT: [u8; 4] = [1, 2, 4, 8];
/// The rank of each BAM code; 4 for codes that are not a single base.
pub(super) const RANK: [u8; 16] = [4, 0, 1, 4, 2, 4, 4, 4, 3, 4, 4, 4, 4, 4, 4, 4];
/// A substitution symbol from this on is this plus the code itself, for codes that are not a single base.
pub(super) const OTHER_CODE: u8 = 4;
