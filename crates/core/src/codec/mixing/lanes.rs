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

/// Symbols that a step chooses from.
pub(crate) const SYMBOLS: usize = 16;

/// What a context says of each symbol: how much more or less likely it makes it, as a logarithm to base 2, in 1/2,048.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C, align(32))]
pub(crate) struct Row(pub(crate) [i16; SYMBOLS]);

/// The whole that symbols have parts of.
pub(crate) const WHOLE: u32 = (1 << 15) + SYMBOLS as u32;

/// How likely symbols are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// In 1/32,768; together at most 1.
    pub(crate) shares: [i16; SYMBOLS],
    /// Where each one's part of [`WHOLE`] ends, which is one more than its share; the last one's ends with the whole.
    pub(crate) ends: [u16; SYMBOLS],
}

/// Sums of scores count up to this, in either direction: 11 octaves.
const FARTHEST: i16 = 11 * 2048;

/// Whole octaves between the two.
const OCTAVES: u32 = 22;

/// 2^f is 1 + f * (A + B * f), nearly; both in 1/32,768.
const A: i16 = 21_512;
const B: i16 = 11_256;

/// Arithmetic on groups, and on the symbols of a step.
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

    /// How likely symbols are by the sum of what contexts say. Places are among the rows.
    fn shares<const N: usize>(self, rows: &[Row], places: &[u32; N]) -> Shares;

    /// How many of `ends` are at or below `point`.
    fn passed(self, ends: &[u16; SYMBOLS], point: u16) -> usize;

    /// Lets all rows learn that `symbol` came: moves them by what was missing to certainty, times `rate` / 65,536. Parts
    /// below one are rounded up as often as they are large: `noise` says when.
    fn teach<const N: usize>(
        self,
        rows: &mut [Row],
        places: &[u32; N],
        shares: &Shares,
        symbol: usize,
        rate: i16,
        noise: &mut Noise,
    );
}

/// A stream of random numbers for each symbol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Noise(pub(crate) [u16; SYMBOLS]);

impl Noise {
    pub(crate) const NEW: Self = {
        let mut seeds = [0; SYMBOLS];
        let mut at = 0;
        while at < SYMBOLS {
            seeds[at] = at as u16 * 4099 + 777;
            at += 1;
        }
        Self(seeds)
    };
}

/// All of one symbol's share that is missing to certainty, for each place where the symbol may be.
static CERTAIN: [i16; 2 * SYMBOLS] = {
    let mut row = [0; 2 * SYMBOLS];
    row[SYMBOLS] = i16::MAX;
    row
};

/// What turns weights whose sum is `total` into shares: how far they go down, and the factor, in 1/32,768.
#[inline(always)]
fn scale(total: u32) -> (u32, u16) {
    let down = (32 - total.leading_zeros()).max(15) - 15;
    let factor = (1 << 30) / ((total >> down) + 1);
    (down, factor.min(65_535) as u16)
}

