//! What records had that start at the very place of the one at hand: copies of it, and others cut off alike.

use super::super::decisions::Decisions;
use crate::codec::mixing::Coder;

/// How many values of a place are offered.
const MOST: usize = 4;

/// Values of the records at one place, the last first.
#[derive(Default)]
pub(super) struct Twins {
    place: u64,
    values: Vec<u32>,
}

impl Twins {
    /// Goes to a place.
    #[inline(always)]
    pub(super) fn go(&mut self, place: u64) {
        if self.place != place {
            self.place = place;
            self.values.clear();
        }
    }

    /// Whether there are any.
    #[inline(always)]
    pub(super) fn any(&self) -> bool {
        !self.values.is_empty()
    }

    /// Makes a value the last.
    pub(super) fn add(&mut self, value: u32) {
        self.values.truncate(MOST - 1);
        self.values.insert(0, value);
    }
}

/// What has been learnt of how often they come again.
#[derive(Clone)]
pub(super) struct Offers {
    decisions: Decisions,
    history: usize,
}

impl Offers {
    pub(super) fn new() -> Self {
        Self {
            decisions: Decisions::new(MOST * MOST * 8),
            history: 0,
        }
    }

    /// Codes which of the place's values comes again, if one does, and makes it the last; `is` says when encoding whether it
    /// is one.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        twins: &mut Twins,
        is: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let count = twins.values.len();
        let history = self.history & 7;
        for at in 0..count {
            let value = twins.values[at];
            let context = (history * MOST + at) * MOST + count - 1;
            let is = self
                .decisions
                .code(coder, !C::DECODES && is(value), context);
            if is || at + 1 == count {
                self.history = self.history << 1 | usize::from(is);
            }
            if is {
                twins.values[..=at].rotate_right(1);
                return Some(value);
            }
        }
        None
    }
}
