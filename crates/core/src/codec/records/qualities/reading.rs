//! A record as the machine read it: bases and their states in the order of sequencing.

use super::super::{Records, part};

/// Flag of a record that lies on the other strand.
const REVERSED: u16 = 0x10;

/// The state of a base that nothing is known of.
const UNKNOWN: u8 = 4;

/// A record in the order of sequencing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Where the record's bases stand in the joined ones.
    pub(crate) range: std::ops::Range<usize>,
    /// Whether the order of sequencing is the reverse of the stored one.
    pub(crate) reversed: bool,
    /// Bases (4-bit codes), complemented if reversed.
    pub(crate) bases: Vec<u8>,
    /// States of the bases.
    pub(crate) states: Vec<u8>,
}

impl Reading {
    /// Turns to record `record`.
    pub(crate) fn turn(&mut self, records: &Records, record: usize) {
        self.range = part(&records.base_ends, record);
        self.reversed = records.flags[record] & REVERSED != 0;
        let bases = &records.bases[self.range.clone()];
        self.bases.clear();
        self.states.clear();
        match records.base_states.get(self.range.clone()) {
            Some(states) if self.reversed => self.states.extend(states.iter().rev()),
            Some(states) => self.states.extend(states),
            None => self.states.resize(bases.len(), UNKNOWN),
        }
        if self.reversed {
            self.bases
                .extend(bases.iter().rev().map(|&base| complement(base)));
        } else {
            self.bases.extend(bases);
        }
    }

    /// Puts what belongs to the bases, as they are stored, into the order of sequencing.
    pub(crate) fn order(&self, stored: &[u8], into: &mut Vec<u8>) {
        into.clear();
        if self.reversed {
            into.extend(stored.iter().rev());
        } else {
            into.extend(stored);
        }
    }

    /// Where the quality read at `at` stands in the joined ones.
    #[inline(always)]
    pub(crate) fn place(&self, at: usize) -> usize {
        if self.reversed {
            self.range.end - 1 - at
        } else {
            self.range.start + at
        }
    }

    /// The base at `at`; 0 outside.
    #[inline(always)]
    pub(crate) fn base(&self, at: usize) -> u32 {
        self.bases.get(at).map_or(0, |&base| base.into())
    }
}

/// The number of a base (4-bit code): 0 to 3 for A, C, G, T; 0 for none.
#[inline(always)]
pub(crate) fn letter(base: u32) -> u32 {
    base.trailing_zeros() & 3
}

/// The complement of a base's 4-bit code.
#[inline(always)]
fn complement(base: u8) -> u8 {
    (base & 1) << 3 | (base & 2) << 1 | (base & 4) >> 1 | (base & 8) >> 3
}