/// The product of two numbers in 1/32,768, rounded.
#[inline(always)]
fn times(a: i16, b: i16) -> i16 {
    (((i32::from(a) * i32::from(b) >> 14) + 1) >> 1) as i16
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

    #[inline(always)]
    fn shares<const N: usize>(self, rows: &[Row], places: &[u32; N]) -> Shares {
        let mut sums = [0i16; SYMBOLS];
        for &place in places {
            for (sum, &score) in sums.iter_mut().zip(&rows[place as usize].0) {
                *sum = sum.saturating_add(score);
            }
        }
        let mut weights = [0u32; SYMBOLS];
        for (weight, sum) in weights.iter_mut().zip(sums) {
            let x = sum.clamp(-FARTHEST, FARTHEST).wrapping_add(FARTHEST) as u16;
            let part = ((x & 2047) << 4) as i16;
            let mantissa = (times(part, times(part, B) + A) >> 1) + (1 << 14);
            *weight = (mantissa as u32) << 12 >> (OCTAVES - u32::from(x >> 11));
        }
        let (down, factor) = scale(weights.iter().sum());
        let mut end = 0;
        let (mut shares, mut ends) = ([0; SYMBOLS], [0; SYMBOLS]);
        for at in 0..SYMBOLS {
            let share = (weights[at] >> down) * 2 * u32::from(factor) >> 16;
            end += share as u16 + 1;
            (shares[at], ends[at]) = (share as i16, end);
        }
        Shares { shares, ends }
    }

    #[inline(always)]
    fn passed(self, ends: &[u16; SYMBOLS], point: u16) -> usize {
        ends.iter().filter(|&&end| end <= point).count()
    }

    #[inline(always)]
    fn teach<const N: usize>(
        self,
        rows: &mut [Row],
        places: &[u32; N],
        shares: &Shares,
        symbol: usize,
        rate: i16,
        noise: &mut Noise,
    ) {
        let certain = &CERTAIN[SYMBOLS - symbol..][..SYMBOLS];
        let mut steps = [0i16; SYMBOLS];
        for at in 0..SYMBOLS {
            let random = &mut noise.0[at];
            *random ^= *random << 7;
            *random ^= *random >> 9;
            *random ^= *random << 8;
            let step = i32::from(certain[at] - shares.shares[at]) * i32::from(rate);
            let up = (step as u16).checked_add(*random).is_none();
            steps[at] = (step >> 16) as i16 + i16::from(up);
        }
        for &place in places {
            for (score, step) in rows[place as usize].0.iter_mut().zip(steps) {
                *score = score.saturating_add(step);
            }
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
            let all = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt");
            all.then_some(Self(()))
        }

        #[inline(always)]
        pub(super) fn run<W: Work>(self, work: W) -> W::Output {
            // SAFETY: there is an `Avx2`, so the CPU has what the function asks for.
            unsafe { with_avx2(work, self) }
        }
    }

    #[target_feature(enable = "avx2,bmi2,lzcnt,popcnt")]
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

    /// Sixteen numbers as a vector.
    #[inline(always)]
    fn vector(numbers: &[i16; SYMBOLS]) -> __m256i {
        // SAFETY: 16 numbers of 16 bits are a vector; loads need no alignment. AVX is there as an `Avx2` is.
        unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
    }

    /// Refuses places that are not among the rows: once for all, where looking each up would check it.
    #[inline(always)]
    fn check<const N: usize>(rows: &[Row], places: &[u32; N]) {
        let last = places.iter().fold(0, |last, &place| last.max(place));
        assert!((last as usize) < rows.len(), "a context has no row");
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

        #[inline(always)]
        fn shares<const N: usize>(self, rows: &[Row], places: &[u32; N]) -> Shares {
            check(rows, places);
            // SAFETY: an `Avx2` exists, and all places are among the rows.
            let all = unsafe {
                let row = |place: u32| vector(&rows.get_unchecked(place as usize).0);
                let mut sums = row(places[0]);
                for &place in &places[1..] {
                    sums = _mm256_adds_epi16(sums, row(place));
                }
                let farthest = _mm256_set1_epi16(FARTHEST);
                let sums = _mm256_max_epi16(sums, _mm256_set1_epi16(-FARTHEST));
                let x = _mm256_add_epi16(_mm256_min_epi16(sums, farthest), farthest);
                let part = _mm256_and_si256(x, _mm256_set1_epi16(2047));
                let part = _mm256_slli_epi16::<4>(part);
                let slope = _mm256_mulhrs_epi16(part, _mm256_set1_epi16(B));
                let slope = _mm256_add_epi16(slope, _mm256_set1_epi16(A));
                let more = _mm256_srli_epi16::<1>(_mm256_mulhrs_epi16(part, slope));
                let mantissa = _mm256_add_epi16(more, _mm256_set1_epi16(1 << 14));
                let up = _mm256_srli_epi16::<11>(x);
                let zero = _mm256_setzero_si256();
                let octaves = _mm256_set1_epi32(OCTAVES as i32);
                let weights = |mantissa, up| {
                    let whole = _mm256_slli_epi32::<12>(mantissa);
                    _mm256_srlv_epi32(whole, _mm256_sub_epi32(octaves, up))
                };
                let low = weights(
                    _mm256_unpacklo_epi16(mantissa, zero),
                    _mm256_unpacklo_epi16(up, zero),
                );
                let high = weights(
                    _mm256_unpackhi_epi16(mantissa, zero),
                    _mm256_unpackhi_epi16(up, zero),
                );
                let sum = _mm256_add_epi32(low, high);
                let sum = _mm_add_epi32(
                    _mm256_castsi256_si128(sum),
                    _mm256_extracti128_si256::<1>(sum),
                );
                let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b0100_1110>(sum));
                let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b1011_0001>(sum));
                let (down, factor) = scale(_mm_cvtsi128_si32(sum) as u32);
                let down = _mm_cvtsi32_si128(down as i32);
                let low = _mm256_srl_epi32(low, down);
                let high = _mm256_srl_epi32(high, down);
                let weights = _mm256_packus_epi32(low, high);
                let twice = _mm256_add_epi16(weights, weights);
                let shares = _mm256_mulhi_epu16(twice, _mm256_set1_epi16(factor as i16));
                let ends = _mm256_add_epi16(shares, _mm256_set1_epi16(1));
                let ends = _mm256_add_epi16(ends, _mm256_slli_si256::<2>(ends));
                let ends = _mm256_add_epi16(ends, _mm256_slli_si256::<4>(ends));
                let ends = _mm256_add_epi16(ends, _mm256_slli_si256::<8>(ends));
                let half = _mm256_set1_epi16(_mm256_extract_epi16::<7>(ends) as i16);
                let half = _mm256_blend_epi32::<0b1111_0000>(zero, half);
                [shares, _mm256_add_epi16(ends, half)]
            };
            let mut out = Shares {
                shares: [0; SYMBOLS],
                ends: [0; SYMBOLS],
            };
            // SAFETY: an `Avx2` exists; 16 numbers of 16 bits are a vector.
            unsafe {
                _mm256_storeu_si256(out.shares.as_mut_ptr().cast(), all[0]);
                _mm256_storeu_si256(out.ends.as_mut_ptr().cast(), all[1]);
            }
            out
        }

        #[inline(always)]
        fn passed(self, ends: &[u16; SYMBOLS], point: u16) -> usize {
            // SAFETY: an `Avx2` exists; 16 numbers of 16 bits are a vector.
            unsafe {
                let ends = _mm256_loadu_si256(ends.as_ptr().cast());
                let lower = _mm256_min_epu16(ends, _mm256_set1_epi16(point as i16));
                let passed = _mm256_movemask_epi8(_mm256_cmpeq_epi16(lower, ends));
                passed.count_ones() as usize / 2
            }
        }

        #[inline(always)]
        fn teach<const N: usize>(
            self,
            rows: &mut [Row],
            places: &[u32; N],
            shares: &Shares,
            symbol: usize,
            rate: i16,
            noise: &mut Noise,
        ) {
            check(rows, places);
            let certain = &CERTAIN[SYMBOLS - symbol..];
            let certain = certain.first_chunk().expect("it is twice as long");
            let certain = vector(certain);
            let missing = vector(&shares.shares);
            // SAFETY: an `Avx2` exists; 16 numbers of 16 bits are a vector; all places are among the rows.
            unsafe {
                let missing = _mm256_sub_epi16(certain, missing);
                let rate = _mm256_set1_epi16(rate);
                let high = _mm256_mulhi_epi16(missing, rate);
                let low = _mm256_mullo_epi16(missing, rate);
                let random = _mm256_loadu_si256(noise.0.as_ptr().cast());
                let random = _mm256_xor_si256(random, _mm256_slli_epi16::<7>(random));
                let random = _mm256_xor_si256(random, _mm256_srli_epi16::<9>(random));
                let random = _mm256_xor_si256(random, _mm256_slli_epi16::<8>(random));
                _mm256_storeu_si256(noise.0.as_mut_ptr().cast(), random);
                let sum = _mm256_add_epi16(low, random);
                // All ones, which is -1, where the sum went round.
                let stayed = _mm256_cmpeq_epi16(_mm256_max_epu16(sum, low), sum);
                let round = _mm256_add_epi16(stayed, _mm256_set1_epi16(1));
                let steps = _mm256_add_epi16(high, round);
                for &place in places {
                    let row = &mut rows.get_unchecked_mut(place as usize).0;
                    let taught = _mm256_adds_epi16(vector(row), steps);
                    _mm256_storeu_si256(row.as_mut_ptr().cast(), taught);
                }
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

    /// A step with three contexts, from a seed.
    struct Step {
        rows: [Row; 3],
        places: [u32; 3],
        noise: Noise,
        rate: i16,
        seed: u64,
    }

    fn step(seed: u64) -> Step {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let x = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            x ^ x >> 29
        };
        // From scores that say little to such that say all.
        let narrow = seed % 12;
        Step {
            rows: std::array::from_fn(|_| Row(std::array::from_fn(|_| next() as i16 >> narrow))),
            places: [0, 2, [1, 0][next() as usize % 2]],
            noise: Noise(std::array::from_fn(|_| next() as u16 | 1)),
            rate: (next() % 1000) as i16,
            seed,
        }
    }

    impl Work for Step {
        type Output = (Shares, usize, [Row; 3], Noise);

        #[inline(always)]
        fn run<L: Lanes>(mut self, lanes: L) -> Self::Output {
            let shares = lanes.shares(&self.rows, &self.places);
            let point = (self.seed * 7919 % u64::from(WHOLE)) as u16;
            let symbol = lanes.passed(&shares.ends, point).min(SYMBOLS - 1);
            let (rows, noise) = (&mut self.rows, &mut self.noise);
            lanes.teach(rows, &self.places, &shares, symbol, self.rate, noise);
            (shares, symbol, self.rows, self.noise)
        }
    }

    #[test]
    fn every_cpu_chooses_and_learns_symbols_alike() {
        for seed in 0..40_000 {
            let (shares, symbol, rows, noise) = step(seed).run(Plain);
            assert!(
                dispatch(step(seed)) == (shares, symbol, rows, noise),
                "seed {seed}"
            );
            // Each has a part, and together they have no more than there is.
            assert!(shares.ends.is_sorted_by(|a, b| a < b), "seed {seed}");
            assert!(u32::from(shares.ends[SYMBOLS - 1]) <= WHOLE, "seed {seed}");
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
