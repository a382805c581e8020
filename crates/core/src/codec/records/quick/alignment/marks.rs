//! Where on the references earlier records of the chunk have gaps or end clipped, from the place of the record at hand on.

use std::collections::VecDeque;

use crate::codec::records::alignment::landmarks::Mark;

/// Most marks that are kept: those of deep stretches and of all introns around.
const MOST: usize = 1024;

/// The marks ahead, by their keys. Records come in the order of their places, so those behind are of no more use.
#[derive(Default)]
pub(super) struct Marks(VecDeque<(u64, Mark)>);

impl Marks {
    /// Goes to a record's place: drops the marks before it.
    #[inline(always)]
    pub(super) fn go(&mut self, key: u64) {
        while self.0.front().is_some_and(|&(at, _)| at < key) {
            self.0.pop_front();
        }
    }

    /// The first mark at `key` or behind, on the same reference, counted from mark `at` on; `at` becomes its number, and
    /// those before it are passed.
    #[inline(always)]
    pub(super) fn next(&mut self, at: &mut usize, key: u64) -> Option<(u64, Mark)> {
        loop {
            let (place, mark) = self.0.get_mut(*at)?;
            if *place >= key {
                return (*place >> 32 == key >> 32).then(|| (*place - key, *mark));
            }
            mark.passed = mark.passed.saturating_add(1);
            *at += 1;
        }
    }

    /// Takes mark `at` if it lies at `key` and is of `operation`; says whether it was.
    pub(super) fn take(&mut self, at: &mut usize, key: u64, operation: u32) -> bool {
        match self.0.get_mut(*at) {
            Some((place, mark))
                if *place == key
                    && mark.operation == operation & 15
                    && mark.length == operation >> 4 =>
            {
                mark.taken = mark.taken.saturating_add(1);
                *at += 1;
                true
            }
            _ => false,
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds what a record had that was not among the marks.
    pub(super) fn add(&mut self, seen: &[(u64, u32)]) {
        for &(key, operation) in seen {
            let new = Mark {
                operation: operation & 15,
                length: operation >> 4,
                taken: 1,
                passed: 0,
            };
            let at = self.0.partition_point(|&(place, _)| place < key);
            if let Some((place, mark)) = self.0.get_mut(at)
                && *place == key
            {
                if mark.operation != new.operation || mark.length != new.length {
                    *mark = new;
                }
            } else if self.0.len() < MOST {
                self.0.insert(at, (key, new));
            }
        }
    }
}
