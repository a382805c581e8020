//! The encoder's side: what the reference is, and how records differ from it.

use std::convert::Infallible;

use super::differences::{LETTERS, differing};
use super::layout::records;
use super::{Covered, DELETIONS, EXACT, EXPLICIT, LEANS, LONGEST_DELETION, Said, Step, steps};
use crate::codec::bases::{Alignments, OTHER_CODE, RANK, put_literals};
use crate::codec::records::ReferenceBases;
use crate::codec::wire::from_i32;
use crate::codec::{Encoded, Hint, encode as encode_inner, number, put_inner};

/// A position's code changes after this many contradictions more than agreements at most.
const MOST_VOTES: u8 = 100;

/// What tells the encoder the reference.
#[derive(Clone, Copy)]
pub(crate) struct Revealed<'a> {
    /// The `MD` of each record; empty for those that have none.
    pub(crate) mds: &'a [&'a [u8]],
    /// Bases given with the archive.
    pub(crate) given: Option<&'a dyn ReferenceBases>,
}

/// Encodes bases, one BAM code a byte, all records one after the other; none if they are not as many as the records say.
/// Gives what the reference is as well.
pub(crate) fn encode(
    alignments: &Alignments<'_>,
    bases: &[u8],
    revealed: Revealed<'_>,
) -> Option<(Encoded, Covered)> {
    let countable = i32::try_from(bases.len()).is_ok() && !bases.is_empty();
    if !countable || !alignments.hold(bases.len()) || bases.iter().any(|&code| code > 15) {
        return None;
    }
    let mut options = if revealed.mds.is_empty() {
        0
    } else {
        DELETIONS
    };
    let mut covered = Covered::by(alignments, options, bases.len());
    if covered.is_err() {
        options = 0;
        covered = Covered::by(alignments, options, bases.len());
    }
    let mut covered = covered.ok()?;
    let mut told = Vec::new();
    if let Some(given) = revealed.given {
        options |= LEANS;
        covered.take_given(given);
        told = covered.codes.iter().map(|&code| code != 0).collect();
    }
    if !revealed.mds.is_empty() {
        covered.take_mds(alignments, bases, revealed.mds);
    }
    covered.vote(alignments, bases);
    let says = |operation: &u32| matches!(operation & 15, 7 | 8);
    let mut parts = None;
    if alignments.cigar.iter().any(says) {
        parts = Parts::of(&covered, alignments, bases, true);
        options |= if parts.is_some() { EXACT } else { 0 };
    }
    let parts = parts.or_else(|| Parts::of(&covered, alignments, bases, false))?;
    let mut fresh = covered.codes.clone();
    if !told.is_empty() {
        let mut told = told.iter();
        fresh.retain(|_| told.next() != Some(&true));
    }
    let mut out = vec![options];
    put_literals(&mut out, &fresh);
    let mut put = |hint, bytes: &[u8]| put_inner(&mut out, &encode_inner(hint, bytes), bytes.len());
    put(Hint::Symbols, &parts.substitutions);
    put(Hint::Integers, &from_i32(&parts.gaps));
    put_literals(&mut out, &parts.literals);
    Some((Encoded::new(number::COVERED, out), covered))
}

impl Covered {
    /// Takes what the given references say.
    pub(super) fn take_given(&mut self, given: &dyn ReferenceBases) {
        for interval in &self.intervals {
            let codes = &mut self.codes[interval.at..];
            for (place, code) in (interval.place..interval.end).zip(codes) {
                let (reference, position) = ((place >> 32) as i32, (place & 0xffff_ffff) as i64);
                *code = given.base(reference, position).unwrap_or(0);
            }
        }
    }

