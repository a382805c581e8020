//! Aligned bases that are coded one by one: at disputed places (variants, copies of a repeat, noisy reads), and beside
//! indels, where alignments go wrong.

use super::super::plain::flag;
use super::decide;
use super::differing::Manner;
use super::known::{BASE, SPECIAL, runner_up};
use super::number;
use super::record::Chunk;
use super::sort::Lists;
use crate::codec::mixing::{Coder, Slot};

/// Bit of [`Single::beside`]: the base stands beside an indel.
pub(super) const INDEL: u8 = 16;

/// A base that is coded alone.
#[derive(Clone, Copy)]
pub(super) struct Single {
    pub(super) index: usize,
    pub(super) place: usize,
    /// 0, or how it stands beside an indel: [`INDEL`], distance (0, 1), side (2), kind (4: before or behind a deletion, 8: an
    /// insertion).
    pub(super) beside: u8,
}

/// Which base it is if not the expected one.
#[derive(Clone)]
pub(super) struct Others {
    /// By the two likeliest and how often the second was seen; by the bases around and strand. For the second likeliest.
    pairs: Vec<Slot>,
    motifs: Vec<Slot>,
    /// For the last of the two left.
    rest: Vec<Slot>,
}

/// See the module's head.
#[derive(Clone)]
pub(super) struct Disputed {
    /// By what was seen at the place, and the record's last three choices.
    counts: Vec<Slot>,
    /// By the place's last three choices, and by how the counts compare.
    places: Vec<Slot>,
    /// By how it stands beside an indel, and what was seen.
    indels: Vec<Slot>,
    pub(super) others: Others,
}

impl Disputed {
    pub(super) fn new() -> Self {
        Self {
            counts: vec![Slot::NEW; 256 * 8 * 4],
            places: vec![Slot::NEW; 8 * 32 * 4 * 2],
            indels: vec![Slot::NEW; 16 * 4 * 8],
            others: Others::new(),
        }
    }

    /// Codes a record's bases that are coded alone; gives how many are not the expected ones.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        chunk: &mut Chunk<'_>,
        start: usize,
        manner: Manner,
        lists: &mut Lists,
    ) -> usize {
        let mut choices = 0;
        for &single in &lists.single {
            let Single {
                index,
                place,
                beside,
            } = single;
            let known = &mut chunk.known;
            let byte = known.places[place];
            let top = byte & BASE;
            let (agree, other) = (known.agree[place], known.other[place]);
            let is_top = chunk.bases[start + index] == top;
            let is_top = if byte & SPECIAL == 0 {
                let slot = usize::from(beside & 15) * 32 + usize::from(agree.min(3)) * 8 + choices;
                flag(coder, is_top, &mut self.indels[slot])
            } else {
                let (second, count) = runner_up(other, top);
                let sum = known.others(place);
                let counts = few(agree.into()) * 16 + few(sum);
                let ratio = balance(agree.into(), count.into());
                let voice = match lists.mate.base(&chunk.bases, place) {
                    None => 0,
                    Some(base) if base == top => 1,
                    Some(base) if base == second => 2,
                    Some(_) => 3,
                };
                let counts = &mut self.counts[(counts * 8 + choices) * 4 + voice];
                let places = &mut self.places[((known.choices(place) * 32 + ratio) * 4 + voice)
                    * 2
                    + usize::from(manner.mapq == 0)];
                let is_top = decide(coder, is_top, counts, places);
                known.chose(place, is_top);
                is_top
            };
            choices = choices << 1 & 7 | usize::from(!is_top);
            if !is_top {
                let base = self
                    .others
                    .code(coder, chunk, (start + index, place), manner);
                chunk.bases[start + index] = base;
                lists.dissent.push((index, place));
            }
        }
        lists.dissent.len()
    }
}

impl Others {
    fn new() -> Self {
        Self {
            pairs: vec![Slot::NEW; 4 * 4 * 4 * 4],
            motifs: vec![Slot::NEW; 8 * 16 * 4],
            rest: vec![Slot::NEW; 16 * 16],
        }
    }

    /// Codes which of the bases other than the expected one a base is; gives its code.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        chunk: &Chunk<'_>,
        (at, place): (usize, usize),
        manner: Manner,
    ) -> u8 {
        let known = &chunk.known;
        let base = chunk.bases[at];
        let top = known.top(place);
        let (second, count) = runner_up(known.other[place], top);
        let before = if manner.reverse {
            known.places.get(place + 1)
        } else {
            place.checked_sub(1).map(|place| &known.places[place])
        };
        let before = usize::from(number(before.map_or(0, |byte| byte & BASE)));
        let strand = usize::from(manner.reverse) | usize::from(manner.second) << 1;
        let pair = usize::from(number(top)) << 2 | usize::from(number(second));
        let motif = (strand * 4 + before) * 16 + pair;
        let pairs = &mut self.pairs[(pair * 4 + usize::from(count.min(3))) * 4 + strand];
        if decide(coder, base == second, pairs, &mut self.motifs[motif]) {
            return second;
        }
        let mut rest = [1, 2, 4, 8]
            .into_iter()
            .filter(|&other| other != top && other != second);
        let (third, fourth) = (rest.next().unwrap_or(1), rest.next().unwrap_or(1));
        let slot = &mut self.rest[motif & 255];
        if flag(coder, base == fourth, slot) {
            fourth
        } else {
            third
        }
    }
}

/// A count's class, 0 to 12.
fn few(count: u32) -> usize {
    match count {
        0..6 => count as usize,
        6..8 => 6,
        8..12 => 7,
        12..20 => 8,
        20..32 => 9,
        32..64 => 10,
        64..128 => 11,
        _ => 12,
    }
}

/// How two counts compare, 0 to 15, and whether they are many: 16.
fn balance(agree: usize, other: usize) -> usize {
    other * 15 / (agree + other).max(1) + if agree + other > 8 { 16 } else { 0 }
}
