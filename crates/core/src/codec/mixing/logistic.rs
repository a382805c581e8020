//! The logistic domain: stretch(p) = ln(p / (1 - p)), squash its inverse, and the mixer's sums.
//!
//! Values of the domain are in 1/256. Tables are made with integers alone, so they are the same everywhere.

/// Bounds of the domain: beyond them probabilities of 16 bits do not change.
pub(crate) const LIMIT: i32 = 3071;

/// Probabilities below this have a stretch of their own each; above, 16 share one.
const FINE: u32 = 4096;

/// Powers kept: e^(k/512) for k from 0 to this, not included.
const POWERS: usize = 2 * LIMIT as usize + 2;

/// e^(k/512), times 2^40.
static POWER: [u128; POWERS] = {
    // e^(1/512) times 2^100, by its series.
    let mut step = 0u128;
    let mut term = 1u128 << 100;
    let mut n = 1;
    while n < 30 {
        step += term;
        term /= 512 * n;
        n += 1;
    }
    let mut powers = [0; POWERS];
    let mut power = 1u128 << 60;
    let mut k = 0;
    while k < POWERS {
        powers[k] = power >> 20;
        // At most 2^78 times 2^49.
        power = (power * (step >> 52)) >> 48;
        k += 1;
    }
    powers
};

/// 65536 / (1 + e^(-x/256)), rounded, from 1 to 65535, by x + LIMIT.
static SQUASH: [u16; 2 * LIMIT as usize + 1] = {
    let one = 1u128 << 40;
    let mut squash = [0; 2 * LIMIT as usize + 1];
    let mut at = 0;
    while at < squash.len() {
        let x = at as i32 - LIMIT;
        let power = POWER[2 * x.unsigned_abs() as usize];
        let top = if x < 0 { one } else { power };
        let p = ((top << 17) / (one + power)).div_ceil(2);
        squash[at] = if p > 65_535 {
            65_535
        } else if p == 0 {
            1
        } else {
            p as u16
        };
        at += 1;
    }
    squash
};

/// Entries of [`STRETCH`].
const STRETCHES: usize = FINE as usize + 32_768 / 16;

/// Stretch of the probabilities below one half, negated.
static STRETCH: [i16; STRETCHES] = {
    let mut stretch = [0; STRETCHES];
    let mut index = STRETCHES;
    let mut x = 0;
    while index > 0 {
        index -= 1;
        if index == FINE as usize - 1 {
            // The fine entries start again at one half of their own.
            x = 0;
        }
        // The middle of the probabilities that share an entry, in 1/2.
        let twice = match index as u128 {
            0 => 1,
            fine if fine < FINE as u128 => 2 * fine,
            coarse => 2 * (coarse - FINE as u128) * 16 + 16,
        };
        let odds = ((131_072 - twice) << 40) / twice;
        // Rounded: the odds lie between e^((x - 1/2) / 256) and e^((x + 1/2) / 256); they grow as probabilities fall.
        while 2 * x + 1 < POWERS && POWER[2 * x + 1] <= odds {
            x += 1;
        }
        stretch[index] = x as i16;
    }
    stretch
};

/// The probability (1 to 65,535, of 65,536) for a value of the domain, which is clamped.
#[inline(always)]
pub(crate) fn squash(x: i32) -> u32 {
    SQUASH[(x.clamp(-LIMIT, LIMIT) + LIMIT) as usize].into()
}

/// The domain's value for a probability of 16 bits.
#[inline(always)]
pub(crate) const fn stretch(p: u32) -> i32 {
    let p = p & 0xffff;
    let (small, negative) = if p < 32_768 {
        (p, true)
    } else {
        (65_535 - p, false)
    };
    let index = if small < FINE {
        small
    } else {
        FINE + small / 16
    };
    let x = STRETCH[index as usize] as i32;
    if negative { -x } else { x }
}

/// Sum of inputs times weights, in 2^-20: a weight of 1 is 2^28, of which the upper 16 bits count.
#[inline(always)]
pub(super) fn weigh<const I: usize>(inputs: &[i16; I], weights: &[i32; I]) -> i32 {
    let mut sum = 0i32;
    for at in 0..I {
        sum = sum.wrapping_add(i32::from(inputs[at]) * (weights[at] >> 16));
    }
    sum
}

/// Sum of inputs times weights, in 1/256 of the domain.
#[inline(always)]
pub(crate) fn dot<const I: usize>(inputs: &[i16; I], weights: &[i32; I]) -> i32 {
    weigh(inputs, weights) >> 12
}

/// Moves weights by the error, which is (bit - p) in 1/32,768 times the rate in 1/65,536 (0.003 is a usual rate).
#[inline(always)]
pub(crate) fn train<const I: usize>(
    inputs: &[i16; I],
    weights: &mut [i32; I],
    error: i32,
    rate: i32,
) {
    shift(inputs, weights, step_of(error, rate));
}

/// The step of weights, in 1/4 for each unit of an input.
#[inline(always)]
pub(super) fn step_of(error: i32, rate: i32) -> i16 {
    // Inputs are in 2^-8, errors in 2^-15, weights in 2^-28: 2^5 between them, of which 2^2 are kept for precision.
    (i64::from(error) * i64::from(rate) >> 9).clamp(-32_767, 32_767) as i16
}

/// Adds inputs times `step`, in 1/4. Not inlined, so that compilers see that both factors have 16 bits: vectors multiply
/// these fastest.
#[inline(never)]
pub(super) fn shift<const I: usize>(inputs: &[i16; I], weights: &mut [i32; I], step: i16) {
    for at in 0..I {
        let product = i32::from(inputs[at]) * i32::from(step);
        weights[at] = weights[at].wrapping_add(product >> 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squash_is_the_logistic_function_to_the_last_bit() {
        for x in -LIMIT..=LIMIT {
            let p = 65_536.0 / (1.0 + (-f64::from(x) / 256.0).exp());
            assert_eq!(squash(x), p.round().clamp(1.0, 65_535.0) as u32, "{x}");
        }
        assert_eq!(squash(i32::MAX), squash(LIMIT));
    }

    #[test]
    fn stretch_is_its_inverse() {
        for p in 1..FINE {
            let odds = f64::from(p) / f64::from(65_536 - p);
            assert_eq!(stretch(p), (odds.ln() * 256.0).round() as i32, "{p}");
        }
        for p in 0..65_536 {
            assert_eq!(stretch(p), -stretch(65_535 - p), "{p}");
            if p > 0 {
                assert!(stretch(p) >= stretch(p - 1), "{p}");
            }
        }
    }
}
