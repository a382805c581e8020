//! Frequencies as they stand in tables: levels on a logarithmic scale, from which every decoder computes the same
//! exact frequencies with integers alone.

/// Highest level; level 0 means "does not occur".
pub(super) const TOP_LEVEL: usize = 53;
/// Bits of a level.
pub(super) const LEVEL_BITS: u32 = 6;
/// Four levels double the weight: 16 times 1, 2^(1/4), 2^(1/2), 2^(3/4), rounded.
const STEPS: [u64; 4] = [16, 19, 23, 27];

/// The weight of `level`, 0 for level 0.
pub(super) fn weight(level: usize) -> u64 {
    match level.checked_sub(1) {
        None => 0,
        Some(above) => STEPS[above % 4] << (above / 4).min(15),
    }
}

/// The level whose weight stands to the top weight nearest as `count` stands to `largest`.
pub(super) fn level_of(count: u32, largest: u32) -> usize {
    if count == 0 {
        return 0;
    }
    let target = u64::from(count) * weight(TOP_LEVEL) / u64::from(largest.max(1));
    let mut level = 1;
    while level < TOP_LEVEL && 2 * target > weight(level) + weight(level + 1) {
        level += 1;
    }
    level
}

/// Frequencies with sum 2^`table_bits` in proportion to the levels' weights, none of them 0 whose level is not.
/// `None` when all levels are 0 or there are more symbols than slots.
pub(super) fn frequencies(levels: &[u8], table_bits: u32) -> Option<Vec<u32>> {
    let total: u64 = levels.iter().map(|&level| weight(level.into())).sum();
    let slots = 1u64 << table_bits;
    if total == 0 || levels.len() as u64 > slots {
        return None;
    }
    let mut frequencies: Vec<u32> = levels
        .iter()
        .map(|&level| match weight(level.into()) {
            0 => 0,
            weight => (weight * slots / total).max(1) as u32,
        })
        .collect();
    let sum: u64 = frequencies
        .iter()
        .map(|&frequency| u64::from(frequency))
        .sum();
    if sum <= slots {
        let largest = first_largest(&frequencies);
        frequencies[largest] += (slots - sum) as u32;
    } else {
        take_back(&mut frequencies, sum - slots);
    }
    Some(frequencies)
}

fn first_largest(frequencies: &[u32]) -> usize {
    let mut best = 0;
    for (index, frequency) in frequencies.iter().enumerate() {
        if *frequency > frequencies[best] {
            best = index;
        }
    }
    best
}

/// Lowers frequencies above 1 by one each, from the first on and round again, until `excess` is gone.
fn take_back(frequencies: &mut [u32], mut excess: u64) {
    while excess > 0 {
        for frequency in frequencies.iter_mut().filter(|frequency| **frequency > 1) {
            if excess == 0 {
                break;
            }
            *frequency -= 1;
            excess -= 1;
        }
    }
}
