//! Where reads differ from the reference: the tag MD, which follows from the bases and the reference.
//!
//! The reference is not stored. What all reads of the chunk say and what earlier MDs revealed predicts it, and with it
//! each MD; a record whose MD is otherwise has the positions of the surprises coded.

use super::super::{Context, Records};
use super::facts::Facts;
use super::pileup::{Cell, DELETED, NOWHERE, Pileup, Site};
use super::text;
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use crate::codec::wire::damaged;

/// Letters of BAM's base codes, and of a deleted base.
const LETTERS: &[u8; 17] = b"=ACMGRSVTWYHKDBN?";

/// What an MD says of a base: 0 that it is the reference's, else the reference's letter, 1 for A.
type Symbol = u8;

/// How much is known of a site's reference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// An MD has said it.
    Revealed,
    /// Several reads agree.
    Agreed,
    /// Reads disagree.
    Contested,
    /// Only this read covers it.
    Alone,
    /// Nothing.
    Unknown,
}

/// What a site is expected to be.
#[derive(Clone, Copy)]
struct Guess {
    symbol: Symbol,
    class: Class,
}

/// The model of MD.
#[derive(Clone)]
pub(crate) struct Model {
    ways: Mixer<4, 16>,
    counts: Mixer<3, 8>,
    changes: Mixer<4, 16>,
    letters: Mixer<4, 16>,
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

