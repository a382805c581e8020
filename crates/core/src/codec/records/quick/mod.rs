//! The quick models of records: a part each, as the thorough ones beside this folder, but a tenth of their work.
//!
//! They code the same fields in the same order, given the same fields before them, so any part of a chunk may be coded by
//! either family. What makes them quick: tables that fit the CPU's caches and are cheap to copy for each chunk, few
//! contexts, decisions that settle a whole read at once, and plain adaptive probabilities where mixing does not pay.

pub(crate) mod alignment;
pub(crate) mod bases;
mod decisions;
mod plain;
pub(crate) mod qualities;
pub(crate) mod tags;
pub(crate) mod templates;

// Names have no quick model: most of their bits are as good as random, and the thorough one takes 0.5 us for a record.
pub(crate) use super::names;
