//! MC: the mate's CIGAR as text. It is known where the mate stands in the chunk; else the mate is expected to be as long as the
//! record and to match all along, and what it is instead is coded as in the thorough model.

use super::super::super::Records;
use super::super::super::tags::facts::Extent;
use super::super::super::tags::mismatches::put;
use super::super::super::tags::{mates, text};
use super::super::plain::flag;
use crate::Result;
use crate::codec::mixing::{Coder, Slot};

/// The model of what is not as expected.
#[derive(Clone)]
pub(super) struct Model {
    texts: Slot,
    cigars: Option<Box<mates::Model>>,
    spelt: Option<Box<text::Model>>,
}

/// What the MC of the record at hand is expected to be.
#[derive(Default)]
pub(super) struct Expected {
    pub(super) text: Vec<u8>,
    /// The CIGAR that `text` is of, if it has one operation.
    single: Option<u32>,
}

impl Expected {
    fn set(&mut self, cigar: &[u32]) {
        let single = match cigar {
            [word] => Some(*word),
            _ => None,
        };
        if single.is_some() && single == self.single {
            return;
        }
        self.single = single;
        self.text.clear();
        for word in cigar {
            put(&mut self.text, word >> 4);
            self.text.push(b"MIDNSHP=X???????"[(word & 15) as usize]);
        }
        if cigar.is_empty() {
            self.text.push(b'*');
        }
    }

    /// Sets what the MC of a record is expected to be; gives how far that is known.
    pub(super) fn expect(
        &mut self,
        records: &Records,
        record: usize,
        mate: Option<usize>,
    ) -> usize {
        match mate {
            Some(mate) => {
                self.set(records.cigar_of(mate));
                0
            }
            None => {
                self.set(&[records.lengths[record] << 4]);
                relation(records, record)
            }
        }
    }
}

/// What the template length says of a mate outside of the chunk: 1 nothing, 2 that it spans as many bases as the record has,
/// 3 that it does not.
fn relation(records: &Records, record: usize) -> usize {
    let length = i64::from(records.template_lengths[record]);
    if length <= 0 || records.references[record] != records.mate_references[record] {
        return 1;
    }
    let span =
        i64::from(records.positions[record]) + length - i64::from(records.mate_positions[record]);
    if span == i64::from(records.lengths[record]) {
        2
    } else {
        3
    }
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            texts: Slot::expecting(1 << 10, 2),
            cigars: None,
            spelt: None,
        }
    }

    /// Codes an MC that is not as expected; gives it, of at most `most` bytes when decoding.
    pub(super) fn surprise<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: &[u8],
        records: &Records,
        record: usize,
        most: usize,
    ) -> Result<Vec<u8>> {
        let cigar = if C::DECODES {
            None
        } else {
            mates::parse(truth)
        };
        if flag(coder, cigar.is_none(), &mut self.texts) {
            let spelt = self
                .spelt
                .get_or_insert_with(|| Box::new(text::Model::new()));
            return spelt.code(coder, truth, 2, most);
        }
        let cigars = self
            .cigars
            .get_or_insert_with(|| Box::new(mates::Model::new()));
        let cigar = cigars.other(coder, &cigar.unwrap_or_default(), records, record, most / 2)?;
        Ok(mates::write(&cigar))
    }
}

/// What the mate takes, if an MC says it in words that are understood.
pub(super) fn told(text: &[u8]) -> Option<Extent> {
    mates::parse(text).map(|cigar| Extent::of(&cigar))
}
