//! Names of the records that are the first of their name; the others repeat the name of the record they are linked to.
//!
//! Most sequencers give names of one shape: a text that few runs share, some numbers (tile, coordinates, counters),
//! perhaps a text with barcodes. These are taken apart and every part is coded by itself; other names are coded
//! character by character.

mod fit;
mod lattice;
mod numbers;
mod parts;
mod places;
mod shape;
mod text;
mod values;

use crate::Result;
use crate::codec::mixing::Coder;
use crate::codec::records::{Context, Level, Records, part};
use crate::codec::wire::damaged;
use numbers::direct;
use parts::PartsModel;
use places::Places;
use shape::Shape;
use text::{Alphabet, Text};

/// Most characters of a name: BAM stores the length, with a NUL, in a byte.
const LONGEST: usize = 254;

/// The stream that names are charged to.
const KEY: u32 = 24;

/// Characters that the parameters give low ranks.
const RANKED: usize = 20;

/// Kinds of texts: whole names, heads, tails.
const NAME: u32 = 0;
const HEAD: u32 = 1;
const TAIL: u32 = 2;

/// What is known of names.
#[derive(Clone)]
pub(crate) struct Model {
    started: bool,
    alphabet: Vec<u8>,
    /// Whether most names hold texts that are not those of others.
    many_texts: bool,
    text: Text,
    shape: Option<Shape>,
    parts: PartsModel,
    /// The last name that was coded.
    last: Vec<u8>,
}

impl Model {
    /// For an encoder: looks at the names that will be coded.
    pub(crate) fn fit(_level: Level, _context: &Context<'_>, records: &Records) -> Self {
        let new = (0..records.count).filter(|&record| records.links[record] == 0);
        let names: Vec<&[u8]> = new.map(|record| records.name_of(record)).collect();
        let shape = fit::fit(&names);
        let mut counts = [0u32; 256];
        let (mut texts, mut before) = (0, &b""[..]);
        for &name in &names {
            // Characters that the texts will hold.
            let parts = shape.as_ref().and_then(|shape| shape.parse(name));
            let text = parts.map_or(name, |parts| parts.tail);
            texts += usize::from(text != before);
            before = text;
            for &byte in text {
                counts[usize::from(byte)] += 1;
            }
            counts[0] += 1;
        }
        let mut alphabet: Vec<u8> = (0..=255)
            .filter(|&byte| counts[usize::from(byte)] > 0)
            .collect();
        alphabet.sort_by_key(|&byte| u32::MAX - counts[usize::from(byte)]);
        alphabet.truncate(RANKED);
        Self {
            alphabet,
            many_texts: texts * 20 > names.len(),
            shape,
            ..Self::blank()
        }
    }

    /// For a decoder: knows nothing yet.
    pub(crate) fn blank() -> Self {
        Self {
            started: false,
            alphabet: Vec::new(),
            many_texts: false,
            text: Text::new(Alphabet::new(&[]), false),
            shape: None,
            parts: PartsModel::default(),
            last: Vec::new(),
        }
    }

    /// Codes the names, and before the first chunk the parameters.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        _context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        if !std::mem::replace(&mut self.started, true) {
            self.parameters(coder)?;
        }
        let mut name = Vec::with_capacity(LONGEST);
        let mut places = Places::new(records);
        for record in 0..records.count {
            if records.links[record] > 0 {
                if C::DECODES {
                    repeat(records, record)?;
                }
                places.repeat(records, record);
                continue;
            }
            name.clear();
            self.name(coder, records, record, &mut places, &mut name)?;
            if C::DECODES {
                records.check_limit(records.names.len() + name.len())?;
                records.names.extend_from_slice(&name);
                records.name_ends.push(records.names.len());
            }
            std::mem::swap(&mut self.last, &mut name);
        }
        coder.charge(KEY);
        Ok(())
    }

    /// Codes a new name into `out`.
    fn name<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        record: usize,
        places: &mut Places,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let name = if C::DECODES {
            &[][..]
        } else {
            records.name_of(record)
        };
        if let Some(shape) = &self.shape {
            let given = shape.parse(name);
            if self.parts.has_shape(coder, given.is_some()) {
                return self.parts.code(
                    coder,
                    shape,
                    &mut self.text,
                    given.as_ref(),
                    (records, record, places),
                    out,
                );
            }
        }
        let hint = u32::from(places.is_same(record));
        self.text.code(coder, name, &self.last, (NAME, hint), out)
    }

    fn parameters<C: Coder>(&mut self, coder: &mut C) -> Result<()> {
        let count = direct(coder, self.alphabet.len() as u64, 5);
        self.alphabet.resize(count as usize, 0);
        for byte in &mut self.alphabet {
            *byte = direct(coder, (*byte).into(), 8) as u8;
        }
        self.many_texts = coder.code(self.many_texts, 1 << 15);
        self.text = Text::new(Alphabet::new(&self.alphabet), self.many_texts);
        if coder.code(self.shape.is_some(), 1 << 15) {
            let mut shape = self.shape.take().unwrap_or_default();
            shape.code(coder)?;
            self.parts = PartsModel::new(&shape);
            self.shape = Some(shape);
        }
        Ok(())
    }
}

/// Appends the name of the record that `record` is linked to.
fn repeat(records: &mut Records, record: usize) -> Result<()> {
    let from = records.linked(record);
    let from = from.ok_or_else(|| damaged("a record is linked to none"))?;
    let name = part(&records.name_ends, from);
    records.check_limit(records.names.len() + name.len())?;
    records.names.extend_from_within(name);
    records.name_ends.push(records.names.len());
    Ok(())
}

#[cfg(test)]
mod tests;
