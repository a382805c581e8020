//! The shape in which symbols are coded: a Huffman tree of the alphabet, so that a usual symbol takes few decisions.
//!
//! One leaf is the way out: a symbol that is not in the alphabet is coded behind it in plain. Inner nodes are numbered
//! by falling weight, so the decisions that occur most lie together in the first blocks of a table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::super::mixing::{Coder, Slot};

/// Children from here on are leaves: this plus the symbol.
const LEAF: u16 = 256;

/// The leaf of symbols that are not in the alphabet.
const ESCAPE: u16 = 512;

/// A weight class is 6 bits: weights from 4 << 0 to 7 << 15, a quarter of a power of two apart.
const CLASSES: u32 = 64;

/// The weight of a class.
fn weight(class: u32) -> u64 {
    u64::from(4 + class % 4) << (class / 4)
}

/// Where a decision leads.
pub(crate) enum Step {
    /// To the inner node with this number.
    Node(usize),
    /// To a symbol.
    Symbol(u8),
    /// To a symbol that is not in the alphabet.
    Escape,
}

/// An alphabet and its tree.
#[derive(Clone)]
pub(crate) struct Tree {
    /// Weight classes of the symbols in the alphabet.
    classes: Vec<(u8, u32)>,
    /// What follows node `n` after a 0 and a 1: a node, [`LEAF`] plus a symbol, or [`ESCAPE`].
    children: Vec<[u16; 2]>,
    root: u16,
    /// The decisions to a symbol from the lowest bit up. Of symbols not in the alphabet: to the escape.
    paths: [u64; 256],
    ranks: [u8; 256],
}

impl Tree {
    /// The tree for symbols that occur as often as `histogram` says.
    pub(crate) fn of(histogram: &[u64; 256]) -> Self {
        let most = histogram.iter().copied().max().unwrap_or(0).max(1);
        let classes = (0..=255u8).zip(histogram).filter(|&(_, &n)| n > 0);
        let classes = classes.map(|(symbol, &n)| {
            let scaled = u128::from(n) * u128::from(weight(CLASSES - 1)) / u128::from(most);
            let below = (1..CLASSES).take_while(|&class| u128::from(weight(class)) <= scaled);
            (symbol, below.count() as u32)
        });
        Self::from_classes(classes.collect())
    }

    /// Codes the tree: a bit per symbol that tells whether it is in the alphabet, and six for its weight class.
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C) {
        let mut slots = [Slot::NEW; 2];
        let mut given = self.classes.iter().copied().peekable();
        let mut classes = Vec::new();
        let mut before = false;
        for symbol in 0..=255u8 {
            let next = given.next_if(|&(other, _)| other == symbol);
            let slot = &mut slots[usize::from(before)];
            before = coder.code(next.is_some(), slot.p().clamp(1, 65_535));
            slot.update(before, 30);
            if before {
                let class = next.map_or(0, |(_, class)| class);
                classes.push((symbol, number(coder, class, 6)));
            }
        }
        if C::DECODES {
            *self = Self::from_classes(classes);
        }
    }

    fn from_classes(classes: Vec<(u8, u32)>) -> Self {
        // Leaves and inner nodes in the order they are made: weight and children.
        let mut nodes = vec![(1, [ESCAPE; 2])];
        let leaf = |&(symbol, class): &(u8, u32)| (weight(class), [LEAF + u16::from(symbol); 2]);
        nodes.extend(classes.iter().map(leaf));
        let leaves = nodes.len();
        // Of equal weights, the node made first is taken first.
        let mut heap: BinaryHeap<_> = (0..leaves).map(|at| Reverse((nodes[at].0, at))).collect();
        while let (Some(Reverse(a)), Some(Reverse(b))) = (heap.pop(), heap.pop()) {
            heap.push(Reverse((a.0 + b.0, nodes.len())));
            nodes.push((a.0 + b.0, [b.1 as u16, a.1 as u16]));
        }
        let mut inner: Vec<usize> = (leaves..nodes.len()).collect();
        inner.sort_by_key(|&at| (Reverse(nodes[at].0), Reverse(at)));
        let mut names: Vec<u16> = nodes.iter().map(|node| node.1[0]).collect();
        for (number, &at) in inner.iter().enumerate() {
            names[at] = number as u16;
        }
        let named = |at: &usize| nodes[*at].1.map(|child| names[usize::from(child)]);
        let mut tree = Self {
            children: inner.iter().map(named).collect(),
            root: *names.last().unwrap_or(&ESCAPE),
            paths: [0; 256],
            ranks: [0; 256],
            classes,
        };
        tree.fill();
        tree
    }

    /// Finds paths and ranks.
    fn fill(&mut self) {
        let mut open = vec![(self.root, 0u64, 0u32)];
        let mut found = [None; 256];
        let mut escape = 0;
        while let Some((at, path, depth)) = open.pop() {
            if at < LEAF {
                let [zero, one] = self.children[usize::from(at)];
                open.push((zero, path, depth + 1));
                open.push((one, path | 1 << depth, depth + 1));
            } else if at == ESCAPE {
                escape = path;
            } else {
                found[usize::from(at - LEAF)] = Some(path);
            }
        }
        self.paths = found.map(|path| path.unwrap_or(escape));
        let mut order = self.classes.clone();
        order.sort_by_key(|&(symbol, class)| (Reverse(class), Reverse(symbol)));
        self.ranks = [order.len().min(255) as u8; 256];
        for (rank, (symbol, _)) in order.into_iter().enumerate() {
            self.ranks[usize::from(symbol)] = rank as u8;
        }
    }

    /// How many inner nodes there are.
    pub(crate) fn nodes(&self) -> usize {
        self.children.len()
    }

    /// For each symbol, how much of the alphabet's weight lies below the middle of its own, in 1/4,096.
    pub(crate) fn levels(&self) -> [u16; 256] {
        let all: u64 = self.classes.iter().map(|&(_, class)| weight(class)).sum();
        let mut levels = [0; 256];
        let mut below = 0;
        let mut classes = self.classes.iter().peekable();
        for (symbol, level) in (0..=255u8).zip(&mut levels) {
            let own = classes.next_if(|&&(other, _)| other == symbol);
            let own = own.map_or(0, |&(_, class)| weight(class));
            *level = ((2 * below + own) * 2048 / all.max(1)) as u16;
            below += own;
        }
        levels
    }

    /// Symbols in the alphabet.
    pub(crate) fn symbols(&self) -> usize {
        self.classes.len()
    }

    /// The symbol that more than three of four are, if there is one.
    pub(crate) fn usual(&self) -> Option<u8> {
        let all: u64 = self.classes.iter().map(|&(_, class)| weight(class)).sum();
        let usual = self
            .classes
            .iter()
            .find(|(symbol, _)| self.rank(*symbol) == 0);
        let &(symbol, class) = usual?;
        (weight(class) * 4 > all * 3).then_some(symbol)
    }

    /// How many symbols are more frequent than `symbol`; of symbols not in the alphabet, all.
    #[inline(always)]
    pub(crate) fn rank(&self, symbol: u8) -> u32 {
        self.ranks[usize::from(symbol)].into()
    }

    /// The decisions that lead to `symbol`, the first in the lowest bit.
    #[inline(always)]
    pub(crate) fn path(&self, symbol: u8) -> u64 {
        self.paths[usize::from(symbol)]
    }

    /// Where coding starts.
    #[inline(always)]
    pub(crate) fn start(&self) -> Step {
        step(self.root)
    }

    /// Where `bit` leads from node `node`.
    #[inline(always)]
    pub(crate) fn follow(&self, node: usize, bit: bool) -> Step {
        step(self.children[node][usize::from(bit)])
    }
}

