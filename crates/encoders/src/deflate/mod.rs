//! DEFLATE streams taken apart (RFC 1951): blocks, code headers and tokens, without the content.
//!
//! The compressors are libraries; what is here reads how a stream was made, to tell encoders
//! apart and to describe the stream of an encoder that is not known.

pub(crate) mod bits;
pub(crate) mod code;
pub(crate) mod codes;
pub(crate) mod header;
pub(crate) mod stream;
