//! What a record says of its mate: reference, position, template length.

use std::collections::BTreeMap;

use super::classes::{Related, kind};
use super::motion::scale;
use crate::codec::mixing::{Coder, Mixer};
use crate::codec::records::{Records, on_reference};

/// A record's mate's reference and position, and the template length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec::records) struct Fields {
    pub(in crate::codec::records) reference: i32,
    pub(in crate::codec::records) position: i32,
    pub(in crate::codec::records) template: i32,
}

/// What a record without a mate says.
const NONE: Fields = Fields {
    reference: -1,
    position: -1,
    template: 0,
};

/// What has been learnt of mate fields.
#[derive(Clone)]
pub(super) struct Mates {
    decisions: Mixer<4, 1>,
    templates: Mixer<5, 1>,
    positions: Mixer<4, 1>,
    /// The last mate's reference that was not the record's own; the last template length in 16 bases.
    reference: i32,
    template: u32,
    /// Whether the last mates' positions were as expected.
    history: u32,
    /// Whether the last templates that were asked for that were as long as their reads.
    spanning: u8,
}

/// Where the last mates on other references lay, in this chunk.
pub(in crate::codec::records) type Elsewhere = BTreeMap<i32, i32>;

/// Reference bases that a CIGAR takes.
pub(in crate::codec::records) fn span(cigar: &[u32]) -> i64 {
    let bases = cigar.iter().map(|&one| i64::from(on_reference(one)));
    bases.fold(0, i64::wrapping_add)
}

impl Mates {
    pub(super) fn new() -> Self {
        Self {
            decisions: Mixer::new(8, 255),
            templates: Mixer::new(10, 1000),
            positions: Mixer::new(8, 255),
            reference: 0,
            template: 0,
            history: 0,
            spanning: 0,
        }
    }

