//! Records that show the same read as an earlier record with the same name; see the thorough model.

use super::super::super::bases::again::{find, turned};
use super::super::plain::flag;
use crate::codec::mixing::{Coder, Slot};
use crate::codec::records::{Records, part};

/// See the module's head.
#[derive(Clone)]
pub(super) struct Again {
    /// By how the two lie, and the last two decisions.
    same: Vec<Slot>,
    last: usize,
}

impl Again {
    pub(super) fn new() -> Self {
        Self {
            same: vec![Slot::NEW; 64],
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
        if records.links[record] == 0 {
            return;
        }
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
        let (first, last) = (found.index(0), found.index(length - 1));
        let whole = (0..other_length).contains(&first) && (0..other_length).contains(&last);
        let secondary = records.flags[record] >> 8 & 1;
        let context = usize::from(other_length == length as i64)
            | usize::from(whole) << 1
            | usize::from(found.turned) << 2
            | usize::from(secondary) << 3
            | (self.last & 3) << 4;
        let same = flag(coder, same, &mut self.same[context]);
        self.last = self.last << 1 | usize::from(same);
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
