//! Where the file is: the record before, how dense records lie here, and what the last ones were like.

use super::waiting::key;

/// A number in steps that grow with it: two a doubling.
pub(in crate::codec::records) fn scale(number: u64) -> u32 {
    if number < 2 {
        return number as u32;
    }
    let bits = number.ilog2();
    2 * bits + (number >> (bits - 1) & 1) as u32
}

/// Steps beyond this count as this much in the density, in bases.
const LONG_STEP: u64 = 5000;

/// What the records just before were like.
#[derive(Clone, Default)]
pub(in crate::codec::records) struct Motion {
    /// Mean step between records that were not found as mates, in 1/256 base.
    mean: u64,
    /// The same over fewer records.
    short_mean: u64,
    /// The last two steps.
    pub(in crate::codec::records) steps: [i64; 2],
    /// Whether the last records were found as mates; the last one in the lowest bit.
    pub(in crate::codec::records) arrivals: u32,
    /// Flags of the last record.
    pub(in crate::codec::records) flags: u32,
    /// Mapping qualities of the last two.
    pub(in crate::codec::records) mapq: [u32; 2],
    /// Where the last record lies.
    pub(in crate::codec::records) reference: i32,
    pub(in crate::codec::records) position: i32,
    /// Its place's key.
    pub(in crate::codec::records) key: u64,
}

impl Motion {
    /// For the start of a chunk: what was learnt stays, the place does not.
    pub(in crate::codec::records) fn restart(&mut self) {
        self.arrivals = 0;
        self.reference = 0;
        self.position = 0;
        self.key = key(0, 0);
    }

    /// How far apart records lie here, in steps.
    pub(in crate::codec::records) fn density(&self) -> u32 {
        scale(self.mean >> 4)
    }

    /// How far apart the last few records lie, in steps.
    pub(in crate::codec::records) fn short_density(&self) -> u32 {
        scale(self.short_mean >> 4)
    }

    /// Goes on to a record that was not found as a mate.
    pub(in crate::codec::records) fn step(&mut self, step: i64, aligned: bool) {
        if aligned {
            let step = step.unsigned_abs().min(LONG_STEP) * 256;
            self.mean = self.mean - self.mean / 20 + step / 20;
            self.short_mean = self.short_mean - self.short_mean / 4 + step / 4;
        }
        self.steps = [step, self.steps[0]];
    }

    /// Goes on to a record's place.
    pub(in crate::codec::records) fn go(&mut self, reference: i32, position: i32) {
        self.reference = reference;
        self.position = position;
        self.key = key(reference, position);
    }
}
