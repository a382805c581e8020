//! How the bases of a chunk lie on the reference: one sequence of pieces that encoder and decoder walk alike.

use super::Alignments;
use super::consensus::PAGE;

/// Positions beyond this are taken for nonsense: BAM's are below 2^31.
const LAST_POSITION: u64 = 1 << 32;

/// A run of bases of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bases without a place.
    Free(usize),
    /// Bases on one page of a reference.
    Placed {
        reference: u32,
        page: u32,
        offset: usize,
        length: usize,
    },
}

/// Calls `visit` for the pieces of all bases in order.
pub(super) fn pieces<E>(
    alignments: &Alignments,
    mut visit: impl FnMut(Piece) -> Result<(), E>,
) -> Result<(), E> {
    let mut cigar = alignments.cigar;
    let places = alignments.reference.iter().zip(alignments.position);
    for ((&length, &count), (&reference, &position)) in alignments
        .lengths
        .iter()
        .zip(alignments.cigar_counts)
        .zip(places)
    {
        // Operations that are missing leave this and all later records without a place.
        let (own, rest) = cigar.split_at_checked(count as usize).unwrap_or((&[], &[]));
        cigar = rest;
        match (u32::try_from(reference), u64::try_from(position)) {
            (Ok(reference), Ok(position)) if fits(own, length, position) => {
                placed(own, reference, position, &mut visit)?;
            }
            _ if length > 0 => visit(Piece::Free(length as usize))?,
            _ => {}
        }
    }
    Ok(())
}

/// Whether the operations are known ones, use exactly `length` bases and stay within sensible positions.
pub(in crate::codec) fn fits(cigar: &[u32], length: u32, position: u64) -> bool {
    let (mut bases, mut end) = (0u64, position);
    for &operation in cigar {
        let count = u64::from(operation >> 4);
        let (uses_bases, uses_reference) = match operation & 15 {
            0 | 7 | 8 => (true, true),
            1 | 4 => (true, false),
            2 | 3 => (false, true),
            5 | 6 => (false, false),
            _ => return false,
        };
        bases += if uses_bases { count } else { 0 };
        end += if uses_reference { count } else { 0 };
        if end > LAST_POSITION || bases > u64::from(length) {
            return false;
        }
    }
    bases == u64::from(length)
}

fn placed<E>(
    cigar: &[u32],
    reference: u32,
    mut position: u64,
    visit: &mut impl FnMut(Piece) -> Result<(), E>,
) -> Result<(), E> {
    for &operation in cigar {
        let mut count = (operation >> 4) as usize;
        match operation & 15 {
            0 | 7 | 8 => {
                while count > 0 {
                    let offset = (position % PAGE as u64) as usize;
                    let length = count.min(PAGE - offset);
                    let page = (position / PAGE as u64) as u32;
                    visit(Piece::Placed {
                        reference,
                        page,
                        offset,
                        length,
                    })?;
                    position += length as u64;
                    count -= length;
                }
            }
            1 | 4 if count > 0 => visit(Piece::Free(count))?,
            2 | 3 => position += count as u64,
            _ => {}
        }
    }
    Ok(())
}
