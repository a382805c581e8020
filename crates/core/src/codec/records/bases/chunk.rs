//! One chunk's bases, record by record: what its positions have shown so far, and the order of a record's parts.

use super::Parts;
use super::disputed::{Leader, Run, Side, Sites, runner_up};
use super::quiet::{BLOCK, DISPUTED, Known, Manner};
use crate::codec::mixing::Coder;
use crate::codec::records::states::{AGREES, ALONE, DIFFERS, Pileup, Segment, Walk};
use crate::codec::records::{Context, Records, part};

/// Places of the memory of bases that were inserted or clipped beside a place of the chunk.
const MEMORY: usize = 1 << 16;

/// What belongs to one chunk.
pub(super) struct Chunk<'a> {
    context: &'a Context<'a>,
    pub(super) records: &'a Records,
    pub(super) pileup: Pileup,
    sites: Sites,
    pub(super) bases: Vec<u8>,
    pub(super) states: Vec<u8>,
    /// Bases that differed in each record.
    differed: Vec<u32>,
    /// See `free`.
    pub(super) memory: Vec<u8>,
    lists: Lists,
}

/// Unknown bases that follow each other.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    /// As a segment's, [`AGREES`] for aligned ones.
    pub(super) kind: u8,
    pub(super) first: usize,
    pub(super) end: usize,
    /// Number of the segment.
    pub(super) segment: usize,
}

