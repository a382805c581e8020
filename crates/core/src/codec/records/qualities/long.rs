//! Long reads: contexts of the bases around, of homopolymers and of running means; low orders, because large alphabets
//! must be learnt from few reads. What they do not see together, an [`Estimate`] does.

use super::super::super::mixing::{Coder, Lanes};
use super::super::Records;
use super::engine::{Reader, Task};
use super::estimate::Estimate;
use super::evidence::Evidence;
use super::predictor::{Given, Predictor, Shape};
use super::reading::{Reading, letter};
use super::short::{heed, key};
use super::surroundings::Surroundings;
use super::tree::Tree;

/// Classes of a quality: narrow where it is low.
#[inline(always)]
fn class(quality: u64) -> u64 {
    match quality {
        0..4 => quality,
        4..20 => 3 + quality / 4,
        20..40 => 4 + quality / 5,
        40..50 => 12,
        50..93 => 13,
        _ => 14,
    }
}

/// Qualities are noted in the evidence times this, for which it has 31 classes.
const NOTED: u32 = 8;

/// Classes of an estimate and the quality before; one more selection is for bases with hints.
const TOGETHER: u32 = 240;

/// What went before: the last qualities, how often the last one was repeated (up to 15), and means over about 10 and 100
/// in 1/256.
#[derive(Clone, Copy)]
struct Track {
    q: [u64; 4],
    run: u32,
    near: i32,
    far: i32,
}

impl Track {
    /// A read's start.
    const NEW: Self = Self {
        q: [0; 4],
        run: 0,
        near: 20 << 8,
        far: 20 << 8,
    };

    /// Goes on by a quality.
    #[inline(always)]
    fn push(&mut self, quality: u8) {
        let fine = i32::from(quality) << 8;
        self.near += (fine - self.near) / 10;
        self.far += (fine - self.far) / 100;
        let [a, b, c, _] = self.q;
        let same = a == u64::from(quality);
        self.run = if same { (self.run + 1).min(15) } else { 0 };
        self.q = [quality.into(), a, b, c];
    }
}

/// Codes long reads by `N` contexts and `S` weight sets.
#[derive(Clone)]
pub(super) struct Long<const N: usize, const G: usize, const S: usize> {
    predictor: Predictor<N, G, S>,
    estimate: Estimate,
    /// Levels of the symbols, which are estimated.
    levels: [u16; 256],
    around: Surroundings,
    /// What the evidence said of each base before the read.
    before: Vec<u8>,
}

impl<const N: usize, const G: usize, const S: usize> Long<N, G, S> {
    /// A model whose tables have 2^`bits` slots per context.
    pub(super) fn new(tree: Tree, bits: u32) -> Self {
        let mut selections = [1; S];
        selections.copy_from_slice(&[TOGETHER + 1, 64, 72][..S]);
        let shape = Shape {
            bits,
            selections,
            corrections: [TOGETHER, 288],
            limit: 1023,
            rates: (1500, 130),
        };
        Self {
            levels: tree.levels(),
            predictor: Predictor::new(tree, shape),
            estimate: Estimate::new(),
            around: Surroundings::default(),
            before: Vec::new(),
        }
    }

    /// Turns to a record.
    fn turn(&mut self, records: &Records, record: usize, reading: &Reading, evidence: &Evidence) {
        self.around.turn(records, record, reading, evidence);
        evidence.before_all(reading, &mut self.before);
    }

    /// What the quality at `at` follows from.
    #[inline(always)]
    fn given(&mut self, track: &Track, reading: &Reading, at: usize) -> Given<N, S> {
        let [q1, q2, _, _] = track.q;
        let z1 = class(q1);
        let base = |back: i32| {
            let base = reading.base(at.wrapping_add_signed(back as isize));
            u64::from(letter(base))
        };
        // The bases from six before to four after, the last lowest.
        let bases = (-6..=4).fold(0, |done, back| done << 2 | base(back));
        let near = (track.near as u64 >> 9).min(31);
        let far = (track.far as u64 >> 9).min(31);
        let around = &self.around;
        let alike = u64::from(around.alike[at]);
        let gaps = u64::from(around.gaps[at]);
        let gaps_after = around.gaps.get(at + 1).map_or(0, |&gaps| u64::from(gaps));
        let (next, since) = (u64::from(around.next[at]), u64::from(around.since[at]));
        let [c0, c1, c2] = [0, 1, 2].map(|ahead| around.class(at + ahead));
        let before = u64::from(self.before[at]);
        let last = if at > 0 { self.before[at - 1] } else { 0 };
        let mean = |before: u64| before.div_ceil(4);
        let estimate: u64 = self
            .estimate
            .find([
                (q1 | q2 << 8) as u32,
                (bases & 0x3ffff) as u32,
                (next | since << 4 | gaps << 8) as u32,
                (alike | q1 << 6) as u32,
                (bases >> 6 & 63 | q1 << 6) as u32,
                (bases >> 4 & 0x3ffff) as u32,
                track.run | (q1 as u32) << 4,
                (near | far << 5) as u32,
            ])
            .into();
        let all = [
            estimate >> 6 | q1 << 8,
            estimate >> 5 | u64::from(self.estimate.spread()) << 10,
            next | since << 4 | alike << 8 | z1 << 16,
            gaps | gaps_after << 4 | c0 << 8 | c1 << 12 | c2 << 16 | q1 << 20,
            q1 | q2 << 8,
            before | alike << 8 | z1 << 16,
            q1 | near << 8 | alike << 13,
            q1 | (bases >> 6 & 0xff) << 8,
            q1 | mean(before) << 8 | mean(last.into()) << 16,
            estimate >> 6 | near << 8,
            bases >> 4 & 0xfff | z1 << 12,
            estimate >> 6 | alike << 8,
        ];
        let mut contexts = [0; N];
        for (context, &value) in contexts.iter_mut().zip(&all) {
            *context = key(value);
        }
        let together = (estimate >> 8 | z1 << 4) as u32;
        let mut selections = [0; S];
        selections.copy_from_slice(&[together, alike as u32, (next.min(7) | c0 << 3) as u32][..S]);
        Given {
            contexts,
            selections,
            corrections: [together, (estimate >> 7 | c0 << 5) as u32],
        }
    }
}

impl<const N: usize, const G: usize, const S: usize> Reader for Long<N, G, S> {
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
        self.turn(records, record, reading, task.evidence);
        let mut track = Track::NEW;
        for at in 0..reading.bases.len() {
            let place = reading.place(at);
            let mut given = self.given(&track, reading, at);
            if let Some(&hint @ 1..) = task.hints.get(at) {
                heed(&mut given, hint, track.q[0] as u32);
            }
            let quality =
                self.predictor
                    .symbol_with(lanes, coder, records.qualities[place], &given);
            records.qualities[place] = quality;
            self.estimate
                .learn(self.levels[usize::from(quality)].into());
            track.push(quality);
        }
        let coded = &records.qualities[reading.range.clone()];
        let noted = coded.iter().map(|&quality| u32::from(quality) * NOTED);
        task.evidence.note_all(reading, noted);
        0
    }
}
