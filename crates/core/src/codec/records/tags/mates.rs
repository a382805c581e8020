//! The tag MC: the mate's CIGAR as text. It is known when the mate stands in the chunk; else it is coded operation by
//! operation, with the read length and what the template length says of the mate's end to go by.

use super::super::{Records, on_read, on_reference};
use super::facts::Facts;
use super::text;
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use crate::codec::wire::damaged;

/// Letters of the CIGAR operations.
const OPERATIONS: &[u8; 9] = b"MIDNSHP=X";

/// The operation number that ends a CIGAR.
const END: u32 = 15;

/// Ways to code an MC: it is the mate's CIGAR, it is another one, it is some other text.
const SAME: u32 = 0;
const OTHER: u32 = 1;
const TEXT: u32 = 2;

/// The model of MC.
#[derive(Clone)]
pub(crate) struct Model {
    ways: Mixer<3, 1>,
    operations: Mixer<5, 1>,
    lengths: Mixer<5, 1>,
    last_way: u32,
}

/// What is known of a mate's CIGAR.
struct Expected {
    /// Bases of the read and of the reference that are not taken yet.
    bases: u32,
    span: Option<u32>,
    kind: u32,
    own: u32,
}

impl Model {
    /// A model that has seen nothing.
    pub(crate) fn new() -> Self {
        Self {
            ways: Mixer::new(6, 1023),
            operations: Mixer::new(8, 400),
            lengths: Mixer::new(8, 400),
            last_way: 0,
        }
    }

    /// Codes the column MC:Z with the number `column`, and tells `facts` of the mates.
    pub(crate) fn code_column<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        column: usize,
        facts: &mut Facts,
        texts: &mut text::Model,
    ) -> Result<()> {
        let mut taken = std::mem::take(&mut records.columns[column]);
        for at in 0..taken.records.len() {
            let record = taken.records[at] as usize;
            let truth = if C::DECODES { &[][..] } else { taken.value(at) };
            let room = records.limit.saturating_sub(taken.values.len());
            let mate = facts.mate(record);
            let expected = mate.map(|mate| write(records.cigar_of(mate)));
            let parsed = parse(truth);
            let way = match (&expected, &parsed) {
                (Some(expected), _) if expected == truth => SAME,
                (_, Some(_)) => OTHER,
                _ => TEXT,
            };
            let flags = u32::from(records.flags[record]);
            let kind = hash(expected.is_some().into(), flags & 0xf0d, 0, 0);
            let contexts = [
                hash(kind, self.last_way, 1, 0),
                hash(expected.is_some().into(), self.last_way, 2, 0),
                hash(
                    kind,
                    expected.as_ref().map_or(0, |text| text.len().min(9)) as u32,
                    3,
                    0,
                ),
            ];
            let way = self.ways.symbol(coder, way, 2, &contexts, 0, 0);
            self.last_way = (self.last_way << 2 | way) & 15;
            let text = match (way, expected) {
                (SAME, Some(expected)) => expected,
                (OTHER, _) => {
                    let parsed = parsed.unwrap_or_default();
                    write(&self.other(coder, &parsed, records, record, room / 2)?)
                }
                (TEXT, _) => texts.code(coder, truth, 2, room)?,
                _ => return Err(damaged("a mate's CIGAR is coded in no known way")),
            };
            if let Some(cigar) = parse(&text) {
                facts.tell_mate(record, &cigar);
            }
            if C::DECODES {
                taken.values.extend_from_slice(&text);
                records.check_limit(taken.values.len())?;
                taken.ends.push(taken.values.len());
            }
        }
        records.columns[column] = taken;
        Ok(())
    }

    /// Codes the CIGAR of the mate of `record`, which is not in the chunk or is said to be another; it has at most `most`
    /// operations.
    pub(crate) fn other<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: &[u32],
        records: &Records,
        record: usize,
        most: usize,
    ) -> Result<Vec<u32>> {
        self.cigar(coder, truth, outside(records, record), most)
    }

    /// Codes a CIGAR of at most `most` operations.
    fn cigar<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: &[u32],
        mut expected: Expected,
        most: usize,
    ) -> Result<Vec<u32>> {
        let mut cigar: Vec<u32> = Vec::new();
        let (mut last, mut before) = (14, 14);
        loop {
            let at = cigar.len();
            let place = at.min(5) as u32;
            let Expected {
                bases,
                span,
                kind,
                own,
            } = expected;
            let relation = match span {
                None => 0,
                Some(span) if span == bases => 1,
                Some(0) => 2,
                Some(span) if span < bases => 3,
                Some(_) => 4,
            } * 2
                + u32::from(bases == 0);
            let apart = span.map_or(1 << 20, |span| bases.wrapping_sub(span));
            let contexts = [
                hash(last, place, relation, 1),
                hash(last, before, relation, 2),
                hash(last, relation, kind, 3),
                hash(last, place, own, 4),
                hash(last, place, apart, 5),
            ];
            let truth = truth.get(at).copied();
            let symbol = truth.map_or(END, |operation| operation & 15);
            let operation = self.operations.symbol(coder, symbol, 4, &contexts, 0, 0);
            if operation == END {
                return Ok(cigar);
            }
            if operation as usize >= OPERATIONS.len() || C::DECODES && at >= most {
                return Err(damaged("a mate's CIGAR has an impossible operation"));
            }
            // What the length may be: the rest of the read, the rest of the span, what is left beyond that.
            let likely = [
                Some(bases),
                span,
                span.and_then(|span| bases.checked_sub(span)),
            ];
            let contexts = [
                hash(operation, last, relation, 1),
                hash(operation, place, relation, 2),
                hash(operation, relation, kind, 3),
                hash(operation, last, own, 4),
                hash(operation, place, apart, 5),
            ];
            let length = truth.map_or(0, |operation| operation >> 4);
            let choice = likely.iter().position(|likely| *likely == Some(length));
            let choice = choice.map_or(3, |choice| choice as u32);
            let choice = self.lengths.symbol(coder, choice, 2, &contexts, 1, 4);
            let length = match likely.get(choice as usize) {
                None => self.lengths.number(coder, length.into(), &contexts, 2),
                Some(likely) => likely.unwrap_or(0).into(),
            };
            if length >= 1 << 28 {
                return Err(damaged("a mate's CIGAR has an impossible length"));
            }
            let coded = (length as u32) << 4 | operation;
            cigar.push(coded);
            expected.bases = bases.saturating_sub(on_read(coded));
            expected.span = span.map(|span| span.saturating_sub(on_reference(coded)));
            (last, before) = (operation, last);
        }
    }
}

