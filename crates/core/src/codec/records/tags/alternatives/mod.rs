//! Alternative alignments: the tags XA, SA and OA.
//!
//! Their lists are parsed; an entry is told by another record of the template that it repeats, or by its place seen
//! from the record's own, which is the same for all reads of a repeat (`keys`), its CIGAR by the record's, and its edit
//! distance by the record's. Values that are no such lists are coded as other strings are.

mod cigars;
mod entry;
mod keys;

use super::super::{Column, Context, Records};
use super::strings;
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash, hash_bytes};
use crate::codec::wire::damaged;
use entry::{Distance, Entry, Form, List, MoreNames, Names, Shape};
use keys::{Key, Keys, Own};

/// 2^10 blocks of 64 bytes for each context of places, and as many for those of other fields: 0.8 MB.
const BITS: u32 = 10;

/// 2^8 blocks for each context of the characters of values that are no lists.
const CHARACTER_BITS: u32 = 8;

/// Records of a template that are looked through.
const TEMPLATE: usize = 16;

/// How a CIGAR is told: the record's own (turned round on the other strand) or what it clips, all aligned, or spelt out.
const OWN: u32 = 0;
const FULL: u32 = 1;
const OTHER: u32 = 2;

/// The model; its tables are made when the first value comes.
#[derive(Clone)]
pub(super) struct Model {
    strings: strings::Model,
    inner: Option<Box<Inner>>,
}

#[derive(Clone)]
struct Inner {
    places: Mixer<6, 16>,
    fields: Mixer<6, 16>,
    tags: [Tag; 3],
    /// Names of references that only entries have.
    more: MoreNames,
}

/// What is known of a tag.
#[derive(Clone)]
struct Tag {
    keys: Keys,
    escaped: u32,
    count: u32,
    class: u32,
    mapq: u32,
}

impl Tag {
    fn new() -> Self {
        Self {
            keys: Keys::new(),
            escaped: 0,
            count: 0,
            class: 0,
            mapq: 0,
        }
    }
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            strings: strings::Model::with_bits(CHARACTER_BITS),
            inner: None,
        }
    }

    /// Codes the values of column number `column`. Columns that are not coded yet must have none, in both directions.
    pub(super) fn code_column<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
        column: usize,
    ) -> Result<()> {
        let mut own = std::mem::take(&mut records.columns[column]);
        let result = self.code_values(coder, context, records, &mut own);
        coder.charge(own.key());
        own.complete = true;
        records.columns[column] = own;
        result
    }

    fn code_values<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &Records,
        column: &mut Column,
    ) -> Result<()> {
        if column.records.is_empty() {
            return Ok(());
        }
        let inner = self.inner.get_or_insert_with(|| {
            Box::new(Inner {
                places: Mixer::new(BITS, 255),
                fields: Mixer::new(BITS, 255),
                tags: [Tag::new(), Tag::new(), Tag::new()],
                more: MoreNames::default(),
            })
        });
        let which = match &column.tag {
            b"XA" => 0,
            b"SA" => 1,
            _ => 2,
        };
        let salt = which as u32;
        let lists = Lists {
            records,
            names: Names::new(context.references, !C::DECODES),
            form: if which == 0 {
                Form::Signed
            } else {
                Form::Fields
            },
            distances: integers(records, *b"NM"),
            scores: integers(records, *b"AS"),
            other_scores: integers(records, *b"XS"),
            next: if which == 0 {
                Vec::new()
            } else {
                next_of_templates(records)
            },
            salt,
        };
        let others: usize = records
            .columns
            .iter()
            .map(|column| column.values.len())
            .sum();
        let mut speller = self.strings.begin(context, records, column);
        for at in 0..column.records.len() {
            let record = column.records[at] as usize;
            let tag = &mut inner.tags[which];
            let list = if C::DECODES {
                None
            } else {
                entry::parse(column.value(at), lists.form, &lists.names, &mut inner.more)
            };
            let contexts = [0, tag.escaped & 1, tag.escaped & 15, 3, 4, 5]
                .map(|state| hash(61, salt, state, 0));
            let escaped = inner.fields.flag(coder, list.is_none(), &contexts, 30);
            tag.escaped = tag.escaped << 1 | u32::from(escaped);
            if escaped {
                speller.code(coder, column, at)?;
                continue;
            }
            let before = others + column.values.len();
            let written = lists.code(coder, inner, record, &list.unwrap_or_default(), before)?;
            if C::DECODES {
                column.values.extend_from_slice(&written);
                column.ends.push(column.values.len());
            }
        }
        speller.end();
        Ok(())
    }
}