    /// Codes the column MD:Z with the number `column`, if there is one, and completes `facts` with the mismatches.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
        column: Option<usize>,
        facts: &mut Facts,
        texts: &mut text::Model,
    ) -> Result<()> {
        let mut pileup = Pileup::new(records);
        let mut told = vec![false; records.count];
        let mut sites = Vec::new();
        if let Some(column) = column {
            let mut taken = std::mem::take(&mut records.columns[column]);
            for at in 0..taken.records.len() {
                let record = taken.records[at] as usize;
                pileup.sites(records, record, &mut sites);
                let truth = if C::DECODES { &[][..] } else { taken.value(at) };
                let room = records.limit.saturating_sub(taken.values.len());
                let mut one = One {
                    context,
                    records,
                    record,
                    pileup: &mut pileup,
                    sites: &sites,
                    guesses: Vec::new(),
                    told: &mut told[record],
                };
                let coded = self.code_one(coder, &mut one, truth, facts, texts, room)?;
                if C::DECODES {
                    taken.values.extend_from_slice(&coded);
                    records.check_limit(taken.values.len())?;
                    taken.ends.push(taken.values.len());
                }
            }
            records.columns[column] = taken;
        }
        for record in (0..records.count).filter(|&record| !told[record]) {
            pileup.sites(records, record, &mut sites);
            complete(
                facts,
                record,
                &guesses(context, records, record, &pileup, &sites),
                &sites,
            );
        }
        Ok(())
    }

    fn code_one<C: Coder>(
        &mut self,
        coder: &mut C,
        one: &mut One<'_>,
        truth: &[u8],
        facts: &mut Facts,
        texts: &mut text::Model,
        room: usize,
    ) -> Result<Vec<u8>> {
        one.guesses = guesses(one.context, one.records, one.record, one.pileup, one.sites);
        let symbols = if C::DECODES {
            None
        } else {
            parse(truth, one.sites)
        };
        let changed = |symbols: &Vec<Symbol>| {
            let pairs = symbols.iter().zip(&one.guesses);
            pairs
                .filter(|(symbol, guess)| guess.class != Class::Unknown && **symbol != guess.symbol)
                .count()
        };
        let changes = symbols.as_ref().map(changed);
        let way = match changes {
            None => TEXT,
            Some(0) => EXPECTED,
            Some(_) => SURPRISES,
        };
        let risk = risk(one.sites, &one.guesses);
        let mapq = u32::from(one.records.mapq[one.record]);
        let mismatches = one.guesses.iter().filter(|guess| guess.symbol > 0).count();
        let contexts = [
            hash(risk, self.last_way, 1, 0),
            hash(risk, mapq, 2, 0),
            hash(mismatches.min(30) as u32, risk / 4, 3, 0),
            hash(u32::from(one.sites.is_empty()), self.last_way, 4, 0),
        ];
        let way = self.ways.symbol(coder, way, 2, &contexts, 0, 0);
        self.last_way = (self.last_way << 2 | way) & 15;
        if way >= TEXT {
            let text = texts.code(coder, truth, 1, room)?;
            // Mismatches are the letters that do not stand behind a ^.
            if way != TEXT {
                return Err(damaged("an MD is coded in no known way"));
            }
            return Ok(text);
        }
        if one.sites.is_empty() {
            return Err(damaged("an MD follows from no alignment"));
        }
        let mut left = if way == SURPRISES {
            let count = changes.unwrap_or(1) as u64 - 1;
            let contexts = [
                risk,
                hash(mapq, 1, 0, 0),
                hash(mismatches.min(30) as u32, 2, 0, 0),
            ];
            self.counts
                .number(coder, count, &contexts, 0)
                .saturating_add(1)
        } else {
            0
        };
        let mut coded = Vec::with_capacity(one.sites.len());
        let (mut since, mut before) = (0u32, 0u32);
        for (at, (site, guess)) in one.sites.iter().zip(&one.guesses).enumerate() {
            let truth = symbols.as_ref().map_or(0, |symbols| symbols[at]);
            let mut symbol = guess.symbol;
            if guess.class == Class::Unknown {
                symbol = self.letter(coder, truth, site, guess, before);
            } else if left > 0 {
                let class = hash(
                    guess.class as u32,
                    u32::from(site.operation),
                    u32::from(symbol > 0),
                    0,
                );
                let after = (one.sites.len() - at).ilog2();
                let contexts = [
                    hash(class, site.quality.into(), 1, 0),
                    hash(class, left.min(4) as u32, after, 2),
                    hash(class, site.base.into(), before, 3),
                    hash(class, since.min(6), symbol.into(), 4),
                ];
                self.changes.turn(&contexts, 0);
                if self
                    .changes
                    .bit(coder, truth != symbol, 1, guess.class as usize)
                {
                    left -= 1;
                    since = 0;
                    symbol = self.letter(coder, truth, site, guess, before);
                }
                since += 1;
            }
            before = u32::from(site.base) | (before & 255) << 8;
            coded.push(symbol);
        }
        one.tell(&coded, facts);
        Ok(write(&coded, one.sites))
    }

    fn letter<C: Coder>(
        &mut self,
        coder: &mut C,
        symbol: Symbol,
        site: &Site,
        guess: &Guess,
        before: u32,
    ) -> Symbol {
        let base = u32::from(site.base);
        let contexts = [
            hash(base, guess.symbol.into(), 1, guess.class as u32),
            hash(base, guess.class as u32, 2, 0),
            hash(base, before & 255, 3, 0),
            hash(base, before, 4, 0),
        ];
        let symbol = self
            .letters
            .symbol(coder, symbol.into(), 5, &contexts, 0, 16);
        symbol.min(26) as Symbol
    }
}

/// One record's MD.
struct One<'a> {
    context: &'a Context<'a>,
    records: &'a Records,
    record: usize,
    pileup: &'a mut Pileup,
    sites: &'a [Site],
    guesses: Vec<Guess>,
    told: &'a mut bool,
}

impl One<'_> {
    /// Learns from the MD.
    fn tell(&mut self, symbols: &[Symbol], facts: &mut Facts) {
        let fact = facts.of_mut(self.record);
        (fact.mismatches, fact.mismatch_quality) = (0, 0);
        for (site, &symbol) in self.sites.iter().zip(symbols) {
            let letter = match (symbol, site.base) {
                (0, 1 | 2 | 4 | 8) => LETTERS[site.base as usize] - b'A' + 1,
                (letter, _) => letter,
            };
            if letter > 0 {
                self.pileup.reveal(site.cell, letter);
            }
            if symbol > 0 && site.base != DELETED {
                fact.mismatches += 1;
                fact.mismatch_quality += i64::from(site.quality);
            }
        }
        *self.told = true;
    }
}

