//! The range coder below every binary coder: a range of 32 bits is split in two at each bit, carries are passed on, and a
//! byte leaves when the range has become small. Who uses it says where to split.

/// The range is refilled by one byte when it falls below this.
const BOTTOM: u32 = 1 << 24;

/// Writes bits.
pub(super) struct RangeEncoder {
    low: u64,
    range: u32,
    out: Vec<u8>,
}

impl RangeEncoder {
    pub(super) fn new() -> Self {
        Self {
            low: 0,
            range: u32::MAX,
            out: Vec::new(),
        }
    }

    /// How long the range is.
    #[inline(always)]
    pub(super) fn range(&self) -> u32 {
        self.range
    }

    /// Bytes that have left.
    #[inline(always)]
    pub(super) fn written(&self) -> usize {
        self.out.len()
    }

    /// Keeps the lower part of the range, which is `split` long, or what is above it.
    #[inline(always)]
    pub(super) fn put(&mut self, split: u32, lower: bool) {
        if lower {
            self.range = split;
        } else {
            self.low += u64::from(split);
            self.range -= split;
        }
        self.settle();
    }

    /// Keeps the part of the range from `from` to `to`, which lie within it and are not equal.
    #[inline(always)]
    pub(super) fn keep(&mut self, from: u32, to: u32) {
        self.low += u64::from(from);
        self.range = to - from;
        self.settle();
    }

    #[inline(always)]
    fn settle(&mut self) {
        while self.range < BOTTOM {
            self.range <<= 8;
            self.shift();
        }
    }

    /// Keeps the part of `whole` from `start` to `end`; the part that ends the whole takes the rounding too.
    #[inline(always)]
    pub(super) fn put_part(&mut self, start: u32, end: u32, whole: u32) {
        let unit = self.range / whole;
        self.low += u64::from(unit * start);
        self.range = if end == whole {
            self.range - unit * start
        } else {
            unit * (end - start)
        };
        self.settle();
    }

    /// Moves the top byte of `low` out, passing a carry into the bytes already written.
    fn shift(&mut self) {
        if self.low >> 32 != 0 {
            for byte in self.out.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
        self.out.push((self.low >> 24) as u8);
        self.low = (self.low & 0x00ff_ffff) << 8;
    }

    /// Moves to the number within the range that has most zeros at its end: they are not written.
    pub(super) fn round(&mut self) {
        let keep = self.range.ilog2().saturating_sub(1);
        self.low = (self.low + (1 << keep) - 1) >> keep << keep;
    }

    /// The stored bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for _ in 0..4 {
            self.shift();
        }
        // The decoder reads zeros after the end.
        while self.out.last() == Some(&0) {
            self.out.pop();
        }
        self.out
    }
}

/// Reads what [`RangeEncoder`] wrote.
pub(super) struct RangeDecoder<'a> {
    code: u32,
    range: u32,
    rest: std::slice::Iter<'a, u8>,
}

impl<'a> RangeDecoder<'a> {
    pub(super) fn new(stored: &'a [u8]) -> Self {
        let mut this = Self {
            code: 0,
            range: u32::MAX,
            rest: stored.iter(),
        };
        for _ in 0..4 {
            this.refill();
        }
        this
    }

    fn refill(&mut self) {
        self.code = self.code << 8 | u32::from(self.rest.next().copied().unwrap_or(0));
    }

    /// How long the range is.
    #[inline(always)]
    pub(super) fn range(&self) -> u32 {
        self.range
    }

    /// Whether the lower part of the range, which is `split` long, was kept.
    #[inline(always)]
    pub(super) fn get(&mut self, split: u32) -> bool {
        let lower = self.code < split;
        if lower {
            self.range = split;
        } else {
            self.code -= split;
            self.range -= split;
        }
        self.settle();
        lower
    }

    /// Where in the range the number lies that was written.
    #[inline(always)]
    pub(super) fn at(&self) -> u32 {
        self.code
    }

    /// Takes the part of the range from `from` to `to`, in which the number lies.
    #[inline(always)]
    pub(super) fn take(&mut self, from: u32, to: u32) {
        self.code -= from;
        self.range = to - from;
        self.settle();
    }

    #[inline(always)]
    fn settle(&mut self) {
        while self.range < BOTTOM {
            self.range <<= 8;
            self.refill();
        }
    }

    /// A point of `whole` that lies in the part that was kept. [`Self::take_part`] must follow.
    #[inline(always)]
    pub(super) fn point(&self, whole: u32) -> u32 {
        (self.code / (self.range / whole)).min(whole - 1)
    }

    /// Goes on within the part from `start` to `end`, in which [`Self::point`] lies.
    #[inline(always)]
    pub(super) fn take_part(&mut self, start: u32, end: u32, whole: u32) {
        let unit = self.range / whole;
        self.code -= unit * start;
        self.range = if end == whole {
            self.range - unit * start
        } else {
            unit * (end - start)
        };
        self.settle();
    }

    /// Whether all stored bytes were read.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.len() == 0
    }
}
