//! How much of a reference records cover, how deep and how well: what samtools coverage tells. Mean qualities of bases need
//! the bases and their qualities, the rest follows from core fields.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use super::decode::Wanted;
use super::depth::{Depth, Segment, each_match, push_segments};
use super::query::{self, Core, Query, Stretch};
use super::regions::Regions;
use super::view::Archive;
use crate::Result;
use crate::container::trailer::Reference;
use crate::source::bam::CoreFields;

/// Depths of a stretch of a reference: what samtools coverage prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Coverage {
    /// Name of the reference.
    pub reference: String,
    /// First position, 0-based.
    pub start: u64,
    /// End of the stretch, exclusive.
    pub end: u64,
    /// Records that overlap it.
    pub records: u64,
    /// Positions with at least one base.
    pub covered_bases: u64,
    /// Bases for each position.
    pub mean_depth: f64,
    /// Mean quality of the bases that lie on it; none where it was not asked for.
    pub mean_base_quality: Option<f64>,
    /// Mean mapping quality of the records.
    pub mean_mapping_quality: f64,
}

impl Archive {
    /// Coverage of each stretch that `query`'s regions name; of every reference where it names none. Mean qualities of bases need
    /// most of what is in the archive and are told only on demand.
    ///
    /// # Errors
    /// As [`Archive::depths`].
    pub fn coverage(
        &self,
        query: &Query,
        base_qualities: bool,
        threads: usize,
    ) -> Result<Vec<Coverage>> {
        let heading = self.heading()?;
        let mut tally = Tally::new(query.regions.as_ref(), &heading.references);
        let intervals = Arc::new(tally.intervals.clone());
        let mut sweep = self.sweep(query);
        let mut add = |told: Result<Told>| {
            let told = told?;
            tally.add(&told.sums);
            for segment in told.segments {
                sweep.add(segment)?;
            }
            sweep.ready.drain(..).for_each(|run| tally.cover(&run));
            Ok(())
        };
        let own = intervals.clone();
        let of_records = move |stretch: Stretch<'_>| {
            let mut told = Told::default();
            for (core, parts) in stretch.parts() {
                told.see(&core, parts.cigar(), Some(parts.qualities), &own);
            }
            Ok(told)
        };
        if base_qualities {
            query.check_core_only()?;
            let wanted = Wanted {
                qualities: true,
                ..Wanted::default()
            };
            let threads = super::threads(threads);
            query::partial(&self.chunks, &heading, query, threads, wanted, of_records)?
                .try_for_each(&mut add)?;
        } else {
            let of_core = move |fields: &CoreFields, found: Vec<usize>| {
                let mut told = Told::default();
                for index in found {
                    let core = Core::of(fields, index);
                    let cigar = fields.whole_cigar_of(index)?.iter().copied();
                    told.see(&core, cigar, None, &intervals);
                }
                Some(told)
            };
            self.core_or_records(query, threads, of_core, of_records)?
                .try_for_each(&mut add)?;
        }
        sweep.end();
        sweep.ready.drain(..).for_each(|run| tally.cover(&run));
        Ok(tally.finish(&heading.references, base_qualities))
    }
}

/// A stretch of a reference: its number, first position, and end.
pub(super) type Interval = (u32, i64, i64);

/// The stretches that records overlap, and what is summed of each.
struct Tally {
    intervals: Vec<Interval>,
    sums: Sums,
    covered: Vec<(u64, u64)>,
}

/// Sums of the records that overlap stretches, by the stretches' numbers.
#[derive(Default)]
struct Sums(BTreeMap<usize, Sum>);

#[derive(Clone, Copy, Default)]
struct Sum {
    records: u64,
    mapping_qualities: u64,
    bases: u64,
    base_qualities: u64,
}

/// The stretches that a record overlaps, by number.
fn overlapped(core: &Core, intervals: &[Interval]) -> Range<usize> {
    let Ok(reference) = u32::try_from(core.reference) else {
        return 0..0;
    };
    // Stretches are in order and apart.
    let first = intervals.partition_point(|&(of, _, end)| (of, end) <= (reference, core.position));
    let after = intervals.partition_point(|&(of, start, _)| (of, start) < (reference, core.end));
    first..after.max(first)
}

