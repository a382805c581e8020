//! The library behind a safe face: raw DEFLATE, window 32 KiB, default strategy.
//!
//! The whole content goes in by one `deflate(Z_FINISH)`, as every BGZF writer does. At levels 1
//! to 9 the room for output does not change the bytes, so a comparison reads them piece by
//! piece and stops at the first difference.

use libz_sys as z;
use std::mem::{MaybeUninit, size_of};
use std::ptr;

/// zlib's window of 32 KiB; negative asks for DEFLATE without a zlib header.
const RAW_WINDOW_BITS: i32 = -15;
/// Output compared at a time. zlib writes a DEFLATE block (some 20 KiB) before it looks for
/// room, so a smaller piece would not stop it earlier.
const PIECE: usize = 4096;

/// A zlib compressor of one level and memory level, used again for every block.
pub(crate) struct Library {
    /// Boxed because zlib keeps a pointer back to it.
    stream: Box<z::z_stream>,
}

// SAFETY: the stream owns all it points to (zlib's state is not tied to a thread), and every
// method takes `&mut self`.
unsafe impl Send for Library {}

impl Library {
    /// A compressor, or `None` when zlib refuses the parameters or memory is short.
    pub(crate) fn new(level: u8, memory: u8) -> Option<Library> {
        let mut stream: Box<MaybeUninit<z::z_stream>> = Box::new(MaybeUninit::zeroed());
        // SAFETY: zlib asks for a stream with null allocators and opaque pointer to use its own
        // allocator; the zeroed memory is that. The Rust type has non-null function pointers,
        // so the stream is set up through a raw pointer and becomes a value only afterwards,
        // when zlib has filled the allocators in.
        let status = unsafe {
            z::deflateInit2_(
                stream.as_mut_ptr(),
                i32::from(level),
                z::Z_DEFLATED,
                RAW_WINDOW_BITS,
                i32::from(memory),
                z::Z_DEFAULT_STRATEGY,
                z::zlibVersion(),
                size_of::<z::z_stream>() as i32,
            )
        };
        if status != z::Z_OK {
            return None;
        }
        // SAFETY: initialised by the call above.
        let stream = unsafe { Box::from_raw(Box::into_raw(stream).cast::<z::z_stream>()) };
        Some(Library { stream })
    }

    /// Fills `out` with the DEFLATE bytes of `content`; false when zlib cannot.
    pub(crate) fn deflate(&mut self, content: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        if !self.start(content) {
            return false;
        }
        // SAFETY: the stream is initialised; the bound only reads its parameters.
        let bound = unsafe { z::deflateBound(&mut *self.stream, content.len() as z::uLong) };
        out.reserve(bound as usize);
        let room = out.spare_capacity_mut();
        let Ok(available) = u32::try_from(room.len()) else {
            return false;
        };
        self.stream.next_out = room.as_mut_ptr().cast();
        self.stream.avail_out = available;
        // SAFETY: input and output pointers are valid for the lengths given.
        let status = unsafe { z::deflate(&mut *self.stream, z::Z_FINISH) };
        let written = (available - self.stream.avail_out) as usize;
        self.finish();
        if status != z::Z_STREAM_END {
            return false;
        }
        // SAFETY: zlib wrote the first `written` bytes of the spare room.
        unsafe { out.set_len(written) };
        true
    }

    /// Whether `content` gives exactly `deflate`; stops at the first piece that differs.
    pub(crate) fn makes(&mut self, content: &[u8], deflate: &[u8]) -> bool {
        if !self.start(content) {
            return false;
        }
        let mut rest = deflate;
        let mut piece = [0u8; PIECE];
        let same = loop {
            self.stream.next_out = piece.as_mut_ptr();
            self.stream.avail_out = PIECE as u32;
            // SAFETY: input and output pointers are valid for the lengths given.
            let status = unsafe { z::deflate(&mut *self.stream, z::Z_FINISH) };
            let made = &piece[..PIECE - self.stream.avail_out as usize];
            let Some(left) = rest.strip_prefix(made) else {
                break false;
            };
            rest = left;
            match status {
                z::Z_STREAM_END => break rest.is_empty(),
                z::Z_OK if !made.is_empty() => {}
                _ => break false,
            }
        };
        self.finish();
        same
    }

    /// Resets the compressor and sets the content as its input.
    fn start(&mut self, content: &[u8]) -> bool {
        let Ok(length) = u32::try_from(content.len()) else {
            return false;
        };
        // SAFETY: the stream is initialised.
        if unsafe { z::deflateReset(&mut *self.stream) } != z::Z_OK {
            return false;
        }
        self.stream.next_in = content.as_ptr().cast_mut();
        self.stream.avail_in = length;
        true
    }

    /// Drops the pointers to the caller's memory.
    fn finish(&mut self) {
        self.stream.next_in = ptr::null_mut();
        self.stream.avail_in = 0;
        self.stream.next_out = ptr::null_mut();
        self.stream.avail_out = 0;
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: the stream is initialised and not used after this.
        unsafe { z::deflateEnd(&mut *self.stream) };
    }
}
