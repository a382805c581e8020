//! Names of the records that are the first of their name; the others repeat the name of the record they are linked to.

mod text;

use crate::Result;
use crate::codec::mixing::Coder;
use crate::codec::records::{Context, Level, Records, part};
use crate::codec::wire::damaged;
use text::{Alphabet, Text};

/// Most characters of a name: BAM stores the length, with a NUL, in a byte.
const LONGEST: usize = 254;

/// The stream that names are charged to.
const KEY: u32 = 24;

/// Characters that the parameters give low ranks.
const RANKED: usize = 20;

/// What is known of names.
#[derive(Clone)]
pub(crate) struct Model {
    started: bool,
    alphabet: Vec<u8>,
    text: Text,
    /// The last name that was coded.
    last: Vec<u8>,
}

impl Model {
    /// For an encoder: looks at the names that will be coded.
    pub(crate) fn fit(_level: Level, _context: &Context<'_>, records: &Records) -> Self {
        let mut counts = [0u32; 256];
        for record in 0..records.count {
            if records.links[record] == 0 {
                for &byte in records.name_of(record) {
                    counts[usize::from(byte)] += 1;
                }
                counts[0] += 1;
            }
        }
        let mut bytes: Vec<u8> = (0..=255)
            .filter(|&byte| counts[usize::from(byte)] > 0)
            .collect();
        bytes.sort_by_key(|&byte| u32::MAX - counts[usize::from(byte)]);
        bytes.truncate(RANKED);
        Self {
            alphabet: bytes,
            ..Self::blank()
        }
    }

    /// For a decoder: knows nothing yet.
    pub(crate) fn blank() -> Self {
        Self {
            started: false,
            alphabet: Vec::new(),
            text: Text::new(Alphabet::new(&[])),
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
            self.parameters(coder);
        }
        let mut name = Vec::with_capacity(LONGEST);
        let mut place = (0, 0);
        for record in 0..records.count {
            if records.links[record] > 0 {
                if C::DECODES {
                    repeat(records, record)?;
                }
                continue;
            }
            name.clear();
            let here = (records.references[record], records.positions[record]);
            let hint = u32::from(here == place);
            place = here;
            let given = if C::DECODES {
                &[][..]
            } else {
                records.name_of(record)
            };
            self.text
                .code(coder, given, &self.last, (0, hint), &mut name)?;
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

    fn parameters<C: Coder>(&mut self, coder: &mut C) {
        let count = direct(coder, self.alphabet.len() as u32, 5);
        self.alphabet.resize(count as usize, 0);
        for byte in &mut self.alphabet {
            *byte = direct(coder, (*byte).into(), 8) as u8;
        }
        self.text.alphabet = Alphabet::new(&self.alphabet);
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

/// Codes `bits` bits that nothing is known about.
fn direct<C: Coder>(coder: &mut C, value: u32, bits: u32) -> u32 {
    (0..bits).rev().fold(0, |done, shift| {
        done << 1 | u32::from(coder.code(value >> shift & 1 == 1, 1 << 15))
    })
}

#[cfg(test)]
mod tests;
