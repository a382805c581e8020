//! What samtools tells of the records of a file: flagstat, idxstats, depth and coverage. All but the mean qualities of bases
//! follow from core fields, for which a small part of an archive is read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::iter::Peekable;
use std::ops::{AddAssign, Range};

use serde::Serialize;

use super::query::{self, Core, Pass, Query};
use super::regions::Regions;
use super::view::Archive;
use crate::codec::records::{on_read, on_reference};
use crate::container::trailer::Reference;
use crate::source::bam::CoreFields;
use crate::source::bam::record::{self, Fixed};
use crate::{Error, Result};

/// Least mapping quality of the last count of [`FlagCounts`].
const GOOD_MAPPING: u8 = 5;

/// Operations of a CIGAR that lay a base on the reference: M, = and X.
const MATCHES: u16 = 0b1_1000_0001;

/// How many records have which flags: what samtools flagstat prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlagCounts {
    /// All.
    pub total: u64,
    /// Neither secondary nor supplementary.
    pub primary: u64,
    pub secondary: u64,
    pub supplementary: u64,
    pub duplicates: u64,
    pub primary_duplicates: u64,
    pub mapped: u64,
    pub primary_mapped: u64,
    /// Primary ones of pairs, as are all the following.
    pub paired: u64,
    pub read1: u64,
    pub read2: u64,
    /// Mapped in a proper pair.
    pub properly_paired: u64,
    pub with_itself_and_mate_mapped: u64,
    pub singletons: u64,
    /// Mates that are mapped to another reference sequence.
    pub mate_on_different_reference: u64,
    /// Of these, with mapping quality 5 or more.
    pub mate_on_different_reference_mapq5: u64,
}

/// Counts of records that passed quality control, and of those that did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlagStatistics {
    pub passed: FlagCounts,
    pub failed: FlagCounts,
}

impl FlagCounts {
    fn see(&mut self, flags: u16, reference: i32, mate_reference: i32, mapping_quality: u8) {
        let has = |flag: u16| flags & flag != 0;
        let one = |condition: bool| u64::from(condition);
        let mapped = !has(record::UNMAPPED);
        self.total += 1;
        self.duplicates += one(has(record::DUPLICATE));
        self.mapped += one(mapped);
        if has(record::SECONDARY) {
            self.secondary += 1;
        } else if has(record::SUPPLEMENTARY) {
            self.supplementary += 1;
        } else {
            self.primary += 1;
            self.primary_duplicates += one(has(record::DUPLICATE));
            self.primary_mapped += one(mapped);
            if has(record::PAIRED) {
                let mate_mapped = !has(record::MATE_UNMAPPED);
                self.paired += 1;
                self.read1 += one(has(record::FIRST));
                self.read2 += one(has(record::LAST));
                self.properly_paired += one(has(record::PROPER_PAIR) && mapped);
                self.singletons += one(mapped && !mate_mapped);
                if mapped && mate_mapped {
                    self.with_itself_and_mate_mapped += 1;
                    let elsewhere = mate_reference != reference;
                    self.mate_on_different_reference += one(elsewhere);
                    self.mate_on_different_reference_mapq5 +=
                        one(elsewhere && mapping_quality >= GOOD_MAPPING);
                }
            }
        }
    }
}

impl AddAssign for FlagCounts {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.primary += other.primary;
        self.secondary += other.secondary;
        self.supplementary += other.supplementary;
        self.duplicates += other.duplicates;
        self.primary_duplicates += other.primary_duplicates;
        self.mapped += other.mapped;
        self.primary_mapped += other.primary_mapped;
        self.paired += other.paired;
        self.read1 += other.read1;
        self.read2 += other.read2;
        self.properly_paired += other.properly_paired;
        self.with_itself_and_mate_mapped += other.with_itself_and_mate_mapped;
        self.singletons += other.singletons;
        self.mate_on_different_reference += other.mate_on_different_reference;
        self.mate_on_different_reference_mapq5 += other.mate_on_different_reference_mapq5;
    }
}

/// Records on a reference sequence: what samtools idxstats prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IndexStatistics {
    /// Name of the reference; `*` for records on none.
    pub reference: String,
    /// Its length in bases.
    pub length: u64,
    /// Mapped records on it.
    pub mapped: u64,
    /// Unmapped records that are placed on it.
    pub unmapped: u64,
}

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

