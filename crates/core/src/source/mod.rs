//! What we compress: source files taken apart into streams, and put together again exactly.
//!
//! A source is a row of *items*: BGZF blocks, and raw stretches that are not BGZF. The blocks' contents, joined, are
//! the *content*; for a BAM it is a row of records. `bgzf` frames blocks, `walk` finds the records' borders, `bam`
//! turns records into fields and back, `parts` codes these, `recipe` and `layout` say how content becomes the source's blocks again, and
//! `streams` codes streams into units.

pub mod bam;
pub mod bgzf;
pub mod blocks;
pub mod key;
pub mod layout;
pub mod parts;
pub mod plan;
pub mod recipe;
pub mod reference;
pub mod span;
pub mod streams;
pub mod walk;
