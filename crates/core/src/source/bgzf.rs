//! BGZF framing (SAM specification, section 4.1): gzip members with a `BC` extra field that gives the block's size.

/// Length of the header that nearly every writer makes: gzip header with one extra field.
pub const HEAD_LENGTH: usize = 18;

/// Length of what follows the DEFLATE bytes: CRC32 and ISIZE.
pub const TAIL_LENGTH: usize = 8;

/// Most content bytes that a block may have.
pub const MAX_CONTENT: usize = 1 << 16;

/// Header of nearly every writer, its two size bytes zeroed.
pub const STANDARD_HEAD: [u8; HEAD_LENGTH] =
    [31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, 66, 67, 2, 0, 0, 0];

/// First bytes of every block: gzip magic, DEFLATE, and only the extra-field flag.
pub const MAGIC: [u8; 4] = [31, 139, 8, 4];

/// What the bytes at a place turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A block: length of its header, offset of its two size bytes, length of all of it.
    Block {
        head: usize,
        size_at: usize,
        length: usize,
    },
    /// Too few bytes to tell.
    Short,
    /// Not a block.
    Not,
}

/// Looks for a block's header at the start of `bytes`.
pub fn frame(bytes: &[u8]) -> Framing {
    let known = bytes.len().min(MAGIC.len());
    if bytes[..known] != MAGIC[..known] {
        return Framing::Not;
    }
    let Some(extra_length) = bytes.get(10..12) else {
        return Framing::Short;
    };
    let extra_length = usize::from(u16::from_le_bytes([extra_length[0], extra_length[1]]));
    let head = 12 + extra_length;
    if bytes.len() < head {
        return Framing::Short;
    }
    let Some(size_at) = find_size(&bytes[..head]) else {
        return Framing::Not;
    };
    let length = usize::from(u16::from_le_bytes([bytes[size_at], bytes[size_at + 1]])) + 1;
    if length < head + TAIL_LENGTH + 1 {
        return Framing::Not;
    }
    Framing::Block {
        head,
        size_at,
        length,
    }
}

/// CRC32 and content length from a whole block's last bytes.
pub fn tail(block: &[u8]) -> (u32, u32) {
    match block.last_chunk::<TAIL_LENGTH>() {
        Some(&[a, b, c, d, e, f, g, h]) => (
            u32::from_le_bytes([a, b, c, d]),
            u32::from_le_bytes([e, f, g, h]),
        ),
        None => (0, 0),
    }
}

/// Appends a block: `head` with its size bytes set, the DEFLATE bytes, CRC32 and length of `content`.
/// Returns false when `head` has no size field or the block would be too long for it.
pub fn write(out: &mut Vec<u8>, head: &[u8], deflate: &[u8], content: &[u8]) -> bool {
    let length = head.len() + deflate.len() + TAIL_LENGTH;
    let Some(size_at) = find_size(head) else {
        return false;
    };
    let Ok(size) = u16::try_from(length - 1) else {
        return false;
    };
    let start = out.len();
    out.extend_from_slice(head);
    out[start + size_at..start + size_at + 2].copy_from_slice(&size.to_le_bytes());
    out.extend_from_slice(deflate);
    out.extend_from_slice(&crc32fast::hash(content).to_le_bytes());
    out.extend_from_slice(&(content.len() as u32).to_le_bytes());
    true
}

/// Offset of the two size bytes in a header whose size may be zeroed.
pub fn find_size(head: &[u8]) -> Option<usize> {
    let extra = head.get(12..)?;
    let mut at = 0;
    while let Some(field) = extra.get(at..at + 4) {
        let length = usize::from(u16::from_le_bytes([field[2], field[3]]));
        if field[..2] == *b"BC" && length == 2 {
            return (at + 6 <= extra.len()).then_some(12 + at + 4);
        }
        at += 4 + length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_head_frames_and_short_or_foreign_bytes_do_not() {
        let mut head = STANDARD_HEAD;
        head[16] = 27;
        assert_eq!(
            frame(&head),
            Framing::Block {
                head: 18,
                size_at: 16,
                length: 28
            }
        );
        for length in 0..18 {
            assert_eq!(frame(&head[..length]), Framing::Short);
        }
        assert_eq!(frame(b"BAM\x01"), Framing::Not);
        assert_eq!(
            frame(&STANDARD_HEAD),
            Framing::Not,
            "a block of one byte cannot be"
        );
    }

    #[test]
    fn other_extra_fields_are_passed_over() {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&[
            0, 0, 0, 0, 0, 255, 13, 0, b'R', b'A', 3, 0, 1, 2, 3, b'B', b'C', 2, 0, 200, 0,
        ]);
        assert_eq!(
            frame(&head),
            Framing::Block {
                head: 25,
                size_at: 23,
                length: 201
            }
        );
    }

    #[test]
    fn a_written_block_is_what_htslib_writes_at_the_end_of_a_file() {
        let mut out = Vec::new();
        assert!(write(&mut out, &STANDARD_HEAD, &[3, 0], b""));
        assert_eq!(out.len(), 28);
        assert_eq!(out[16..], [27, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
