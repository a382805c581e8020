//! The tag XS next to AS: the score of the second best place for a read, as BWA gives it.
//!
//! It is 0, or near AS in repeats, or what a short match somewhere else makes. Such matches belong to the sequence, so
//! the reads that overlap share them: each is remembered by its score and where the first read that has it ends.

use super::predictions::View;
use crate::codec::mixing::{Coder, Mixer, hash};

/// Scores this much below AS, or less, are coded as the distance from it.
const NEAR: i64 = 48;

/// Short matches remembered.
const MATCHES: usize = 16;

/// What a score is.
const ZERO: u32 = 0;
const BELOW: u32 = 1;
const OTHER: u32 = 2;

/// The model of XS.
#[derive(Clone)]
pub(crate) struct Model {
    classes: Mixer<6, 1>,
    below: Mixer<6, 1>,
    other: Mixer<7, 1>,
}

/// What the chunk's reads had so far.
#[derive(Default)]
pub(crate) struct Places {
    /// The last two values and what they were.
    last: [i64; 2],
    classes: u32,
    /// The last distance from AS.
    distance: i64,
    /// Short matches: the reference, the least end of the reads that have them, and the score.
    matches: Vec<(i32, i64, i64)>,
}

impl Places {
    /// The best match that a read from `start` to `end` is expected to have, and how far it is from the read's start.
    pub(crate) fn expected(&self, reference: i32, start: i64, end: i64) -> (i64, i64) {
        let mut best = (0, 0);
        for &(of, ends, score) in &self.matches {
            // A match is about as long as its score.
            let margin = ends - score - start;
            if of == reference && ends <= end && margin >= -2 && score > best.0 {
                best = (score, margin);
            }
        }
        best
    }

    pub(crate) fn learn(&mut self, reference: i32, start: i64, end: i64, score: i64) {
        self.matches
            .retain(|&(of, ends, _)| of == reference && ends > start);
        let known = self.matches.iter_mut().find(|known| known.2 == score);
        if let Some(known) = known {
            known.1 = known.1.min(end);
        } else {
            if self.matches.len() == MATCHES {
                self.matches.remove(0);
            }
            self.matches.push((reference, end, score));
        }
    }
}

impl Model {
    /// A model that has seen nothing.
    pub(crate) fn new() -> Self {
        Self {
            classes: Mixer::new(10, 255),
            below: Mixer::new(9, 255),
            other: Mixer::new(10, 255),
        }
    }

    /// Codes the XS of a record whose AS is `score`.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: i64,
        score: i64,
        view: &View<'_>,
        places: &mut Places,
    ) -> i64 {
        let (records, record, fact) = (view.records, view.record, view.fact());
        let mapq = view.mapq();
        let reference = records.references[record];
        let start = i64::from(records.positions[record]);
        let end = start + fact.extent.span;
        let (expected, margin) = places.expected(reference, start, end);
        let (expected, margin) = (expected as u32, margin.clamp(-2, 20) as u32);
        let of = |other: Option<usize>| {
            let value = other.and_then(|other| view.coded.of(other));
            let distance = other
                .and_then(|other| view.known.of(*b"AS", other))
                .zip(value);
            let distance = distance.map(|(score, value)| score - value);
            let class = match (value, distance) {
                (None, _) => 3,
                (Some(0), _) => ZERO,
                (_, Some(0..=NEAR)) => BELOW,
                _ => OTHER,
            };
            (
                value.map_or(1 << 20, |value| value as u32),
                distance.unwrap_or(1000) as u32,
                class,
            )
        };
        let (twin, mate) = (of(view.twin), of(view.mate));
        let line = records.lines[record];
        let nm = view.own(*b"NM").unwrap_or(0).min(20) as u32;
        let clipped = u32::from(fact.extent.clipped != [0; 2]);
        let mates = u32::from(records.flags[record] >> 1 & 1);

        let contexts = [
            hash(mapq, line, twin.2, 1),
            hash(mapq, mate.2, mates, 2),
            hash(mapq, places.classes & 63, 3, 0),
            hash(score as u32 >> 2, mapq, 4, 0),
            hash(expected, margin, mapq, 5),
            hash(places.last[0] as u32, expected, twin.2, 6),
        ];
        let class = match truth {
            0 => ZERO,
            _ if (0..=NEAR).contains(&(score - truth)) => BELOW,
            _ => OTHER,
        };
        let class = self.classes.symbol(coder, class, 2, &contexts, 0, 0);
        let value = match class {
            ZERO => 0,
            BELOW => {
                let contexts = [
                    hash(mapq, nm, 1, 0),
                    hash(mapq, mate.1, 2, 0),
                    hash(mapq, places.distance as u32, 3, 0),
                    hash(mapq, clipped, fact.mismatches as u32, 4),
                    hash(twin.1, places.distance as u32, 5, 0),
                    hash(mapq, score as u32, line, 6),
                ];
                let distance = score.wrapping_sub(truth) as u64;
                let distance = self.below.number(coder, distance, &contexts, 0) as i64;
                places.distance = distance;
                score.wrapping_sub(distance)
            }
            _ => {
                let last = places.last.map(|value| value as u32);
                let contexts = [
                    hash(last[0], expected, 1, 0),
                    hash(expected, margin, nm.min(4), 2),
                    hash(twin.0, expected, 3, 0),
                    hash(reference as u32, start as u32, records.lengths[record], 4),
                    hash(reference as u32, end as u32, nm, 5),
                    hash(mapq, score as u32 >> 3, last[0] >> 2, 6),
                    hash(last[0], last[1], 7, 0),
                ];
                self.other.signed(coder, truth, &contexts, 0)
            }
        };
        places.classes = places.classes << 2 | class;
        places.last = [value, places.last[0]];
        if class == OTHER {
            places.learn(reference, start, end, value.clamp(0, 1000));
        }
        value
    }
}