#[inline(always)]
fn step(child: u16) -> Step {
    match child {
        0..LEAF => Step::Node(child.into()),
        ESCAPE.. => Step::Escape,
        _ => Step::Symbol((child - LEAF) as u8),
    }
}

/// Codes a number of `width` bits in plain, highest bit first.
pub(crate) fn number<C: Coder>(coder: &mut C, number: u32, width: u32) -> u32 {
    (0..width).rev().fold(0, |done, shift| {
        done * 2 + u32::from(coder.code(number >> shift & 1 == 1, 32_768))
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::super::mixing::{Decoder, Encoder};
    use super::*;

    #[test]
    fn levels_tell_how_much_lies_below_a_symbol() {
        let mut histogram = [0; 256];
        for symbol in [3, 7, 20, 30] {
            histogram[symbol] = 100;
        }
        let levels = Tree::of(&histogram).levels();
        assert_eq!(levels[..4], [0, 0, 0, 512]);
        assert_eq!([levels[4], levels[7], levels[30]], [1024, 1536, 3584]);
        assert_eq!(levels[255], 4096);
        assert_eq!(Tree::of(&[0; 256]).levels(), [0; 256]);
    }

    #[test]
    fn trees_come_back_with_all_their_paths() {
        for symbols in [0, 1, 2, 3, 40, 256] {
            let mut histogram = [0; 256];
            for symbol in 0..symbols {
                histogram[255 - symbol] = 1 << (symbol % 60);
            }
            let mut tree = Tree::of(&histogram);
            assert_eq!(tree.symbols(), symbols);
            assert_eq!(tree.nodes(), symbols);
            let mut encoder = Encoder::new();
            tree.code(&mut encoder);
            let stored = encoder.finish();
            let mut decoder = Decoder::new(&stored);
            let mut read = Tree::of(&[0; 256]);
            read.code(&mut decoder);
            decoder.finish().unwrap();
            for symbol in 0..=255 {
                let mut path = tree.path(symbol);
                let mut step = read.start();
                while let Step::Node(node) = step {
                    step = read.follow(node, path & 1 == 1);
                    path >>= 1;
                }
                match step {
                    Step::Symbol(found) => assert_eq!(found, symbol),
                    _ => assert_eq!(histogram[usize::from(symbol)], 0),
                }
            }
        }
    }
}
