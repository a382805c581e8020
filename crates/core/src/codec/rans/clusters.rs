//! Which contexts share a frequency table: the encoder's choice, made with integers so that the same input gives
//! the same archive everywhere.
//!
//! Starting from one table for all, the context that pays most for the tables there are gets its own, as long as
//! that saves more than a table costs; then contexts move to the table that suits them best.

use super::MAX_CLUSTERS;
use std::sync::OnceLock;

/// Costs are in 256ths of a bit.
pub(super) const COST_UNIT: u64 = 256;
/// Probabilities inside this module have this many bits.
const PRECISION: u32 = 14;
/// What one level of a table costs, in 256ths of a bit: measured at 2 to 4 bits on qualities.
const LEVEL_COST: u64 = 3 * COST_UNIT;
/// What a further table costs besides its levels: its slots have to be built, its number stands in the map.
const TABLE_COST: u64 = 24 * COST_UNIT;

/// How often each symbol (by rank) followed one context.
pub(super) struct Histogram {
    pub(super) context: u16,
    pub(super) counts: Vec<(u8, u32)>,
}

/// Minus the binary logarithm of n / 2^PRECISION in 256ths of a bit; zero counts as half a slot.
fn costs() -> &'static [u16] {
    static COSTS: OnceLock<Vec<u16>> = OnceLock::new();
    COSTS.get_or_init(|| {
        let mut costs = vec![((PRECISION + 1) * 256) as u16];
        costs.extend((1..=1u64 << PRECISION).map(|n| {
            let whole = n.ilog2();
            let mut mantissa = n << (32 - whole);
            let mut logarithm = whole;
            for _ in 0..8 {
                mantissa = ((mantissa >> 1) * (mantissa >> 1)) >> 30;
                logarithm <<= 1;
                if mantissa >= 1 << 33 {
                    mantissa >>= 1;
                    logarithm += 1;
                }
            }
            (PRECISION * 256 - logarithm) as u16
        }));
        costs
    })
}

/// The price of each symbol under a table made of `counts`.
fn prices(counts: &[u32]) -> Vec<u16> {
    let total: u64 = counts
        .iter()
        .map(|&count| u64::from(count))
        .sum::<u64>()
        .max(1);
    let costs = costs();
    counts
        .iter()
        .map(|&count| costs[((u64::from(count) << PRECISION) / total) as usize])
        .collect()
}

/// Estimated bytes of `bytes` under one table for all: a quick measure to rank candidates by.
pub(crate) fn order_zero_size(bytes: &[u8]) -> usize {
    let mut counts = [0u32; 256];
    bytes
        .iter()
        .for_each(|&byte| counts[usize::from(byte)] += 1);
    let prices = prices(&counts);
    let words: u64 = counts
        .iter()
        .zip(prices)
        .map(|(&count, price)| u64::from(count) * u64::from(price))
        .sum();
    let used = counts.iter().filter(|&&count| count > 0).count() as u64;
    ((words + used * LEVEL_COST) / COST_UNIT / 8) as usize
}

fn cost(histogram: &Histogram, prices: &[u16]) -> u64 {
    histogram
        .counts
        .iter()
        .map(|&(rank, count)| u64::from(count) * u64::from(prices[usize::from(rank)]))
        .sum()
}

/// The clustering: each histogram's cluster, each cluster's summed counts, and the estimated cost.
pub(super) struct Clusters {
    pub(super) of: Vec<usize>,
    pub(super) sums: Vec<Vec<u32>>,
    /// 256ths of a bit for the words, and for the tables.
    pub(super) words: u64,
    pub(super) tables: u64,
}

/// Shares tables between `histograms` of `symbols` symbols.
pub(super) fn cluster(histograms: &[Histogram], symbols: usize) -> Clusters {
    let own: Vec<u64> = histograms
        .iter()
        .map(|one| cost(one, &prices(&sum([one].into_iter(), symbols))))
        .collect();
    let mut of = vec![0; histograms.len()];
    let mut tables = vec![prices(&sum(histograms.iter(), symbols))];
    let mut now: Vec<u64> = histograms.iter().map(|one| cost(one, &tables[0])).collect();
    while tables.len() < MAX_CLUSTERS {
        let gain = |index: usize| now[index].saturating_sub(own[index]);
        let Some(best) = (0..histograms.len()).max_by_key(|&index| gain(index)) else {
            break;
        };
        if gain(best) < TABLE_COST + LEVEL_COST * histograms[best].counts.len() as u64 {
            break;
        }
        let table = prices(&sum([&histograms[best]].into_iter(), symbols));
        join_if_cheaper(histograms, &table, tables.len(), &mut of, &mut now);
        tables.push(table);
        if tables.len().is_power_of_two() && tables.len().ilog2() % 2 == 1 {
            refine(histograms, symbols, &mut tables, &mut of, &mut now);
        }
    }
    refine(histograms, symbols, &mut tables, &mut of, &mut now);
    refine(histograms, symbols, &mut tables, &mut of, &mut now);
    finish(histograms, symbols, of, tables.len())
}

