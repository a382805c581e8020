//! The bit buffer: least significant bit first, in a slice with a fixed limit.
//!
//! ISA-L gives up on a block when its buffer runs short, and the point where it does decides
//! between compressed and stored bytes, so that rule is kept here to the byte.

/// Bytes ISA-L wants free beyond the whole bytes written, as each write stores eight.
pub(crate) const SLOP: usize = 8;

/// Writes bits into a slice that is [`SLOP`] bytes longer than its limit.
pub(crate) struct Bits<'a> {
    bytes: &'a mut [u8],
    limit: usize,
    at: usize,
    pending: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(bytes: &'a mut [u8], limit: usize) -> Self {
        Self {
            bytes,
            limit,
            at: 0,
            pending: 0,
            count: 0,
        }
    }

    /// Adds the `length` low bits of `code`, at most 56; the bits above them must be zero.
    /// Past the end of the slice nothing is stored, and [`Bits::is_full`] says so.
    #[inline]
    pub(crate) fn put(&mut self, code: u64, length: u32) {
        self.pending |= code << self.count;
        self.count += length;
        let free = self.bytes.get_mut(self.at..);
        if let Some(slot) = free.and_then(|free| free.first_chunk_mut::<8>()) {
            *slot = self.pending.to_le_bytes();
        }
        let whole = self.count >> 3;
        self.at += whole as usize;
        self.pending >>= whole * 8;
        self.count &= 7;
    }

    /// Adds whole bytes after filling the current byte with zero bits.
    pub(crate) fn put_bytes(&mut self, bytes: &[u8]) {
        self.align();
        for &byte in bytes {
            self.put(u64::from(byte), 8);
        }
    }

    /// Fills the current byte with zero bits.
    pub(crate) fn align(&mut self) {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
    }

    /// The bytes written so far, without the unfinished one.
    pub(crate) fn whole_bytes(&self) -> &[u8] {
        &self.bytes[..self.at.min(self.bytes.len())]
    }

    /// Whether ISA-L would stop before another symbol.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.at + SLOP > self.limit
    }

    /// Bits of the current, unfinished byte.
    pub(crate) fn pending(&self) -> u32 {
        self.count
    }

    /// Bytes left, the unfinished one counted as left.
    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.at)
    }

    /// Bits written so far.
    pub(crate) fn position(&self) -> u64 {
        self.at as u64 * 8 + u64::from(self.count)
    }

    /// Ends the stream: its length in bytes, or nothing when there was not room for it.
    pub(crate) fn finish(&mut self) -> Option<usize> {
        if self.count > 0 {
            if self.is_full() {
                return None;
            }
            self.align();
        }
        (self.at <= self.limit).then_some(self.at)
    }
}
