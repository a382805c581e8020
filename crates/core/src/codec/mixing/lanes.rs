//! Arithmetic on eight contexts at a time, in the best way the CPU has: the only module that knows CPUs.
//!
//! Work that mixes is written once, for any [`Lanes`], and [`dispatch`] runs it with those of this CPU. All are integers:
//! every CPU gives the same. This is the crate's only unsafe code.

#![allow(unsafe_code)]

use super::logistic::{shift, stretch, weigh};
use super::slots::{RATES, Slot};

/// Contexts of a group.
pub(crate) const GROUP: usize = 8;

/// Weights of a group, in 2^-28, of which the upper 16 bits count when inputs are weighed: those of four stretched inputs,
/// of the same four scaled ones, then of the other four. A cache line.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Weights(pub(crate) [i32; 2 * GROUP]);

/// The second input of a context.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// The stretched probability times the bits seen, up to 32, in 1/32.
    Scaled,
    /// The probability less one half, in 1/1,024, times the bits seen, up to 32.
    Linear,
    /// The stretched probability times the bits seen, up to 20, times 5, or 13 if the bit has hardly ever been the rarer
    /// one, in some 1/200: a context that is never wrong speaks louder.
    Sure,
}

/// Steps of 1/65,536 that [`Second::Sure`] counts in.
const SURE: i32 = 41 * 8;

/// A bit is rare if its probability times twice the bits seen and three is below this.
const RARE: i32 = 104_858;

/// [`stretch`] of the middle of each 16 probabilities.
static STRETCH: [i16; 4096] = {
    let mut table = [0; 4096];
    let mut at = 0;
    while at < table.len() {
        table[at] = stretch(at as u32 * 16 + 8) as i16;
        at += 1;
    }
    table
};

#[inline(always)]
fn stretched(slot: Slot) -> i16 {
    STRETCH[(slot.bits() >> 20) as usize]
}

/// Arithmetic on groups.
pub(crate) trait Lanes: Copy {
    /// The two inputs of each context of a group.
    type Inputs: Copy;

    /// Inputs that say nothing.
    fn none(self) -> Self::Inputs;

    /// What slots say: a new one nothing.
    fn inputs(self, slots: &[Slot; GROUP], second: Second) -> Self::Inputs;

    /// Sum of inputs times weights, in 2^-20.
    fn dot(self, inputs: Self::Inputs, weights: &Weights) -> i32;

    /// Adds inputs times `step`, in 1/4, to the weights.
    fn train(self, inputs: Self::Inputs, weights: &mut Weights, step: i16);

    /// Lets all slots learn a bit, as [`Slot::update`] does.
    fn learn(self, slots: &mut [Slot; GROUP], bit: bool, limit: u32);
}

/// Work that is done with the lanes of this CPU.
pub(crate) trait Work {
    type Output;

    /// Does it; implementations are inlined always, and so is what they call with `lanes`.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Does the work in the best way.
#[inline(always)]
pub(crate) fn dispatch<W: Work>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = avx2::Avx2::detect() {
        return lanes.run(work);
    }
    work.run(Plain)
}

/// What compilers make of plain loops: right on every CPU.
#[derive(Clone, Copy)]
pub(crate) struct Plain;

impl Lanes for Plain {
    type Inputs = [i16; 2 * GROUP];

    #[inline(always)]
    fn none(self) -> Self::Inputs {
        [0; 2 * GROUP]
    }

    #[inline(always)]
    fn inputs(self, slots: &[Slot; GROUP], second: Second) -> Self::Inputs {
        let mut inputs = [0; 2 * GROUP];
        for (at, &slot) in slots.iter().enumerate() {
            let place = at % 4 + at / 4 * GROUP;
            let x = stretched(slot);
            let count = slot.count() as i32;
            let known = count.min(32);
            inputs[place] = x;
            inputs[place + 4] = match second {
                Second::Scaled => i32::from(x) * known >> 5,
                Second::Linear => (slot.p() as i32 - 32_768) * known >> 10,
                Second::Sure => {
                    let p = slot.p().min(65_535 - slot.p()) as i32;
                    let weight = if p * (2 * count + 3) < RARE { 13 } else { 5 };
                    i32::from(x) * (count.min(20) * weight * SURE) >> 16
                }
            } as i16;
        }
        inputs
    }

    #[inline(always)]
    fn dot(self, inputs: Self::Inputs, weights: &Weights) -> i32 {
        weigh(&inputs, &weights.0)
    }

    #[inline(always)]
    fn train(self, inputs: Self::Inputs, weights: &mut Weights, step: i16) {
        shift(&inputs, &mut weights.0, step);
    }

