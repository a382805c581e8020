//! Contexts of short reads.

use super::super::super::mixing::{Coder, hash};
use super::super::Records;
use super::predictor::{Given, Predictor, Shape};
use super::reading::Reading;
use super::tree::Tree;

/// Knows what went before in a read.
#[derive(Clone, Copy, Default)]
struct Track {
    q1: u32,
    q2: u32,
    q3: u32,
    q4: u32,
    difference: u32,
    low: u32,
    sum: u32,
    run: u32,
    since: u32,
}

#[derive(Clone)]
pub(crate) struct Short<const N: usize, const I: usize, const S: usize> {
    predictor: Predictor<N, I, S>,
    next: Vec<u8>,
}

impl<const N: usize, const I: usize, const S: usize> Short<N, I, S> {
    pub(crate) fn new(tree: Tree, shape: Shape<S>) -> Self {
        Self {
            predictor: Predictor::new(tree, shape),
            next: Vec::new(),
        }
    }
}

impl Short<13, 32, 3> {
    pub(crate) fn build(tree: Tree) -> Self {
        let n = tree.symbols() as u32;
        let shape = Shape {
            bits: 18,
            selections: [n + 1, 64, 192],
            corrections: [(n + 1) * (n + 1).min(16), 256],
            limit: 1023,
            rates: (600, 130),
        };
        Self::new(tree, shape)
    }

    pub(crate) fn record<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        record: usize,
        reading: &Reading,
        mate: u32,
    ) -> u32 {
        let length = reading.bases.len();
        let second = u32::from(records.flags[record] >> 7 & 1);
        let mapq = (u32::from(records.mapq[record]) / 15).min(4);
        let mut mismatches = 0;
        let mut clips = 0;
        for &s in &reading.states {
            mismatches += u32::from(s == 1);
            clips += u32::from(s == 3);
        }
        let (mismatches, clips) = (mismatches.min(7), (clips / 8).min(7));
        self.next.clear();
        self.next.resize(length + 1, 31);
        for at in (0..length).rev() {
            self.next[at] = if reading.states[at] == 1 {
                0
            } else {
                (self.next[at + 1] + 1).min(31)
            };
        }
        let mut t = Track {
            since: 31,
            ..Track::default()
        };
        let n = self.predictor.tree().symbols() as u32;
        let width = (n + 1).min(16);
        let mut last = 0u8;
        for at in 0..length {
            let i = at as u32;
            let Track { q1, q2, q3, q4, .. } = t;
            let b = reading.base(at);
            let (b1, b2) = (
                reading.base(at.wrapping_sub(1)),
                reading.base(at.wrapping_sub(2)),
            );
            let bn = reading.base(at + 1);
            let mx23 = q2.max(q3);
            let d = (t.difference >> 1).min(31);
            let av = if i > 0 {
                (u64::from(t.sum) * 4 / u64::from(i)).min(63) as u32
            } else {
                0
            };
            let nl = t.low.min(15);
            let state = |at: usize| reading.states.get(at).map_or(5, |&s| u32::from(s));
            let (c0, cp, cn) = (state(at), state(at.wrapping_sub(1)), state(at + 1));
            let nx = u32::from(self.next[at]);
            let contexts = [
                hash(1, q1 | q2 << 8, 0, 0),
                hash(2, q1 | mx23 << 8 | q4.max(q3) << 16, i >> 3, 0),
                hash(3, q1 | q2 << 8 | q3 << 16, 0, 0),
                hash(4, i | second << 31, q1, 0),
                hash(5, q1 | d << 8 | av << 16, q2, 0),
                hash(6, q1 | b << 8 | b1 << 12 | b2 << 16 | bn << 20, i >> 4, 0),
                hash(7, q1 | q2 << 8 | q3 << 16 | q4 << 24, 0, 0),
                hash(8, av | nl << 8, i >> 2 | second << 31, u32::from(q1 == q2)),
                hash(
                    9,
                    q1 | q2 << 8,
                    c0 | cp << 3 | cn << 6 | u32::from(b == 15) << 9,
                    0,
                ),
                hash(
                    10,
                    q1 | c0 << 8 | mismatches << 12 | nx << 16,
                    b | t.since.min(7) << 8,
                    0,
                ),
                hash(
                    11,
                    av | c0 << 8 | mismatches << 12 | clips << 16,
                    i >> 3,
                    q1 | mapq << 8,
                ),
                hash(12, q1 | mate << 8, i.min(20), av),
                hash(13, q1 | q2 << 8, t.run.min(63), av >> 2 | mate << 8),
            ];
            let given = Given {
                contexts,
                selections: [q1, (i / 4).min(63), c0 + 6 * nx.min(3) + 24 * t.run.min(7)],
                corrections: [q1 * width + q2.min(width - 1), (i / 4).min(31) * 8 + c0],
            };
            let place = reading.place(at);
            let q = self
                .predictor
                .symbol(coder, records.qualities[place], &given);
            records.qualities[place] = q;
            let k = self.predictor.tree().rank(q);
            if at > 0 {
                t.difference = t.difference.saturating_add(u32::from(q.abs_diff(last)));
            }
            last = q;
            t.sum = t.sum.wrapping_add(k);
            t.low += u32::from(k > 0);
            t.run = if at > 0 && k == q1 { t.run + 1 } else { 0 };
            (t.q4, t.q3, t.q2, t.q1) = (q3, q2, q1, k);
            t.since = if c0 == 1 { 0 } else { (t.since + 1).min(31) };
        }
        let n = if n > 8 { 1 } else { 8 };
        if length > 0 {
            (t.sum.wrapping_mul(n) / length as u32).min(30) + 1
        } else {
            0
        }
    }
}
