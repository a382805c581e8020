//! Tags with something like a quality for each base (BQ, BD, BI and others), or a short string of qualities (QT, QX):
//! symbols of a small alphabet, given those before, the bases around, their qualities, and a related tag.

mod values;

use super::super::qualities::tree::{Tree, number};
use super::super::{Column, Context, Records};
use crate::Result;
use crate::codec::mixing::{Coder, Encoder};
use values::Learnt;

/// Columns that get a model of their own, which takes about 3 MB.
const COLUMNS: usize = 4;

/// Columns whose kind of model is kept; those met later are not for this model.
const KNOWN: usize = 64;

/// Values that a fit tries.
const TRIED: usize = 300;

/// Values that are looked at to tell whether a column suits.
const LOOKED_AT: usize = 2000;

/// Most symbols that a column for this model has.
const MOST_SYMBOLS: usize = 94;

/// Tags of barcodes' qualities, which are shorter than reads.
const SHORT: [[u8; 2]; 6] = [*b"QT", *b"QX", *b"CY", *b"UY", *b"BZ", *b"TQ"];

/// The models of such columns.
#[derive(Clone)]
pub(super) struct Model {
    /// By column: its key, and its model if it suits.
    columns: Vec<(u32, Option<One>)>,
}

/// The model of one column.
#[derive(Clone)]
struct One {
    /// Tag and kind of the related column in 21 bits; 0 is none.
    related: u32,
    /// Whether values as long as the read are turned into the order of sequencing.
    turned: bool,
    tree: Tree,
    learnt: Option<Box<Learnt>>,
}

/// Whether a column's values look like what this model is for. An encoder's decision.
fn suits(records: &Records, column: &Column) -> bool {
    let (mut long, mut count, mut bytes) = (0, 0, 0);
    let mut seen = [false; 256];
    for (at, &record) in column.records.iter().enumerate().take(LOOKED_AT) {
        let value = column.value(at);
        count += 1;
        long += usize::from(value.len() == records.bases_of(record as usize).len());
        bytes += value.len();
        for &byte in value {
            seen[usize::from(byte)] = true;
        }
    }
    let symbols = seen.iter().filter(|&&seen| seen).count();
    let short = SHORT.contains(&column.tag) && column.kind == 8;
    bytes > count && symbols <= MOST_SYMBOLS && (short || long * 10 > count * 9)
}

impl Model {
    /// A model that knows no column.
    pub(super) fn new() -> Self {
        Self {
            columns: Vec::new(),
        }
    }

    /// Codes the values of a column of strings or bytes whose records are known, if this is the model for it; says
    /// whether it did. That is decided, and coded, when a tag is met first. Other columns may be looked at if complete.
    pub(super) fn code_column<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
        column: usize,
    ) -> Result<bool> {
        let mut own = std::mem::take(&mut records.columns[column]);
        let key = own.key();
        let mut known = self.columns.iter().position(|&(other, _)| other == key);
        if known.is_none() && self.columns.len() < KNOWN && matches!(own.kind, 8 | 10 | 11) {
            let taken = self.columns.iter().filter(|(_, one)| one.is_some()).count();
            let may = taken < COLUMNS;
            let chosen = may && !C::DECODES && suits(records, &own);
            let one = (may && number(coder, chosen.into(), 1) == 1).then(|| {
                if C::DECODES {
                    One::blank()
                } else {
                    One::fit(context, records, &own)
                }
            });
            known = Some(self.columns.len());
            self.columns.push((key, one));
        }
        let one = known.and_then(|at| self.columns[at].1.as_mut());
        let result = match one {
            Some(one) => one.code(coder, records, &mut own).map(|()| true),
            None => Ok(false),
        };
        records.columns[column] = own;
        result
    }
}

impl One {
    /// A decoder's model.
    fn blank() -> Self {
        Self {
            related: 0,
            turned: true,
            tree: Tree::of(&[0; 256]),
            learnt: None,
        }
    }

    /// The model for a column like this.
    fn fit(_: &Context<'_>, records: &Records, column: &Column) -> Self {
        let mut histogram = [0; 256];
        for &byte in &column.values {
            histogram[usize::from(byte)] += 1;
        }
        let mut best = Self {
            tree: Tree::of(&histogram),
            ..Self::blank()
        };
        let mut sample = column.clone();
        sample.records.truncate(TRIED);
        sample.ends.truncate(TRIED);
        let end = sample.ends.last().copied().unwrap_or(0);
        sample.values.truncate(end);
        let mut least = best.cost(records, &sample);
        let mut attempt = |related: u32, turned: bool| {
            let model = Self {
                related,
                turned,
                ..best.clone()
            };
            let cost = model.cost(records, &sample);
            // A sample is small: something must speak for a change.
            if cost + cost / 16 < least {
                (best, least) = (model, cost);
            }
            best.turned
        };
        let turned = attempt(0, false);
        let others = records.columns.iter();
        for other in others.filter(|other| other.complete && other.kind == column.kind) {
            attempt(name(other), turned);
        }
        best
    }

    /// What the column takes with a copy of this model, in bytes.
    fn cost(&self, records: &Records, column: &Column) -> usize {
        let mut encoder = Encoder::new();
        match self
            .clone()
            .code(&mut encoder, records, &mut column.clone())
        {
            Ok(()) => encoder.finish().len(),
            Err(_) => usize::MAX / 2,
        }
    }

    /// Codes the column, which is not among the records'.
    fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        column: &mut Column,
    ) -> Result<()> {
        if self.learnt.is_none() {
            self.related = number(coder, self.related, 21);
            self.turned = number(coder, self.turned.into(), 1) == 1;
            self.tree.code(coder);
            self.learnt = Some(Box::new(Learnt::new(self.tree.clone())));
        }
        let is_related = |other: &&Column| other.complete && name(other) == self.related;
        let related = records.columns.iter().find(is_related);
        match &mut self.learnt {
            Some(learnt) => learnt.column(coder, records, column, related, self.turned),
            None => Ok(()),
        }
    }
}

/// A column's tag and kind as a number.
fn name(column: &Column) -> u32 {
    u32::from(u16::from_be_bytes(column.tag)) << 5 | u32::from(column.kind)
}

#[cfg(test)]
mod tests;