/// Positions with the same depth: a run on a reference, 0-based and half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Number of the reference.
    pub reference: u32,
    pub start: i64,
    pub end: i64,
    /// Bases on each of its positions.
    pub depth: u64,
}

impl Archive {
    /// Counts records by their flags.
    ///
    /// # Errors
    /// As [`Archive::records`].
    pub fn flag_statistics(&self, query: &Query, threads: usize) -> Result<FlagStatistics> {
        let count = |fields: &CoreFields, found: Vec<usize>| {
            let mut counts = FlagStatistics::default();
            for index in found {
                let flags = fields.flags[index];
                let of = match flags & record::QC_FAIL {
                    0 => &mut counts.passed,
                    _ => &mut counts.failed,
                };
                of.see(
                    flags,
                    fields.references[index],
                    fields.mate_references[index],
                    fields.mapping_qualities[index],
                );
            }
            counts
        };
        let mut sum = FlagStatistics::default();
        for counts in self.core(query, threads, count)? {
            let counts = counts?;
            sum.passed += counts.passed;
            sum.failed += counts.failed;
        }
        Ok(sum)
    }

    /// Counts mapped and unmapped records on each reference, and last of all those on none.
    ///
    /// # Errors
    /// As [`Archive::records`].
    pub fn index_statistics(&self, threads: usize) -> Result<Vec<IndexStatistics>> {
        let count = |fields: &CoreFields, found: Vec<usize>| {
            // Runs of records on the same reference are one entry.
            let mut counts: Vec<(i32, [u64; 2])> = Vec::new();
            for index in found {
                let reference = fields.references[index];
                let is_unmapped = fields.flags[index] & record::UNMAPPED != 0;
                if counts.last().is_none_or(|last| last.0 != reference) {
                    counts.push((reference, [0; 2]));
                }
                if let Some((_, counts)) = counts.last_mut() {
                    counts[usize::from(is_unmapped)] += 1;
                }
            }
            counts
        };
        let heading = self.heading()?;
        let mut all: Vec<IndexStatistics> = heading
            .references
            .iter()
            .map(|reference| IndexStatistics {
                reference: String::from_utf8_lossy(&reference.name).into_owned(),
                length: reference.length.into(),
                ..IndexStatistics::default()
            })
            .collect();
        all.push(IndexStatistics {
            reference: "*".into(),
            ..IndexStatistics::default()
        });
        let none = all.len() - 1;
        for counts in self.core(&Query::default(), threads, count)? {
            for (reference, [mapped, unmapped]) in counts? {
                let place = usize::try_from(reference).unwrap_or(none);
                let of = all
                    .get_mut(place)
                    .ok_or_else(|| self.no_reference(reference))?;
                of.mapped += mapped;
                of.unmapped += unmapped;
            }
        }
        Ok(all)
    }

    /// Depths along the references, in order: runs of positions that at least one record takes. Where all of them delete or skip
    /// a position its depth is 0. Regions of `query` cut the runs.
    ///
    /// # Errors
    /// As [`Archive::records`]; [`Error::Invalid`] when the records are not sorted by position.
    pub fn depths(
        &self,
        query: &Query,
        threads: usize,
    ) -> Result<impl Iterator<Item = Result<Depth>> + Send + use<>> {
        let segments = |fields: &CoreFields, found: Vec<usize>| {
            let mut segments = Vec::new();
            for index in found {
                let cigar = fields.cigar_of(index).iter().copied();
                push_segments(&Core::of(fields, index), cigar, &mut segments);
            }
            segments
        };
        let pass = self.core(query, threads, segments)?;
        Ok(Depths {
            pass,
            sweep: self.sweep(query),
            segments: Vec::new().into_iter(),
            ended: false,
        })
    }

    /// The same as lines of text: reference, position (1-based) and depth. With `zeros`, positions without a base too: those of
    /// the regions, or of all references.
    ///
    /// # Errors
    /// As [`Archive::depths`].
    pub fn depth_text(
        &self,
        query: &Query,
        threads: usize,
        zeros: bool,
    ) -> Result<impl Iterator<Item = Result<Vec<u8>>> + Send + use<>> {
        let heading = self.heading()?;
        let stretches = match zeros {
            true => Tally::new(query.regions.as_ref(), &heading.references).stretches,
            false => Vec::new(),
        };
        Ok(DepthText {
            depths: self.depths(query, threads)?,
            names: heading
                .references
                .iter()
                .map(|reference| reference.name.clone())
                .collect(),
            zeros: stretches.into_iter().peekable(),
            run: None,
            rest: None,
            ended: false,
        })
    }

