//! A last correction of what is mixed, with the precision that very skewed decisions need.

use super::super::super::mixing::{Slot, squash};

/// Steps of the domain, 1/2 each, from -8 to 8.
const STEPS: usize = 33;

/// A table of corrections by context: probabilities in 1/2^22 at each step.
#[derive(Clone)]
pub(crate) struct Refine {
    steps: Vec<[u32; STEPS]>,
    place: (usize, usize, u32),
}

impl Refine {
    /// A table for `contexts` contexts, which starts by correcting nothing.
    pub(crate) fn new(contexts: usize) -> Self {
        let mut straight = [0; STEPS];
        for (step, p) in straight.iter_mut().enumerate() {
            *p = squash((step as i32 - 16) * 128) << 6;
        }
        Self {
            steps: vec![straight; contexts],
            place: (0, 0, 0),
        }
    }

    /// The corrected probability (in 1/65,536) for the domain's value `x` in `context`, which must be in the table.
    #[inline(always)]
    pub(crate) fn refine(&mut self, x: i32, context: usize) -> u32 {
        let at = (x.clamp(-2047, 2047) + 2048) as u32;
        let (step, weight) = ((at / 128) as usize, at % 128);
        self.place = (context, step, weight);
        let steps = &self.steps[context];
        (steps[step] * (128 - weight) + steps[step + 1] * weight) >> 13
    }

    /// Learns the bit that followed the last [`Self::refine`], at 1/64 of the error.
    #[inline(always)]
    pub(crate) fn update(&mut self, bit: bool) {
        let (context, step, weight) = self.place;
        let flip = Slot::flip(bit);
        let steps = &mut self.steps[context];
        for (at, part) in [(step, 128 - weight), (step + 1, weight)] {
            let far = steps[at] ^ flip;
            steps[at] = (far - (far / 64 * part / 128)) ^ flip;
        }
    }
}
