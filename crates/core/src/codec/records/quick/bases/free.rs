//! The bases of a record that no place knows, in their order, except that a clip at its start comes last and is coded
//! outwards, as the other strand: so its bases, too, stand behind known ones.
//!
//! Each is one decision among four. The bases before it say how likely each is; then the row that is followed (`guide`),
//! and for clipped and inserted bases the place they hang on (`beside`), move that towards the base they expect.

use super::beside::{Anchor, Beside};
use super::guide::{Guide, Line, RUN};
use super::letters::{Four, Letters, apart, expect};
use super::number;
use super::record::{Chunk, leading};
use super::sort::{Lists, Stretch};
use crate::codec::mixing::Coder;
use crate::codec::records::states::{CLIPPED, Walk};

/// Known bases that are looked at before a stretch.
const BEFORE: usize = 24;

/// A row that is right with this probability (of 65,536) says enough: its bases are not learnt once more.
const SURE: u32 = 60_000;

/// See the module's head.
#[derive(Clone)]
pub(super) struct Free {
    letters: Letters,
    guide: Guide,
    beside: Beside,
}

impl Free {
    pub(super) fn new() -> Self {
        Self {
            letters: Letters::new(),
            guide: Guide::new(),
            beside: Beside::new(),
        }
    }

    /// Codes the bases that no place knows.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        chunk: &mut Chunk<'_>,
        start: usize,
        walk: &Walk,
        lists: &Lists,
    ) {
        let lead = leading(&walk.segments);
        let mut line = Line::default();
        let mut end = None;
        for &stretch in &lists.free {
            if stretch.first < lead {
                continue;
            }
            if end != Some(stretch.first) {
                let first = lead.max(stretch.first.saturating_sub(BEFORE));
                let before = &chunk.bases[start + first..start + stretch.first];
                line = Line::behind(before.iter().map(|&base| number(base)));
            }
            end = Some(stretch.end);
            let at = (start, stretch);
            match Anchor::of(walk, &stretch) {
                None => self.stretch::<C, false>(coder, chunk, at, &mut line, lists),
                Some(anchor) => self.hung::<C, false>(coder, chunk, at, &mut line, anchor, lists),
            }
        }
        if lead == 0 {
            return;
        }
        let length = walk
            .segments
            .last()
            .map_or(lead, |last| last.start + last.length);
        let behind = &chunk.bases[start + lead..start + length.min(lead + BEFORE)];
        line = Line::behind(behind.iter().rev().map(|&base| 3 - number(base)));
        let stretch = Stretch {
            kind: CLIPPED,
            first: 0,
            end: lead,
            segment: 0,
        };
        let at = (start, stretch);
        match Anchor::of_leading(walk) {
            None => self.stretch::<C, true>(coder, chunk, at, &mut line, lists),
            Some(anchor) => self.hung::<C, true>(coder, chunk, at, &mut line, anchor, lists),
        }
    }

    /// Codes a stretch; `BACKWARDS` from its last base to its first, complemented.
    fn stretch<C: Coder, const BACKWARDS: bool>(
        &mut self,
        coder: &mut C,
        chunk: &mut Chunk<'_>,
        (start, stretch): (usize, Stretch),
        line: &mut Line,
        lists: &Lists,
    ) {
        let bases = &mut chunk.bases[start + stretch.first..start + stretch.end];
        let length = bases.len();
        let index = |step: usize| if BACKWARDS { length - 1 - step } else { step };
        let mut step = 0;
        while step < length {
            let at = index(step);
            let base = turn::<BACKWARDS>(number(bases[at]));
            if lists.settled.get(stretch.first + at) == Some(&true) {
                line.pass(base);
                step += 1;
                continue;
            }
            let expected = self.guide.expect(line);
            if length - step >= RUN
                && lists.settled.is_empty()
                && let Some(run) = self.guide.run(line)
            {
                let own = |step: usize| turn::<BACKWARDS>(number(bases[index(step)]));
                let right = !C::DECODES
                    && run
                        .iter()
                        .zip(step..)
                        .all(|(&base, step)| base == own(step));
                if self.guide.is_right(coder, right, line) {
                    for base in run {
                        bases[index(step)] = 1 << turn::<BACKWARDS>(base);
                        self.guide.learn(line, base, Some(true), false);
                        step += 1;
                    }
                    continue;
                }
            }
            let bounds = self.bounds(line, expected);
            let base = self.base(coder, base, line, (expected, bounds), step == 0);
            bases[at] = 1 << turn::<BACKWARDS>(base);
            step += 1;
        }
    }

    /// Codes a stretch that hangs on a place.
    fn hung<C: Coder, const BACKWARDS: bool>(
        &mut self,
        coder: &mut C,
        chunk: &mut Chunk<'_>,
        (start, stretch): (usize, Stretch),
        line: &mut Line,
        mut anchor: Anchor,
        lists: &Lists,
    ) {
        let length = stretch.end - stretch.first;
        for step in 0..length {
            let index = if BACKWARDS { length - 1 - step } else { step };
            let at = start + stretch.first + index;
            let base = turn::<BACKWARDS>(number(chunk.bases[at]));
            if lists.settled.get(stretch.first + index) == Some(&true) {
                line.pass(base);
                continue;
            }
            let expected = self.guide.expect(line);
            let mut bounds = self.bounds(line, expected);
            let guesses = self.beside.expect(chunk, &anchor, step, &mut bounds);
            let base = self.base(coder, base, line, (expected, bounds), step == 0);
            self.beside
                .learn(&mut chunk.memory, &mut anchor, &guesses, base);
            chunk.bases[at] = 1 << turn::<BACKWARDS>(base);
        }
    }

    /// Bounds between the four bases, from those before and what the row followed expects.
    #[inline(always)]
    fn bounds(&mut self, line: &Line, expected: Option<u8>) -> Four {
        let mut bounds = self.letters.bounds(line.before.forward);
        if let Some(expected) = expected {
            expect(&mut bounds, expected, self.guide.trust(line).p());
        }
        bounds
    }

    /// Codes one base (0 to 3), given the bounds between them and what the row followed expects.
    #[inline(always)]
    fn base<C: Coder>(
        &mut self,
        coder: &mut C,
        base: u8,
        line: &mut Line,
        (expected, bounds): (Option<u8>, Four),
        first: bool,
    ) -> u8 {
        let base = coder.quarter(base.into(), apart(bounds)) as u8 & 3;
        let right = expected.map(|expected| expected == base);
        let mut sure = false;
        if let Some(right) = right {
            let slot = self.guide.trust(line);
            sure = right && slot.p() > SURE;
            slot.update(right, 255);
        }
        if !sure {
            self.letters.learn(base, line.before.forward);
        }
        self.guide.learn(line, base, right, first);
        base
    }
}

/// A base, or its complement.
#[inline(always)]
fn turn<const BACKWARDS: bool>(base: u8) -> u8 {
    if BACKWARDS { 3 - base } else { base }
}
