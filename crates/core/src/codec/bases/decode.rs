//! The decoder's side of bases: where a read matches, one copy from the consensus.

use super::consensus::{Consensus, Page, substituted};
use super::walk::{Piece, pieces};
use super::{Alignments, OTHER_CODE, RANK, take_literals};
use crate::codec::wire::{Reader, damaged, to_i32};
use crate::codec::{decode, number, take_inner, take_inner_exactly};
use crate::{Error, Result};

/// Decodes what `encode_bases` gave for the same alignments to exactly `decoded_length` bases.
pub(crate) fn decode_bases(
    codec: u8,
    alignments: &Alignments,
    stored: &[u8],
    decoded_length: usize,
) -> Result<Vec<u8>> {
    if codec != number::BASES {
        return decode(codec, stored, decoded_length);
    }
    if decoded_length == 0 || !alignments.hold(decoded_length) {
        return Err(damaged("bases and records disagree about their number"));
    }
    let mut parts = Parts::read(stored, decoded_length)?;
    let mut consensus = Consensus::new(decoded_length);
    let mut out = Vec::with_capacity(decoded_length);
    pieces(alignments, |piece| match piece {
        Piece::Free(length) => parts.take_literals(length, &mut out),
        Piece::Placed {
            reference,
            page,
            offset,
            length,
        } => match consensus.page(reference, page) {
            None => parts.take_literals(length, &mut out),
            Some(page) => parts.predict(page, offset, length, &mut out),
        },
    })?;
    if parts.is_used_up() {
        Ok(out)
    } else {
        Err(damaged("bases are left over"))
    }
}

struct Parts {
    /// The consensus's limit of scores.
    limit: u8,
    substitutions: std::vec::IntoIter<u8>,
    gaps: std::vec::IntoIter<i32>,
    literals: Vec<u8>,
    next_literal: usize,
    /// Aligned bases before the next substitution; more than there can be after the last.
    gap: usize,
    last_used: bool,
}

impl Parts {
    fn read(stored: &[u8], length: usize) -> Result<Self> {
        let mut reader = Reader::new(stored);
        let limit = reader.byte()?;
        let substitutions = take_inner(0, &mut reader, length)?;
        let gaps = to_i32(&take_inner_exactly(
            0,
            &mut reader,
            substitutions.len() * 4,
        )?);
        let literals = take_literals(&mut reader, length)?;
        reader.finish()?;
        let (substitutions, gaps) = (substitutions.into_iter(), gaps.into_iter());
        let mut parts = Self {
            limit,
            substitutions,
            gaps,
            literals,
            next_literal: 0,
            gap: 0,
            last_used: false,
        };
        parts.next_gap()?;
        Ok(parts)
    }

    fn next_gap(&mut self) -> Result<()> {
        self.gap = match self.gaps.next() {
            Some(gap) => usize::try_from(gap).map_err(|_| damaged("a negative distance"))?,
            None => {
                self.last_used = true;
                usize::MAX
            }
        };
        Ok(())
    }

    fn literals(&mut self, length: usize) -> Result<&[u8]> {
        let rest = self
            .literals
            .get(self.next_literal..)
            .and_then(|rest| rest.get(..length));
        self.next_literal += length;
        rest.ok_or_else(|| damaged("too few literal bases"))
    }

    fn take_literals(&mut self, length: usize, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(self.literals(length)?);
        Ok(())
    }

    fn predict(
        &mut self,
        page: &mut Page,
        offset: usize,
        length: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let start = out.len();
        let Some(expected) = page.codes.get(offset..offset + length) else {
            return Err(Error::Invalid(
                "a piece of a read crosses a page of the consensus".into(),
            ));
        };
        out.extend_from_slice(expected);
        if expected.contains(&0) {
            self.fill(page, offset, &mut out[start..])?;
        }
        let mut at = 0;
        while self.gap < length - at {
            page.agree(offset + at, offset + at + self.gap, self.limit);
            at += self.gap;
            let predicted = page.codes[offset + at];
            let symbol = self
                .substitutions
                .next()
                .ok_or_else(|| damaged("too few substitutions"))?;
            let code =
                substituted(predicted, symbol).ok_or_else(|| damaged("an unknown substitution"))?;
            out[start + at] = code;
            page.disagree(offset + at, code);
            at += 1;
            self.next_gap()?;
        }
        page.agree(offset + at, offset + length, self.limit);
        self.gap = self.gap.saturating_sub(length - at);
        Ok(())
    }

    /// Puts literals where the consensus knows nothing, and into the consensus.
    fn fill(&mut self, page: &mut Page, offset: usize, own: &mut [u8]) -> Result<()> {
        let unknown = own.iter().filter(|&&code| code == 0).count();
        let mut literals = self.literals(unknown)?.iter();
        for (at, code) in (offset..).zip(own).filter(|(_, code)| **code == 0) {
            *code = literals.next().copied().unwrap_or(0);
            if RANK[usize::from(*code & 15)] < OTHER_CODE {
                page.codes[at] = *code;
            }
        }
        Ok(())
    }

    fn is_used_up(&self) -> bool {
        self.last_used && self.substitutions.len() == 0 && self.next_literal == self.literals.len()
    }
}
