//! Records of the same place: sorted files often have these in the order of their names.

use crate::codec::records::Records;

/// What orders names: the number of the head and the number of the first value in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) head: usize,
    pub(super) rank: u64,
}

/// What is known of the names around a record.
pub(super) struct Around {
    /// Keys of the record before and of the next linked one, if they are of the same place.
    pub(super) lower: Option<Key>,
    pub(super) upper: Option<Key>,
    /// New names up to there, this one counted.
    pub(super) ahead: u32,
    /// Whether the record before is of the same place.
    pub(super) same: bool,
}

impl Around {
    /// How many new names of the place are still to come, roughly: 0 to 7.
    pub(super) fn roughly_ahead(&self) -> usize {
        match self.ahead {
            0..=3 => self.ahead as usize,
            4..=5 => 4,
            6..=9 => 5,
            10..=20 => 6,
            _ => 7,
        }
    }
}

/// The places of a chunk's records, and the keys of those that are known.
pub(super) struct Places {
    same: Vec<bool>,
    ahead: Vec<u32>,
    keys: Vec<Option<Key>>,
}

impl Places {
    pub(super) fn new(records: &Records) -> Self {
        let place = |record: usize| {
            let strand = records.flags[record] & 0x10;
            (
                records.references[record],
                records.positions[record],
                strand,
            )
        };
        let count = records.count;
        let same: Vec<bool> = (0..count)
            .map(|record| record > 0 && place(record) == place(record - 1))
            .collect();
        let mut ahead = vec![0u32; count];
        for record in (0..count).rev() {
            if records.links[record] == 0 {
                let next = record + 1;
                let more = next < count && same[next];
                ahead[record] = 1 + if more { ahead[next] } else { 0 };
            }
        }
        Self {
            same,
            ahead,
            keys: vec![None; count],
        }
    }

    /// Whether the record before is of the same place.
    pub(super) fn is_same(&self, record: usize) -> bool {
        self.same[record]
    }

    /// Says that `record` has the name of the record that it is linked to.
    pub(super) fn repeat(&mut self, records: &Records, record: usize) {
        self.keys[record] = records.linked(record).and_then(|from| self.keys[from]);
    }

    /// Says what the key of `record` is.
    pub(super) fn learn(&mut self, record: usize, key: Key) {
        self.keys[record] = Some(key);
    }

    /// What is known around `record`, which is new.
    pub(super) fn around(&self, records: &Records, record: usize) -> Around {
        let same = self.same[record];
        let ahead = self.ahead[record].max(1);
        let next = record + ahead as usize;
        let upper = (next < records.count && self.same[next])
            .then(|| records.linked(next))
            .flatten()
            .and_then(|from| self.keys[from]);
        Around {
            lower: if same { self.keys[record - 1] } else { None },
            upper,
            ahead,
            same,
        }
    }
}
