//! What a quality follows from: hashes of what is known where it stands.

use crate::codec::records::qualities::reading::Reading;

/// Contexts of a step.
pub(super) const CONTEXTS: usize = 8;

/// The state of a base that stands for none.
const OUTSIDE: u8 = 5;

/// What is known of a whole read.
#[derive(Clone, Copy, Default)]
pub(super) struct Whole {
    /// Whether it is the second of its template.
    pub(super) second: u64,
    /// The class of its mate's mean, 0 if that is not known.
    pub(super) mate: u64,
    /// Up to 3 mismatches.
    pub(super) mismatches: u64,
}

/// What lies around each base of a read, in the order of sequencing.
#[derive(Default)]
pub(super) struct Bases {
    /// Two numbers outside, those of the bases (0 to 3), one outside.
    letters: Vec<u8>,
    /// How the bases lie, and a state outside.
    states: Vec<u8>,
    /// For each base 2 bits each of it, the next, and the two before it, the nearer one first; and 3 bits each of how it and
    /// the next one lie.
    around: Vec<u16>,
}

impl Bases {
    /// Turns to a read.
    pub(super) fn turn(&mut self, reading: &Reading) {
        let Self {
            letters,
            states,
            around,
        } = self;
        letters.clear();
        letters.extend([0; 2]);
        let codes = reading.bases.iter();
        letters.extend(codes.map(|&code| {
            // `reading::letter` by steps that vectors have.
            let lowest = code & code.wrapping_neg();
            (lowest >> 1) - (lowest >> 3)
        }));
        letters.push(0);
        states.clear();
        states.extend(&reading.states);
        states.push(OUTSIDE);
        around.clear();
        let wide = |number: u8| u16::from(number);
        let beside = letters.windows(4).zip(states.windows(2));
        around.extend(beside.map(|(letters, states)| {
            let letters = wide(letters[2] | letters[3] << 2 | letters[1] << 4 | letters[0] << 6);
            letters | wide(states[0]) << 8 | wide(states[1]) << 11
        }));
    }

    #[inline(always)]
    pub(super) fn at(&self, at: usize) -> u64 {
        self.around
            .get(at)
            .copied()
            .unwrap_or(u16::from(OUTSIDE) << 8)
            .into()
    }
}

/// What went before in a read: numbers of the last qualities, and sums.
#[derive(Clone, Copy, Default)]
pub(super) struct Track {
    pub(super) q1: u64,
    q2: u64,
    q3: u64,
    q4: u64,
    sum: u32,
    differences: u64,
    /// Mean of the last qualities, in 1/16, where far ones count less and less.
    recent: u64,
    /// Length classes of the last two runs.
    pub(super) runs: [u64; 2],
    /// Qualities that were not the usual one, up to 15.
    pub(super) unusual: u64,
    /// The last of those.
    pub(super) last_unusual: u64,
}

impl Track {
    /// At the start of a read, where qualities are as after `first`.
    pub(super) fn starting(first: usize) -> Self {
        let first = first as u64;
        Self {
            q1: first,
            q2: first,
            q3: first,
            q4: first,
            recent: first * 16,
            ..Self::default()
        }
    }

    /// Goes on by a quality.
    #[inline(always)]
    pub(super) fn push(&mut self, number: usize) {
        let number = number as u64;
        let apart = (number.abs_diff(self.q1) * 4).min(64);
        self.differences = self.differences * 15 / 16 + apart;
        self.recent = (self.recent * 7 + number * 16) / 8;
        self.sum = self.sum.wrapping_add(number as u32);
        (self.q4, self.q3, self.q2, self.q1) = (self.q3, self.q2, self.q1, number);
    }

    /// Goes on by `length` usual qualities.
    pub(super) fn skip(&mut self, number: usize, length: usize) {
        for _ in 0..length.min(24) {
            self.push(number);
        }
        let rest = length.saturating_sub(24) as u32;
        self.sum = self.sum.wrapping_add((number as u32).wrapping_mul(rest));
    }

