//! MD: where reads differ from the reference, which follows from the bases and the reference as far as earlier MDs have told it.
//!
//! Where no MD has, the read's base is expected to be the reference's, unless another read says otherwise: such sites are
//! contested. An MD that is otherwise has its surprises coded site by site.

use super::super::super::tags::facts::Fact;
use super::super::super::tags::mismatches::{Symbol, parse, put, write};
use super::super::super::tags::pileup::{Class, DELETED, LETTERS, NOWHERE as NO_CELL, Site};
use super::super::super::tags::text;
use super::super::super::{Records, part};
use super::super::plain::{Numbers, Symbols, flag};
use super::reference::{NOWHERE, Reference, Run};
use crate::Result;
use crate::codec::mixing::{Coder, Slot};
use crate::codec::wire::damaged;

/// N, BAM's code.
const ANY: u8 = 15;

/// How an MD that is not as expected is coded: with surprises where the reference was not told, with such anywhere, as text.
const OPEN: usize = 0;
const ANYWHERE: usize = 1;
const TEXT: usize = 2;

/// The model.
#[derive(Clone)]
pub(super) struct Model {
    /// Whether a contested base is what differs from the reference, by its quality.
    contested: Vec<Slot>,
    ways: Symbols<4>,
    counts: Numbers,
    changes: Vec<Slot>,
    letters: Symbols<32>,
    texts: Option<Box<text::Model>>,
}

/// A site where the reference is expected to be, or may be, other than the read.
#[derive(Clone, Copy)]
struct Mark {
    place: usize,
    /// The reference's base, if it is other.
    base: u8,
    /// Whether it is expected to be.
    differs: bool,
    /// For contested sites, the slot that decided.
    contested: Option<usize>,
}

/// What the MD of the record at hand is expected to be.
#[derive(Default)]
pub(super) struct Expected {
    pub(super) text: Vec<u8>,
    marks: Vec<Mark>,
    /// Sites since the last letter.
    matching: usize,
    mismatches: i64,
    quality: i64,
    /// Sites that nothing but the read says anything of; contested sites; whether there are deleted bases of which
    /// nothing is known.
    open: usize,
    contested: usize,
    pub(super) unknown: bool,
}

impl Expected {
    /// How likely surprises are, in six classes.
    pub(super) fn risk(&self) -> usize {
        match (self.contested, self.open) {
            (2.., _) => 5,
            (1, _) => 4,
            (_, 0) => 0,
            (_, 1..=8) => 1,
            (_, 9..=40) => 2,
            _ => 3,
        }
    }

    /// What it says of the mismatches: their number, and the sum of their qualities.
    pub(super) fn tell(&self, fact: &mut Fact) {
        (fact.mismatches, fact.mismatch_quality) = (self.mismatches, self.quality);
    }

    /// Whether it is the MD `text`.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        !self.unknown && self.text == text
    }

    /// Whether nothing speaks against eight bases; if so they are taken.
    #[inline]
    fn are_plain(&mut self, own: &[u8], told: &[u8], seen: &[u8]) -> bool {
        let word = |some: &[u8]| some.try_into().ok().map(u64::from_le_bytes);
        let (Some(own), Some(told), Some(seen)) = (word(own), word(told), word(seen)) else {
            return false;
        };
        let any = own & own >> 1 & own >> 2 & own >> 3 & 0x0101_0101_0101_0101;
        let open = told == 0 && own == seen && any == 0;
        if own != told && !open {
            return false;
        }
        self.matching += 8;
        self.open += if open { 8 } else { 0 };
        true
    }

    /// Takes a base, and the mark that it has; `open` says that no MD has told the reference there.
    fn site(&mut self, mark: Option<Mark>, place: usize, quality: u8, open: bool) {
        let Some(mark) = mark else {
            self.matching += 1;
            self.open += usize::from(open);
            return;
        };
        self.contested += usize::from(mark.contested.is_some());
        if mark.differs {
            self.letter(mark.base);
            self.mismatches += 1;
            self.quality += i64::from(quality);
        } else {
            self.matching += 1;
        }
        self.marks.push(Mark { place, ..mark });
    }

    fn letter(&mut self, base: u8) {
        put(&mut self.text, self.matching as u32);
        self.matching = 0;
        self.text.push(LETTERS[usize::from(base)] + b'A' - 1);
    }
}

