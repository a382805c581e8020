//! Readvault's library: source files into archives and back, bit for bit.
//!
//! `codec` turns byte slices into smaller byte slices, `container` is the archive's bytes on disk (one module for
//! each structure of `spec/format.md`), `source` takes BAM and other files apart and puts them together again
//! exactly, `store` is where bytes live, and `archive` joins them into the verbs that every face calls. Only
//! `archive` and `error` are public.

// Only `codec::mixing::lanes` may have some.
#![deny(unsafe_code)]

pub mod archive;
mod codec;
mod container;
pub mod error;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
#[cfg(feature = "measure")]
pub mod measure;
mod source;
mod store;

pub use error::{Error, Result};
