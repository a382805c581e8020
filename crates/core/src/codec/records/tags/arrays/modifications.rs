//! Base modifications (MM): which bases of a read were called, decided base by base given the bases around it.
//!
//! The text gives how many bases of the kind are skipped before each called one. Callers look at every CpG, or every
//! base of a kind, so that the counts follow from the sequence. A text that does not rebuild exactly is coded as
//! characters. Hard-clipped records carry the text of the whole read: what lies before and behind their bases is coded
//! as numbers.

use super::bases::{kmer, oriented};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash, hash_bytes};
use crate::codec::records::Records;
use crate::codec::wire::damaged;

/// Sections of a text that are modelled; a text with more is coded as characters.
const MOST_SECTIONS: usize = 16;
/// Bytes of the section heads of a text, with their ends.
const LONGEST_LAYOUT: usize = 1024;
/// Layouts that are remembered.
const MOST_LAYOUTS: usize = 64;
/// Letters of a head that count as codes.
const MOST_CODES: usize = 16;
/// Skips have at most nine digits.
const SKIP_BOUND: u64 = 1_000_000_000;

/// A part of the text up to `;`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// What stands before the first comma: base, strand, codes, and how bases without a call are meant.
    pub(super) head: Vec<u8>,
    /// Bases skipped before each called one.
    pub(super) skips: Vec<u32>,
}

impl Section {
    /// How many probabilities each called base has.
    pub(super) fn codes(&self) -> usize {
        let codes = self.head.get(2..).unwrap_or_default();
        let letters = codes
            .iter()
            .filter(|code| code.is_ascii_lowercase())
            .count();
        letters.clamp(1, MOST_CODES)
    }

    /// Whether BAM's base code `base` is one that the section counts.
    pub(super) fn counts(&self, base: u8) -> bool {
        match self.head.first() {
            Some(b'A') => base == 1,
            Some(b'C') => base == 2,
            Some(b'G') => base == 4,
            Some(b'T' | b'U') => base == 8,
            Some(b'N') => true,
            _ => false,
        }
    }
}

/// The sections of a text, if it is what [`unparse`] makes of them.
pub(super) fn parse(text: &[u8]) -> Option<Vec<Section>> {
    let Some((b';', text)) = text.split_last() else {
        return text.is_empty().then(Vec::new);
    };
    let mut sections = Vec::new();
    for part in text.split(|&byte| byte == b';') {
        let mut fields = part.split(|&byte| byte == b',');
        let head = fields.next().unwrap_or_default().to_vec();
        let skips: Option<Vec<u32>> = fields.map(canonical).collect();
        sections.push(Section {
            head,
            skips: skips?,
        });
    }
    let bytes: usize = sections.iter().map(|section| section.head.len() + 1).sum();
    (sections.len() <= MOST_SECTIONS && bytes <= LONGEST_LAYOUT).then_some(sections)
}

/// A number of at most nine digits without zeros before it.
fn canonical(digits: &[u8]) -> Option<u32> {
    let plain = match digits {
        [b'0'] => true,
        [b'0', ..] | [] => false,
        _ => digits.len() <= 9,
    };
    let step = |number: u32, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        Some(number * 10 + digit)
    };
    if plain {
        digits.iter().try_fold(0, step)
    } else {
        None
    }
}

/// The text of sections.
fn unparse(sections: &[Section]) -> Vec<u8> {
    let mut text = Vec::new();
    for section in sections {
        text.extend_from_slice(&section.head);
        for skip in &section.skips {
            text.push(b',');
            text.extend_from_slice(skip.to_string().as_bytes());
        }
        text.push(b';');
    }
    text
}

/// The heads of sections, each with a `;`.
fn layout(sections: &[Section]) -> Vec<u8> {
    let parts = sections.iter().map(|section| &section.head[..]);
    parts
        .flat_map(|head| head.iter().copied().chain([b';']))
        .collect()
}