/// The class of a quality.
fn quality_class(quality: u8) -> usize {
    match quality {
        0xff => 0,
        quality => usize::from(quality / 5).min(7),
    }
}

/// The class of a contested base.
fn contested_class(own: u8, quality: u8) -> usize {
    if own == ANY {
        8
    } else {
        quality_class(quality)
    }
}

/// The number of a base's code among A, C, G, T, others.
fn number(base: u8) -> usize {
    match base {
        1 | 2 | 4 | 8 => base.trailing_zeros() as usize,
        _ => 4,
    }
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            contested: vec![Slot::expecting(1 << 14, 2); 16],
            ways: Symbols::new(2),
            counts: Numbers::new(2),
            changes: vec![Slot::expecting(1 << 12, 2); 4 * 8 * 4 * 2],
            letters: Symbols::new(17 + 10),
            texts: None,
        }
    }

    /// Sets what the MD of the record that `reference` has turned to is expected to be.
    pub(super) fn expect(
        &self,
        expected: &mut Expected,
        reference: &Reference,
        records: &Records,
        record: usize,
    ) {
        expected.text.clear();
        expected.marks.clear();
        (expected.mismatches, expected.quality) = (0, 0);
        (expected.matching, expected.open, expected.contested) = (0, 0, 0);
        expected.unknown = reference.runs.is_empty();
        let range = part(&records.base_ends, record);
        let (bases, qualities) = (&records.bases[range.clone()], &records.qualities[range]);
        for run in &reference.runs {
            if run.is_deleted() {
                deleted(expected, reference, run);
                continue;
            }
            let read = run.at..run.at + run.length;
            self.aligned(
                expected,
                reference,
                run,
                &bases[read.clone()],
                &qualities[read],
            );
        }
        put(&mut expected.text, expected.matching as u32);
    }

    fn aligned(
        &self,
        expected: &mut Expected,
        reference: &Reference,
        run: &Run,
        bases: &[u8],
        qualities: &[u8],
    ) {
        let places = run.place..run.place + run.length;
        let (told, seen) = (&reference.told[places.clone()], &reference.seen[places]);
        let mut start = 0;
        // Most of a read is as told; then come bases that no MD has told.
        while let Some((own, told)) = bases[start..]
            .first_chunk::<32>()
            .zip(told[start..].first_chunk())
        {
            if own != told {
                break;
            }
            start += 32;
        }
        expected.matching += start;
        while start < run.length {
            let end = (start + 8).min(run.length);
            let part = start..end;
            let (own, told, seen) = (&bases[part.clone()], &told[part.clone()], &seen[part]);
            if !expected.are_plain(own, told, seen) {
                for at in 0..own.len() {
                    let (place, quality) = (run.place + start + at, qualities[start + at]);
                    let mark = self.mark(own[at], told[at], seen[at], quality);
                    expected.site(mark, place, quality, told[at] == 0);
                }
            }
            start = end;
        }
    }

    /// What a base may be other than the reference, if anything says so.
    fn mark(&self, own: u8, told: u8, seen: u8, quality: u8) -> Option<Mark> {
        let mut mark = Mark {
            place: NOWHERE,
            base: told,
            differs: true,
            contested: None,
        };
        if own == told || own == 0 {
            return None;
        }
        if told == 0 {
            if own != ANY && (own == seen || seen == 0) {
                return None;
            }
            mark.base = if seen == 0 { ANY } else { seen };
            let class = contested_class(own, quality);
            mark.differs = self.contested[class].p() >= 1 << 15;
            mark.contested = Some(class);
        }
        Some(mark)
    }

    /// Takes it that the MD is as expected.
    pub(super) fn agree(
        &mut self,
        expected: &Expected,
        reference: &mut Reference,
        records: &Records,
        record: usize,
    ) {
        let bases = records.bases_of(record);
        let Reference { runs, told, .. } = reference;
        for run in runs.iter().filter(|run| !run.is_deleted()) {
            told[run.place..run.place + run.length]
                .copy_from_slice(&bases[run.at..run.at + run.length]);
        }
        for mark in &expected.marks {
            if mark.differs && mark.place != NOWHERE {
                told[mark.place] = mark.base;
            }
            if let Some(class) = mark.contested {
                self.contested[class].update(mark.differs, 255);
            }
        }
    }

    /// Codes an MD that is not as expected; gives it when decoding. `truth`: the MD, and how many bytes it may have.
    pub(super) fn surprise<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: (&[u8], usize),
        expected: &Expected,
        reference: &mut Reference,
        at: (&Records, usize),
        fact: &mut Fact,
    ) -> Result<Vec<u8>> {
        let ((truth, most), (records, record)) = (truth, at);
        let (sites, others) = self.sites(reference, records, record);
        let symbols = if C::DECODES {
            None
        } else {
            parse(truth, &sites)
        };
        let (mut count, mut way) = (0, OPEN);
        match &symbols {
            None => way = TEXT,
            Some(symbols) => {
                for (site, &symbol) in sites.iter().zip(symbols) {
                    if is_surprise(site, symbol) {
                        count += 1;
                        way |= usize::from(site.class == Class::Revealed);
                    }
                }
            }
        }
        let contested = usize::from(expected.contested > 0);
        let way = self.ways.code(coder, way, contested);
        if way == TEXT {
            let texts = self
                .texts
                .get_or_insert_with(|| Box::new(text::Model::new()));
            return texts.code(coder, truth, 1, most);
        }
        if way > TEXT || sites.is_empty() {
            return Err(damaged("an MD follows from no alignment"));
        }
        let count = self.counts.code(coder, count, contested);
        let coded = self.symbols(coder, symbols, (&sites, &others), way == ANYWHERE, count);
        learn(reference, &sites, &coded, fact);
        Ok(if C::DECODES {
            write(&coded, &sites)
        } else {
            Vec::new()
        })
    }

    /// Codes what an MD says of each site; `left` are surprises.
    fn symbols<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: Option<Vec<Symbol>>,
        (sites, others): (&[Site], &[u8]),
        anywhere: bool,
        mut left: u64,
    ) -> Vec<Symbol> {
        let mut coded = Vec::with_capacity(sites.len());
        for (at, site) in sites.iter().enumerate() {
            let truth = truth.as_ref().map_or(0, |truth| truth[at]);
            let mut symbol = site.expected;
            let may = left > 0 && (anywhere || site.class != Class::Revealed);
            if site.class == Class::Unknown {
                symbol = self.letter(coder, truth, site, others[at]);
            } else if may {
                let context = class_of(site) << 5
                    | quality_class(site.quality) << 2
                    | left.min(4) as usize - 1
                    | usize::from(anywhere) << 7;
                if flag(coder, truth != symbol, &mut self.changes[context]) {
                    left -= 1;
                    symbol = self.letter(coder, truth, site, others[at]);
                }
            }
            if site.class == Class::Contested {
                let class = contested_class(site.base, site.quality);
                self.contested[class].update(symbol != 0, 255);
            }
            coded.push(symbol);
        }
        coded
    }

    /// Codes a letter; another read says `other` of the site.
    fn letter<C: Coder>(&mut self, coder: &mut C, truth: Symbol, site: &Site, other: u8) -> Symbol {
        let context = match (site.class, site.expected) {
            (Class::Contested, 0) => 17 + number(other),
            (Class::Contested, _) => 22 + number(site.base),
            _ => usize::from(site.base),
        };
        self.letters.code(coder, truth.into(), context).min(26) as Symbol
    }

    /// The sites of the record at hand, and what another read says of each.
    fn sites(
        &self,
        reference: &Reference,
        records: &Records,
        record: usize,
    ) -> (Vec<Site>, Vec<u8>) {
        let range = part(&records.base_ends, record);
        let (bases, qualities) = (&records.bases[range.clone()], &records.qualities[range]);
        let (mut sites, mut others) = (Vec::new(), Vec::new());
        for run in &reference.runs {
            for step in 0..run.length {
                let mut site = Site {
                    cell: NO_CELL,
                    base: DELETED,
                    quality: 0,
                    operation: run.operation,
                    first: step == 0,
                    expected: 0,
                    class: Class::Unknown,
                };
                let (mut told, mut seen) = (0, 0);
                if run.place != NOWHERE {
                    let place = run.place + step;
                    (told, seen) = (reference.told[place], reference.seen[place]);
                    site.cell = place as u32;
                }
                others.push(seen);
                if run.is_deleted() {
                    let base = if told == 0 { seen } else { told };
                    if base != 0 {
                        site.class = Class::Agreed;
                    }
                    site.expected = LETTERS[usize::from(base & 15)].max(1);
                } else {
                    let at = run.at + step;
                    (site.base, site.quality) = (bases[at] & 15, qualities[at]);
                    site.class = if told == 0 {
                        Class::Alone
                    } else {
                        Class::Revealed
                    };
                    if let Some(mark) = self.mark(site.base, told, seen, site.quality) {
                        if mark.contested.is_some() {
                            site.class = Class::Contested;
                        }
                        if mark.differs {
                            site.expected = LETTERS[usize::from(mark.base & 15)];
                        }
                    }
                }
                sites.push(site);
            }
        }
        (sites, others)
    }
}

