//! Quality strings: a Markov model fitted to a real run, with its numbers in `tables/`.
//!
//! The next quality depends on the previous one, on the ones before it, on the position in the
//! read and on the class of the read (one of eight, from the worst to the best reads of the
//! run; the two reads of a pair have related classes). Its logarithm is a sum of four terms,
//! each a small table, so that the whole model is a few pages of text. `train/quality.py` makes
//! the tables; they hold statistics of the run and no read of it.

use crate::rng::Rng;

/// Classes of reads, from the lowest to the highest mean quality.
pub const CLASSES: usize = 8;
/// Positions of a read that the model tells apart: the first twelve one by one, then by eight.
const PLACES: usize = 30;
/// Positions grouped by six of the above for the term that knows the class.
const PLACE_GROUPS: usize = PLACES / 6;
/// Two reads of a pair.
const READS: usize = 2;
/// Steps of a weight in the text; a step is an eighth of a natural logarithm.
const WEIGHT_STEPS: usize = 93;
/// e^(-1/8) as a fraction of 2^64.
const STEP_FACTOR: u128 = 16_279_194_507_819_420_732;
/// Probabilities in the sampling tables have 24 bits; the other eight name a quality.
const FRACTION_BITS: u32 = 24;

/// How a model sums up the qualities before the previous one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum History {
    /// Few levels: the two before, and how many of the last twelve are below the top.
    Counted,
    /// Many levels: the lower and the higher of the two before, in bins.
    Binned,
}

/// The weights of a model, as read from its text.
#[derive(Debug)]
pub struct Model {
    /// Quality values by symbol, ascending.
    levels: Vec<u8>,
    history: History,
    /// Histories that the model tells apart.
    histories: usize,
    /// Bin of a symbol within a history.
    history_bin: Vec<usize>,
    /// Bin of the previous symbol in the terms of position and class.
    previous_bin: Vec<usize>,
    previous_bins: usize,
    /// How often a first read of one class has a second read of another.
    pairs: Vec<u32>,
    /// Weights of the four terms, row after row, a row having one weight per symbol.
    terms: [Vec<u8>; 4],
}

impl Model {
    /// Reads the text of a model; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Model> {
        let mut lines = text.lines().skip(1);
        let mut numbers = || -> Option<Vec<usize>> {
            let line = lines.next()?;
            let words = line.split_whitespace().skip(1);
            words.map(|word| word.parse().ok()).collect()
        };
        let levels: Vec<u8> = numbers()?.into_iter().map(|level| level as u8).collect();
        let history_bin = numbers()?;
        let previous_bin = numbers()?;
        let pairs: Vec<u32> = numbers()?.into_iter().map(|count| count as u32).collect();
        let symbols = levels.len();
        let (history, histories) = match symbols {
            0..=8 => (History::Counted, symbols * symbols * 4),
            _ => (History::Binned, (history_bin.iter().max()? + 1).pow(2)),
        };
        let previous_bins = previous_bin.iter().max()? + 1;
        let rows = [
            symbols * histories,
            READS * PLACES * previous_bins,
            CLASSES * previous_bins,
            PLACE_GROUPS * CLASSES,
        ];
        let mut term = |rows: usize| -> Option<Vec<u8>> {
            let text: Vec<u8> = lines.by_ref().take(rows).flat_map(str::bytes).collect();
            let weights: Vec<u8> = text.iter().map(|byte| byte.wrapping_sub(b'!')).collect();
            let good = weights
                .iter()
                .all(|&weight| usize::from(weight) < WEIGHT_STEPS);
            (good && weights.len() == rows * symbols).then_some(weights)
        };
        let terms = [
            term(rows[0])?,
            term(rows[1])?,
            term(rows[2])?,
            term(rows[3])?,
        ];
        let complete = history_bin.len() == symbols
            && previous_bin.len() == symbols
            && pairs.len() == CLASSES * CLASSES;
        complete.then_some(Model {
            levels,
            history,
            histories,
            history_bin,
            previous_bin,
            previous_bins,
            pairs,
            terms,
        })
    }

    /// The classes of a pair's first and second read.
    pub fn classes(&self, rng: &mut Rng) -> [usize; 2] {
        let pair = rng.pick(&self.pairs);
        [pair / CLASSES, pair % CLASSES]
    }

    /// The highest quality of the model.
    pub fn top(&self) -> u8 {
        self.levels.last().copied().unwrap_or(0)
    }
}

