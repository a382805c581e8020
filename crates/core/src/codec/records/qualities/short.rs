//! Short reads: contexts of position, run and what the other reads of the chunk say.

use std::ops::Range;

use super::super::super::mixing::{Coder, Lanes};
use super::super::Records;
use super::engine::{Reader, Task};
use super::evidence::{AGAINST, ALIKE, CUT, Evidence, ONE_AGAINST, OUTSIDE};
use super::predictor::{Given, Predictor, Shape};
use super::reading::{Reading, letter};
use super::runs::{Ahead, RUN, Runs};
use super::tree::Tree;

/// Distances to mismatches count up to this.
const FAR: u8 = 31;

/// What a whole read is known by.
#[derive(Clone, Copy)]
struct Whole {
    /// Whether it is the second of its template.
    second: u64,
    mapq: u64,
    mismatches: u64,
    clips: u64,
    /// The class of its mate's mean, 0 if that is not known.
    mate: u64,
}

/// What went before in a read: ranks of the last four qualities, and sums.
#[derive(Clone, Copy, Default)]
struct Track {
    q1: u32,
    q2: u32,
    q3: u32,
    q4: u32,
    last: u8,
    difference: u32,
    low: u32,
    sum: u64,
    run: u32,
    since: u8,
    top: u32,
    /// Qualities still to come of a stretch that is no run; 0 outside one.
    left: u32,
}

impl Track {
    /// Mean of the ranks of the first `at` qualities, in 1/`parts`; modulo 2^32, so that divisions are short.
    #[inline(always)]
    fn mean(&self, at: usize, parts: u32) -> u64 {
        ((self.sum as u32).wrapping_mul(parts) / (at as u32).max(1)).into()
    }

    /// Goes on by a quality of rank `rank` at `at`, whose base has evidence of `class`.
    #[inline(always)]
    fn push(&mut self, at: usize, quality: u8, rank: u32, class: u8) {
        if at > 0 {
            let apart = self.last.abs_diff(quality);
            self.difference = (self.difference + u32::from(apart)).min(1 << 20);
            self.run = if rank == self.q1 {
                (self.run + 1).min(255)
            } else {
                0
            };
        }
        self.left = if rank == 0 {
            self.left.saturating_sub(1)
        } else {
            0
        };
        self.last = quality;
        self.top = if rank > 0 { 0 } else { (self.top + 1).min(63) };
        self.sum += u64::from(rank);
        self.low = (self.low + u32::from(rank > 0)).min(15);
        (self.q4, self.q3, self.q2, self.q1) = (self.q3, self.q2, self.q1, rank);
        self.since = if is_error(class) {
            0
        } else {
            (self.since + 1).min(FAR)
        };
    }
}

fn is_error(class: u8) -> bool {
    class == ONE_AGAINST || class == AGAINST
}

/// Lets the first two contexts and weight set tell what a hint says.
pub(super) fn heed<const N: usize, const S: usize>(given: &mut Given<N, S>, hint: u16, q1: u32) {
    let hint = u64::from(hint) << 40 | 1 << 57;
    given.contexts[0] = key(hint);
    given.contexts[1] = key(hint | u64::from(q1) << 8);
    given.selections[0] = u32::MAX;
}

