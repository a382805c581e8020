//! The model of bases.
//!
//! What the reads of a chunk show of a reference position predicts the bases that come to lie on it later. Records are
//! coded one after the other, each in parts: is it an earlier record of the same read again (`again`)? Has it bases other than A, C, G and
//! T (`odd`)? Then the aligned bases at disputed positions (`disputed`), those at all other known positions
//! (`quiet`), and at last the bases that no position knows (`letters`).

mod again;
mod disputed;
mod letters;
mod odd;
mod quiet;
mod recall;

use self::again::Again;
use self::disputed::{Disputed, Leader, Run, Side, Sites, runner_up};
use self::letters::{Before, Guess, Letters};
use self::odd::Odd;
use self::quiet::{BLOCK, DISPUTED, Known, Manner, Quiet};
use super::states::{AGREES, ALONE, CLIPPED, DIFFERS, INSERTED, Pileup, Segment, Walk};
use super::{Context, Level, Records, part};
use crate::Result;
use crate::codec::mixing::{Coder, hash};

/// The key that bases are charged to.
const KEY: u32 = 28;
/// Places of the memory of bases that were inserted or clipped at a place of the chunk.
const MEMORY: usize = 1 << 16;

/// See the module's head.
#[derive(Clone)]
pub(crate) struct Model {
    level: Level,
    /// Whether parameters were coded.
    known: bool,
    parts: Option<Box<Parts>>,
}

/// What is learnt.
#[derive(Clone)]
struct Parts {
    again: Again,
    odd: Odd,
    disputed: Disputed,
    quiet: Quiet,
    letters: Letters,
}

impl Parts {
    fn new(level: Level) -> Self {
        Self {
            again: Again::new(),
            odd: Odd::new(),
            disputed: Disputed::new(),
            quiet: Quiet::new(),
            letters: Letters::new(level),
        }
    }
}

/// What belongs to one chunk.
struct Chunk<'a> {
    context: &'a Context<'a>,
    records: &'a Records,
    pileup: Pileup,
    sites: Sites,
    bases: Vec<u8>,
    states: Vec<u8>,
    /// Bases that differed in each record.
    differed: Vec<u32>,
    memory: Vec<u8>,
}

impl Model {
    /// A model for an encoder.
    pub(crate) fn fit(level: Level, _: &Context<'_>, _: &Records) -> Self {
        Self {
            level,
            known: false,
            parts: None,
        }
    }

    /// A model for a decoder.
    pub(crate) fn blank() -> Self {
        Self {
            level: Level::Default,
            known: false,
            parts: None,
        }
    }

    /// Codes the level when nothing was coded before.
    fn parameters<C: Coder>(&mut self, coder: &mut C) {
        if self.known {
            return;
        }
        self.known = true;
        let fast = coder.code(self.level == Level::Fast, 32_768);
        let max = coder.code(self.level == Level::Max, 32_768);
        self.level = match (fast, max) {
            (true, _) => Level::Fast,
            (_, true) => Level::Max,
            _ => Level::Default,
        };
    }

    /// Codes the bases of a chunk, and says in `records.base_states` how they lie.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        self.parameters(coder);
        let level = self.level;
        let parts = self
            .parts
            .get_or_insert_with(|| Box::new(Parts::new(level)));
        let total = records.base_ends.last().copied().unwrap_or(0);
        records.check_limit(total)?;
        let mut bases = std::mem::take(&mut records.bases);
        bases.resize(total, 0);
        let mut walk = Walk::new(records);
        let mut chunk = Chunk {
            context,
            records,
            pileup: Pileup::new(walk.places()),
            sites: Sites::new(walk.places()),
            bases,
            states: vec![ALONE; total],
            differed: Vec::with_capacity(records.count),
            memory: vec![0; MEMORY.min(total.next_power_of_two())],
        };
        parts.letters.recall.leave();
        for record in 0..records.count {
            walk.record(records, record);
            chunk.prime(record, &walk.segments);
            chunk.record(coder, parts, record, &walk)?;
            coder.charge(KEY);
        }
        let Chunk { bases, states, .. } = chunk;
        records.bases = bases;
        records.base_states = states;
        Ok(())
    }
}

/// Lists of a record's bases that `quiet` does not code.
#[derive(Default)]
struct Lists {
    disputed: Vec<(usize, usize)>,
    /// Runs of bases for `letters`: kind, first and end index, and the place where the first would be aligned.
    free: Vec<(u8, usize, usize, usize)>,
}

