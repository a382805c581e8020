//! The integers of a chunk's records, as far as they are coded.

/// Tags whose values are kept by record.
const KEPT: usize = 16;

/// No value.
const NONE: i32 = i32::MIN;

/// See the module's head. Tags are those of [`super::integers::Integers`].
pub(super) struct Values {
    count: usize,
    /// By tag, of the record at hand: its number plus 1, and the value.
    own: Vec<(usize, i64)>,
    /// By tag and record; made for the first tags that have any.
    kept: Vec<Vec<i32>>,
    made: usize,
}

impl Values {
    pub(super) fn new(count: usize, tags: usize) -> Self {
        Self {
            count,
            own: vec![(0, 0); tags],
            kept: vec![Vec::new(); tags],
            made: 0,
        }
    }

    /// A value of the record at hand, foreseen or coded.
    #[inline]
    pub(super) fn own(&self, tag: usize, record: usize) -> Option<i64> {
        let &(of, value) = self.own.get(tag)?;
        (of == record + 1).then_some(value)
    }

    /// A value of another record, if it has been coded.
    #[inline]
    pub(super) fn of(&self, tag: usize, record: usize) -> Option<i64> {
        let value = *self.kept.get(tag)?.get(record)?;
        (value != NONE).then_some(value.into())
    }

    /// Takes a value as that of the record at hand, as long as nothing better is known.
    #[inline]
    pub(super) fn foresee(&mut self, tag: usize, record: usize, value: i64) {
        self.own[tag] = (record + 1, value);
    }

    /// Takes a value that has been coded.
    #[inline]
    pub(super) fn keep(&mut self, tag: usize, record: usize, value: i64) {
        self.foresee(tag, record, value);
        if self.kept[tag].is_empty() && self.made < KEPT {
            self.made += 1;
            self.kept[tag] = vec![NONE; self.count];
        }
        // Values that do not fit are as good as none.
        if let Some(kept) = self.kept[tag].get_mut(record) {
            *kept = i32::try_from(value).unwrap_or(NONE);
        }
    }
}
