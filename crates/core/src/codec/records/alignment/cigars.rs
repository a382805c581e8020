//! CIGARs: whether a read lies whole, else its operations and their lengths.

use super::classes::{Related, kind};
use super::landmarks::{Landmarks, Mark};
use super::long::Long;
use super::motion::scale;
use super::sites::Sites;
use super::waiting::key;
use super::walk::{At, END, far, matches};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer};
use crate::codec::records::{Records, on_reference};

/// CIGARs that take more bases than this are coded as those of long reads.
const LONG: u64 = 512;

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
}

/// What has been learnt of CIGARs.
#[derive(Clone)]
pub(super) struct Cigars {
    shapes: Mixer<6, 1>,
    operations: Mixer<6, 1>,
    guesses: Mixer<5, 1>,
    lengths: Mixer<6, 1>,
    long: Long,
    /// Operations by how often they followed an operation, most frequent first; the counts.
    order: [[u8; END + 1]; END + 1],
    followed: [[u16; END + 1]; END + 1],
    /// The last two lengths of each operation.
    before: [[u32; 2]; 16],
    /// Whether guesses of each kind were right lately.
    right: [u32; 8],
    /// Whether the last records lay whole.
    history: u32,
}

impl Cigars {
    pub(super) fn new() -> Self {
        let order = std::array::from_fn(|at| at as u8);
        Self {
            shapes: Mixer::new(7, 255),
            operations: Mixer::new(8, 255),
            guesses: Mixer::new(8, 255),
            lengths: Mixer::new(10, 255),
            long: Long::new(),
            order: [order; END + 1],
            followed: [[0; END + 1]; END + 1],
            before: [[0; 2]; 16],
            right: [0; 8],
            history: 0,
        }
    }

