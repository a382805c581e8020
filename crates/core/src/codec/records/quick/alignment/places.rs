//! References and positions of the records that were not found as mates.

use super::super::decisions::Decisions;
use super::super::plain::{Numbers, Symbols};
use crate::codec::mixing::Coder;
use crate::codec::records::alignment::motion::{Motion, scale};

/// Classes of densities, and of distances to where a mate is expected.
const DENSITIES: usize = 40;
const NEXT: usize = 16;

/// Steps from here on are rare.
const LARGE: u64 = 31;

/// What has been learnt of steps from record to record.
#[derive(Clone)]
pub(super) struct Places {
    decisions: Decisions,
    references: Numbers,
    steps: Symbols<32>,
    /// Large steps, steps back, and steps from the start of a reference.
    large: Numbers,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            decisions: Decisions::new(8),
            references: Numbers::new(1),
            steps: Symbols::new(DENSITIES * NEXT),
            large: Numbers::new(DENSITIES + 2),
        }
    }

    /// Codes a reference: the same as before, the next, none, or any.
    #[inline(always)]
    pub(super) fn reference<C: Coder>(
        &mut self,
        coder: &mut C,
        motion: &Motion,
        reference: i32,
    ) -> i32 {
        let before = motion.reference;
        let none = usize::from(before < 0) * 4;
        if self.decisions.code(coder, reference == before, none) {
            return before;
        }
        let next = before.wrapping_add(1);
        if self.decisions.code(coder, reference == next, none + 1) {
            return next;
        }
        if self.decisions.code(coder, reference == -1, none + 2) {
            return -1;
        }
        let number = u64::from(reference as u32);
        self.references.code(coder, number, 0) as i32
    }

    /// Codes a position given the reference; `next` is the key of the place where a mate is expected.
    #[inline(always)]
    pub(super) fn position<C: Coder>(
        &mut self,
        coder: &mut C,
        motion: &mut Motion,
        sorted: bool,
        (reference, position): (i32, i32),
        next: Option<u64>,
    ) -> i32 {
        if sorted && reference == motion.reference {
            let from = i64::from(motion.position);
            let step = self.step(coder, motion, i64::from(position) - from, next);
            motion.step(step, reference >= 0);
            from.wrapping_add(step) as i32
        } else {
            // Where there is no order the position counts, from "none".
            let from = if sorted { 0 } else { -1 };
            let step = self
                .large
                .signed(coder, i64::from(position) - from, DENSITIES + 1);
            motion.step(0, false);
            from.wrapping_add(step) as i32
        }
    }

    /// Codes a step from the position before.
    #[inline(always)]
    fn step<C: Coder>(
        &mut self,
        coder: &mut C,
        motion: &Motion,
        step: i64,
        next: Option<u64>,
    ) -> i64 {
        let density = motion.density() as usize;
        let next = next.map_or(NEXT - 1, |next| {
            (scale(next - motion.key.min(next)) as usize).min(NEXT - 2)
        });
        // Zero announces a step back.
        let ahead = if step < 0 { 0 } else { step as u64 + 1 };
        let small = ahead.min(LARGE) as usize;
        let small = self.steps.code(coder, small, density * NEXT + next) as u64;
        match small {
            0 => {
                let back = (step as u64).wrapping_neg();
                let back = self.large.code(coder, back, DENSITIES);
                (back as i64).wrapping_neg()
            }
            LARGE => {
                let more = self.large.code(coder, ahead - LARGE.min(ahead), density);
                more.wrapping_add(LARGE - 1) as i64
            }
            _ => small as i64 - 1,
        }
    }
}
