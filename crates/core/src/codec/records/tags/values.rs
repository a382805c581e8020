//! Integers of a column by record, and those of other tags that predictions need.

use std::rc::Rc;

use super::super::Column;

/// A column with a value for fewer than one record in this many is searched instead of indexed.
const SPARSE: usize = 64;

/// Where the value of a record stands in a column.
enum Index {
    /// By record: one more than the number of its first value.
    Dense(Vec<u32>),
    /// The records of the values, ascending.
    Sparse(Vec<u32>),
}

/// The integers of a column, as far as they are coded.
pub(crate) struct Integers {
    index: Index,
    values: Vec<i64>,
    /// How far each value was from what was expected.
    differences: Vec<i64>,
}

impl Integers {
    /// For a column none of whose values is coded yet.
    pub(crate) fn new(column: &Column, count: usize) -> Self {
        let index = if column.records.len() < count / SPARSE {
            Index::Sparse(column.records.clone())
        } else {
            let mut places = vec![0; count];
            for (at, &record) in column.records.iter().enumerate().rev() {
                places[record as usize] = at as u32 + 1;
            }
            Index::Dense(places)
        };
        Self {
            index,
            values: Vec::with_capacity(column.records.len()),
            differences: Vec::with_capacity(column.records.len()),
        }
    }

    /// Adds the next value, and how far it was from what was expected.
    pub(crate) fn push(&mut self, value: i64, difference: i64) {
        self.values.push(value);
        self.differences.push(difference);
    }

    /// The number of a record's first value, if it has one and it is coded.
    fn place(&self, record: usize) -> Option<usize> {
        let at = match &self.index {
            Index::Dense(places) => (places[record] as usize).checked_sub(1)?,
            Index::Sparse(records) => records.binary_search(&(record as u32)).ok()?,
        };
        (at < self.values.len()).then_some(at)
    }

    /// The first value of a record.
    pub(crate) fn of(&self, record: usize) -> Option<i64> {
        self.place(record).map(|at| self.values[at])
    }

    /// How far that was from what was expected.
    pub(crate) fn difference(&self, record: usize) -> Option<i64> {
        self.place(record).map(|at| self.differences[at])
    }
}

/// Tags that predictions of others use.
const NAMED: [[u8; 2]; 7] = [*b"NM", *b"AS", *b"SM", *b"NH", *b"X0", *b"UQ", *b"XQ"];

/// Coded columns: those with the named tags by name, and the last one.
#[derive(Default)]
pub(crate) struct Known {
    /// Several for a tag of several types.
    named: Vec<([u8; 2], Rc<Integers>)>,
    last: Option<([u8; 2], Rc<Integers>)>,
    before_last: Option<Rc<Integers>>,
}

impl Known {
    /// Takes a column that has been coded.
    pub(crate) fn add(&mut self, tag: [u8; 2], integers: Integers) {
        let integers = Rc::new(integers);
        if NAMED.contains(&tag) {
            self.named.push((tag, Rc::clone(&integers)));
        }
        self.before_last = self.last.take().map(|(_, integers)| integers);
        self.last = Some((tag, integers));
    }

    /// A record's value of one of the named tags.
    pub(crate) fn of(&self, tag: [u8; 2], record: usize) -> Option<i64> {
        let mut named = self.named.iter().filter(|(name, _)| *name == tag);
        named.find_map(|(_, integers)| integers.of(record))
    }

    /// A record's value in the column that was coded last, and in the one before.
    pub(crate) fn last(&self, record: usize) -> [Option<i64>; 2] {
        let last = self.last.as_ref().and_then(|(_, last)| last.of(record));
        let before = self.before_last.as_ref();
        [last, before.and_then(|integers| integers.of(record))]
    }
}

/// Appends an integer of kind 1 to 6 to a column.
pub(crate) fn push_integer(column: &mut Column, value: i64) {
    let width = width(column.kind);
    column
        .values
        .extend_from_slice(&value.to_le_bytes()[..width]);
    column.ends.push(column.values.len());
}

/// Bytes of an integer kind.
fn width(kind: u8) -> usize {
    match kind {
        0..=2 => 1,
        3 | 4 => 2,
        _ => 4,
    }
}

/// The least and the largest value of an integer kind.
pub(crate) fn bounds(kind: u8) -> [i64; 2] {
    let bits = 8 * width(kind) as u32;
    match kind {
        1 | 3 | 5 => [-(1 << (bits - 1)), (1 << (bits - 1)) - 1],
        _ => [0, (1 << bits) - 1],
    }
}
