//! A block of its own for content that starts with a long run of 0x00 or 0xff bytes.

use super::bits::Bits;

/// Shortest run that gets its own block, unless it is the whole content.
const MIN_RUN: usize = 4 * 1024;

/// Header of the block with the codes below, and the first byte of the run as a literal.
const ZERO_HEADER: [u8; 16] = *b"\xec\xc0\x21\x01\0\0\x0c\xc3\xb0\xfa\x57\x7d\x38\x09\x27\x49";
/// As [`ZERO_HEADER`], for 0xff.
const ONES_HEADER: [u8; 16] = *b"\xec\xc0\x21\x01\0\0\x0c\xc3\x30\xff\xaa\x7b\x38\x09\x27\x49";

/// Repeats of 258 bytes cost two bits.
const LONGEST: (usize, u64, u32) = (258, 0, 2);
/// Code and bits of the byte itself.
const LITERAL: (u64, u32) = (0x1, 2);
/// Repeat of 10 bytes: length, code, bits.
const TEN: (usize, u64, u32) = (10, 0x3, 4);
/// Repeat of 115 to 130 bytes: least length, code, bits of the code, bits with extra ones.
const MANY: (usize, u64, u32, u32) = (115, 0xf, 4, 9);
/// Code and bits of the end of the block.
const END: (u64, u32) = (0x7, 4);

/// Room ISA-L asks for besides the repeats: header, shorter repeats and a last store.
const OVERHEAD: usize = 16 + 8 + 8;

/// Writes the run at the start of `content` if it gets a block; the bytes so written, or 0.
pub(super) fn write_leading_run(content: &[u8], bits: &mut Bits<'_>) -> usize {
    let header = match content.first_chunk::<8>() {
        Some([0, 0, 0, 0, 0, 0, 0, 0]) => ZERO_HEADER,
        Some([255, 255, 255, 255, 255, 255, 255, 255]) => ONES_HEADER,
        _ => return 0,
    };
    let run = content
        .iter()
        .take_while(|&&byte| byte == content[0])
        .count();
    let repeats = (run - 1) / LONGEST.0;
    let fits = bits.room() >= OVERHEAD + repeats * LONGEST.2 as usize / 8;
    if !fits || (run < content.len() && run < MIN_RUN) {
        return 0;
    }
    let last = u8::from(run == content.len());
    let [first, rest @ ..] = header;
    bits.put(u64::from(first | last), 8);
    bits.put_bytes(&rest);
    for _ in 0..repeats {
        bits.put(LONGEST.1, LONGEST.2);
    }
    write_remainder((run - 1) % LONGEST.0, bits);
    bits.put(END.0, END.1);
    run
}

/// The rest of a run: one or two of the many-byte repeats when they help, tens and single bytes.
fn write_remainder(mut left: usize, bits: &mut Bits<'_>) {
    let many = |count: usize, bits: &mut Bits<'_>| {
        bits.put(MANY.1 | ((count - MANY.0) as u64) << MANY.2, MANY.3)
    };
    if left > MANY.0 {
        while left > 130 && left < 230 {
            bits.put(TEN.1, TEN.2);
            left -= TEN.0;
        }
        if left >= 230 {
            many(left / 2, bits);
            left -= left / 2;
        }
        many(left, bits);
    } else {
        while left >= TEN.0 {
            bits.put(TEN.1, TEN.2);
            left -= TEN.0;
        }
        for _ in 0..left {
            bits.put(LITERAL.0, LITERAL.1);
        }
    }
}
