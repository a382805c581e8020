//! A read whose original qualities are known, and what is known of each base before its quality is: in the order of
//! sequencing.

use crate::codec::records::Records;
use crate::codec::records::qualities::reading::Reading;
use crate::codec::records::qualities::recalibrated::estimate::Places;
use crate::codec::records::quick::qualities::contexts::key;

/// The state of a base that stands for none.
const OUTSIDE: u8 = 5;

/// Bases from the last one on are told apart up to this many.
const NEAR: usize = 20;

/// What is known of a base.
pub(super) struct Base {
    /// Its original quality.
    pub(super) original: u8,
    /// The cells of its estimate.
    pub(super) places: Places,
    /// A hash of everything a recalibration goes by.
    pub(super) cell: u32,
    /// 4 bits each of the base and the one before it.
    pub(super) bases: u64,
    /// How it lies, how the one before it does, and how many follow.
    pub(super) side: u64,
}

/// A read.
#[derive(Default)]
pub(super) struct Read {
    reading: Reading,
    originals: Vec<u8>,
    pub(super) qualities: Vec<u8>,
    /// Whether it is the first or second of its template: 2 bits.
    end: u64,
    /// A hash of the read group.
    pub(super) group: u64,
}

impl Read {
    /// Turns to a record; `originals` are joined as the qualities are.
    pub(super) fn turn(&mut self, records: &Records, originals: &[u8], record: usize) {
        self.reading.turn(records, record);
        let reading = &self.reading;
        let range = reading.range.clone();
        reading.order(&originals[range.clone()], &mut self.originals);
        reading.order(&records.qualities[range], &mut self.qualities);
        self.end = u64::from(records.flags[record] >> 6 & 3);
        self.group = u64::from(records.read_groups[record]).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    }

    /// What is known of the base at `at`, which must be one of the read's.
    #[inline(always)]
    pub(super) fn base(&self, at: usize) -> Base {
        let Reading { bases, states, .. } = &self.reading;
        let (before, state_before) = match at.checked_sub(1) {
            Some(before) => (bases[before], states[before]),
            None => (0, OUTSIDE),
        };
        let original = self.originals[at];
        let bases = u64::from(bases[at] | before << 4);
        let left = (self.originals.len() - at).min(NEAR) as u64;
        let (places, cell) = places(self.group, self.end, original, at as u64, bases);
        Base {
            original,
            places,
            cell,
            bases,
            side: u64::from(states[at] | state_before << 3) | left << 6,
        }
    }

    /// Puts the qualities where they are stored.
    pub(super) fn end(&mut self, records: &mut Records) {
        if self.reading.reversed {
            self.qualities.reverse();
        }
        records.qualities[self.reading.range.clone()].copy_from_slice(&self.qualities);
    }
}

/// The cells of a base's estimate, and a hash of all it is made from.
#[inline(always)]
fn places(group: u64, end: u64, original: u8, cycle: u64, bases: u64) -> (Places, u32) {
    let quality = u64::from(original);
    let seen = u64::from(original >= 3);
    let (cycle, quarter) = ((end | cycle << 2) << 8, (end | (cycle >> 2) << 2) << 8);
    let bases = bases << 8;
    let all = quality | bases | cycle << 8;
    let places = Places::of([
        key(quality ^ group, 0, 0),
        key((quality | cycle) ^ group, 1, 0),
        key((quality | bases) ^ group, 2, 0),
        key((seen | cycle) ^ group, 3, 0),
        key((seen | bases) ^ group, 4, 0),
        key(quality | cycle, 5, 0),
        key(quality | bases, 6, 0),
        key((quality | quarter) ^ group, 7, 0),
    ]);
    (places, key(all ^ group, 8, 0))
}
