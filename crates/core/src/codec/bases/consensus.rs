//! The running consensus: pages of codes, found by reference and position.

use super::{ACGT, OTHER_CODE, RANK};
use std::collections::HashMap;

/// Positions on a page. Short, so that reads far apart do not take memory that they have not earned.
pub(super) const PAGE: usize = 256;
/// Pages that any chunk may use: one MiB of codes.
const FREE_PAGES: usize = 4096;
/// A further page for this many bases of the chunk: 8 bytes of codes for each base.
const BASES_PER_PAGE: usize = 32;
/// Pages found without hashing; neighbouring reads use the same few.
const RECENT: usize = 16;

/// Codes of neighbouring positions: 0 where nothing has been seen.
pub(super) struct Page {
    pub(super) codes: [u8; PAGE],
    /// How often each code has been confirmed more often than contradicted, up to a limit.
    scores: [u8; PAGE],
}

impl Page {
    /// The bases on these positions are as predicted, or have just become known.
    #[inline]
    pub(super) fn agree(&mut self, from: usize, to: usize, limit: u8) {
        for score in self.scores.get_mut(from..to).unwrap_or_default() {
            *score = score.saturating_add(1).min(limit);
        }
    }

    /// The base on position `at` is not as predicted but `code`: the code with more votes stays.
    pub(super) fn disagree(&mut self, at: usize, code: u8) {
        if RANK[usize::from(code & 15)] >= OTHER_CODE {
            return;
        }
        match self.scores[at].checked_sub(1) {
            Some(score) => self.scores[at] = score,
            None => self.codes[at] = code,
        }
    }
}

/// All pages of a chunk.
pub(super) struct Consensus {
    pages: Vec<Page>,
    places: HashMap<u64, u32>,
    recent: [(u64, u32); RECENT],
    limit: usize,
}

impl Consensus {
    /// An empty consensus for a chunk of `bases` bases.
    pub(super) fn new(bases: usize) -> Self {
        Self {
            pages: Vec::new(),
            places: HashMap::new(),
            recent: [(u64::MAX, 0); RECENT],
            limit: FREE_PAGES + bases / BASES_PER_PAGE,
        }
    }

    /// The page number `page` of `reference`, made if need be; `None` when no more pages may be made.
    #[inline]
    pub(super) fn page(&mut self, reference: u32, page: u32) -> Option<&mut Page> {
        let key = u64::from(reference) << 32 | u64::from(page);
        let recent = page as usize % RECENT;
        let (known, index) = self.recent[recent];
        let index = if known == key {
            index
        } else {
            self.find(key, recent)?
        };
        self.pages.get_mut(index as usize)
    }

    fn find(&mut self, key: u64, recent: usize) -> Option<u32> {
        let index = match self.places.get(&key) {
            Some(&index) => index,
            None if self.pages.len() >= self.limit => return None,
            None => {
                let index = self.pages.len() as u32;
                self.pages.push(Page {
                    codes: [0; PAGE],
                    scores: [0; PAGE],
                });
                self.places.insert(key, index);
                index
            }
        };
        self.recent[recent] = (key, index);
        Some(index)
    }
}

/// The substitution symbol for `code` where `predicted` (a single base) was expected.
#[cfg(test)]
pub(super) fn substitution(predicted: u8, code: u8) -> u8 {
    match RANK[usize::from(code & 15)] {
        OTHER_CODE => OTHER_CODE + code,
        rank => rank.wrapping_sub(RANK[usize::from(predicted & 15)]) & 3,
    }
}

/// The code that `symbol` stands for where `predicted` was expected; `None` for symbols that mean nothing.
pub(super) fn substituted(predicted: u8, symbol: u8) -> Option<u8> {
    match symbol.checked_sub(OTHER_CODE) {
        None if symbol == 0 => None,
        None => Some(ACGT[usize::from((RANK[usize::from(predicted & 15)] + symbol) & 3)]),
        Some(code) => (code < 16 && RANK[usize::from(code)] == OTHER_CODE).then_some(code),
    }
}
