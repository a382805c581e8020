//! Values of the tags, column by column: first those that others follow from.

mod alternatives;
mod arrays;
mod facts;
mod mates;
mod mismatches;
mod numbers;
mod pileup;
mod plain;
mod predictions;
mod qualities;
mod strings;
mod suboptimal;
mod text;
mod values;

use super::{Column, Context, Level, Records};
use crate::Result;
use crate::codec::mixing::Coder;
use facts::Facts;
use values::Known;

/// Tags that come first, because others follow from them.
const FIRST: [[u8; 2]; 16] = [
    *b"MD", *b"NM", *b"MC", *b"MQ", *b"AS", *b"XS", *b"ms", *b"mc", *b"UQ", *b"XQ", *b"PQ", *b"NH",
    *b"SM", *b"AM", *b"X0", *b"X1",
];

/// The model of all tags.
#[derive(Clone)]
pub(crate) struct Model {
    numbers: numbers::Model,
    mismatches: mismatches::Model,
    mates: mates::Model,
    texts: text::Model,
    plain: plain::Model,
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
            plain: plain::Model::new(),
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
        let mut facts = Facts::new(records);
        let is_md =
            |&at: &usize| records.columns[at].tag == *b"MD" && records.columns[at].kind == 8;
        let md = order.iter().position(is_md).map(|at| order.remove(at));
        self.mismatches
            .code(coder, context, records, md, &mut facts, &mut self.texts)?;
        if let Some(md) = md {
            coder.charge(records.columns[md].key());
        }
        let mut known = Known::default();
        for column in order {
            let Column { tag, kind, .. } = records.columns[column];
            match (&tag, kind) {
                (b"MC", 8) => {
                    self.mates
                        .code_column(coder, records, column, &mut facts, &mut self.texts)?
                }
                (_, 1..=6) => self
                    .numbers
                    .code_column(coder, records, column, &mut facts, &mut known)?,
                _ => self.plain.code_column(coder, records, column)?,
            }
            coder.charge(records.columns[column].key());
        }
        Ok(())
    }
}

/// The numbers of the columns to code, in the order of coding.
fn order(columns: &[Column]) -> Vec<usize> {
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
mod tests;
