//! Zstandard frames: for text and bytes that repeat.

use super::wire::damaged;
use crate::Result;

/// `decoded` as one frame. `None` if the library fails, which it does only without memory.
pub(super) fn encode(decoded: &[u8], level: i32) -> Option<Vec<u8>> {
    zstd::bulk::compress(decoded, level).ok()
}

/// The content of one frame, at most `length` bytes.
pub(super) fn decode(stored: &[u8], length: usize) -> Result<Vec<u8>> {
    zstd::bulk::decompress(stored, length)
        .map_err(|_| damaged("a Zstandard frame cannot be decoded"))
}
