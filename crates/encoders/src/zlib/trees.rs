//! zlib's Huffman codes: code lengths as its heap makes them, ties and all.
//!
//! An optimal code is not unique. Which one zlib makes depends on the order in which its heap
//! gives nodes of equal weight, and on how it shortens codes that are too long; both are
//! followed here.

/// Most symbols of a code.
const MAX_SYMBOLS: usize = 286;
/// Nodes of a tree, and the unused place 0 of the heap.
const NODES: usize = 2 * MAX_SYMBOLS + 1;

/// Builds codes; keeps its memory.
pub(super) struct TreeBuilder {
    /// By node: frequency in the upper bits, depth in the lowest eight. Smaller goes first, so
    /// of nodes of equal frequency the shallower one.
    weights: [u32; NODES],
    parents: [u16; NODES],
    lengths: [u8; NODES],
    /// From 1 on a heap with the smallest node first, at most `heap_length` long.
    heap: [u16; NODES],
    heap_length: usize,
    /// The nodes in the order in which the heap gave them.
    order: Vec<u16>,
}

impl TreeBuilder {
    pub(super) fn new() -> TreeBuilder {
        TreeBuilder {
            weights: [0; NODES],
            parents: [0; NODES],
            lengths: [0; NODES],
            heap: [0; NODES],
            heap_length: 0,
            order: Vec::with_capacity(NODES),
        }
    }

    /// Code lengths for these frequencies up to the last symbol that has a code. No length is
    /// above `longest`; at least two symbols get a code, whatever their frequencies.
    pub(super) fn lengths(&mut self, frequencies: &[u32], longest: usize) -> Vec<u8> {
        let symbols = frequencies.len();
        let last = self.fill_heap(frequencies);
        for place in (1..=self.heap_length / 2).rev() {
            self.sink(place);
        }
        self.join(symbols);
        self.assign(symbols, longest);
        let mut lengths = self.lengths[..=last].to_vec();
        for (symbol, length) in lengths.iter_mut().enumerate() {
            if self.weights[symbol] == 0 {
                *length = 0;
            }
        }
        lengths
    }

    /// Puts the used symbols into the heap, unordered. Gives the last symbol with a code.
    fn fill_heap(&mut self, frequencies: &[u32]) -> usize {
        self.heap_length = 0;
        let mut last = None;
        for (symbol, &frequency) in frequencies.iter().enumerate() {
            self.weights[symbol] = frequency << 8;
            if frequency > 0 {
                self.push(symbol);
                last = Some(symbol);
            }
        }
        // Two codes at least, by symbols of the first three.
        while self.heap_length < 2 {
            let symbol = match last {
                None => 0,
                Some(last) if last < 2 => last + 1,
                Some(_) => 0,
            };
            if last.is_none_or(|last| last < 2) {
                last = Some(symbol);
            }
            self.weights[symbol] = 1 << 8;
            self.push(symbol);
        }
        last.unwrap_or(0)
    }

    fn push(&mut self, node: usize) {
        self.heap_length += 1;
        self.heap[self.heap_length] = node as u16;
    }

    fn weight(&self, place: usize) -> u32 {
        self.weights[usize::from(self.heap[place])]
    }

    /// Moves the node at `place` down to where it belongs.
    fn sink(&mut self, mut place: usize) {
        let node = self.heap[place];
        let weight = self.weights[usize::from(node)];
        loop {
            let mut child = 2 * place;
            if child > self.heap_length {
                break;
            }
            if child < self.heap_length && self.weight(child + 1) <= self.weight(child) {
                child += 1;
            }
            if weight <= self.weight(child) {
                break;
            }
            self.heap[place] = self.heap[child];
            place = child;
        }
        self.heap[place] = node;
    }

    /// Joins the two smallest nodes until one is left. Inner nodes follow the symbols.
    fn join(&mut self, symbols: usize) {
        self.order.clear();
        let mut node = symbols;
        while self.heap_length >= 2 {
            let first = self.heap[1];
            self.heap[1] = self.heap[self.heap_length];
            self.heap_length -= 1;
            self.sink(1);
            let second = self.heap[1];
            self.order.extend([first, second]);
            let (a, b) = (
                self.weights[usize::from(first)],
                self.weights[usize::from(second)],
            );
            let depth = (a & 0xFF).max(b & 0xFF) + 1;
            self.weights[node] = ((a & !0xFF) + (b & !0xFF)) | depth;
            self.parents[usize::from(first)] = node as u16;
            self.parents[usize::from(second)] = node as u16;
            self.heap[1] = node as u16;
            node += 1;
            self.sink(1);
        }
        self.order.push(self.heap[1]);
    }

    /// Gives every node its length; those that would be too long are shortened, and shorter
    /// ones lengthened for them.
    fn assign(&mut self, symbols: usize, longest: usize) {
        let mut counts = [0usize; 16];
        let mut excess = 0;
        let Some((&root, below)) = self.order.split_last() else {
            return;
        };
        self.lengths[usize::from(root)] = 0;
        for &node in below.iter().rev() {
            let node = usize::from(node);
            let mut length = usize::from(self.lengths[usize::from(self.parents[node])]) + 1;
            if length > longest {
                length = longest;
                excess += 1;
            }
            self.lengths[node] = length as u8;
            if node < symbols {
                counts[length] += 1;
            }
        }
        if excess == 0 {
            return;
        }
        while excess > 0 {
            let mut length = longest - 1;
            while counts[length] == 0 {
                length -= 1;
            }
            counts[length] -= 1;
            counts[length + 1] += 2;
            counts[longest] -= 1;
            excess = if excess > 2 { excess - 2 } else { 0 };
        }
        // The symbols from the rarest on take the longest lengths.
        let mut leaves = self
            .order
            .iter()
            .filter(|&&node| usize::from(node) < symbols);
        for length in (1..=longest).rev() {
            for &leaf in leaves.by_ref().take(counts[length]) {
                self.lengths[usize::from(leaf)] = length as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_would_be_too_long_are_cut_and_stay_whole() {
        let mut frequencies = vec![0; 30];
        let (mut a, mut b) = (1, 1);
        for frequency in &mut frequencies[3..25] {
            *frequency = a;
            (a, b) = (b, a + b);
        }
        for longest in [7, 15] {
            let lengths = TreeBuilder::new().lengths(&frequencies, longest);
            let used = lengths.iter().filter(|&&length| length > 0);
            let share: u32 = used
                .clone()
                .map(|&length| 1 << (longest as u8 - length))
                .sum();
            assert_eq!((lengths.len(), share), (25, 1 << longest));
            assert_eq!(used.max().copied(), Some(longest as u8));
        }
    }

    #[test]
    fn at_least_two_symbols_have_a_code() {
        let mut trees = TreeBuilder::new();
        assert_eq!(trees.lengths(&[0; 30], 15), [1, 1]);
        assert_eq!(trees.lengths(&[0, 9, 0, 0], 15), [0, 1, 1]);
        assert_eq!(trees.lengths(&[0, 0, 0, 9], 15), [1, 0, 0, 1]);
    }
}
