//! Encoding with rANS: count, choose tables, then code backwards, so that the decoder reads forwards.

use super::clusters::{COST_UNIT, Clusters, Histogram, cluster};
use super::frequencies::{frequencies, level_of};
use super::tables::Tables;
use super::{
    Context, LOWEST_STATE, MANY_LANES, MAX_SLOTS, TABLE_BITS, bits_for, lane_start, push_history,
};
use crate::codec::wire::put_varint;

/// Streams shorter than this are coded in one lane: seven states more cost 28 bytes.
const MANY_LANES_FROM: usize = 4096;
/// What an encoder may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Each byte by itself.
    Zero,
    /// Each byte after the byte before.
    One,
    /// Each byte after as many as fit into this many bits of ranks.
    History(u32),
}

/// A stream as ranks of the bytes that occur in it: what all orders start from.
pub(crate) struct Ranked {
    symbols: Vec<u8>,
    ranks: Vec<u8>,
    lanes: usize,
}

impl Ranked {
    /// Ranks `bytes`, at least one.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut present = [false; 256];
        bytes
            .iter()
            .for_each(|&byte| present[usize::from(byte)] = true);
        let symbols: Vec<u8> = (0..=255)
            .filter(|&byte| present[usize::from(byte)])
            .collect();
        let mut rank_of = [0u8; 256];
        (0u8..=255)
            .zip(&symbols)
            .for_each(|(rank, &byte)| rank_of[usize::from(byte)] = rank);
        let ranks = bytes
            .iter()
            .map(|&byte| rank_of[usize::from(byte)])
            .collect();
        let lanes = if bytes.len() < MANY_LANES_FROM {
            1
        } else {
            MANY_LANES
        };
        Self {
            symbols,
            ranks,
            lanes,
        }
    }

    /// Calls `visit` with the context and the rank of each byte, lane by lane.
    #[inline(always)]
    fn visit(&self, context: Context, mut visit: impl FnMut(usize, u8)) {
        let length = self.ranks.len();
        let symbol_bits = bits_for(self.symbols.len());
        for lane in 0..self.lanes {
            let start = lane_start(lane, self.lanes, length);
            let end = if lane + 1 == self.lanes {
                length
            } else {
                lane_start(lane + 1, self.lanes, length)
            };
            let mut now = 0;
            for &rank in &self.ranks[start..end] {
                visit(now, rank);
                now = match context {
                    Context::None => 0,
                    Context::Byte => self.symbols[usize::from(rank)].into(),
                    Context::History(bits) => push_history(now, rank.into(), symbol_bits, bits),
                };
            }
        }
    }

    fn histograms(&self, context: Context) -> Vec<Histogram> {
        let width = bits_for(self.symbols.len());
        let mut counts = vec![0u32; Tables::contexts(context) << width];
        let mut count =
            |context: usize, rank: u8| counts[context << width | usize::from(rank)] += 1;
        match context {
            Context::None => self.visit(Context::None, &mut count),
            Context::Byte => self.visit(Context::Byte, &mut count),
            Context::History(bits) => self.visit(Context::History(bits), &mut count),
        }
        let used = counts
            .chunks_exact(1 << width)
            .zip(0u16..)
            .filter_map(|(counts, context)| {
                let seen = (0u8..=255).zip(counts).filter(|(_, count)| **count > 0);
                let counts: Vec<(u8, u32)> = seen.map(|(rank, &count)| (rank, count)).collect();
                (!counts.is_empty()).then_some(Histogram { context, counts })
            });
        used.collect()
    }

    /// Chooses tables for `order`; a history is made longer if one symbol needs more bits.
    pub(crate) fn plan(&self, order: Order) -> Plan<'_> {
        let context = match order {
            Order::Zero => Context::None,
            Order::One => Context::Byte,
            Order::History(bits) => Context::History(bits.max(bits_for(self.symbols.len()))),
        };
        let histograms = self.histograms(context);
        let clusters = cluster(&histograms, self.symbols.len());
        let fits = |bits: &u32| clusters.sums.len() << bits <= MAX_SLOTS;
        let table_bits = TABLE_BITS.rev().find(fits).unwrap_or(*TABLE_BITS.start());
        let bytes = |cost: u64| (cost / COST_UNIT / 8) as usize;
        let (words, overhead) = (
            bytes(clusters.words),
            bytes(clusters.tables) + 8 + 4 * self.lanes,
        );
        let tables = tables_of(self.symbols.clone(), context, &histograms, &clusters);
        Plan {
            ranked: self,
            tables,
            table_bits,
            words,
            overhead,
        }
    }
}

/// Tables chosen for a stream, and what it will cost.
pub(crate) struct Plan<'a> {
    ranked: &'a Ranked,
    tables: Tables,
    table_bits: u32,
    /// Estimated bytes of the words.
    pub(crate) words: usize,
    /// Estimated bytes of everything else.
    pub(crate) overhead: usize,
}

