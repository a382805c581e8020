//! A binary range coder with adaptive probabilities: the corrections are written with it.
//!
//! The corrections of a block are a few hundred bytes, so a probability moves fast at first and
//! slower the more bits it has seen. All arithmetic is on integers: the same bytes everywhere.

/// Bits of a probability.
const PRECISION: u32 = 16;
/// The range is widened when it falls below this.
const LEAST_RANGE: u32 = 1 << 24;
/// Slowest adaptation: one part in 2^5 of the error per bit.
const SLOWEST: u8 = 5;
/// How far the reader may look past the end: the bytes that it holds at once.
const READ_AHEAD: usize = 4;

/// Probability that the next bit is 0, and how fast it still moves.
#[derive(Clone, Copy)]
pub(super) struct Context {
    zero: u16,
    shift: u8,
}

impl Context {
    /// A context that has seen nothing.
    pub(super) const NEW: Context = Context {
        zero: 1 << (PRECISION - 1),
        shift: 1,
    };

    fn split(self, range: u32) -> u32 {
        // From 32 to 65,504 of 65,536, so that neither part is empty.
        (range >> PRECISION) * u32::from(self.zero.clamp(32, 65_504))
    }

    fn learn(&mut self, bit: bool) {
        if bit {
            self.zero -= self.zero >> self.shift;
        } else {
            self.zero += (u16::MAX - self.zero) >> self.shift;
        }
        self.shift = (self.shift + 1).min(SLOWEST);
    }
}

/// Either side of the coder: the same code writes and reads, so the two cannot differ.
pub(super) trait Coder {
    /// Codes one bit. A writer takes `bit` and gives it back; a reader ignores it and gives the
    /// bit read.
    fn bit(&mut self, context: &mut Context, bit: bool) -> bool;

    /// Codes `count` bits of `value` with a tree of contexts; `tree` has 2^count of them.
    fn tree(&mut self, tree: &mut [Context], count: u32, value: u32) -> u32 {
        let mut node = 1u32;
        for place in (0..count).rev() {
            let Some(context) = tree.get_mut(node as usize) else {
                return 0;
            };
            let bit = self.bit(context, value >> place & 1 == 1);
            node = node << 1 | u32::from(bit);
        }
        node - (1 << count)
    }

    /// Codes `count` bits of `value` that nothing predicts.
    fn plain(&mut self, count: u32, value: u32) -> u32 {
        let mut coded = 0;
        for place in (0..count).rev() {
            let mut even = Context::NEW;
            let bit = self.bit(&mut even, value >> place & 1 == 1);
            coded = coded << 1 | u32::from(bit);
        }
        coded
    }

    /// Whether the reader has read more than there was.
    fn exhausted(&self) -> bool;
}

/// Writes bits into bytes.
pub(super) struct Writer {
    low: u64,
    range: u32,
    /// Bytes held back because a carry may still reach them: one, then a run of 0xFF.
    held: Option<u8>,
    run: usize,
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn new(bytes: Vec<u8>) -> Writer {
        Writer {
            low: 0,
            range: u32::MAX,
            held: None,
            run: 0,
            bytes,
        }
    }

    fn shift(&mut self) {
        let carry = (self.low >> 32) as u8;
        if carry == 1 || self.low < 0xFF00_0000 {
            if let Some(held) = self.held {
                self.bytes.push(held.wrapping_add(carry));
            }
            let filler = 0xFFu8.wrapping_add(carry);
            self.bytes.extend(std::iter::repeat_n(filler, self.run));
            self.run = 0;
            self.held = Some((self.low >> 24) as u8);
        } else {
            self.run += 1;
        }
        self.low = (self.low & 0x00FF_FFFF) << 8;
    }

    /// The bytes written. Zero bytes at the end are left out: the reader takes them as read.
    pub(super) fn finish(mut self) -> Vec<u8> {
        // A value inside the range that has as many zero bits at its end as can be.
        let top = self.low + u64::from(self.range) - 1;
        let place = 63 - (self.low ^ top).leading_zeros().min(63);
        let value = top >> place << place;
        if value >= self.low {
            self.low = value;
        }
        for _ in 0..5 {
            self.shift();
        }
        while self.bytes.last() == Some(&0) {
            self.bytes.pop();
        }
        self.bytes
    }
}

impl Coder for Writer {
    fn bit(&mut self, context: &mut Context, bit: bool) -> bool {
        let split = context.split(self.range);
        if bit {
            self.low += u64::from(split);
            self.range -= split;
        } else {
            self.range = split;
        }
        context.learn(bit);
        while self.range < LEAST_RANGE {
            self.range <<= 8;
            self.shift();
        }
        bit
    }

    fn exhausted(&self) -> bool {
        false
    }
}

/// Reads the bits that a [`Writer`] wrote.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    next: usize,
    code: u32,
    range: u32,
    /// Zero bytes made up after the end.
    beyond: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        let mut reader = Reader {
            bytes,
            next: 0,
            code: 0,
            range: u32::MAX,
            beyond: 0,
        };
        for _ in 0..4 {
            reader.take();
        }
        reader
    }

    fn take(&mut self) {
        let byte = match self.bytes.get(self.next) {
            Some(&byte) => byte,
            None => {
                self.beyond = self.beyond.saturating_add(1);
                0
            }
        };
        self.next = self.next.saturating_add(1);
        self.code = self.code << 8 | u32::from(byte);
    }
}

impl Coder for Reader<'_> {
    fn bit(&mut self, context: &mut Context, _: bool) -> bool {
        let split = context.split(self.range);
        let bit = self.code >= split;
        if bit {
            self.code -= split;
            self.range -= split;
        } else {
            self.range = split;
        }
        context.learn(bit);
        while self.range < LEAST_RANGE {
            self.range <<= 8;
            self.take();
        }
        bit
    }

    fn exhausted(&self) -> bool {
        self.beyond > 64 * READ_AHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_written_are_bits_read() {
        for seed in 1..400u32 {
            let mut state = seed.wrapping_mul(2_654_435_761) | 1;
            let mut random = move || {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state
            };
            let rare = seed % 50 + 1;
            let bits: Vec<bool> = (0..seed * 7).map(|_| random() % rare == 0).collect();
            let mut contexts = [Context::NEW; 3];
            let mut writer = Writer::new(Vec::new());
            for (place, &bit) in bits.iter().enumerate() {
                writer.bit(&mut contexts[place % 3], bit);
            }
            writer.plain(9, seed);
            let bytes = writer.finish();
            let mut contexts = [Context::NEW; 3];
            let mut reader = Reader::new(&bytes);
            for (place, &bit) in bits.iter().enumerate() {
                assert_eq!(reader.bit(&mut contexts[place % 3], false), bit);
            }
            assert_eq!(reader.plain(9, 0), seed & 511);
            assert!(!reader.exhausted());
        }
    }
}
