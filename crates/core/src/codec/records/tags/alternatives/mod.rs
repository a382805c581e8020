//! Alternative alignments: the tags XA, SA and OA.
//!
//! Their lists are parsed; an entry is told by another record of the template that it repeats, or by its place seen
//! from the record's own, which is the same for all reads of a repeat (`keys`), its CIGAR by the record's, and its edit
//! distance by the record's. Values that are no such lists are coded as other strings are.

mod cigars;
mod coding;
mod entry;
mod fields;
mod keys;
mod lists;

use super::super::{Column, Context, Records};
use super::strings;
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use entry::{Form, MoreNames, Names};
use keys::Keys;
use lists::{Lists, integers, next_of_templates};

/// 2^10 blocks of 64 bytes for each context of places, and as many for those of other fields: 0.8 MB.
const BITS: u32 = 10;

/// 2^8 blocks for each context of the characters of values that are no lists.
const CHARACTER_BITS: u32 = 8;

/// The model; its tables are made when the first value comes.
#[derive(Clone)]
pub(super) struct Model {
    strings: strings::Model,
    inner: Option<Box<Inner>>,
}

#[derive(Clone)]
struct Inner {
    places: Mixer<6, 1>,
    fields: Mixer<6, 1>,
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
    /// Whether the last positions told by other records were counted from 0.
    from_zero: u32,
}

impl Tag {
    fn new() -> Self {
        Self {
            keys: Keys::new(),
            escaped: 0,
            count: 0,
            class: 0,
            mapq: 0,
            from_zero: 0,
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
