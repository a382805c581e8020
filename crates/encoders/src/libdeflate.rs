//! libdeflate's compressor, four generations of it, behind a safe face.
//!
//! The newest generation comes from the crate `libdeflate-sys`; the older ones are built from
//! `vendor/` with renamed symbols. All have the same four functions, so a table per generation
//! is all that tells them apart.

use crate::encoder::Generation;
use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

/// Releases before 1.19 want spare room at the end of the output (8 bytes) and refuse output
/// that would fit without it. Room that is left over never changes the bytes.
const END_PADDING: usize = 64;

/// The functions of one generation.
struct Functions {
    alloc: unsafe extern "C" fn(c_int) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    compress: unsafe extern "C" fn(*mut c_void, *const c_void, usize, *mut c_void, usize) -> usize,
    bound: unsafe extern "C" fn(*mut c_void, usize) -> usize,
}

/// Declares the functions of a vendored generation and a table of them.
macro_rules! vendored {
    ($table:ident, $alloc:ident, $free:ident, $compress:ident, $bound:ident) => {
        unsafe extern "C" {
            fn $alloc(level: c_int) -> *mut c_void;
            fn $free(compressor: *mut c_void);
            fn $compress(
                compressor: *mut c_void,
                content: *const c_void,
                length: usize,
                out: *mut c_void,
                room: usize,
            ) -> usize;
            fn $bound(compressor: *mut c_void, length: usize) -> usize;
        }
        static $table: Functions = Functions {
            alloc: $alloc,
            free: $free,
            compress: $compress,
            bound: $bound,
        };
    };
}

vendored!(
    V1_7,
    readvault_ld17_alloc_compressor,
    readvault_ld17_free_compressor,
    readvault_ld17_deflate_compress,
    readvault_ld17_deflate_compress_bound
);
vendored!(
    V1_14,
    readvault_ld114_alloc_compressor,
    readvault_ld114_free_compressor,
    readvault_ld114_deflate_compress,
    readvault_ld114_deflate_compress_bound
);
vendored!(
    V1_18,
    readvault_ld118_alloc_compressor,
    readvault_ld118_free_compressor,
    readvault_ld118_deflate_compress,
    readvault_ld118_deflate_compress_bound
);

/// The newest generation, through `libdeflate-sys`: its typed pointers become plain ones.
static V1_26: Functions = {
    use libdeflate_sys as sys;
    unsafe extern "C" fn alloc(level: c_int) -> *mut c_void {
        // SAFETY: any level may be asked for; a bad one gives null.
        unsafe { sys::libdeflate_alloc_compressor(level).cast() }
    }
    unsafe extern "C" fn free(compressor: *mut c_void) {
        // SAFETY: the caller passes what `alloc` gave.
        unsafe { sys::libdeflate_free_compressor(compressor.cast()) }
    }
    unsafe extern "C" fn compress(
        compressor: *mut c_void,
        content: *const c_void,
        length: usize,
        out: *mut c_void,
        room: usize,
    ) -> usize {
        // SAFETY: the caller passes what `alloc` gave and valid buffers.
        unsafe { sys::libdeflate_deflate_compress(compressor.cast(), content, length, out, room) }
    }
    unsafe extern "C" fn bound(compressor: *mut c_void, length: usize) -> usize {
        // SAFETY: the caller passes what `alloc` gave.
        unsafe { sys::libdeflate_deflate_compress_bound(compressor.cast(), length) }
    }
    Functions {
        alloc,
        free,
        compress,
        bound,
    }
};

/// A libdeflate compressor of one generation and level, used again for every block.
pub(crate) struct Libdeflate {
    functions: &'static Functions,
    compressor: NonNull<c_void>,
}

// SAFETY: the compressor owns its memory, is not tied to a thread, and every method takes
// `&mut self`.
unsafe impl Send for Libdeflate {}

impl Libdeflate {
    /// A compressor, or `None` when the level is unknown or memory is short.
    pub(crate) fn new(generation: Generation, level: u8) -> Option<Libdeflate> {
        let functions = match generation {
            Generation::V1_7 => &V1_7,
            Generation::V1_14 => &V1_14,
            Generation::V1_18 => &V1_18,
            Generation::V1_26 => &V1_26,
        };
        // SAFETY: any level may be asked for; a bad one gives null.
        let compressor = NonNull::new(unsafe { (functions.alloc)(c_int::from(level)) })?;
        Some(Libdeflate {
            functions,
            compressor,
        })
    }

    /// Fills `out` with the DEFLATE bytes of `content`; false when libdeflate cannot.
    pub(crate) fn deflate(&mut self, content: &[u8], out: &mut Vec<u8>) -> bool {
        // SAFETY: the compressor is alive; the bound is computed from the length alone.
        let bound = unsafe { (self.functions.bound)(self.compressor.as_ptr(), content.len()) };
        self.deflate_within(content, bound.saturating_add(END_PADDING), out)
    }

    /// Whether `content` gives exactly `deflate`. Output that grows longer is given up.
    pub(crate) fn makes(&mut self, content: &[u8], deflate: &[u8], scratch: &mut Vec<u8>) -> bool {
        let room = deflate.len().saturating_add(END_PADDING);
        self.deflate_within(content, room, scratch) && scratch == deflate
    }

    /// Fills `out` with at most `room` DEFLATE bytes; false when they do not fit.
    fn deflate_within(&mut self, content: &[u8], room: usize, out: &mut Vec<u8>) -> bool {
        out.clear();
        out.reserve(room);
        // SAFETY: the compressor is alive, both buffers are valid for the lengths given (the
        // vector has at least `room` bytes of spare capacity), and libdeflate says how many
        // bytes it wrote, at most `room`.
        unsafe {
            let written = (self.functions.compress)(
                self.compressor.as_ptr(),
                content.as_ptr().cast(),
                content.len(),
                out.as_mut_ptr().cast(),
                room,
            );
            out.set_len(written);
        }
        !out.is_empty()
    }
}

impl Drop for Libdeflate {
    fn drop(&mut self) {
        // SAFETY: the compressor is alive and not used after this.
        unsafe { (self.functions.free)(self.compressor.as_ptr()) };
    }
}
