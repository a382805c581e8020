//! Where on the references earlier records of the chunk have gaps or end clipped: others often have the same there.

use std::collections::BTreeMap;
use std::collections::btree_map::RangeMut;
use std::iter::Peekable;

/// A gap or an end seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec::records) struct Mark {
    /// The operation.
    pub(in crate::codec::records) operation: u32,
    /// Its length; 0 for clipped ends, whose lengths say nothing.
    pub(in crate::codec::records) length: u32,
    /// How many records had it.
    pub(in crate::codec::records) taken: u8,
    /// How many passed it.
    pub(in crate::codec::records) passed: u8,
}

impl Mark {
    /// How likely it is that another record has it, in 16 classes.
    pub(in crate::codec::records) fn class(&self) -> u32 {
        let quarter = |count: u8| match count {
            0 => 0,
            1 => 1,
            2..5 => 2,
            _ => 3,
        };
        quarter(self.taken.saturating_sub(1)) * 4 + quarter(self.passed)
    }
}

/// The marks of a chunk.
#[derive(Default)]
pub(super) struct Landmarks {
    marks: BTreeMap<u64, Mark>,
}

impl Landmarks {
    /// Those from the place with key `from` on, on the same reference.
    pub(super) fn ahead(&mut self, from: u64) -> Ahead<'_> {
        Ahead {
            marks: self.marks.range_mut(from..=from | 0xffff_ffff).peekable(),
        }
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
            let mark = self.marks.entry(key).or_insert(new);
            if mark.operation != new.operation || mark.length != new.length {
                *mark = new;
            }
        }
    }
}

/// The marks from some place on.
pub(super) struct Ahead<'a> {
    marks: Peekable<RangeMut<'a, u64, Mark>>,
}

impl Ahead<'_> {
    /// The first mark at `key` or behind, with its distance; those before it have been passed.
    pub(super) fn next(&mut self, key: u64) -> Option<(u64, Mark)> {
        while let Some((_, mark)) = self.marks.next_if(|(at, _)| **at < key) {
            mark.passed = mark.passed.saturating_add(1);
        }
        self.marks.peek().map(|(at, mark)| (**at - key, **mark))
    }

    /// Takes the mark at `key` if it is of `operation`; says whether it was.
    pub(super) fn take(&mut self, key: u64, operation: u32) -> bool {
        let is = |(at, mark): &(&u64, &mut Mark)| {
            **at == key && mark.operation == operation & 15 && mark.length == operation >> 4
        };
        match self.marks.next_if(is) {
            Some((_, mark)) => {
                mark.taken = mark.taken.saturating_add(1);
                true
            }
            None => false,
        }
    }
}
