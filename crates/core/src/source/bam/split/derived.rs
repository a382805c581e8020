//! Tags that follow from other fields, as streams: of their values what does not.

use super::{Mate, hint};
use crate::codec::Hint;
use crate::codec::covered::Covered;
use crate::codec::records::{Column, Records};
use crate::source::bam::derive::{Deriver, Facts, Rule};
use crate::source::bam::mate::NO_MATE;
use crate::source::key;

/// A column whose values follow from a rule, and what is stored of them.
struct Derived<'a> {
    column: &'a Column,
    rule: Rule,
    next: usize,
    values: Vec<u8>,
    exceptions: Vec<u8>,
}

/// Adds the streams of tags that follow from other fields.
pub(super) fn derived(
    fields: &Records,
    mates: &[Mate],
    covered: &Covered,
    add: &mut impl FnMut(u32, Hint, Vec<u8>),
) {
    let columns = fields.columns.iter().filter_map(|column| {
        Some(Derived {
            column,
            rule: Rule::of(column.tag, column.kind)?,
            next: 0,
            values: Vec::new(),
            exceptions: Vec::new(),
        })
    });
    let mut columns: Vec<Derived<'_>> = columns.collect();
    let mate = |mate: &Mate| mate.map_or(NO_MATE, |(mate, _)| mate as u32);
    let facts = Facts {
        references: &fields.references,
        positions: &fields.positions,
        mapq: &fields.mapq,
        cigar: &fields.cigar,
        cigar_ends: &fields.cigar_ends,
        bases: &fields.bases,
        base_ends: &fields.base_ends,
        mates: &mates.iter().map(mate).collect::<Vec<_>>(),
    };
    let mut deriver = Deriver::new(facts, covered);
    for record in 0..fields.count {
        deriver.turn(record);
        for derived in &mut columns {
            while derived.column.records.get(derived.next) == Some(&(record as u32)) {
                derived.take(&mut deriver);
            }
        }
    }
    let mut rules = Vec::new();
    for derived in columns {
        let Column { tag, kind, .. } = *derived.column;
        rules.extend_from_slice(&[tag[0], tag[1], kind, derived.rule as u8]);
        add(derived.column.key(), hint(kind), derived.values);
        add(derived.column.key() + 1, Hint::Symbols, derived.exceptions);
    }
    add(key::TAG_RULES, Hint::Bytes, rules);
}

impl Derived<'_> {
    /// Takes the next value.
    fn take(&mut self, deriver: &mut Deriver<'_>) {
        let value = self.column.value(self.next);
        if self.rule.is_text() {
            let text = deriver.text(self.rule);
            self.exceptions
                .extend(text.map(|text| u8::from(text != value)));
            if text != Some(value) {
                self.values.extend_from_slice(value);
                self.values.push(0);
            }
        } else {
            let number = deriver.number(self.rule);
            let rest = (self.column.integer(self.next) as u32).wrapping_sub(number);
            let stored = if value.len() == 1 { 1 } else { 4 };
            self.values.extend_from_slice(&rest.to_le_bytes()[..stored]);
        }
        self.next += 1;
    }
}
