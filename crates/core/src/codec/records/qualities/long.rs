//! Long reads: contexts of the bases around, of homopolymers and of running means; low orders, because large alphabets
//! must be learnt from few reads.

use super::super::super::mixing::{Coder, Lanes, Work, dispatch};
use super::super::Records;
use super::engine::Task;
use super::evidence::Evidence;
use super::predictor::{Given, Predictor, Shape};
use super::reading::Reading;
use super::short::{heed, key};
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

/// What went before: the last qualities, and their means over about 10 and 100 in 1/256.
#[derive(Clone, Copy)]
struct Track {
    q: [u64; 4],
    near: i32,
    far: i32,
}

/// Codes long reads by `N` contexts and `S` weight sets.
#[derive(Clone)]
pub(super) struct Long<const N: usize, const G: usize, const S: usize> {
    predictor: Predictor<N, G, S>,
    /// Homopolymers at each base: bases alike before (up to 7) and after (up to 5), the latter from bit 3 on.
    alike: Vec<u8>,
}

impl<const N: usize, const G: usize, const S: usize> Long<N, G, S> {
    /// A model whose tables have 2^`bits` slots per context.
    pub(super) fn new(tree: Tree, bits: u32) -> Self {
        let mut selections = [1; S];
        selections.copy_from_slice(&[17, 64, 32][..S]);
        let shape = Shape {
            bits,
            selections,
            corrections: [u32::from(tree.largest()).min(127) + 1, 64],
            limit: 1023,
            rates: (1500, 130),
        };
        Self {
            predictor: Predictor::new(tree, shape),
            alike: Vec::new(),
        }
    }

    /// Finds homopolymers.
    fn begin(&mut self, bases: &[u8]) {
        self.alike.clear();
        let mut before = 0;
        for (at, base) in bases.iter().enumerate() {
            let same = at > 0 && bases[at - 1] == *base;
            before = if same { (before + 1).min(7) } else { 0 };
            self.alike.push(before);
        }
        let mut after = 0;
        for at in (0..bases.len()).rev() {
            let same = bases.get(at + 1) == Some(&bases[at]);
            after = if same { (after + 1).min(5) } else { 0 };
            self.alike[at] |= after << 3;
        }
    }

    /// Codes the qualities of a read.
    pub(super) fn record<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        task: &mut Task<'_>,
    ) -> u32 {
        dispatch(Read {
            model: self,
            coder,
            records,
            task,
        })
    }

    #[inline(always)]
    fn symbols<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        records: &mut Records,
        task: &mut Task<'_>,
    ) -> u32 {
        let reading = task.reading;
        self.begin(&reading.bases);
        let mut track = Track {
            q: [0; 4],
            near: 20 << 8,
            far: 20 << 8,
        };
        for at in 0..reading.bases.len() {
            let place = reading.place(at);
            let mut given = self.given(&track, reading, at, task.evidence);
            if let Some(&hint @ 1..) = task.hints.get(at) {
                heed(&mut given, hint, track.q[0] as u32);
            }
            let quality =
                self.predictor
                    .symbol_with(lanes, coder, records.qualities[place], &given);
            records.qualities[place] = quality;
            let fine = i32::from(quality) << 8;
            track.near += (fine - track.near) / 10;
            track.far += (fine - track.far) / 100;
            let [a, b, c, _] = track.q;
            track.q = [quality.into(), a, b, c];
        }
        0
    }

    /// What the quality at `at` follows from.
    #[inline(always)]
    fn given(
        &self,
        track: &Track,
        reading: &Reading,
        at: usize,
        evidence: &Evidence,
    ) -> Given<N, S> {
        let [q1, q2, q3, _] = track.q;
        let [z1, z2, z3, z4] = track.q.map(class);
        let base = |at: usize| u64::from(reading.base(at).trailing_zeros() & 3);
        let mut around = 0;
        for back in (-2..=3i32).rev() {
            around = around << 2 | base(at.wrapping_add_signed(-back as isize));
        }
        let near = (track.near as u64 >> 9).min(31);
        let far = (track.far as u64 >> 9).min(31);
        let alike = u64::from(self.alike[at]);
        let says = |at: usize| {
            let inside = at < reading.bases.len();
            if inside {
                evidence.classes[reading.place(at)].into()
            } else {
                8u64
            }
        };
        let c0 = says(at);
        let all = [
            q1 | q2 << 8,
            around | z1 << 12,
            q1 | near << 8 | alike << 13,
            q1 | z2 << 8 | z3 << 12 | z4 << 16,
            near | far << 5 | z1 << 10 | (around & 0xff) << 14,
            q1 | q2.max(q3) << 8,
            around >> 2 | alike << 10 | z1 << 16 | z2 << 20,
            q1 | c0 << 8 | says(at.wrapping_sub(1)) << 12 | says(at + 1) << 16,
            q1 / 2 | q2 / 2 << 8 | q3 / 2 << 16,
            q1 | (around >> 2 & 0xff) << 8,
            alike | z1 << 8 | far << 12 | c0 << 17,
            around | alike << 12 | q1 << 20,
        ];
        let mut contexts = [0; N];
        for (context, &value) in contexts.iter_mut().zip(&all) {
            *context = key(value);
        }
        let mut selections = [0; S];
        selections.copy_from_slice(&[z1 as u32, alike as u32, near as u32][..S]);
        Given {
            contexts,
            selections,
            corrections: [q1 as u32, alike as u32],
        }
    }
}

/// The work on a read.
struct Read<'a, 'b, C, const N: usize, const G: usize, const S: usize> {
    model: &'a mut Long<N, G, S>,
    coder: &'a mut C,
    records: &'a mut Records,
    task: &'a mut Task<'b>,
}

impl<C: Coder, const N: usize, const G: usize, const S: usize> Work for Read<'_, '_, C, N, G, S> {
    type Output = u32;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> u32 {
        self.model
            .symbols(lanes, self.coder, self.records, self.task)
    }
}
