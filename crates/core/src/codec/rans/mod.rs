//! Entropy coding with static frequencies: range asymmetric numeral systems (rANS) with contexts.
//!
//! The probability of a byte may depend on the bytes before it. Contexts that behave alike share one frequency
//! table (a cluster), which keeps tables small for short streams and lets long histories be used. The stream is
//! cut into equal segments ("lanes"), each with its own state, so that a processor decodes several at once; all
//! lanes read their words from one sequence in the order in which the decoder asks for them.

mod clusters;
mod decode;
mod encode;
mod frequencies;
mod tables;

pub(super) use clusters::order_zero_size;
pub(super) use decode::decode;
pub(super) use encode::{Order, Ranked};

/// A state is at least this, so 16 bits can be moved in or out at a time.
const LOWEST_STATE: u32 = 1 << 16;
/// Lanes of streams worth the four bytes of a state each.
const MANY_LANES: usize = 8;
/// Table sizes are between these numbers of bits: 4,096 slots hold a 12-bit frequency exactly.
const TABLE_BITS: std::ops::RangeInclusive<u32> = 10..=12;
/// Histories never have more bits, so a map has at most 4,096 entries.
const MAX_CONTEXT_BITS: u32 = 12;
/// Slots of all tables of a stream: 256 KiB, which stays in a level-2 cache and is soon built.
const MAX_SLOTS: usize = 1 << 16;
/// Clusters of one stream: all that fit with the smallest tables.
const MAX_CLUSTERS: usize = MAX_SLOTS >> 10;

/// What the probability of a symbol depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    /// Nothing.
    None,
    /// The byte before.
    Byte,
    /// The ranks of several symbols before, in this many bits: the newest in the highest bits.
    History(u32),
}

/// Bits needed to tell `count` values apart, at least one.
fn bits_for(count: usize) -> u32 {
    (usize::BITS - count.saturating_sub(1).leading_zeros()).max(1)
}

/// The history after `rank`: the newest rank on top, older ones moved down and at last out.
#[inline(always)]
fn push_history(history: usize, rank: usize, symbol_bits: u32, context_bits: u32) -> usize {
    (rank << (context_bits - symbol_bits)) | (history >> symbol_bits)
}

/// Where lane `lane` of `lanes` starts in a stream of `length` bytes; the last lane also has the remainder.
fn lane_start(lane: usize, lanes: usize, length: usize) -> usize {
    (length / lanes) * lane
}