/// A model ready to draw from. Each thread has its own, because rows of the sampling table are
/// made when they are first met: most contexts never are, and their memory is never touched.
pub struct Sampler<'m> {
    model: &'m Model,
    /// e^(-n/8) in 40-bit fixed point, for every sum of four weights.
    powers: Vec<u64>,
    /// Alias table, a row of one entry per symbol for every context: a threshold in the upper
    /// bits and the other symbol plus one in the lower eight. 0 where the row is not made yet.
    table: Vec<u32>,
}

impl<'m> Sampler<'m> {
    /// A sampler with no row made.
    pub fn new(model: &'m Model) -> Sampler<'m> {
        let mut powers = vec![1u64 << 40];
        for index in 0..4 * WEIGHT_STEPS {
            powers.push(((u128::from(powers[index]) * STEP_FACTOR) >> 64) as u64);
        }
        let symbols = model.levels.len();
        let contexts = symbols * model.histories * READS * PLACES * CLASSES;
        Sampler {
            model,
            powers,
            table: vec![0; contexts * symbols],
        }
    }

    /// Fills `out` with `length` qualities in sequencing order.
    pub fn draw(
        &mut self,
        rng: &mut Rng,
        second: bool,
        class: usize,
        length: usize,
        out: &mut Vec<u8>,
    ) {
        let symbols = self.model.levels.len();
        let top = symbols - 1;
        let (mut q1, mut q2, mut q3) = (top, top, top);
        // Bits of the last twelve symbols that were below the top.
        let mut below_top = 0u32;
        out.clear();
        for position in 0..length {
            let history = match self.model.history {
                History::Counted => {
                    let recent = match (below_top & 0xFFF).count_ones() {
                        0 => 0,
                        1 | 2 => 1,
                        3 | 4 => 2,
                        _ => 3,
                    };
                    (q2 * symbols + q3) * 4 + recent
                }
                History::Binned => {
                    let bins = &self.model.history_bin;
                    let side = bins[top] + 1;
                    bins[q2.min(q3)] * side + bins[q2.max(q3)]
                }
            };
            let place = if position < 12 {
                position
            } else {
                12 + (position - 12) / 8
            };
            let place = place.min(PLACES - 1) + PLACES * usize::from(second);
            let context = (q1 * self.model.histories + history) * READS * PLACES + place;
            let row = (context * CLASSES + class) * symbols;
            let drawn = (rng.bits() >> 32) * symbols as u64;
            let (slot, fraction) = ((drawn >> 32) as usize, (drawn as u32) >> 8);
            let mut entry = self.table[row + slot];
            if entry == 0 {
                self.make_row(row, q1, history, place, class);
                entry = self.table[row + slot];
            }
            let symbol = if fraction < entry >> 8 {
                slot
            } else {
                (entry & 0xFF) as usize - 1
            };
            (q3, q2, q1) = (q2, q1, symbol);
            below_top = below_top << 1 | u32::from(symbol != top);
            out.push(self.model.levels[symbol]);
        }
    }

    /// Fills in the row of a context: the distribution that the terms add up to.
    fn make_row(
        &mut self,
        start: usize,
        previous: usize,
        history: usize,
        place: usize,
        class: usize,
    ) {
        let bin = self.model.previous_bin[previous];
        let rows = [
            previous * self.model.histories + history,
            place * self.model.previous_bins + bin,
            class * self.model.previous_bins + bin,
            place % PLACES / 6 * CLASSES + class,
        ];
        let symbols = self.model.levels.len();
        let weight = |symbol: usize| -> usize {
            let terms = self.model.terms.iter().zip(rows);
            terms
                .map(|(term, row)| usize::from(term[row * symbols + symbol]))
                .sum()
        };
        let least = (0..symbols).map(weight).min().unwrap_or(0);
        let shares: Vec<u64> = (0..symbols)
            .map(|symbol| self.powers[weight(symbol) - least])
            .collect();
        let sum: u64 = shares.iter().sum();
        // Shares in units of which every slot of the table holds `full`.
        let full = 1u64 << FRACTION_BITS;
        let mut left: Vec<u64> = shares
            .iter()
            .map(|&share| {
                (u128::from(share) * u128::from(full * symbols as u64) / u128::from(sum)) as u64
            })
            .collect();
        for symbol in 0..symbols {
            self.table[start + symbol] = (full as u32 - 1) << 8 | (symbol as u32 + 1);
        }
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..symbols).partition(|&symbol| left[symbol] < full);
        while let (Some(low), Some(&high)) = (small.pop(), large.last()) {
            self.table[start + low] = (left[low] as u32) << 8 | (high as u32 + 1);
            left[high] -= full - left[low];
            if left[high] < full {
                large.pop();
                small.push(high);
            }
        }
    }
}
