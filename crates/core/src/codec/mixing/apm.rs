//! A last correction: given what the mixer says and a small context, how often was the bit really set?

use super::logistic::{LIMIT, squash};

/// Steps of the domain, 1/2 each, from -8 to 8.
const STEPS: usize = 33;

/// A table of corrections by context.
#[derive(Clone)]
pub(crate) struct Apm {
    /// Probabilities in 1/65,536 at each step, by context.
    steps: Vec<[u16; STEPS]>,
    place: (usize, usize, u32),
}

impl Apm {
    /// A table for `contexts` contexts, which starts by correcting nothing.
    pub(crate) fn new(contexts: usize) -> Self {
        let mut straight = [0; STEPS];
        for (step, p) in straight.iter_mut().enumerate() {
            *p = squash((step as i32 - 16) * 128) as u16;
        }
        Self {
            steps: vec![straight; contexts],
            place: (0, 0, 0),
        }
    }

    /// The corrected probability (0 to 65,535) for the domain's value `x` in `context`, which wraps around.
    #[inline]
    pub(crate) fn refine(&mut self, x: i32, context: usize) -> u32 {
        const { assert!(LIMIT > 2047) };
        let at = (x.clamp(-2047, 2047) + 2048) as u32;
        let (step, weight) = ((at / 128) as usize, at % 128);
        let context = context % self.steps.len();
        self.place = (context, step, weight);
        let steps = &self.steps[context];
        (u32::from(steps[step]) * (128 - weight) + u32::from(steps[step + 1]) * weight) / 128
    }

    /// Learns the bit that followed the last [`Self::refine`], at 1/64 of the error.
    #[inline]
    pub(crate) fn update(&mut self, bit: bool) {
        let (context, step, weight) = self.place;
        let target = if bit { 65_535 } else { 0 };
        let steps = &mut self.steps[context];
        for (at, part) in [(step, 128 - weight), (step + 1, weight)] {
            let p = i32::from(steps[at]);
            steps[at] = (p + ((target - p) * part as i32 >> 13)).clamp(1, 65_535) as u16;
        }
    }
}
