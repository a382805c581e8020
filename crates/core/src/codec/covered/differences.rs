//! How records differ from the reference: substitutions, and the tags `MD` and `NM` that follow.

use crate::codec::wire::put_decimal;

use super::{Covered, LONGEST_DELETION, Step, place_of, steps};

/// Letters of the codes.
pub(super) const LETTERS: [u8; 16] = *b"=ACMGRSVTWYHKDBN";

/// Calls `each` with every index at which two equally long rows of bytes differ, from the first on.
#[inline]
pub(super) fn differing(one: &[u8], other: &[u8], mut each: impl FnMut(usize)) {
    let (ones, ones_left) = one.as_chunks::<8>();
    let (others, others_left) = other.as_chunks::<8>();
    for (index, (one, other)) in ones.iter().zip(others).enumerate() {
        let mut bits = u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other);
        while bits != 0 {
            let byte = bits.trailing_zeros() / 8;
            each(index * 8 + byte as usize);
            bits &= !(0xff << (8 * byte));
        }
    }
    let left = ones_left.iter().zip(others_left).enumerate();
    for (index, (one, other)) in left {
        if one != other {
            each(ones.len() * 8 + index);
        }
    }
}

/// Tells tags of records, one after the other.
pub(crate) struct Differences<'a> {
    covered: &'a Covered,
    near: usize,
}

impl<'a> Differences<'a> {
    /// From what the reference is where the records lie.
    pub(crate) fn new(covered: &'a Covered) -> Self {
        Self { covered, near: 0 }
    }

    /// The number of differences (`NM`) of a record, and the text of its `MD` appended to `text`; none if it lies nowhere
    /// or its deletions are not covered.
    pub(crate) fn of(
        &mut self,
        reference: i32,
        position: i32,
        cigar: &[u32],
        bases: &[u8],
        text: &mut Vec<u8>,
    ) -> Option<u32> {
        let place = place_of(reference, position, cigar, bases.len() as u32)?;
        let (mut rest, mut same, mut count) = (bases, 0u32, 0u32);
        for operation in cigar.iter().filter(|&&operation| operation & 15 == 1) {
            count = count.wrapping_add(operation >> 4);
        }
        for step in steps(cigar, place) {
            match step {
                Step::Aligned(from, length, _) => {
                    let expected =
                        &self.covered.codes[self.covered.find(from, length, &mut self.near)?];
                    let (own, after) = rest.split_at_checked(length as usize)?;
                    rest = after;
                    let mut next = 0;
                    differing(own, expected, |at| {
                        put_decimal(text, same + (at - next) as u32);
                        text.push(LETTERS[usize::from(expected[at] & 15)]);
                        (same, next) = (0, at + 1);
                        count += 1;
                    });
                    same += (own.len() - next) as u32;
                }
                Step::Free(length) => rest = rest.get(length as usize..)?,
                Step::Deleted(from, length) => {
                    if !self.covered.deletions || length > LONGEST_DELETION {
                        return None;
                    }
                    let deleted =
                        &self.covered.codes[self.covered.find(from, length, &mut self.near)?];
                    put_decimal(text, same);
                    same = 0;
                    text.push(b'^');
                    text.extend(deleted.iter().map(|&code| LETTERS[usize::from(code & 15)]));
                    count += length;
                }
            }
        }
        put_decimal(text, same);
        Some(count)
    }
}
