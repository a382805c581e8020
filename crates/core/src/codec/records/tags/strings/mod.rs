//! Strings: tags of type Z and H that have no model of their own.
//!
//! A value is first compared with candidates (the linked record's value, the previous one, what a related column or
//! the record's attributes suggest), then looked up among the tag's recent values, and spelt out if it is none of them.
//! What a tag's values depend on is learnt from its first values, in both directions alike.

mod characters;
mod sources;
mod store;

use std::borrow::Cow;

use super::super::{Column, Context, Records};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use characters::{Characters, Hints};
use sources::{Learnt, Sources};
use store::{Kept, LONGEST, Store};

/// Kinds of candidates: linked, previous, related, by the best attribute, by the second, by both.
const CANDIDATES: usize = 6;

/// Recent values of a tag that are told by rank.
const RECENT: usize = 64;

/// Tags whose state is kept; hostile files have thousands.
const TAGS: usize = 64;

/// 2^12 blocks of 64 bytes for each context of characters: 2.9 MB; 2^9 for those of choices.
const CHARACTER_BITS: u32 = 12;
const CHOICE_BITS: u32 = 9;

/// The model; its tables are made when the first value comes.
#[derive(Clone)]
pub(super) struct Model {
    bits: u32,
    inner: Option<Box<Inner>>,
}

#[derive(Clone)]
struct Inner {
    choices: Mixer<7, 16>,
    characters: Characters,
    store: Store,
    tags: Vec<Tag>,
}

/// What is known of a tag.
#[derive(Clone, Default)]
struct Tag {
    key: u32,
    last: Vec<u8>,
    before: u32,
    /// How the last values were told: 3 bits each.
    outcomes: u32,
    /// How often each kind of candidate was right lately, in 1/65,536.
    scores: [u16; CANDIDATES],
    last_rank: u32,
    recent: Vec<Kept>,
    learnt: Learnt,
}

/// A number for a value: equal for equal ones, and hardly ever for others.
fn digest(value: &[u8]) -> u32 {
    let mut state = value.len() as u64;
    for part in value.chunks(8) {
        let mut eight = [0; 8];
        eight[..part.len()].copy_from_slice(part);
        state = (state ^ u64::from_le_bytes(eight)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        state ^= state >> 29;
    }
    hash(state as u32, (state >> 32) as u32, 7, 0)
}

/// A text that is followed field by field while a value beside it is coded.
struct Aligned<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Aligned<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The character at the same place of the same field; 0 at the end.
    fn expected(&self) -> u32 {
        self.text.get(self.at).copied().unwrap_or(0).into()
    }

    fn follow(&mut self, character: u8) {
        let separates =
            |byte: &u8| matches!(byte, b',' | b':' | b';' | b'/' | b'_' | b'|' | b' ' | b'-');
        let rest = self.text.get(self.at..).unwrap_or(&[]);
        if separates(&character) {
            let to_next = rest.iter().position(separates);
            self.at += to_next.map_or(rest.len(), |at| at + 1);
        } else if rest.first().is_some_and(|byte| !separates(byte)) {
            self.at += 1;
        }
    }
}

impl Model {
    pub(super) fn new() -> Self {
        Self::with_bits(CHARACTER_BITS)
    }

    /// A model with 2^`bits` blocks for each context of characters.
    pub(super) fn with_bits(bits: u32) -> Self {
        Self { bits, inner: None }
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
        let mut speller = self.begin(context, records, column);
        for at in 0..column.records.len() {
            speller.code(coder, column, at)?;
        }
        speller.end();
        Ok(())
    }

    /// Gets ready to code values of `column`, which is not among the columns of `records`.
    pub(super) fn begin<'a>(
        &'a mut self,
        context: &Context<'a>,
        records: &'a Records,
        column: &Column,
    ) -> Speller<'a> {
        let bits = self.bits;
        let inner = self.inner.get_or_insert_with(|| {
            Box::new(Inner {
                choices: Mixer::new(CHOICE_BITS.min(bits), 255),
                characters: Characters::new(bits),
                store: Store::new(),
                tags: Vec::new(),
            })
        });
        let key = column.key();
        let place = inner.tags.iter().position(|tag| tag.key == key);
        let mut tag = match place {
            Some(place) => std::mem::take(&mut inner.tags[place]),
            None => Tag {
                key,
                ..Tag::default()
            },
        };
        let sources = Sources::new(context.references, records);
        tag.learnt.enter(&sources);
        let others = records
            .columns
            .iter()
            .map(|column| column.values.len())
            .sum();
        Speller {
            inner,
            place,
            tag,
            records,
            sources,
            others,
            count: column.records.len(),
            spelt: Vec::new(),
        }
    }
}

/// Codes values of one column.
pub(super) struct Speller<'a> {
    inner: &'a mut Inner,
    place: Option<usize>,
    tag: Tag,
    records: &'a Records,
    sources: Sources<'a>,
    /// Bytes of the columns that are known.
    others: usize,
    /// Values of the column.
    count: usize,
    spelt: Vec<u8>,
}

/// How a value was told.
#[derive(Clone, Copy)]
enum Told {
    Candidate(usize),
    Recent(Kept),
    Spelt,
}

