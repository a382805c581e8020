//! Qualities that stood in the chunk before: a read that is aligned several times has them in each of its records, or
//! parts of them where a record is clipped hard.

use super::super::{Records, part};
use super::reading::Reading;

/// How many earlier records of the same name are looked at.
const LOOKED_AT: usize = 16;

/// The flags that tell which read of a template a record is.
const NUMBER: u16 = 0xc0;

/// No hint.
pub(crate) const NONE: u16 = 0;

/// What an earlier record of the same read says of a record's qualities.
#[derive(Clone, Default)]
pub(crate) struct Repeats {
    other: Reading,
    /// In the order of sequencing: 1 + the quality, or [`NONE`]. Empty if there is no such record.
    pub(crate) hints: Vec<u16>,
}

impl Repeats {
    /// Finds the last record before `record` of the same read with some of the same bases. `is_known` tells whether a
    /// record's qualities are known and not missing.
    pub(crate) fn find(
        &mut self,
        records: &Records,
        record: usize,
        reading: &Reading,
        is_known: impl Fn(usize) -> bool,
    ) {
        self.hints.clear();
        for source in sources(records, record).filter(|&source| is_known(source)) {
            self.other.turn(records, source);
            if self.compare(records, source, record, reading) {
                return;
            }
        }
    }

    /// Whether all qualities are hinted at.
    pub(crate) fn is_whole(&self) -> bool {
        !self.hints.is_empty() && !self.hints.contains(&NONE)
    }

    /// Takes hints from `source`, at which `other` is, if the bases that it shares with the record are the same.
    fn compare(
        &mut self,
        records: &Records,
        source: usize,
        record: usize,
        reading: &Reading,
    ) -> bool {
        let here = clipped(records, record, reading.reversed);
        let there = clipped(records, source, self.other.reversed);
        let (own, bases) = (&reading.bases, &self.other.bases);
        // The shared part, from where each starts.
        let skip = there.saturating_sub(here).min(own.len());
        let from = here.saturating_sub(there).min(bases.len());
        let shared = (own.len() - skip).min(bases.len() - from);
        // Less says too little.
        if shared < 16.min(own.len()) || own[skip..skip + shared] != bases[from..from + shared] {
            return false;
        }
        self.hints.resize(own.len(), NONE);
        for at in 0..shared {
            let quality = records.qualities[self.other.place(from + at)];
            self.hints[skip + at] = u16::from(quality) + 1;
        }
        true
    }
}

/// Earlier records of the same read that have bases, the last one first.
pub(crate) fn sources(records: &Records, record: usize) -> impl Iterator<Item = usize> {
    let earlier = std::iter::successors(records.linked(record), |&at| records.linked(at));
    earlier.take(LOOKED_AT).filter(move |&at| {
        let differs = (records.flags[at] ^ records.flags[record]) & NUMBER != 0;
        !differs && !part(&records.base_ends, at).is_empty()
    })
}

/// Bases that are clipped hard before the record's first one, in the order of sequencing.
fn clipped(records: &Records, record: usize, reversed: bool) -> usize {
    let cigar = records.cigar_of(record);
    let end = if reversed {
        cigar.last()
    } else {
        cigar.first()
    };
    end.map_or(0, |&word| {
        if word & 15 == 5 {
            word as usize >> 4
        } else {
            0
        }
    })
}
