//! Decoding of raw DEFLATE, by libdeflate, with the memory bounded by the caller.

use libdeflate_sys as sys;
use std::fmt;
use std::ptr::{self, NonNull};

/// First guess of how many content bytes a DEFLATE byte gives: BAM gives about 4.
const USUAL_GROWTH: usize = 4;
/// Smallest room tried, in bytes: the content of one BGZF block.
const LEAST_ROOM: usize = 65_536;

/// Why a DEFLATE stream was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InflateError {
    /// The bytes are no DEFLATE stream, or end before the stream does.
    Damaged,
    /// The content is longer than the caller allows.
    TooLong,
    /// The system gave no memory.
    NoMemory,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InflateError::Damaged => "not a whole DEFLATE stream",
            InflateError::TooLong => "DEFLATE content longer than allowed",
            InflateError::NoMemory => "no memory to decode DEFLATE",
        })
    }
}

impl std::error::Error for InflateError {}

/// A DEFLATE decoder, used again for every block; one per thread.
pub struct Inflater {
    /// Made at the first use.
    decompressor: Option<NonNull<sys::libdeflate_decompressor>>,
}

// SAFETY: the decompressor owns its memory, is not tied to a thread, and every method takes
// `&mut self`.
unsafe impl Send for Inflater {}

impl Default for Inflater {
    fn default() -> Self {
        Inflater::new()
    }
}

impl Inflater {
    /// A decoder that takes its memory (some 10 KiB) at the first use.
    pub fn new() -> Inflater {
        Inflater { decompressor: None }
    }

    /// Decodes the raw DEFLATE stream that starts at `deflate[0]` into `content` (cleared
    /// first) and says how many bytes of `deflate` it took. The content may have at most
    /// `max_content` bytes, and no more memory than that is taken for it.
    pub fn inflate(
        &mut self,
        deflate: &[u8],
        content: &mut Vec<u8>,
        max_content: usize,
    ) -> Result<usize, InflateError> {
        content.clear();
        let mut room = deflate
            .len()
            .saturating_mul(USUAL_GROWTH)
            .max(LEAST_ROOM)
            .max(content.capacity())
            .min(max_content);
        loop {
            content
                .try_reserve_exact(room)
                .map_err(|_| InflateError::NoMemory)?;
            // SAFETY: the vector has at least `room` bytes of capacity.
            match unsafe { self.decode(deflate, content.as_mut_ptr(), room) } {
                Ok((taken, made)) => {
                    // SAFETY: the decoder wrote the first `made` bytes, at most `room`.
                    unsafe { content.set_len(made) };
                    return Ok(taken);
                }
                Err(InflateError::TooLong) if room < max_content => {
                    room = room.saturating_mul(2).min(max_content);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Decodes a raw DEFLATE stream whose content length is known. True when the stream is
    /// sound, takes all of `deflate` and fills all of `content`; otherwise the bytes in
    /// `content` mean nothing.
    pub fn inflate_exact(&mut self, deflate: &[u8], content: &mut [u8]) -> bool {
        // SAFETY: the slice is valid for its length.
        let decoded = unsafe { self.decode(deflate, content.as_mut_ptr(), content.len()) };
        decoded == Ok((deflate.len(), content.len()))
    }

    /// Decodes into `room` bytes at `out`; gives the bytes taken and made.
    ///
    /// # Safety
    /// `out` must be valid for writes of `room` bytes.
    unsafe fn decode(
        &mut self,
        deflate: &[u8],
        out: *mut u8,
        room: usize,
    ) -> Result<(usize, usize), InflateError> {
        let decompressor = match self.decompressor {
            Some(decompressor) => decompressor,
            None => {
                // SAFETY: no conditions.
                let fresh = NonNull::new(unsafe { sys::libdeflate_alloc_decompressor() })
                    .ok_or(InflateError::NoMemory)?;
                *self.decompressor.insert(fresh)
            }
        };
        let (mut taken, mut made) = (0, 0);
        // SAFETY: the decompressor is alive, and both buffers are valid for the lengths given.
        let result = unsafe {
            sys::libdeflate_deflate_decompress_ex(
                decompressor.as_ptr(),
                deflate.as_ptr().cast(),
                deflate.len(),
                out.cast(),
                room,
                ptr::from_mut(&mut taken),
                ptr::from_mut(&mut made),
            )
        };
        match result {
            sys::libdeflate_result_LIBDEFLATE_SUCCESS => Ok((taken, made)),
            sys::libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE => Err(InflateError::TooLong),
            _ => Err(InflateError::Damaged),
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        if let Some(decompressor) = self.decompressor {
            // SAFETY: the decompressor is alive and not used after this.
            unsafe { sys::libdeflate_free_decompressor(decompressor.as_ptr()) };
        }
    }
}
