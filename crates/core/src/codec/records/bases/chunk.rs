//! One chunk's bases, record by record: what its positions have shown so far, and the order of a record's parts.

use super::Parts;
use super::disputed::{Leader, Run, Side, Sites, runner_up};
use super::quiet::{BLOCK, DISPUTED, Detail, Known, Manner};
use crate::codec::mixing::Coder;
use crate::codec::records::states::{AGREES, ALONE, DIFFERS, INSERTED, Pileup, Segment, Walk};
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
        self.sort(parts, walk, &mut lists);
        let (disputes, side) = self.disputed(coder, parts, record, first_run, &lists);
        let clipped = walk.segments.len().min(4) as u32 - 1;
        let differed = self.quiet(coder, parts, record, (disputes, side, clipped), &lists);
        self.free(coder, parts, record, walk, &lists);
        self.differed.push(differed + disputes);
        self.count(within.start, walk);
        self.lists = lists;
    }

    /// Sorts a record's bases into lists.
    fn sort(&self, parts: &Parts, walk: &Walk, lists: &mut Lists) {
        lists.disputed.clear();
        lists.quiet.clear();
        lists.free.clear();
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
            let ends = (
                walk.segments.get(number.wrapping_sub(1)),
                walk.segments.get(number + 1),
            );
            let ends = (ending(ends.0), ending(ends.1));
            let places = segment.place..segment.place + segment.length;
            let tops = self.pileup.top[places.clone()].iter();
            let seen = self.pileup.agree[places.clone()].iter();
            let seen = seen.zip(&self.pileup.other[places.clone()]);
            for ((index, place), (&top, (&agree, &other))) in
                (segment.start..).zip(places).zip(tops.zip(seen))
            {
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
                    continue;
                }
                if lists.settled.get(index) == Some(&true) {
                    continue;
                }
                let class = parts.quiet.class(agree, other);
                if class == DISPUTED {
                    lists.disputed.push((index, place));
                } else {
                    lists.quiet.push(Known {
                        index,
                        place,
                        class: class + primed,
                        edge: edge(index - segment.start, ends.0)
                            .max(edge(end - 1 - index, ends.1)),
                    });
                }
            }
        }
    }

    /// The classes of a base among the quiet ones: `flags` and `length` are the record's.
    fn detail(known: &Known, tops: &[u8], flags: u16, length: usize) -> Detail {
        let (neighbour, cycle) = if flags & 0x10 != 0 {
            (tops.get(known.place + 1), length - 1 - known.index)
        } else {
            (
                known.place.checked_sub(1).map(|place| &tops[place]),
                known.index,
            )
        };
        let second = flags >> 6 & 1;
        Detail::new(
            known,
            (cycle / 8).min(31) as u8 | (second as u8) << 5,
            u16::from(neighbour.copied().unwrap_or(0)) << 4
                | u16::from(tops[known.place])
                | second << 9
                | (flags >> 4 & 1) << 10,
        )
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
        let within = part(&records.base_ends, record);
        let start = within.start;
        let flags = records.flags[record];
        let linked = records.linked(record);
        let manner = Manner {
            strand: u32::from(flags >> 4 & 1 | (flags >> 6 & 3) << 1),
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
                let detail = |known: &Known| Self::detail(known, &pileup.top, flags, within.len());
                let at = (block, from);
                let Some(next) = quiet.next(coder, at, (manner, differed), detail, differs) else {
                    break;
                };
                let known = block[next];
                let at = start + known.index;
                let top = pileup.top[known.place];
                let (second, count, _) = runner_up(pileup.other[known.place], top);
                let seen = u32::from(pileup.agree[known.place]).min(3) | 64;
                let motif = detail(&known).motif.into();
                bases[at] =
                    disputed.another(coder, bases[at], (top, second, count), 0, (seen, motif));
                differed += 1;
                from = next + 1;
            }
            quiet.end(block.len());
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

/// What a segment ends at: 0 the record's end, 1 a deletion or skip, 2 an insertion, 3 a clip.
fn ending(next: Option<&Segment>) -> u8 {
    next.map_or(0, |next| match next.kind {
        AGREES => 1,
        INSERTED => 2,
        _ => 3,
    })
}

/// A class for a base `distance` bases from its segment's end: 0 if it is far, else nearer ones higher.
#[inline]
fn edge(distance: usize, ending: u8) -> u8 {
    match distance {
        0..6 => 1 + (5 - distance as u8) * 4 + ending,
        _ => 0,
    }
}
