//! The DEFLATE encoders that write BGZF files, at fixed versions, behind one safe face.
//!
//! An archive does not keep the compressed bytes of a BGZF block: it keeps the number of the
//! encoder that makes them again from the content. So the numbers ([`Encoder`]), the libraries
//! and their versions are part of the archive format; `spec/encoders.md` states them. Blocks
//! that no encoder here makes are described by corrections ([`preflate`]).
//!
//! This is the only crate of the workspace with `unsafe` code: calls of zlib and libdeflate.

mod deflate;
mod encoder;
mod encoders;
mod inflate;
mod isal;
mod libdeflate;
pub mod preflate;
mod shape;
mod stored;
mod zlib;

pub use encoder::Encoder;
pub use encoders::{Encoders, MAX_CONTENT};
pub use inflate::{InflateError, Inflater};
