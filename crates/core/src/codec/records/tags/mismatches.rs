//! Where reads differ from the reference: the tag MD, which follows from the bases and the reference.
//!
//! The reference is not stored. What all reads of the chunk say and what earlier MDs revealed predicts it, and with it
//! each MD; a record whose MD is otherwise has the positions of the surprises coded.

use super::super::Records;
use super::facts::{Fact, Facts};
use super::pileup::{Class, DELETED, Site};
use super::reference::Reference;
use super::text;
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use crate::codec::wire::damaged;

/// What an MD says of a base: 0 that it is the reference's, else the reference's letter, 1 for A.
pub(crate) type Symbol = u8;

/// The model of MD.
#[derive(Clone)]
pub(crate) struct Model {
    ways: Mixer<4, 1>,
    counts: Mixer<3, 1>,
    changes: Mixer<4, 1>,
    letters: Mixer<4, 1>,
    last_way: u32,
}

/// Ways to code an MD: as expected, with surprises, as text.
const EXPECTED: u32 = 0;
const SURPRISES: u32 = 1;
const TEXT: u32 = 2;

impl Model {
    /// A model that has seen nothing.
    pub(crate) fn new() -> Self {
        Self {
            ways: Mixer::new(8, 1023),
            counts: Mixer::new(7, 400),
            changes: Mixer::new(10, 1023),
            letters: Mixer::new(8, 400),
            last_way: 0,
        }
    }

    /// Codes the column MD:Z with the number `column`, and tells `facts` of the mismatches.
    pub(crate) fn code_column<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        column: usize,
        facts: &mut Facts,
        reference: &mut Reference,
        texts: &mut text::Model,
    ) -> Result<()> {
        let mut taken = std::mem::take(&mut records.columns[column]);
        for at in 0..taken.records.len() {
            let record = taken.records[at] as usize;
            reference.turn(records, record);
            let truth = if C::DECODES { &[][..] } else { taken.value(at) };
            let room = records.limit.saturating_sub(taken.values.len());
            let mapq = u32::from(records.mapq[record]);
            let coded = match self.code_one(coder, &reference.sites, mapq, truth)? {
                Some(symbols) => {
                    learn(reference, &symbols, facts.of_mut(record));
                    if C::DECODES {
                        write(&symbols, &reference.sites)
                    } else {
                        Vec::new()
                    }
                }
                None => texts.code(coder, truth, 1, room)?,
            };
            if C::DECODES {
                taken.values.extend_from_slice(&coded);
                records.check_limit(taken.values.len())?;
                taken.ends.push(taken.values.len());
            }
        }
        records.columns[column] = taken;
        Ok(())
    }

    /// Codes one MD: what it says of the sites, or nothing if it is to be coded as text.
    fn code_one<C: Coder>(
        &mut self,
        coder: &mut C,
        sites: &[Site],
        mapq: u32,
        truth: &[u8],
    ) -> Result<Option<Vec<Symbol>>> {
        let plain = || -> Vec<Symbol> { sites.iter().map(|site| site.expected).collect() };
        let known = sites.iter().all(|site| site.class != Class::Unknown);
        let symbols = if C::DECODES {
            None
        } else {
            Some(plain())
                .filter(|symbols| known && !sites.is_empty() && write(symbols, sites) == truth)
                .or_else(|| parse(truth, sites))
        };
        let changed = |symbols: &Vec<Symbol>| {
            let pairs = symbols.iter().zip(sites);
            pairs
                .filter(|(symbol, site)| differs(**symbol, site))
                .count()
        };
        let changes = symbols.as_ref().map(changed);
        let way = match changes {
            None => TEXT,
            Some(0) => EXPECTED,
            Some(_) => SURPRISES,
        };
        let (risk, mismatches) = (risk(sites), mismatches(sites).min(30));
        let contexts = [
            hash(risk, self.last_way, 1, 0),
            hash(risk, mapq, 2, 0),
            hash(mismatches, risk / 4, 3, 0),
            hash(u32::from(sites.is_empty()), self.last_way, 4, 0),
        ];
        let way = self.ways.symbol(coder, way, 2, &contexts, 0, 0);
        self.last_way = (self.last_way << 2 | way) & 15;
        let mut left = match way {
            EXPECTED => 0,
            SURPRISES => {
                let count = changes.unwrap_or(1).max(1) as u64 - 1;
                let contexts = [risk, hash(mapq, 1, 0, 0), hash(mismatches, 2, 0, 0)];
                let count = self.counts.number(coder, count, &contexts, 0);
                count.saturating_add(1)
            }
            TEXT => return Ok(None),
            _ => return Err(damaged("an MD is coded in no known way")),
        };
        if sites.is_empty() {
            return Err(damaged("an MD follows from no alignment"));
        }
        if way == EXPECTED && known {
            return Ok(Some(plain()));
        }
        let mut coded = Vec::with_capacity(sites.len());
        let (mut since, mut before) = (0u32, 0u32);
        for (at, site) in sites.iter().enumerate() {
            let truth = symbols.as_ref().map_or(0, |symbols| symbols[at]);
            let mut symbol = site.expected;
            if site.class == Class::Unknown {
                symbol = self.letter(coder, truth, site, before);
            } else if left > 0 {
                let after = (sites.len() - at).ilog2();
                let class = hash(
                    site.class as u32,
                    site.operation.into(),
                    u32::from(symbol > 0),
                    0,
                );
                let contexts = [
                    hash(class, site.quality.into(), 1, 0),
                    hash(class, left.min(4) as u32, after, 2),
                    hash(class, site.base.into(), before, 3),
                    hash(class, since.min(6), symbol.into(), 4),
                ];
                self.changes.turn(&contexts, 0);
                let changes = truth != symbol;
                if self.changes.bit(coder, changes, 1, site.class as usize) {
                    left -= 1;
                    since = 0;
                    symbol = self.letter(coder, truth, site, before);
                }
                since += 1;
            }
            before = u32::from(site.base) | (before & 255) << 8;
            coded.push(symbol);
        }
        Ok(Some(coded))
    }

    fn letter<C: Coder>(
        &mut self,
        coder: &mut C,
        symbol: Symbol,
        site: &Site,
        before: u32,
    ) -> Symbol {
        let (base, class) = (u32::from(site.base), site.class as u32);
        let contexts = [
            hash(base, site.expected.into(), 1, class),
            hash(base, class, 2, 0),
            hash(base, before & 255, 3, 0),
            hash(base, before, 4, 0),
        ];
        let symbol = self
            .letters
            .symbol(coder, symbol.into(), 5, &contexts, 0, 16);
        symbol.min(26) as Symbol
    }
}