/// What is known of a record whose text is coded.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) records: &'a Records,
    pub(super) record: usize,
    /// The text of the last record with the same name.
    pub(super) linked: Option<&'a [u8]>,
    /// Whether sections may be decoded: not for a second text of the same record.
    pub(super) first: bool,
    /// Bytes of tags before this text.
    pub(super) before: usize,
}

/// What has been learnt of the texts.
#[derive(Clone)]
pub(super) struct Model {
    decisions: Mixer<6, 1>,
    numbers: Mixer<5, 1>,
    layouts: Vec<Vec<u8>>,
    last: u32,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            decisions: Mixer::new(10, 1023),
            numbers: Mixer::new(11, 255),
            layouts: Vec::new(),
            last: 0,
        }
    }

    /// Codes a text and returns it.
    pub(super) fn text<C: Coder>(
        &mut self,
        coder: &mut C,
        place: Place<'_>,
        text: &[u8],
    ) -> Result<Vec<u8>> {
        if let Some(linked) = place.linked {
            let same = self
                .numbers
                .flag(coder, text == linked, &[1, self.last, 0, 0, 0], 1);
            if same {
                place
                    .records
                    .check_limit(place.before.saturating_add(linked.len()))?;
                return Ok(linked.to_vec());
            }
        }
        let parsed = if C::DECODES || !place.first {
            None
        } else {
            parse(text)
        };
        let (mut number, mut heads) = (0, Vec::new());
        if let Some(sections) = &parsed {
            heads = layout(sections);
            let known = self.layouts.iter().position(|known| *known == heads);
            number = known.unwrap_or(self.layouts.len()) as u64 + 1;
        }
        let contexts = [self.last, 0, place.linked.is_some().into(), 0, 0];
        let number = self.numbers.number(coder, number, &contexts, 2);
        self.last = number as u32;
        if number == 0 {
            return self.characters(coder, place, text, usize::MAX);
        }
        if !place.first {
            return Err(damaged(
                "a record's second list of modifications has sections",
            ));
        }
        match self.layouts.get(number as usize - 1) {
            Some(known) => heads = known.clone(),
            None if number == self.layouts.len() as u64 + 1 => {
                heads = self.characters(coder, place, &heads, LONGEST_LAYOUT)?;
                if self.layouts.len() < MOST_LAYOUTS {
                    self.layouts.push(heads.clone());
                }
            }
            None => return Err(damaged("a layout of modifications is unknown")),
        }
        self.sections(coder, place, &heads, parsed.unwrap_or_default())
    }

    /// Codes `text` as characters up to a NUL.
    fn characters<C: Coder>(
        &mut self,
        coder: &mut C,
        place: Place<'_>,
        text: &[u8],
        most: usize,
    ) -> Result<Vec<u8>> {
        let mut done = Vec::new();
        let (mut one, mut two) = (0, 0);
        loop {
            let byte = text.get(done.len()).copied().unwrap_or(0);
            let contexts = [one, one | two << 8, 0, 0, 0];
            let byte = self.numbers.symbol(coder, byte.into(), 8, &contexts, 3, 0);
            if byte == 0 {
                return Ok(done);
            }
            (one, two) = (byte, one);
            done.push(byte as u8);
            place
                .records
                .check_limit(place.before.saturating_add(done.len()))?;
            if done.len() > most {
                return Err(damaged("a layout of modifications is too long"));
            }
        }
    }

    /// Codes the skips of sections with these heads.
    fn sections<C: Coder>(
        &mut self,
        coder: &mut C,
        place: Place<'_>,
        heads: &[u8],
        truth: Vec<Section>,
    ) -> Result<Vec<u8>> {
        let bases = oriented(place.records, place.record);
        let mut done: Vec<Section> = Vec::new();
        // For each base, bits for the sections that called it: this one's last two of the same base.
        let mut called = vec![0u8; bases.len()];
        for head in heads
            .split_inclusive(|&byte| byte == b';')
            .take(MOST_SECTIONS)
        {
            let mut section = Section {
                head: head.strip_suffix(b";").unwrap_or(head).to_vec(),
                skips: Vec::new(),
            };
            let none = Section::default();
            let truth = truth.get(done.len()).unwrap_or(&none);
            self.section(
                coder,
                place,
                &bases,
                &mut called,
                &mut section,
                &truth.skips,
            )?;
            done.push(section);
        }
        let text = unparse(&done);
        place
            .records
            .check_limit(place.before.saturating_add(text.len()))?;
        Ok(text)
    }

    /// Codes the skips of one section into `section`.
    fn section<C: Coder>(
        &mut self,
        coder: &mut C,
        place: Place<'_>,
        bases: &[u8],
        called: &mut [u8],
        section: &mut Section,
        truth: &[u32],
    ) -> Result<()> {
        let kind = hash_bytes(&section.head, 1);
        let clipped = hard_clips(place.records, place.record);
        let (mut entries, mut skipped) = (0, 0);
        if !C::DECODES && clipped.0 {
            (entries, skipped) = align(bases, section, truth);
        }
        let has = (entries, skipped) != (0, 0);
        let mut idle = 0u64;
        let contexts = [kind, clipped.0.into(), 0, 0, 0];
        if self.numbers.flag(coder, has, &contexts, 4) {
            let count = self
                .numbers
                .number(coder, entries as u64, &[kind, 0, 1, 0, 0], 5);
            self.plain(coder, place, section, count, truth)?;
            idle = self.numbers.number(coder, skipped, &[kind, 0, 2, 0, 0], 6);
        }
        let mut next = section.skips.len();
        let mut wait = truth.get(next).map(|&skip| u64::from(skip) - idle);
        let (mut history, mut other) = (0u32, 0u32);
        for at in 0..bases.len() {
            if !section.counts(bases[at]) {
                continue;
            }
            let before = u32::from(called[at]);
            let far = idle.min(15) as u32;
            let here = kmer(bases, at, 3, 4);
            let contexts = [
                hash(kind, here >> 8 & 0xfff, before, 0),
                hash(kind, here, 1, 0),
                hash(kind, here >> 4, before, history & 3),
                hash(kind, before, history & 0xff, 2),
                hash(kind, far, history & 3, before),
                hash(kind, here >> 8 & 0xff, other & 15, 3),
            ];
            self.decisions.turn(&contexts, 0);
            // The base behind it has a slot of its own.
            let node = 1 + (here >> 12 & 15).trailing_zeros().min(4) as usize;
            let is = wait == Some(0);
            let selection =
                (kind as usize & 7) * 16 + before as usize % 4 * 4 + (history & 3) as usize;
            let is = self.decisions.bit(coder, is, node, selection);
            history = history << 1 | u32::from(is);
            if kmer(bases, at, 0, 1) & 15 == 4 {
                other = other << 1 | u32::from(is);
            }
            called[at] = called[at] << 1 | u8::from(is);
            if is {
                section.skips.push(skip(idle)?);
                idle = 0;
                next += 1;
                wait = truth.get(next).copied().map(u64::from);
            } else {
                idle += 1;
                wait = wait.map(|wait| wait.wrapping_sub(1));
            }
        }
        let rest = truth.len().saturating_sub(next) as u64;
        let count = self
            .numbers
            .number(coder, rest, &[kind, clipped.1.into(), 3, 0, 0], 7);
        if count > 0 {
            let first = truth
                .get(next)
                .map_or(0, |&skip| u64::from(skip).wrapping_sub(idle));
            let first = self.numbers.number(coder, first, &[kind, 0, 4, 0, 0], 8);
            section.skips.push(skip(idle.saturating_add(first))?);
            self.plain(coder, place, section, count - 1, truth)?;
        }
        Ok(())
    }

    /// Codes `count` skips as numbers.
    fn plain<C: Coder>(
        &mut self,
        coder: &mut C,
        place: Place<'_>,
        section: &mut Section,
        count: u64,
        truth: &[u32],
    ) -> Result<()> {
        // Each takes at least two characters.
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let bytes = section.skips.len().saturating_add(count).saturating_mul(2);
        place
            .records
            .check_limit(place.before.saturating_add(bytes))?;
        let kind = hash_bytes(&section.head, 2);
        for _ in 0..count {
            let at = section.skips.len();
            let back = |by: usize| at.checked_sub(by).map_or(0, |at| section.skips[at]);
            let value = truth.get(at).copied().unwrap_or(0).into();
            let two = hash(kind, back(1), back(2), 1);
            let contexts = [
                kind,
                hash(kind, back(1).min(63) / 4, 0, 0),
                two,
                hash(two, back(3), 0, 2),
                hash(two, back(3), back(4), 3),
            ];
            let value = self.numbers.number(coder, value, &contexts, 9);
            section.skips.push(skip(value)?);
        }
        Ok(())
    }
}