    /// Takes what the records' `MD`s say, where nothing is known.
    fn take_mds(&mut self, alignments: &Alignments<'_>, bases: &[u8], mds: &[&[u8]]) {
        let (mut rest, mut near, mut mds) = (bases, 0, mds.iter());
        let visited = records::<Infallible>(alignments, |place, length, cigar| {
            let (own, after) = rest.split_at(length as usize);
            rest = after;
            let md = mds.next().copied().unwrap_or_default();
            if let (Some(place), false) = (place, md.is_empty()) {
                // An MD that makes no sense says no more.
                let _ = self.take_md(md, steps(cigar, place), own, &mut near);
            }
            Ok(())
        });
        let Ok(()) = visited;
    }

    fn take_md(
        &mut self,
        md: &[u8],
        steps: impl Iterator<Item = Step>,
        own: &[u8],
        near: &mut usize,
    ) -> Option<()> {
        let (mut text, mut rest) = (md, own);
        let mut same = number_of(&mut text)?;
        for step in steps {
            match step {
                Step::Free(length) => rest = rest.get(length as usize..)?,
                Step::Aligned(place, length, _) => {
                    let place = self.find(place, length, near)?;
                    let (mut own, after) = rest.split_at_checked(length as usize)?;
                    let mut codes = &mut self.codes[place];
                    rest = after;
                    loop {
                        let (agree, after) = own.split_at(same.min(own.len()));
                        let (known, others) = codes.split_at_mut(agree.len());
                        for (code, &base) in known.iter_mut().zip(agree) {
                            *code = if *code == 0 { base } else { *code };
                        }
                        same -= agree.len();
                        let Some((_, after)) = after.split_first() else {
                            break;
                        };
                        let (code, others) = others.split_first_mut()?;
                        let letter = code_of(text.split_off_first()?)?;
                        *code = if *code == 0 { letter } else { *code };
                        same = number_of(&mut text)?;
                        (own, codes) = (after, others);
                    }
                }
                Step::Deleted(place, length) => {
                    if same != 0 || text.split_off_first() != Some(&b'^') {
                        return None;
                    }
                    let letters = text.split_off(..length as usize)?;
                    if self.deletions && length <= LONGEST_DELETION {
                        let place = self.find(place, length, near)?;
                        for (code, letter) in self.codes[place].iter_mut().zip(letters) {
                            let letter = code_of(letter)?;
                            *code = if *code == 0 { letter } else { *code };
                        }
                    }
                    same = number_of(&mut text)?;
                }
            }
        }
        Some(())
    }

    /// Lets all records vote on what is still unknown.
    fn vote(&mut self, alignments: &Alignments<'_>, bases: &[u8]) {
        if !self.codes.contains(&0) {
            return;
        }
        // What is known is beyond votes.
        let fixed = |&code: &u8| if code == 0 { 0 } else { u8::MAX };
        let mut votes: Vec<u8> = self.codes.iter().map(fixed).collect();
        self.each_run(alignments, bases, |codes, place, own| {
            let votes = &mut votes[place.clone()];
            let codes = &mut codes[place];
            if codes == own {
                for vote in votes {
                    *vote += u8::from(*vote < MOST_VOTES);
                }
                return;
            }
            for ((code, vote), &base) in codes.iter_mut().zip(votes).zip(own) {
                if *code == base {
                    *vote += u8::from(*vote < MOST_VOTES);
                } else if *vote == 0 {
                    (*code, *vote) = (base, 1);
                } else if *vote <= MOST_VOTES {
                    *vote -= 1;
                }
            }
        });
        for code in &mut self.codes {
            // Nobody's: the cheapest.
            *code = if *code == 0 { 1 } else { *code };
        }
    }

    /// Calls `each` with the codes, and with the place in them and the bases of every run of aligned bases.
    fn each_run(
        &mut self,
        alignments: &Alignments<'_>,
        bases: &[u8],
        mut each: impl FnMut(&mut [u8], std::ops::Range<usize>, &[u8]),
    ) {
        let (mut rest, mut near) = (bases, 0);
        let visited = records::<Infallible>(alignments, |place, length, cigar| {
            let (mut own, after) = rest.split_at(length as usize);
            rest = after;
            for step in place.into_iter().flat_map(|place| steps(cigar, place)) {
                match step {
                    Step::Free(length) => own = &own[length as usize..],
                    Step::Aligned(place, length, _) => {
                        let (run, after) = own.split_at(length as usize);
                        own = after;
                        if let Some(place) = self.find(place, length, &mut near) {
                            each(&mut self.codes, place, run);
                        }
                    }
                    Step::Deleted(..) => {}
                }
            }
            Ok(())
        });
        let Ok(()) = visited;
    }
}

