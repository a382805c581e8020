//! The tables in front of rANS words: which symbols occur, which cluster each context uses, and the frequency
//! levels of each cluster, in adaptive bits.

use super::frequencies::{LEVEL_BITS, TOP_LEVEL};
use super::{Context, bits_for};
use crate::Result;
use crate::codec::binary::{Bit, BitDecoder, BitEncoder};
use crate::codec::wire::damaged;

/// Adaptive contexts of a level: one for each quarter of the reference level, and the same for the first cluster.
const LEVEL_CONTEXTS: usize = 2 * (TOP_LEVEL / 4 + 2);

/// Everything a stream's words are decoded with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tables {
    /// The bytes that occur, ascending. The rank of a byte is its index here.
    pub(super) symbols: Vec<u8>,
    pub(super) context: Context,
    /// The cluster of each context: one entry for `None`, 256 for `Byte`, 2^bits for `History`.
    pub(super) map: Vec<u8>,
    /// For each cluster, the level of each symbol.
    pub(super) levels: Vec<Vec<u8>>,
}

impl Tables {
    /// Whether context number `context` can occur, and so has its cluster stored.
    pub(super) fn can_occur(symbols: &[u8], kind: Context, context: usize) -> bool {
        match kind {
            Context::None => true,
            Context::Byte => context == 0 || symbols.binary_search(&(context as u8)).is_ok(),
            Context::History(bits) => context >> (bits - bits_for(symbols.len())) < symbols.len(),
        }
    }

    /// Context numbers of `kind`.
    pub(super) fn contexts(kind: Context) -> usize {
        match kind {
            Context::None => 1,
            Context::Byte => 256,
            Context::History(bits) => 1 << bits,
        }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = BitEncoder::new();
        let mut present = [Bit::NEW; 2];
        let mut last = false;
        for byte in 0..=255u8 {
            let is = self.symbols.binary_search(&byte).is_ok();
            out.put(&mut present[usize::from(last)], is);
            last = is;
        }
        if self.levels.len() > 1 {
            self.write_map(&mut out);
        }
        let mut trees = level_trees();
        for (cluster, levels) in self.levels.iter().enumerate() {
            for (rank, &level) in levels.iter().enumerate() {
                let tree = level_context(&self.levels, levels, cluster, rank);
                out.put_tree(&mut trees[tree], LEVEL_BITS, level.into());
            }
        }
        out.finish()
    }

    fn write_map(&self, out: &mut BitEncoder) {
        let width = bits_for(self.levels.len());
        let (mut same, mut tree) = ([Bit::NEW; 2], vec![Bit::NEW; 1 << width]);
        let (mut before, mut was_same) = (0u8, false);
        for (context, &cluster) in self.map.iter().enumerate() {
            if !Self::can_occur(&self.symbols, self.context, context) {
                continue;
            }
            let is_same = cluster == before;
            out.put(&mut same[usize::from(was_same)], is_same);
            if !is_same {
                out.put_tree(&mut tree, width, cluster.into());
            }
            (before, was_same) = (cluster, is_same);
        }
    }

    pub(super) fn read(stored: &[u8], context: Context, clusters: usize) -> Result<Self> {
        let mut bits = BitDecoder::new(stored);
        let mut present = [Bit::NEW; 2];
        let mut last = false;
        let mut symbols = Vec::new();
        for byte in 0..=255u8 {
            last = bits.get(&mut present[usize::from(last)]);
            if last {
                symbols.push(byte);
            }
        }
        if symbols.is_empty() {
            return Err(damaged("a table without symbols"));
        }
        if matches!(context, Context::History(bits) if bits < bits_for(symbols.len())) {
            return Err(damaged("a history shorter than one symbol"));
        }
        let mut map = vec![0; Self::contexts(context)];
        if clusters > 1 {
            read_map(&mut bits, &symbols, context, clusters, &mut map)?;
        }
        let mut trees = level_trees();
        let mut levels: Vec<Vec<u8>> = Vec::with_capacity(clusters);
        for cluster in 0..clusters {
            let mut own = Vec::with_capacity(symbols.len());
            for rank in 0..symbols.len() {
                let tree = level_context(&levels, &own, cluster, rank);
                let level = bits.get_tree(&mut trees[tree], LEVEL_BITS);
                if level > TOP_LEVEL {
                    return Err(damaged("a frequency level out of range"));
                }
                own.push(level as u8);
            }
            levels.push(own);
        }
        bits.finish()?;
        Ok(Self {
            symbols,
            context,
            map,
            levels,
        })
    }
}

fn read_map(
    bits: &mut BitDecoder,
    symbols: &[u8],
    kind: Context,
    clusters: usize,
    map: &mut [u8],
) -> Result<()> {
    let width = bits_for(clusters);
    let (mut same, mut tree) = ([Bit::NEW; 2], vec![Bit::NEW; 1 << width]);
    let (mut before, mut was_same) = (0u8, false);
    for (context, cluster) in map.iter_mut().enumerate() {
        if !Tables::can_occur(symbols, kind, context) {
            continue;
        }
        was_same = bits.get(&mut same[usize::from(was_same)]);
        if !was_same {
            let number = bits.get_tree(&mut tree, width);
            if number >= clusters {
                return Err(damaged("a cluster out of range"));
            }
            before = number as u8;
        }
        *cluster = before;
    }
    Ok(())
}

fn level_trees() -> Vec<[Bit; 1 << LEVEL_BITS]> {
    vec![[Bit::NEW; 1 << LEVEL_BITS]; LEVEL_CONTEXTS]
}

/// Levels resemble the same symbol's level in the cluster before, or in the first cluster the symbol before.
fn level_context(done: &[Vec<u8>], own: &[u8], cluster: usize, rank: usize) -> usize {
    let quarter = |level: u8| {
        if level == 0 {
            0
        } else {
            1 + usize::from(level) / 4
        }
    };
    match cluster.checked_sub(1) {
        None => quarter(if rank == 0 { 0 } else { own[rank - 1] }),
        Some(before) => LEVEL_CONTEXTS / 2 + quarter(done[before][rank]),
    }
}