fn sum<'a>(histograms: impl Iterator<Item = &'a Histogram>, symbols: usize) -> Vec<u32> {
    let mut counts = vec![0; symbols];
    for histogram in histograms {
        for &(rank, count) in &histogram.counts {
            counts[usize::from(rank)] += count;
        }
    }
    counts
}

fn join_if_cheaper(
    histograms: &[Histogram],
    table: &[u16],
    number: usize,
    of: &mut [usize],
    now: &mut [u64],
) {
    for ((histogram, of), now) in histograms.iter().zip(of).zip(now) {
        let price = cost(histogram, table);
        if price < *now {
            (*of, *now) = (number, price);
        }
    }
}

/// Makes each table fit its members, then lets every context choose again.
fn refine(
    histograms: &[Histogram],
    symbols: usize,
    tables: &mut [Vec<u16>],
    of: &mut [usize],
    now: &mut [u64],
) {
    for (table, sums) in tables
        .iter_mut()
        .zip(sums_of(histograms, symbols, of, usize::MAX))
    {
        *table = prices(&sums);
    }
    now.fill(u64::MAX);
    for (number, table) in tables.iter().enumerate() {
        join_if_cheaper(histograms, table, number, of, now);
    }
}

fn sums_of(
    histograms: &[Histogram],
    symbols: usize,
    of: &[usize],
    clusters: usize,
) -> Vec<Vec<u32>> {
    let clusters = clusters.min(of.iter().max().map_or(1, |&most| most + 1));
    let mut sums = vec![vec![0; symbols]; clusters];
    for (histogram, &cluster) in histograms.iter().zip(of) {
        for &(rank, count) in &histogram.counts {
            sums[cluster][usize::from(rank)] += count;
        }
    }
    sums
}

/// Drops empty clusters, puts like next to like (their levels are stored as differences in spirit), and adds up.
fn finish(histograms: &[Histogram], symbols: usize, of: Vec<usize>, clusters: usize) -> Clusters {
    let sums = sums_of(histograms, symbols, &of, clusters);
    let mut order: Vec<usize> = (0..sums.len())
        .filter(|&cluster| sums[cluster].iter().any(|&count| count > 0))
        .collect();
    let key = |cluster: usize| {
        let counts = &sums[cluster];
        let total: u64 = counts
            .iter()
            .map(|&count| u64::from(count))
            .sum::<u64>()
            .max(1);
        let top = (0..symbols).max_by_key(|&rank| counts[rank]).unwrap_or(0);
        (top, u64::from(counts[top]) * 65536 / total)
    };
    order.sort_by_key(|&cluster| key(cluster));
    let mut renumbered = vec![0; sums.len()];
    for (new, &old) in order.iter().enumerate() {
        renumbered[old] = new;
    }
    let of: Vec<usize> = of.iter().map(|&cluster| renumbered[cluster]).collect();
    let sums: Vec<Vec<u32>> = order.iter().map(|&cluster| sums[cluster].clone()).collect();
    let tables: Vec<Vec<u16>> = sums.iter().map(|counts| prices(counts)).collect();
    let words: u64 = histograms
        .iter()
        .zip(&of)
        .map(|(one, &cluster)| cost(one, &tables[cluster]))
        .sum();
    let used: u64 = sums.iter().flatten().filter(|&&count| count > 0).count() as u64;
    let map = if sums.len() > 1 {
        histograms.len() as u64 * 2 * COST_UNIT
    } else {
        0
    };
    Clusters {
        of,
        words,
        tables: used * LEVEL_COST + sums.len() as u64 * TABLE_COST + map,
        sums,
    }
}
