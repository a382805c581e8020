//! The two forms that need no compressor: the empty block and stored blocks.

/// The DEFLATE stream of no content: one final block with the fixed code and nothing in it.
const EMPTY: [u8; 2] = [0x03, 0x00];
/// Most bytes of one stored block: its length field has 16 bits.
const MAX_STORED: usize = 65_535;

/// Fills `out` with the empty block; false when there is content.
pub(crate) fn empty(content: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    if content.is_empty() {
        out.extend_from_slice(&EMPTY);
    }
    content.is_empty()
}

/// Fills `out` with stored blocks, each as long as can be and the last one final. Empty content
/// gives one empty block.
pub(crate) fn stored(content: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let blocks = content.len().div_ceil(MAX_STORED).max(1);
    out.reserve(content.len() + 5 * blocks);
    for number in 0..blocks {
        let start = number * MAX_STORED;
        let part = &content[start..content.len().min(start + MAX_STORED)];
        let length = part.len() as u16;
        out.push(u8::from(number + 1 == blocks));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(part);
    }
    true
}