impl Chunk<'_> {
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
    fn record<C: Coder>(
        &mut self,
        coder: &mut C,
        parts: &mut Parts,
        record: usize,
        walk: &Walk,
    ) -> Result<()> {
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
            return Ok(());
        }
        let mut settled = Vec::new();
        parts
            .again
            .code(coder, self.records, &mut self.bases, record, &mut settled);
        parts
            .odd
            .code(coder, self.records, &mut self.bases, record, &mut settled);
        let differed = self.aligned(coder, parts, record, walk, &settled, first_run)?;
        self.differed.push(differed);
        self.count(record, walk);
        Ok(())
    }

    /// Codes the bases that are not settled yet.
    fn aligned<C: Coder>(
        &mut self,
        coder: &mut C,
        parts: &mut Parts,
        record: usize,
        walk: &Walk,
        settled: &[bool],
        first_run: usize,
    ) -> Result<u32> {
        let records = self.records;
        let within = part(&records.base_ends, record);
        let start = within.start;
        let flags = u32::from(records.flags[record]);
        let read = (flags >> 6 & 3) as usize;
        let mapq = u32::from(records.mapq[record]);
        let mapq = match mapq {
            0 => 0,
            1..10 => 1,
            10..30 => 2,
            30..60 => 3,
            60 => 4,
            255 => 6,
            _ => 5,
        };
        let free = |index: usize| settled.get(index) != Some(&true);
        let mut lists = Lists::default();
        // Disputed places first.
        let linked = records.linked(record);
        let mate = linked.and_then(|linked| self.sites.first(linked));
        let mut leader = Leader::mate(mate);
        let mut side = Side {
            strand: ((flags >> 4 & 1) ^ (flags >> 7 & 1)) as usize,
            mapq,
            ..Side::default()
        };
        let primed = self.context.bases.is_some();
        let mut disputes = 0u32;
        for segment in &walk.segments {
            let end = segment.start + segment.length;
            if segment.kind != AGREES {
                lists
                    .free
                    .push((segment.kind, segment.start, end, segment.place));
                continue;
            }
            for index in segment.start..end {
                let place = segment.place + (index - segment.start);
                let class = self.class(place, primed);
                if class == DISPUTED && self.pileup.top[place] != 0 && free(index) {
                    lists.disputed.push((index, place));
                    let base = self.bases[start + index];
                    let base = parts.disputed.code(
                        coder,
                        base,
                        place,
                        &self.pileup,
                        &mut self.sites,
                        &self.bases,
                        &mut leader,
                        &mut side,
                    );
                    self.bases[start + index] = base;
                    disputes += u32::from(base != self.pileup.top[place]);
                }
            }
        }
        // Then the others that are known.
        let manner = Manner {
            strand: flags >> 4 & 1 | (read as u32) << 1,
            mapq,
            clipped: walk.segments.len().min(4) as u32 - 1,
            mate: linked.map_or(3, |linked| self.differed[linked].min(2)),
            disputes: disputes.min(3) | side.lone << 2,
        };
        let length = within.len();
        let reverse = flags & 0x10 != 0;
        let mut differed = 0;
        let mut turn = 0;
        for segment in walk.segments.iter().filter(|s| s.kind == AGREES) {
            let mut before = 0u8;
            let mut open: Option<usize> = None;
            for index in segment.start..segment.start + segment.length {
                let place = segment.place + (index - segment.start);
                let top = self.pileup.top[place];
                if top == 0 {
                    if open.is_none() {
                        open = Some(index);
                    }
                    before = 0;
                    continue;
                }
                if let Some(first) = open.take() {
                    let place = segment.place + (first - segment.start);
                    lists.free.push((AGREES, first, index, place));
                }
                let class = self.class(place, primed);
                let motif = if reverse {
                    let after = if index + 1 < segment.start + segment.length {
                        self.pileup.top[place + 1]
                    } else {
                        0
                    };
                    1024 | u16::from(after) << 4 | u16::from(top)
                } else {
                    u16::from(before) << 4 | u16::from(top)
                };
                before = top;
                if class == DISPUTED || !free(index) {
                    continue;
                }
                let cycle = if reverse { length - 1 - index } else { index };
                parts.quiet.block.push(Known {
                    index: index as u32,
                    place,
                    class,
                    cycle: (cycle / 8).min(31) as u8 | (read as u8 & 1) << 5,
                    motif: motif | (read as u16 & 1) << 9,
                    ..Known::default()
                });
                if parts.quiet.block.len() == BLOCK {
                    differed = self.quiet(coder, parts, start, manner, differed)?;
                    turn += 1;
                }
            }
            if let Some(first) = open {
                let place = segment.place + (first - segment.start);
                lists
                    .free
                    .push((AGREES, first, segment.start + segment.length, place));
            }
        }
        let _ = turn;
        if !parts.quiet.block.is_empty() {
            differed = self.quiet(coder, parts, start, manner, differed)?;
        }
        parts.quiet.finish(differed);
        self.free(coder, parts, record, walk, &mut lists, settled);
        for &(index, place) in &lists.disputed {
            let run = self.sites.runs[first_run..]
                .partition_point(|run| run.place <= place)
                .saturating_sub(1);
            let base = self.bases[start + index];
            let top = base == self.pileup.top[place];
            self.sites
                .remember(place, base, first_run + run, side.strand, top);
        }
        Ok(differed + disputes)
    }

    /// The class of a place.
    #[inline]
    fn class(&self, place: usize, primed: bool) -> u8 {
        let other = u32::from_le_bytes(self.pileup.other[place]);
        let sum = if other == 0 {
            0
        } else {
            self.pileup.other[place]
                .iter()
                .fold(0u8, |sum, &count| sum.saturating_add(count))
        };
        quiet::class(self.pileup.agree[place], sum, primed)
    }

    /// Codes the block of quiet bases.
    fn quiet<C: Coder>(
        &mut self,
        coder: &mut C,
        parts: &mut Parts,
        start: usize,
        manner: Manner,
        differed: u32,
    ) -> Result<u32> {
        let Parts {
            quiet, disputed, ..
        } = parts;
        let Self { pileup, bases, .. } = self;
        let mut changes = Vec::new();
        if C::DECODES {
            for known in &quiet.block {
                bases[start + known.index as usize] = pileup.top[known.place];
            }
        }
        let before = differed;
        let differed = quiet.code(
            coder,
            manner,
            differed,
            |known| bases[start + known.index as usize] != pileup.top[known.place],
            |coder, known| {
                let at = start + known.index as usize;
                let top = pileup.top[known.place];
                let (second, count, _) = runner_up(pileup.other[known.place], top);
                let class = u32::from(pileup.agree[known.place]).min(3);
                let motif = u32::from(known.motif);
                let base =
                    disputed.another(coder, bases[at], top, second, 0, count, (class | 64, motif));
                changes.push((at, base));
                Ok(())
            },
        )?;
        let _ = before;
        for (at, base) in changes {
            bases[at] = base;
        }
        Ok(differed)
    }

    /// Codes the bases that no place knows.
    fn free<C: Coder>(
        &mut self,
        coder: &mut C,
        parts: &mut Parts,
        record: usize,
        walk: &Walk,
        lists: &mut Lists,
        settled: &[bool],
    ) {
        lists.free.sort_unstable_by_key(|&(_, first, _, _)| first);
        let within = part(&self.records.base_ends, record);
        let length = within.len();
        // A clip at the start is coded last, outwards.
        let leading = match walk.segments[..] {
            [first, _, ..] if first.kind == CLIPPED => first.length,
            _ => 0,
        };
        let mut end = usize::MAX;
        let mut before = Before::default();
        for &(kind, first, last, place) in &lists.free {
            if first < leading {
                continue;
            }
            if first != end {
                before = Before::default();
                for index in leading.max(first.saturating_sub(32))..first {
                    before.push(code(self.bases[within.start + index]));
                }
                parts.letters.recall.leave();
            }
            end = last;
            let anchor = match kind {
                CLIPPED => walk.segments[walk.segments.len().max(2) - 2],
                INSERTED => walk.segments[..]
                    .iter()
                    .rfind(|s| s.kind == AGREES && s.start < first)
                    .copied()
                    .unwrap_or(walk.segments[0]),
                _ => walk.segments[0],
            };
            let anchored = anchor.kind == AGREES;
            let stretch = if anchored && kind != AGREES {
                walk.stretch(anchor.place)
            } else {
                0..0
            };
            let mut right = 3u8;
            for index in first..last {
                let at = within.start + index;
                if settled.get(index) == Some(&true) {
                    before.push(code(self.bases[at]));
                    parts.letters.recall.leave();
                    continue;
                }
                let mut ahead: Guess = None;
                let mut remembered: Guess = None;
                let mut slot = 0;
                if stretch.end > 0 {
                    let place = anchor.place + anchor.length + (index - first);
                    if stretch.contains(&place) && self.pileup.top[place] != 0 {
                        ahead = Some((
                            code(self.pileup.top[place]),
                            (right & 15) | kind << 4 | self.pileup.agree[place].min(3) << 6,
                        ));
                    }
                    slot = self.memory_at(anchor.place + anchor.length, kind, index - first);
                    remembered = self.remembered(slot, kind);
                }
                let base = parts.letters.code(
                    coder,
                    code(self.bases[at]),
                    kind_number(kind),
                    &mut before,
                    [ahead, remembered],
                );
                self.bases[at] = 1 << base;
                if let Some((guess, _)) = ahead {
                    right = right << 1 | u8::from(guess == base);
                }
                if stretch.end > 0 {
                    self.memorise(slot, base);
                }
                let _ = place;
            }
        }
        if leading > 0 {
            before = Before::default();
            for index in (leading..(leading + 32).min(length)).rev() {
                before.push(3 - code(self.bases[within.start + index]));
            }
            parts.letters.recall.leave();
            let anchor = walk.segments[1];
            let stretch = if anchor.kind == AGREES {
                walk.stretch(anchor.place)
            } else {
                0..0
            };
            let mut right = 3u8;
            for index in (0..leading).rev() {
                let at = within.start + index;
                if settled.get(index) == Some(&true) {
                    before.push(3 - code(self.bases[at]));
                    parts.letters.recall.leave();
                    continue;
                }
                let mut ahead: Guess = None;
                let mut remembered: Guess = None;
                let mut slot = 0;
                if stretch.end > 0 {
                    if let Some(place) = anchor.place.checked_sub(leading - index)
                        && stretch.contains(&place)
                        && self.pileup.top[place] != 0
                    {
                        ahead = Some((
                            3 - code(self.pileup.top[place]),
                            (right & 15) | CLIPPED << 4 | self.pileup.agree[place].min(3) << 6,
                        ));
                    }
                    slot = self.memory_at(anchor.place, 7, leading - 1 - index);
                    remembered = self.remembered(slot, CLIPPED);
                }
                let base = parts.letters.code(
                    coder,
                    3 - code(self.bases[at]),
                    kind_number(CLIPPED),
                    &mut before,
                    [ahead, remembered],
                );
                self.bases[at] = 1 << (3 - base);
                if let Some((guess, _)) = ahead {
                    right = right << 1 | u8::from(guess == base);
                }
                if stretch.end > 0 {
                    self.memorise(slot, base);
                }
            }
        }
    }

    /// Where the memory keeps the base number `at` that lay beside a place: with 5 bits above bit 20 to know it by.
    fn memory_at(&self, place: usize, kind: u8, at: usize) -> usize {
        let hash = hash(place as u32, at as u32, kind.into(), 9);
        (hash & 0xffff) as usize | (hash >> 27 << 20) as usize
    }

    fn remembered(&self, slot: usize, kind: u8) -> Guess {
        let kept = self.memory[slot & (self.memory.len() - 1)];
        let known = kept & 4 != 0 && usize::from(kept >> 3) == slot >> 20;
        known.then_some((kept & 3, kind))
    }

    fn memorise(&mut self, slot: usize, base: u8) {
        let mask = self.memory.len() - 1;
        self.memory[slot & mask] = base | 4 | (slot >> 20 << 3) as u8;
    }

    /// Counts a record's bases at their places, and notes how they lie.
    fn count(&mut self, record: usize, walk: &Walk) {
        let start = part(&self.records.base_ends, record).start;
        for segment in &walk.segments {
            let within = start + segment.start..start + segment.start + segment.length;
            let states = &mut self.states[within.clone()];
            if segment.kind != AGREES {
                states.fill(segment.kind);
                continue;
            }
            let bases = &self.bases[within];
            for (place, (&base, state)) in (segment.place..).zip(bases.iter().zip(states)) {
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

/// The number (0 to 3) of a base's code; 0 for those that are none of A, C, G and T.
#[inline]
fn code(base: u8) -> u8 {
    if base.is_power_of_two() {
        base.trailing_zeros() as u8 & 3
    } else {
        0
    }
}

/// The number of a kind of free bases.
fn kind_number(kind: u8) -> usize {
    match kind {
        AGREES => 0,
        INSERTED => 1,
        CLIPPED => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests;
