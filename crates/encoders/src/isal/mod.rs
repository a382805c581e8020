//! DEFLATE as Intel's ISA-L 2.30 writes it on x86 with its assembly code path, for BAM files of
//! Picard and GATK.
//!
//! These tools compress through Intel's GKL, which hands each BGZF block to ISA-L's
//! `isal_deflate_stateless`: the first block of a file at the level asked for (1 or 2), every
//! later block at level 0, because resetting the compressor forgets the level. ISA-L's bytes
//! depend on the code path the CPU picks, so a restored file must not depend on the library:
//! this module follows the behaviour of the assembly path (hash, probes, insertions and their
//! slips included) in portable Rust, and gives the same bytes on every CPU.
//!
//! One slip cannot be followed: at levels 1 and 2 the assembly probes position 2 under a hash of
//! a memory address. What that does to the output is nothing unless the slot happens to be one
//! the content uses early; [`deflate`] acts as if it never were.

mod bits;
mod codes;
mod constant;
mod dynamic;
mod hash;
mod huffman;
mod level0;
mod search;
mod stored;
mod tokens;

use bits::Bits;

/// Longest content [`deflate`] takes, in bytes: the most a BGZF block can hold.
pub const MAX_CONTENT: usize = 65_536;

/// Highest level [`deflate`] knows; GKL passes levels above to another library.
pub const MAX_LEVEL: u8 = 2;

/// Appends to `out` the raw DEFLATE stream ISA-L makes of `content` in one stateless call that
/// ends the stream, given room for stored blocks (as htsjdk always gives).
///
/// Content that does not shrink becomes stored blocks, as in ISA-L. Returns false, with `out`
/// as it was, for a level above [`MAX_LEVEL`] or content above [`MAX_CONTENT`].
pub fn deflate(level: u8, content: &[u8], out: &mut Vec<u8>) -> bool {
    deflate_with_stray(level, content, out, None)
}

/// [`deflate`], with the word whose hash levels 1 and 2 wrongly use for position 2: the address
/// of the library's stream structure, shifted right by 16. Comparisons with the library need it.
pub(crate) fn deflate_with_stray(
    level: u8,
    content: &[u8],
    out: &mut Vec<u8>,
    stray: Option<u32>,
) -> bool {
    if level > MAX_LEVEL || content.len() > MAX_CONTENT {
        return false;
    }
    let start = out.len();
    let limit = stored::length(content.len());
    out.resize(start + limit + bits::SLOP, 0);
    let mut bits = Bits::new(&mut out[start..], limit);
    match compressed(level, content, &mut bits, stray) {
        Some(length) => out.truncate(start + length),
        None => {
            out.truncate(start);
            stored::write(content, out);
        }
    }
    true
}

/// The length of the compressed stream, or nothing when it needs more room than stored blocks.
fn compressed(level: u8, content: &[u8], bits: &mut Bits<'_>, stray: Option<u32>) -> Option<usize> {
    let done = constant::write_leading_run(content, bits);
    if done == 0 || done < content.len() {
        match level {
            0 => level0::write(content, done, bits)?,
            1 => dynamic::write::<{ 2 * hash::SMALL_TABLE }>(content, done, bits, stray)?,
            _ => dynamic::write::<{ 2 * hash::LARGE_TABLE }>(content, done, bits, stray)?,
        }
    }
    bits.finish()
}
