//! CIGARs that are not as usual: whether a read lies whole, else its operations and their lengths.

use super::super::decisions::Decisions;
use super::super::plain::{Numbers, Symbols};
use super::marks::Marks;
use super::recent::Recent;
use crate::Result;
use crate::codec::mixing::Coder;
use crate::codec::records::alignment::classes::{Related, kind};
use crate::codec::records::alignment::landmarks::Mark;
use crate::codec::records::alignment::long::Long;
use crate::codec::records::alignment::sites::Sites;
use crate::codec::records::alignment::waiting::key;
use crate::codec::records::alignment::walk::{END, far, matches};
use crate::codec::records::{Records, on_read, on_reference};

/// CIGARs that take more bases than this are coded as those of long reads.
const LONG: u64 = 512;

/// Contexts of operations, for each that may stand before.
const OPERATIONS: usize = 48;

/// What is known of a record before its CIGAR.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) record: usize,
    /// The bases that the CIGAR takes.
    pub(super) taken: u64,
    /// The bases that most records have.
    pub(super) usual: u64,
    /// How many reference bases it takes, if a mate says so.
    pub(super) span: Option<i64>,
    pub(super) related: Option<Related>,
    /// The operation that reads without gaps consist of.
    pub(super) whole: u32,
    /// Whether it is known not to be what is expected first.
    pub(super) odd: bool,
}

/// What is expected first: the whole read matched, or nothing.
#[inline(always)]
pub(super) fn expected(flags: u32, taken: u64, whole: u32) -> Option<u32> {
    let nothing = flags & 4 != 0 || taken == 0 || taken >> 28 != 0;
    (!nothing).then_some((taken as u32) << 4 | whole)
}

/// What has been learnt of CIGARs.
#[derive(Clone)]
pub(super) struct Cigars {
    shapes: Decisions,
    operations: Symbols<32>,
    guesses: Decisions,
    lengths: Numbers,
    introns: Recent,
    /// Made for the first long read.
    long: Option<Box<Long>>,
    /// Whether guesses of each kind were right lately.
    right: [usize; 8],
}

/// Where the coding of a CIGAR is.
struct At {
    /// Operations so far.
    count: usize,
    /// The last two operations, [`END`] before the first.
    last: [usize; 2],
    /// Bases of the read left.
    rest: i64,
    /// Reference bases left, if known.
    span: Option<i64>,
    /// The place on the reference.
    position: i64,
    /// The next mark and its distance.
    mark: Option<(u64, Mark)>,
}

impl At {
    /// The mark at this very place.
    fn here(&self) -> Option<Mark> {
        self.mark.filter(|mark| mark.0 == 0).map(|mark| mark.1)
    }

    /// How the reference bases left compare with the read's.
    fn balance(&self) -> usize {
        match self.span {
            None => 0,
            Some(span) if span < self.rest => 1,
            Some(span) if span == self.rest => 2,
            Some(_) => 3,
        }
    }
}

impl Cigars {
    pub(super) fn new() -> Self {
        Self {
            shapes: Decisions::new(256),
            operations: Symbols::new((END + 1) * OPERATIONS),
            guesses: Decisions::new(16 * 8 * 16 * 4),
            lengths: Numbers::new(16 * 4),
            introns: Recent::new(1),
            long: None,
            right: [0; 8],
        }
    }

