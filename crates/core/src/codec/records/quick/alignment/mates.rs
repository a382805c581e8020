//! What a record says of its mate: reference, position, template length.

use super::super::decisions::Decisions;
use super::super::plain::{Numbers, Symbols, bits};
use super::recent::Recent;
use super::twins::{Offers, Twins};
use crate::codec::mixing::Coder;
use crate::codec::records::Records;
use crate::codec::records::alignment::classes::{Related, mates_flags};
use crate::codec::records::alignment::mates::{Elsewhere, Fields, span};

/// What a record without a mate says.
const NONE: Fields = Fields {
    reference: -1,
    position: -1,
    template: 0,
};

/// Low bits of template lengths, which are as good as random.
const LOW: u32 = 4;

/// Template lengths from here on, without their low bits, are coded as numbers.
const LONG: u64 = 255;

/// Contexts of template lengths, and of a record's flags.
const TEMPLATES: usize = 4;
const CLASSES: usize = 64;

/// What has been learnt of mate fields.
#[derive(Clone)]
pub(super) struct Mates {
    /// Whether all of a record is as the record says that it belongs to.
    expected: Decisions,
    decisions: Decisions,
    references: Numbers,
    templates: Symbols<256>,
    short: Symbols<{ 1 << LOW }>,
    long: Numbers,
    positions: Recent,
    twins: Offers,
    /// The last mate's reference that was not the record's own.
    reference: i32,
    /// Whether the last mates' positions were as expected.
    history: usize,
    /// Whether the last templates that were asked for that were as long as their reads.
    spanning: usize,
    /// Whether the last records that belong to others were as expected.
    as_expected: usize,
}

/// Places of the decisions.
const UNPAIRED: usize = 0;
const PLACE: usize = 2;
const TEMPLATE: usize = 4;
const REFERENCE: usize = 8;
const NEGATIVE: usize = REFERENCE + 2 * CLASSES;
const SPANNING: usize = NEGATIVE + CLASSES;
const POSITION: usize = SPANNING + 16;
const SECOND: usize = POSITION + 16 * CLASSES;
const COUNT: usize = SECOND + 4 * CLASSES;

/// Where a mate on the same reference may lie: if it takes as many reference bases as the record has bases, and if it takes
/// as many as the record does.
fn guesses(records: &Records, record: usize, template: i32) -> [i64; 2] {
    let start = i64::from(records.positions[record]);
    let own = span(records.cigar_of(record));
    let length = i64::from(records.lengths[record]);
    let template = i64::from(template);
    match template {
        1.. => {
            let end = start.wrapping_add(template);
            [end.wrapping_sub(length), end.wrapping_sub(own)]
        }
        0 => [start; 2],
        _ => [start.wrapping_add(own).wrapping_add(template); 2],
    }
}

/// What the record `other` lets expect of one that belongs to it.
fn expected(records: &Records, other: usize, flags: u32) -> Fields {
    let others = u32::from(records.flags[other]);
    // A record of the same read has the same mate, any other is the mate itself.
    if (flags ^ others) & 0xc0 == 0 {
        Fields {
            reference: records.mate_references[other],
            position: records.mate_positions[other],
            template: records.template_lengths[other],
        }
    } else {
        Fields {
            reference: records.references[other],
            position: records.positions[other],
            template: records.template_lengths[other].wrapping_neg(),
        }
    }
}

/// Flags that say what kind of pair a record is of: below [`CLASSES`].
fn class(flags: u32) -> usize {
    // Proper, unmapped, mate unmapped, the two strands; any of secondary and supplementary.
    ((flags >> 1 & 7) | (flags >> 1 & 0x18) | u32::from(flags & 0x900 != 0) << 5) as usize
}

impl Mates {
    pub(super) fn new() -> Self {
        Self {
            expected: Decisions::new(64),
            decisions: Decisions::new(COUNT),
            references: Numbers::new(2),
            templates: Symbols::new(TEMPLATES),
            short: Symbols::new(TEMPLATES),
            long: Numbers::new(TEMPLATES),
            positions: Recent::new(4),
            twins: Offers::new(),
            reference: 0,
            history: 0,
            spanning: 0,
            as_expected: 0,
        }
    }

