//! An estimate of a quality from everything around it at once: a sum of what many small tables say, each of which learns
//! from the error of the whole. It tells more than any of the contexts that it is made from, and costs a look at each.

/// Tables of an estimate.
pub(super) const TABLES: usize = 8;

/// Entries of each table, as a power of two.
const BITS: [u32; TABLES] = [16, 18, 12, 14, 14, 18, 12, 10];

/// Entries learn at the rate of this many values seen, at the least.
const MOST: u32 = 992;

/// 65,536 / (n + [`TABLES`]): how far an entry that has seen n values moves.
static RATES: [i64; MOST as usize + 1] = {
    let mut rates = [0; MOST as usize + 1];
    let mut n = 0;
    while n < rates.len() {
        rates[n] = 65_536 / (n + TABLES) as i64;
        n += 1;
    }
    rates
};

/// A value in 1/256 in the upper 22 bits, values seen in the lower 10.
#[derive(Clone, Copy, Default)]
struct Entry(i32);

/// Values stay within this.
const BOUND: i64 = (1 << 21) - 1;

impl Entry {
    /// What it adds.
    #[inline(always)]
    fn value(self) -> i32 {
        self.0 >> 10
    }

    /// Learns the error of the sum.
    #[inline(always)]
    fn update(&mut self, error: i64) {
        let n = self.0 as u32 & 1023;
        let value = i64::from(self.value()) + (error * RATES[n as usize] >> 16);
        self.0 = (value.clamp(-BOUND, BOUND) as i32) << 10 | (n + 1).min(MOST) as i32;
    }
}

/// The estimate.
#[derive(Clone)]
pub(super) struct Estimate {
    /// All tables, one behind the other.
    entries: Vec<Entry>,
    /// The entries of the present estimate.
    places: [usize; TABLES],
    /// Their sum.
    sum: i32,
    /// Mean error of about 16 estimates, in 1/16.
    spread: i32,
}

impl Estimate {
    /// One that has learnt nothing.
    pub(super) fn new() -> Self {
        let all: usize = BITS.iter().map(|&bits| 1 << bits).sum();
        Self {
            entries: vec![Entry::default(); all],
            places: [0; TABLES],
            sum: 0,
            spread: 0,
        }
    }

    /// Estimates by an entry of each table; gives a level from 0 to 4,095.
    #[inline(always)]
    pub(super) fn find(&mut self, numbers: [u32; TABLES]) -> u32 {
        let mut first = 0;
        self.sum = 0;
        for (table, number) in numbers.into_iter().enumerate() {
            let size = 1 << BITS[table];
            self.places[table] = first + (number as usize & (size - 1));
            first += size;
            self.sum += self.entries[self.places[table]].value();
        }
        (self.sum >> 8).clamp(0, 4095) as u32
    }

    /// How far the last estimates were off, in 32 classes.
    #[inline(always)]
    pub(super) fn spread(&self) -> u32 {
        (self.spread >> 10).clamp(0, 31) as u32
    }

    /// Learns the level (0 to 4,096) that was estimated.
    #[inline(always)]
    pub(super) fn learn(&mut self, level: i32) {
        let error = (level << 8) - self.sum;
        for &place in &self.places {
            self.entries[place].update(error.into());
        }
        self.spread += ((error >> 8).abs() * 16 - self.spread) / 16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_learns_a_sum_of_what_tables_see() {
        let mut estimate = Estimate::new();
        let mut state = 3u32;
        let mut apart = 0;
        for round in 0..20_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let numbers = std::array::from_fn(|table| state >> (8 + 2 * table) & 3);
            let level = numbers.iter().sum::<u32>() * 100 + 500;
            let found = estimate.find(numbers);
            if round >= 19_000 {
                apart = apart.max(found.abs_diff(level));
            }
            estimate.learn(level as i32);
        }
        assert!(apart < 20, "{apart}");
        assert_eq!(estimate.spread(), 0);
    }

    #[test]
    fn absurd_levels_stay_within_bounds() {
        let mut estimate = Estimate::new();
        for round in 0..100_000 {
            let level = estimate.find([u32::MAX; TABLES]);
            assert!(level < 4096);
            estimate.learn(if round / 1000 % 2 == 0 { 4096 } else { 0 });
        }
    }
}
