//! Floats that were written as decimal numbers: the integer k of k / 10^digits and back, by integer arithmetic.

/// Most digits behind the point that are looked for.
pub(super) const MOST_DIGITS: u32 = 6;

/// Numbers from here on are not taken for decimals: a float holds 24 bits.
const BOUND: u64 = 1 << 24;

/// The bits of the float nearest to `number` / 10^`digits`, ties to even; none if the number is out of bounds.
pub(super) fn to_float(number: i64, digits: u32) -> Option<u32> {
    let magnitude = number.unsigned_abs();
    if magnitude >= BOUND || digits > MOST_DIGITS {
        return None;
    }
    if magnitude == 0 {
        return Some(0);
    }
    let divisor = 10u128.pow(digits);
    // At least 2^64 / 10^6, which has more than the 25 bits that rounding needs.
    let scaled = u128::from(magnitude) << 64;
    let (quotient, rest) = (scaled / divisor, scaled % divisor);
    let length = 128 - quotient.leading_zeros();
    let drop = length - 24;
    let mut mantissa = (quotient >> drop) as u32;
    let below = quotient & ((1 << drop) - 1);
    let half = 1 << (drop - 1);
    if below > half || below == half && (rest > 0 || mantissa & 1 == 1) {
        // May carry into the exponent, which is what the addition below does with it.
        mantissa += 1;
    }
    // The value is mantissa * 2^(drop - 64), and a mantissa has 23 bits behind its point.
    let exponent = drop + 23 + 127 - 64;
    let sign = if number < 0 { 1 << 31 } else { 0 };
    Some(sign | ((exponent << 23) + (mantissa - (1 << 23))))
}

/// The number k for which `bits` is the float of k / 10^`digits`, if there is one.
pub(super) fn from_float(bits: u32, digits: u32) -> Option<i64> {
    let exponent = (bits >> 23 & 255) as i32 - 150;
    let mantissa = u128::from(bits & 0x7f_ffff | 0x80_0000);
    if bits == 0 {
        return Some(0);
    }
    // Magnitudes from 2^-27 to below 2^24.
    if !(-50..=0).contains(&exponent) {
        return None;
    }
    let scaled = (mantissa * 10u128.pow(digits) * 2) >> -exponent;
    let magnitude = i64::try_from(scaled.div_ceil(2)).ok()?;
    let number = if bits >> 31 == 1 {
        -magnitude
    } else {
        magnitude
    };
    (to_float(number, digits) == Some(bits)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_come_back_and_are_what_text_gives() {
        for number in [0i64, 1, -1, 5, 45, -455, 9_727, 123_456, 999_999] {
            for digits in 0..=MOST_DIGITS {
                let text = format!("{number}e-{digits}");
                let float: f32 = text.parse().expect("a number");
                let bits = to_float(number, digits).expect("within bounds");
                assert_eq!(bits, float.to_bits(), "{text}");
                assert_eq!(from_float(bits, digits), Some(number), "{text}");
            }
        }
    }

    #[test]
    fn floats_that_are_no_decimals_are_left_alone() {
        for float in [
            f32::NAN,
            f32::INFINITY,
            -0.0,
            f32::MAX,
            f32::MIN_POSITIVE,
            1.0 / 3.0,
        ] {
            for digits in 0..=MOST_DIGITS {
                assert_eq!(from_float(float.to_bits(), digits), None, "{float}");
            }
        }
    }
}
