//! Large numbers that come again: lengths of introns, and what follows from them.

use super::super::plain::{Numbers, Symbols};
use crate::codec::mixing::Coder;

/// Numbers of a larger magnitude are remembered.
const LARGE: i64 = 63;

/// How many are, and what is coded for one that is not among them.
const COUNT: usize = 63;

/// Numbers in contexts: those that came lately by when they came last, others in full.
#[derive(Clone)]
pub(super) struct Recent {
    /// The last first.
    numbers: Vec<i64>,
    places: Symbols<{ COUNT + 1 }>,
    others: Numbers,
}

impl Recent {
    pub(super) fn new(contexts: usize) -> Self {
        Self {
            numbers: Vec::new(),
            places: Symbols::new(contexts),
            others: Numbers::new(contexts),
        }
    }

    /// Codes a number.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, number: i64, context: usize) -> i64 {
        let place = self.numbers.iter().position(|&other| other == number);
        let place = self.places.code(coder, place.unwrap_or(COUNT), context);
        if place < self.numbers.len() {
            self.numbers[..=place].rotate_right(1);
            return self.numbers[0];
        }
        let number = self.others.signed(coder, number, context);
        if number.unsigned_abs() > LARGE.unsigned_abs() {
            self.numbers.truncate(COUNT - 1);
            self.numbers.insert(0, number);
        }
        number
    }
}