/// Appends a deletion to what is expected.
fn deleted(expected: &mut Expected, reference: &Reference, run: &Run) {
    put(&mut expected.text, expected.matching as u32);
    expected.matching = 0;
    expected.text.push(b'^');
    if run.place == NOWHERE {
        expected.unknown = true;
        return;
    }
    for place in run.place..run.place + run.length {
        let base = match (reference.told[place], reference.seen[place]) {
            (0, seen) => seen,
            (told, _) => told,
        };
        if base == 0 {
            expected.unknown = true;
            return;
        }
        expected
            .text
            .push(LETTERS[usize::from(base & 15)] + b'A' - 1);
        expected.marks.push(Mark {
            place,
            base,
            differs: true,
            contested: None,
        });
    }
}

/// Whether an MD says something else of a site than expected.
fn is_surprise(site: &Site, symbol: Symbol) -> bool {
    symbol != site.expected && site.class != Class::Unknown
}

/// The context of a site's class.
fn class_of(site: &Site) -> usize {
    match site.class {
        Class::Revealed => 0,
        Class::Alone => 1,
        Class::Contested => 2,
        Class::Agreed | Class::Unknown => 3,
    }
}

/// Learns from an MD that was coded site by site.
fn learn(reference: &mut Reference, sites: &[Site], symbols: &[Symbol], fact: &mut Fact) {
    (fact.mismatches, fact.mismatch_quality) = (0, 0);
    for (site, &symbol) in sites.iter().zip(symbols) {
        if symbol > 0 && site.base != DELETED {
            fact.mismatches += 1;
            fact.mismatch_quality += i64::from(site.quality);
        }
        let base = match symbol {
            0 => site.base,
            letter => base_of(letter),
        };
        if let Some(told) = reference.told.get_mut(site.cell as usize)
            && base < DELETED
        {
            *told = base;
        }
    }
}

/// The base (BAM's code) of a letter; 0 if it is none.
fn base_of(letter: Symbol) -> u8 {
    let found = LETTERS[..16].iter().position(|other| *other == letter);
    found.unwrap_or(0) as u8
}