/// What a record's sites are expected to be.
fn guesses(
    context: &Context<'_>,
    records: &Records,
    record: usize,
    pileup: &Pileup,
    sites: &[Site],
) -> Vec<Guess> {
    let guess = |site: &Site| {
        let given = context
            .bases
            .and_then(|bases| bases.base(records.references[record], site.position));
        guess(pileup.cell(site.cell), site, given)
    };
    sites.iter().map(guess).collect()
}

fn guess(cell: Cell, site: &Site, given: Option<u8>) -> Guess {
    let own = match site.base {
        1 | 2 | 4 | 8 => site.base.trailing_zeros() as usize,
        _ => 4,
    };
    let (mut best, mut second) = (0, 0);
    for base in 1..4 {
        if cell.weights[base] > cell.weights[best] {
            best = base;
        }
    }
    for (base, &weight) in cell.weights.iter().enumerate() {
        if base != best {
            second = second.max(weight);
        }
    }
    let top = cell.weights[best];
    let (letter, class) = if cell.letter > 0 {
        (cell.letter, Class::Revealed)
    } else if let Some(base @ (1 | 2 | 4 | 8)) = given {
        (LETTERS[base as usize] - b'A' + 1, Class::Agreed)
    } else if top == 0 {
        (0, Class::Unknown)
    } else {
        let class = if second > top / 4 {
            Class::Contested
        } else if best == own && top <= 9 && top == super::pileup::weight(site.quality) {
            Class::Alone
        } else {
            Class::Agreed
        };
        (LETTERS[1 << best] - b'A' + 1, class)
    };
    let class = if site.base != DELETED && class == Class::Unknown {
        // A read's own N or the like.
        Class::Alone
    } else {
        class
    };
    let same = letter > 0 && site.base != 15 && LETTERS[site.base as usize] == letter + b'A' - 1;
    let symbol = match site.operation {
        7 => 0,
        _ if site.base == 0 || same => 0,
        2 if letter == 0 => 1,
        _ if letter == 0 => 14,
        _ => letter,
    };
    Guess { symbol, class }
}

/// How likely surprises are: twice the logarithm of their expected number.
fn risk(sites: &[Site], guesses: &[Guess]) -> u32 {
    let of = |(site, guess): (&Site, &Guess)| match (guess.class, site.quality) {
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
    let sum: u64 = sites.iter().zip(guesses).map(of).sum();
    match sum {
        0 => 0,
        sum => 2 * sum.ilog2() + (sum >> (sum.ilog2().max(1) - 1) & 1) as u32,
    }
}

/// Completes the facts of a record that has no MD.
fn complete(facts: &mut Facts, record: usize, guesses: &[Guess], sites: &[Site]) {
    let fact = facts.of_mut(record);
    (fact.mismatches, fact.mismatch_quality) = (0, 0);
    for (site, guess) in sites.iter().zip(guesses) {
        if site.base == DELETED {
            continue;
        }
        let alone = guess.class == Class::Alone;
        fact.unknown += i64::from(alone);
        let differs = site.operation == 8 || !alone && guess.symbol > 0;
        if differs {
            fact.mismatches += 1;
            fact.mismatch_quality += i64::from(site.quality);
        }
    }
}

/// The symbols that an MD gives the sites, if it can be written from them again.
fn parse(text: &[u8], sites: &[Site]) -> Option<Vec<Symbol>> {
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
fn write(symbols: &[Symbol], sites: &[Site]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut run = 0u32;
    for (symbol, site) in symbols.iter().zip(sites) {
        let letter = symbol + b'A' - 1;
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
fn put(text: &mut Vec<u8>, number: u32) {
    text.extend_from_slice(number.to_string().as_bytes());
}