/// A context's hash.
#[inline(always)]
pub(super) fn key(value: u64) -> u32 {
    (value.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

/// Codes short reads by `N` contexts and `S` weight sets.
#[derive(Clone)]
pub(super) struct Short<const N: usize, const G: usize, const S: usize> {
    predictor: Predictor<N, G, S>,
    /// How many qualities before count in a correction's context.
    width: u32,
    /// Of the read's bases in the order of sequencing: classes of evidence, distances to the next error, how well their
    /// places read before, and qualities.
    classes: Vec<u8>,
    next: Vec<u8>,
    here: Vec<u8>,
    qualities: Vec<u8>,
    runs: Option<Runs>,
}

impl<const N: usize, const G: usize, const S: usize> Short<N, G, S> {
    /// How many parts of the first 128 bases a correction tells apart; few where memory is short.
    const PARTS: u32 = if S == 1 { 4 } else { 16 };

    /// A model whose tables have 2^`bits` slots per context.
    pub(super) fn new(tree: Tree, bits: u32) -> Self {
        let symbols = tree.symbols() as u32 + 1;
        let width = match symbols {
            _ if S == 1 => 1,
            13.. => 4,
            _ => symbols,
        };
        // More than there are ranks: those behind a run that is none, and that of qualities with a hint.
        let sets = [symbols + 1 + RUN as u32, 256, 64];
        let mut selections = [1; S];
        selections.copy_from_slice(&sets[..S]);
        let shape = Shape {
            bits,
            selections,
            corrections: [symbols * width, 8 * Self::PARTS],
            limit: 1023,
            rates: (4000, 130),
        };
        // The best level takes the time to look at each.
        let runs = tree.usual().filter(|_| S < 3).map(Runs::new);
        Self {
            predictor: Predictor::new(tree, shape),
            width,
            classes: Vec::new(),
            next: Vec::new(),
            here: Vec::new(),
            qualities: Vec::new(),
            runs,
        }
    }

    /// Looks at the bases of a read.
    fn begin(
        &mut self,
        records: &Records,
        record: usize,
        reading: &Reading,
        evidence: &Evidence,
        mate: u32,
    ) -> Whole {
        let classes = &evidence.classes[reading.range.clone()];
        reading.order(classes, &mut self.classes);
        let qualities = &records.qualities[reading.range.clone()];
        reading.order(qualities, &mut self.qualities);
        evidence.before_all(reading, &mut self.here);
        let count = |is: fn(u8) -> bool| classes.iter().filter(|&&class| is(class)).count();
        self.next.clear();
        self.next.resize(classes.len(), FAR);
        let mut far = FAR;
        for (next, &class) in self.next.iter_mut().zip(&self.classes).rev() {
            far = if is_error(class) {
                0
            } else {
                (far + 1).min(FAR)
            };
            *next = far;
        }
        Whole {
            second: u64::from(records.flags[record] >> 7 & 1),
            mapq: u64::from(records.mapq[record] / 15).min(4),
            mismatches: count(is_error).min(7) as u64,
            clips: (count(|class| class == CUT) / 8).min(7) as u64,
            mate: mate.into(),
        }
    }

    /// What the qualities at `run` follow from, if they are a run.
    #[inline(always)]
    fn ahead(&self, whole: &Whole, track: &Track, reading: &Reading, run: Range<usize>) -> Ahead {
        let at = run.start;
        let here = self.here[run.clone()]
            .iter()
            .map(|&here| u32::from(here / 4));
        let odd = self.classes[run.clone()].iter();
        let bases = reading.bases[run].iter();
        Ahead {
            at: at.min(4095) as u64,
            mean: track.mean(at, 32).min(255),
            low: track.low.into(),
            top: track.top.into(),
            next: self.next[at].min(RUN as u8).into(),
            mismatches: whole.mismatches,
            odd: odd.filter(|&&class| class != ALIKE).count().min(3) as u64,
            bad: here.clone().sum::<u32>().into(),
            worst: here.max().unwrap_or(0).into(),
            bases: bases.fold(0, |bases, &base| {
                bases << 2 | u64::from(letter(base.into()))
            }),
            before: letter(reading.base(at.wrapping_sub(1))).into(),
            second: whole.second,
            mapq: whole.mapq,
            mate: whole.mate,
        }
    }

    /// What the quality at `at` follows from.
    #[inline(always)]
    fn given(&self, whole: &Whole, track: &Track, reading: &Reading, at: usize) -> Given<N, S> {
        let here = u64::from(self.here[at]);
        let Track { q1, q2, q3, q4, .. } = *track;
        let [p1, p2, p3, p4] = [q1, q2, q3, q4].map(u64::from);
        let i = at.min(4095) as u64;
        let base = |at: usize| u64::from(reading.base(at));
        let b = base(at);
        let around =
            b | base(at.wrapping_sub(1)) << 4 | base(at.wrapping_sub(2)) << 8 | base(at + 1) << 12;
        let class = |at: usize| u64::from(self.classes.get(at).copied().unwrap_or(OUTSIDE));
        let (c0, before, after) = (class(at), class(at.wrapping_sub(1)), class(at + 1));
        let next = u64::from(self.next[at]);
        let mean = track.mean(at, 4).min(63);
        let difference = u64::from(track.difference >> 1).min(31);
        let run = u64::from(track.run);
        let [low, top, since] =
            [track.low, track.top, u32::from(track.since.min(7))].map(u64::from);
        let all = [
            p1 | around << 8,
            i | whole.second << 12 | p1 << 13,
            mean | low << 6 | (i >> 2) << 10 | whole.second << 20 | u64::from(q1 == q2) << 21,
            p1 | p2 << 8 | c0 << 16 | before << 20 | after << 24,
            p1 | p2 << 8 | run << 16 | top << 24 | (i >> 4) << 30,
            mean | p1 << 6 | c0 << 14 | low << 18 | (i >> 3) << 22,
            p1 | c0 << 8 | whole.mismatches << 12 | next << 15 | b << 20 | since << 24,
            p1 | c0 << 8 | here << 12,
            mean >> 1
                | c0 << 5
                | whole.mismatches << 9
                | whole.clips << 12
                | (i >> 4) << 15
                | p1 << 23
                | whole.mapq << 31,
            p1 | p2 << 8 | p3 << 16,
            track.mean(at, 16).min(4095) | p1 << 12 | (i >> 2) << 20,
            p1 | p2 >> 1 << 8 | run.min(15) << 16 | mean >> 3 << 20 | whole.mate << 26,
            p1 | p2.max(p3) << 8 | p3.max(p4) << 16 | (i >> 3) << 24,
            p1 | p2 << 8 | p3 >> 1 << 16 | p4 >> 2 << 24,
            p1 | difference >> 1 << 8 | mean >> 1 << 13 | p2 >> 2 << 19,
        ];
        let mut contexts = [0; N];
        let left = u64::from(track.left);
        for (at, (context, &value)) in contexts.iter_mut().zip(&all).enumerate() {
            let left = if at % 2 == 0 { left } else { left.min(1) };
            *context = key(value ^ left << 60);
        }
        let near = next.min(3) as u32;
        let state = c0 as u32 + 8 * near + 32 * track.run.min(7);
        let q = if track.left > 0 {
            self.predictor.tree().symbols() as u32 + 1 + track.left
        } else {
            q1
        };
        let sets = [q, state, (at / 4).min(63) as u32];
        let mut selections = [0; S];
        selections.copy_from_slice(&sets[..S]);
        Given {
            contexts,
            selections,
            corrections: [
                q1 * self.width + q2.min(self.width - 1),
                (at as u32 / (128 / Self::PARTS)).min(Self::PARTS - 1) * 8 + c0 as u32,
            ],
        }
    }
}

impl<const N: usize, const G: usize, const S: usize> Reader for Short<N, G, S> {
    #[inline(always)]
    fn record<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        records: &mut Records,
        record: usize,
        task: &mut Task<'_>,
    ) -> u32 {
        let reading = task.reading;
        let whole = self.begin(records, record, reading, task.evidence, task.mate);
        let length = reading.bases.len();
        // Ranks of small alphabets are spread to the same range as those of large ones.
        let scale = if self.predictor.tree().symbols() > 8 {
            1
        } else {
            8
        };
        let mut track = Track {
            since: FAR,
            ..Track::default()
        };
        let usual = self.runs.as_ref().map(|runs| runs.usual);
        let usual = usual.filter(|_| task.hints.is_empty());
        let mut at = 0;
        while at < length {
            if let (Some(usual), 0, 0) = (usual, track.left, track.q1) {
                let end = (at + RUN).min(length);
                let is_run = self.qualities[at..end]
                    .iter()
                    .all(|&quality| quality == usual);
                let ahead = self.ahead(&whole, &track, reading, at..end);
                let runs = self.runs.as_mut().expect("there is a usual quality");
                if runs.code(lanes, coder, is_run, &ahead) {
                    self.qualities[at..end].fill(usual);
                    for at in at..end {
                        track.push(at, usual, 0, self.classes[at]);
                    }
                    at = end;
                    continue;
                }
                track.left = (end - at) as u32;
            }
            let mut given = self.given(&whole, &track, reading, at);
            if let Some(&hint @ 1..) = task.hints.get(at) {
                heed(&mut given, hint, track.q1);
            }
            let quality = self
                .predictor
                .symbol_with(lanes, coder, self.qualities[at], &given);
            self.qualities[at] = quality;
            let rank = self.predictor.tree().rank(quality);
            track.push(at, quality, rank, self.classes[at]);
            at += 1;
        }
        let target = &mut records.qualities[reading.range.clone()];
        let tree = self.predictor.tree();
        if reading.reversed {
            self.qualities.reverse();
        }
        target.copy_from_slice(&self.qualities);
        let noted = target.iter().map(|&quality| tree.rank(quality) * 8 * scale);
        task.evidence.note_all(reading, noted);
        let mean = track.sum * u64::from(scale) / length.max(1) as u64;
        mean.min(30) as u32 + 1
    }
}
