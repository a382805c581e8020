//! Fields of an entry: its CIGAR, mapping quality and edit distance.

use super::entry::{Distance, Entry, Form, Shape};
use super::keys::{Key, Own};
use super::lists::Lists;
use super::{Tag, cigars};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash, hash_bytes};
use crate::codec::wire::damaged;

/// How a CIGAR is told: the record's own (turned round on the other strand) or what it clips, all aligned, or spelt out.
const OWN: u32 = 0;
const FULL: u32 = 1;
pub(super) const OTHER: u32 = 2;

impl Lists<'_> {
    /// Codes the fields of an entry that lies where record `other` does.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn code_same<C: Coder>(
        &self,
        coder: &mut C,
        fields: &mut Mixer<6, 1>,
        tag: &mut Tag,
        record: usize,
        own: &Own,
        other: usize,
        truth: &Entry,
    ) -> Result<Entry> {
        let records = self.records;
        let cigar = records.cigar_of(other);
        let forms = [
            cigar.to_vec(),
            cigars::with_clips(cigar, 4),
            cigars::with_clips(cigar, 5),
            cigars::short(cigar, 4),
            cigars::short(cigar, 5),
        ];
        let contexts: [u32; 6] = std::array::from_fn(|at| match at {
            0 => hash(
                101,
                self.salt,
                u32::from(records.flags[other] >> 8) | u32::from(records.flags[record] >> 8) << 8,
                0,
            ),
            1 => hash(
                102,
                self.salt,
                u32::from(forms[0] == forms[1]) | u32::from(forms[1] == forms[3]) << 1,
                0,
            ),
            _ => hash(103, self.salt, at as u32, 0),
        });
        let form = forms
            .iter()
            .position(|form| *form == truth.cigar)
            .unwrap_or(7);
        let form = fields.symbol(coder, form as u32, 3, &contexts, 33, 168);
        let cigar = match forms.into_iter().nth(form as usize) {
            Some(cigar) => {
                if cigar.iter().any(|operation| operation & 15 > 8) {
                    return Err(damaged("an operation that there is not"));
                }
                cigar
            }
            None => {
                let most = self.records.limit;
                cigars::code(
                    coder,
                    fields,
                    &truth.cigar,
                    own.shape.read,
                    hash_bytes(b"", form),
                    self.salt + 8,
                    most,
                )?
            }
        };
        let mapq = records.mapq[other];
        let mapq = if fields.flag(coder, truth.mapq == u32::from(mapq), &contexts, 34) {
            mapq.into()
        } else {
            self.code_mapq(coder, fields, tag, record, truth)
        };
        let base = self.distances[other];
        let contexts = contexts.map(|context| hash(context, 7, u32::from(base.is_some()), 0));
        let distance = code_distance(
            coder,
            fields,
            truth.distance,
            base.unwrap_or(0),
            &contexts,
            self.salt + 8,
        );
        let reverse = records.flags[other] & 16 != 0;
        let turned = (records.flags[record] ^ records.flags[other]) & 16 != 0;
        // Some programs count from 0.
        let at = i64::from(records.positions[other]);
        let contexts = contexts.map(|context| hash(context, 8, tag.from_zero, 0));
        let from_zero = fields.flag(coder, truth.position != at, &contexts, 41);
        tag.from_zero = (tag.from_zero << 1 | u32::from(from_zero)) & 7;
        let position = at - i64::from(from_zero);
        if position < -1 {
            return Err(damaged("an entry at a position that there is not"));
        }
        let key = Key {
            reference: records.references[other] as u32,
            turned,
            offset: own.offset(position, turned, &Shape::of(&cigar)),
        };
        tag.keys.note(key, self.salt);
        Ok(Entry {
            reference: key.reference,
            position,
            reverse,
            cigar,
            mapq,
            distance,
        })
    }

    pub(super) fn code_mapq<C: Coder>(
        &self,
        coder: &mut C,
        fields: &mut Mixer<6, 1>,
        tag: &mut Tag,
        record: usize,
        truth: &Entry,
    ) -> u32 {
        if self.form == Form::Signed {
            return 0;
        }
        let (own, flags) = (
            u32::from(self.records.mapq[record]),
            u32::from(self.records.flags[record] >> 8),
        );
        let contexts = [
            hash(111, self.salt, own, 0),
            hash(112, self.salt, 0, 0),
            hash(113, self.salt, own, flags),
            hash(114, self.salt, tag.mapq, 0),
            hash(115, self.salt, flags, tag.class),
            hash(116, self.salt, tag.mapq, own),
        ];
        tag.mapq = fields.number(coder, truth.mapq.into(), &contexts, 35) as u32 & 0x7fff_ffff;
        tag.mapq
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn code_cigar<C: Coder>(
        &self,
        coder: &mut C,
        fields: &mut Mixer<6, 1>,
        tag: &mut Tag,
        record: usize,
        own: &Own,
        truth: &Entry,
        turned: bool,
        known_class: u8,
        at: usize,
    ) -> Result<Vec<u32>> {
        let cigar = self.records.cigar_of(record);
        let parts = own.parts;
        let as_own = match (parts, turned) {
            (true, _) => cigars::complement(&own.shape, turned),
            (false, true) => cigars::reversed(cigar),
            (false, false) => cigar.to_vec(),
        };
        let full = match u32::try_from(own.length) {
            Ok(length @ 1..0x1000_0000) => vec![length << 4],
            _ => Vec::new(),
        };
        let is_full = cigar == full;
        let own_hash = cigar
            .iter()
            .take(32)
            .fold(0, |state, &operation| hash(state, operation, 121, 0));
        let contexts = [
            hash(121, self.salt, u32::from(is_full), u32::from(known_class)),
            hash(122, self.salt, own_hash, u32::from(known_class)),
            hash(
                123,
                self.salt,
                cigar.len().min(9) as u32,
                at.min(3) as u32 | tag.class << 4,
            ),
            hash(124, self.salt, u32::from(is_full), tag.count),
            hash(
                125,
                self.salt,
                u32::from(own.shape.left > own.shape.right) | u32::from(turned) << 1,
                tag.class,
            ),
            hash(126, self.salt, own_hash, at.min(3) as u32),
        ];
        let class = if truth.cigar == as_own {
            OWN
        } else if truth.cigar == full {
            FULL
        } else {
            OTHER
        };
        let class = fields.symbol(coder, class, 2, &contexts, 36, 176);
        tag.class = class;
        let cigar = match class {
            OWN => as_own,
            FULL => full,
            _ => {
                let as_own = as_own
                    .iter()
                    .take(32)
                    .fold(0, |state, &operation| hash(state, operation, 121, 0));
                cigars::code(
                    coder,
                    fields,
                    &truth.cigar,
                    own.shape.read,
                    as_own,
                    self.salt,
                    self.records.limit,
                )?
            }
        };
        if cigar.iter().any(|operation| operation & 15 > 8) {
            return Err(damaged("an operation that there is not"));
        }
        Ok(cigar)
    }
}

/// Codes an edit distance, given the one it is likely to be.
pub(super) fn code_distance<C: Coder>(
    coder: &mut C,
    fields: &mut Mixer<6, 1>,
    truth: Distance,
    base: i64,
    contexts: &[u32; 6],
    salt: u32,
) -> Distance {
    let kinds: [u32; 6] = std::array::from_fn(|at| hash(131, salt, at as u32, 0));
    if !fields.flag(coder, matches!(truth, Distance::Number(_)), &kinds, 37) {
        return if fields.flag(coder, truth == Distance::Empty, &kinds, 38) {
            Distance::Empty
        } else {
            Distance::Null
        };
    }
    let number = match truth {
        Distance::Number(number) => number.into(),
        _ => 0,
    };
    let difference = fields.signed(coder, i64::wrapping_sub(number, base), contexts, 39);
    Distance::Number(base.wrapping_add(difference) as u32 & 0x7fff_ffff)
}
