//! The bases of a record that no place knows, in their order, except that a clip at its start comes last and is coded
//! outwards, as the other strand: so its bases, too, stand behind known ones.

use super::chunk::{Chunk, Lists, Stretch};
use super::letters::{Before, Guess};
use super::{Parts, code};
use crate::codec::mixing::{Coder, hash};
use crate::codec::records::part;
use crate::codec::records::states::{AGREES, CLIPPED, INSERTED, Walk};

/// Where a stretch of unknown bases hangs on the chunk's places.
#[derive(Clone)]
struct Anchor {
    /// The place that its first base would have if it were aligned.
    place: usize,
    /// The places around.
    around: std::ops::Range<usize>,
    /// What tells kinds and sides apart in the memory.
    side: u32,
}

impl Chunk<'_> {
    /// Codes the bases that no place knows.
    pub(super) fn free<C: Coder>(
        &mut self,
        coder: &mut C,
        parts: &mut Parts,
        record: usize,
        walk: &Walk,
        lists: &Lists,
    ) {
        let start = part(&self.records.base_ends, record).start;
        let leading = match walk.segments[..] {
            [first, _, ..] if first.kind == CLIPPED => first.length,
            _ => 0,
        };
        let mut end = None;
        let mut before = Before::default();
        for stretch in &lists.free {
            if stretch.first < leading {
                continue;
            }
            if end != Some(stretch.first) {
                before = Before::default();
                for index in leading.max(stretch.first.saturating_sub(32))..stretch.first {
                    before.push(code(self.bases[start + index]));
                }
                parts.letters.recall.leave();
            }
            end = Some(stretch.end);
            let anchor = anchor(walk, stretch);
            self.stretch::<C, false>(coder, parts, (start, *stretch), &mut before, anchor, lists);
        }
        if leading > 0 {
            let length = part(&self.records.base_ends, record).len();
            before = Before::default();
            for index in (leading..(leading + 32).min(length)).rev() {
                before.push(3 - code(self.bases[start + index]));
            }
            parts.letters.recall.leave();
            let next = walk.segments[1];
            let anchor = (next.kind == AGREES).then(|| Anchor {
                place: next.place,
                around: walk.stretch(next.place),
                side: 7,
            });
            let stretch = Stretch {
                kind: CLIPPED,
                first: 0,
                end: leading,
                segment: 0,
            };
            self.stretch::<C, true>(coder, parts, (start, stretch), &mut before, anchor, lists);
        }
    }

    /// Codes a stretch; `BACKWARDS` from its last base to its first, complemented.
    fn stretch<C: Coder, const BACKWARDS: bool>(
        &mut self,
        coder: &mut C,
        parts: &mut Parts,
        (start, stretch): (usize, Stretch),
        before: &mut Before,
        anchor: Option<Anchor>,
        lists: &Lists,
    ) {
        let kind = match stretch.kind {
            AGREES => 0,
            INSERTED => 1,
            CLIPPED => 2,
            _ => 3,
        };
        let turn = |base: u8| if BACKWARDS { 3 - base } else { base };
        // Whether the last four guesses from the places around were right.
        let mut right = 3u8;
        for step in 0..stretch.end - stretch.first {
            let index = if BACKWARDS {
                stretch.end - 1 - step
            } else {
                stretch.first + step
            };
            let at = start + index;
            if lists.settled.get(index) == Some(&true) {
                before.push(turn(code(self.bases[at])));
                parts.letters.recall.leave();
                continue;
            }
            let mut guesses: [Guess; 2] = [None; 2];
            let mut slot = None;
            if let Some(anchor) = &anchor {
                let place = if BACKWARDS {
                    anchor.place.checked_sub(1 + step)
                } else {
                    Some(anchor.place + step)
                };
                let place = place.filter(|place| anchor.around.contains(place));
                if let Some(place) = place.filter(|&place| self.pileup.top[place] != 0) {
                    let seen = self.pileup.agree[place].min(3);
                    let context = right & 15 | stretch.kind << 4 | seen << 6;
                    guesses[0] = Some((turn(code(self.pileup.top[place])), context));
                }
                let key = hash(anchor.place as u32, step as u32, anchor.side, 9);
                slot = Some((key as usize & (self.memory.len() - 1), (key >> 27) as u8));
                guesses[1] = slot.and_then(|slot| self.remembered(slot, stretch.kind));
            }
            let base = turn(code(self.bases[at]));
            let base = parts.letters.code(coder, base, kind, before, guesses);
            self.bases[at] = 1 << turn(base);
            if let Some((guess, _)) = guesses[0] {
                right = right << 1 | u8::from(guess == base);
            }
            if let Some((slot, check)) = slot {
                self.memory[slot] = base | 4 | check << 3;
            }
        }
    }

    /// What the memory has in a slot, if it is what is looked for: two bits of a base, a set bit, five to know it by.
    fn remembered(&self, (slot, check): (usize, u8), kind: u8) -> Guess {
        let kept = self.memory[slot];
        (kept & 4 != 0 && kept >> 3 == check).then_some((kept & 3, kind))
    }
}

/// What a stretch that is not aligned hangs on: the aligned segment before it.
fn anchor(walk: &Walk, stretch: &Stretch) -> Option<Anchor> {
    if !matches!(stretch.kind, CLIPPED | INSERTED) {
        return None;
    }
    let before = walk.segments.get(stretch.segment.checked_sub(1)?)?;
    let after = before.place + before.length;
    (before.kind == AGREES).then(|| Anchor {
        place: after,
        around: walk.stretch(before.place),
        side: stretch.kind.into(),
    })
}