    /// Codes whether flags and mate fields are as the record lets expect that this one belongs to; gives them if so.
    #[inline(always)]
    pub(super) fn all_expected<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        related: Related,
        (flags, given): (u32, Fields),
    ) -> Option<(u32, Fields)> {
        let other = related.record;
        let others = u32::from(records.flags[other]);
        if others & 1 == 0 {
            return None;
        }
        let expected_flags = mates_flags(others);
        let expected = expected(records, other, expected_flags);
        let is = !C::DECODES && flags == expected_flags && given == expected;
        let context = (self.as_expected & 3) << 4
            | usize::from(related.kind == 1) << 3
            | usize::from(others & 0x900 != 0) << 2
            | usize::from(others & 0xc != 0) << 1
            | usize::from(expected.template == 0);
        let is = self.expected.code(coder, is, context);
        self.as_expected = self.as_expected << 1 | usize::from(is);
        is.then_some((expected_flags, expected))
    }

    /// Codes the mate fields of a record, whose other fields are known; `usual` is the length of most records.
    #[inline(always)]
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        record: usize,
        related: Option<Related>,
        (elsewhere, twins, usual): (&mut Elsewhere, &mut Twins, u64),
        given: Fields,
    ) -> Fields {
        let flags = u32::from(records.flags[record]);
        if flags & 1 == 0 {
            let is = self.decisions.code(coder, given == NONE, UNPAIRED);
            coder.charge(21);
            if is {
                return NONE;
            }
        }
        let (place, template) = match related {
            Some(related) => self.parts_expected(coder, records, related, (flags, given)),
            None => (None, None),
        };
        let class = class(flags);
        let reference = match place {
            Some((reference, _)) => reference,
            None => self.reference(coder, records.references[record], class, given.reference),
        };
        coder.charge(21);
        let template = match template {
            Some(template) => template,
            None => self.template(
                coder,
                records,
                record,
                (twins, class, usual),
                given.template,
            ),
        };
        coder.charge(23);
        let same = reference == records.references[record];
        let position = place.map_or_else(
            || {
                let guesses = if same {
                    guesses(records, record, template)
                } else {
                    [elsewhere.get(&reference).copied().unwrap_or(0).into(); 2]
                };
                let odd = u64::from(records.lengths[record]) != usual;
                let context = class << 2 | usize::from(odd) << 1 | usize::from(same);
                self.position(coder, context, guesses, given.position)
            },
            |(_, position)| position,
        );
        coder.charge(22);
        if !same {
            elsewhere.insert(reference, position);
        }
        Fields {
            reference,
            position,
            template,
        }
    }

    /// Codes for a record that is not all as expected whether its mate's place is, and its template length.
    fn parts_expected<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        related: Related,
        (flags, given): (u32, Fields),
    ) -> (Option<(i32, i32)>, Option<i32>) {
        let expected = expected(records, related.record, flags);
        let place = (expected.reference, expected.position);
        let kind = related.kind as usize & 1;
        let is = (given.reference, given.position) == place;
        let is = self.decisions.code(coder, is, PLACE + kind);
        coder.charge(22);
        let place = is.then_some(place);
        let template = given.template == expected.template;
        let context = TEMPLATE + kind * 2 + usize::from(is);
        let template = self.decisions.code(coder, template, context);
        coder.charge(23);
        (place, template.then_some(expected.template))
    }

    #[inline(always)]
    fn reference<C: Coder>(&mut self, coder: &mut C, own: i32, class: usize, given: i32) -> i32 {
        let context = REFERENCE + class;
        if self.decisions.code(coder, given == own, context) {
            return own;
        }
        let last = self.reference;
        if last != own && self.decisions.code(coder, given == last, context + CLASSES) {
            return last;
        }
        // From 0 for "none".
        let number = u64::from((given as u32).wrapping_add(1));
        let number = self.references.code(coder, number, 0);
        self.reference = (number as u32).wrapping_sub(1) as i32;
        self.reference
    }

    #[inline(always)]
    fn template<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        record: usize,
        (twins, class, usual): (&mut Twins, usize, u64),
        given: i32,
    ) -> i32 {
        let length = records.lengths[record];
        let negative = self.decisions.code(coder, given < 0, NEGATIVE + class);
        // A trimmed read often is as long as its template.
        if u64::from(length) != usual || self.spanning & 255 != 0 {
            let own = span(records.cigar_of(record));
            let spans = if negative { own.wrapping_neg() } else { own };
            let context = usize::from(u64::from(length) != usual) << 3
                | (self.spanning & 3) << 1
                | usize::from(negative);
            let is = self
                .decisions
                .code(coder, i64::from(given) == spans, SPANNING + context);
            self.spanning = self.spanning << 1 | usize::from(is);
            if is {
                return spans as i32;
            }
        }
        let size = given.unsigned_abs();
        let size = match self.twins.code(coder, twins, |twin| twin == size) {
            Some(size) => size.into(),
            None => {
                let context = usize::from(class & 1 == 0) << 1 | usize::from(negative);
                let size = self.size(coder, size.into(), context);
                twins.add(size as u32);
                size as i64
            }
        };
        (if negative { size.wrapping_neg() } else { size }) as i32
    }

    /// Codes the magnitude of a template length.
    #[inline(always)]
    fn size<C: Coder>(&mut self, coder: &mut C, size: u64, context: usize) -> u64 {
        let high = (size >> LOW).min(LONG) as usize;
        let high = self.templates.code(coder, high, context) as u64;
        if high == 0 {
            // Zero is frequent.
            return self.short.code(coder, size as usize & 15, context) as u64;
        }
        if high < LONG {
            return high << LOW | bits(coder, size, LOW);
        }
        let from = LONG << LOW;
        let more = self.long.code(coder, size - from.min(size), context);
        more.wrapping_add(from)
    }

    #[inline(always)]
    fn position<C: Coder>(
        &mut self,
        coder: &mut C,
        context: usize,
        [first, second]: [i64; 2],
        given: i32,
    ) -> i32 {
        let given = i64::from(given);
        let history = self.history & 3;
        let place = POSITION + history * 4 * CLASSES + context;
        let is = self.decisions.code(coder, given == first, place);
        self.history = self.history << 1 | usize::from(is);
        if is {
            return first as i32;
        }
        if second != first
            && self
                .decisions
                .code(coder, given == second, SECOND + context)
        {
            return second as i32;
        }
        let off = given.wrapping_sub(first);
        let off = self.positions.code(coder, off, context & 3);
        first.wrapping_add(off) as i32
    }
}
