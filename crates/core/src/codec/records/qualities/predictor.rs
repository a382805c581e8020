//! A predictor for strings of qualities and what looks like them: symbols through a [`Tree`], each decision mixed from
//! `N` contexts whose tables have no owners, by `S` selected weight sets, and corrected by two small contexts.
//!
//! Tables are found by hash alone: strings of qualities meet few contexts often, so that collisions cost less than
//! looking after owners does.

use super::super::super::mixing::{Coder, Slot, dot, hash, squash, train};
use super::refine::Refine;
use super::tree::{Step, Tree};

/// Nodes from this on share weights and corrections: they are rare.
const OWN: usize = 63;

/// Slots that share a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([Slot; 16]);

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
    /// Slots of a context stand together: 4 or 8 of them are a block, within a line.
    lines: Vec<Line>,
    block_bits: u32,
    weights: [Vec<Weights<I>>; S],
    corrections: [Refine; 2],
    /// Plain symbols that are not in the alphabet.
    escaped: Vec<Slot>,
    /// First slots of the contexts' present blocks.
    places: [u32; N],
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
            lines: vec![Line([Slot::NEW; 16]); N << (shape.bits - 4)],
            block_bits: nodes.next_power_of_two().ilog2().clamp(2, 3),
            weights: shape
                .selections
                .map(|count| vec![new.clone(); count as usize * own]),
            corrections: shape
                .corrections
                .map(|count| Refine::new(count as usize * own)),
            escaped: vec![Slot::NEW; 256],
            places: [0; N],
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
        let mut block = usize::MAX;
        loop {
            match step {
                Step::Node(node) => {
                    if node >> self.block_bits != block {
                        block = node >> self.block_bits;
                        self.turn(&given.contexts, block as u32);
                    }
                    let bit = self.bit(coder, path & 1 == 1, node, given);
                    path >>= 1;
                    step = self.tree.follow(node, bit);
                }
                Step::Symbol(symbol) => return symbol,
                Step::Escape => return self.escape(coder, symbol),
            }
        }
    }

    /// Finds the contexts' blocks for the nodes of block `block`.
    #[inline]
    fn turn(&mut self, contexts: &[u32; N], block: u32) {
        let shift = 32 - (self.shape.bits - self.block_bits);
        for at in 0..N {
            let mixed = contexts[at]
                .wrapping_add(block.wrapping_mul(0x9E37_79B9))
                .wrapping_mul(0x2545_F491);
            self.places[at] = (at as u32) << self.shape.bits | mixed >> shift << self.block_bits;
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
        let inner = node as u32 & ((1 << self.block_bits) - 1);
        let mut inputs = [0i16; I];
        for at in 0..N {
            let place = (self.places[at] + inner) as usize;
            let slot = self.lines[place >> 4].0[place & 15];
            let x = slot.stretched();
            inputs[2 * at] = x as i16;
            inputs[2 * at + 1] = (x * slot.count().min(32) as i32 >> 5) as i16;
        }
        if I > 2 * N {
            inputs[2 * N] = 77;
        }
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
        let mut p = squash(mixed);
        let corrected = self.shape.corrections[0] > 0;
        if corrected {
            let mut sum = 2 * p;
            for (at, correction) in self.corrections.iter_mut().enumerate() {
                let context = given.corrections[at].min(self.shape.corrections[at] - 1);
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
            let error = (target - squash(sums[set]) as i32) >> 1;
            train(&inputs, &mut weights.values, error, rate);
            weights.learnt = (weights.learnt + 1).min(65_535);
        }
        if corrected {
            for correction in &mut self.corrections {
                correction.update(bit);
            }
        }
        for at in 0..N {
            let place = (self.places[at] + inner) as usize;
            self.lines[place >> 4].0[place & 15].update(bit, self.shape.limit);
        }
        bit
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
