//! What the reads of a chunk showed of each place so far: the vote of `states`, and beside it a byte per place that holds
//! all that most bases need, so that eight places are looked at in one step.

use crate::codec::records::states::{ALONE, DIFFERS};

/// Bit of a place's byte: its bases are coded one by one, or nothing is known of it yet.
pub(super) const SPECIAL: u8 = 0x10;

/// Bits of a place's byte that are the base expected.
pub(super) const BASE: u8 = 0x0f;

/// Shift of a place's last three choices in its byte: whether the bases coded one by one were the expected one.
const CHOICES: u32 = 5;

/// See the module's head.
pub(super) struct Known {
    /// The byte of each place: the base most seen (BAM's code; 0 if none was), [`SPECIAL`], choices.
    pub(super) places: Vec<u8>,
    /// How often that base was seen, up to 255.
    pub(super) agree: Vec<u8>,
    /// How often the others were.
    pub(super) other: Vec<[u8; 4]>,
}

impl Known {
    pub(super) fn new(places: usize) -> Self {
        Self {
            places: vec![SPECIAL; places],
            agree: vec![0; places],
            other: vec![[0; 4]; places],
        }
    }

    /// The base expected at a place; 0 if nothing is known.
    #[inline(always)]
    pub(super) fn top(&self, place: usize) -> u8 {
        self.places[place] & BASE
    }

    /// The last three choices at a place.
    #[inline(always)]
    pub(super) fn choices(&self, place: usize) -> usize {
        usize::from(self.places[place] >> CHOICES)
    }

    /// Says that a base that was coded alone was, or was not, the one expected.
    #[inline(always)]
    pub(super) fn chose(&mut self, place: usize, top: bool) {
        let byte = self.places[place];
        let choices = byte >> CHOICES << 1 | u8::from(top);
        self.places[place] = choices << CHOICES | byte & (SPECIAL | BASE);
    }

    /// Gives a place that nothing covered a base, as if it had been seen twice.
    pub(super) fn prime(&mut self, place: usize, base: u8) {
        self.places[place] = base;
        self.agree[place] = 2;
    }

    /// Counts the bases that lie on places from `place` on where they are the ones expected, and says for each of them in
    /// `states` whether it is.
    pub(super) fn agree(&mut self, place: usize, bases: &[u8], states: &mut [u8]) {
        let within = place..place + bases.len();
        let places = self.places[within.clone()].iter();
        let agree = self.agree[within].iter_mut();
        for (((place, agree), base), state) in places.zip(agree).zip(bases).zip(states) {
            let differs = u8::from(place & BASE != *base);
            *agree = agree.saturating_add(1 - differs);
            *state = differs * DIFFERS;
        }
    }

    /// Counts a base that is not the one expected, or was not expected. Those other than A, C, G and T do not count.
    pub(super) fn dissent(&mut self, place: usize, base: u8) {
        if !base.is_power_of_two() || base >= 16 {
            return;
        }
        let top = self.top(place);
        if top == 0 {
            self.places[place] = base;
            self.agree[place] = 1;
            return;
        }
        let at = base.trailing_zeros() as usize & 3;
        let (agree, other) = (&mut self.agree[place], &mut self.other[place]);
        if *agree == 255 {
            *agree = 127;
            for count in other.iter_mut() {
                *count /= 2;
            }
        }
        // At most agree, which is below 255.
        other[at] += 1;
        if other[at] > *agree {
            let count = std::mem::replace(&mut other[at], 0);
            other[top.trailing_zeros() as usize & 3] = *agree;
            *agree = count;
            self.places[place] = self.places[place] & !BASE | base;
        }
        self.judge(place);
    }

    /// Looks whether a known place is disputed.
    pub(super) fn judge(&mut self, place: usize) {
        let sum = self.others(place);
        let disputed = sum >= 15 || u32::from(self.agree[place]) < 16 * sum;
        let byte = self.places[place] & !SPECIAL;
        self.places[place] = if disputed { byte | SPECIAL } else { byte };
    }

    /// How often bases other than the expected one were seen at a place.
    #[inline(always)]
    pub(super) fn others(&self, place: usize) -> u32 {
        self.other[place]
            .iter()
            .map(|&count| u32::from(count))
            .sum()
    }

    /// Counts bases, of which any may be odd or may stand where nothing is known, one by one.
    pub(super) fn vote(&mut self, place: usize, bases: &[u8], states: &mut [u8]) {
        for (place, (&base, state)) in (place..).zip(bases.iter().zip(states)) {
            let top = self.top(place);
            *state = match top {
                0 => ALONE,
                _ if top == base => 0,
                _ => DIFFERS,
            };
            if top == base {
                self.agree[place] = self.agree[place].saturating_add(1);
                if top != 0 {
                    self.judge(place);
                }
            } else {
                self.dissent(place, base);
            }
        }
    }
}

/// The base other than `top` that was seen most, and how often; if none was, the one of the same shape as `top`.
pub(super) fn runner_up(other: [u8; 4], top: u8) -> (u8, u8) {
    let (mut best, mut count) = (0, 0);
    for (at, &seen) in other.iter().enumerate() {
        if seen > count {
            (best, count) = (1 << at, seen);
        }
    }
    if count == 0 {
        // A and G, C and T.
        best = match top {
            1 => 4,
            2 => 8,
            4 => 1,
            _ => 2,
        };
    }
    (best, count)
}
