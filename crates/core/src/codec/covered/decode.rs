//! The decoder's side: copies of the reference, with substitutions.

use super::layout::records;
use super::{Alignments, Covered, DELETIONS, EXACT, EXPLICIT, LEANS, Said, Step, steps};
use crate::Result;
use crate::codec::bases::{ACGT, OTHER_CODE, RANK, take_literals};
use crate::codec::records::ReferenceBases;
use crate::codec::take_inner;
use crate::codec::wire::{Reader, damaged, to_i32};

/// Decodes what `encode` gave for the same alignments and given references to exactly `length` bases, and what the
/// reference is.
pub(crate) fn decode(
    alignments: &Alignments<'_>,
    stored: &[u8],
    length: usize,
    given: Option<&dyn ReferenceBases>,
) -> Result<(Vec<u8>, Covered)> {
    if length == 0 || !alignments.hold(length) {
        return Err(damaged("bases and records disagree about their number"));
    }
    let mut reader = Reader::new(stored);
    let options = reader.byte()?;
    if options > DELETIONS | LEANS | EXACT {
        return Err(damaged("bases with unknown options"));
    }
    let mut covered = Covered::by(alignments, options, length)?;
    if options & LEANS != 0 {
        let given = given.ok_or_else(|| damaged("bases that need references"))?;
        covered.take_given(given);
    }
    covered.take_told(&take_literals(&mut reader, covered.codes.len())?)?;
    let mut parts = Parts::read(&mut reader, length)?;
    reader.finish()?;
    let mut out = Vec::with_capacity(length);
    let (mut near, exact) = (0, options & EXACT != 0);
    records(alignments, |place, length, cigar| {
        let Some(place) = place else {
            return parts.literals(length, &mut out);
        };
        for step in steps(cigar, place) {
            match step {
                Step::Free(length) => parts.literals(length, &mut out)?,
                Step::Aligned(place, length, said) => {
                    let place = covered.find(place, length, &mut near);
                    let place = place.ok_or_else(|| damaged("a record that is not covered"))?;
                    let expected = &covered.codes[place];
                    match said {
                        Said::Same if exact => out.extend_from_slice(expected),
                        Said::Other if exact => parts.substitute(expected, &mut out)?,
                        _ => parts.copy(expected, &mut out)?,
                    }
                }
                Step::Deleted(..) => {}
            }
        }
        Ok(())
    })?;
    if parts.is_used_up() {
        Ok((out, covered))
    } else {
        Err(damaged("bases are left over"))
    }
}

impl Covered {
    /// Puts codes where nothing is known.
    fn take_told(&mut self, told: &[u8]) -> Result<()> {
        if told.len() == self.codes.len() {
            self.codes.copy_from_slice(told);
            return Ok(());
        }
        let mut told = told.iter();
        for code in self.codes.iter_mut().filter(|code| **code == 0) {
            let next = told.next();
            *code = *next.ok_or_else(|| damaged("a reference with too few bases"))?;
        }
        match told.next() {
            None => Ok(()),
            Some(_) => Err(damaged("a reference with too many bases")),
        }
    }
}

struct Parts {
    substitutions: std::vec::IntoIter<u8>,
    gaps: std::vec::IntoIter<i32>,
    literals: Vec<u8>,
    next_literal: usize,
    /// Aligned bases before the next substitution; more than there can be after the last.
    gap: usize,
}

impl Parts {
    fn read(reader: &mut Reader<'_>, length: usize) -> Result<Self> {
        let substitutions = take_inner(0, reader, length)?;
        let gaps = take_inner(0, reader, substitutions.len() * 4)?;
        if !gaps.len().is_multiple_of(4) {
            return Err(damaged("gaps that are not whole"));
        }
        let gaps = to_i32(&gaps);
        let mut parts = Self {
            substitutions: substitutions.into_iter(),
            gaps: gaps.into_iter(),
            literals: take_literals(reader, length)?,
            next_literal: 0,
            gap: 0,
        };
        parts.next_gap()?;
        Ok(parts)
    }

    fn next_gap(&mut self) -> Result<()> {
        let gap = self.gaps.next().map(usize::try_from).transpose();
        self.gap = gap
            .map_err(|_| damaged("a negative distance"))?
            .unwrap_or(usize::MAX);
        Ok(())
    }

    fn literals(&mut self, length: u32, out: &mut Vec<u8>) -> Result<()> {
        let rest = self.literals.get(self.next_literal..);
        let own = rest.and_then(|rest| rest.get(..length as usize));
        out.extend_from_slice(own.ok_or_else(|| damaged("too few literal bases"))?);
        self.next_literal += length as usize;
        Ok(())
    }

    /// Copies a run of the reference, with the substitutions that lie in it.
    #[inline]
    fn copy(&mut self, expected: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        out.extend_from_slice(expected);
        let mut at = 0;
        while self.gap < expected.len() - at {
            at += self.gap;
            out[start + at] = self.substitution(expected[at])?;
            at += 1;
            self.next_gap()?;
        }
        if self.gap != usize::MAX {
            self.gap -= expected.len() - at;
        }
        Ok(())
    }

    /// Bases of which each is a substitution.
    fn substitute(&mut self, expected: &[u8], out: &mut Vec<u8>) -> Result<()> {
        for &code in expected {
            out.push(self.substitution(code)?);
        }
        Ok(())
    }

    /// The base of the next substitution.
    fn substitution(&mut self, expected: u8) -> Result<u8> {
        let symbol = self.substitutions.next().unwrap_or(0);
        substituted(expected, symbol).ok_or_else(|| damaged("an unknown substitution"))
    }

    fn is_used_up(&self) -> bool {
        self.gap == usize::MAX
            && self.substitutions.len() == 0
            && self.next_literal == self.literals.len()
    }
}

/// The code that a substitution stands for; none for those that mean nothing.
fn substituted(expected: u8, symbol: u8) -> Option<u8> {
    let rank = RANK[usize::from(expected & 15)];
    match symbol {
        1..EXPLICIT if rank != OTHER_CODE => Some(ACGT[usize::from((rank + symbol) & 3)]),
        EXPLICIT.. if symbol < EXPLICIT + 16 && symbol - EXPLICIT != expected => {
            Some(symbol - EXPLICIT)
        }
        _ => None,
    }
}
