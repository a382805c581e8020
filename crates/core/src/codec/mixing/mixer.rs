//! The mixer that most models use: a table per context, two selected weight sets, and values in several shapes.

use super::lanes::{GROUP, Lanes, Second, Weights, Work, dispatch};
use super::logistic::squash;
use super::sets::{SETTLED, Sets};
use super::slots::{Slot, Table};
use super::{Coder, hash};

/// Weight sets that a selection of 256 chooses from, and those chosen by how well known the contexts are.
const SELECTED: usize = 256;
const BY_CONFIDENCE: usize = 1024;

/// Learning rates in 1/65,536 by how often weights have learnt: from 0.023 down to 0.003.
static RATES: [i32; SETTLED + 1] = {
    let mut rates = [0; SETTLED + 1];
    let mut learnt = 0;
    while learnt < rates.len() {
        rates[learnt] = 197 + 52_429 / (40 + learnt as i32);
        learnt += 1;
    }
    rates
};

/// Classes of how often a slot has learnt: never, once or twice, up to 15 times, more often.
static KNOWN: [u8; 1024] = {
    let mut known = [3; 1024];
    let mut count = 0;
    while count < 16 {
        known[count] = match count {
            0 => 0,
            1 | 2 => 1,
            _ => 2,
        };
        count += 1;
    }
    known
};

/// Mixes `N` contexts, which are `G` groups.
///
/// A context gives two inputs: what its slot says, and the same scaled by how much it has seen. Two weight sets, one
/// selected by the caller and one by the confidence of the first five contexts, are averaged in the logistic domain.
#[derive(Clone)]
pub(crate) struct Mixer<const N: usize, const G: usize> {
    tables: [Table; N],
    places: [usize; N],
    selected: Sets<G>,
    by_confidence: Sets<G>,
    limit: u32,
}

impl<const N: usize, const G: usize> Mixer<N, G> {
    /// A mixer with 2^`bits` blocks of 64 bytes per context, whose slots learn from up to `limit` (<= 1,023) bits.
    pub(crate) fn new(bits: u32, limit: u32) -> Self {
        const { assert!(G == N.div_ceil(GROUP)) };
        // Together 2.5, because some contexts know nothing yet; the scaled input gets five parts of eight.
        let whole = (1 << 28) / N as i32 / 16;
        let mut values = [0; 2 * GROUP];
        for (at, value) in values.iter_mut().enumerate() {
            *value = if at / 4 % 2 == 0 {
                whole * 15
            } else {
                whole * 25
            };
        }
        let new = [Weights(values); G];
        Self {
            tables: std::array::from_fn(|_| Table::new(bits)),
            places: [0; N],
            selected: Sets::new(new, SELECTED),
            by_confidence: Sets::new(new, BY_CONFIDENCE),
            limit,
        }
    }

    /// Turns to the slots of `contexts` for the next up to 15 decisions; `salt` tells blocks of a value apart.
    #[inline]
    pub(crate) fn turn(&mut self, contexts: &[u32; N], salt: u32) {
        let salt = hash(salt, 1, 0, 0);
        for at in 0..N {
            let context = u64::from(contexts[at] ^ salt) | (at as u64) << 32;
            let mixed = context.wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32;
            self.places[at] = self.tables[at].find(mixed as u32);
        }
    }

    /// Codes one decision: `node` (1 to 15) is its number among those since [`Self::turn`], `selection` (wraps at 256)
    /// chooses weights.
    #[inline]
    pub(crate) fn bit<C: Coder>(
        &mut self,
        coder: &mut C,
        bit: bool,
        node: usize,
        selection: usize,
    ) -> bool {
        dispatch(Decision {
            mixer: self,
            coder,
            bit,
            node,
            selection,
        })
    }

    /// Codes one decision of its own.
    pub(crate) fn flag<C: Coder>(
        &mut self,
        coder: &mut C,
        flag: bool,
        contexts: &[u32; N],
        salt: u32,
    ) -> bool {
        self.turn(contexts, salt);
        self.bit(coder, flag, 1, 64 + salt as usize % 16)
    }

    /// Codes a symbol of `width` bits (at most 16), highest bit first, four to a turn.
    pub(crate) fn symbol<C: Coder>(
        &mut self,
        coder: &mut C,
        symbol: u32,
        width: u32,
        contexts: &[u32; N],
        salt: u32,
        selection: usize,
    ) -> u32 {
        let (mut done, mut node) = (0, 1usize);
        for level in 0..width {
            if level % 4 == 0 {
                self.turn(contexts, hash(salt, done, level, 2));
                node = 1;
            }
            let bit = symbol >> (width - 1 - level) & 1 == 1;
            let bit = self.bit(coder, bit, node, selection + level as usize);
            node = node * 2 + usize::from(bit);
            done = done * 2 + u32::from(bit);
        }
        done
    }

