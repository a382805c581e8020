//! Which qualities a recalibration gives, so that one that it never does is not expected.

use super::super::super::super::mixing::{Coder, Slot};

/// Where a quality stands among those that occur.
#[derive(Clone)]
pub(crate) struct Alphabet {
    occurs: [bool; 256],
    /// All 256 values: those that occur in ascending order, then the others.
    pub(crate) values: [u8; 256],
    pub(crate) places: [u8; 256],
    /// The place of the nearest value that occurs, the lower of two.
    pub(crate) nearest: [u8; 256],
}

impl Alphabet {
    pub(crate) fn of(occurs: [bool; 256]) -> Self {
        let (mut values, mut places) = ([0; 256], [0; 256]);
        let known = (0..=255u8).filter(|&value| occurs[usize::from(value)]);
        let others = (0..=255u8).filter(|&value| !occurs[usize::from(value)]);
        let count = known.clone().count().max(1);
        for (place, value) in known.chain(others).enumerate() {
            values[place] = value;
            places[usize::from(value)] = place as u8;
        }
        let mut nearest = [0; 256];
        for value in 0..=255u8 {
            let distance = |place: &usize| values[*place].abs_diff(value);
            nearest[usize::from(value)] = (0..count).min_by_key(distance).unwrap_or(0) as u8;
        }
        Self {
            occurs,
            values,
            places,
            nearest,
        }
    }

    /// Codes which values occur.
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C) {
        let mut slots = [Slot::NEW; 2];
        let mut before = false;
        let mut occurs = self.occurs;
        for occurs in &mut occurs {
            let slot = &mut slots[usize::from(before)];
            before = coder.code(*occurs, slot.p().clamp(1, 65_535));
            slot.update(before, 30);
            *occurs = before;
        }
        *self = Self::of(occurs);
    }
}
