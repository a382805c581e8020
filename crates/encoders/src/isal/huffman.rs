//! Code lengths from counts, and the header of a dynamic block, as ISA-L makes them.
//!
//! Ties between equal counts decide code lengths, so the heap is kept in ISA-L's order: keys
//! are a count and, below it, a symbol or the number of a node (numbers fall as nodes are made).

use super::bits::Bits;
use crate::deflate::codes::{END, canonical};

/// Bits of a heap key below the count.
const COUNT_SHIFT: u32 = 16;

/// Symbols at most; numbers above are nodes.
const MAX_SYMBOLS: usize = 286;

/// Number of the first node made; each takes two, for its children.
const FIRST_NODE: usize = 3 * MAX_SYMBOLS;

/// Symbols of the code that codes code lengths, in the order their lengths are written.
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Longest code of the code that codes code lengths.
const MAX_LENGTH_CODE: usize = 7;

/// Smallest first: keys at 1 to `size`, and the largest key after them.
struct Heap {
    keys: [u64; MAX_SYMBOLS + 2],
    size: usize,
}

impl Heap {
    fn new(counts: &[u32]) -> Self {
        let mut keys = [u64::MAX; MAX_SYMBOLS + 2];
        let mut size = 0;
        for (symbol, &count) in counts.iter().enumerate().take(MAX_SYMBOLS) {
            if count > 0 {
                size += 1;
                keys[size] = u64::from(count) << COUNT_SHIFT | symbol as u64;
            }
        }
        // A code has two symbols at least: the first two that are free get a count of one.
        if size == 0 {
            size += 1;
            keys[size] = 1 << COUNT_SHIFT;
        }
        if size == 1 {
            size += 1;
            let free = u64::from(keys[1] & 0xffff == 0);
            keys[size] = 1 << COUNT_SHIFT | free;
        }
        let mut heap = Self { keys, size };
        for place in (1..=size / 2).rev() {
            heap.sink(place);
        }
        heap
    }

    fn sink(&mut self, mut place: usize) {
        while 2 * place <= self.size {
            let left = 2 * place;
            let child = left + usize::from(self.keys[left + 1] < self.keys[left]);
            if self.keys[place] <= self.keys[child] {
                return;
            }
            self.keys.swap(place, child);
            place = child;
        }
    }

    /// Takes the smallest key, putting the last one in its place.
    fn take_smallest(&mut self) -> u64 {
        let smallest = self.keys[1];
        self.keys[1] = self.keys[self.size];
        self.keys[self.size] = u64::MAX;
        self.size -= 1;
        self.sink(1);
        smallest
    }

    /// Exchanges the smallest key for another.
    fn replace_smallest(&mut self, key: u64) {
        self.keys[1] = key;
        self.sink(1);
    }
}

/// Code lengths up to `longest` for counts of at most [`MAX_SYMBOLS`] symbols.
pub(super) fn code_lengths(counts: &[u32], longest: usize) -> Vec<u8> {
    let mut leaves = leaves(counts);
    limit(&mut leaves, longest);
    let mut lengths = vec![0; counts.len().max(2)];
    for (symbol, depth) in leaves {
        if let Some(length) = lengths.get_mut(symbol) {
            *length = depth as u8;
        }
    }
    lengths
}

/// Symbols and their depths in the tree, from the root down, in the order of ISA-L's nodes.
fn leaves(counts: &[u32]) -> Vec<(usize, usize)> {
    let mut heap = Heap::new(counts);
    let mut child = [0usize; FIRST_NODE + 1];
    let mut node = FIRST_NODE;
    while heap.size > 1 {
        let first = heap.take_smallest();
        let second = heap.keys[1];
        child[node] = (first & 0xffff) as usize;
        child[node - 1] = (second & 0xffff) as usize;
        heap.replace_smallest(((first + second) & !0xffff) | node as u64);
        node -= 2;
    }
    child[node] = (heap.keys[1] & 0xffff) as usize;
    let mut depth = [0; FIRST_NODE + 1];
    let mut leaves = Vec::with_capacity(counts.len());
    for place in node..=FIRST_NODE {
        let below = child[place];
        if below > MAX_SYMBOLS {
            depth[below] = depth[place] + 1;
            depth[below - 1] = depth[place] + 1;
        } else {
            leaves.push((below, depth[place]));
        }
    }
    leaves
}