/// An integer tag of the records, whatever its type; nothing where it is not known yet.
fn integers(records: &Records, tag: [u8; 2]) -> Vec<Option<i64>> {
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
fn next_of_templates(records: &Records) -> Vec<u32> {
    let mut next = vec![0; records.count];
    for record in 0..records.count {
        if let Some(before) = records.linked(record) {
            next[before] = record as u32;
        }
    }
    next
}

/// Lists of one column.
struct Lists<'a> {
    records: &'a Records,
    names: Names<'a>,
    form: Form,
    /// Edit distances, scores and best other scores (NM, AS, XS) of the records.
    distances: Vec<Option<i64>>,
    scores: Vec<Option<i64>>,
    other_scores: Vec<Option<i64>>,
    next: Vec<u32>,
    /// The tag's number, which keeps contexts of tags apart.
    salt: u32,
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
    fn code<C: Coder>(
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

    #[allow(clippy::too_many_arguments)]
    fn code_entry<C: Coder>(
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
                && i64::from(records.positions[other]) == truth.position
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

    /// Codes the fields of an entry that lies where record `other` does.
    #[allow(clippy::too_many_arguments)]
    fn code_same<C: Coder>(
        &self,
        coder: &mut C,
        fields: &mut Mixer<6, 16>,
        tag: &mut Tag,
        record: usize,
        own: &Own,
        other: usize,
        truth: &Entry,
    ) -> Result<Entry> {
        let records = self.records;
        let cigar = records.cigar_of(other);
        let forms = [
            cigar.to_vec(),
            cigars::with_clips(cigar, 4),
            cigars::with_clips(cigar, 5),
            cigars::short(cigar, 4),
            cigars::short(cigar, 5),
        ];
        let contexts: [u32; 6] = std::array::from_fn(|at| match at {
            0 => hash(
                101,
                self.salt,
                u32::from(records.flags[other] >> 8) | u32::from(records.flags[record] >> 8) << 8,
                0,
            ),
            1 => hash(
                102,
                self.salt,
                u32::from(forms[0] == forms[1]) | u32::from(forms[1] == forms[3]) << 1,
                0,
            ),
            _ => hash(103, self.salt, at as u32, 0),
        });
        let form = forms
            .iter()
            .position(|form| *form == truth.cigar)
            .unwrap_or(7);
        let form = fields.symbol(coder, form as u32, 3, &contexts, 33, 168);
        let cigar = match forms.into_iter().nth(form as usize) {
            Some(cigar) => {
                if cigar.iter().any(|operation| operation & 15 > 8) {
                    return Err(damaged("an operation that there is not"));
                }
                cigar
            }
            None => {
                let most = self.records.limit;
                cigars::code(
                    coder,
                    fields,
                    &truth.cigar,
                    own.shape.read,
                    hash_bytes(b"", form),
                    self.salt + 8,
                    most,
                )?
            }
        };
        let mapq = records.mapq[other];
        let mapq = if fields.flag(coder, truth.mapq == u32::from(mapq), &contexts, 34) {
            mapq.into()
        } else {
            self.code_mapq(coder, fields, tag, record, truth)
        };
        let base = self.distances[other];
        let contexts = contexts.map(|context| hash(context, 7, u32::from(base.is_some()), 0));
        let distance = code_distance(
            coder,
            fields,
            truth.distance,
            base.unwrap_or(0),
            &contexts,
            self.salt + 8,
        );
        let reverse = records.flags[other] & 16 != 0;
        let turned = (records.flags[record] ^ records.flags[other]) & 16 != 0;
        let position = records.positions[other].into();
        let key = Key {
            reference: records.references[other] as u32,
            turned,
            offset: own.offset(position, turned, &Shape::of(&cigar)),
        };
        tag.keys.note(key, self.salt);
        Ok(Entry {
            reference: key.reference,
            position,
            reverse,
            cigar,
            mapq,
            distance,
        })
    }

    fn code_mapq<C: Coder>(
        &self,
        coder: &mut C,
        fields: &mut Mixer<6, 16>,
        tag: &mut Tag,
        record: usize,
        truth: &Entry,
    ) -> u32 {
        if self.form == Form::Signed {
            return 0;
        }
        let (own, flags) = (
            u32::from(self.records.mapq[record]),
            u32::from(self.records.flags[record] >> 8),
        );
        let contexts = [
            hash(111, self.salt, own, 0),
            hash(112, self.salt, 0, 0),
            hash(113, self.salt, own, flags),
            hash(114, self.salt, tag.mapq, 0),
            hash(115, self.salt, flags, tag.class),
            hash(116, self.salt, tag.mapq, own),
        ];
        tag.mapq = fields.number(coder, truth.mapq.into(), &contexts, 35) as u32 & 0x7fff_ffff;
        tag.mapq
    }

    #[allow(clippy::too_many_arguments)]
    fn code_cigar<C: Coder>(
        &self,
        coder: &mut C,
        fields: &mut Mixer<6, 16>,
        tag: &mut Tag,
        record: usize,
        own: &Own,
        truth: &Entry,
        turned: bool,
        known_class: u8,
        at: usize,
    ) -> Result<Vec<u32>> {
        let cigar = self.records.cigar_of(record);
        let parts = own.parts;
        let as_own = match (parts, turned) {
            (true, _) => cigars::complement(&own.shape, turned),
            (false, true) => cigars::reversed(cigar),
            (false, false) => cigar.to_vec(),
        };
        let full = match u32::try_from(own.length) {
            Ok(length @ 1..0x1000_0000) => vec![length << 4],
            _ => Vec::new(),
        };
        let is_full = cigar == full;
        let own_hash = cigar
            .iter()
            .take(32)
            .fold(0, |state, &operation| hash(state, operation, 121, 0));
        let contexts = [
            hash(121, self.salt, u32::from(is_full), u32::from(known_class)),
            hash(122, self.salt, own_hash, u32::from(known_class)),
            hash(
                123,
                self.salt,
                cigar.len().min(9) as u32,
                at.min(3) as u32 | tag.class << 4,
            ),
            hash(124, self.salt, u32::from(is_full), tag.count),
            hash(
                125,
                self.salt,
                u32::from(own.shape.left > own.shape.right) | u32::from(turned) << 1,
                tag.class,
            ),
            hash(126, self.salt, own_hash, at.min(3) as u32),
        ];
        let class = if truth.cigar == as_own {
            OWN
        } else if truth.cigar == full {
            FULL
        } else {
            OTHER
        };
        let class = fields.symbol(coder, class, 2, &contexts, 36, 176);
        tag.class = class;
        let cigar = match class {
            OWN => as_own,
            FULL => full,
            _ => {
                let as_own = as_own
                    .iter()
                    .take(32)
                    .fold(0, |state, &operation| hash(state, operation, 121, 0));
                cigars::code(
                    coder,
                    fields,
                    &truth.cigar,
                    own.shape.read,
                    as_own,
                    self.salt,
                    self.records.limit,
                )?
            }
        };
        if cigar.iter().any(|operation| operation & 15 > 8) {
            return Err(damaged("an operation that there is not"));
        }
        Ok(cigar)
    }
}

/// Codes an edit distance, given the one it is likely to be.
fn code_distance<C: Coder>(
    coder: &mut C,
    fields: &mut Mixer<6, 16>,
    truth: Distance,
    base: i64,
    contexts: &[u32; 6],
    salt: u32,
) -> Distance {
    let kinds: [u32; 6] = std::array::from_fn(|at| hash(131, salt, at as u32, 0));
    if !fields.flag(coder, matches!(truth, Distance::Number(_)), &kinds, 37) {
        return if fields.flag(coder, truth == Distance::Empty, &kinds, 38) {
            Distance::Empty
        } else {
            Distance::Null
        };
    }
    let number = match truth {
        Distance::Number(number) => number.into(),
        _ => 0,
    };
    let difference = fields.signed(coder, i64::wrapping_sub(number, base), contexts, 39);
    Distance::Number(base.wrapping_add(difference) as u32 & 0x7fff_ffff)
}
