//! Strings: tags of type Z and H that have no model of their own.
//!
//! A value is first compared with candidates (the linked record's value, the previous one, what a related column or
//! the record's attributes suggest), then looked up among the tag's recent values, and spelt out if it is none of them.
//! What a tag's values depend on is learnt from its first values, in both directions alike.

mod characters;
mod sources;
mod speller;
mod store;
mod telling;

use super::super::{Column, Context, Records};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use characters::Characters;
use sources::{Learnt, Sources};
pub(super) use speller::Speller;
use store::{Kept, Store};

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
    choices: Mixer<7, 1>,
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

/// Bytes of a value that its digest sees; the values of hostile files may be long and be looked at often.
const DIGESTED: usize = 1024;

/// A number for a value: equal for equal ones, and hardly ever for others that differ near their start.
fn digest(value: &[u8]) -> u32 {
    let mut state = value.len() as u64;
    for part in value[..value.len().min(DIGESTED)].chunks(8) {
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

#[cfg(test)]
mod tests;
