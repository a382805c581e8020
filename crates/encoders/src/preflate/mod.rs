//! Bit-exact reconstruction of DEFLATE bytes that no encoder makes: predictions plus corrections.

use preflate_rs::{PreflateConfig, preflate_whole_deflate_stream, recreate_whole_deflate_stream};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Corrections with which [`rebuild`] makes exactly `deflate` out of `content`.
pub fn analyse(deflate: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    let config = PreflateConfig {
        max_chain_length: 4096,
        plain_text_limit: content.len(),
        verify_compression: false,
    };
    let corrections = catch_unwind(AssertUnwindSafe(|| {
        let (result, text) = preflate_whole_deflate_stream(deflate, &config).ok()?;
        (text.text() == content && result.compressed_size == deflate.len())
            .then_some(result.corrections)
    }))
    .ok()??;
    (rebuild(content, &corrections, deflate.len())? == deflate).then_some(corrections)
}

/// The DEFLATE bytes that `analyse` saw.
pub fn rebuild(content: &[u8], corrections: &[u8], deflate_length_limit: usize) -> Option<Vec<u8>> {
    let made = catch_unwind(AssertUnwindSafe(|| {
        recreate_whole_deflate_stream(content, corrections).ok()
    }))
    .ok()??;
    (made.len() <= deflate_length_limit).then_some(made)
}
