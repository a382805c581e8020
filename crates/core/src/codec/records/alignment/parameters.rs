//! What an encoder chooses by looking at the first chunk: whether the records are sorted by position, and the usual operation.

use crate::codec::mixing::Coder;
use crate::codec::records::Records;

/// Chosen once per archive, stored in front of the first chunk's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::codec::records) struct Parameters {
    /// Whether records mostly stand in the order of their positions.
    pub(in crate::codec::records) sorted: bool,
    /// The operation that a read without gaps and clips consists of.
    pub(in crate::codec::records) whole: u32,
}

/// Codes a value of `bits` bits that nothing is known about, highest bit first.
pub(in crate::codec::records) fn plain<C: Coder>(coder: &mut C, value: u32, bits: u32) -> u32 {
    (0..bits).rev().fold(0, |done, bit| {
        done << 1 | u32::from(coder.code(value >> bit & 1 == 1, 32_768))
    })
}

impl Parameters {
    /// What suits `records`.
    pub(in crate::codec::records) fn fit(records: &Records) -> Self {
        let place = |at: usize| (records.references[at] as u32, records.positions[at]);
        let descents = (1..records.count)
            .filter(|&at| place(at) < place(at - 1))
            .count();
        let mut singles = [0usize; 16];
        for at in 0..records.count {
            if let [operation] = records.cigar_of(at) {
                singles[(operation & 15) as usize] += 1;
            }
        }
        let most = (0..16).rev().max_by_key(|&at| singles[at]).unwrap_or(0);
        // One in ten: chunks of a sorted file have none, unsorted ones half.
        let aligned = records.references.iter().any(|&reference| reference >= 0);
        Self {
            sorted: aligned && descents * 10 < records.count,
            whole: most as u32,
        }
    }

    /// Codes them.
    pub(in crate::codec::records) fn code<C: Coder>(&mut self, coder: &mut C) {
        self.sorted = plain(coder, self.sorted.into(), 1) == 1;
        self.whole = plain(coder, self.whole, 4);
    }
}
