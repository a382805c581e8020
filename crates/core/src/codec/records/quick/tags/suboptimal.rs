//! XS next to AS: the score of the second best place for a read, as BWA gives it (see `tags::suboptimal`). It is zero, or near AS, or
//! what a short match somewhere else makes.

use super::super::super::tags::suboptimal::Places;
use super::super::plain::flag;
use super::means::{Numbers, Symbols, mean};
use super::rules::View;
use crate::codec::mixing::{Coder, Slot};

/// Scores this much below AS, or less, are coded as the distance from it.
const NEAR: i64 = 48;

/// What a score is.
const ZERO: usize = 0;
const BELOW: usize = 1;
const OTHER: usize = 2;
/// It is not known.
const NONE: usize = 3;

/// Scores from here on are no symbols.
const LARGE: i64 = 127;

/// The model.
#[derive(Clone)]
pub(super) struct Model {
    /// Whether a score is zero, and if not, whether it is near AS: in four contexts.
    zero: [Vec<Slot>; 4],
    below: [Vec<Slot>; 4],
    distances: Symbols<64, 3>,
    /// Whether another score is the expected match's, the twin's, the last one.
    matches: Vec<Slot>,
    twins: Vec<Slot>,
    lasts: Vec<Slot>,
    scores: Symbols<128, 3>,
    large: Numbers,
}

/// What the chunk's reads had so far.
#[derive(Default)]
pub(super) struct Past {
    places: Places,
    /// The last classes, two bits each.
    classes: usize,
    /// The last distance from AS.
    distance: usize,
    /// The last score of the class [`OTHER`], and whether the last such was the one before.
    last: i64,
    again: usize,
}

/// The class of a score beside AS.
fn class(value: i64, score: i64) -> usize {
    match score.wrapping_sub(value) {
        _ if value == 0 => ZERO,
        0..=NEAR => BELOW,
        _ => OTHER,
    }
}

impl Model {
    pub(super) fn new() -> Self {
        let slots = || [64 * 16, 16 * 64, 16 * 64, 16 * 256].map(|slots| vec![Slot::NEW; slots]);
        Self {
            zero: slots(),
            below: slots(),
            distances: Symbols::new([64, 64, 64]),
            matches: vec![Slot::NEW; 24 * 4],
            twins: vec![Slot::NEW; 4],
            lasts: vec![Slot::NEW; 4],
            scores: Symbols::new([8, 64, 64]),
            large: Numbers::new([1, 1]),
        }
    }

    /// Codes the XS of the record at hand, whose AS is `score`; `tags` are the numbers of XS and AS.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: i64,
        score: i64,
        view: &View<'_>,
        past: &mut Past,
        tags: [usize; 2],
    ) -> i64 {
        let (records, record, twin) = (view.records, view.now.record, view.now.twin);
        let reference = records.references[record];
        let start = i64::from(records.positions[record]);
        let end = start + view.now.fact.extent.span;
        let (found, margin) = past.places.expected(reference, start, end);
        let margin = margin.clamp(-2, 20);
        let of = |other: Option<usize>| {
            let value = view.values.of(tags[0], other?)?;
            let score = view.values.of(tags[1], other?).unwrap_or(0);
            Some((value, class(value, score)))
        };
        let (other, twin, mate) = (twin, of(twin), of(view.now.mate));
        let class_of = |known: Option<(i64, usize)>| known.map_or(NONE, |(_, class)| class);
        let mapq = (view.mapq() as usize).min(63);
        let nm = view.now.fact.edits().clamp(0, 3) as usize;
        let clipped = usize::from(view.now.fact.extent.clipped != [0; 2]);
        let tens = mapq / 8 << 1 | usize::from(view.now.has_alternatives);
        let contexts = [
            (mapq << 3 | class_of(mate) << 1 | clipped) << 1 | tens & 1,
            tens << 6 | class_of(twin) << 4 | past.classes & 15,
            tens << 6 | (score >> 2).clamp(0, 63) as usize,
            tens << 8 | (found.clamp(0, 127) as usize) >> 2 << 3 | (margin + 2) as usize / 3,
        ];
        let truth_class = class(truth, score);
        let code = |coder: &mut C, bit: bool, slots: &mut [Vec<Slot>; 4]| {
            let [a, b, c, d] = slots;
            let slots = [
                &mut a[contexts[0]],
                &mut b[contexts[1]],
                &mut c[contexts[2]],
                &mut d[contexts[3]],
            ];
            mean(coder, bit, slots)
        };
        let now = if code(coder, truth_class == ZERO, &mut self.zero) {
            ZERO
        } else if code(coder, truth_class == BELOW, &mut self.below) {
            BELOW
        } else {
            OTHER
        };
        past.classes = past.classes << 2 | now;
        match now {
            ZERO => 0,
            BELOW => {
                let distance = score.wrapping_sub(truth).clamp(0, NEAR) as usize;
                let distance_of = |known: Option<(i64, usize)>, other: Option<usize>| {
                    let (value, class) = known.filter(|(_, class)| *class == BELOW)?;
                    let score = view.values.of(tags[1], other?)?;
                    Some(((score - value) as usize, class))
                };
                let of_mate = distance_of(mate, view.now.mate);
                let alike = distance_of(twin, other)
                    .or(of_mate)
                    .map_or(63, |known| known.0.min(62));
                let contexts = [mapq, alike, past.distance];
                let distance = self.distances.code(coder, distance, contexts);
                past.distance = distance;
                score - distance as i64
            }
            _ => {
                let near = (margin + 2) as usize * 4 + nm;
                let twin = twin
                    .filter(|(_, class)| *class == OTHER)
                    .map(|(value, _)| value);
                let found = Some(found).filter(|&found| found > 0);
                let value = self.other(coder, truth, (twin, found, near), score, past);
                past.places
                    .learn(reference, start, end, value.clamp(0, 1000));
                (past.again, past.last) = (usize::from(value == past.last), value);
                value
            }
        }
    }

    /// Codes a score that is neither zero nor near AS.
    fn other<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: i64,
        (twin, found, near): (Option<i64>, Option<i64>, usize),
        score: i64,
        past: &Past,
    ) -> i64 {
        if let Some(twin) = twin
            && flag(coder, truth == twin, &mut self.twins[past.again])
        {
            return twin;
        }
        if let Some(found) = found.filter(|_| found != twin)
            && flag(coder, truth == found, &mut self.matches[near])
        {
            return found;
        }
        let slot = past.again << 1 | usize::from(found.is_some());
        if Some(past.last) != twin
            && Some(past.last) != found
            && flag(coder, truth == past.last, &mut self.lasts[slot])
        {
            return past.last;
        }
        let contexts = [
            (score >> 5).clamp(0, 7) as usize,
            past.last.clamp(0, 63) as usize,
            found.map_or(0, |found| found.clamp(1, 63) as usize),
        ];
        let small = if (0..LARGE).contains(&truth) {
            truth
        } else {
            LARGE
        };
        let small = self.scores.code(coder, small as usize, contexts) as i64;
        match small {
            LARGE => self
                .large
                .signed(coder, truth.wrapping_sub(LARGE), [0, 0])
                .wrapping_add(LARGE),
            small => small,
        }
    }
}