    /// Codes a number: how many bits it has, then the bits below the highest.
    pub(crate) fn number<C: Coder>(
        &mut self,
        coder: &mut C,
        number: u64,
        contexts: &[u32; N],
        salt: u32,
    ) -> u64 {
        let bits = 64 - number.leading_zeros();
        let mut bits = self.symbol(coder, bits.min(15), 4, contexts, hash(salt, 3, 0, 0), 96);
        if bits == 15 {
            let rest = (64 - number.leading_zeros()).saturating_sub(15);
            bits += self.symbol(coder, rest, 6, contexts, hash(salt, 4, 0, 0), 104);
        }
        if bits < 2 {
            return bits.into();
        }
        let mut done = 1u64;
        for (level, shift) in (0..bits.min(64) - 1).rev().enumerate() {
            if level % 3 == 0 {
                // After nine bits only the place counts: the lower bits of large numbers are noise.
                let known = if level < 9 { done as u32 } else { 0 };
                self.turn(contexts, hash(salt, known, bits, 4 + level as u32));
            }
            let node = if level % 3 == 0 {
                1
            } else {
                1 << (level % 3) | (done as usize & ((1 << (level % 3)) - 1))
            };
            let selection = 128 + level.min(7) + 8 * (bits as usize / 2).min(15);
            let bit = self.bit(coder, number >> shift & 1 == 1, node, selection);
            done = done << 1 | u64::from(bit);
        }
        done
    }

    /// Codes a number that may be negative: its magnitude, then its sign.
    pub(crate) fn signed<C: Coder>(
        &mut self,
        coder: &mut C,
        number: i64,
        contexts: &[u32; N],
        salt: u32,
    ) -> i64 {
        let magnitude = self.number(coder, number.unsigned_abs(), contexts, salt);
        if magnitude == 0 {
            return 0;
        }
        let bits = 64 - magnitude.leading_zeros();
        self.turn(contexts, hash(salt, bits, 5, 0));
        if self.bit(coder, number < 0, 1, 127) {
            (magnitude as i64).wrapping_neg()
        } else {
            magnitude as i64
        }
    }
}

/// The work on a decision.
struct Decision<'a, C, const N: usize, const G: usize> {
    mixer: &'a mut Mixer<N, G>,
    coder: &'a mut C,
    bit: bool,
    node: usize,
    selection: usize,
}

impl<C: Coder, const N: usize, const G: usize> Work for Decision<'_, C, N, G> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> bool {
        let mixer = self.mixer;
        let mut slots = [[Slot::NEW; GROUP]; G];
        let mut confidence = 0;
        for at in 0..N {
            let slot = mixer.tables[at].slot(mixer.places[at], self.node);
            slots[at / GROUP][at % GROUP] = slot;
            if at < 5 {
                confidence |= usize::from(KNOWN[slot.count() as usize]) << (2 * at);
            }
        }
        let (first, second) = (self.selection % SELECTED, confidence % BY_CONFIDENCE);
        let mut inputs = [lanes.none(); G];
        for group in 0..G {
            inputs[group] = lanes.inputs(&slots[group], Second::Sure);
        }
        let x = mixer.selected.weigh(lanes, &inputs, first);
        let y = mixer.by_confidence.weigh(lanes, &inputs, second);
        let bit = self.coder.code(self.bit, squash((x + y) >> 1));
        let target = if bit { 65_536 } else { 0 };
        let error = |x| (target - squash(x) as i32) >> 1;
        let (selected, by_confidence) = (&mut mixer.selected, &mut mixer.by_confidence);
        selected.learn(lanes, &inputs, first, error(x), &RATES);
        by_confidence.learn(lanes, &inputs, second, error(y), &RATES);
        for slots in &mut slots {
            lanes.learn(slots, bit, mixer.limit);
        }
        for at in 0..N {
            let slot = slots[at / GROUP][at % GROUP];
            mixer.tables[at].put(mixer.places[at], self.node, slot);
        }
        bit
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Decoder, Encoder};
    use super::*;

    #[test]
    fn numbers_of_every_size_come_back() {
        let mut numbers: Vec<i64> = (0..63).flat_map(|bit| [1 << bit, (1 << bit) - 1]).collect();
        numbers.extend((0..63).map(|bit| -(1i64 << bit) - 1));
        numbers.extend([0, i64::MIN, i64::MAX]);
        let mut encoder = Encoder::new();
        let mut mixer = Mixer::<2, 1>::new(10, 255);
        for &number in &numbers {
            mixer.signed(&mut encoder, number, &[1, 2], 3);
        }
        let stored = encoder.finish();
        let mut decoder = Decoder::new(&stored);
        let mut mixer = Mixer::<2, 1>::new(10, 255);
        for &number in &numbers {
            assert_eq!(mixer.signed(&mut decoder, 0, &[1, 2], 3), number);
        }
        decoder.finish().unwrap();
    }

    #[test]
    fn a_value_that_follows_from_a_context_costs_next_to_nothing() {
        let mut encoder = Encoder::new();
        let mut mixer = Mixer::<3, 1>::new(12, 255);
        let mut state = 7u32;
        for at in 0..20_000u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let context = state >> 28;
            mixer.symbol(&mut encoder, context * 13 & 255, 8, &[context, at, 0], 1, 0);
        }
        assert!(encoder.finish().len() < 500);
    }
}
