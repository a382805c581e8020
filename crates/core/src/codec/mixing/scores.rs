//! Symbols by scores: the quick way to join what several contexts know.
//!
//! A step chooses one of 16 symbols. Each context has a row of 16 scores, the logarithms of how much likelier it makes each;
//! the rows of all contexts are added, and a symbol's probability is two to its sum, by the sum over all. Once the symbol is
//! known, all rows move by the same step towards it, as far as it was not expected. So there is one sum, one exponential and
//! one division for a symbol, where mixing decisions takes several for each of its bits; and a row of 32 bytes is all
//! that a context costs.

use super::coder::Coder;
use super::lanes::{Lanes, Noise, Row, SYMBOLS};

/// Learning rate in 1/65,536 of a step: at first, and in the end.
const RATES: (i32, i32) = (400, 50);

/// How many turns it takes to come halfway from the first rate to the last.
const HALFWAY: i32 = 2000;

/// Rows of `N` contexts.
#[derive(Clone)]
pub(crate) struct Scores<const N: usize> {
    rows: Vec<Row>,
    /// Where each context's rows start, and how far its hash goes down to a number among them.
    tables: [(usize, u32); N],
    noise: Noise,
    rate: i16,
    turns: i32,
}

impl<const N: usize> Scores<N> {
    /// Contexts that have 2^`bits` rows each.
    pub(crate) fn new(bits: [u32; N]) -> Self {
        let mut start = 0;
        let tables = bits.map(|bits| {
            let table = (start, 32 - bits);
            start += 1 << bits;
            table
        });
        Self {
            rows: vec![Row([0; SYMBOLS]); start],
            tables,
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
    pub(crate) fn places(&self, contexts: &[u32; N]) -> [usize; N] {
        let mut places = [0; N];
        for at in 0..N {
            let (start, down) = self.tables[at];
            places[at] = start + (contexts[at] >> down) as usize;
        }
        places
    }

    /// Codes a symbol below 16.
    #[inline(always)]
    pub(crate) fn code<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        symbol: usize,
        places: &[usize; N],
    ) -> usize {
        let shares = lanes.shares(&self.rows, places);
        let symbol = coder.symbol(lanes, symbol, &shares.ends);
        let (rows, noise) = (&mut self.rows, &mut self.noise);
        lanes.teach(rows, places, &shares, symbol, self.rate, noise);
        symbol
    }
}
