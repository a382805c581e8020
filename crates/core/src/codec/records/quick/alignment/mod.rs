//! Where reads lie, as the thorough model codes it (`records/alignment`) but without mixing: the same values in the same
//! order, each decision in one context.
//!
//! Most records are settled by a few decisions. A record whose mate's place is known waits there; the first decision for
//! each record is whether it is the mate that is expected first, the next whether flags and mate fields are all that
//! follows from that. One decision says that a read has the usual length and lies whole.

mod cigars;
mod classes;
mod marks;
mod mates;
mod places;
mod recent;
#[cfg(test)]
mod tests;
mod twins;
mod waiting;

use super::super::alignment::classes::{Related, kind};
use super::super::alignment::mates::{Elsewhere, Fields};
use super::super::alignment::motion::Motion;
use super::super::alignment::parameters::Parameters;
use super::super::alignment::sites::Sites;
use super::super::alignment::waiting::{key, place};
use super::super::alignment::walk::far;
use super::super::{Context, Level, Records, on_read, on_reference, part};
use super::decisions::Decisions;
use crate::Result;
use crate::codec::mixing::Coder;
use crate::codec::wire::damaged;
use cigars::{Cigars, Known, expected};
use classes::Classes;
use marks::Marks;
use mates::Mates;
use places::Places;
use twins::{Offers, Twins};
use waiting::{Arrivals, Waiting};

/// Keys of the streams that costs are booked on, as in `spec/format.md`.
const FLAGS: u32 = 9;
const REFERENCES: u32 = 10;
const POSITIONS: u32 = 11;
const MAPQ: u32 = 12;
const LENGTHS: u32 = 13;
const LINKS: u32 = 20;

/// What has been learnt of alignments so far.
#[derive(Clone)]
pub(crate) struct Model {
    parameters: Parameters,
    /// Whether the parameters have been coded.
    started: bool,
    motion: Motion,
    arrivals: Arrivals,
    /// Whether a record belongs to the one before, and then, whether it lies where that says.
    neighbours: Decisions,
    neighbour_history: usize,
    places: Places,
    classes: Classes,
    /// Whether a read is as long as usual and lies whole.
    whole: Decisions,
    whole_history: usize,
    /// Whether one that is not has length and CIGAR of another at the same place.
    twins: Offers,
    cigars: Cigars,
    mates: Mates,
}

/// What belongs to one chunk.
#[derive(Default)]
struct Chunk {
    waiting: Waiting,
    marks: Marks,
    sites: Sites,
    elsewhere: Elsewhere,
    /// Records at the last place that are not as usual, and template lengths there.
    odd: Twins,
    templates: Twins,
    /// Bases so far.
    bases: usize,
    /// The CIGAR being coded.
    cigar: Vec<u32>,
}

/// Bases that a CIGAR takes, of a read of `length` bases; without operations, all.
fn taken(cigar: &[u32], length: u32) -> u64 {
    if cigar.is_empty() {
        return length.into();
    }
    cigar.iter().map(|&one| u64::from(on_read(one))).sum()
}

impl Model {
    /// A model for the encoder, fitted to the records of the first chunk.
    pub(crate) fn fit(_: Level, _: &Context<'_>, records: &Records) -> Self {
        let mut this = Self::blank();
        this.parameters = Parameters::fit(records);
        this.classes.fit(records);
        this
    }

    /// A model for the decoder, which knows nothing yet.
    pub(crate) fn blank() -> Self {
        Self {
            parameters: Parameters::default(),
            started: false,
            motion: Motion::default(),
            arrivals: Arrivals::new(),
            neighbours: Decisions::new(257),
            neighbour_history: 0,
            places: Places::new(),
            classes: Classes::new(),
            whole: Decisions::new(8192),
            whole_history: 0,
            twins: Offers::new(),
            cigars: Cigars::new(),
            mates: Mates::new(),
        }
    }

