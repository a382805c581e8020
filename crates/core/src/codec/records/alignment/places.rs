//! References and positions of the records that were not found as mates.

use super::motion::{Motion, scale};
use crate::codec::mixing::{Coder, Mixer};

/// Small steps as they are, others by their scale.
fn exact(step: i64) -> u32 {
    let step = step.unsigned_abs();
    if step < 32 {
        step as u32
    } else {
        // From 10, the scale of 32, on.
        scale(step) + 22
    }
}

/// What has been learnt of steps from record to record.
#[derive(Clone)]
pub(super) struct Places {
    references: Mixer<2, 1>,
    steps: Mixer<6, 1>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            references: Mixer::new(7, 255),
            steps: Mixer::new(9, 400),
        }
    }

    /// Codes a reference: the same as before, the next, none, or any.
    pub(super) fn reference<C: Coder>(
        &mut self,
        coder: &mut C,
        motion: &Motion,
        reference: i32,
    ) -> i32 {
        let before = motion.reference;
        let class = match reference {
            _ if reference == before => 0,
            _ if reference == before.wrapping_add(1) => 1,
            -1 => 2,
            _ => 3,
        };
        let contexts = [u32::from(before < 0), before as u32 ^ 0x100];
        self.references.turn(&contexts, 0);
        let same = self.references.bit(coder, class == 0, 1, 0);
        if same {
            return before;
        }
        if self.references.bit(coder, class == 1, 2, 1) {
            return before.wrapping_add(1);
        }
        if self.references.bit(coder, class == 2, 3, 2) {
            return -1;
        }
        let number = u64::from(reference as u32);
        self.references.number(coder, number, &contexts, 1) as i32
    }

    /// Codes a position given the reference; `next` is where a mate is expected.
    pub(super) fn position<C: Coder>(
        &mut self,
        coder: &mut C,
        motion: &mut Motion,
        sorted: bool,
        (reference, position): (i32, i32),
        next: Option<u64>,
    ) -> i32 {
        let known = sorted && reference == motion.reference;
        let from = match (known, sorted) {
            (true, _) => i64::from(motion.position),
            (false, true) => 0,
            // Where there is no order the position counts, from "none".
            (false, false) => -1,
        };
        let step = i64::from(position) - from;
        let density = motion.density();
        let [one, two] = motion.steps;
        let (a, b) = (scale(one.unsigned_abs()), scale(two.unsigned_abs()));
        let next = next.map_or(301, |next| (next - motion.key.min(next)).min(300) as u32);
        let none = u32::from(reference < 0);
        let salt = if known { 0 } else { 1 };
        let contexts = [
            density,
            exact(one) << 8 | exact(two),
            density << 16 | a << 8 | b,
            density << 16 | next,
            a << 1 | none,
            motion.short_density() << 8 | one.clamp(0, 3) as u32,
        ];
        // Zero announces a step back.
        let ahead = if step < 0 { 0 } else { step as u64 + 1 };
        let ahead = self.steps.number(coder, ahead, &contexts, salt);
        let step = if ahead == 0 {
            let back = (step as u64).wrapping_neg();
            let back = self.steps.number(coder, back, &contexts, 2);
            (back as i64).wrapping_neg()
        } else {
            (ahead - 1) as i64
        };
        motion.step(if known { step } else { 0 }, known && reference >= 0);
        from.wrapping_add(step) as i32
    }
}