/// Shortens codes above `longest`: the tree stays full, and depths are dealt out again from
/// the shortest, in the same order of symbols.
fn limit(leaves: &mut [(usize, usize)], longest: usize) {
    let mut counts = [0usize; MAX_SYMBOLS + 1];
    let mut deepest = 0;
    for &(_, depth) in leaves.iter() {
        counts[depth] += 1;
        deepest = deepest.max(depth);
    }
    if deepest <= longest {
        return;
    }
    while deepest > longest {
        let Some(split) = (1..longest).rev().find(|&depth| counts[depth] > 0) else {
            return;
        };
        counts[split] -= 1;
        counts[split + 1] += 2;
        counts[deepest - 1] += 1;
        counts[deepest] -= 2;
        if counts[deepest] == 0 {
            deepest -= 1;
        }
    }
    let depths = (1..=longest).flat_map(|depth| std::iter::repeat_n(depth, counts[depth]));
    for (leaf, depth) in leaves.iter_mut().zip(depths) {
        leaf.1 = depth;
    }
}

/// Writes the header of a last block with these code lengths.
pub(super) fn write_header(literals: &[u8], distances: &[u8], bits: &mut Bits<'_>) {
    let used = |lengths: &[u8], least: usize| {
        let last = lengths.iter().rposition(|&length| length > 0);
        last.map_or(least, |last| least.max(last + 1))
    };
    let literals = &literals[..used(literals, END + 1)];
    let distances = &distances[..used(distances, 1)];
    let tokens = run_lengths(&[literals, distances].concat());
    let mut counts = [0; 19];
    for &(symbol, _, _) in &tokens {
        counts[usize::from(symbol)] += 1;
    }
    let lengths = code_lengths(&counts, MAX_LENGTH_CODE);
    let codes = canonical(&lengths);
    let written = ORDER.iter().rposition(|&symbol| lengths[symbol] > 0);
    let written = written.map_or(4, |last| 4.max(last + 1));
    bits.put(0b101, 3);
    bits.put((literals.len() - END - 1) as u64, 5);
    bits.put((distances.len() - 1) as u64, 5);
    bits.put((written - 4) as u64, 4);
    for &symbol in &ORDER[..written] {
        bits.put(u64::from(lengths[symbol]), 3);
    }
    for (symbol, extra, extra_bits) in tokens {
        let (code, length) = codes[usize::from(symbol)];
        bits.put(u64::from(code), u32::from(length));
        bits.put(u64::from(extra), extra_bits);
    }
}

/// Code lengths as symbols of their code: symbol, extra bits and their number.
fn run_lengths(lengths: &[u8]) -> Vec<(u8, u8, u32)> {
    let mut tokens = Vec::with_capacity(lengths.len());
    for run in lengths.chunk_by(|a, b| a == b) {
        let value = run[0];
        let mut left = run.len();
        if value == 0 {
            while left > 138 {
                tokens.push((18, 138 - 11, 7));
                left -= 138;
            }
            match left {
                11.. => tokens.push((18, (left - 11) as u8, 7)),
                3.. => tokens.push((17, (left - 3) as u8, 3)),
                _ => tokens.extend(std::iter::repeat_n((0, 0, 0), left)),
            }
            continue;
        }
        tokens.push((value, 0, 0));
        left -= 1;
        while left > 6 {
            tokens.push((16, 6 - 3, 2));
            left -= 6;
        }
        match left {
            3.. => tokens.push((16, (left - 3) as u8, 2)),
            _ => tokens.extend(std::iter::repeat_n((value, 0, 0), left)),
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_for_one_symbol_gets_a_second_one() {
        assert_eq!(code_lengths(&[5, 0, 0], 15), [1, 1, 0]);
        assert_eq!(code_lengths(&[0, 0, 7], 15), [1, 0, 1]);
        assert_eq!(code_lengths(&[0, 0, 0], 15), [1, 1, 0]);
    }

    #[test]
    fn a_limited_code_is_full_and_within_its_limit() {
        let mut counts = vec![1, 1];
        for symbol in 2..19 {
            counts.push(counts[symbol - 1] + counts[symbol - 2]);
        }
        let lengths = code_lengths(&counts, 7);
        assert!(lengths.iter().all(|&length| (1..=7).contains(&length)));
        let full: u32 = lengths.iter().map(|&length| 128 >> length).sum();
        assert_eq!(full, 128);
    }
}
