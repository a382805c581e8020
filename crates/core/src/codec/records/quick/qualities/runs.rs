//! Runs of the usual quality: one step for their length, where most qualities are the same.

use super::alphabet::Alphabet;
use super::contexts::{Track, Whole};
use crate::codec::mixing::{Coder, Lanes, SYMBOLS, Scores};

/// A quality is the usual one if it follows itself in so many of 100 cases.
const OFTEN: usize = 92;

/// Contexts of a run's length.
const CONTEXTS: usize = 6;

/// Where the classes of lengths start; the last symbol says that a run goes on as far as it can.
const STARTS: [usize; SYMBOLS] = [
    0,
    1,
    2,
    3,
    4,
    6,
    8,
    12,
    16,
    24,
    32,
    48,
    64,
    96,
    128,
    usize::MAX,
];

/// The symbol of runs that go on as far as they can.
const ALL: usize = SYMBOLS - 1;

/// The number of the quality that nearly always follows itself, if there is one.
pub(super) fn usual<'a>(
    strings: impl Iterator<Item = &'a [u8]>,
    alphabet: &Alphabet,
) -> Option<usize> {
    let (mut same, mut all) = ([0usize; 256], [0usize; 256]);
    for string in strings {
        for pair in string.windows(2) {
            all[usize::from(pair[0])] += 1;
            same[usize::from(pair[0])] += usize::from(pair[0] == pair[1]);
        }
    }
    let quality = (0..=254u8).max_by_key(|&quality| all[usize::from(quality)])?;
    let (same, all) = (same[usize::from(quality)], all[usize::from(quality)]);
    (all > 0 && same * 100 >= all * OFTEN).then(|| alphabet.number(quality))
}

/// The class of a length.
pub(super) fn class(length: usize) -> usize {
    STARTS.partition_point(|&start| start <= length) - 1
}

/// The model of runs.
#[derive(Clone)]
pub(super) struct Runs {
    /// The number of the usual quality.
    pub(super) usual: usize,
    /// That quality.
    pub(super) quality: u8,
    classes: Scores<CONTEXTS>,
    /// Lengths within classes.
    rests: Scores<2>,
}

impl Runs {
    pub(super) fn new(usual: usize, quality: u8) -> Self {
        Self {
            usual,
            quality,
            classes: Scores::new([10, 10, 10, 10, 11, 10]),
            rests: Scores::new([6, 10]),
        }
    }

    /// Says that a read begins.
    pub(super) fn turn(&mut self) {
        self.classes.turn();
        self.rests.turn();
    }

    /// Codes how many usual qualities follow from `at`, which are `most` at most.
    #[inline(always)]
    pub(super) fn code<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        length: usize,
        most: usize,
        at: usize,
        known: (&Whole, &Track),
    ) -> usize {
        let (whole, track) = known;
        let key = |value: u64, number: u64| {
            ((value ^ number << 60).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
        };
        let [r1, r2] = track.runs;
        let (i, left) = (at as u64, most as u64);
        let unusual = track.unusual;
        let places = self.classes.places(&[
            key(i | whole.second << 20, 0),
            key(unusual | (i >> 3) << 8, 1),
            key(r1 | r2 << 4 | track.last_unusual << 8, 2),
            key(left | whole.second << 20, 3),
            key(
                unusual | whole.mate << 8 | whole.mismatches << 16 | (i >> 4) << 24,
                4,
            ),
            key(
                r1 | unusual.min(7) << 4 | track.last_unusual << 8 | (i >> 5) << 16,
                5,
            ),
        ]);
        let given = if length >= most { ALL } else { class(length) };
        let found = self.classes.code(lanes, coder, given, &places);
        if found == ALL {
            return most;
        }
        let start = STARTS[found];
        let room = if found + 1 == ALL {
            usize::MAX
        } else {
            STARTS[found + 1] - start
        };
        if room == 1 {
            return start.min(most);
        }
        let rest = self.rest(lanes, coder, length.wrapping_sub(start), room, found, i);
        (start + rest).min(most)
    }

    /// Codes a length less the start of its class, in which there are `room`.
    #[inline(always)]
    fn rest<L: Lanes, C: Coder>(
        &mut self,
        lanes: L,
        coder: &mut C,
        rest: usize,
        room: usize,
        class: usize,
        at: u64,
    ) -> usize {
        let mut done = 0;
        // The last class has no end: as many whole sixteens as it takes.
        if room > 2 * SYMBOLS {
            loop {
                let given = (rest.wrapping_sub(done) / SYMBOLS).min(1);
                let place = self.rests.places(&[15 << 26, 0]);
                if self.rests.code(lanes, coder, given, &place) != 1 || done > 1 << 28 {
                    break;
                }
                done += SYMBOLS;
            }
        }
        let double = room == 2 * SYMBOLS;
        let left = rest.wrapping_sub(done);
        let given = if double { left >> 1 } else { left } & (SYMBOLS - 1);
        let hash = (class as u32) << 28 ^ (at as u32).wrapping_mul(0x9E37_79B1);
        let place = self.rests.places(&[(class as u32) << 26, hash]);
        let found = self.rests.code(lanes, coder, given, &place);
        if double {
            let odd = coder.code(left & 1 == 1, 1 << 15);
            done + found * 2 + usize::from(odd)
        } else {
            done + found
        }
    }
}