    /// Codes a record's CIGAR into `cigar`, which holds it when encoding and nothing when decoding.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        known: &Known,
        records: &Records,
        (marks, sites): (&mut Marks, &mut Sites),
        cigar: &mut Vec<u32>,
    ) -> Result<()> {
        let record = known.record;
        let flags = u32::from(records.flags[record]);
        let mapq = u32::from(records.mapq[record]);
        let long = known.taken > LONG && known.taken >> 28 == 0;
        let expected = expected(flags, known.taken, known.whole);
        if !known.odd {
            let is = match expected {
                None => cigar.is_empty(),
                Some(operation) => **cigar == [operation],
            };
            let spans = known
                .span
                .map_or(0, |span| 1 + usize::from(span == known.taken as i64));
            let context = spans << 5
                | (kind(known.related) as usize) << 3
                | usize::from(flags & 4 != 0) << 2
                | usize::from(flags & 0x900 != 0) << 1
                | usize::from(mapq == 0);
            let is = self.shapes.code(coder, is, context);
            coder.charge(15);
            if is {
                if C::DECODES {
                    cigar.extend(expected);
                }
                return Ok(());
            }
        }
        if long {
            let long = self.long.get_or_insert_with(|| Box::new(Long::new()));
            return long.code(coder, known.taken, (records, record), sites, cigar);
        }
        self.walk(coder, known, records, marks, cigar)
    }

    /// Codes operation by operation.
    fn walk<C: Coder>(
        &mut self,
        coder: &mut C,
        known: &Known,
        records: &Records,
        marks: &mut Marks,
        cigar: &mut Vec<u32>,
    ) -> Result<()> {
        let reference = records.references[known.record];
        let position = records.positions[known.record];
        let mut number = 0;
        let mut at = At {
            count: 0,
            last: [END; 2],
            rest: known.taken as i64,
            span: known.span,
            position: position.into(),
            mark: marks.next(&mut number, key(reference, position)),
        };
        let mut seen = Vec::new();
        loop {
            let given = cigar.get(at.count).copied();
            let operation = self.operation(coder, &at, given.map(|given| given & 15));
            coder.charge(15);
            let Some(operation) = operation else { break };
            let length = given.map_or(0, |given| given >> 4);
            let length = self.length(coder, &at, known, operation, length);
            coder.charge(16);
            let whole = length << 4 | operation;
            if C::DECODES {
                cigar.push(whole);
                records.check_limit((records.cigar.len() + cigar.len()).saturating_mul(4))?;
            }
            let here = far(reference, at.position);
            if matches!(operation, 1..=3) || operation == 4 && at.count > 0 {
                let mark = if operation == 4 { 4 } else { whole };
                if !marks.take(&mut number, here, mark) {
                    seen.push((here, mark));
                }
            }
            let taken = i64::from(on_reference(whole));
            at.position += taken;
            at.rest = at.rest.wrapping_sub(on_read(whole).into());
            at.span = at.span.map(|span| span.wrapping_sub(taken));
            at.count += 1;
            at.last = [operation as usize, at.last[0]];
            at.mark = marks.next(&mut number, far(reference, at.position));
        }
        marks.add(&seen);
        Ok(())
    }

    /// Codes an operation, none at the end.
    fn operation<C: Coder>(
        &mut self,
        coder: &mut C,
        at: &At,
        operation: Option<u32>,
    ) -> Option<u32> {
        let rest = match at.rest {
            ..0 => 0,
            0 => 1,
            _ => 2,
        };
        let here = at.here().map_or(0, |mark| match mark.operation {
            operation @ 1..=4 => operation as usize,
            _ => 0,
        });
        let steps = at.count.min(3);
        let context = if rest < 2 {
            rest << 2 | at.balance()
        } else if here > 0 && at.count > 0 {
            8 + here * 2 + usize::from(at.mark.is_some_and(|mark| mark.1.passed > mark.1.taken))
        } else {
            32 + (steps << 2 | at.balance())
        };
        let given = operation.map_or(END, |operation| operation as usize);
        let coded = self
            .operations
            .code(coder, given, at.last[0] * OPERATIONS + context);
        (coded < END).then_some(coded as u32)
    }

    /// What an operation's length may be, with the kind of the guess, from 1.
    fn guesses(at: &At, known: &Known, operation: u32) -> [Option<(i64, usize)>; 2] {
        let balance = at.span.map(|span| span.wrapping_sub(at.rest));
        let here = at.here().filter(|mark| mark.operation == operation);
        let here = here.map(|mark| (i64::from(mark.length), 6));
        match operation {
            _ if matches(operation) => {
                let to_end = match at.span {
                    Some(span) if span > 0 && span < at.rest => (span, 1),
                    _ => (at.rest, 2),
                };
                let next = at.mark.map(|mark| (mark.0 as i64, 3));
                [
                    Some(to_end),
                    next.filter(|next| next.0 > 0 && next.0 < at.rest),
                ]
            }
            4 if at.count > 0 && at.last[0] != 5 => [Some((at.rest, 2)), None],
            1 | 4 => [balance.map(|balance| (balance.wrapping_neg(), 4)), here],
            2 | 3 => [balance.map(|balance| (balance, 4)), here],
            5 => [
                Some((known.usual.wrapping_sub(known.taken) as i64, 5)),
                None,
            ],
            _ => [None, None],
        }
    }

    /// Codes an operation's length.
    fn length<C: Coder>(
        &mut self,
        coder: &mut C,
        at: &At,
        known: &Known,
        operation: u32,
        length: u32,
    ) -> u32 {
        for (guess, kind) in Self::guesses(at, known, operation).into_iter().flatten() {
            if !(1..1 << 28).contains(&guess) {
                continue;
            }
            let base = (operation as usize) << 3 | kind;
            let mark = at.mark.map_or(0, |mark| {
                1 + usize::from(mark.1.taken > 1) + usize::from(mark.1.taken >= mark.1.passed)
            });
            let right = &mut self.right[kind];
            let context = (base << 4 | at.count.min(3) << 2 | mark) << 2 | *right & 3;
            let is = self
                .guesses
                .code(coder, i64::from(length) == guess, context);
            *right = *right << 1 | usize::from(is);
            if is {
                return guess as u32;
            }
        }
        if operation == 3 {
            return self.introns.code(coder, length.into(), 0) as u32 & 0x0fff_ffff;
        }
        let before = match at.last[0] {
            END => 0,
            before if matches(before as u32) => 1,
            4 | 5 => 2,
            _ => 3,
        };
        let context = (operation as usize) << 2 | before;
        let length = self.lengths.code(coder, length.into(), context);
        length as u32 & 0x0fff_ffff
    }
}
