//! A value that is a list: how many entries it has, what they may follow from, and each of them in turn.

use super::super::super::Records;
use super::Inner;
use super::entry::{Entry, Form, List, Names, Shape};
use super::keys::Own;
use crate::Result;
use crate::codec::mixing::{Coder, hash};
use crate::codec::wire::damaged;

/// Records of a template that are looked through.
const TEMPLATE: usize = 16;

/// An integer tag of the records, whatever its type; nothing where it is not known yet.
pub(super) fn integers(records: &Records, tag: [u8; 2]) -> Vec<Option<i64>> {
    let mut integers = vec![None; records.count];
    for column in &records.columns {
        if column.tag == tag
            && (1..=6).contains(&column.kind)
            && column.ends.len() == column.records.len()
        {
            for (at, &record) in column.records.iter().enumerate() {
                if let Some(place) = integers.get_mut(record as usize) {
                    *place = Some(column.integer(at));
                }
            }
        }
    }
    integers
}

/// The next record of each record's template; 0 is none.
pub(super) fn next_of_templates(records: &Records) -> Vec<u32> {
    let mut next = vec![0; records.count];
    for record in 0..records.count {
        if let Some(before) = records.linked(record) {
            next[before] = record as u32;
        }
    }
    next
}

/// Lists of one column.
pub(super) struct Lists<'a> {
    pub(super) records: &'a Records,
    pub(super) names: Names<'a>,
    pub(super) form: Form,
    /// Edit distances, scores and best other scores (NM, AS, XS) of the records.
    pub(super) distances: Vec<Option<i64>>,
    pub(super) scores: Vec<Option<i64>>,
    pub(super) other_scores: Vec<Option<i64>>,
    pub(super) next: Vec<u32>,
    /// The tag's number, which keeps contexts of tags apart.
    pub(super) salt: u32,
}

impl Lists<'_> {
    /// The place of a record.
    fn own(&self, record: usize) -> Own {
        let records = self.records;
        Own {
            reference: records.references[record],
            position: records.positions[record].into(),
            mate_reference: records.mate_references[record],
            mate_position: records.mate_positions[record].into(),
            shape: Shape::of(records.cigar_of(record)),
            length: records.lengths[record].into(),
            parts: self.salt == 1,
        }
    }

    /// The other records that an entry of `record` may be: those of the same read of its template, primary ones first.
    fn others(&self, record: usize) -> Vec<usize> {
        let records = self.records;
        let mut others = Vec::new();
        if self.salt == 2 {
            others.push(record);
        }
        if self.form == Form::Signed {
            return others;
        }
        let mut first = record;
        for _ in 0..TEMPLATE {
            match records.linked(first) {
                Some(before) => first = before,
                None => break,
            }
        }
        let mut other = first;
        let mut found = Vec::new();
        for _ in 0..2 * TEMPLATE {
            if other != record && (records.flags[other] ^ records.flags[record]) & 0xc0 == 0 {
                found.push(other);
            }
            match self.next[other] {
                0 => break,
                next => other = next as usize,
            }
        }
        found.sort_by_key(|&other| records.flags[other] & 0x900);
        found.truncate(TEMPLATE);
        others.extend(found);
        others
    }

    /// Codes a value that is a list; gives how it is written.
    pub(super) fn code<C: Coder>(
        &self,
        coder: &mut C,
        inner: &mut Inner,
        record: usize,
        truth: &List,
        before: usize,
    ) -> Result<Vec<u8>> {
        let tag = &mut inner.tags[self.salt as usize];
        tag.keys.begin();
        let own = self.own(record);
        let mut others = self.others(record);
        let mapq = self.records.mapq[record];
        let contexts = [
            hash(71, self.salt, tag.count, 0),
            hash(72, self.salt, mapq.into(), 0),
            hash(
                73,
                self.salt,
                others.len() as u32,
                u32::from(self.records.flags[record] >> 8 & 9),
            ),
            hash(74, self.salt, tag.keys.before.len() as u32, mapq.into()),
            hash(75, self.salt, self.score_gap(record), 0),
            hash(76, self.salt, 0, 0),
        ];
        let count = inner
            .fields
            .number(coder, truth.entries.len() as u64, &contexts, 31);
        if count == 0 {
            return Err(damaged("a list without entries"));
        }
        tag.count = count.min(1000) as u32;
        let mut written = Vec::new();
        let (mut at, mut named) = (0usize, 0usize);
        let mut last_distance = None;
        while (at as u64) < count {
            let blank = Entry::default();
            let fresh = &truth.fresh;
            let truth = truth.entries.get(at).unwrap_or(&blank);
            let place = (at, count.min(1 << 20) as usize);
            let entry = self.code_entry(
                coder,
                inner,
                record,
                &own,
                &mut others,
                truth,
                place,
                &mut last_distance,
            )?;
            if entry.reference as usize == self.names.count(&inner.more) {
                let name = fresh.get(named).map_or(&[][..], |name| name);
                named += 1;
                self.code_name(coder, inner, name)?;
            }
            if C::DECODES {
                let name = self.names.get(&inner.more, entry.reference);
                entry.write(self.form, name, &mut written);
                self.records.check_limit(before + written.len())?;
            }
            at += 1;
        }
        Ok(written)
    }

    /// Codes a name that is not among those of references, and adds it to the others.
    fn code_name<C: Coder>(&self, coder: &mut C, inner: &mut Inner, truth: &[u8]) -> Result<()> {
        let mut name = Vec::new();
        loop {
            let at = name.len();
            let like = inner.more.last().get(at).copied().unwrap_or(0).into();
            let last = name
                .iter()
                .rev()
                .take(2)
                .fold(0, |state, &byte| state << 8 | u32::from(byte));
            let contexts = [
                hash(141, at as u32, like, 0),
                hash(142, last, like, 0),
                hash(143, last, 0, 0),
                hash(144, last & 0xff, at as u32, 0),
                hash(145, like, 0, 0),
                hash(146, 0, 0, 0),
            ];
            let wanted = truth.get(at).copied().unwrap_or(0).into();
            match inner.fields.symbol(coder, wanted, 8, &contexts, 40, 184) {
                0 => break,
                byte => name.push(byte as u8),
            }
            self.records.check_limit(name.len())?;
        }
        if inner.more.add(name) {
            Ok(())
        } else {
            Err(damaged("more names than there may be"))
        }
    }

    /// How far the best other score is below the record's own, if both are known: many entries go with a small one.
    fn score_gap(&self, record: usize) -> u32 {
        match (self.scores[record], self.other_scores[record]) {
            (Some(own), Some(other)) => own.wrapping_sub(other).clamp(-1, 1000) as u32,
            _ => 2000,
        }
    }
}
