//! Symbols by scores: the quick way to join what several contexts know.
//!
//! A step chooses one of 16 symbols. Each context has a row of 16 scores, the logarithms of how much likelier it makes each;
//! the rows of all contexts are added, and a symbol's probability is two to its sum, by the sum over all. Once the symbol is
//! known, all rows move by the same step towards it, as far as it was not expected. So there is one sum, one exponential and
//! one division for a symbol, where mixing decisions takes several for each of its bits; and a row of 32 bytes is all
//! that a context costs.

use super::coder::Coder;
use super::lanes::{Lanes, Noise, Row, SYMBOLS, Shares};

/// Learning rate in 1/65,536 of a step: at first, and in the end.
const RATES: (i32, i32) = (400, 50);

/// How many turns it takes to come halfway from the first rate to the last.
const HALFWAY: i32 = 2000;

/// Rows of `N` contexts.
#[derive(Clone)]
pub(crate) struct Scores<const N: usize> {
    rows: Vec<Row>,
    /// Where each context's rows start.
    starts: [u32; N],
    /// How far each one's hash goes down to a number among them.
    downs: [u32; N],
    noise: Noise,
    rate: i16,
    turns: i32,
}

impl<const N: usize> Scores<N> {
    /// Contexts that have 2^`bits` rows each.
    pub(crate) fn new(bits: [u32; N]) -> Self {
        let mut count = 0;
        let starts = bits.map(|bits| {
            let start = count;
            count += 1 << bits;
            start
        });
        Self {
            rows: vec![Row([0; SYMBOLS]); count as usize],
            starts,
            downs: bits.map(|bits| 32 - bits),
            noise: Noise::NEW,
            rate: RATES.0 as i16,
            turns: 0,
        }
    }

    /// Says that something new begins, such as a read: what is learnt counts less and less.
    pub(crate) fn turn(&mut self) {
        self.turns = (self.turns + 1).min(1 << 16);
        let (first, last) = RATES;
        self.rate = (last + (first - last) * HALFWAY / (HALFWAY + self.turns)) as i16;
    }

    /// The rows of contexts, given as hashes.
    #[inline(always)]
    pub(crate) fn places(&self, contexts: &[u32; N]) -> [u32; N] {
        let mut places = [0; N];
        for at in 0..N {
            places[at] = self.starts[at] + (contexts[at] >> (self.downs[at] & 31));
        }
        places
    }

    /// How likely symbols are where the contexts at `places` hold.
    #[inline(always)]
    pub(crate) fn expect<L: Lanes>(&self, lanes: L, places: &[u32; N]) -> Shares {
        lanes.shares(&self.rows, places)
    }

    /// Learns the symbol that came where `shares` had been expected.
    #[inline(always)]
    pub(crate) fn learn<L: Lanes>(
        &mut self,
        lanes: L,
        places: &[u32; N],
        shares: &Shares,
        symbol: usize,
    ) {
        let (rows, noise) = (&mut self.rows, &mut self.noise);
        lanes.teach(rows, places, shares, symbol, self.rate, noise);
    }

    /// Codes a symbol below 16.
    #[inline(always)]
    pub(crate) fn code<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        symbol: usize,
        places: &[u32; N],
    ) -> usize {
        let shares = self.expect(lanes, places);
        let symbol = coder.symbol(lanes, symbol, &shares.ends);
        self.learn(lanes, places, &shares, symbol);
        symbol
    }
}