/// Bases as what the reference does not tell.
#[derive(Default)]
struct Parts {
    substitutions: Vec<u8>,
    /// Aligned bases before each substitution, from the one before on; none for those that CIGARs tell.
    gaps: Vec<i32>,
    /// Aligned bases since the last.
    gap: i32,
    literals: Vec<u8>,
}

impl Parts {
    fn of(
        covered: &Covered,
        alignments: &Alignments<'_>,
        bases: &[u8],
        exact: bool,
    ) -> Option<Self> {
        let mut parts = Self::default();
        let (mut rest, mut near) = (bases, 0);
        let visited = records::<Wrong>(alignments, |place, length, cigar| {
            let (mut own, after) = rest.split_at(length as usize);
            rest = after;
            let Some(place) = place else {
                parts.literals.extend_from_slice(own);
                return Ok(());
            };
            for step in steps(cigar, place) {
                match step {
                    Step::Free(length) => {
                        let (free, after) = own.split_at(length as usize);
                        own = after;
                        parts.literals.extend_from_slice(free);
                    }
                    Step::Aligned(place, length, said) => {
                        let (run, after) = own.split_at(length as usize);
                        own = after;
                        let place = covered.find(place, length, &mut near).unwrap_or_default();
                        parts.compare(run, &covered.codes[place], said, exact)?;
                    }
                    Step::Deleted(..) => {}
                }
            }
            Ok(())
        });
        visited.is_ok().then_some(parts)
    }

    /// Takes a run of bases that lie where the reference is as expected.
    fn compare(
        &mut self,
        run: &[u8],
        expected: &[u8],
        said: Said,
        exact: bool,
    ) -> Result<(), Wrong> {
        if exact && said != Said::Nothing {
            let before = self.substitutions.len();
            differing(run, expected, |at| {
                self.substitutions.push(substitution(expected[at], run[at]));
            });
            let wanted = if said == Said::Other { run.len() } else { 0 };
            let found = self.substitutions.len() - before;
            return if found == wanted { Ok(()) } else { Err(Wrong) };
        }
        let mut next = 0;
        differing(run, expected, |at| {
            self.gaps.push(self.gap + (at - next) as i32);
            self.substitutions.push(substitution(expected[at], run[at]));
            (self.gap, next) = (0, at + 1);
        });
        self.gap += (run.len() - next) as i32;
        Ok(())
    }
}

/// A CIGAR says what is not so.
struct Wrong;

/// The symbol for a base where the reference is another.
fn substitution(expected: u8, code: u8) -> u8 {
    let (from, to) = (
        RANK[usize::from(expected & 15)],
        RANK[usize::from(code & 15)],
    );
    if from == OTHER_CODE || to == OTHER_CODE {
        EXPLICIT + code
    } else {
        to.wrapping_sub(from) & 3
    }
}

/// The number that `text` starts with, taken off it.
fn number_of(text: &mut &[u8]) -> Option<usize> {
    let mut number = None;
    while let Some(&digit @ b'0'..=b'9') = text.first() {
        let before: usize = number.unwrap_or(0);
        number = Some(
            before
                .checked_mul(10)?
                .checked_add(usize::from(digit - b'0'))?,
        );
        *text = &text[1..];
    }
    number
}

/// The code of a letter.
fn code_of(letter: &u8) -> Option<u8> {
    Some(match letter {
        b'A' => 1,
        b'C' => 2,
        b'G' => 4,
        b'T' => 8,
        b'N' => 15,
        _ => (0..16).find(|&code| LETTERS[usize::from(code)] == *letter)?,
    })
}