impl Speller<'_> {
    /// Keeps what was learnt.
    pub(super) fn end(self) {
        match self.place {
            Some(place) => self.inner.tags[place] = self.tag,
            None if self.inner.tags.len() < TAGS => self.inner.tags.push(self.tag),
            None => {}
        }
    }

    /// Codes value number `at`, which is the next when decoding.
    pub(super) fn code<C: Coder>(
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

    /// Codes how the value is told.
    #[allow(clippy::too_many_arguments)]
    fn tell<C: Coder>(
        &mut self,
        coder: &mut C,
        record: usize,
        truth: &[u8],
        values: &[Option<&[u8]>; CANDIDATES],
        digests: &[Option<u32>; CANDIDATES],
        streaks: &[u32; 3],
        attribute: u32,
    ) -> Result<Told> {
        let (tag, mixer) = (&self.tag, &mut self.inner.choices);
        let (key, mapq) = (tag.key, u32::from(self.records.mapq[record]));
        let mut order = [0, 1, 2, 3, 4, 5];
        order.sort_by_key(|&kind| (u16::MAX - tag.scores[kind], kind));
        let mut tried = 0u32;
        for kind in order {
            let Some(own) = digests[kind] else {
                continue;
            };
            let same = |other: &usize| digests[*other] == Some(own);
            if (0..CANDIDATES)
                .filter(same)
                .any(|other| tried >> other & 1 == 1)
            {
                continue;
            }
            let agreeing = (0..CANDIDATES)
                .filter(same)
                .map(|other| 1 << other)
                .sum::<u32>();
            let streak = (0..3)
                .filter(|other| same(&(other + 3)))
                .map(|other| streaks[other])
                .max()
                .unwrap_or(0);
            let streak = streak.min(3) + u32::from(streak > 5) + u32::from(streak > 16);
            let state = agreeing | tried << 6;
            let contexts = [
                hash(1, key, state, 0),
                hash(2, key, state, tag.outcomes & 0xfff),
                hash(3, key, own, kind as u32),
                hash(4, key, state, streak),
                hash(5, key, mapq, kind as u32 | tried << 8),
                hash(6, key, attribute, kind as u32 | tried << 8),
                hash(7, state, streak, u32::from(tag.scores[kind] >> 12)),
            ];
            mixer.turn(&contexts, 1);
            let right = values[kind].is_some_and(|value| value == truth);
            if mixer.bit(coder, right, 1, kind * 8 + streak as usize) {
                return Ok(Told::Candidate(kind));
            }
            tried |= agreeing;
        }
        let store = &self.inner.store;
        let is_tried = |kept: &&Kept| digests.iter().flatten().any(|&tried| kept.is_digest(tried));
        let left = || {
            tag.recent
                .iter()
                .filter(|kept| !is_tried(kept) && store.has(**kept))
        };
        let own = digest(truth);
        let rank = left().position(|kept| store.is(*kept, truth, own));
        let contexts = [
            hash(11, key, tried, 0),
            hash(12, key, tag.outcomes & 0x3f, 0),
            hash(13, key, tag.outcomes & 0xfff, tag.last_rank),
            hash(14, key, tag.last_rank, 0),
            hash(15, key, attribute, 0),
            hash(16, key, mapq, 0),
            hash(17, tried, tag.outcomes & 7, 0),
        ];
        let count = left().count();
        if count > 0 && mixer.flag(coder, rank.is_some(), &contexts, 2) {
            let rank = mixer.number(coder, rank.unwrap_or(0) as u64, &contexts, 3);
            let found = usize::try_from(rank).ok().and_then(|rank| left().nth(rank));
            let found = found
                .ok_or_else(|| crate::codec::wire::damaged("a recent value that there is not"))?;
            return Ok(Told::Recent(*found));
        }
        Ok(Told::Spelt)
    }

    /// Learns from a value.
    fn learn(
        &mut self,
        record: usize,
        at: usize,
        value: &[u8],
        told: Told,
        digests: &[Option<u32>; CANDIDATES],
        attributes: &[Option<u32>; 3],
    ) {
        let (tag, store) = (&mut self.tag, &mut self.inner.store);
        let own = digest(value);
        for (score, candidate) in tag.scores.iter_mut().zip(digests) {
            if let Some(candidate) = candidate {
                let target = if *candidate == own { 65_535 } else { 0 };
                let before = i32::from(*score);
                *score = (before + (target - before >> 5)) as u16;
            }
        }
        let outcome = match told {
            Told::Candidate(kind) => kind as u32,
            Told::Recent(_) => 6,
            Told::Spelt => 7,
        };
        tag.outcomes = tag.outcomes << 3 | outcome;
        let kept = store.keep(value, own);
        if kept != Kept::default() {
            let rank = tag.recent.iter().position(|recent| recent.is_digest(own));
            match rank {
                Some(rank) => tag.recent[..=rank].rotate_right(1),
                None if tag.recent.len() < RECENT => tag.recent.insert(0, kept),
                None => tag.recent.rotate_right(1),
            }
            tag.recent[0] = kept;
            tag.last_rank = rank.map_or(0, |rank| rank as u32 / 4 + 1);
        }
        let before = tag.before;
        let keys: Vec<Option<u32>> = (tag.learnt.attributes())
            .map(|number| self.sources.attribute(number, record, before))
            .map(|attribute| Some(hash(attribute?, tag.key, 43, 0)))
            .collect();
        let best = attributes[0].is_some_and(|key| store.associated(key).0.is_digest(own));
        for (place, key) in keys.into_iter().enumerate() {
            if key.is_some_and(|key| store.associate(key, kept)) {
                tag.learnt.was_right(place, best);
            }
        }
        if let Some(both) = attributes[2] {
            store.associate(both, kept);
        }
        if tag.learnt.on_trial() || at.is_multiple_of(16) {
            tag.learnt.compare(&self.sources, record, value);
        }
        tag.learnt.count();
        tag.before = own;
        if at + 1 == self.count {
            tag.last.clear();
            tag.last
                .extend_from_slice(&value[..value.len().min(LONGEST)]);
        }
    }
}

#[cfg(test)]
mod tests;