    #[inline(always)]
    fn learn(self, slots: &mut [Slot; GROUP], bit: bool, limit: u32) {
        for slot in slots {
            slot.update(bit, limit);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::*;

    /// Exists where the CPU has AVX2.
    #[derive(Clone, Copy)]
    pub(super) struct Avx2(());

    impl Avx2 {
        #[inline(always)]
        pub(super) fn detect() -> Option<Self> {
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2"))
                .then_some(Self(()))
        }

        #[inline(always)]
        pub(super) fn run<W: Work>(self, work: W) -> W::Output {
            // SAFETY: there is an `Avx2`, so the CPU has what the function asks for.
            unsafe { with_avx2(work, self) }
        }
    }

    #[target_feature(enable = "avx2,bmi2")]
    fn with_avx2<W: Work>(work: W, lanes: Avx2) -> W::Output {
        work.run(lanes)
    }

    /// A group's weights in two vectors.
    #[inline(always)]
    fn load(weights: &Weights) -> [__m256i; 2] {
        let start = weights.0.as_ptr().cast::<__m256i>();
        // SAFETY: 16 numbers of 32 bits are two vectors; loads need no alignment. AVX is there as an `Avx2` is.
        unsafe { [_mm256_loadu_si256(start), _mm256_loadu_si256(start.add(1))] }
    }

    impl Lanes for Avx2 {
        type Inputs = __m256i;

        #[inline(always)]
        fn none(self) -> __m256i {
            // SAFETY: an `Avx2` exists.
            unsafe { _mm256_setzero_si256() }
        }

        #[inline(always)]
        fn inputs(self, slots: &[Slot; GROUP], second: Second) -> __m256i {
            let mut x = [0; GROUP];
            for (x, &slot) in x.iter_mut().zip(slots) {
                *x = stretched(slot);
            }
            // SAFETY: an `Avx2` exists, so the CPU has these instructions; eight slots are one vector.
            unsafe {
                let x = _mm_set_epi16(x[7], x[6], x[5], x[4], x[3], x[2], x[1], x[0]);
                let slots = _mm256_loadu_si256(slots.as_ptr().cast());
                let count = _mm256_and_si256(slots, _mm256_set1_epi32(1023));
                let known = _mm256_min_epu32(count, _mm256_set1_epi32(32));
                let known = _mm_packus_epi32(
                    _mm256_castsi256_si128(known),
                    _mm256_extracti128_si256::<1>(known),
                );
                let y = match second {
                    // Shifted so that the upper half of the product is what is wanted.
                    Second::Scaled => {
                        _mm_mulhi_epi16(_mm_slli_epi16::<3>(x), _mm_slli_epi16::<8>(known))
                    }
                    Second::Linear => {
                        let p = _mm256_srli_epi32::<16>(slots);
                        let p = _mm_packus_epi32(
                            _mm256_castsi256_si128(p),
                            _mm256_extracti128_si256::<1>(p),
                        );
                        let p = _mm_xor_si128(p, _mm_set1_epi16(i16::MIN));
                        _mm_mulhi_epi16(p, _mm_slli_epi16::<6>(known))
                    }
                    Second::Sure => {
                        let p = _mm256_srli_epi32::<16>(slots);
                        let other = _mm256_xor_si256(p, _mm256_set1_epi32(0xffff));
                        let rarer = _mm256_min_epu32(p, other);
                        let seen = _mm256_add_epi32(count, count);
                        let seen = _mm256_add_epi32(seen, _mm256_set1_epi32(3));
                        let often = _mm256_mullo_epi32(rarer, seen);
                        let rare = _mm256_cmpgt_epi32(_mm256_set1_epi32(RARE), often);
                        let weight = _mm256_blendv_epi8(
                            _mm256_set1_epi32(5 * SURE / 8),
                            _mm256_set1_epi32(13 * SURE / 8),
                            rare,
                        );
                        let count = _mm256_min_epu32(count, _mm256_set1_epi32(20));
                        let factor = _mm256_mullo_epi16(count, weight);
                        let factor = _mm_packus_epi32(
                            _mm256_castsi256_si128(factor),
                            _mm256_extracti128_si256::<1>(factor),
                        );
                        _mm_mulhi_epi16(_mm_slli_epi16::<3>(x), factor)
                    }
                };
                _mm256_set_m128i(y, x)
            }
        }

        #[inline(always)]
        fn dot(self, inputs: __m256i, weights: &Weights) -> i32 {
            let [low, high] = load(weights);
            // SAFETY: an `Avx2` exists.
            unsafe {
                let weights =
                    _mm256_packs_epi32(_mm256_srai_epi32::<16>(low), _mm256_srai_epi32::<16>(high));
                let sums = _mm256_madd_epi16(inputs, weights);
                let sums = _mm_add_epi32(
                    _mm256_castsi256_si128(sums),
                    _mm256_extracti128_si256::<1>(sums),
                );
                let sums = _mm_add_epi32(sums, _mm_shuffle_epi32::<0b0100_1110>(sums));
                let sums = _mm_add_epi32(sums, _mm_shuffle_epi32::<0b1011_0001>(sums));
                _mm_cvtsi128_si32(sums)
            }
        }

        #[inline(always)]
        fn train(self, inputs: __m256i, weights: &mut Weights, step: i16) {
            let [low, high] = load(weights);
            let start = weights.0.as_mut_ptr().cast::<__m256i>();
            // SAFETY: an `Avx2` exists; the weights are two vectors.
            unsafe {
                let step = _mm256_set1_epi16(step);
                let (below, above) = (
                    _mm256_mullo_epi16(inputs, step),
                    _mm256_mulhi_epi16(inputs, step),
                );
                let first = _mm256_srai_epi32::<2>(_mm256_unpacklo_epi16(below, above));
                let other = _mm256_srai_epi32::<2>(_mm256_unpackhi_epi16(below, above));
                _mm256_storeu_si256(start, _mm256_add_epi32(low, first));
                _mm256_storeu_si256(start.add(1), _mm256_add_epi32(high, other));
            }
        }

        #[inline(always)]
        fn learn(self, slots: &mut [Slot; GROUP], bit: bool, limit: u32) {
            let mut rates = [0; GROUP];
            for (rate, slot) in rates.iter_mut().zip(slots.iter()) {
                *rate = RATES[slot.count() as usize] as i32;
            }
            let start = slots.as_mut_ptr().cast::<__m256i>();
            // SAFETY: an `Avx2` exists; eight slots are one vector.
            unsafe {
                let [a, b, c, d, e, f, g, h] = rates;
                let rates = _mm256_setr_epi32(a, b, c, d, e, f, g, h);
                let slots = _mm256_loadu_si256(start);
                let flip = _mm256_set1_epi32(Slot::flip(bit) as i32);
                let far = _mm256_xor_si256(_mm256_srli_epi32::<10>(slots), flip);
                let step = _mm256_mullo_epi32(_mm256_srli_epi32::<7>(far), rates);
                let far = _mm256_sub_epi32(far, _mm256_srli_epi32::<9>(step));
                let p = _mm256_slli_epi32::<10>(_mm256_xor_si256(far, flip));
                let count = _mm256_and_si256(slots, _mm256_set1_epi32(1023));
                let count = _mm256_add_epi32(count, _mm256_set1_epi32(1));
                let count = _mm256_min_epu32(count, _mm256_set1_epi32(limit as i32));
                _mm256_storeu_si256(start, _mm256_or_si256(p, count));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots and weights of every kind, from a seed.
    struct Given {
        slots: [Slot; GROUP],
        weights: Weights,
        step: i16,
        second: Second,
        bit: bool,
    }

    fn given(seed: u64) -> Given {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let x = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (x ^ x >> 29) as u32
        };
        let mut slot = || match next() % 4 {
            0 => Slot::NEW,
            1 => Slot::expecting(1 + next() % 65_535, next() % 1024),
            2 => Slot::expecting(1 + next() % 40, next() % 1024),
            _ => Slot::expecting(65_535 - next() % 40, next() % 1024),
        };
        Given {
            slots: std::array::from_fn(|_| slot()),
            weights: Weights(std::array::from_fn(|_| next() as i32)),
            step: next() as i16,
            second: [Second::Scaled, Second::Linear, Second::Sure][next() as usize % 3],
            bit: next() & 1 == 1,
        }
    }

    impl Work for Given {
        type Output = (i32, Weights, [Slot; GROUP]);

        #[inline(always)]
        fn run<L: Lanes>(mut self, lanes: L) -> Self::Output {
            let inputs = lanes.inputs(&self.slots, self.second);
            let sum = lanes.dot(inputs, &self.weights);
            lanes.train(inputs, &mut self.weights, self.step);
            lanes.learn(&mut self.slots, self.bit, 255);
            (sum, self.weights, self.slots)
        }
    }

    #[test]
    fn every_cpu_gives_the_same() {
        for seed in 0..20_000 {
            assert!(
                dispatch(given(seed)) == given(seed).run(Plain),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn a_new_slot_says_nothing() {
        for second in [Second::Scaled, Second::Linear, Second::Sure] {
            let inputs = Plain.inputs(&[Slot::NEW; GROUP], second);
            assert_eq!(inputs, Plain.none());
        }
    }
}