    /// Coverage of each stretch that `query`'s regions name; of every reference where it names none. Mean qualities of bases need
    /// all of the records and are told only on demand.
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
        let stretches = tally.stretches.clone();
        let mut sweep = self.sweep(query);
        let mut add = |told: (Sums, Vec<Segment>)| {
            tally.add(&told.0);
            for segment in told.1 {
                sweep.add(segment)?;
            }
            sweep.ready.drain(..).for_each(|run| tally.cover(&run));
            Ok(())
        };
        if base_qualities {
            query.check_core_only()?;
            let tell = move |stretch: query::Stretch<'_>| {
                let (mut sums, mut segments) = (Sums::default(), Vec::new());
                for record in stretch.records {
                    let bytes = &stretch.content[record];
                    if let (Some(fixed), Some(core)) = (Fixed::read(bytes), Core::of_record(bytes))
                    {
                        sums.see_record(&core, &fixed, bytes, &stretches);
                        push_segments(&core, record::cigar(&fixed, bytes), &mut segments);
                    }
                }
                Ok((sums, segments))
            };
            let threads = super::threads(threads);
            let mut pass = query::records(&self.chunks, &heading, query, threads, tell)?;
            pass.try_for_each(|told| add(told?))?;
        } else {
            let tell = move |fields: &CoreFields, found: Vec<usize>| {
                let (mut sums, mut segments) = (Sums::default(), Vec::new());
                for index in found {
                    let core = Core::of(fields, index);
                    sums.see(&core, &stretches);
                    let cigar = fields.cigar_of(index).iter().copied();
                    push_segments(&core, cigar, &mut segments);
                }
                (sums, segments)
            };
            self.core(query, threads, tell)?
                .try_for_each(|told| add(told?))?;
        }
        sweep.end();
        sweep.ready.drain(..).for_each(|run| tally.cover(&run));
        Ok(tally.finish(&heading.references, base_qualities))
    }

    fn sweep(&self, query: &Query) -> Sweep {
        Sweep::new(self.chunks.opened.name.clone(), query)
    }

    fn no_reference(&self, number: i32) -> Error {
        Error::Damaged(format!(
            "{}: its source has a record on reference number {number}, which its header does not have",
            self.chunks.opened.name
        ))
    }
}

/// Calls `each` for every stretch of bases that a CIGAR lays on the reference from `position` on: start and end there, and where
/// it starts in the read.
fn each_match(
    position: i64,
    cigar: impl Iterator<Item = u32>,
    mut each: impl FnMut(i64, i64, usize),
) {
    let (mut at, mut read) = (position, 0);
    for operation in cigar {
        let length = i64::from(operation >> 4);
        if MATCHES >> (operation & 15) & 1 == 1 {
            each(at, at + length, read);
        }
        at += i64::from(on_reference(operation));
        read += on_read(operation) as usize;
    }
}

/// A stretch of a reference that a record takes, or that its bases take: the record's reference and position, the stretch, and
/// whether bases take it.
type Segment = ((i32, i64), i64, i64, bool);

/// Adds the segments of a record.
fn push_segments(core: &Core, cigar: impl Iterator<Item = u32>, segments: &mut Vec<Segment>) {
    let place = (core.reference, core.position);
    segments.push((place, core.position, core.end, false));
    each_match(core.position, cigar, |start, end, _| {
        segments.push((place, start, end, true));
    });
}

/// Goes along the references with the segments of records in their order, and tells depths.
struct Sweep {
    name: String,
    regions: Vec<Regions>,
    reference: i32,
    /// Start of the last record.
    position: i64,
    /// Up to here depths have been told.
    at: i64,
    depth: u64,
    /// Records that take the position.
    records: u64,
    /// Where segments start and end that lie ahead, by how much that changes the number of records and the depth.
    changes: BinaryHeap<Reverse<(i64, i64, i64)>>,
    /// Told, and not taken yet.
    ready: VecDeque<Depth>,
}

impl Sweep {
    fn new(name: String, query: &Query) -> Self {
        Self {
            name,
            regions: [&query.regions, &query.targets]
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
            reference: -1,
            position: -1,
            at: 0,
            depth: 0,
            records: 0,
            changes: BinaryHeap::new(),
            ready: VecDeque::new(),
        }
    }