    /// Codes a record's CIGAR into `cigar`, which holds it when encoding and nothing when decoding.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        known: &Known,
        records: &Records,
        (landmarks, sites): (&mut Landmarks, &mut Sites),
        cigar: &mut Vec<u32>,
    ) -> Result<()> {
        let record = known.record;
        let flags = u32::from(records.flags[record]);
        let mapq = u32::from(records.mapq[record]);
        let long = known.taken > LONG && known.taken >> 28 == 0;
        if long
            && self
                .long
                .repeat(coder, known.taken, (records, record), cigar)?
        {
            coder.charge(15);
            return Ok(());
        }
        let (reference, position) = (records.references[record], records.positions[record]);
        let mut ahead = landmarks.ahead(key(reference, position));
        let mark = ahead.next(key(reference, position));
        let expected = if flags & 4 != 0 || known.taken == 0 || known.taken >> 28 != 0 {
            None
        } else {
            Some((known.taken as u32) << 4 | known.whole)
        };
        let class = flags >> 8 & 9 | flags & 4 | kind(known.related) << 4 | flags >> 3 & 2;
        let is = match expected {
            None => cigar.is_empty(),
            Some(operation) => **cigar == [operation],
        };
        let is = self.shape(coder, known, records, mark, (class, mapq), is);
        self.history = self.history << 1 | u32::from(is);
        coder.charge(15);
        if is {
            if C::DECODES {
                cigar.extend(expected);
            }
            if let Some(operation) = expected {
                let end = i64::from(position) + i64::from(on_reference(operation));
                ahead.next(far(reference, end));
            }
            return Ok(());
        }
        if long {
            return self
                .long
                .code(coder, known.taken, (records, record), sites, cigar);
        }
        let mut at = At {
            count: 0,
            last: [END as u32; 3],
            length: 0,
            rest: known.taken as i64,
            span: known.span,
            position: position.into(),
            mark,
            class: class << 1 | u32::from(mapq > 0),
        };
        let mut seen = Vec::new();
        loop {
            let given = cigar.get(at.count as usize).copied();
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
            at.note(reference, whole, &mut ahead, &mut seen);
        }
        landmarks.add(&seen);
        Ok(())
    }

    /// Codes whether a CIGAR is what is expected first: the whole read matched, or nothing if it is unmapped.
    fn shape<C: Coder>(
        &mut self,
        coder: &mut C,
        known: &Known,
        records: &Records,
        mark: Option<(u64, Mark)>,
        (class, mapq): (u32, u32),
        is: bool,
    ) -> bool {
        let taken = known.taken;
        let within = mark
            .filter(|mark| mark.0 < taken)
            .map_or(0, |(from, mark)| {
                let edge = scale(from.min(taken - from)).min(15);
                1 + edge << 8 | mark.class() << 4 | mark.operation
            });
        let balance = known.span.map_or(100, |span| {
            let taken = taken.min(1 << 40) as i64;
            span.wrapping_sub(taken).clamp(-30, 30) as u32 & 0xff
        });
        let other = known.related.map_or(0, |related| {
            records.cigar_of(related.record).len().min(3) as u32 + 1
        });
        let usual = u32::from(taken == known.usual);
        let quality = mapq.min(60) / 10;
        let contexts = [
            class << 4 | quality,
            within << 1 | usual,
            balance << 2 | usual,
            (self.history & 7) << 8 | quality << 1 | usual,
            other << 16 | class << 8 | within >> 4 & 15,
            (within & 0xff) << 8 | class,
        ];
        self.shapes.turn(&contexts, 0);
        let selection = (usual + 2 * u32::from(within > 0) + 4 * other) as usize;
        self.shapes.bit(coder, is, 1, selection)
    }

    /// Codes an operation, none at the end.
    fn operation<C: Coder>(
        &mut self,
        coder: &mut C,
        at: &At,
        operation: Option<u32>,
    ) -> Option<u32> {
        let operation = operation.map_or(END, |operation| operation as usize);
        let [one, two, three] = at.last;
        let rest = at.rest_class();
        let here = at.here_class();
        let steps = at.count.min(5);
        let contexts = [
            one << 8 | two << 2 | rest,
            here << 16 | one << 8 | rest,
            at.class << 16 | one << 8 | steps << 2 | rest,
            at.balance() << 16 | one << 8 | steps << 2 | rest,
            one << 24 | two << 16 | three << 8 | scale(at.length.into()),
            self.right[0] & 3 | one << 8 | rest << 4 | u32::from(here > 0) << 6,
        ];
        self.operations.turn(&contexts, 0);
        let row = one as usize;
        let mut rank = 0;
        while rank < END {
            let is = usize::from(self.order[row][rank]) == operation;
            let node = (rank + 1).min(15);
            if self.operations.bit(coder, is, node, row * 4 + rank.min(3)) {
                break;
            }
            rank += 1;
        }
        let (order, followed) = (&mut self.order[row], &mut self.followed[row]);
        let operation = usize::from(order[rank]);
        followed[operation] = followed[operation].saturating_add(1);
        if rank > 0 && followed[usize::from(order[rank - 1])] < followed[operation] / 2 {
            order.swap(rank - 1, rank);
        }
        (operation < END).then_some(operation as u32)
    }

    /// What an operation's length may be, with the kind of the guess, from 1.
    fn guesses(at: &At, known: &Known, operation: u32) -> [Option<(i64, u32)>; 2] {
        let balance = at.span.map(|span| span.wrapping_sub(at.rest));
        let here = at.here().filter(|mark| mark.operation == operation);
        let here = here.map(|mark| (i64::from(mark.length), 6));
        match operation {
            _ if matches(operation) => {
                let to_end = match at.span {
                    Some(span) if span > 0 && span < at.rest => Some((span, 1)),
                    // A long read of many operations ends with this one once only.
                    _ if at.rest > 512 && at.count > 4 => None,
                    _ => Some((at.rest, 2)),
                };
                let next = at.mark.map(|mark| (mark.0 as i64, 3));
                [to_end, next.filter(|next| next.0 > 0 && next.0 < at.rest)]
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
        let [one, two, _] = at.last;
        let guesses = Self::guesses(at, known, operation);
        let mut answer = None;
        for (guess, kind) in guesses.into_iter().flatten() {
            if !(1..1 << 28).contains(&guess) {
                continue;
            }
            let base = operation << 4 | kind;
            let mark = at.mark.map_or(0, |mark| mark.1.class() + 1);
            let right = &mut self.right[kind as usize];
            let contexts = [
                base << 8 | one,
                base << 8 | mark << 2 | at.balance(),
                base << 8 | scale(guess as u64),
                base << 8 | at.class,
                base << 8 | *right & 7 | at.count.min(7) << 4,
            ];
            self.guesses.turn(&contexts, 0);
            let is = i64::from(length) == guess;
            let is = self.guesses.bit(coder, is, 1, base as usize);
            *right = *right << 1 | u32::from(is);
            if matches(operation) {
                self.right[0] = if is { kind } else { 0 };
            }
            if is {
                answer = Some(guess as u32);
                break;
            }
        }
        let before = self.before[operation as usize];
        let length = answer.unwrap_or_else(|| {
            let rest = if (0..1000).contains(&at.rest) {
                at.rest as u32
            } else {
                1000 + scale(at.rest.unsigned_abs())
            };
            let base = operation << 4;
            let contexts = [
                (base | one) << 8,
                (base | one) << 8 | scale(before[0].into()),
                (base | before[0].min(15)) << 16 | before[1].min(255),
                base << 16 | rest,
                (base | one) << 16 | at.count.min(4) << 8 | at.class,
                (base | one) << 16 | two << 8 | scale(at.length.into()),
            ];
            let length = self.lengths.number(coder, length.into(), &contexts, 0);
            length as u32 & 0x0fff_ffff
        });
        self.before[operation as usize] = [length, before[0]];
        length
    }
}
