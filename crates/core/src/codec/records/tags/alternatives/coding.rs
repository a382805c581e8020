//! One entry of a list: another record's alignment, or a place told by a key.

use super::Inner;
use super::entry::{Distance, Entry, Shape};
use super::fields::{OTHER, code_distance};
use super::keys::{Key, Own};
use super::lists::Lists;
use crate::Result;
use crate::codec::mixing::{Coder, hash};
use crate::codec::wire::damaged;

impl Lists<'_> {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn code_entry<C: Coder>(
        &self,
        coder: &mut C,
        inner: &mut Inner,
        record: usize,
        own: &Own,
        others: &mut Vec<usize>,
        truth: &Entry,
        (at, count): (usize, usize),
        last_distance: &mut Option<i64>,
    ) -> Result<Entry> {
        let Inner {
            places,
            fields,
            tags,
            more,
        } = inner;
        let tag = &mut tags[self.salt as usize];
        let records = self.records;
        let reverse = records.flags[record] & 16 != 0;
        // Another record.
        let mut same = None;
        for (number, &other) in others.iter().enumerate() {
            let is = records.references[other] as u32 == truth.reference
                && (0..2).contains(&(i64::from(records.positions[other]) - truth.position))
                && (records.flags[other] & 16 != 0) == truth.reverse;
            let possible = records.positions[other] >= -1
                && records.positions[other] < i32::MAX
                && (0..self.names.count(more) as i64).contains(&records.references[other].into());
            if !possible {
                continue;
            }
            let kinds =
                u32::from(records.flags[other] >> 8) | u32::from(records.flags[record] >> 8) << 8;
            let contexts = [
                hash(81, self.salt, at.min(6) as u32, kinds),
                hash(82, self.salt, kinds, 0),
                hash(
                    83,
                    self.salt,
                    number.min(6) as u32,
                    (others.len() - number).min(8) as u32,
                ),
                hash(
                    84,
                    self.salt,
                    (count - at).min(8) as u32,
                    (others.len() - number).min(8) as u32,
                ),
                hash(85, self.salt, at.min(6) as u32, number.min(6) as u32),
                hash(86, self.salt, 0, 0),
            ];
            if fields.flag(coder, is, &contexts, 32) {
                same = Some((number, other));
                break;
            }
        }
        if let Some((number, other)) = same {
            others.remove(number);
            return self.code_same(coder, fields, tag, record, own, other, truth);
        }
        let shape = Shape::of(&truth.cigar);
        let turned = truth.reverse != reverse;
        let key = Key {
            reference: truth.reference,
            turned,
            offset: own.offset(truth.position, turned, &shape),
        };
        let key = tag
            .keys
            .code(coder, places, key, own, (at, count), self.salt)?;
        if key.reference as usize > self.names.count(more) {
            return Err(damaged("an entry on a reference that there is not"));
        }
        let (known_class, known_distance) = tag
            .keys
            .last()
            .map_or((0xff, i32::MIN), |known| (known.class, known.distance));
        let cigar = self.code_cigar(
            coder,
            fields,
            tag,
            record,
            own,
            truth,
            key.turned,
            known_class,
            at,
        )?;
        let shape = Shape::of(&cigar);
        let position = own.position(key.offset, key.turned, &shape);
        if !(-1..i64::from(i32::MAX)).contains(&position) {
            return Err(damaged("an entry at a position that there is not"));
        }
        let mapq = self.code_mapq(coder, fields, tag, record, truth);
        let base = self.distances[record].unwrap_or(0);
        let known = known_distance as u32;
        let before =
            last_distance.map_or(1000, |last: i64| (last - base).clamp(-500, 500) as i32) as u32;
        let contexts = [
            hash(91, self.salt, base as u32, at.min(3) as u32),
            hash(92, self.salt, before, u32::from(at == 0)),
            hash(93, self.salt, known, base as u32),
            hash(94, self.salt, known, 0),
            hash(95, self.salt, before, known),
            hash(96, self.salt, u32::from(tag.class == OTHER), mapq),
        ];
        let distance = code_distance(coder, fields, truth.distance, base, &contexts, self.salt);
        if let Distance::Number(number) = distance {
            let difference = i64::from(number) - base;
            *last_distance = Some(number.into());
            if let Some(known) = tag.keys.last() {
                known.distance = difference.clamp(-10_000, 10_000) as i32;
                known.class = tag.class as u8;
            }
        }
        Ok(Entry {
            reference: key.reference,
            position,
            reverse: key.turned != reverse,
            cigar,
            mapq,
            distance,
        })
    }
}
