//! One chunk's bases, record by record.

use super::Parts;
use super::differing::Manner;
use super::known::Known;
use super::sort::{Lists, Run};
use crate::codec::mixing::Coder;
use crate::codec::records::states::{AGREES, ALONE, CLIPPED, Segment, Walk};
use crate::codec::records::{Context, Records, part};

/// Places of the memory of bases that were inserted or clipped beside a place of the chunk.
const MEMORY: usize = 1 << 16;

/// What belongs to one chunk.
pub(super) struct Chunk<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) records: &'a Records,
    pub(super) known: Known,
    pub(super) bases: Vec<u8>,
    pub(super) states: Vec<u8>,
    /// See `free`.
    pub(super) memory: Vec<u8>,
    /// Bases that differed in each record, up to 255.
    differed: Vec<u8>,
    /// The first aligned segment of each record.
    runs: Vec<Run>,
    lists: Lists,
}

impl<'a> Chunk<'a> {
    /// Starts a chunk of so many places.
    pub(super) fn new(
        context: &'a Context<'a>,
        records: &'a Records,
        bases: Vec<u8>,
        places: usize,
    ) -> Self {
        Self {
            context,
            records,
            known: Known::new(places),
            states: vec![ALONE; bases.len()],
            memory: vec![0; MEMORY.min(bases.len().next_power_of_two())],
            differed: Vec::with_capacity(records.count),
            runs: Vec::with_capacity(records.count),
            bases,
            lists: Lists::default(),
        }
    }

    /// Codes a record.
    pub(super) fn record<C: Coder>(
        &mut self,
        coder: &mut C,
        parts: &mut Parts,
        record: usize,
        walk: &Walk,
    ) {
        let within = part(&self.records.base_ends, record);
        let run = walk.segments.iter().find(|segment| segment.kind == AGREES);
        self.runs.push(run.map_or(Run::default(), |run| Run {
            place: run.place,
            length: run.length,
            at: within.start + run.start,
        }));
        if within.is_empty() {
            self.differed.push(0);
            return;
        }
        self.prime(record, &walk.segments);
        let mut lists = std::mem::take(&mut self.lists);
        lists.clear();
        let mate = self.records.linked(record);
        lists.mate = mate.map_or(Run::default(), |mate| self.runs[mate]);
        let (records, bases) = (self.records, &mut self.bases);
        let settled = &mut lists.settled;
        parts.again.code(coder, records, bases, record, settled);
        parts.odd.code(coder, records, bases, record, settled);
        self.sort(C::DECODES, within.start, &walk.segments, &mut lists);
        let manner = self.manner(record, &walk.segments);
        let disputes = parts
            .disputed
            .code(coder, self, within.start, manner, &mut lists);
        let manner = Manner { disputes, ..manner };
        let differed = parts.differing.code(
            coder,
            self,
            (within.clone(), manner),
            &mut parts.disputed.others,
            &mut lists,
        );
        parts.free.code(coder, self, within.start, walk, &lists);
        self.differed.push((differed + disputes).min(255) as u8);
        self.count(within.start, &walk.segments, &lists);
        self.lists = lists;
    }

    /// Gives the places of a record that nothing covered before the reference's bases.
    fn prime(&mut self, record: usize, segments: &[Segment]) {
        let Some(source) = self.context.bases else {
            return;
        };
        let reference = self.records.references[record];
        let position = i64::from(self.records.positions[record]);
        for segment in segments.iter().filter(|segment| segment.kind == AGREES) {
            for at in 0..segment.length {
                let place = segment.place + at;
                if self.known.top(place) == 0
                    && let Some(base) =
                        source.base(reference, position + segment.offset + at as i64)
                    && matches!(base, 1 | 2 | 4 | 8)
                {
                    self.known.prime(place, base);
                }
            }
        }
    }

    /// What tells risky records from others.
    fn manner(&self, record: usize, segments: &[Segment]) -> Manner {
        let flags = self.records.flags[record];
        let mate = self.records.linked(record);
        Manner {
            reverse: flags >> 4 & 1 == 1,
            second: flags >> 7 & 1 == 1,
            mapq: match self.records.mapq[record] {
                0 => 0,
                1..10 => 1,
                10..30 => 2,
                30..60 => 3,
                60 => 4,
                255 => 6,
                _ => 5,
            },
            clipped: segments.len() > 1,
            mate: mate.map_or(3, |mate| usize::from(self.differed[mate].min(2))),
            last: record
                .checked_sub(1)
                .map_or(0, |last| usize::from(self.differed[last].min(2))),
            disputes: 0,
        }
    }

    /// Counts a record's bases at their places, and notes how they lie.
    fn count(&mut self, start: usize, segments: &[Segment], lists: &Lists) {
        if !lists.settled.is_empty() {
            for segment in segments {
                let within = start + segment.start..start + segment.start + segment.length;
                let states = &mut self.states[within.clone()];
                if segment.kind == AGREES {
                    self.known.vote(segment.place, &self.bases[within], states);
                } else {
                    states.fill(segment.kind);
                }
            }
        } else {
            for span in &lists.spans {
                let within = start + span.index..start + span.index + span.length;
                let states = &mut self.states[within.clone()];
                self.known.agree(span.place, &self.bases[within], states);
            }
            for &(index, place) in &lists.dissent {
                self.known.dissent(place, self.bases[start + index]);
            }
            for stretch in &lists.free {
                let within = start + stretch.first..start + stretch.end;
                if stretch.kind == AGREES {
                    let segment = &segments[stretch.segment];
                    let place = segment.place + (stretch.first - segment.start);
                    for (place, &base) in (place..).zip(&self.bases[within]) {
                        self.known.dissent(place, base);
                    }
                } else {
                    self.states[within].fill(stretch.kind);
                }
            }
        }
        for single in &lists.single {
            self.known.judge(single.place);
        }
    }
}

/// Bases before the first segment that are clipped and coded last, outwards.
pub(super) fn leading(segments: &[Segment]) -> usize {
    match segments {
        [first, _, ..] if first.kind == CLIPPED => first.length,
        _ => 0,
    }
}
