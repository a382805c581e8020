//! Tags that follow from other fields of their record, or from its mate.

use super::mate::NO_MATE;
use super::tags;
use crate::codec::covered::{Covered, Differences};
use crate::codec::records::part;

/// What a tag follows from. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `MD`: where the record differs from the reference.
    Mismatches = 1,
    /// `NM`: how often it does.
    Distance = 2,
    /// `MC`: the mate's CIGAR.
    MateCigar = 3,
    /// `MQ`: the mate's mapping quality.
    MateMapq = 4,
}

impl Rule {
    const ALL: [Self; 4] = [
        Self::Mismatches,
        Self::Distance,
        Self::MateCigar,
        Self::MateMapq,
    ];

    /// The rule that a writer uses for a tag.
    pub fn of(tag: [u8; 2], kind: u8) -> Option<Self> {
        let rule = match &tag {
            b"MD" => Self::Mismatches,
            b"NM" => Self::Distance,
            b"MC" => Self::MateCigar,
            b"MQ" => Self::MateMapq,
            _ => return None,
        };
        rule.suits(kind).then_some(rule)
    }

    /// The rule of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&rule| rule as u8 == number)
    }

    /// Whether it gives texts, else numbers.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Mismatches | Self::MateCigar)
    }

    /// Whether values of a type may follow from it: text (Z), or integers.
    pub fn suits(self, kind: u8) -> bool {
        if self.is_text() {
            kind == tags::TEXT
        } else {
            tags::is_integer(kind)
        }
    }
}

/// The fields that rules look at, of all records.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub references: &'a [i32],
    pub positions: &'a [i32],
    pub mapq: &'a [u8],
    pub cigar: &'a [u32],
    pub cigar_ends: &'a [usize],
    pub bases: &'a [u8],
    pub base_ends: &'a [usize],
    /// Numbers of the mates, or `NO_MATE`.
    pub mates: &'a [u32],
}

/// Derives the tags of one record after the other.
pub struct Deriver<'a> {
    facts: Facts<'a>,
    differences: Differences<'a>,
    record: usize,
    /// Whether `md` and `distance` are those of the record at hand.
    is_walked: bool,
    md: Vec<u8>,
    distance: Option<u32>,
    text: Vec<u8>,
}

impl<'a> Deriver<'a> {
    pub fn new(facts: Facts<'a>, covered: &'a Covered) -> Self {
        Self {
            facts,
            differences: Differences::new(covered),
            record: 0,
            is_walked: false,
            md: Vec::new(),
            distance: None,
            text: Vec::new(),
        }
    }

    /// Turns to a record.
    pub fn turn(&mut self, record: usize) {
        (self.record, self.is_walked) = (record, false);
    }

    /// The text that follows from a rule; none where nothing follows.
    pub fn text(&mut self, rule: Rule) -> Option<&[u8]> {
        match rule {
            Rule::Mismatches => {
                self.walk()?;
                Some(&self.md)
            }
            Rule::MateCigar => {
                let mate = self.mate()?;
                let cigar = &self.facts.cigar[part(self.facts.cigar_ends, mate)];
                self.text.clear();
                cigar_text(cigar, &mut self.text);
                Some(&self.text)
            }
            Rule::Distance | Rule::MateMapq => None,
        }
    }

    /// The number that follows from a rule; 0 where none does.
    pub fn number(&mut self, rule: Rule) -> u32 {
        let number = match rule {
            Rule::Distance => self.walk(),
            Rule::MateMapq => self.mate().map(|mate| self.facts.mapq[mate].into()),
            Rule::Mismatches | Rule::MateCigar => None,
        };
        number.unwrap_or(0)
    }

    fn mate(&self) -> Option<usize> {
        let mate = self.facts.mates[self.record];
        (mate != NO_MATE).then_some(mate as usize)
    }

    fn walk(&mut self) -> Option<u32> {
        if !self.is_walked {
            self.is_walked = true;
            self.md.clear();
            let (facts, record) = (&self.facts, self.record);
            self.distance = self.differences.of(
                facts.references[record],
                facts.positions[record],
                &facts.cigar[part(facts.cigar_ends, record)],
                facts.bases.get(part(facts.base_ends, record))?,
                &mut self.md,
            );
        }
        self.distance
    }
}

/// Appends a CIGAR as SAM writes it.
fn cigar_text(cigar: &[u32], text: &mut Vec<u8>) {
    if cigar.is_empty() {
        text.push(b'*');
    }
    for operation in cigar {
        crate::codec::put_decimal(text, operation >> 4);
        text.push(b"MIDNSHP=XB??????"[(operation & 15) as usize]);
    }
}
