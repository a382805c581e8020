//! Values of the tags, the quick way: MD, MC, integers and characters record by record, the other columns as the thorough model
//! codes them.
//!
//! What is known of a record's alignment, its mate and its other tags says what most values are. Those of tags that
//! are nearly always as expected are coded together: one decision for all of them that follow each other, and nothing
//! else where it is right.

mod cigars;
mod integers;
mod job;
mod means;
mod mismatches;
mod plan;
mod reference;
mod relations;
mod rules;
mod suboptimal;
mod values;

use super::super::{Context, Level, Records, tags as thorough};
use crate::Result;
use crate::codec::mixing::{Coder, Slot};
use integers::Integers;
use job::Job;

/// Records of so many bases on average are few: the thorough model codes their tags.
const LONG: usize = 1000;

/// Slots of decisions on several values at once, by each of three contexts.
const GROUPS: usize = 1 << 11;

/// The model of all tags.
#[derive(Clone)]
pub(crate) struct Model {
    /// Whether records are long, once that is coded.
    long: Option<bool>,
    /// What an encoder found.
    found_long: bool,
    thorough: Option<Box<thorough::Model>>,
    learnt: Option<Box<Learnt>>,
    others: thorough::Others,
}

/// What is learnt of the tags that are coded here.
#[derive(Clone)]
struct Learnt {
    integers: Integers,
    mismatches: mismatches::Model,
    cigars: cigars::Model,
    suboptimal: suboptimal::Model,
    groups: [Vec<Slot>; 3],
    /// Whether an MD and an MC are as expected, by what speaks against it.
    texts: [Vec<Slot>; 2],
}

impl Learnt {
    fn new() -> Self {
        Self {
            integers: Integers::new(),
            mismatches: mismatches::Model::new(),
            cigars: cigars::Model::new(),
            suboptimal: suboptimal::Model::new(),
            groups: std::array::from_fn(|_| vec![Slot::expecting(60_000, 2); GROUPS]),
            texts: std::array::from_fn(|_| vec![Slot::NEW; 256]),
        }
    }
}

impl Model {
    /// The model for records like these.
    pub(crate) fn fit(_: Level, _: &Context<'_>, records: &Records) -> Self {
        Self {
            found_long: records.bases.len() / LONG >= records.count.max(1),
            ..Self::blank()
        }
    }

    /// A model that has seen nothing.
    pub(crate) fn blank() -> Self {
        Self {
            long: None,
            found_long: false,
            thorough: None,
            learnt: None,
            others: thorough::Others::new(),
        }
    }

    /// Codes the values of all columns that are not complete yet.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        let order = thorough::order(&records.columns);
        if order.is_empty() {
            return Ok(());
        }
        let found = self.found_long;
        let long = *self.long.get_or_insert_with(|| coder.code(found, 1 << 15));
        if long {
            let new = || Box::new(thorough::Model::blank());
            return self
                .thorough
                .get_or_insert_with(new)
                .code(coder, context, records);
        }
        // Columns that are not coded yet are empty for an encoder too, so that nothing can be predicted from them.
        let others: Vec<usize> = (order.into_iter())
            .filter(|&column| !plan::takes(&records.columns[column]))
            .collect();
        let hidden: Vec<_> = (others.iter())
            .map(|&column| thorough::hide(&mut records.columns[column]))
            .collect();
        let learnt = self.learnt.get_or_insert_with(|| Box::new(Learnt::new()));
        Job::run(coder, learnt, records)?;
        for (column, values) in others.into_iter().zip(hidden) {
            thorough::show(&mut records.columns[column], values);
            self.others.code_column(coder, context, records, column)?;
            thorough::finish(coder, &mut records.columns[column]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