    /// Adds a segment of the next record, or the next of the same one.
    fn add(&mut self, segment: Segment) -> Result<()> {
        let ((reference, position), start, end, of_bases) = segment;
        let rank = |reference: i32| reference as u32;
        if reference != self.reference {
            let is_later = self.reference < 0 || rank(reference) > rank(self.reference);
            if !is_later {
                return Err(self.unsorted());
            }
            self.end();
            (self.reference, self.position, self.at) = (reference, -1, 0);
        }
        if position < self.position {
            return Err(self.unsorted());
        }
        if position > self.position {
            self.tell(position);
            self.position = position;
        }
        let (records, depth) = if of_bases { (0, 1) } else { (1, 0) };
        self.changes.push(Reverse((start, records, depth)));
        self.changes.push(Reverse((end, -records, -depth)));
        Ok(())
    }

    /// Tells what is left of the reference.
    fn end(&mut self) {
        self.tell(i64::MAX);
    }

    /// Tells depths up to a position.
    fn tell(&mut self, until: i64) {
        while let Some(&Reverse((place, ..))) = self.changes.peek() {
            if place > until {
                break;
            }
            self.tell_run(place);
            while let Some(&Reverse((same, records, depth))) = self.changes.peek()
                && same == place
            {
                self.records = self.records.wrapping_add_signed(records);
                self.depth = self.depth.wrapping_add_signed(depth);
                self.changes.pop();
            }
        }
        if until < i64::MAX {
            self.tell_run(until);
        }
    }

    /// The run of the current depth up to `end`, cut by the regions.
    fn tell_run(&mut self, end: i64) {
        let start = self.at;
        self.at = start.max(end);
        let Ok(reference) = u32::try_from(self.reference) else {
            return;
        };
        if self.records == 0 || start >= end {
            return;
        }
        let mut runs = vec![(start, end)];
        for regions in &self.regions {
            let intervals = regions.on(self.reference);
            let mut cut = Vec::new();
            for (start, end) in runs {
                let first = intervals.partition_point(|interval| interval.1 <= start);
                let inside = intervals[first..]
                    .iter()
                    .take_while(|interval| interval.0 < end);
                cut.extend(inside.map(|&(from, to)| (start.max(from), end.min(to))));
            }
            runs = cut;
        }
        let depth = self.depth;
        self.ready
            .extend(runs.into_iter().map(|(start, end)| Depth {
                reference,
                start,
                end,
                depth,
            }));
    }

    fn unsorted(&self) -> Error {
        Error::Invalid(format!(
            "{}: its source's records are not sorted by position: depths cannot be told (sort the source, and compress that)",
            self.name
        ))
    }
}

/// Depths, told as they are asked for.
struct Depths {
    pass: Pass<Vec<Segment>>,
    segments: std::vec::IntoIter<Segment>,
    sweep: Sweep,
    ended: bool,
}

impl Depths {
    fn advance(&mut self) -> Result<Option<Depth>> {
        loop {
            if let Some(depth) = self.sweep.ready.pop_front() {
                return Ok(Some(depth));
            }
            if self.ended {
                return Ok(None);
            }
            if let Some(segment) = self.segments.next() {
                self.sweep.add(segment)?;
                continue;
            }
            match self.pass.next() {
                Some(segments) => self.segments = segments?.into_iter(),
                None => {
                    self.sweep.end();
                    self.ended = true;
                }
            }
        }
    }
}

impl Iterator for Depths {
    type Item = Result<Depth>;

    fn next(&mut self) -> Option<Result<Depth>> {
        let next = self.advance();
        self.ended |= next.is_err();
        next.transpose()
    }
}

/// Bytes of text that are made at least at a time.
const TEXT: usize = 64 << 10;

/// Depths as lines.
struct DepthText<D> {
    depths: D,
    names: Vec<Vec<u8>>,
    /// Stretches whose positions without a base are told too, from where they have been told.
    zeros: Peekable<std::vec::IntoIter<Stretch>>,
    /// The next run with bases.
    run: Option<Depth>,
    /// What is left of a run that is being told.
    rest: Option<Depth>,
    ended: bool,
}

