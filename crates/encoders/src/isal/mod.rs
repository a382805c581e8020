//! DEFLATE as Intel's ISA-L writes it on x86 with its assembly code path, for BAM files of
//! Picard and GATK.
//!
//! These tools compress through Intel's GKL, which hands each BGZF block to ISA-L's
//! `isal_deflate_stateless`: the first block of a file at the level asked for (1 or 2), every
//! later block at level 0, because resetting the compressor forgets the level. ISA-L's bytes
//! depend on the code path the CPU picks, so a restored file must not depend on the library:
//! this module follows the behaviour of the assembly path (hash, probes, insertions and their
//! slips included) in portable Rust, and gives the same bytes on every CPU.
//!
//! Two generations are followed: ISA-L 2.30 ([`deflate`], GKL 0.8.8 and later) and the one
//! before matches longer than 258 bytes got a path of their own ([`deflate_early`], in GATK 4.0
//! and 4.1).
//!
//! One slip cannot be followed: at levels 1 and 2, 2.30 probes position 2 under a hash of a
//! memory address. What that does to the output is nothing unless the slot happens to be one
//! the content uses early; [`deflate`] acts as if it never were.

pub(crate) mod bits;
mod constant;
mod dynamic;
mod hash;
mod huffman;
mod level0;
mod search;
mod stored;
mod tokens;

#[cfg(test)]
mod tests;

use bits::Bits;

/// Longest content [`deflate`] takes, in bytes: the most a BGZF block can hold.
pub const MAX_CONTENT: usize = 65_536;

/// Room htsjdk gives for a block's DEFLATE bytes: 65,536 less the 18 bytes before them. The
/// early generation compresses into all of it, the later one into no more than stored blocks.
const HTSJDK_ROOM: usize = 65_518;

/// Highest level [`deflate`] knows; GKL passes levels above to another library.
pub const MAX_LEVEL: u8 = 2;

/// The version of ISA-L that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Generation {
    /// Before long matches, strides and smaller tables for short content.
    Early,
    /// 2.30; with the word whose hash levels 1 and 2 wrongly use for position 2, if known: the
    /// address of the library's stream structure, shifted right by 16.
    Late { stray: Option<u32> },
}

/// Appends to `out` the raw DEFLATE stream ISA-L 2.30 makes of `content` in one stateless call
/// that ends the stream, given room for stored blocks (as htsjdk always gives).
///
/// Content that does not shrink becomes stored blocks, as in ISA-L. Returns false, with `out`
/// as it was, for a level above [`MAX_LEVEL`] or content above [`MAX_CONTENT`].
pub fn deflate(level: u8, content: &[u8], out: &mut Vec<u8>) -> bool {
    let limit = stored::length(content.len());
    write(Generation::Late { stray: None }, level, content, limit, out)
}

/// As [`deflate`], but what ISA-L of the generation before made for htsjdk, which cuts content
/// at 65,498 bytes and gives room for 65,518; returns false also for content beyond that room.
pub fn deflate_early(level: u8, content: &[u8], out: &mut Vec<u8>) -> bool {
    stored::length(content.len()) <= HTSJDK_ROOM
        && write(Generation::Early, level, content, HTSJDK_ROOM, out)
}

/// Appends what a generation makes of `content` in a buffer of `limit` bytes, or stored blocks.
fn write(
    generation: Generation,
    level: u8,
    content: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> bool {
    if level > MAX_LEVEL || content.len() > MAX_CONTENT {
        return false;
    }
    let start = out.len();
    out.resize(start + limit + bits::SLOP, 0);
    let mut bits = Bits::new(&mut out[start..], limit);
    match compressed(generation, level, content, &mut bits) {
        Some(length) => out.truncate(start + length),
        None => {
            out.truncate(start);
            stored::write(content, out);
        }
    }
    true
}

/// The length of the compressed stream, or nothing when it needs more room than there is.
fn compressed(
    generation: Generation,
    level: u8,
    content: &[u8],
    bits: &mut Bits<'_>,
) -> Option<usize> {
    let done = constant::write_leading_run(content, bits);
    if done == 0 || done < content.len() {
        match level {
            0 => level0::write(generation, content, done, bits)?,
            1 => dynamic::write::<{ 2 * hash::SMALL_TABLE }>(generation, content, done, bits)?,
            _ => dynamic::write::<{ 2 * hash::LARGE_TABLE }>(generation, content, done, bits)?,
        }
    }
    bits.finish()
}
