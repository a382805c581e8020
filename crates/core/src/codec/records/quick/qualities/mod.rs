//! Qualities, given the alignments and the bases: by scores (see `mixing::scores`), a step for each quality, or for a run of
//! the usual one where nearly all are the same.
//!
//! A record that has none costs a flag, and so does one whose read stood in the chunk before with the same qualities. Records
//! with original qualities are [`recalibrated`], and come first.

mod alphabet;
mod contexts;
mod reader;
mod recalibrated;
mod runs;

use crate::Result;
use crate::codec::mixing::{Coder, Slot};
use crate::codec::records::qualities::reading::Reading;
use crate::codec::records::qualities::repeats::{self, Repeats};
use crate::codec::records::qualities::{is_missing, recalibrated as thorough};
use crate::codec::records::quick::plain::{bits, flag};
use crate::codec::records::{Context, Level, Records, part};
use crate::codec::wire::damaged;
use alphabet::Alphabet;
use reader::{Read, Reader};

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
    /// Whether tables have 8 times as many rows.
    large: bool,
    /// Whether two reads are coded at once, so that the CPU need not wait for either. Archives of version 3 do not.
    pairs: bool,
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
    recalibrated: Option<Recalibrated>,
}

/// The model of records with original qualities.
#[derive(Clone)]
enum Recalibrated {
    /// Archives of versions 3 and 4 have this one.
    Thorough(Box<thorough::Model>),
    Quick(Box<recalibrated::Model>),
}

/// The number of [`Recalibrated::Quick`]; those below are levels of the other.
const QUICK: u64 = 3;

impl Model {
    /// The model for records like these.
    pub(crate) fn fit(level: Level, _: &Context<'_>, records: &Records) -> Self {
        Self::fit_plain(level, records)
    }

    /// The model for qualities that nothing else tells.
    fn fit_plain(level: Level, records: &Records) -> Self {
        let mut model = Self::blank();
        let known = |&record: &usize| !is_missing(records.qualities_of(record));
        let strings = || {
            (0..records.count)
                .filter(known)
                .map(|record| records.qualities_of(record))
        };
        let alphabet = Alphabet::of(strings());
        let reads = strings().count();
        let symbols: usize = strings().map(<[u8]>::len).sum();
        let usual = runs::usual(strings(), &alphabet);
        model.parameters = Parameters {
            alphabet,
            long: symbols / reads.max(1) > LONG,
            large: level == Level::Max,
            // Among runs the CPU cannot guess what comes next in either of two reads.
            pairs: usual.is_none(),
            usual,
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
        if thorough::suits(records) {
            self.code_recalibrated(coder, context, records, &mut done)?;
        }
        self.code_plain(coder, records, &done)?;
        coder.charge(KEY);
        Ok(())
    }

    /// The level that the model is for.
    fn level(&self) -> Level {
        if self.parameters.large {
            Level::Max
        } else {
            Level::Default
        }
    }

    /// Codes the records with original qualities; notes them in `done`.
    fn code_recalibrated<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
        done: &mut [bool],
    ) -> Result<()> {
        let mut model = match self.recalibrated.take() {
            Some(model) => model,
            None => match bits(coder, QUICK, 2) {
                QUICK => {
                    let model = if C::DECODES {
                        recalibrated::Model::blank()
                    } else {
                        recalibrated::Model::fit(self.level(), records)
                    };
                    Recalibrated::Quick(Box::new(model))
                }
                level => {
                    let model = thorough::Model::blank_at(level as u32)?;
                    Recalibrated::Thorough(Box::new(model))
                }
            },
        };
        let coded = match &mut model {
            Recalibrated::Thorough(model) => model.code(coder, context, records, done),
            Recalibrated::Quick(model) => model.code(coder, records, done),
        };
        self.recalibrated = Some(model);
        coded
    }

    /// Codes the qualities of the records that are not `done`.
    fn code_plain<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        done: &[bool],
    ) -> Result<()> {
        if done.iter().all(|&done| done) {
            return Ok(());
        }
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => {
                self.parameters(coder)?;
                Box::new(Reader::new(&self.parameters))
            }
        };
        self.code_records(&mut reader, coder, records, done);
        self.reader = Some(reader);
        Ok(())
    }

    /// Codes what the model is made with.
    fn parameters<C: Coder>(&mut self, coder: &mut C) -> Result<()> {
        let given = &mut self.parameters;
        given.alphabet.code(coder)?;
        given.long = bits(coder, given.long.into(), 1) == 1;
        let sizes = (3 * u64::from(given.large)) ^ u64::from(given.pairs);
        let sizes = bits(coder, sizes, 2);
        (given.large, given.pairs) = (sizes >= 2, matches!(sizes, 1 | 2));
        let usual = given.usual.map_or(0, |usual| usual + 1);
        given.usual = (bits(coder, usual as u64, 8) as usize).checked_sub(1);
        if given.pairs && given.usual.is_some() {
            return Err(damaged("reads with runs of a quality are coded in pairs"));
        }
        Ok(())
    }

    /// Codes the records that are not `done`: one read after the other, or two at once, a step of each in turn.
    fn code_records<C: Coder>(
        &mut self,
        reader: &mut Reader,
        coder: &mut C,
        records: &mut Records,
        done: &[bool],
    ) {
        let mut repeats = Repeats::default();
        let mut means = vec![0; records.count];
        let mut left = (0..records.count)
            .filter(|&record| !done[record])
            .peekable();
        let mut reads = [Read::default(), Read::default()];
        loop {
            for place in 0..1 + usize::from(self.parameters.pairs) {
                while reads[place].is_done() {
                    let beside = reads[1 - place].record();
                    // What may be repeated must be known.
                    let knows = |&record: &usize| {
                        !repeats::sources(records, record).any(|source| Some(source) == beside)
                    };
                    let Some(record) = left.next_if(knows) else {
                        break;
                    };
                    let read = &mut reads[place];
                    let opened = self.open(coder, records, record, read, &mut repeats);
                    let mate = records.linked(record).map_or(0, |other| means[other]);
                    match opened {
                        Opened::Ended => {}
                        Opened::Repeated => means[record] = mate,
                        Opened::Read => reader.start(read, records, record, mate),
                    }
                }
            }
            if !reader.read(coder, &mut reads) {
                return;
            }
            for read in &mut reads {
                if let Some(record) = read.end(records) {
                    means[record] = reader.mean(read);
                }
            }
        }
    }

    /// Codes a record's flags; gives whether its qualities follow, for which `read` is ready then.
    fn open<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        record: usize,
        read: &mut Read,
        repeats: &mut Repeats,
    ) -> Opened {
        let range = part(&records.base_ends, record);
        if range.is_empty() {
            return Opened::Ended;
        }
        let missing = !C::DECODES && is_missing(&records.qualities[range.clone()]);
        self.before = flag(coder, missing, &mut self.missing[usize::from(self.before)]);
        if self.before {
            records.qualities[range].fill(0xff);
            return Opened::Ended;
        }
        read.reading.turn(records, record);
        repeats.find(records, record, &read.reading, |other| {
            !is_missing(records.qualities_of(other))
        });
        if repeats.is_whole() && self.repeat(coder, records, &read.reading, repeats) {
            return Opened::Repeated;
        }
        Opened::Read
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

/// How a record begins.
enum Opened {
    /// Nothing follows.
    Ended,
    /// It has the qualities of an earlier record.
    Repeated,
    /// Its qualities follow.
    Read,
}

#[cfg(test)]
mod tests;
