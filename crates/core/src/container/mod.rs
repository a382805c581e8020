//! The archive's bytes on disk: one module for each structure of `spec/format.md`.
//!
//! Nothing here knows what a stream means or how it is coded; lengths and counts read from an archive are checked
//! against what the input can hold before memory is taken.

pub mod chunk;
pub mod directory;
pub mod frame;
pub mod header;
pub mod sidecar;
pub mod trailer;
pub mod wire;

/// Container format version that this code writes, and the newest that it reads.
pub const VERSION: u32 = 5;

/// Most bytes of content (uncompressed BAM) or of raw source that one chunk may hold: bounds a reader's memory. A key
/// chunk and a record that had to wait for its end fit.
pub const MAX_CHUNK_CONTENT: u64 = 12 << 20;

/// Most source bytes that one chunk may hold: incompressible content with its blocks' headers stays below.
pub const MAX_CHUNK_SOURCE: u64 = 16 << 20;

/// Most bytes that one frame's payload may have; a chunk of incompressible content plus its layout stays below.
pub const MAX_FRAME: u64 = 64 << 20;

/// Longest index that is taken in or made: it is held in memory, and real ones are far below.
pub const MAX_INDEX: u64 = 64 << 20;
