//! Encoding with rANS: count, choose tables, then code backwards, so that the decoder reads forwards.

use super::clusters::{COST_UNIT, Clusters, Histogram, cluster};
use super::frequencies::{frequencies, level_of};
use super::tables::Tables;
use super::{Context, LOWEST_STATE, MANY_LANES, bits_for, lane_start, push_history};
use crate::codec::wire::put_varint;

/// Streams shorter than this are coded in one lane: seven states more cost 28 bytes.
const MANY_LANES_FROM: usize = 4096;
/// Slots of all tables together that still stay in a level-2 cache (4 bytes each).
const CACHED_SLOTS: usize = 1 << 16;

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

/// A stream made ready: its contexts, tables and what it will cost.
pub(crate) struct Plan {
    lanes: usize,
    ranks: Vec<u8>,
    contexts: Vec<u16>,
    tables: Tables,
    table_bits: u32,
    /// Estimated bytes of the whole stored stream.
    pub(crate) estimate: usize,
}

/// Counts `bytes` (at least one) and chooses tables; a history is made longer if one symbol needs more bits.
pub(crate) fn plan(order: Order, bytes: &[u8], most_clusters: usize) -> Plan {
    let mut present = [false; 256];
    bytes
        .iter()
        .for_each(|&byte| present[usize::from(byte)] = true);
    let symbols: Vec<u8> = (0..=255)
        .filter(|&byte| present[usize::from(byte)])
        .collect();
    let mut rank_of = [0u8; 256];
    symbols
        .iter()
        .enumerate()
        .for_each(|(rank, &byte)| rank_of[usize::from(byte)] = rank as u8);
    let ranks: Vec<u8> = bytes
        .iter()
        .map(|&byte| rank_of[usize::from(byte)])
        .collect();
    let lanes = if bytes.len() < MANY_LANES_FROM {
        1
    } else {
        MANY_LANES
    };
    let context = match order {
        Order::Zero => Context::None,
        Order::One => Context::Byte,
        Order::History(bits) => Context::History(bits.max(bits_for(symbols.len()))),
    };
    let contexts = contexts_of(bytes, &ranks, context, bits_for(symbols.len()), lanes);
    let histograms = histograms(&ranks, &contexts, Tables::contexts(context), symbols.len());
    let clusters = cluster(
        &histograms,
        symbols.len(),
        if context == Context::None {
            1
        } else {
            most_clusters
        },
    );
    let table_bits = (10..12).rev().fold(12, |bits, fewer| {
        if clusters.sums.len() << bits > CACHED_SLOTS {
            fewer
        } else {
            bits
        }
    });
    let estimate = (clusters.cost / COST_UNIT / 8) as usize + 40 + 4 * lanes;
    let tables = tables_of(symbols, context, &histograms, &clusters);
    Plan {
        lanes,
        ranks,
        contexts,
        tables,
        table_bits,
        estimate,
    }
}

fn contexts_of(
    bytes: &[u8],
    ranks: &[u8],
    context: Context,
    symbol_bits: u32,
    lanes: usize,
) -> Vec<u16> {
    let mut contexts = vec![0u16; bytes.len()];
    for lane in 0..lanes {
        let start = lane_start(lane, lanes, bytes.len());
        let end = if lane + 1 == lanes {
            bytes.len()
        } else {
            lane_start(lane + 1, lanes, bytes.len())
        };
        match context {
            Context::None => {}
            Context::Byte => {
                for index in start + 1..end {
                    contexts[index] = u16::from(bytes[index - 1]);
                }
            }
            Context::History(bits) => {
                let mut history = 0;
                for index in start..end {
                    contexts[index] = history as u16;
                    history = push_history(history, ranks[index].into(), symbol_bits, bits);
                }
            }
        }
    }
    contexts
}

fn histograms(ranks: &[u8], contexts: &[u16], kinds: usize, symbols: usize) -> Vec<Histogram> {
    let width = bits_for(symbols);
    let mut counts = vec![0u32; kinds << width];
    for (&rank, &context) in ranks.iter().zip(contexts) {
        counts[usize::from(context) << width | usize::from(rank)] += 1;
    }
    let mut histograms = Vec::new();
    for (context, counts) in counts.chunks_exact(1 << width).enumerate() {
        let counts: Vec<(u8, u32)> = (0u8..=255)
            .zip(counts)
            .filter(|(_, count)| **count > 0)
            .map(|(rank, &count)| (rank, count))
            .collect();
        let total = counts.iter().map(|&(_, count)| count).sum();
        if total > 0 {
            histograms.push(Histogram {
                context: context as u16,
                counts,
                total,
            });
        }
    }
    histograms
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

impl Plan {
    /// Codes the stream.
    pub(crate) fn write(&self) -> Vec<u8> {
        let kind = match self.tables.context {
            Context::None => 0,
            Context::Byte => 1,
            Context::History(bits) => bits as u8 + 1,
        };
        let mut out =
            vec![kind << 3 | ((self.table_bits - 10) as u8) << 1 | u8::from(self.lanes > 1)];
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
        let coders: Vec<Vec<(u32, u32)>> = self
            .tables
            .levels
            .iter()
            .map(|levels| self.coder(levels))
            .collect();
        let mut states = vec![LOWEST_STATE; self.lanes];
        let mut words = Vec::with_capacity(self.ranks.len() / 4);
        let length = self.ranks.len();
        let each = length / self.lanes;
        let mut push = |state: &mut u32, index: usize| {
            let cluster = self.tables.map[usize::from(self.contexts[index])];
            let (frequency, first) = coders[usize::from(cluster)][usize::from(self.ranks[index])];
            if u64::from(*state) >= u64::from(frequency) << (32 - self.table_bits) {
                words.push(*state as u16);
                *state >>= 16;
            }
            *state = (*state / frequency << self.table_bits) + *state % frequency + first;
        };
        for index in (each * self.lanes..length).rev() {
            push(&mut states[self.lanes - 1], index);
        }
        for index in (0..each).rev() {
            for lane in (0..self.lanes).rev() {
                push(&mut states[lane], lane * each + index);
            }
        }
        (states, words)
    }

    /// Frequency and first slot of each rank.
    fn coder(&self, levels: &[u8]) -> Vec<(u32, u32)> {
        let frequencies = frequencies(levels, self.table_bits).unwrap_or_default();
        let mut first = 0;
        frequencies
            .iter()
            .map(|&frequency| {
                first += frequency;
                (frequency, first - frequency)
            })
            .collect()
    }
}
