//! Slots: what a context knows of one binary decision, and tables of them found by hash.

use super::logistic::stretch;

/// Probability in the upper 22 bits, bits seen so far in the lower 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Slot(u32);

/// 65,536 / (n + 1.6), rounded down: how far a slot that has seen n bits moves.
pub(super) static RATES: [u32; 1024] = {
    let mut rates = [0; 1024];
    let mut n = 0;
    while n < 1024 {
        rates[n as usize] = 655_360 / (10 * n + 16);
        n += 1;
    }
    rates
};

impl Slot {
    /// Not a slot but a mark: whose the slots beside it are. Never equal to [`Slot::NEW`].
    #[inline(always)]
    pub(crate) fn owner(hash: u32) -> Self {
        Self(hash & 0xffff | 1 << 16)
    }

    /// Knows nothing.
    pub(crate) const NEW: Self = Self(1 << 31);

    /// Expects a set bit with probability `p` / 65,536 (1 to 65,535), as surely as if it had seen `count` bits.
    pub(crate) const fn expecting(p: u32, count: u32) -> Self {
        Self(p << 16 | count)
    }

    /// Probability of a set bit, in 1/65,536.
    #[inline(always)]
    pub(crate) fn p(self) -> u32 {
        self.0 >> 16
    }

    /// Bits seen, up to its limit.
    #[inline(always)]
    pub(crate) fn count(self) -> u32 {
        self.0 & 1023
    }

    /// Learns a bit. A slot that has seen `limit` (at most 1,023) bits goes on at the rate of that many.
    #[inline(always)]
    pub(crate) fn update(&mut self, bit: bool, limit: u32) {
        let n = self.count();
        let far = self.0 >> 10 ^ Self::flip(bit);
        let far = far - ((far >> 7) * RATES[n as usize] >> 9);
        self.0 = (far ^ Self::flip(bit)) << 10 | (n + 1).min(limit);
    }

    /// What turns a probability of 22 bits into its distance from `bit`.
    #[inline(always)]
    pub(crate) const fn flip(bit: bool) -> u32 {
        if bit { (1 << 22) - 1 } else { 0 }
    }

    /// All of it.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// The probability in the logistic domain.
    #[inline(always)]
    pub(crate) fn stretched(self) -> i32 {
        stretch(self.p())
    }
}

/// The slots of a context for up to 15 decisions that follow each other: number 1 to 15. 64 bytes, a cache line. They
/// are kept as their difference from a new slot, so that memory that is all zero is a table of new ones.
type Block = [u32; 16];

/// Blocks by hash. Slot 0 of a block holds what it belongs to.
#[derive(Clone)]
pub(crate) struct Table {
    blocks: Vec<Block>,
    shift: u32,
}

impl Table {
    /// A table of 2^`bits` blocks (`bits` from 1 to 24), each of 64 bytes.
    pub(crate) fn new(bits: u32) -> Self {
        Self {
            blocks: vec![[0; 16]; 1 << bits],
            shift: 32 - bits,
        }
    }

    /// The place of the block for `hash`. If there is none, the less used of two candidates makes room.
    #[inline(always)]
    pub(crate) fn find(&mut self, hash: u32) -> usize {
        let owner = hash & 0xffff | 1 << 16;
        let first = (hash >> self.shift) as usize;
        if self.blocks[first][0] == owner {
            return first;
        }
        let second = first ^ 1;
        if self.blocks[second][0] == owner {
            return second;
        }
        let place = if self.slot(second, 1).count() < self.slot(first, 1).count() {
            second
        } else {
            first
        };
        self.blocks[place] = [0; 16];
        self.blocks[place][0] = owner;
        place
    }

    /// A slot of a block, by its number from 1 to 15.
    #[inline(always)]
    pub(crate) fn slot(&self, place: usize, number: usize) -> Slot {
        Slot(self.blocks[place][number & 15] ^ Slot::NEW.0)
    }

    /// Puts a slot of a block back.
    #[inline(always)]
    pub(crate) fn put(&mut self, place: usize, number: usize, slot: Slot) {
        self.blocks[place][number & 15] = slot.0 ^ Slot::NEW.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_learns_and_stays_between_zero_and_one() {
        for bit in [false, true] {
            let mut slot = Slot::NEW;
            for _ in 0..5000 {
                slot.update(bit, 1023);
            }
            assert_eq!(slot.count(), 1023);
            assert!(if bit {
                slot.p() > 65_300
            } else {
                slot.p() < 200
            });
        }
    }

    #[test]
    fn a_full_table_gives_up_the_blocks_that_were_used_least() {
        let mut table = Table::new(1);
        let kept = table.find(7);
        for _ in 0..3 {
            let mut slot = table.slot(kept, 1);
            slot.update(true, 255);
            table.put(kept, 1, slot);
        }
        for hash in 8..40 {
            assert_ne!(table.find(hash), kept);
        }
        assert_eq!(table.find(7), kept);
    }
}
