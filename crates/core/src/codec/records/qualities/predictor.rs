//! A predictor for strings of qualities and what looks like them: symbols through a [`Tree`], each decision mixed from
//! `N` contexts by `S` selected weight sets, and corrected by two small contexts.

use super::super::super::mixing::{Coder, Slot, dot, squash, train};
use super::refine::Refine;
use super::tree::{Step, Tree};

/// Alphabets up to this many symbols are small.
const FEW: usize = 6;

/// Nodes of a block.
const BLOCK: usize = 7;

/// Nodes from this on share weights and corrections: they are rare.
const OWN: usize = 63;

/// What a context knows of seven nodes, in half a cache line. Slot 0 holds whose it is.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Block([Slot; 8]);

/// What a predictor is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape<const S: usize> {
    /// Each context has 2^`bits` slots of four bytes; 8 to 20.
    pub(crate) bits: u32,
    /// How many selections each weight set has; at least 1.
    pub(crate) selections: [u32; S],
    /// How many contexts each of the two corrections has; 0 for a predictor without.
    pub(crate) corrections: [u32; 2],
    /// Slots go on at the rate of this many bits; at most 1,023.
    pub(crate) limit: u32,
    /// Learning rate of the weights in 1/65,536: at first, and in the end.
    pub(crate) rates: (i32, i32),
}

/// Weights of one selection and node, and how often they have learnt.
#[derive(Clone)]
struct Weights<const I: usize> {
    values: [i32; I],
    learnt: u32,
}

/// What the next symbol follows from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<const N: usize, const S: usize> {
    /// Hashes of the contexts.
    pub(crate) contexts: [u32; N],
    /// Numbers of the weight sets' selections; larger ones than there are count as the last.
    pub(crate) selections: [u32; S],
    /// Numbers of the corrections' contexts; larger ones than there are count as the last.
    pub(crate) corrections: [u32; 2],
}

/// The predictor. `I` is 2 `N` or more, a multiple of 8; an input to spare is constant.
#[derive(Clone)]
pub(crate) struct Predictor<const N: usize, const I: usize, const S: usize> {
    tree: Tree,
    shape: Shape<S>,
    /// Blocks of all contexts, those of a context together.
    blocks: Vec<Block>,
    weights: [Vec<Weights<I>>; S],
    corrections: [Refine; 2],
    /// Plain symbols that are not in the alphabet.
    escaped: Vec<Slot>,
    /// The present blocks of the contexts.
    present: [Block; N],
    /// Whether the alphabet is large: then weight sets learn from the error that they make together, and the second
    /// input of a context is linear in its probability.
    large: bool,
}

impl<const N: usize, const I: usize, const S: usize> Predictor<N, I, S> {
    /// A predictor that has learnt nothing.
    pub(crate) fn new(tree: Tree, shape: Shape<S>) -> Self {
        const { assert!(I >= 2 * N && I.is_multiple_of(8) && S > 0) };
        let nodes = tree.nodes().max(1);
        let own = nodes.min(OWN + 1);
        let mut values = [0; I];
        // Together 1.3, as slots do not know all at first.
        values[..2 * N].fill((13 << 28) / 20 / N as i32);
        let new = Weights { values, learnt: 0 };
        Self {
            blocks: vec![Block([Slot::NEW; 8]); N << (shape.bits - 3)],
            weights: shape
                .selections
                .map(|count| vec![new.clone(); count as usize * own]),
            corrections: shape
                .corrections
                .map(|count| Refine::new(count as usize * own)),
            escaped: vec![Slot::NEW; 256],
            present: [Block([Slot::NEW; 8]); N],
            large: tree.symbols() > FEW,
            tree,
            shape,
        }
    }

    /// The tree of the alphabet.
    #[inline]
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Codes a symbol.
    #[inline]
    pub(crate) fn symbol<C: Coder>(
        &mut self,
        coder: &mut C,
        symbol: u8,
        given: &Given<N, S>,
    ) -> u8 {
        let mut path = self.tree.path(symbol);
        let mut step = self.tree.start();
        let mut places = [0; N];
        let mut block = usize::MAX;
        let symbol = loop {
            match step {
                Step::Node(node) => {
                    if node / BLOCK != block {
                        if block != usize::MAX {
                            self.put_back(&places);
                        }
                        block = node / BLOCK;
                        places = self.fetch(&given.contexts, block as u32);
                    }
                    let bit = self.bit(coder, path & 1 == 1, node, given);
                    path >>= 1;
                    step = self.tree.follow(node, bit);
                }
                Step::Symbol(symbol) => break symbol,
                Step::Escape => break self.escape(coder, symbol),
            }
        };
        if block != usize::MAX {
            self.put_back(&places);
        }
        symbol
    }