fn tables_of(
    symbols: Vec<u8>,
    context: Context,
    histograms: &[Histogram],
    clusters: &Clusters,
) -> Tables {
    let mut used = vec![None; Tables::contexts(context)];
    for (histogram, &cluster) in histograms.iter().zip(&clusters.of) {
        used[usize::from(histogram.context)] = Some(cluster as u8);
    }
    // A context that never occurs takes its neighbour's cluster: that costs next to nothing.
    let mut before = 0;
    let map = used
        .into_iter()
        .enumerate()
        .map(|(number, cluster)| {
            if Tables::can_occur(&symbols, context, number) {
                before = cluster.unwrap_or(before);
                before
            } else {
                0
            }
        })
        .collect();
    let levels = clusters
        .sums
        .iter()
        .map(|counts| {
            let largest = counts.iter().copied().max().unwrap_or(0);
            counts
                .iter()
                .map(|&count| level_of(count, largest) as u8)
                .collect()
        })
        .collect();
    Tables {
        symbols,
        context,
        map,
        levels,
    }
}

impl Plan<'_> {
    /// Codes the stream.
    pub(crate) fn write(&self) -> Vec<u8> {
        let kind = match self.tables.context {
            Context::None => 0,
            Context::Byte => 1,
            Context::History(bits) => bits as u8 + 1,
        };
        let mut out =
            vec![kind << 3 | ((self.table_bits - 10) as u8) << 1 | u8::from(self.ranked.lanes > 1)];
        if kind > 0 {
            out.push((self.tables.levels.len() - 1) as u8);
        }
        let tables = self.tables.write();
        put_varint(&mut out, tables.len() as u64);
        out.extend(tables);
        let (states, words) = self.words();
        states
            .iter()
            .for_each(|state| out.extend(state.to_le_bytes()));
        out.extend(words.iter().rev().flat_map(|word| word.to_le_bytes()));
        out
    }

    /// The final states and the words, last word first.
    fn words(&self) -> (Vec<u32>, Vec<u16>) {
        let coders: Vec<Coder> = self
            .tables
            .levels
            .iter()
            .flat_map(|levels| self.coders(levels))
            .collect();
        let (ranks, lanes) = (&self.ranked.ranks, self.ranked.lanes);
        let symbols = self.ranked.symbols.len();
        let first_coder: Vec<usize> = self
            .tables
            .map
            .iter()
            .map(|&cluster| usize::from(cluster) * symbols)
            .collect();
        // Cluster and rank are below 256 each, so a coder's number fits 16 bits.
        let mut numbers: Vec<u16> = Vec::with_capacity(ranks.len());
        let number = |context: usize, rank: u8| {
            numbers.push((first_coder[context] + usize::from(rank)) as u16)
        };
        self.ranked.visit(self.tables.context, number);
        let mut states = vec![LOWEST_STATE; lanes];
        // Every symbol moves out one word at most; one more place lets the last one be tried.
        let mut words = Words {
            all: vec![0; ranks.len() + 1],
            count: 0,
        };
        let each = ranks.len() / lanes;
        for &number in numbers[each * lanes..].iter().rev() {
            coders[usize::from(number)].push(&mut states[lanes - 1], &mut words);
        }
        for index in (0..each).rev() {
            for (lane, state) in states.iter_mut().enumerate().rev() {
                coders[usize::from(numbers[lane * each + index])].push(state, &mut words);
            }
        }
        words.all.truncate(words.count);
        (states, words.all)
    }

    /// The coder of each rank of one cluster.
    fn coders(&self, levels: &[u8]) -> Vec<Coder> {
        let mut first = 0;
        let all = frequencies(levels, self.table_bits).unwrap_or_default();
        let coder = |&frequency: &u32| {
            first += frequency;
            Coder::new(frequency, first - frequency, self.table_bits)
        };
        all.iter().map(coder).collect()
    }
}

/// Words moved out so far, first to last.
struct Words {
    all: Vec<u16>,
    count: usize,
}

/// How one symbol moves a state.
#[derive(Clone, Copy)]
struct Coder {
    /// From this state on, a word moves out first.
    full: u64,
    /// 2^64 / frequency, rounded up: the quotient is the high half of a product.
    inverse: u64,
    /// 1 where `inverse` would be 2^64, so that the product still has the right high half.
    add: u64,
    /// What a state of `quotient * frequency + rest` grows by for each `quotient`: slots minus frequency.
    step: u32,
    first: u32,
}

impl Coder {
    fn new(frequency: u32, first: u32, bits: u32) -> Self {
        let inverse =
            (u64::MAX / u64::from(frequency.max(1))).wrapping_add(u64::from(frequency > 1));
        Self {
            full: u64::from(frequency) << (32 - bits),
            inverse,
            add: u64::from(frequency <= 1),
            step: (1u32 << bits).wrapping_sub(frequency),
            first,
        }
    }

    #[inline(always)]
    fn push(self, state: &mut u32, words: &mut Words) {
        // Without a branch: whether a word moves out cannot be foreseen.
        let moves = u64::from(*state) >= self.full;
        words.all[words.count] = *state as u16;
        words.count += usize::from(moves);
        *state = if moves { *state >> 16 } else { *state };
        let quotient =
            ((u128::from(u64::from(*state) + self.add) * u128::from(self.inverse)) >> 64) as u32;
        *state = state
            .wrapping_add(quotient.wrapping_mul(self.step))
            .wrapping_add(self.first);
    }
}