/// What is known of the CIGAR of a mate outside of the chunk.
fn outside(records: &Records, record: usize) -> Expected {
    let flags = u32::from(records.flags[record]);
    let end = i64::from(records.positions[record]) + i64::from(records.template_lengths[record]);
    let span = end - i64::from(records.mate_positions[record]);
    let known = records.template_lengths[record] > 0
        && records.references[record] == records.mate_references[record]
        && (0..1 << 20).contains(&span);
    let own = records.cigar_of(record);
    Expected {
        bases: records.lengths[record],
        span: known.then_some(span as u32),
        kind: hash(flags & 0x930, u32::from(known), 0, 0),
        own: hash(
            own.len().min(4) as u32,
            own.first().map_or(15, |first| first & 15),
            0,
            0,
        ),
    }
}

/// The operations of a CIGAR text, if it can be written from them again.
pub(crate) fn parse(text: &[u8]) -> Option<Vec<u32>> {
    let mut cigar = Vec::new();
    let mut length = 0u32;
    for &byte in text {
        match byte {
            b'0'..=b'9' => {
                length = length.checked_mul(10)? + u32::from(byte - b'0');
                if length >= 1 << 28 {
                    return None;
                }
            }
            letter => {
                let operation = OPERATIONS.iter().position(|other| *other == letter);
                let Some(operation) = operation else { break };
                cigar.push(length << 4 | operation as u32);
                length = 0;
            }
        }
    }
    (write(&cigar) == text).then_some(cigar)
}

/// The text of a CIGAR.
pub(crate) fn write(cigar: &[u32]) -> Vec<u8> {
    let mut text = Vec::new();
    for &operation in cigar {
        text.extend_from_slice((operation >> 4).to_string().as_bytes());
        text.push(*OPERATIONS.get((operation & 15) as usize).unwrap_or(&b'?'));
    }
    if text.is_empty() {
        text.push(b'*');
    }
    text
}