    /// Notes the last quality if it is not the usual one.
    #[inline(always)]
    pub(super) fn note(&mut self, usual: usize) {
        if self.q1 != usual as u64 {
            self.unusual = (self.unusual + 1).min(15);
            self.last_unusual = self.q1;
        }
    }

    /// Mean of the first `at` qualities, in 1/`parts`.
    #[inline(always)]
    pub(super) fn mean(&self, at: usize, parts: u32) -> u64 {
        (self.sum.wrapping_mul(parts) / (at as u32).max(1)).into()
    }
}

/// A hash of what context number `at` knows, for step `step` of a quality.
#[inline(always)]
pub(super) fn key(value: u64, at: u64, step: u64) -> u32 {
    let salted = value ^ at << 60 ^ step << 52;
    (salted.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

/// Bits of the tables of contexts, for `count` qualities.
pub(super) fn table_bits(count: usize, large: bool) -> [u32; CONTEXTS] {
    let more = if large { 3 } else { 0 };
    let each = (count.max(2) as u32 - 1).ilog2() + 1;
    let bits = |wanted: u32, most: u32| wanted.min(most + more).max(4);
    [
        bits(each + 2, 11),
        bits(2 * each + 1, 11),
        bits(3 * each, 13),
        bits(3 * each, 13),
        bits(each + 8, 12),
        bits(each + 8, 12),
        bits(each + 8, 12),
        bits(each + 8, 12),
    ]
}

/// Contexts of a short read's quality at `at`. `after_run` tells that the usual quality has just been ruled out.
#[inline(always)]
pub(super) fn short(
    whole: &Whole,
    track: &Track,
    bases: &Bases,
    at: usize,
    step: u64,
    after_run: bool,
) -> [u32; CONTEXTS] {
    let Track { q1, q2, q3, .. } = *track;
    let i = at as u64;
    let q1 = q1 | u64::from(after_run) << 8;
    let mean = track.mean(at, 2).min(255);
    let (around, state) = (bases.at(at) & 255, bases.at(at) >> 8);
    [
        key(q1 | state << 12, 0, step),
        key(q1 | q2 << 12, 1, step),
        key(q1 | q2.max(q3) << 12 | (i >> 4) << 20, 2, step),
        key(q1 | q2 << 12 | q3 << 20, 3, step),
        key(q1 | i << 12 | whole.second << 24, 4, step),
        key(
            q1 | (track.differences >> 2) << 12 | (mean >> 2) << 20,
            5,
            step,
        ),
        key(q1 | around << 12, 6, step),
        key(
            q1 | (mean >> 1) << 12
                | whole.second << 20
                | whole.mismatches << 22
                | (whole.mate >> 2) << 26,
            7,
            step,
        ),
    ]
}

/// Contexts of a long read's quality at `at`, in a stretch of `same` equal bases.
#[inline(always)]
pub(super) fn long(
    track: &Track,
    bases: &Bases,
    at: usize,
    step: u64,
    same: u64,
) -> [u32; CONTEXTS] {
    let Track { q1, q2, q3, q4, .. } = *track;
    let (here, next, before) = (bases.at(at), bases.at(at + 1), bases.at(at.wrapping_sub(1)));
    let state = here >> 8 | (before >> 8 & 7) << 6;
    let around = here & 255 | (next >> 2 & 3) << 8;
    [
        key(q1 | state << 12, 0, step),
        key(q1 | q2 << 12, 1, step),
        key(
            q1 | (q2 >> 1) << 12 | (q3 >> 2) << 20 | (q4 >> 3) << 28,
            2,
            step,
        ),
        key(around | same << 12 | (q1 >> 3) << 20, 3, step),
        key(q1 | around << 12, 4, step),
        key(
            q1 | (track.differences >> 2) << 12 | (track.recent >> 5) << 20,
            5,
            step,
        ),
        key((track.recent >> 3) | state << 12, 6, step),
        key(
            (q1 >> 1) | same << 12 | (here & 3) << 20 | (track.recent >> 6) << 24,
            7,
            step,
        ),
    ]
}
