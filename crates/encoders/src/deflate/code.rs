//! Canonical Huffman codes: read by a table, written by a list.

use super::bits::{BitReader, BitWriter};

/// Longest code of DEFLATE, in bits.
pub(crate) const MAX_BITS: usize = 15;
/// Codes up to this length are read by one look at the table.
const TABLE_BITS: u32 = 10;

/// A canonical Huffman code of at most 288 symbols.
pub(crate) struct Code {
    /// By symbol: length, and the code with its first bit lowest.
    codes: Vec<(u8, u16)>,
    /// By the next bits: symbol and length; length 0 where the code is longer or none.
    table: Vec<(u16, u8)>,
}

impl Code {
    /// The code with these lengths; `None` when no such code can exist. An incomplete code is
    /// allowed, as DEFLATE does for a single distance.
    pub(crate) fn new(lengths: &[u8]) -> Option<Code> {
        let mut next = [0u32; MAX_BITS + 2];
        for &length in lengths {
            *next.get_mut(usize::from(length) + 1)? += u32::from(length > 0);
        }
        // `next[l]` holds how many codes are one bit shorter than l; then the first code of l.
        let mut first = 0;
        for slot in next.iter_mut().skip(1) {
            first = (first + *slot) << 1;
            *slot = first;
        }
        let mut codes = Vec::with_capacity(lengths.len());
        let mut table = vec![(0, 0); 1 << TABLE_BITS];
        for (symbol, &length) in (0u16..).zip(lengths) {
            if length == 0 {
                codes.push((0, 0));
                continue;
            }
            let bits = u32::from(length);
            let slot = next.get_mut(usize::from(length))?;
            let code = *slot;
            *slot += 1;
            if code >> bits != 0 {
                return None;
            }
            let reversed = code.reverse_bits() >> (32 - bits);
            codes.push((length, reversed as u16));
            if bits <= TABLE_BITS {
                for entry in table.iter_mut().skip(reversed as usize).step_by(1 << bits) {
                    *entry = (symbol, length);
                }
            }
        }
        Some(Code { codes, table })
    }

    /// The next symbol.
    pub(crate) fn read(&self, bits: &mut BitReader<'_>) -> Option<u16> {
        let ahead = bits.peek();
        let (mut symbol, mut length) = *self
            .table
            .get(usize::from(ahead) & ((1 << TABLE_BITS) - 1))?;
        if length == 0 {
            // Rare: a code longer than the table's.
            let (place, &(long, _)) = self.codes.iter().enumerate().find(|&(_, &(l, code))| {
                u32::from(l) > TABLE_BITS && code == ahead & ((1u32 << l) - 1) as u16
            })?;
            (symbol, length) = (place as u16, long);
        }
        bits.take(u32::from(length))?;
        Some(symbol)
    }

    /// Writes a symbol; `None` when it has no code.
    pub(crate) fn write(&self, symbol: u16, bits: &mut BitWriter) -> Option<()> {
        let &(length, code) = self.codes.get(usize::from(symbol))?;
        if length == 0 {
            return None;
        }
        bits.put(u32::from(code), u32::from(length))
    }
}

/// Lengths of an optimal code for these frequencies, cut at `longest`: what an encoder most
/// probably chose. (A guess that is not always a sound code.)
pub(crate) fn likely_lengths(frequencies: &[u32], longest: u8) -> Vec<u8> {
    let mut lengths = vec![0u8; frequencies.len()];
    let mut leaves: Vec<(u32, usize)> = (0..)
        .zip(frequencies)
        .filter(|&(_, &f)| f > 0)
        .map(|(symbol, &f)| (f, symbol))
        .collect();
    leaves.sort_unstable();
    if let [(_, only)] = leaves[..] {
        lengths[only] = 1;
        return lengths;
    }
    // Two queues: leaves in order, and inner nodes, which arise in order. On a tie the leaf
    // goes first.
    let mut inner: Vec<u64> = Vec::with_capacity(leaves.len());
    let mut leaf_parent = vec![0usize; leaves.len()];
    let mut inner_parent = vec![0usize; leaves.len()];
    let (mut next_leaf, mut next_inner) = (0, 0);
    while inner.len() + 1 < leaves.len() {
        let parent = inner.len();
        let mut weight = 0;
        for _ in 0..2 {
            let leaf = leaves.get(next_leaf).map(|&(f, _)| u64::from(f));
            match (leaf, inner.get(next_inner)) {
                (Some(f), other) if other.is_none_or(|&node| f <= node) => {
                    weight += f;
                    leaf_parent[next_leaf] = parent;
                    next_leaf += 1;
                }
                (_, Some(&node)) => {
                    weight += node;
                    inner_parent[next_inner] = parent;
                    next_inner += 1;
                }
                _ => {}
            }
        }
        inner.push(weight);
    }
    let mut depth = vec![0u8; inner.len()];
    for node in (0..inner.len().saturating_sub(1)).rev() {
        depth[node] = depth[inner_parent[node]].saturating_add(1);
    }
    for (place, &(_, symbol)) in leaves.iter().enumerate() {
        lengths[symbol] = depth[leaf_parent[place]].saturating_add(1).min(longest);
    }
    lengths
}