/// Whether an MD says something else of a site than expected.
fn differs(symbol: Symbol, site: &Site) -> bool {
    symbol != site.expected && site.class != Class::Unknown
}

/// How many sites are expected to be mismatches or deleted.
fn mismatches(sites: &[Site]) -> u32 {
    sites.iter().map(|site| u32::from(site.expected > 0)).sum()
}

/// How likely surprises are: twice the logarithm of their expected number.
pub(crate) fn risk(sites: &[Site]) -> u32 {
    let of = |site: &Site| match (site.class, site.quality) {
        (Class::Revealed, _) => 1,
        (Class::Agreed, _) => 4,
        (Class::Contested, _) => 16_000,
        (Class::Unknown, _) => 0,
        (Class::Alone, ..8) => 8000,
        (Class::Alone, 8..15) => 3000,
        (Class::Alone, 15..20) => 1000,
        (Class::Alone, 20..26) => 300,
        (Class::Alone, _) => 130,
    };
    let sum: u64 = sites.iter().map(of).sum();
    match sum {
        0 => 0,
        sum => 2 * sum.ilog2() + (sum >> (sum.ilog2().max(1) - 1) & 1) as u32,
    }
}

/// Learns from an MD.
fn learn(reference: &mut Reference, symbols: &[Symbol], fact: &mut Fact) {
    (fact.mismatches, fact.mismatch_quality, fact.certain) = (0, 0, true);
    for (site, &symbol) in reference.sites.iter().zip(symbols) {
        if site.class != Class::Revealed || symbol != site.expected {
            reference.pileup.reveal(site, symbol);
        }
        if symbol > 0 && site.base != DELETED {
            fact.mismatches += 1;
            fact.mismatch_quality += i64::from(site.quality);
        }
    }
}

/// The symbols that an MD gives the sites, if it can be written from them again.
pub(crate) fn parse(text: &[u8], sites: &[Site]) -> Option<Vec<Symbol>> {
    let mut symbols = Vec::with_capacity(sites.len());
    let (mut at, mut deleted) = (0, false);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'0'..=b'9' => {
                let mut count = usize::from(byte - b'0');
                while let Some(digit @ b'0'..=b'9') = text.get(at) {
                    count = count
                        .checked_mul(10)?
                        .checked_add(usize::from(digit - b'0'))?;
                    at += 1;
                }
                if count > sites.len() - symbols.len() {
                    return None;
                }
                symbols.resize(symbols.len() + count, 0);
                deleted = false;
            }
            b'^' => deleted = true,
            b'A'..=b'Z' => {
                let site = sites.get(symbols.len())?;
                if deleted != (site.base == DELETED) {
                    return None;
                }
                symbols.push(byte - b'A' + 1);
            }
            _ => return None,
        }
    }
    (!sites.is_empty() && symbols.len() == sites.len() && write(&symbols, sites) == text)
        .then_some(symbols)
}

/// The MD that symbols make.
pub(crate) fn write(symbols: &[Symbol], sites: &[Site]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut run = 0u32;
    for (symbol, site) in symbols.iter().zip(sites) {
        let letter = symbol.max(&1) + b'A' - 1;
        if site.base == DELETED {
            if site.first {
                put(&mut text, run);
                text.push(b'^');
                run = 0;
            }
            text.push(letter);
        } else if *symbol > 0 {
            put(&mut text, run);
            text.push(letter);
            run = 0;
        } else {
            run += 1;
        }
    }
    put(&mut text, run);
    text
}

/// Appends a number in decimal.
pub(crate) fn put(text: &mut Vec<u8>, number: u32) {
    if number >= 10 {
        put(text, number / 10);
    }
    text.push(b'0' + (number % 10) as u8);
}