    /// Fetches the contexts' blocks for the nodes of block `block`; gives where they stand. If a context has none, the
    /// less used of two candidates makes room.
    #[inline]
    fn fetch(&mut self, contexts: &[u32; N], block: u32) -> [usize; N] {
        let shift = 32 - (self.shape.bits - 3);
        let mut places = [0; N];
        for at in 0..N {
            let mixed = contexts[at]
                .wrapping_add(block.wrapping_mul(0x9E37_79B9))
                .wrapping_mul(0x2545_F491);
            let mixed = mixed ^ mixed >> 15;
            let owner = Slot::owner(mixed);
            let table = at << (self.shape.bits - 3);
            let first = table | (mixed.wrapping_mul(0x2545_F491) >> shift) as usize;
            let mut place = first;
            let mut found = self.blocks[first];
            if found.0[0] != owner {
                let second = self.blocks[first ^ 1];
                if second.0[0] == owner {
                    (place, found) = (first ^ 1, second);
                } else {
                    if second.0[1].count() < found.0[1].count() {
                        place = first ^ 1;
                    }
                    found = Block([Slot::NEW; 8]);
                    found.0[0] = owner;
                }
            }
            places[at] = place;
            self.present[at] = found;
        }
        places
    }

    /// Puts fetched blocks back.
    #[inline]
    fn put_back(&mut self, places: &[usize; N]) {
        for (&place, &group) in places.iter().zip(&self.present) {
            self.blocks[place] = group;
        }
    }

    #[inline]
    fn bit<C: Coder>(
        &mut self,
        coder: &mut C,
        bit: bool,
        node: usize,
        given: &Given<N, S>,
    ) -> bool {
        let inner = 1 + node % BLOCK;
        let inputs = self.inputs(inner);
        let own = self.tree.nodes().min(OWN + 1);
        let node = node.min(OWN);
        let mut places = [0; S];
        let mut sums = [0; S];
        let mut total = 0;
        for set in 0..S {
            let selection = given.selections[set].min(self.shape.selections[set] - 1);
            places[set] = selection as usize * own + node;
            sums[set] = dot(&inputs, &self.weights[set][places[set]].values);
            total += sums[set].clamp(-8191, 8191);
        }
        let mixed = total / S as i32;
        let together = squash(mixed);
        let mut p = together;
        let corrected = self.shape.corrections[0] > 0;
        if corrected {
            let mut sum = 2 * p;
            for (at, correction) in self.corrections.iter_mut().enumerate() {
                let context = given.corrections[at].min(self.shape.corrections[at].max(1) - 1);
                sum += correction.refine(mixed, context as usize * own + node);
            }
            p = (sum / 4).clamp(1, 65_535);
        }
        let bit = coder.code(bit, p);
        let target = if bit { 65_536 } else { 0 };
        let (first, last) = self.shape.rates;
        for set in 0..S {
            let weights = &mut self.weights[set][places[set]];
            let rate = last + (first - last) * 32 / (32 + weights.learnt as i32);
            let said = if self.large {
                together
            } else {
                squash(sums[set])
            };
            train(
                &inputs,
                &mut weights.values,
                (target - said as i32) >> 1,
                rate,
            );
            weights.learnt = (weights.learnt + 1).min(65_535);
        }
        if corrected {
            for correction in &mut self.corrections {
                correction.update(bit);
            }
        }
        for block in &mut self.present {
            block.0[inner & 7].update(bit, self.shape.limit);
        }
        bit
    }

    /// What the contexts say of the node in slot `inner` of their blocks.
    #[inline]
    fn inputs(&self, inner: usize) -> [i16; I] {
        let mut inputs = [0i16; I];
        for at in 0..N {
            let slot = self.present[at].0[inner & 7];
            let (p, x) = (slot.p(), slot.stretched());
            let known = slot.count().min(32) as i32;
            inputs[2 * at] = x as i16;
            inputs[2 * at + 1] = if self.large {
                ((p as i32 - 32_768) * known >> 10) as i16
            } else {
                (x * known >> 5) as i16
            };
        }
        if I > 2 * N {
            inputs[2 * N] = 77;
        }
        inputs
    }

    /// Codes a symbol that is not in the alphabet.
    #[cold]
    fn escape<C: Coder>(&mut self, coder: &mut C, symbol: u8) -> u8 {
        let mut node = 1;
        for shift in (0..8).rev() {
            let slot = &mut self.escaped[node];
            let bit = coder.code(symbol >> shift & 1 == 1, slot.p().clamp(1, 65_535));
            slot.update(bit, 255);
            node = node * 2 + usize::from(bit);
        }
        node as u8
    }
}
