//! The way of one value: its candidates are gathered, it is told, and what it shows is learnt.

use super::super::super::{Column, Records};
use super::characters::Hints;
use super::sources::Sources;
use super::store::Kept;
use super::{CANDIDATES, Inner, TAGS, Tag, digest};
use crate::Result;
use crate::codec::mixing::{Coder, hash};

/// Codes values of one column.
pub(in super::super) struct Speller<'a> {
    pub(super) inner: &'a mut Inner,
    pub(super) place: Option<usize>,
    pub(super) tag: Tag,
    pub(super) records: &'a Records,
    pub(super) sources: Sources<'a>,
    /// Bytes of the columns that are known.
    pub(super) others: usize,
    /// Values of the column.
    pub(super) count: usize,
    pub(super) spelt: Vec<u8>,
}

/// How a value was told.
#[derive(Clone, Copy)]
pub(super) enum Told {
    Candidate(usize),
    Recent(Kept),
    Spelt,
}

impl Speller<'_> {
    /// Keeps what was learnt.
    pub(in super::super) fn end(self) {
        match self.place {
            Some(place) => self.inner.tags[place] = self.tag,
            None if self.inner.tags.len() < TAGS => self.inner.tags.push(self.tag),
            None => {}
        }
    }

    /// Codes value number `at`, which is the next when decoding.
    pub(in super::super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        column: &mut Column,
        at: usize,
    ) -> Result<()> {
        let record = column.records[at] as usize;
        let mut by_attribute: [(Vec<u8>, u32); 3] = Default::default();
        let attributes = self.attributes(record);
        for (kept, &key) in by_attribute.iter_mut().zip(&attributes) {
            let (value, streak) =
                key.map_or((Kept::default(), 0), |key| self.inner.store.associated(key));
            kept.1 = if self.inner.store.fetch(value, &mut kept.0) {
                streak + 1
            } else {
                0
            };
        }
        let related = self
            .tag
            .learnt
            .like
            .and_then(|number| self.sources.text(number, record));
        let last = std::mem::take(&mut self.tag.last);
        let values: [Option<&[u8]>; CANDIDATES] = {
            let previous = match at.checked_sub(1) {
                Some(before) if column.ends.len() > before => column.value(before),
                _ => &last,
            };
            let [a, b, c] = &by_attribute;
            let of = |kept: &'_ (Vec<u8>, u32)| (kept.1 > 0).then_some(());
            [
                self.linked(column, record, at),
                Some(previous),
                related.as_deref(),
                of(a).map(|()| &a.0[..]),
                of(b).map(|()| &b.0[..]),
                of(c).map(|()| &c.0[..]),
            ]
        };
        let digests = values.map(|value| value.map(digest));
        let streaks = [&by_attribute[0], &by_attribute[1], &by_attribute[2]].map(|kept| kept.1);
        let truth = if C::DECODES {
            &[][..]
        } else {
            column.value(at)
        };
        let told = self.tell(
            coder,
            record,
            truth,
            &values,
            &digests,
            &streaks,
            attributes[0].unwrap_or(0),
        )?;
        let mut spelt = std::mem::take(&mut self.spelt);
        match told {
            Told::Candidate(kind) => {
                spelt.clear();
                spelt.extend_from_slice(values[kind].unwrap_or(&[]));
            }
            Told::Recent(kept) => {
                self.inner.store.fetch(kept, &mut spelt);
            }
            Told::Spelt => {
                let position = i64::from(self.records.positions[record]);
                let hints = Hints {
                    key: self.tag.key,
                    previous: values[1].unwrap_or(&[]),
                    linked: values[0],
                    related: values[2],
                    attribute: attributes[0].unwrap_or(0),
                    position: (position + 1).unsigned_abs(),
                };
                let before = self.others + column.values.len();
                let check = |more: usize| {
                    if C::DECODES {
                        self.records.check_limit(before + more)
                    } else {
                        Ok(())
                    }
                };
                let Inner {
                    characters, store, ..
                } = &mut *self.inner;
                characters.code(coder, store, &hints, truth, &mut spelt, check)?;
            }
        }
        self.tag.last = last;
        if C::DECODES {
            self.records
                .check_limit(self.others + column.values.len() + spelt.len())?;
            column.values.extend_from_slice(&spelt);
            column.ends.push(column.values.len());
        }
        self.learn(record, at, &spelt, told, &digests, &attributes);
        self.spelt = spelt;
        Ok(())
    }

    /// Keys of what the best attributes say: the best, the second, both.
    fn attributes(&self, record: usize) -> [Option<u32>; 3] {
        let of = |number: Option<u32>| self.sources.attribute(number?, record, self.tag.before);
        let (best, second) = (of(self.tag.learnt.best), of(self.tag.learnt.second));
        let both = best
            .zip(second)
            .map(|(best, second)| hash(best, second, 3, 0));
        [best, second, both].map(|key| Some(hash(key?, self.tag.key, 43, 0)))
    }

    /// The value of the record's mate or another record of its template before it.
    fn linked<'b>(&self, column: &'b Column, record: usize, at: usize) -> Option<&'b [u8]> {
        let mut other = record;
        for _ in 0..3 {
            other = self.records.linked(other)?;
            let found = column
                .records
                .partition_point(|&one| (one as usize) < other);
            if found < at && column.records[found] as usize == other {
                return Some(column.value(found));
            }
        }
        None
    }
}