/// What is told of some records.
#[derive(Default)]
struct Told {
    sums: Sums,
    segments: Vec<Segment>,
}

impl Told {
    /// Sees a record by its place, its CIGAR, and its qualities if they are asked for.
    fn see(
        &mut self,
        core: &Core,
        cigar: impl Iterator<Item = u32> + Clone,
        qualities: Option<&[u8]>,
        intervals: &[Interval],
    ) {
        for number in overlapped(core, intervals) {
            let sum = self.sums.0.entry(number).or_default();
            sum.records += 1;
            sum.mapping_qualities += u64::from(core.mapping_quality);
            if let Some(qualities) = qualities {
                let (_, first, last) = intervals[number];
                sum.see_bases(core, cigar.clone(), qualities, first..last);
            }
        }
        push_segments(core, cigar, &mut self.segments);
    }
}

impl Sum {
    /// Sees the bases of a record that lie between these positions.
    fn see_bases(
        &mut self,
        core: &Core,
        cigar: impl Iterator<Item = u32>,
        qualities: &[u8],
        within: Range<i64>,
    ) {
        each_match(core.position, cigar, |start, end, read| {
            let (from, to) = (start.max(within.start), end.min(within.end));
            if from < to {
                let from = read + (from - start) as usize;
                let to = read + (to - start) as usize;
                let inside = qualities.get(from..to).unwrap_or_default();
                self.bases += inside.len() as u64;
                self.base_qualities += inside.iter().map(|&q| u64::from(q)).sum::<u64>();
            }
        });
    }
}

/// The stretches that regions name, cut at the references' ends; of every reference all, if none are given.
pub(super) fn intervals(regions: Option<&Regions>, references: &[Reference]) -> Vec<Interval> {
    let mut intervals = Vec::new();
    for (number, reference) in (0u32..).zip(references) {
        let length = i64::from(reference.length);
        match regions {
            None => intervals.push((number, 0, length)),
            Some(regions) => {
                let on = regions.on(number as i32).iter();
                let inside = on.map(|&(start, end)| (number, start, end.min(length)));
                intervals.extend(inside.filter(|&(_, start, end)| start < end));
            }
        }
    }
    intervals
}

impl Tally {
    fn new(regions: Option<&Regions>, references: &[Reference]) -> Self {
        let intervals = intervals(regions, references);
        Self {
            covered: vec![(0, 0); intervals.len()],
            intervals,
            sums: Sums::default(),
        }
    }

    fn add(&mut self, sums: &Sums) {
        for (&number, more) in &sums.0 {
            let sum = self.sums.0.entry(number).or_default();
            sum.records += more.records;
            sum.mapping_qualities += more.mapping_qualities;
            sum.bases += more.bases;
            sum.base_qualities += more.base_qualities;
        }
    }

    fn cover(&mut self, run: &Depth) {
        let as_record = Core {
            flags: 0,
            reference: run.reference as i32,
            position: run.start,
            end: run.end,
            mapping_quality: 0,
        };
        for number in overlapped(&as_record, &self.intervals).filter(|_| run.depth > 0) {
            let (_, first, last) = self.intervals[number];
            let length = (run.end.min(last) - run.start.max(first)).max(0) as u64;
            self.covered[number].0 += length;
            self.covered[number].1 += length * run.depth;
        }
    }

    fn finish(self, references: &[Reference], base_qualities: bool) -> Vec<Coverage> {
        let mean = |sum: u64, of: u64| match of {
            0 => 0.0,
            of => sum as f64 / of as f64,
        };
        let intervals = self.intervals.iter().zip(&self.covered).enumerate();
        intervals
            .map(
                |(number, (&(reference, start, end), &(covered_bases, bases)))| {
                    let sum = self.sums.0.get(&number).copied().unwrap_or_default();
                    let name = &references[reference as usize].name;
                    Coverage {
                        reference: String::from_utf8_lossy(name).into_owned(),
                        start: start as u64,
                        end: end as u64,
                        records: sum.records,
                        covered_bases,
                        mean_depth: mean(bases, (end - start) as u64),
                        mean_base_quality: base_qualities
                            .then(|| mean(sum.base_qualities, sum.bases)),
                        mean_mapping_quality: mean(sum.mapping_qualities, sum.records),
                    }
                },
            )
            .collect()
    }
}
