//! Level 0: the search by pairs, and codes fixed by ISA-L (its default tables).

use std::sync::LazyLock;

use super::Generation;
use super::bits::Bits;
use super::hash::SMALL_TABLE;
use super::search::{LONG_MATCH, Search, Sink, Step, body_end, cut};
use crate::deflate::codes::Codes;

/// Code lengths of ISA-L's default tables for literals, end and lengths, as hexadecimal digits.
const LITERAL_LENGTHS: &[u8; 286] = b"\
68988999997998999aaaabbbabbbaba95a9aaaa999aa788a888999999999aa9998899999\
99aa99999a999aaaaabaabbaa687768876a977767a66779898ababaa9bbbbbbbbbbabbba\
abbbbbbbbbbbbbbbabbbababbbbbbbbbabbbabbbbbbbbabb9a99bbbabbbbbbbaabbbbbbb\
bbbbbbbb9bbabbbaabbbbbbb9ababbbbaabbaa98ff2445677588889aaaaaabcddcdffb";

/// Code lengths of ISA-L's default tables for distances, as hexadecimal digits.
const DISTANCE_LENGTHS: &[u8; 30] = b"898987766655554445454535454556";

/// Header of a last block with the default tables: these code lengths, but said with other
/// symbols than ISA-L chooses for its dynamic blocks.
#[rustfmt::skip]
const HEADER: [u8; 111] = [
    0xed, 0xfd, 0x09, 0x80, 0x1c, 0x45, 0xf9, 0xbf, 0x81, 0xf7, 0x66, 0x37,
    0xd7, 0x24, 0x9b, 0x04, 0x40, 0x45, 0x45, 0x52, 0x04, 0x20, 0x09, 0xcc,
    0x2e, 0xbb, 0x9b, 0x3b, 0x81, 0x24, 0xbb, 0xb9, 0x21, 0x17, 0x49, 0xb8,
    0x04, 0x85, 0xde, 0x99, 0xde, 0x9d, 0x26, 0x33, 0xd3, 0x43, 0xf7, 0x4c,
    0x36, 0x8b, 0x08, 0xf1, 0x56, 0x51, 0xc1, 0xfb, 0x56, 0x54, 0xc4, 0x5b,
    0x51, 0xf1, 0x16, 0x0d, 0x89, 0x8a, 0x37, 0x78, 0xdf, 0x1a, 0x45, 0x05,
    0xef, 0x20, 0xaa, 0xa0, 0x90, 0xfd, 0xff, 0x9f, 0xf7, 0xad, 0x9e, 0xa9,
    0xdd, 0xdd, 0x70, 0xfa, 0xfd, 0xfd, 0xbe, 0xbf, 0xff, 0xdf, 0xcd, 0x66,
    0x67, 0xba, 0xbb, 0xaa, 0xea, 0x7d, 0xdf, 0x7a, 0xeb, 0xad, 0x4f, 0xbd,
    0xf5, 0x56, 0x35,
];

/// Bits of the last byte of [`HEADER`] that belong to it.
const HEADER_END_BITS: u32 = 6;

static DEFAULT: LazyLock<Codes> = LazyLock::new(|| {
    let value = |&digit: &u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
    let literals: Vec<u8> = LITERAL_LENGTHS.iter().map(value).collect();
    let distances: Vec<u8> = DISTANCE_LENGTHS.iter().map(value).collect();
    Codes::new(&literals, &distances)
});

/// Writes `content` from `start` as the last block; nothing when there is no room.
pub(super) fn write(
    generation: Generation,
    content: &[u8],
    start: usize,
    bits: &mut Bits<'_>,
) -> Option<()> {
    let codes = &*DEFAULT;
    // An aligned header is copied, another one written word by word with more slack.
    let slack = if bits.pending() == 0 { 8 } else { 16 };
    let [whole @ .., end] = HEADER;
    if whole.len() + slack >= bits.room() {
        return None;
    }
    for byte in whole {
        bits.put(u64::from(byte), 8);
    }
    bits.put(u64::from(end), HEADER_END_BITS);
    let mut coder = Coder { bits, codes };
    let mut search = Search::<SMALL_TABLE>::new(generation, content, start, SMALL_TABLE);
    let begun = body(&mut search, body_end(generation, content), &mut coder);
    search.finish(begun, &mut coder);
    if coder.bits.is_full() {
        return None;
    }
    let (code, length) = codes.end();
    coder.bits.put(code, length);
    Some(())
}

/// Codes positions up to `end`, by pairs; whether a first byte is behind.
fn body(search: &mut Search<'_, SMALL_TABLE>, end: usize, coder: &mut Coder<'_, '_>) -> bool {
    if end <= search.at {
        return false;
    }
    search.first(coder);
    search.refresh_slots();
    while search.at < end && !coder.is_full() {
        let at = search.at;
        match search.step() {
            Step::Literals => {
                coder.two_literals(search.byte(at), search.byte(at + 1));
                search.at = at + 2;
                search.slots = search.next_slots;
                continue;
            }
            Step::Match { length, distance } => {
                search.insert_next(at);
                if length >= LONG_MATCH {
                    search.emit_long(length, distance, coder);
                    if search.at < end {
                        search.insert_last();
                    }
                } else {
                    coder.pair(cut(length), distance);
                    search.at = at + cut(length);
                }
            }
            Step::LiteralAndMatch { length, distance } => {
                if length >= LONG_MATCH {
                    // One slot off, as in ISA-L.
                    search.insert_next(at + 1);
                    coder.literal(search.byte(at));
                    search.at = at + 1;
                    search.emit_long(length, distance, coder);
                    if search.at < end {
                        search.insert_last();
                    }
                } else {
                    search.insert_next(at);
                    search.insert(search.slot(at + 4), at + 4);
                    coder.literal_and_pair(search.byte(at), cut(length), distance);
                    search.at = at + 1 + cut(length);
                }
            }
        }
        search.refresh_slots();
    }
    true
}

/// Writes codes as they are found.
struct Coder<'a, 'b> {
    bits: &'a mut Bits<'b>,
    codes: &'static Codes,
}

impl Sink for Coder<'_, '_> {
    #[inline]
    fn is_full(&self) -> bool {
        self.bits.is_full()
    }

    #[inline]
    fn literal(&mut self, byte: u8) {
        let (code, length) = self.codes.literal(byte);
        self.bits.put(code, length);
    }

    #[inline]
    fn pair(&mut self, length: usize, distance: u16) {
        let (code, length) = self.codes.pair(length, distance);
        self.bits.put(code, length);
    }

    #[inline]
    fn two_literals(&mut self, first: u8, second: u8) {
        let (code, length) = self.codes.literal(first);
        let (code2, length2) = self.codes.literal(second);
        self.bits.put(code | code2 << length, length + length2);
    }

    // The default tables keep this within 50 bits.
    #[inline]
    fn literal_and_pair(&mut self, byte: u8, length: usize, distance: u16) {
        let (code, bits) = self.codes.literal(byte);
        let (code2, bits2) = self.codes.pair(length, distance);
        self.bits.put(code | code2 << bits, bits + bits2);
    }
}
