//! The encoder's side of bases.

use super::consensus::{Consensus, Page, substitution};
use super::walk::{Piece, pieces};
use super::{Alignments, OTHER_CODE, RANK, put_literals};
use crate::codec::wire::from_i32;
use crate::codec::{Encoded, Hint, encode, number, put_inner};
use std::convert::Infallible;

/// The consensus changes after at most this many contradictions more than needed: 3 is as good as counting all.
const SCORE_LIMIT: u8 = 3;

/// Encodes bases, one BAM code per byte, all records one after the other.
pub(in crate::codec) fn encode_bases(alignments: &Alignments, bases: &[u8]) -> Encoded {
    let countable = i32::try_from(bases.len()).is_ok() && !bases.is_empty();
    if !countable || !alignments.hold(bases.len()) || bases.iter().any(|&code| code > 15) {
        return encode(Hint::Symbols, bases);
    }
    Encoded::new(number::BASES, take_apart(alignments, bases).write())
}

/// Bases as what the consensus did not tell.
#[derive(Default)]
struct Parts {
    /// Aligned bases between two substitutions.
    gaps: Vec<i32>,
    substitutions: Vec<u8>,
    literals: Vec<u8>,
}

fn take_apart(alignments: &Alignments, bases: &[u8]) -> Parts {
    let mut parts = Parts::default();
    let mut consensus = Consensus::new(bases.len());
    let mut rest = bases;
    let mut gap = 0i32;
    let visited = pieces(alignments, |piece| {
        match piece {
            Piece::Free(length) => {
                let (own, after) = rest.split_at(length);
                rest = after;
                parts.literals.extend_from_slice(own);
            }
            Piece::Placed {
                reference,
                page,
                offset,
                length,
            } => {
                let (own, after) = rest.split_at(length);
                rest = after;
                match consensus.page(reference, page) {
                    None => parts.literals.extend_from_slice(own),
                    Some(page) => parts.compare(own, page, offset, &mut gap),
                }
            }
        }
        Ok::<(), Infallible>(())
    });
    let Ok(()) = visited;
    parts
}

impl Parts {
    fn compare(&mut self, own: &[u8], page: &mut Page, offset: usize, gap: &mut i32) {
        let expected = &page.codes[offset..offset + own.len()];
        if expected == own && !expected.contains(&0) {
            page.agree(offset, offset + own.len(), SCORE_LIMIT);
            *gap += own.len() as i32;
            return;
        }
        for (at, &code) in (offset..).zip(own) {
            let predicted = page.codes[at];
            if predicted != 0 && predicted != code {
                self.gaps.push(std::mem::take(gap));
                self.substitutions.push(substitution(predicted, code));
                page.disagree(at, code);
                continue;
            }
            if predicted == 0 {
                self.literals.push(code);
                if RANK[usize::from(code)] < OTHER_CODE {
                    page.codes[at] = code;
                }
            }
            page.agree(at, at + 1, SCORE_LIMIT);
            *gap += 1;
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut out = vec![SCORE_LIMIT];
        let mut put = |hint, bytes: &[u8]| put_inner(&mut out, &encode(hint, bytes), bytes.len());
        put(Hint::Symbols, &self.substitutions);
        put(Hint::Integers, &from_i32(&self.gaps));
        put_literals(&mut out, &self.literals);
        out
    }
}