    /// Codes the mate fields of a record, whose other fields are known; `usual` is the length of most records.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        record: usize,
        related: Option<Related>,
        (elsewhere, usual): (&mut Elsewhere, u64),
        given: Fields,
    ) -> Fields {
        let flags = u32::from(records.flags[record]);
        if flags & 1 == 0 {
            let contexts = [0, flags, kind(related), 1];
            self.decisions.turn(&contexts, 1);
            let is = self.decisions.bit(coder, given == NONE, 1, 1);
            coder.charge(21);
            if is {
                return NONE;
            }
        }
        let mut reference = None;
        let mut position = None;
        let mut template = None;
        if let Some(related) = related {
            let other = related.record;
            let others = u32::from(records.flags[other]);
            // A record of the same read has the same mate, any other is the mate itself.
            let same = (flags ^ others) & 0xc0 == 0;
            let expected = if same {
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
            };
            let class = others >> 8 & 9 | flags >> 4 & 0x90 | u32::from(same) << 1 | flags & 0xc;
            let empty = u32::from(expected.template == 0);
            let contexts = [
                related.kind << 1,
                related.kind << 10 | class,
                class << 1 | empty,
                flags << 2 | empty,
            ];
            self.decisions.turn(&contexts, 2);
            let is = given.reference == expected.reference && given.position == expected.position;
            let is = self.decisions.bit(coder, is, 1, 2);
            coder.charge(22);
            if is {
                (reference, position) = (Some(expected.reference), Some(expected.position));
            }
            let node = 2 + usize::from(is);
            let is = given.template == expected.template;
            let is = self.decisions.bit(coder, is, node, node + 1);
            coder.charge(23);
            if is {
                template = Some(expected.template);
            }
        }
        let reference =
            reference.unwrap_or_else(|| self.reference(coder, records, record, given.reference));
        coder.charge(21);
        let same = reference == records.references[record];
        let class = flags & 0x3b | u32::from(same) << 6 | flags >> 1 & 0x480;
        let template = template
            .unwrap_or_else(|| self.template(coder, records, record, class, usual, given.template));
        coder.charge(23);
        let position = position.unwrap_or_else(|| {
            let from = if same {
                let own = span(records.cigar_of(record));
                let start = i64::from(records.positions[record]);
                let length = i64::from(template);
                match template {
                    1.. => start.wrapping_add(length).wrapping_sub(own),
                    0 => start,
                    _ => start.wrapping_add(own).wrapping_add(length),
                }
            } else {
                elsewhere.get(&reference).copied().unwrap_or(0).into()
            };
            let sign = template.signum() as u32 & 3;
            let pieces = records.cigar_of(record).len().min(7) as u32;
            let same = u32::from(same);
            let short = usual.wrapping_sub(records.lengths[record].into());
            let short = scale(short.min(1 << 16)) << 1 | u32::from(short >> 63 == 1);
            let quality = u32::from(records.mapq[record]).min(60) / 10;
            let contexts = [
                class << 2 | sign,
                (self.history & 15) << 8 | quality << 4 | same << 2 | sign,
                short << 4 | same << 3 | kind(related),
                same << 8 | pieces << 2 | sign,
            ];
            let off = i64::from(given.position).wrapping_sub(from);
            self.positions.turn(&contexts, 20);
            let is = self.positions.bit(coder, off == 0, 1, 0);
            self.history = self.history << 1 | u32::from(is);
            if is {
                return from as i32;
            }
            let off = self.positions.signed(coder, off, &contexts, same * 8);
            from.wrapping_add(off) as i32
        });
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

    fn reference<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        record: usize,
        given: i32,
    ) -> i32 {
        let own = records.references[record];
        let flags = u32::from(records.flags[record]);
        let class = flags & 0x3b;
        let quality = u32::from(records.mapq[record]);
        let before = record.checked_sub(1).map_or(2, |before| {
            u32::from(records.mate_references[before] == records.references[before])
        });
        let contexts = [
            class,
            class << 8 | quality,
            self.reference as u32 ^ class << 24,
            before << 16 | flags & 0x906,
        ];
        self.decisions.turn(&contexts, 3);
        if self.decisions.bit(coder, given == own, 1, 5) {
            return own;
        }
        let contexts = [
            self.reference as u32,
            own as u32,
            0,
            (own as u32).wrapping_mul(0x9E37_79B1) ^ self.reference as u32,
        ];
        // From 0 for "none".
        let number = u64::from((given as u32).wrapping_add(1));
        let number = self.decisions.number(coder, number, &contexts, 4);
        self.reference = (number as u32).wrapping_sub(1) as i32;
        self.reference
    }

    fn template<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        record: usize,
        class: u32,
        usual: u64,
        given: i32,
    ) -> i32 {
        let length = records.lengths[record];
        let quality = u32::from(records.mapq[record]) / 10;
        let own = span(records.cigar_of(record));
        let contexts = [
            class,
            class | scale(length.into()) << 12 | length << 18,
            class | self.template << 12,
            class | quality.min(6) << 12,
            class | (own as u32) << 12,
        ];
        self.templates.turn(&contexts, 0);
        let negative = self.templates.bit(coder, given < 0, 1, 0);
        // A trimmed read often is as long as its template.
        if u64::from(length) != usual || self.spanning != 0 {
            let spans = if negative { own.wrapping_neg() } else { own };
            let node = 2 + usize::from(negative);
            let is = i64::from(given) == spans;
            let is = self.templates.bit(coder, is, node, node);
            self.spanning = self.spanning << 1 | u8::from(is);
            if is {
                return spans as i32;
            }
        }
        let contexts = contexts.map(|context| context << 1 | u32::from(negative));
        let size = u64::from(given.unsigned_abs());
        let size = self.templates.number(coder, size, &contexts, 1);
        if size != 0 {
            self.template = size as u32 >> 4;
        }
        let size = size as i64;
        (if negative { size.wrapping_neg() } else { size }) as i32
    }
}
