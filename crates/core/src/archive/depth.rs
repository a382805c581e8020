//! How many bases lie on each position of a reference: what samtools depth tells. It follows from core fields, for which a small
//! part of an archive is read; of chunks with a CIGAR that is too long for its place, from whole records.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::iter::Peekable;

use super::coverage::{self, Interval};
use super::query::{Core, Pass, Query, Stretch};
use super::regions::Regions;
use super::view::Archive;
use crate::codec::records::{on_read, on_reference};
use crate::source::bam::{CoreFields, decimal};
use crate::{Error, Result};

/// Operations of a CIGAR that lay a base on the reference: M, = and X.
const MATCHES: u16 = 0b1_1000_0001;

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
        let of_core = |fields: &CoreFields, found: Vec<usize>| {
            let mut segments = Vec::new();
            for index in found {
                let cigar = fields.whole_cigar_of(index)?.iter().copied();
                push_segments(&Core::of(fields, index), cigar, &mut segments);
            }
            Some(segments)
        };
        let of_records = |stretch: Stretch<'_>| {
            let mut segments = Vec::new();
            for (core, parts) in stretch.parts() {
                push_segments(&core, parts.cigar(), &mut segments);
            }
            Ok(segments)
        };
        let pass = self.core_or_records(query, threads, of_core, of_records)?;
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
            true => coverage::intervals(query.regions.as_ref(), &heading.references),
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

    pub(super) fn sweep(&self, query: &Query) -> Sweep {
        Sweep::new(self.chunks.opened.name.clone(), query)
    }
}

/// Calls `each` for every stretch of bases that a CIGAR lays on the reference from `position` on: start and end there, and where
/// it starts in the read.
pub(super) fn each_match(
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
pub(super) type Segment = ((i32, i64), i64, i64, bool);

/// Adds the segments of a record.
pub(super) fn push_segments(
    core: &Core,
    cigar: impl Iterator<Item = u32>,
    segments: &mut Vec<Segment>,
) {
    let place = (core.reference, core.position);
    segments.push((place, core.position, core.end, false));
    each_match(core.position, cigar, |start, end, _| {
        segments.push((place, start, end, true));
    });
}

/// Goes along the references with the segments of records in their order, and tells depths.
pub(super) struct Sweep {
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
    pub(super) ready: VecDeque<Depth>,
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
    pub(super) fn add(&mut self, segment: Segment) -> Result<()> {
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
    pub(super) fn end(&mut self) {
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
    zeros: Peekable<std::vec::IntoIter<Interval>>,
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
                text.push(b'\t');
                decimal(&mut text, position + 1);
                text.push(b'\t');
                decimal(&mut text, run.depth as i64);
                text.push(b'\n');
            }
            if end < run.end {
                self.rest = Some(Depth { start: end, ..run });
            }
        }
        (!text.is_empty()).then_some(Ok(text))
    }
}
