//! Links that the alignment codec did not find: which earlier record has the same name.
//!
//! Secondary and supplementary records, mates that were not where they were expected, and files that hold every read
//! several times. Likely records are offered one by one; a link that none of them is, is stored as a distance.

pub(in crate::codec::records) mod candidates;

use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use crate::codec::records::{Context, Level, Records};
use crate::codec::wire::damaged;
use candidates::{Candidate, Candidates, Recent};

/// The stream that links are charged to.
pub(in crate::codec::records) const KEY: u32 = 20;

/// What is known of links.
#[derive(Clone)]
pub(crate) struct Model {
    offers: Mixer<5, 1>,
    rest: Mixer<3, 1>,
    /// By kind of candidate, whether the last eight were right.
    outcomes: [u8; candidates::KINDS],
    /// Whether the last eight records that were left over had a link, and the bits of the last distance.
    left_over: u8,
    distance_bits: u32,
    recent: Recent,
}

/// Salts of the decisions.
const OFFER: u32 = 1;
const LEFT_OVER: u32 = 2;
const DISTANCE: u32 = 3;

impl Model {
    /// For an encoder; there is nothing to choose.
    pub(crate) fn fit(_level: Level, _context: &Context<'_>, _records: &Records) -> Self {
        Self::blank()
    }

    /// For a decoder: knows nothing yet.
    pub(crate) fn blank() -> Self {
        Self {
            offers: Mixer::new(9, 255),
            rest: Mixer::new(9, 255),
            outcomes: [0; candidates::KINDS],
            left_over: 0,
            distance_bits: 0,
            recent: Recent::default(),
        }
    }

    /// Codes the links of the records that the alignment codec did not link.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        _context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        let mut candidates = Candidates::new(records);
        for record in 0..records.count {
            if !found(records, record) {
                let link = self.link(coder, records, &mut candidates, record)?;
                records.links[record] = link;
                if link > 0 {
                    let target = record - link as usize;
                    candidates.close(target);
                    self.recent.learn(records, record, target);
                }
            }
            candidates.add(records, record);
        }
        coder.charge(KEY);
        Ok(())
    }

    /// Codes one link.
    fn link<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        candidates: &mut Candidates,
        record: usize,
    ) -> Result<u32> {
        let wanted = record.checked_sub(records.links[record] as usize);
        candidates.choose(records, record, &self.recent);
        let count = candidates.chosen.len();
        for at in 0..count {
            let candidate = candidates.chosen[at];
            let right = wanted == Some(candidate.record);
            if self.offer(coder, records, record, &candidate, at, right) {
                return Ok((record - candidate.record) as u32);
            }
        }
        let flags = u32::from(records.flags[record]);
        let contexts = [
            hash(flags & 0x9c5, count.min(3) as u32, 0, 0),
            self.left_over.into(),
            hash(
                flags & 0x9c5,
                (self.left_over & 3).into(),
                records.mapq[record].into(),
                0,
            ),
        ];
        let linked = wanted != Some(record);
        let linked = self.rest.flag(coder, linked, &contexts, LEFT_OVER);
        self.left_over = self.left_over << 1 | u8::from(linked);
        if !linked {
            return Ok(0);
        }
        let contexts = [0, flags & 0x9c1, self.distance_bits];
        let distance = u64::from(records.links[record]);
        let distance = self.rest.number(coder, distance, &contexts, DISTANCE);
        self.distance_bits = 64 - distance.leading_zeros();
        match usize::try_from(distance) {
            Ok(1..) if distance <= record as u64 => Ok(distance as u32),
            _ => Err(damaged("a record is linked to none")),
        }
    }

    /// Codes whether `candidate`, offered after `before` others, is right.
    fn offer<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        record: usize,
        candidate: &Candidate,
        before: usize,
        right: bool,
    ) -> bool {
        let kind = candidate.kind;
        let like = likeness(records, record, candidate.record);
        let flags = u32::from(records.flags[record]) & 0x9c5;
        let its = u32::from(records.flags[candidate.record]) & 0x9c5;
        let outcomes = u32::from(self.outcomes[kind]);
        let kind = kind as u32;
        let contexts = [
            hash(kind, like, 1, 0),
            hash(kind, outcomes, 2, 0),
            hash(kind, flags << 12 | its, like & 7, 0),
            hash(kind, like, outcomes & 7, before as u32),
            hash(kind, candidate.rank, outcomes & 3, like & 63),
        ];
        let right = self.offers.flag(coder, right, &contexts, OFFER);
        let outcomes = &mut self.outcomes[candidate.kind];
        *outcomes = *outcomes << 1 | u8::from(right);
        right
    }
}

/// What two records have in common, a bit each.
pub(in crate::codec::records) fn likeness(records: &Records, one: usize, other: usize) -> u32 {
    let (flags, its) = (records.flags[one], records.flags[other]);
    let place = |record: usize| (records.references[record], records.positions[record]);
    let mate = |record: usize| {
        (
            records.mate_references[record],
            records.mate_positions[record],
        )
    };
    let lengths = records.template_lengths[one].wrapping_add(records.template_lengths[other]);
    let bits = [
        records.lengths[one] == records.lengths[other],
        records.cigar_of(one) == records.cigar_of(other),
        flags & 0xc0 == its & 0xc0,
        mate(other) == place(one),
        mate(one) == place(other),
        mate(one) == mate(other),
        lengths == 0,
        place(one) == place(other),
        flags & 0x10 == its & 0x10,
    ];
    bits.iter().fold(0, |bits, &bit| bits << 1 | u32::from(bit))
}

/// Whether the alignment codec coded the record's link.
pub(in crate::codec::records) fn found(records: &Records, record: usize) -> bool {
    records.found_mates.get(record).copied().unwrap_or(false)
}

#[cfg(test)]
mod tests;
