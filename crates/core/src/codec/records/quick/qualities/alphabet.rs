//! Which qualities occur, and which of them are likely after which.
//!
//! A step chooses from 16 symbols. Where there are more qualities, the likely ones after each quality come first, 15 to a step,
//! and the last symbol stands for all others.

use crate::Result;
use crate::codec::mixing::{Coder, SYMBOLS, Slot};
use crate::codec::records::quick::plain::{bits, flag};
use crate::codec::wire::damaged;

/// Symbols of a step that stand for a quality each; the last one says that it is none of them.
pub(super) const OWN: usize = SYMBOLS - 1;

/// A number that no quality has.
const NONE: u8 = 0xff;

/// Qualities as numbers, ascending, and their ranks after each of them.
#[derive(Clone, Default)]
pub(super) struct Alphabet {
    /// The quality of each number.
    values: Vec<u8>,
    /// The number of each quality.
    numbers: Vec<u8>,
    /// After each number, the rank of each, and the number of each rank. Empty where all fit one step.
    ranks: Vec<u8>,
    ranked: Vec<u8>,
    /// Steps until the last rank.
    steps: usize,
}

impl Alphabet {
    /// The alphabet of strings of qualities.
    pub(super) fn of<'a>(strings: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut pairs = vec![[0u32; 256]; 256];
        let mut all = [0u32; 256];
        for string in strings {
            let mut before = string.first().copied().unwrap_or(0);
            for &quality in string {
                pairs[usize::from(before)][usize::from(quality)] += 1;
                all[usize::from(quality)] += 1;
                before = quality;
            }
        }
        let mut alphabet = Self::default();
        let occurs = (0..NONE).filter(|&quality| all[usize::from(quality)] > 0);
        alphabet.set_values(occurs.collect());
        let count = alphabet.len();
        if count <= OWN {
            return alphabet;
        }
        let mut likely = Vec::new();
        for &before in &alphabet.values {
            let often = |number: &usize| {
                let quality = usize::from(alphabet.values[*number]);
                let together = pairs[usize::from(before)][quality];
                (together, all[quality])
            };
            let mut order: Vec<usize> = (0..count).collect();
            order.sort_by_key(|number| std::cmp::Reverse(often(number)));
            let mut row = vec![false; count];
            order[..OWN].iter().for_each(|&number| row[number] = true);
            likely.extend(row);
        }
        alphabet.set_likely(&likely);
        alphabet
    }

    /// How many qualities there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The number of a quality; one more than there are if it is not one of them.
    pub(super) fn number(&self, quality: u8) -> usize {
        match self.numbers.get(usize::from(quality)) {
            Some(&number) if number != NONE => number.into(),
            _ => self.len(),
        }
    }

    /// The quality of a number.
    pub(super) fn quality(&self, number: usize) -> u8 {
        self.values.get(number).copied().unwrap_or(0)
    }

    /// The rank of a number after another.
    #[inline(always)]
    pub(super) fn rank(&self, before: usize, number: usize) -> usize {
        let at = before * self.len() + number;
        self.ranks.get(at).map_or(number, |&rank| rank.into())
    }

    /// The number of a rank after another number.
    #[inline(always)]
    pub(super) fn ranked(&self, before: usize, rank: usize) -> usize {
        let at = before * self.len() + rank;
        self.ranked.get(at).map_or(rank, |&number| number.into())
    }

    /// Steps that have symbols of their own.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// Codes the alphabet.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C) -> Result<()> {
        let mut slots = [Slot::NEW; 2];
        let (mut values, mut before) = (Vec::new(), 0);
        for quality in 0..NONE {
            let is_in = flag(coder, self.number(quality) < self.len(), &mut slots[before]);
            before = usize::from(is_in);
            if is_in {
                values.push(quality);
            }
        }
        let count = values.len();
        if C::DECODES {
            self.set_values(values);
        }
        if count <= OWN {
            return Ok(());
        }
        let mut slots = [Slot::NEW; 4];
        let mut likely = vec![false; count * count];
        for before in 0..count {
            for number in 0..count {
                let at = before * count + number;
                let above = before > 0 && likely[at - count];
                let left = number > 0 && likely[at - 1];
                let slot = &mut slots[usize::from(above) * 2 + usize::from(left)];
                likely[at] = flag(coder, self.rank(before, number) < OWN, slot);
            }
        }
        if C::DECODES {
            let many = |row: &[bool]| row.iter().filter(|&&is| is).count() != OWN;
            if likely.chunks(count).any(many) {
                return Err(damaged(
                    "another number of qualities is likely than fits a step",
                ));
            }
            self.set_likely(&likely);
        }
        Ok(())
    }

    fn set_values(&mut self, values: Vec<u8>) {
        self.numbers = vec![NONE; 256];
        for (number, &quality) in values.iter().enumerate() {
            self.numbers[usize::from(quality)] = number as u8;
        }
        self.steps = values.len().div_ceil(OWN);
        self.values = values;
    }

    /// Makes ranks: after each number the likely ones, ascending, then the others.
    fn set_likely(&mut self, likely: &[bool]) {
        let count = self.len();
        self.ranks = vec![0; count * count];
        self.ranked = Vec::with_capacity(count * count);
        for (before, row) in likely.chunks(count).enumerate() {
            let of = |is: bool| (0..count).filter(move |&number| row[number] == is);
            for (rank, number) in of(true).chain(of(false)).enumerate() {
                self.ranks[before * count + number] = rank as u8;
                self.ranked.push(number as u8);
            }
        }
    }
}

/// Codes a quality that is not in the alphabet.
#[cold]
pub(super) fn stranger<C: Coder>(coder: &mut C, quality: u8) -> u8 {
    bits(coder, quality.into(), 8) as u8
}
