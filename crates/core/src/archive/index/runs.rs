//! Runs of records on one reference, in the order of the content: what an index is made of.
//!
//! Where a chunk's records are all on one reference they are one run, and core fields tell it. Elsewhere the chunk is decoded,
//! and each reference gets a run that starts and ends with its own records: readers go on to the end of a range, and take a
//! record of another reference for the end of what they asked for.

use std::ops::Range;
use std::sync::Arc;

use crate::archive::chunks::Chunks;
use crate::archive::heading::Heading;
use crate::archive::query::{self, Core, Pass};
use crate::source::bam::CoreFields;
use crate::source::bam::record::UNMAPPED;
use crate::{Error, Result};

/// Records on one reference, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Number of the reference; negative for none.
    pub reference: i32,
    /// Position of the first record, 0-based.
    pub start: i64,
    /// Position of the last.
    pub last: i64,
    /// Largest end of the records, exclusive; an unmapped record takes one position.
    pub end: i64,
    /// How many are mapped, and how many are not.
    pub counts: [u64; 2],
    /// Where they lie in the content.
    pub place: Range<u64>,
}

/// A pass over the runs of an archive's records, those of a chunk together.
///
/// # Errors
/// [`Error::Invalid`] for records that are not sorted.
pub fn runs(chunks: &Arc<Chunks>, heading: &Heading, threads: usize) -> Result<Pass<Vec<Run>>> {
    let (own, first) = (chunks.clone(), heading.length);
    let name = chunks.opened.name.clone();
    let named = move |made: Result<Vec<Run>>| made.map_err(|error| error.at(&name));
    let of_stretch = named.clone();
    query::places(
        chunks,
        heading,
        threads,
        move |number, entry| {
            let fields = own.core_fields(number)?;
            let references = &fields.references;
            if references.iter().any(|of| *of != references[0]) {
                return Ok(None);
            }
            let end = match number + 1 < own.count() {
                true => own.entry(number + 1)?.content_offset,
                false => own.content_length(),
            };
            let place = entry.content_offset.max(first)..end;
            named(split(&fields, |_| place.clone())).map(Some)
        },
        move |stretch| {
            let place = |index: usize| {
                let Range { start, end } = stretch.records[index];
                stretch.offset + start as u64..stretch.offset + end as u64
            };
            of_stretch(split(&stretch.core_fields(), place))
        },
    )
}

/// The runs of records; `place` tells where each lies.
fn split(fields: &CoreFields, place: impl Fn(usize) -> Range<u64>) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut before = (0, i64::MIN);
    for index in 0..fields.flags.len() {
        let core = Core::of(fields, index);
        let rank = (core.reference.max(-1) as u32, core.position);
        if rank < before && core.reference >= 0 {
            return Err(unsorted());
        }
        before = rank;
        let (place, is_unmapped) = (place(index), core.flags & UNMAPPED != 0);
        match runs.last_mut() {
            Some(run) if run.reference.max(-1) == core.reference.max(-1) => {
                run.last = core.position;
                run.end = run.end.max(core.end);
                run.counts[usize::from(is_unmapped)] += 1;
                run.place.end = place.end;
            }
            _ => runs.push(Run {
                reference: core.reference,
                start: core.position,
                last: core.position,
                end: core.end,
                counts: [u64::from(!is_unmapped), u64::from(is_unmapped)],
                place,
            }),
        }
    }
    Ok(runs)
}

/// Holds runs against those before them.
#[derive(Default)]
pub struct Order {
    /// Reference (none comes last) and position of the last record.
    last: Option<(u32, i64)>,
}

impl Order {
    /// Refuses a run that starts before the last one.
    pub fn check(&mut self, run: &Run, references: usize) -> Result<()> {
        if i64::from(run.reference) >= references as i64 {
            return Err(Error::Damaged(format!(
                "its source has a record on reference number {}, which its header does not have",
                run.reference
            )));
        }
        let rank = (run.reference.max(-1) as u32, run.start);
        if run.reference >= 0 && self.last.is_some_and(|last| rank < last) {
            return Err(unsorted());
        }
        self.last = Some((rank.0, run.last));
        Ok(())
    }
}

fn unsorted() -> Error {
    Error::Invalid(
        "its source is not sorted by position, so there can be no index; sort the BAM file (samtools sort) and compress it \
         again"
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(places: &[(i32, i32, u16)]) -> CoreFields {
        let mut fields = CoreFields::default();
        for &(reference, position, flags) in places {
            fields.references.push(reference);
            fields.positions.push(position);
            fields.flags.push(flags);
            fields.mapping_qualities.push(0);
            fields.mate_references.push(-1);
            fields.cigars.push(10 << 4);
            fields.cigar_ends.push(fields.cigars.len());
        }
        fields
    }

    fn at(index: usize) -> Range<u64> {
        index as u64 * 10..index as u64 * 10 + 10
    }

    #[test]
    fn records_of_a_reference_are_one_run() {
        let fields = fields(&[
            (0, 5, 0),
            (0, 5, UNMAPPED),
            (1, 2, 0),
            (-1, -1, 4),
            (-7, 3, 0),
        ]);
        let made = split(&fields, at).unwrap();
        let told: Vec<_> = made
            .iter()
            .map(|run| {
                (
                    run.reference,
                    run.start,
                    run.end,
                    run.counts,
                    run.place.clone(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (0, 5, 15, [1, 1], 0..20),
                (1, 2, 12, [1, 0], 20..30),
                (-1, -1, 13, [1, 1], 30..50),
            ]
        );
    }

    #[test]
    fn records_out_of_order_are_refused() {
        for places in [
            [(0, 5, 0), (0, 4, 0)],
            [(1, 5, 0), (0, 6, 0)],
            [(-1, -1, 4), (0, 0, 0)],
        ] {
            let both = fields(&places);
            assert!(matches!(split(&both, at), Err(Error::Invalid(_))));
            let mut order = Order::default();
            let mut check = |place| order.check(&split(&fields(&[place]), at).unwrap()[0], 2);
            check(places[0]).unwrap();
            assert!(matches!(check(places[1]), Err(Error::Invalid(_))));
        }
        let far = split(&fields(&[(2, 5, 0)]), at).unwrap();
        assert!(matches!(
            Order::default().check(&far[0], 2),
            Err(Error::Damaged(_))
        ));
    }
}
