//! Sets of weights: one of a mixer's is chosen for each decision.

use super::lanes::{Lanes, Weights};
use super::logistic::step_of;

/// Weights that have learnt this often go on at the last rate.
pub(crate) const SETTLED: usize = 4095;

/// Sets of weights for `G` groups of contexts, and how often each has learnt.
#[derive(Clone)]
pub(crate) struct Sets<const G: usize> {
    weights: Vec<[Weights; G]>,
    learnt: Vec<u16>,
}

impl<const G: usize> Sets<G> {
    /// `count` sets that start with `weights`.
    pub(crate) fn new(weights: [Weights; G], count: usize) -> Self {
        Self {
            weights: vec![weights; count],
            learnt: vec![0; count],
        }
    }

    /// What the set numbered `at` makes of inputs, in the logistic domain.
    #[inline(always)]
    pub(crate) fn weigh<L: Lanes>(&self, lanes: L, inputs: &[L::Inputs; G], at: usize) -> i32 {
        let weights = &self.weights[at];
        let mut sum = 0i32;
        for group in 0..G {
            sum = sum.wrapping_add(lanes.dot(inputs[group], &weights[group]));
        }
        sum >> 12
    }

    /// Lets the set numbered `at` learn from an error (bit - p, in 1/32,768), at the rate (in 1/65,536) for how often it
    /// has learnt.
    #[inline(always)]
    pub(crate) fn learn<L: Lanes>(
        &mut self,
        lanes: L,
        inputs: &[L::Inputs; G],
        at: usize,
        error: i32,
        rates: &[i32; SETTLED + 1],
    ) {
        let learnt = &mut self.learnt[at];
        let step = step_of(error, rates[usize::from(*learnt) & SETTLED]);
        *learnt = (*learnt + 1).min(SETTLED as u16);
        let weights = &mut self.weights[at];
        for group in 0..G {
            lanes.train(inputs[group], &mut weights[group], step);
        }
    }
}
