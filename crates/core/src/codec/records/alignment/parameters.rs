//! What an encoder chooses by looking at the first chunk: alphabets and whether the records are sorted by position.

use crate::Result;
use crate::codec::mixing::Coder;
use crate::codec::records::Records;
use crate::codec::wire::damaged;

/// Values with a short number; the number behind the last stands for all others.
pub(super) const SHORT: usize = 15;

/// Chosen once per archive, stored in front of the first chunk's records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// Whether records mostly stand in the order of their positions.
    pub(super) sorted: bool,
    /// The operation that a read without gaps and clips consists of.
    pub(super) whole: u32,
    /// The most frequent flags, at most [`SHORT`].
    pub(super) flags: Vec<u32>,
    /// The most frequent mapping qualities, at most [`SHORT`].
    pub(super) mapq: Vec<u32>,
}

/// The up to [`SHORT`] most frequent values, most frequent first, smaller ones first among equals.
fn frequent(values: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut counts = std::collections::BTreeMap::<u32, usize>::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let mut list: Vec<_> = counts.into_iter().collect();
    list.sort_by_key(|&(value, count)| (std::cmp::Reverse(count), value));
    list.truncate(SHORT);
    list.into_iter().map(|(value, _)| value).collect()
}

/// Codes a value of `bits` bits that nothing is known about, highest bit first.
pub(super) fn plain<C: Coder>(coder: &mut C, value: u32, bits: u32) -> u32 {
    (0..bits).rev().fold(0, |done, bit| {
        done << 1 | u32::from(coder.code(value >> bit & 1 == 1, 32_768))
    })
}

impl Parameters {
    /// What suits `records`.
    pub(super) fn fit(records: &Records) -> Self {
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
            flags: frequent(records.flags.iter().map(|&flags| flags.into())),
            mapq: frequent(records.mapq.iter().map(|&mapq| mapq.into())),
        }
    }

    /// Codes them.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C) -> Result<()> {
        self.sorted = plain(coder, self.sorted.into(), 1) == 1;
        self.whole = plain(coder, self.whole, 4);
        for (list, bits) in [(&mut self.flags, 16), (&mut self.mapq, 8)] {
            let count = plain(coder, list.len() as u32, 4) as usize;
            list.resize(count, 0);
            for at in 0..count {
                list[at] = plain(coder, list[at], bits);
                if list[..at].contains(&list[at]) {
                    return Err(damaged("a value has two numbers"));
                }
            }
        }
        Ok(())
    }
}