impl<D: Iterator<Item = Result<Depth>>> DepthText<D> {
    /// The next run of positions; those without a base before it, if they are told.
    fn next_run(&mut self) -> Result<Option<Depth>> {
        if self.rest.is_some() {
            return Ok(self.rest.take());
        }
        if self.run.is_none() {
            self.run = self.depths.next().transpose()?;
        }
        loop {
            let Some(zeros) = self.zeros.peek_mut() else {
                return Ok(self.run.take());
            };
            let (reference, start, end) = *zeros;
            let until = match self.run {
                Some(run) if (run.reference, run.start) < (reference, end) => run.start.max(start),
                _ => end,
            };
            if start < until {
                zeros.1 = until;
                return Ok(Some(Depth {
                    reference,
                    start,
                    end: until,
                    depth: 0,
                }));
            }
            if start < end {
                let run = self.run.take();
                zeros.1 = run.map_or(end, |run| run.end.max(start));
                return Ok(run);
            }
            self.zeros.next();
        }
    }
}

impl<D: Iterator<Item = Result<Depth>>> Iterator for DepthText<D> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Result<Vec<u8>>> {
        let mut text = Vec::new();
        while text.len() < TEXT && !self.ended {
            let run = match self.next_run() {
                Ok(Some(run)) => run,
                Ok(None) => {
                    self.ended = true;
                    break;
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            };
            let name = self.names.get(run.reference as usize);
            let name = name.map_or(&b"?"[..], Vec::as_slice);
            // No more lines at a time than make a piece; the rest goes back.
            let most = (TEXT / (name.len() + 1)) as i64;
            let end = run.end.min(run.start + most);
            for position in run.start..end {
                text.extend_from_slice(name);
                text.extend_from_slice(format!("\t{}\t{}\n", position + 1, run.depth).as_bytes());
            }
            if end < run.end {
                self.rest = Some(Depth { start: end, ..run });
            }
        }
        (!text.is_empty()).then_some(Ok(text))
    }
}

/// A stretch of a reference: its number, first position, and end.
type Stretch = (u32, i64, i64);

/// The stretches that records overlap, and what is summed of each.
struct Tally {
    stretches: Vec<Stretch>,
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
fn overlapped(core: &Core, stretches: &[Stretch]) -> Range<usize> {
    let Ok(reference) = u32::try_from(core.reference) else {
        return 0..0;
    };
    // Stretches are in order and apart.
    let first = stretches.partition_point(|&(of, _, end)| (of, end) <= (reference, core.position));
    let after = stretches.partition_point(|&(of, start, _)| (of, start) < (reference, core.end));
    first..after.max(first)
}

impl Sums {
    fn see(&mut self, core: &Core, stretches: &[Stretch]) {
        for number in overlapped(core, stretches) {
            let sum = self.0.entry(number).or_default();
            sum.records += 1;
            sum.mapping_qualities += u64::from(core.mapping_quality);
        }
    }

    fn see_record(&mut self, core: &Core, fixed: &Fixed, bytes: &[u8], stretches: &[Stretch]) {
        self.see(core, stretches);
        let qualities = fixed
            .tags_at()
            .and_then(|end| bytes.get(end - fixed.length as usize..end));
        let qualities = qualities.unwrap_or_default();
        for number in overlapped(core, stretches) {
            let (_, first, last) = stretches[number];
            let sum = self.0.entry(number).or_default();
            let cigar = record::cigar(fixed, bytes);
            each_match(core.position, cigar, |start, end, read| {
                let (from, to) = (start.max(first), end.min(last));
                if from < to {
                    let from = read + (from - start) as usize;
                    let to = read + (to - start) as usize;
                    let inside = qualities.get(from..to).unwrap_or_default();
                    sum.bases += inside.len() as u64;
                    sum.base_qualities += inside.iter().map(|&q| u64::from(q)).sum::<u64>();
                }
            });
        }
    }
}

impl Tally {
    fn new(regions: Option<&Regions>, references: &[Reference]) -> Self {
        let mut stretches = Vec::new();
        for (number, reference) in (0u32..).zip(references) {
            let length = i64::from(reference.length);
            match regions {
                None => stretches.push((number, 0, length)),
                Some(regions) => {
                    let on = regions.on(number as i32).iter();
                    let inside = on.map(|&(start, end)| (number, start, end.min(length)));
                    stretches.extend(inside.filter(|&(_, start, end)| start < end));
                }
            }
        }
        Self {
            covered: vec![(0, 0); stretches.len()],
            stretches,
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
        for number in overlapped(&as_record, &self.stretches).filter(|_| run.depth > 0) {
            let (_, first, last) = self.stretches[number];
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
        let stretches = self.stretches.iter().zip(&self.covered).enumerate();
        stretches
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
