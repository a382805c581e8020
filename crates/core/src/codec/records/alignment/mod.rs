//! Where reads lie: flags, references, positions, mapping qualities, lengths, CIGARs and mate fields, and those mates
//! that are found by their position.
//!
//! The first of the record codecs, so it sees no names and no bases: what counts and regions are answered from is all
//! here. Records are coded one by one. A record whose mate's place is known waits there; the first decision for each
//! record is whether it is the mate that is expected first. If so, its place, flags and mate fields follow.

mod cigars;
pub(in crate::codec::records) mod classes;
pub(in crate::codec::records) mod landmarks;
pub(in crate::codec::records) mod long;
pub(in crate::codec::records) mod mates;
#[cfg(test)]
mod measure;
pub(in crate::codec::records) mod motion;
pub(in crate::codec::records) mod parameters;
mod places;
mod ranked;
pub(in crate::codec::records) mod sites;
#[cfg(test)]
pub(in crate::codec::records) mod tests;
mod track;
pub(in crate::codec::records) mod waiting;
pub(in crate::codec::records) mod walk;

use super::{Context, Level, Records, on_read};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer};
use crate::codec::wire::damaged;
use cigars::{Cigars, Known};
use classes::{Classes, Related};
use landmarks::Landmarks;
use mates::{Elsewhere, Fields, Mates};
use motion::Motion;
use parameters::Parameters;
use places::Places;
use sites::Sites;
use waiting::{Arrivals, Waiting, key, place};

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
    /// Whether a record belongs to the one before.
    neighbours: Mixer<4, 1>,
    neighbour_history: u32,
    places: Places,
    classes: Classes,
    cigars: Cigars,
    mates: Mates,
}

/// What belongs to one chunk.
#[derive(Default)]
struct Chunk {
    waiting: Waiting,
    landmarks: Landmarks,
    sites: Sites,
    elsewhere: Elsewhere,
    /// Bases so far.
    bases: usize,
    /// The CIGAR being coded.
    cigar: Vec<u32>,
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
            neighbours: Mixer::new(7, 255),
            neighbour_history: 0,
            places: Places::new(),
            classes: Classes::new(),
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
    fn record<C: Coder>(
        &mut self,
        coder: &mut C,
        chunk: &mut Chunk,
        records: &mut Records,
        record: usize,
    ) -> Result<()> {
        let related = self.place(coder, chunk, records, record);
        if let Some(related) = related {
            records.found_mates[record] = true;
            records.links[record] = (record - related.record) as u32;
        }
        let (motion, classes) = (&self.motion, &mut self.classes);
        let flags = classes.flags(coder, motion, records, record, related);
        records.flags[record] = flags as u16;
        coder.charge(FLAGS);
        let mapq = classes.mapq(coder, motion, records, record, related);
        records.mapq[record] = mapq as u8;
        coder.charge(MAPQ);
        self.cigar(coder, chunk, records, record, related)?;
        let given = Fields {
            reference: records.mate_references[record],
            position: records.mate_positions[record],
            template: records.template_lengths[record],
        };
        let around = (&mut chunk.elsewhere, self.classes.usual());
        let fields = self
            .mates
            .code(coder, records, record, related, around, given);
        records.mate_references[record] = fields.reference;
        records.mate_positions[record] = fields.position;
        records.template_lengths[record] = fields.template;
        self.motion.flags = flags;
        self.motion.mapq = [mapq, self.motion.mapq[0]];
        let expected = key(fields.reference, fields.position);
        let waits = flags & 1 == 1 && related.is_none() && fields.reference >= 0;
        if self.parameters.sorted && waits && expected >= self.motion.key {
            chunk.waiting.add(expected, flags & 0x20 != 0, record);
        }
        Ok(())
    }

    /// Codes whether a record is a mate, and its place.
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
        if let Some(expected) = next {
            let mate = link.filter(|_| own == place(expected));
            let motion = &mut self.motion;
            let (waiting, positions) = (&mut chunk.waiting, &records.positions);
            let found = self
                .arrivals
                .code(coder, waiting, expected, motion, mate, positions);
            related = found.map(|record| Related { record, kind: 1 });
            known = found.map(|_| place(expected));
        } else {
            self.motion.arrivals <<= 1;
        }
        if related.is_none() && record > 0 && self.asks_neighbour(records, record) {
            let other = record - 1;
            let there = (
                records.mate_references[other],
                records.mate_positions[other],
            );
            if self.neighbour(coder, records, record, link == Some(other)) {
                related = Some(Related {
                    record: other,
                    kind: 2,
                });
                if self.neighbours.bit(coder, own == there, 2, 1) {
                    known = Some(there);
                }
            }
        }
        coder.charge(LINKS);
        let (reference, position) = known.unwrap_or_else(|| {
            let reference = self.places.reference(coder, &self.motion, own.0);
            coder.charge(REFERENCES);
            let (motion, sorted) = (&mut self.motion, self.parameters.sorted);
            let own = (reference, own.1);
            let position = self.places.position(coder, motion, sorted, own, next);
            coder.charge(POSITIONS);
            (reference, position)
        });
        self.motion.go(reference, position);
        records.references[record] = reference;
        records.positions[record] = position;
        related
    }

    /// Whether a record may belong to the one before: always without an order, else where mates have no places.
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
        let flags = u32::from(records.flags[other]);
        let found = u32::from(records.found_mates[other]);
        let history = self.neighbour_history;
        let contexts = [
            flags << 1 | found,
            history & 0xf | (flags & 0xc1) << 4,
            history & 0xff,
            found << 1 | flags & 1 | (flags >> 8 & 9) << 2,
        ];
        self.neighbours.turn(&contexts, 0);
        let is = self.neighbours.bit(coder, is, 1, found as usize * 2);
        self.neighbour_history = history << 1 | u32::from(is);
        is
    }

    /// Codes lengths and CIGAR.
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
        chunk.cigar.clear();
        let mut given = (0, 0);
        if !C::DECODES {
            chunk.cigar.extend_from_slice(records.cigar_of(record));
            let length = records.lengths[record];
            let bases = chunk.cigar.iter().map(|&one| u64::from(on_read(one)));
            let taken = if chunk.cigar.is_empty() {
                length.into()
            } else {
                bases.sum()
            };
            given = (taken, length);
        }
        let classes = &mut self.classes;
        let (taken, length) = classes.lengths(coder, given, records, record, related, span);
        coder.charge(LENGTHS);
        records.lengths[record] = length;
        let known = Known {
            record,
            taken,
            usual: classes.usual(),
            span,
            related,
            whole: self.parameters.whole,
        };
        let seen = (&mut chunk.landmarks, &mut chunk.sites);
        self.cigars
            .code(coder, &known, records, seen, &mut chunk.cigar)?;
        if C::DECODES {
            records.cigar.extend_from_slice(&chunk.cigar);
            records.cigar_ends.push(records.cigar.len());
            let end = chunk.bases.checked_add(length as usize);
            chunk.bases = end.ok_or_else(|| damaged("records are longer than the chunk"))?;
            records.check_limit(chunk.bases)?;
            records.base_ends.push(chunk.bases);
        }
        Ok(())
    }
}
