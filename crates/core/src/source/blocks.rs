//! BGZF blocks of our own: stored ones, whose layout follows from the content's length alone, and what deflated ones are made
//! with.

use readvault_encoders::Encoder;

use super::bgzf;

/// Content bytes of a full block, as htslib fills them.
pub const CONTENT: usize = 0xff00;

/// Bytes of a stored block beside its content: header, head of the stored DEFLATE block, checksum and length.
pub const STORED_EXTRA: usize = bgzf::STANDARD_HEAD.len() + STORED_HEAD + bgzf::TAIL_LENGTH;

/// Bytes before a stored DEFLATE block's content.
const STORED_HEAD: usize = 5;

/// What a BGZF file ends with: an empty block.
pub const END_OF_FILE: [u8; 28] = [
    31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, 66, 67, 2, 0, 27, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// What deflates blocks: libdeflate 1.26 at level 6.
pub const DEFLATE: Encoder = match Encoder::from_number(0x56) {
    Some(encoder) => encoder,
    None => Encoder::STORED,
};

/// Appends a block with `content`, at most [`CONTENT`] bytes, stored.
pub fn put_stored(out: &mut Vec<u8>, content: &[u8]) {
    let length = (content.len() as u16).to_le_bytes();
    // A final stored block: its length, and that again with all bits turned.
    let head = [1, length[0], length[1], !length[0], !length[1]];
    let fits = bgzf::write(
        out,
        &bgzf::STANDARD_HEAD,
        &[&head, content].concat(),
        content,
    );
    debug_assert!(fits, "a stored block of at most {CONTENT} bytes fits");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::bgzf::Framing;
    use readvault_encoders::Inflater;

    #[test]
    fn a_stored_block_holds_its_content() {
        for length in [0, 1, 1000, CONTENT] {
            let content: Vec<u8> = (0..length).map(|at| (at * 7) as u8).collect();
            let mut block = Vec::new();
            put_stored(&mut block, &content);
            assert_eq!(block.len(), length + STORED_EXTRA);
            let Framing::Block {
                head,
                length: whole,
                ..
            } = bgzf::frame(&block)
            else {
                panic!("not a block");
            };
            assert_eq!(whole, block.len());
            let mut inflated = vec![0; length];
            let deflate = &block[head..whole - bgzf::TAIL_LENGTH];
            assert!(Inflater::new().inflate_exact(deflate, &mut inflated));
            assert_eq!(inflated, content);
            assert_eq!(
                bgzf::tail(&block),
                (crc32fast::hash(&content), length as u32)
            );
        }
    }
}
