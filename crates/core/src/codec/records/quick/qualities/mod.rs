//! Qualities, given the alignments and the bases: by scores (see `mixing::scores`), a step for each quality, or for a run of
//! the usual one where nearly all are the same.
//!
//! A record that has none costs a flag, and so does one whose read stood in the chunk before with the same qualities. Records
//! with original qualities are left to the thorough model of recalibrated ones.

mod alphabet;
mod contexts;
mod reader;
mod runs;

use crate::Result;
use crate::codec::mixing::{Coder, Slot};
use crate::codec::records::qualities::reading::Reading;
use crate::codec::records::qualities::repeats::Repeats;
use crate::codec::records::qualities::{is_missing, recalibrated};
use crate::codec::records::quick::plain::{bits, flag};
use crate::codec::records::{Context, Level, Records, part};
use alphabet::Alphabet;
use reader::Reader;

/// Key of the qualities' stream.
const KEY: u32 = 32;

/// Reads are long when their mean is above this many bases.
const LONG: usize = 300;

/// How a model is made.
#[derive(Clone, Default)]
struct Parameters {
    alphabet: Alphabet,
    /// Whether reads are long: then what lies around a base counts, and not where it is.
    long: bool,
    /// The number of the quality that comes in runs.
    usual: Option<usize>,
    /// Bits more or less that tables have.
    size: i32,
}

/// The model of a chunk's qualities.
#[derive(Clone)]
pub(crate) struct Model {
    parameters: Parameters,
    /// Made when the first chunk is coded.
    reader: Option<Box<Reader>>,
    /// Whether a record has no qualities, by whether the one before had none.
    missing: [Slot; 2],
    before: bool,
    /// Whether a record has the qualities of an earlier one, by whether the last that could did.
    same: [Slot; 2],
    repeated: bool,
    /// Of records with original qualities; made when the first come.
    recalibrated: Option<recalibrated::Model>,
}

impl Model {
    /// The model for records like these.
    pub(crate) fn fit(level: Level, context: &Context<'_>, records: &Records) -> Self {
        let mut model = Self::blank();
        if recalibrated::suits(records) {
            let fitted = recalibrated::Model::fit(level, context, &mut records.clone());
            model.recalibrated = Some(fitted);
        }
        let known = |&record: &usize| !is_missing(records.qualities_of(record));
        let strings = || {
            (0..records.count)
                .filter(known)
                .map(|record| records.qualities_of(record))
        };
        let alphabet = Alphabet::of(strings());
        let reads = strings().count();
        let symbols: usize = strings().map(<[u8]>::len).sum();
        // The best level takes the time to look at each quality.
        let runs = level != Level::Max || alphabet.len() < 2;
        model.parameters = Parameters {
            usual: runs::usual(strings(), &alphabet).filter(|_| runs),
            alphabet,
            long: symbols / reads.max(1) > LONG,
            size: if level == Level::Max { 3 } else { 0 },
        };
        model
    }

    /// A decoder's model.
    pub(crate) fn blank() -> Self {
        Self {
            parameters: Parameters::default(),
            reader: None,
            missing: [Slot::NEW; 2],
            before: false,
            same: [Slot::NEW; 2],
            repeated: false,
            recalibrated: None,
        }
    }

    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        if C::DECODES {
            records.qualities = vec![0; records.bases.len()];
        }
        let mut done = vec![false; records.count];
        if recalibrated::suits(records) {
            let model = self.recalibrated.get_or_insert_with(|| {
                if C::DECODES {
                    recalibrated::Model::blank()
                } else {
                    recalibrated::Model::fit(Level::Fast, context, &mut records.clone())
                }
            });
            model.code(coder, context, records, &mut done)?;
        }
        if done.iter().any(|&done| !done) {
            let mut reader = match self.reader.take() {
                Some(reader) => reader,
                None => {
                    self.parameters(coder)?;
                    Box::new(Reader::new(&self.parameters))
                }
            };
            self.code_records(&mut reader, coder, records, &done);
            self.reader = Some(reader);
        }
        coder.charge(KEY);
        Ok(())
    }

    /// Codes what the model is made with.
    fn parameters<C: Coder>(&mut self, coder: &mut C) -> Result<()> {
        let given = &mut self.parameters;
        given.alphabet.code(coder)?;
        given.long = bits(coder, given.long.into(), 1) == 1;
        given.size = bits(coder, given.size as u64, 2) as i32;
        let usual = given.usual.map_or(0, |usual| usual + 1);
        given.usual = (bits(coder, usual as u64, 8) as usize).checked_sub(1);
        Ok(())
    }

    /// Codes the records that are not `done`.
    fn code_records<C: Coder>(
        &mut self,
        reader: &mut Reader,
        coder: &mut C,
        records: &mut Records,
        done: &[bool],
    ) {
        let mut reading = Reading::default();
        let mut repeats = Repeats::default();
        let mut means = vec![0; records.count];
        for record in 0..records.count {
            let range = part(&records.base_ends, record);
            if done[record] || range.is_empty() {
                continue;
            }
            let missing = !C::DECODES && is_missing(&records.qualities[range.clone()]);
            self.before = flag(coder, missing, &mut self.missing[usize::from(self.before)]);
            if self.before {
                records.qualities[range].fill(0xff);
                continue;
            }
            reading.turn(records, record);
            repeats.find(records, record, &reading, |other| {
                !is_missing(records.qualities_of(other))
            });
            if repeats.is_whole() && self.repeat(coder, records, &reading, &repeats) {
                means[record] = records.linked(record).map_or(0, |other| means[other]);
                continue;
            }
            let mate = records.linked(record).map_or(0, |other| means[other]);
            means[record] = reader.read(coder, records, record, &reading, mate);
        }
    }

    /// Codes whether all qualities are those of an earlier record of the read; takes them if so.
    fn repeat<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        reading: &Reading,
        repeats: &Repeats,
    ) -> bool {
        let mut hints = repeats.hints.iter().enumerate();
        let same =
            hints.all(|(at, &hint)| u16::from(records.qualities[reading.place(at)]) + 1 == hint);
        self.repeated = flag(coder, same, &mut self.same[usize::from(self.repeated)]);
        if self.repeated {
            for (at, &hint) in repeats.hints.iter().enumerate() {
                records.qualities[reading.place(at)] = (hint - 1) as u8;
            }
        }
        self.repeated
    }
}

#[cfg(test)]
mod tests;