    /// Codes flags, references, positions, mapping qualities, lengths, CIGARs, mate fields and some links.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        _: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        if !self.started {
            self.parameters.code(coder);
            self.classes.parameters(coder);
            self.started = true;
        }
        self.motion.restart();
        records.found_mates.clear();
        records.found_mates.resize(records.count, false);
        let mut chunk = Chunk::default();
        for record in 0..records.count {
            self.record(coder, &mut chunk, records, record)?;
        }
        Ok(())
    }

    /// Codes one record.
    #[inline(always)]
    fn record<C: Coder>(
        &mut self,
        coder: &mut C,
        chunk: &mut Chunk,
        records: &mut Records,
        record: usize,
    ) -> Result<()> {
        let related = self.place(coder, chunk, records, record);
        let given = Fields {
            reference: records.mate_references[record],
            position: records.mate_positions[record],
            template: records.template_lengths[record],
        };
        let flags = u32::from(records.flags[record]);
        let mut settled = None;
        let flags = match related {
            Some(related) => {
                records.found_mates[record] = true;
                records.links[record] = (record - related.record) as u32;
                let expected = self
                    .mates
                    .all_expected(coder, records, related, (flags, given));
                settled = expected.map(|(_, fields)| fields);
                match expected {
                    Some((flags, _)) => flags,
                    None => self.classes.related_flags(coder, records, related, flags),
                }
            }
            None => {
                let reference = records.references[record];
                self.classes.flags(coder, &self.motion, reference, flags)
            }
        };
        records.flags[record] = flags as u16;
        coder.charge(FLAGS);
        let mapq = u32::from(records.mapq[record]);
        let (classes, motion) = (&mut self.classes, &self.motion);
        let mapq = classes.mapq(coder, motion, records, related, (flags, mapq));
        records.mapq[record] = mapq as u8;
        coder.charge(MAPQ);
        self.cigar(coder, chunk, records, record, related)?;
        let fields = match settled {
            Some(fields) => fields,
            None => {
                let around = (
                    &mut chunk.elsewhere,
                    &mut chunk.templates,
                    self.classes.usual(),
                );
                self.mates
                    .code(coder, records, record, related, around, given)
            }
        };
        records.mate_references[record] = fields.reference;
        records.mate_positions[record] = fields.position;
        records.template_lengths[record] = fields.template;
        self.motion.flags = flags;
        self.motion.mapq = [mapq, self.motion.mapq[0]];
        if self.parameters.sorted && flags & 1 == 1 && related.is_none() && fields.reference >= 0 {
            let expected = key(fields.reference, fields.position);
            if expected >= self.motion.key {
                chunk.waiting.add(expected, flags & 0x20 != 0, record);
            }
        }
        Ok(())
    }

    /// Codes whether a record is a mate, and its place.
    #[inline(always)]
    fn place<C: Coder>(
        &mut self,
        coder: &mut C,
        chunk: &mut Chunk,
        records: &mut Records,
        record: usize,
    ) -> Option<Related> {
        let link = record.checked_sub(records.links[record] as usize);
        let link = link.filter(|&other| other < record);
        let own = (records.references[record], records.positions[record]);
        let next = chunk.waiting.first(self.motion.key);
        let mut related = None;
        let mut known = None;
        if let Some(first) = next {
            let mate = link.filter(|_| own == place(first.0));
            let (arrivals, waiting) = (&mut self.arrivals, &mut chunk.waiting);
            let found = arrivals.code(coder, waiting, first, &mut self.motion, mate);
            related = found.map(|record| Related { record, kind: 1 });
            known = found.map(|_| place(first.0));
        } else {
            self.motion.arrivals <<= 1;
        }
        if related.is_none() && record > 0 && self.asks_neighbour(records, record) {
            let other = record - 1;
            if self.neighbour(coder, records, record, link == Some(other)) {
                related = Some(Related {
                    record: other,
                    kind: 2,
                });
                let there = (
                    records.mate_references[other],
                    records.mate_positions[other],
                );
                let is = self.neighbours.code(coder, own == there, 256);
                known = is.then_some(there);
            }
        }
        coder.charge(LINKS);
        let (reference, position) = known.unwrap_or_else(|| {
            let reference = self.places.reference(coder, &self.motion, own.0);
            coder.charge(REFERENCES);
            let (motion, sorted) = (&mut self.motion, self.parameters.sorted);
            let own = (reference, own.1);
            let next = next.map(|first| first.0);
            let position = self.places.position(coder, motion, sorted, own, next);
            coder.charge(POSITIONS);
            (reference, position)
        });
        self.motion.go(reference, position);
        chunk.odd.go(self.motion.key);
        chunk.templates.go(self.motion.key);
        records.references[record] = reference;
        records.positions[record] = position;
        related
    }

    /// Whether a record may belong to the one before: always without an order, else where mates have no places.
    #[inline(always)]
    fn asks_neighbour(&self, records: &Records, record: usize) -> bool {
        let other = record - 1;
        let homeless = records.flags[other] & 1 == 1 && records.mate_references[other] < 0;
        !self.parameters.sorted || homeless && !records.found_mates[other]
    }

    fn neighbour<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        record: usize,
        is: bool,
    ) -> bool {
        let other = record - 1;
        let flags = usize::from(records.flags[other]);
        let found = usize::from(records.found_mates[other]);
        let history = self.neighbour_history;
        let context = history & 15 | found << 4 | (flags & 1) << 5 | (flags & 0xc0);
        let is = self.neighbours.code(coder, is, context);
        self.neighbour_history = history << 1 | usize::from(is);
        is
    }

    /// Codes lengths and CIGAR.
    #[inline(always)]
    fn cigar<C: Coder>(
        &mut self,
        coder: &mut C,
        chunk: &mut Chunk,
        records: &mut Records,
        record: usize,
        related: Option<Related>,
    ) -> Result<()> {
        let span = related.and_then(|related| {
            let other = related.record;
            let template = records.template_lengths[other];
            let near = template > 0 && records.references[other] == records.references[record];
            let end = i64::from(records.positions[other]) + i64::from(template);
            let span = end - i64::from(records.positions[record]);
            (near && span > 0).then_some(span)
        });
        let usual = self.classes.usual();
        let flags = u32::from(records.flags[record]);
        let whole = self.parameters.whole;
        let operation = expected(flags, usual, whole);
        let is = !C::DECODES
            && u64::from(records.lengths[record]) == usual
            && records.cigar_of(record) == operation.as_slice();
        let context = self.context_of_whole(chunk, records, record, (related, span));
        let is = self.whole.code(coder, is, context);
        self.whole_history = self.whole_history << 1 | usize::from(is);
        coder.charge(15);
        if is {
            records.lengths[record] = usual as u32;
            self.classes.learn(usual);
            if C::DECODES {
                records.cigar.extend(operation);
            }
            if let Some(operation) = operation.filter(|_| self.parameters.sorted) {
                let end = i64::from(records.positions[record]) + i64::from(on_reference(operation));
                chunk
                    .marks
                    .next(&mut 0, far(records.references[record], end));
            }
        } else {
            self.odd_cigar(coder, chunk, records, record, (related, span))?;
        }
        if C::DECODES {
            records.cigar_ends.push(records.cigar.len());
            records.check_limit(records.cigar.len().saturating_mul(4))?;
            let end = chunk.bases.checked_add(records.lengths[record] as usize);
            chunk.bases = end.ok_or_else(|| damaged("records are longer than the chunk"))?;
            records.check_limit(chunk.bases)?;
            records.base_ends.push(chunk.bases);
        }
        Ok(())
    }

    /// What says whether a read is as usual: a number below 8192.
    #[inline(always)]
    fn context_of_whole(
        &mut self,
        chunk: &mut Chunk,
        records: &Records,
        record: usize,
        (related, span): (Option<Related>, Option<i64>),
    ) -> usize {
        let usual = self.classes.usual();
        let flags = usize::from(records.flags[record]);
        let mapq = records.mapq[record];
        let mut within = 0;
        if self.parameters.sorted {
            let here = key(records.references[record], records.positions[record]);
            chunk.marks.go(here);
            within = match chunk.marks.next(&mut 0, here) {
                Some((distance, mark)) if distance < usual => 1 + mark.class() as usize,
                _ => 0,
            };
        }
        let spans = span.map_or(0, |span| {
            1 + usize::from(span >= usual as i64) + usize::from(span > usual as i64)
        });
        let quality = match mapq {
            0 => 0,
            _ if self.classes.rank(mapq.into()) == 0 => 1,
            _ => 2,
        };
        let class = if flags & 4 != 0 { 3 } else { quality };
        (((within * 4 + spans) * 4 + class) * 2 + usize::from(chunk.odd.any())) * 8
            + usize::from(kind(related) > 0) * 4
            + (self.whole_history & 3)
    }

    /// Codes lengths and CIGAR of a read that is not as usual.
    #[inline(never)]
    fn odd_cigar<C: Coder>(
        &mut self,
        coder: &mut C,
        chunk: &mut Chunk,
        records: &mut Records,
        record: usize,
        (related, span): (Option<Related>, Option<i64>),
    ) -> Result<()> {
        let its = |other: u32| {
            let other = other as usize;
            records.lengths[other] == records.lengths[record]
                && records.cigar_of(other) == records.cigar_of(record)
        };
        // A mate that ends before the usual length is as long as the template says.
        let short = span.is_some_and(|span| span < self.classes.usual() as i64);
        if !short {
            let twin = self.twins.code(coder, &mut chunk.odd, its);
            coder.charge(15);
            if let Some(twin) = twin {
                return self.twin::<C>(records, record, twin as usize);
            }
        }
        chunk.odd.add(record as u32);
        chunk.cigar.clear();
        let mut given = (0, 0);
        if !C::DECODES {
            chunk.cigar.extend_from_slice(records.cigar_of(record));
            let length = records.lengths[record];
            given = (taken(&chunk.cigar, length), length);
        }
        let classes = &mut self.classes;
        let usual = classes.usual();
        let (taken, length) = classes.lengths(coder, given, records, record, related, span);
        coder.charge(LENGTHS);
        records.lengths[record] = length;
        let known = Known {
            record,
            taken,
            usual,
            span,
            related,
            whole: self.parameters.whole,
            odd: taken == usual && u64::from(length) == usual,
        };
        classes.learn(taken);
        let seen = (&mut chunk.marks, &mut chunk.sites);
        self.cigars
            .code(coder, &known, records, seen, &mut chunk.cigar)?;
        if !self.parameters.sorted {
            chunk.marks.clear();
        }
        if C::DECODES {
            records.cigar.extend_from_slice(&chunk.cigar);
        }
        Ok(())
    }

    /// Gives a record length and CIGAR of another.
    fn twin<C: Coder>(&mut self, records: &mut Records, record: usize, twin: usize) -> Result<()> {
        let length = records.lengths[twin];
        let operations = records.cigar_of(twin);
        let taken = taken(operations, length);
        self.classes.learn(taken);
        if C::DECODES {
            records.check_limit((records.cigar.len() + operations.len()).saturating_mul(4))?;
            records.lengths[record] = length;
            let range = part(&records.cigar_ends, twin);
            records.cigar.extend_from_within(range);
        }
        Ok(())
    }
}
