//! The bits of a DEFLATE stream, lowest first, read and written.

/// Reads bits.
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits of `held` not yet taken.
    count: u32,
    held: u64,
    /// Next byte to hold.
    next: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader {
            bytes,
            count: 0,
            held: 0,
            next: 0,
        }
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(&byte) = self.bytes.get(self.next) else {
                return;
            };
            self.held |= u64::from(byte) << self.count;
            self.count += 8;
            self.next += 1;
        }
    }

    /// The next 16 bits without taking them; zeros stand for what is past the end.
    pub(crate) fn peek(&mut self) -> u16 {
        self.fill();
        self.held as u16
    }

    /// The next `count` bits, at most 16; `None` at the end.
    pub(crate) fn take(&mut self, count: u32) -> Option<u32> {
        self.fill();
        self.count = self.count.checked_sub(count)?;
        let value = self.held & ((1 << count) - 1);
        self.held >>= count;
        Some(value as u32)
    }

    /// Goes to the next byte border; the bits passed over must be zeros.
    pub(crate) fn align(&mut self) -> Option<()> {
        (self.take(self.count & 7)? == 0).then_some(())
    }

    /// Passes over `count` whole bytes after a byte border.
    pub(crate) fn skip_bytes(&mut self, count: usize) -> Option<()> {
        let position = self.next - (self.count / 8) as usize;
        let next = position.checked_add(count)?;
        self.bytes.get(..next)?;
        (self.held, self.count, self.next) = (0, 0, next);
        Some(())
    }

    /// Whether no byte is left.
    pub(crate) fn is_at_end(&self) -> bool {
        self.count < 8 && self.next == self.bytes.len()
    }
}

/// Writes bits into at most `limit` bytes.
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    limit: usize,
    held: u64,
    count: u32,
}

impl BitWriter {
    pub(crate) fn new(limit: usize) -> BitWriter {
        BitWriter {
            bytes: Vec::new(),
            limit,
            held: 0,
            count: 0,
        }
    }

    /// Writes the low `count` bits of `value`, at most 32; `None` when the limit is reached.
    pub(crate) fn put(&mut self, value: u32, count: u32) -> Option<()> {
        self.held |= u64::from(value) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
        (self.bytes.len() <= self.limit).then_some(())
    }

    /// Writes zeros up to the next byte border.
    pub(crate) fn align(&mut self) -> Option<()> {
        self.put(0, self.count.wrapping_neg() & 7)
    }

    /// Writes whole bytes after a byte border.
    pub(crate) fn put_bytes(&mut self, bytes: &[u8]) -> Option<()> {
        if bytes.len() > self.limit.saturating_sub(self.bytes.len()) {
            return None;
        }
        self.bytes.extend_from_slice(bytes);
        Some(())
    }

    /// The bytes written, the last filled with zeros.
    pub(crate) fn finish(mut self) -> Option<Vec<u8>> {
        self.align()?;
        Some(self.bytes)
    }
}
