//! What is known of inserted and clipped bases from the place that they hang on: the bases of the places that they would
//! lie on if they were aligned, and those of other stretches that hung on the same place.

use super::letters::{Four, expect};
use super::number;
use super::record::Chunk;
use super::sort::Stretch;
use crate::codec::mixing::{Slot, hash};
use crate::codec::records::states::{AGREES, CLIPPED, INSERTED, Walk};

/// What a stretch hangs on.
pub(super) struct Anchor {
    /// The stretch's kind, 2 or 3.
    kind: usize,
    /// Tells what hangs on the place from other such stretches.
    side: u32,
    /// The place of the aligned base that it hangs on; its own go up or, `backwards`, down from the one beside it.
    place: usize,
    around: std::ops::Range<usize>,
    backwards: bool,
    /// Whether the last four guesses of each kind were right.
    places: usize,
    others: usize,
}

impl Anchor {
    /// Of a stretch that is not aligned: the last base of the aligned segment before it, if there is one.
    pub(super) fn of(walk: &Walk, stretch: &Stretch) -> Option<Self> {
        if !matches!(stretch.kind, CLIPPED | INSERTED) {
            return None;
        }
        let before = walk.segments.get(stretch.segment.checked_sub(1)?)?;
        (before.kind == AGREES).then(|| Self {
            kind: usize::from(stretch.kind),
            side: stretch.kind.into(),
            place: before.place + before.length - 1,
            around: walk.stretch(before.place),
            backwards: false,
            places: 3,
            others: 3,
        })
    }

    /// Of a clip at the start of a record: the first base of the segment behind it, if that is aligned.
    pub(super) fn of_leading(walk: &Walk) -> Option<Self> {
        let behind = walk.segments.get(1)?;
        (behind.kind == AGREES).then(|| Self {
            kind: usize::from(CLIPPED),
            side: 7,
            place: behind.place,
            around: walk.stretch(behind.place),
            backwards: true,
            places: 3,
            others: 3,
        })
    }
}

/// Two guesses of a base: each with the slot that says how likely it is right.
#[derive(Default)]
pub(super) struct Guesses {
    places: Option<(u8, usize)>,
    others: Option<(u8, usize)>,
    /// Where the memory keeps the base, and what that is known by.
    kept: (usize, u8),
}

/// See the module's head.
#[derive(Clone)]
pub(super) struct Beside {
    /// Whether the places' bases are right, by kind, whether the last four were, and how often the base was seen.
    places: Vec<Slot>,
    /// Whether the base of another stretch is, by kind and whether the last four were.
    others: Vec<Slot>,
}

impl Beside {
    pub(super) fn new() -> Self {
        Self {
            places: vec![Slot::NEW; 4 * 16 * 4],
            others: vec![Slot::NEW; 4 * 16],
        }
    }

    /// Moves bounds towards what is guessed for a stretch's base at `step`.
    #[inline(always)]
    pub(super) fn expect(
        &self,
        chunk: &Chunk<'_>,
        anchor: &Anchor,
        step: usize,
        bounds: &mut Four,
    ) -> Guesses {
        let mut guesses = Guesses::default();
        let place = if anchor.backwards {
            anchor.place.wrapping_sub(1 + step)
        } else {
            anchor.place + 1 + step
        };
        if anchor.around.contains(&place) && chunk.known.top(place) != 0 {
            let base = number(chunk.known.top(place));
            let base = if anchor.backwards { 3 - base } else { base };
            let seen = usize::from(chunk.known.agree[place].min(3));
            let slot = (anchor.kind * 16 + (anchor.places & 15)) * 4 + seen;
            expect(bounds, base, self.places[slot].p());
            guesses.places = Some((base, slot));
        }
        let key = hash(anchor.place as u32, step as u32, anchor.side, 9);
        guesses.kept = (key as usize & (chunk.memory.len() - 1), (key >> 27) as u8);
        let kept = chunk.memory[guesses.kept.0];
        if kept & 4 != 0 && kept >> 3 == guesses.kept.1 {
            let slot = anchor.kind * 16 + (anchor.others & 15);
            expect(bounds, kept & 3, self.others[slot].p());
            guesses.others = Some((kept & 3, slot));
        }
        guesses
    }

    /// Learns which base it was.
    #[inline(always)]
    pub(super) fn learn(
        &mut self,
        memory: &mut [u8],
        anchor: &mut Anchor,
        guesses: &Guesses,
        base: u8,
    ) {
        if let Some((guess, slot)) = guesses.places {
            self.places[slot].update(guess == base, 255);
            anchor.places = anchor.places << 1 | usize::from(guess == base);
        }
        if let Some((guess, slot)) = guesses.others {
            self.others[slot].update(guess == base, 255);
            anchor.others = anchor.others << 1 | usize::from(guess == base);
        }
        let (at, check) = guesses.kept;
        memory[at] = check << 3 | 4 | base;
    }
}