/// A record's bases, by how they are coded.
#[derive(Default)]
pub(super) struct Lists {
    /// Index and place.
    disputed: Vec<(usize, usize)>,
    quiet: Vec<Known>,
    pub(super) free: Vec<Stretch>,
    /// Whether a base's value is known already; shorter than the record if the rest are not.
    pub(super) settled: Vec<bool>,
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
            pileup: Pileup::new(places),
            sites: Sites::new(places),
            states: vec![ALONE; bases.len()],
            differed: Vec::with_capacity(records.count),
            memory: vec![0; MEMORY.min(bases.len().next_power_of_two())],
            bases,
            lists: Lists::default(),
        }
    }

    /// Gives the places of a record that nothing covered before the reference's bases, as if seen twice.
    pub(super) fn prime(&mut self, record: usize, segments: &[Segment]) {
        let Some(source) = self.context.bases else {
            return;
        };
        let reference = self.records.references[record];
        let position = i64::from(self.records.positions[record]);
        for segment in segments.iter().filter(|segment| segment.kind == AGREES) {
            for at in 0..segment.length {
                let place = segment.place + at;
                if self.pileup.top[place] == 0
                    && let Some(base) =
                        source.base(reference, position + segment.offset + at as i64)
                    && matches!(base, 1 | 2 | 4 | 8)
                {
                    self.pileup.top[place] = base;
                    self.pileup.agree[place] = 2;
                }
            }
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
        let first_run = self.sites.runs.len();
        self.sites.start();
        for segment in walk.segments.iter().filter(|s| s.kind == AGREES) {
            self.sites.runs.push(Run {
                place: segment.place,
                length: segment.length,
                at: within.start + segment.start,
                record,
            });
        }
        if within.is_empty() {
            self.differed.push(0);
            return;
        }
        let mut lists = std::mem::take(&mut self.lists);
        let (records, bases) = (self.records, &mut self.bases);
        lists.settled.clear();
        parts
            .again
            .code(coder, records, bases, record, &mut lists.settled);
        parts
            .odd
            .code(coder, records, bases, record, &mut lists.settled);
        self.sort(parts, record, walk, &mut lists);
        let (disputes, side) = self.disputed(coder, parts, record, first_run, &lists);
        let clipped = walk.segments.len().min(4) as u32 - 1;
        let differed = self.quiet(coder, parts, record, (disputes, side, clipped), &lists);
        self.free(coder, parts, record, walk, &lists);
        self.differed.push(differed + disputes);
        self.count(within.start, walk);
        self.lists = lists;
    }

    /// Sorts a record's bases into lists.
    fn sort(&self, parts: &Parts, record: usize, walk: &Walk, lists: &mut Lists) {
        lists.disputed.clear();
        lists.quiet.clear();
        lists.free.clear();
        let flags = self.records.flags[record];
        let second = flags >> 6 & 1;
        let reverse = flags & 0x10 != 0;
        let length = part(&self.records.base_ends, record).len();
        let primed = u8::from(self.context.bases.is_some()) << 5;
        for (number, segment) in walk.segments.iter().enumerate() {
            let end = segment.start + segment.length;
            if segment.kind != AGREES {
                lists.free.push(Stretch {
                    kind: segment.kind,
                    first: segment.start,
                    end,
                    segment: number,
                });
                continue;
            }
            let mut before = 0u8;
            let tops = &self.pileup.top[segment.place..segment.place + segment.length];
            for (at, &top) in tops.iter().enumerate() {
                let index = segment.start + at;
                if top == 0 {
                    match lists.free.last_mut() {
                        Some(last) if last.kind == AGREES && last.end == index => last.end += 1,
                        _ => lists.free.push(Stretch {
                            kind: AGREES,
                            first: index,
                            end: index + 1,
                            segment: number,
                        }),
                    }
                    before = 0;
                    continue;
                }
                let neighbour = if reverse {
                    tops.get(at + 1).copied().unwrap_or(0)
                } else {
                    before
                };
                before = top;
                if lists.settled.get(index) == Some(&true) {
                    continue;
                }
                let place = segment.place + at;
                let class = parts
                    .quiet
                    .class(self.pileup.agree[place], self.pileup.other[place]);
                if class == DISPUTED {
                    lists.disputed.push((index, place));
                    continue;
                }
                let cycle = if reverse { length - 1 - index } else { index };
                lists.quiet.push(Known {
                    index,
                    place,
                    class: class + primed,
                    cycle: (cycle / 8).min(31) as u8 | (second as u8) << 5,
                    motif: u16::from(neighbour) << 4
                        | u16::from(top)
                        | second << 9
                        | u16::from(reverse) << 10,
                    risk: 0,
                });
            }
        }
    }

    /// Codes the bases at disputed places; gives how many are not the top base.
    fn disputed<C: Coder>(
        &mut self,
        coder: &mut C,
        parts: &mut Parts,
        record: usize,
        first_run: usize,
        lists: &Lists,
    ) -> (u32, Side) {
        let records = self.records;
        let start = part(&records.base_ends, record).start;
        let flags = records.flags[record];
        let linked = records.linked(record);
        let mut leader = Leader::mate(linked.and_then(|linked| self.sites.first(linked)));
        let mut side = Side {
            strand: usize::from((flags >> 4 ^ flags >> 7) & 1),
            mapq: match records.mapq[record] {
                0 => 0,
                1..10 => 1,
                10..30 => 2,
                30..60 => 3,
                60 => 4,
                255 => 6,
                _ => 5,
            },
            ..Side::default()
        };
        let mut disputes = 0u32;
        let mut run = first_run;
        for &(index, place) in &lists.disputed {
            let at = start + index;
            let (pileup, sites) = (&self.pileup, &mut self.sites);
            let base = parts.disputed.code(
                coder,
                (self.bases[at], place),
                pileup,
                sites,
                &self.bases,
                &mut leader,
                &mut side,
            );
            self.bases[at] = base;
            let top = base == pileup.top[place];
            disputes = disputes.saturating_add(u32::from(!top));
            while sites.runs[run].at + sites.runs[run].length <= at {
                run += 1;
            }
            sites.remember(place, base, run, side.strand, top);
        }
        (disputes, side)
    }

    /// Codes the bases at the other known places; gives how many differ.
    fn quiet<C: Coder>(
        &mut self,
        coder: &mut C,
        parts: &mut Parts,
        record: usize,
        (disputes, side, clipped): (u32, Side, u32),
        lists: &Lists,
    ) -> u32 {
        let records = self.records;
        let start = part(&records.base_ends, record).start;
        let flags = u32::from(records.flags[record]);
        let linked = records.linked(record);
        let manner = Manner {
            strand: flags >> 4 & 1 | (flags >> 6 & 3) << 1,
            mapq: side.mapq,
            clipped,
            mate: linked.map_or(3, |linked| self.differed[linked].min(2)),
            disputes: disputes.min(3) | side.lone << 2,
        };
        let super::Parts {
            quiet, disputed, ..
        } = parts;
        let mut differed = 0;
        for block in lists.quiet.chunks(BLOCK) {
            if C::DECODES {
                for known in block {
                    self.bases[start + known.index] = self.pileup.top[known.place];
                }
            }
            let (pileup, bases) = (&self.pileup, &mut self.bases);
            quiet.take(block);
            let mut from = 0;
            loop {
                let differs = |known: &Known| bases[start + known.index] != pileup.top[known.place];
                let Some(next) = quiet.next(coder, from, manner, differed, differs) else {
                    break;
                };
                let known = block[next];
                let at = start + known.index;
                let top = pileup.top[known.place];
                let (second, count, _) = runner_up(pileup.other[known.place], top);
                let seen = u32::from(pileup.agree[known.place]).min(3) | 64;
                let motif = known.motif.into();
                bases[at] =
                    disputed.another(coder, bases[at], (top, second, count), 0, (seen, motif));
                differed += 1;
                from = next + 1;
            }
            quiet.end();
        }
        quiet.finish(differed);
        differed
    }

    /// Counts a record's bases at their places, and notes how they lie.
    fn count(&mut self, start: usize, walk: &Walk) {
        for segment in &walk.segments {
            let within = start + segment.start..start + segment.start + segment.length;
            let states = &mut self.states[within.clone()];
            if segment.kind != AGREES {
                states.fill(segment.kind);
                continue;
            }
            let bases = &self.bases[within];
            let places = segment.place..segment.place + segment.length;
            let tops = &self.pileup.top[places.clone()];
            if tops == bases && !tops.contains(&0) {
                states.fill(AGREES);
                for agree in &mut self.pileup.agree[places] {
                    *agree = agree.saturating_add(1);
                }
                continue;
            }
            for (place, (&base, state)) in places.zip(bases.iter().zip(states)) {
                *state = match self.pileup.top[place] {
                    0 => ALONE,
                    top if top == base => AGREES,
                    _ => DIFFERS,
                };
                self.pileup.vote(place, base);
            }
        }
    }
}
