//! Stored blocks, for content that does not shrink.

/// Content of one stored block at most, in bytes: its length field has 16 bits.
pub(super) const MAX_BLOCK: usize = 65_535;

/// Bytes before the content of a stored block that starts on a byte border.
const HEADER: usize = 5;

/// Length of `content` bytes in stored blocks. ISA-L limits every output to this.
pub(super) fn length(content: usize) -> usize {
    content + HEADER * content.div_ceil(MAX_BLOCK).max(1)
}

/// Appends `content` as stored blocks, the last one marked as the end of the stream.
pub(super) fn write(content: &[u8], out: &mut Vec<u8>) {
    let mut rest = content;
    loop {
        let (block, after) = rest.split_at(rest.len().min(MAX_BLOCK));
        out.push(u8::from(after.is_empty()));
        out.extend_from_slice(&lengths(block));
        out.extend_from_slice(block);
        if after.is_empty() {
            return;
        }
        rest = after;
    }
}

/// The length field of a stored block and its complement.
pub(super) fn lengths(block: &[u8]) -> [u8; 4] {
    let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
    let [a, b] = length.to_le_bytes();
    [a, b, !a, !b]
}
