//! A predictor for strings of qualities and what looks like them: symbols through a [`Tree`], each decision mixed from
//! `N` contexts by `S` selected weight sets, and corrected by two small contexts.

use super::super::super::mixing::{
    Coder, GROUP, Lanes, SETTLED, Second, Sets, Slot, Weights, Work, dispatch, squash,
};
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

/// The predictor of `N` contexts, which are `G` groups.
#[derive(Clone)]
pub(crate) struct Predictor<const N: usize, const G: usize, const S: usize> {
    tree: Tree,
    shape: Shape<S>,
    /// Blocks of all contexts, those of a context together.
    blocks: Vec<Block>,
    /// By selection and node.
    weights: [Sets<G>; S],
    /// Learning rates of weights by how often they have learnt.
    rates: Box<[i32; SETTLED + 1]>,
    corrections: [Refine; 2],
    /// Plain symbols that are not in the alphabet.
    escaped: Vec<Slot>,
    /// Whether the alphabet is large: then weight sets learn from the error that they make together, and the second
    /// input of a context is linear in its probability.
    large: bool,
}

impl<const N: usize, const G: usize, const S: usize> Predictor<N, G, S> {
    /// A predictor that has learnt nothing.
    pub(crate) fn new(tree: Tree, shape: Shape<S>) -> Self {
        const { assert!(G == N.div_ceil(GROUP) && S > 0) };
        let nodes = tree.nodes().max(1);
        let own = nodes.min(OWN + 1);
        // Together 1.3, as slots do not know all at first.
        let first = (13 << 28) / 20 / N as i32;
        let new = [Weights([first; 2 * GROUP]); G];
        let (first, last) = shape.rates;
        let mut rates = Box::new([last; SETTLED + 1]);
        for (learnt, rate) in rates[..SETTLED].iter_mut().enumerate() {
            *rate += (first - last) * 32 / (32 + learnt as i32);
        }
        Self {
            blocks: vec![Block([Slot::NEW; 8]); N << (shape.bits - 3)],
            weights: shape
                .selections
                .map(|count| Sets::new(new, count as usize * own)),
            rates,
            corrections: shape
                .corrections
                .map(|count| Refine::new(count as usize * own)),
            escaped: vec![Slot::NEW; 256],
            large: tree.symbols() > FEW,
            tree,
            shape,
        }
    }

    /// The tree of the alphabet.
    #[inline(always)]
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Codes a symbol.
    pub(crate) fn symbol<C: Coder>(
        &mut self,
        coder: &mut C,
        symbol: u8,
        given: &Given<N, S>,
    ) -> u8 {
        dispatch(One {
            predictor: self,
            coder,
            symbol,
            given,
        })
    }

    /// Codes a symbol as part of work with `lanes`.
    #[inline(always)]
    pub(crate) fn symbol_with<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        symbol: u8,
        given: &Given<N, S>,
    ) -> u8 {
        let mut path = self.tree.path(symbol);
        let mut step = self.tree.start();
        let mut places = [0; N];
        let mut block = usize::MAX;
        loop {
            match step {
                Step::Node(node) => {
                    if node / BLOCK != block {
                        block = node / BLOCK;
                        places = self.find(&given.contexts, block as u32);
                    }
                    let bit = self.bit(lanes, coder, path & 1 == 1, node, given, &places);
                    path >>= 1;
                    step = self.tree.follow(node, bit);
                }
                Step::Symbol(symbol) => return symbol,
                Step::Escape => return self.escape(coder, symbol),
            }
        }
    }

    /// Finds the contexts' blocks for the nodes of block `block`.
    #[inline(always)]
    fn find(&mut self, contexts: &[u32; N], block: u32) -> [usize; N] {
        let bits = self.shape.bits - 3;
        let mut places = [0; N];
        for at in 0..N {
            // Contexts are hashes already.
            let mut mixed = contexts[at];
            if block > 0 {
                mixed = (mixed ^ block.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x2545_F491);
                mixed ^= mixed >> 15;
            }
            let owner = Slot::owner(mixed);
            let first = at << bits | (mixed >> (32 - bits)) as usize;
            places[at] = if self.blocks[first].0[0] == owner {
                first
            } else {
                self.elsewhere(first, owner)
            };
        }
        places
    }

    /// The block of `owner`, which is not in its first place. If it is in neither, the less used of the two makes room.
    #[inline(never)]
    fn elsewhere(&mut self, first: usize, owner: Slot) -> usize {
        let second = first ^ 1;
        if self.blocks[second].0[0] == owner {
            return second;
        }
        let used = |place: usize| self.blocks[place].0[1].count();
        let place = if used(second) < used(first) {
            second
        } else {
            first
        };
        self.blocks[place] = Block([Slot::NEW; 8]);
        self.blocks[place].0[0] = owner;
        place
    }

    #[inline(always)]
    fn bit<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        bit: bool,
        node: usize,
        given: &Given<N, S>,
        blocks: &[usize; N],
    ) -> bool {
        let inner = (1 + node % BLOCK) & 7;
        let mut slots = [[Slot::NEW; GROUP]; G];
        for at in 0..N {
            slots[at / GROUP][at % GROUP] = self.blocks[blocks[at]].0[inner];
        }
        let second = if self.large {
            Second::Linear
        } else {
            Second::Scaled
        };
        let mut inputs = [lanes.none(); G];
        for group in 0..G {
            inputs[group] = lanes.inputs(&slots[group], second);
        }
        let own = self.tree.nodes().min(OWN + 1);
        let node = node.min(OWN);
        let mut places = [0; S];
        let mut sums = [0; S];
        let mut total = 0;
        for set in 0..S {
            let selection = given.selections[set].min(self.shape.selections[set] - 1);
            places[set] = selection as usize * own + node;
            sums[set] = self.weights[set].weigh(lanes, &inputs, places[set]);
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
        for set in 0..S {
            let said = if self.large {
                together
            } else {
                squash(sums[set])
            };
            let error = (target - said as i32) >> 1;
            self.weights[set].learn(lanes, &inputs, places[set], error, &self.rates);
        }
        if corrected {
            for correction in &mut self.corrections {
                correction.update(bit);
            }
        }
        for slots in &mut slots {
            lanes.learn(slots, bit, self.shape.limit);
        }
        for at in 0..N {
            self.blocks[blocks[at]].0[inner] = slots[at / GROUP][at % GROUP];
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

/// The work on a symbol.
struct One<'a, C, const N: usize, const G: usize, const S: usize> {
    predictor: &'a mut Predictor<N, G, S>,
    coder: &'a mut C,
    symbol: u8,
    given: &'a Given<N, S>,
}

impl<C: Coder, const N: usize, const G: usize, const S: usize> Work for One<'_, C, N, G, S> {
    type Output = u8;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> u8 {
        self.predictor
            .symbol_with(lanes, self.coder, self.symbol, self.given)
    }
}
