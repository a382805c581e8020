//! Values of the tags, column by column: first those that others follow from.

mod alternatives;
mod arrays;
pub(super) mod facts;
pub(super) mod mates;
pub(super) mod mismatches;
mod numbers;
pub(super) mod pileup;
mod predictions;
mod qualities;
mod reference;
mod strings;
pub(super) mod suboptimal;
pub(super) mod text;
pub(super) mod values;

use super::{Column, Context, Level, Records};
use crate::Result;
use crate::codec::mixing::Coder;
use facts::Facts;
use reference::Reference;
use values::Known;

/// Tags that come first, because others follow from them.
const FIRST: [[u8; 2]; 18] = [
    *b"MD", *b"NM", *b"MC", *b"MQ", *b"AS", *b"XS", *b"ms", *b"mc", *b"UQ", *b"XQ", *b"PQ", *b"NH",
    *b"SM", *b"AM", *b"X0", *b"X1", *b"MM", *b"Mm",
];

/// What is known of a chunk's records and their tags so far.
struct SoFar<'a> {
    facts: &'a mut Facts,
    known: &'a mut Known,
    reference: &'a mut Reference,
}

/// The model of all tags.
#[derive(Clone)]
pub(crate) struct Model {
    numbers: numbers::Model,
    mismatches: mismatches::Model,
    mates: mates::Model,
    texts: text::Model,
    others: Others,
}

/// The models of all columns but those of integers, MD:Z and MC:Z. They take memory for what they have met only.
#[derive(Clone)]
pub(super) struct Others {
    qualities: qualities::Model,
    strings: strings::Model,
    alternatives: alternatives::Model,
    arrays: arrays::Model,
}

impl Model {
    /// The model for records like these.
    pub(crate) fn fit(_: Level, _: &Context<'_>, _: &Records) -> Self {
        Self::blank()
    }

    /// A model that has seen nothing.
    pub(crate) fn blank() -> Self {
        Self {
            numbers: numbers::Model::new(),
            mismatches: mismatches::Model::new(),
            mates: mates::Model::new(),
            texts: text::Model::new(),
            others: Others::new(),
        }
    }

    /// Codes the values of all columns that are not complete yet.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        let mut order = order(&records.columns);
        if order.is_empty() {
            return Ok(());
        }
        // Columns that are not coded yet are empty for an encoder too, so that nothing can be predicted from them.
        let mut hidden: Vec<_> = order
            .iter()
            .map(|&column| hide(&mut records.columns[column]))
            .collect();
        let mut facts = Facts::new(records);
        let is_md = |&at: &usize| {
            let Column { tag, kind, .. } = records.columns[at];
            tag == *b"MD" && kind == 8
        };
        let md = order.iter().position(is_md).map(|at| {
            let (column, values) = (order.remove(at), hidden.remove(at));
            show(&mut records.columns[column], values);
            column
        });
        let mut reference = Reference::new(context, records);
        if let Some(md) = md {
            let (texts, reference) = (&mut self.texts, &mut reference);
            self.mismatches
                .code_column(coder, records, md, &mut facts, reference, texts)?;
            finish(coder, &mut records.columns[md]);
        }
        facts.guess(records, &mut reference);
        let mut known = Known::default();
        for (column, values) in order.into_iter().zip(hidden) {
            show(&mut records.columns[column], values);
            let mut so_far = SoFar {
                facts: &mut facts,
                known: &mut known,
                reference: &mut reference,
            };
            self.code_column(coder, context, records, column, &mut so_far)?;
            finish(coder, &mut records.columns[column]);
        }
        Ok(())
    }

    /// Codes a column other than MD:Z.
    fn code_column<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
        column: usize,
        so_far: &mut SoFar<'_>,
    ) -> Result<()> {
        let Column { tag, kind, .. } = records.columns[column];
        match (&tag, kind) {
            (_, 1..=6) => self.numbers.code_column(coder, records, column, so_far),
            (b"MC", 8) => {
                let (facts, texts) = (&mut *so_far.facts, &mut self.texts);
                self.mates.code_column(coder, records, column, facts, texts)
            }
            _ => self.others.code_column(coder, context, records, column),
        }
    }
}

impl Others {
    /// Models that have seen nothing.
    pub(super) fn new() -> Self {
        Self {
            qualities: qualities::Model::new(),
            strings: strings::Model::new(),
            alternatives: alternatives::Model::new(),
            arrays: arrays::Model::new(),
        }
    }

    /// Codes a column; those that are not coded yet have no values.
    pub(super) fn code_column<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
        column: usize,
    ) -> Result<()> {
        let Column { tag, kind, .. } = records.columns[column];
        match (&tag, kind) {
            (b"XA" | b"SA" | b"OA", 8) => self
                .alternatives
                .code_column(coder, context, records, column),
            _ if arrays::takes(tag, kind) => {
                self.arrays.code_column(coder, context, records, column)
            }
            _ => {
                let model = &mut self.qualities;
                if model.code_column(coder, context, records, column)? {
                    return Ok(());
                }
                self.strings.code_column(coder, context, records, column)
            }
        }
    }
}

/// Values of a column, and their ends.
pub(super) type Values = (Vec<u8>, Vec<usize>);

/// Takes a column's values out.
pub(super) fn hide(column: &mut Column) -> Values {
    (
        std::mem::take(&mut column.values),
        std::mem::take(&mut column.ends),
    )
}

/// Puts them back.
pub(super) fn show(column: &mut Column, values: Values) {
    (column.values, column.ends) = values;
}

/// Marks a coded column.
pub(super) fn finish<C: Coder>(coder: &mut C, column: &mut Column) {
    column.complete = true;
    coder.charge(column.key());
}

/// The numbers of the columns to code, in the order of coding.
pub(super) fn order(columns: &[Column]) -> Vec<usize> {
    let rank = |column: &Column| {
        let first = FIRST.iter().position(|tag| *tag == column.tag);
        first.unwrap_or(FIRST.len())
    };
    let mut order: Vec<usize> = (0..columns.len())
        .filter(|&column| !columns[column].complete)
        .collect();
    order.sort_by_key(|&column| rank(&columns[column]));
    order
}

#[cfg(test)]
pub(super) mod tests;