/// A skip that a text may hold.
fn skip(value: u64) -> Result<u32> {
    if value < SKIP_BOUND {
        Ok(value as u32)
    } else {
        Err(damaged("a list of modifications skips too many bases"))
    }
}

/// Whether the read was hard-clipped before and behind the record's bases, in the order of sequencing.
fn hard_clips(records: &Records, record: usize) -> (bool, bool) {
    let cigar = records.cigar_of(record);
    let hard = |operation: Option<&u32>| operation.is_some_and(|operation| operation & 15 == 5);
    let (first, last) = (hard(cigar.first()), hard(cigar.last()));
    if records.flags[record] & 16 == 0 {
        (first, last)
    } else {
        (last, first)
    }
}

/// How many entries of a hard-clipped read's list lie before the record's bases, and how many further bases are
/// skipped there: what makes most called bases C before G (for other bases: the list starts at the record's bases).
fn align(bases: &[u8], section: &Section, truth: &[u32]) -> (usize, u64) {
    /// Entries that are compared, and pairs that may be the first called one.
    const COMPARED: usize = 64;
    const FIRST: usize = 4;
    if section.head.first() != Some(&b'C') {
        return (0, 0);
    }
    let counted = (0..bases.len()).filter(|&at| section.counts(bases[at]));
    let pairs: Vec<bool> = counted.map(|at| bases.get(at + 1) == Some(&4)).collect();
    let places: Vec<u64> = truth
        .iter()
        .scan(0, |at, &skip| {
            *at += u64::from(skip) + 1;
            Some(*at - 1)
        })
        .collect();
    let (mut best, mut most) = ((0, 0), 0);
    let first = pairs.iter().enumerate().filter(|(_, pair)| **pair);
    for (pair, _) in first.take(FIRST) {
        for (entry, &place) in places.iter().enumerate() {
            let Some(shift) = place.checked_sub(pair as u64) else {
                continue;
            };
            let compared = places[entry..].iter().take(COMPARED);
            let hit = |place: &&u64| pairs.get((**place - shift) as usize) == Some(&true);
            let hits = compared.filter(hit).count();
            // Entries between the shift and this one would not be called in a pair.
            let before = places.partition_point(|&place| place < shift);
            if hits > most {
                most = hits;
                let counted = before.checked_sub(1).map_or(0, |last| places[last] + 1);
                best = (before, shift - counted);
            }
        }
    }
    best
}

/// A called base: its section, which of the section's codes, and where it lies in the order of sequencing; none for
/// those outside the record's bases.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) section: u16,
    pub(super) code: u16,
    pub(super) position: Option<u32>,
}

/// The calls that the probabilities (ML) of a record are for, in their order.
pub(super) fn calls(sections: &[Section], bases: &[u8]) -> Vec<Call> {
    let mut calls = Vec::new();
    for (number, section) in sections.iter().enumerate() {
        let mut places = (0..bases.len()).filter(|&at| section.counts(bases[at]));
        for &skip in &section.skips {
            let position = places.nth(skip as usize).map(|at| at as u32);
            calls.extend((0..section.codes()).map(|code| Call {
                section: number as u16,
                code: code as u16,
                position,
            }));
        }
    }
    calls
}
