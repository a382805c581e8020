//! Random numbers: SplitMix64, keyed by what is being drawn.
//!
//! Everything is integer arithmetic, so that one seed gives the same file on every machine.
//! A generator is made afresh for each window of the genome (and for each thing that two
//! windows must agree on), which is what lets windows be made in any order and on any thread.

/// Parts per million, the unit of all probabilities in this crate.
pub type Ppm = u32;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

/// The increment of SplitMix64: 2^64 divided by the golden ratio, made odd.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64's output function: every input bit reaches every output bit.
pub fn mix(value: u64) -> u64 {
    let z = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// The stream that belongs to these numbers, in this order.
    pub fn keyed(parts: &[u64]) -> Rng {
        let state = parts.iter().fold(0x243F_6A88_85A3_08D3, |state, &part| {
            mix(state ^ mix(part.wrapping_add(STEP)))
        });
        Rng(state)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `limit`; 0 when the limit is 0.
    pub fn below(&mut self, limit: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(limit)) >> 32) as u32
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: Ppm) -> bool {
        self.below(1_000_000) < probability
    }

    /// An index of `weights`, each as likely as its weight says.
    pub fn pick(&mut self, weights: &[u32]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (index, &weight) in weights.iter().enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        weights.len().saturating_sub(1)
    }

    /// A value of a distribution given by points (parts per thousand below, value) in ascending
    /// order, from 0 to 1000, and straight lines between them.
    pub fn along(&mut self, points: &[(u32, u32)]) -> u32 {
        let at = self.below(1_000_000);
        for pair in points.windows(2) {
            let (low, high) = (pair[0].0 * 1000, pair[1].0 * 1000);
            if at < high && high > low {
                return pair[0].1 + (pair[1].1 - pair[0].1) * (at - low) / (high - low);
            }
        }
        points.last().map_or(0, |last| last.1)
    }
}

/// Deals `size` cards to each run of `size` neighbours, anew for each run: the card (0 to
/// `size` - 1) of this one. Evens out what would else depend on luck in a small file.
pub fn dealt(seed: u64, what: u64, contig: u32, index: u32, size: u32) -> u32 {
    let run = u64::from(index / size);
    let mut rng = Rng::keyed(&[seed, what, u64::from(contig), run]);
    let mut cards: Vec<u32> = (0..size).collect();
    for place in (1..cards.len()).rev() {
        cards.swap(place, rng.below(place as u32 + 1) as usize);
    }
    cards[(index % size) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_card_is_dealt_once_in_a_run() {
        let mut cards: Vec<u32> = (30..40).map(|index| dealt(1, 2, 3, index, 10)).collect();
        cards.sort_unstable();
        assert_eq!(cards, (0..10).collect::<Vec<u32>>());
    }

    #[test]
    fn numbers_are_the_same_on_every_machine() {
        let mut rng = Rng::keyed(&[1, 2, 3]);
        let first: Vec<u32> = (0..4).map(|_| rng.below(1000)).collect();
        let mut again = Rng::keyed(&[1, 2, 3]);
        let second: Vec<u32> = (0..4).map(|_| again.below(1000)).collect();
        assert_eq!(first, second);
        assert_eq!(mix(1), 0x5692_161D_100B_05E5);
    }

    #[test]
    fn picks_follow_the_weights() {
        let mut rng = Rng::keyed(&[7]);
        let mut counts = [0u32; 3];
        for _ in 0..10_000 {
            counts[rng.pick(&[1, 0, 3])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((7_200..7_800).contains(&counts[2]), "{counts:?}");
    }

    #[test]
    fn values_lie_along_the_points() {
        let mut rng = Rng::keyed(&[9]);
        let points = [(0, 100), (500, 200), (1000, 1000)];
        let values: Vec<u32> = (0..10_000).map(|_| rng.along(&points)).collect();
        let below = values.iter().filter(|&&value| value < 200).count();
        assert!((4_800..5_200).contains(&below), "{below}");
        assert!(values.iter().all(|value| (100..=1000).contains(value)));
    }
}
