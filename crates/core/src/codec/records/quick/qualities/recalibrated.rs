//! Recalibrated qualities by scores: the original ones (tag OQ) first, as qualities are coded that nothing tells of, then what
//! a recalibration made of them.

mod given;
mod read;

use super::Model as Plain;
use crate::Result;
use crate::codec::mixing::{Coder, Slot};
use crate::codec::records::qualities::is_missing;
use crate::codec::records::qualities::recalibrated::{NONE, Odd, code_originals, find, gather};
use crate::codec::records::quick::plain::flag;
use crate::codec::records::{Level, Records, part};
use given::Given;
use read::Read;

/// The model of OQ and the qualities of records that have it.
#[derive(Clone)]
pub(super) struct Model {
    originals: Plain,
    odd: Odd,
    /// Whether a record with original qualities has none of its own.
    missing: Slot,
    given: Given,
}

impl Model {
    /// The model for records like these.
    pub(super) fn fit(level: Level, records: &mut Records) -> Self {
        let column = find(records).unwrap_or(0);
        let mut originals = gather(records, &records.columns[column]);
        let given = Given::fit(&records.qualities, &originals);
        std::mem::swap(&mut records.qualities, &mut originals);
        let plain = Plain::fit_plain(level, records);
        records.qualities = originals;
        Self::of(plain, given)
    }

    /// A decoder's model.
    pub(super) fn blank() -> Self {
        Self::of(Plain::blank(), Given::blank())
    }

    fn of(originals: Plain, given: Given) -> Self {
        Self {
            originals,
            odd: Odd::new(),
            missing: Slot::NEW,
            given,
        }
    }

    /// Codes the OQ column and the qualities of the records whose value in it is as long as they are. Their number
    /// stands in `done` then. If there is no such column, does nothing.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        done: &mut [bool],
    ) -> Result<()> {
        let Some(column) = find(records) else {
            return Ok(());
        };
        let originals = code_originals::<C>(records, column, |records, without| {
            self.originals.code_plain(coder, records, without)
        })?;
        self.odd
            .complete(coder, records, column, &originals, done)?;
        coder.charge(records.columns[column].key());
        self.given.parameters(coder);
        let mut read = Read::default();
        for record in (0..records.count).filter(|&record| done[record]) {
            let range = part(&records.base_ends, record);
            let missing = !C::DECODES && is_missing(&records.qualities[range.clone()]);
            if flag(coder, missing, &mut self.missing) {
                records.qualities[range].fill(NONE);
                continue;
            }
            read.turn(records, &originals, record);
            self.given.code(coder, &mut read);
            read.end(records);
        }
        coder.charge(super::KEY);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
