//! Records that show the same read as an earlier record with the same name: secondary and supplementary alignments,
//! reads that stand several times in a file.

use crate::codec::mixing::{Coder, Mixer};
use crate::codec::records::{Records, part};

/// Records of the same name that are looked at.
const STEPS: usize = 8;

/// See the module's head.
#[derive(Clone)]
pub(super) struct Again {
    flags: Mixer<3, 1>,
    last: u32,
}

/// How a record's bases lie on those of an earlier one.
#[derive(Clone, Copy)]
pub(in super::super) struct Match {
    pub(in super::super) other: usize,
    /// Index of the other's base for the first base; the others follow upwards, or downwards if turned.
    first: i64,
    pub(in super::super) turned: bool,
}

impl Match {
    /// The other's index for a base.
    pub(in super::super) fn index(self, index: usize) -> i64 {
        if self.turned {
            self.first - index as i64
        } else {
            self.first + index as i64
        }
    }
}

impl Again {
    pub(super) fn new() -> Self {
        Self {
            flags: Mixer::new(6, 255),
            last: 0,
        }
    }

    /// Codes whether the record's bases are those of an earlier record of its read; if so, takes them over and settles
    /// them.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        bases: &mut [u8],
        record: usize,
        settled: &mut Vec<bool>,
    ) {
        let Some(found) = find(records, record) else {
            return;
        };
        let own = part(&records.base_ends, record);
        let other = part(&records.base_ends, found.other);
        let (other_length, length) = (other.len() as i64, own.len());
        let base_for = |bases: &[u8], index: usize| {
            let there = found.index(index);
            (0..other_length).contains(&there).then(|| {
                let base = bases[other.start + there as usize];
                if found.turned { turned(base) } else { base }
            })
        };
        let same = !C::DECODES
            && (0..length).all(|index| {
                base_for(bases, index).is_none_or(|base| base == bases[own.start + index])
            });
        let whole = (0..other_length).contains(&found.index(0))
            && (0..other_length).contains(&found.index(length - 1));
        let secondary = u32::from(records.flags[record] >> 8 & 9);
        let equal = u32::from(other_length == length as i64);
        let contexts = [
            equal | u32::from(whole) << 1 | secondary << 2 | u32::from(found.turned) << 6,
            self.last & 7 | equal << 3,
            secondary | u32::from(records.flags[found.other] >> 8 & 9) << 4 | (self.last & 3) << 8,
        ];
        let same = self.flags.flag(coder, same, &contexts, 0);
        self.last = self.last << 1 | u32::from(same);
        if !same {
            return;
        }
        settled.resize(length, false);
        for index in 0..length {
            if let Some(base) = base_for(bases, index) {
                bases[own.start + index] = base;
                settled[index] = true;
            }
        }
    }
}

/// The last record before with the same name that is the same read of its template and has bases at all.
pub(in super::super) fn find(records: &Records, record: usize) -> Option<Match> {
    let mut other = record;
    for _ in 0..STEPS {
        other = records.linked(other)?;
        let same_read = (records.flags[other] ^ records.flags[record]) & 0xc0 == 0;
        if same_read && !part(&records.base_ends, other).is_empty() {
            break;
        }
    }
    let same_read = (records.flags[other] ^ records.flags[record]) & 0xc0 == 0;
    let length = part(&records.base_ends, other).len() as i64;
    if !same_read || length == 0 {
        return None;
    }
    let turned = (records.flags[other] ^ records.flags[record]) & 0x10 != 0;
    let own_lead = hard(records.cigar_of(record).first());
    let lead = hard(records.cigar_of(other).first());
    let tail = hard(records.cigar_of(other).last());
    let first = if turned {
        // The read is lead + length + tail long; the bases of the other are its part from lead on.
        lead + length + tail - 1 - own_lead - lead
    } else {
        own_lead - lead
    };
    let found = Match {
        other,
        first,
        turned,
    };
    // Some base must lie on the other.
    let last = found.index(part(&records.base_ends, record).len().checked_sub(1)?);
    let (low, high) = (first.min(last), first.max(last));
    (high >= 0 && low < length).then_some(found)
}

/// Bases cut off by a CIGAR operation at an end.
fn hard(word: Option<&u32>) -> i64 {
    word.filter(|&&word| word & 15 == 5)
        .map_or(0, |&word| i64::from(word >> 4))
}

/// A base's complement: its code's bits in reverse.
pub(in super::super) fn turned(base: u8) -> u8 {
    base.reverse_bits() >> 4
}
