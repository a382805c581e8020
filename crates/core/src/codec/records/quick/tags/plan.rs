//! What is to be coded of the records of each line, in which order.

use std::collections::HashMap;

use super::super::super::{Column, Records};
use super::integers::Integers;

/// Tags in the order of coding, because some follow from others; the rest come behind them, in the order of the line.
const FIRST: [[u8; 2]; 21] = [
    *b"MD", *b"NM", *b"MC", *b"MQ", *b"nM", *b"AS", *b"ms", *b"mc", *b"UQ", *b"XQ", *b"PQ", *b"NH",
    *b"HI", *b"SM", *b"AM", *b"X0", *b"X1", *b"XT", *b"XM", *b"XO", *b"XG",
];

/// The first of them tell of mismatches.
const OF_MISMATCHES: usize = 2;

/// A tag that comes last, because it is seldom as expected.
const LAST: [u8; 2] = *b"XS";

/// How a value is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// MD:Z.
    Mismatches,
    /// MC:Z.
    MateCigar,
    /// XS, where AS has been coded before.
    Suboptimal,
    /// Any other integer or character.
    Integer,
}

/// One value of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) column: usize,
    /// The number of what is learnt of the tag.
    pub(super) tag: usize,
    pub(super) role: Role,
    /// Whether it is never coded together with others: XS, and another value of a column in the same record.
    pub(super) is_alone: bool,
    /// The least and the largest value of the column's type that are expected.
    pub(super) bounds: [i64; 2],
}

/// The values of a line's records, in the order of coding.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) steps: Vec<Step>,
    /// How many of them tell of mismatches: they are the first.
    pub(super) first: usize,
    /// Whether MD is among them, and whether the line has XA.
    pub(super) has_mismatches: bool,
    pub(super) has_alternatives: bool,
}

/// The steps of all lines.
#[derive(Debug, Default)]
pub(super) struct Plan {
    lines: Vec<Line>,
    /// Whether any line has MD, and whether any has NM without it.
    pub(super) has_mismatches: bool,
    pub(super) has_edits_alone: bool,
    pub(super) has_suboptimal: bool,
    /// Whether the mismatches of all records are coded first, because tags of mates follow from them.
    pub(super) in_two: bool,
}

/// Whether a column is coded here.
pub(super) fn takes(column: &Column) -> bool {
    let Column { tag, kind, .. } = column;
    !column.complete && (*kind <= 6 || *kind == 8 && matches!(tag, b"MD" | b"MC"))
}

impl Plan {
    /// Looks at the lines of a chunk.
    pub(super) fn new(records: &Records, integers: &mut Integers) -> Self {
        let columns: HashMap<([u8; 2], u8), usize> = (records.columns.iter().enumerate())
            .filter(|(_, column)| takes(column))
            .map(|(at, column)| ((column.tag, column.kind), at))
            .collect();
        let mut plan = Self::default();
        if columns.is_empty() {
            return plan;
        }
        for tags in &records.line_tags {
            let line = line(tags, &columns, integers);
            plan.has_mismatches |= line.has_mismatches;
            let has = |tag: [u8; 2]| tags.iter().any(|(other, _)| *other == tag);
            plan.has_edits_alone |= has(*b"NM") && !line.has_mismatches;
            plan.has_suboptimal |= has(*b"XS") && has(*b"AS");
            plan.in_two |= has(*b"nM") || has(*b"XQ");
            plan.lines.push(line);
        }
        plan
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.steps.is_empty())
    }

    /// The line of a record.
    pub(super) fn line(&self, records: &Records, record: usize) -> Option<&Line> {
        self.lines.get(records.lines[record] as usize)
    }
}

fn line(
    tags: &[([u8; 2], u8)],
    columns: &HashMap<([u8; 2], u8), usize>,
    integers: &mut Integers,
) -> Line {
    let mut line = Line {
        has_alternatives: tags.iter().any(|(tag, _)| tag == b"XA"),
        ..Line::default()
    };
    let mut ranked = Vec::new();
    let has_score = tags
        .iter()
        .any(|&(tag, kind)| tag == *b"AS" && (1..=6).contains(&kind));
    for &(tag, kind) in tags {
        let Some(&column) = columns.get(&(tag, kind)) else {
            continue;
        };
        let role = match (&tag, kind) {
            (b"MD", 8) => Role::Mismatches,
            (b"MC", 8) => Role::MateCigar,
            (b"XS", 1..=6) if has_score => Role::Suboptimal,
            _ => Role::Integer,
        };
        line.has_mismatches |= role == Role::Mismatches;
        let rank = match FIRST.iter().position(|first| *first == tag) {
            Some(rank) => rank,
            None => FIRST.len() + usize::from(tag == LAST),
        };
        let step = Step {
            column,
            tag: integers.tag(tag),
            role,
            is_alone: role == Role::Suboptimal
                || ranked
                    .iter()
                    .any(|(_, step): &(_, Step)| step.column == column),
            bounds: expected_bounds(tag, kind, columns),
        };
        ranked.push((rank, step));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    line.first = ranked
        .iter()
        .filter(|(rank, _)| *rank < OF_MISMATCHES)
        .count();
    line.steps = ranked.into_iter().map(|(_, step)| step).collect();
    line
}

/// The values of a type that are expected: writers that know the type `c` take it wherever a value fits it.
fn expected_bounds(tag: [u8; 2], kind: u8, columns: &HashMap<([u8; 2], u8), usize>) -> [i64; 2] {
    let [mut least, most] = super::super::super::tags::values::bounds(kind);
    if kind == 2 && columns.contains_key(&(tag, 1)) {
        least = 128;
    }
    [least, most]
}
