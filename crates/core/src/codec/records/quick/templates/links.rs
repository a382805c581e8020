//! Links that the alignment model did not find: whether there is one, and only then, to which of the likely records.

use super::super::decisions::Decisions;
use super::super::plain::Numbers;
use crate::Result;
use crate::codec::mixing::Coder;
use crate::codec::records::Records;
use crate::codec::records::links::candidates::{Candidates, KINDS, Recent};
use crate::codec::records::links::{KEY, found, likeness};
use crate::codec::wire::damaged;

/// Bits of what two records have in common.
const LIKENESS: usize = 1 << 9;

/// What is known of links.
#[derive(Clone)]
pub(super) struct Links {
    linked: Decisions,
    /// Whether the last records that were asked for it had a link.
    history: usize,
    offers: Decisions,
    /// By kind of candidate, whether the last ones were right.
    outcomes: [usize; KINDS],
    distances: Numbers,
    recent: Recent,
}

impl Links {
    pub(super) fn new() -> Self {
        Self {
            linked: Decisions::new(512),
            history: 0,
            offers: Decisions::new(KINDS * LIKENESS * 2),
            outcomes: [0; KINDS],
            distances: Numbers::new(1),
            recent: Recent::default(),
        }
    }

    /// Codes the links of the records that the alignment model did not link.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, records: &mut Records) -> Result<()> {
        // Most chunks have few such links: candidates are gathered up to a record that has one.
        let mut candidates = None;
        let mut gathered = 0;
        for record in 0..records.count {
            if found(records, record) {
                continue;
            }
            let context = context(records, record) << 2 | self.history & 3;
            let linked = self.linked.code(coder, records.links[record] != 0, context);
            self.history = self.history << 1 | usize::from(linked);
            if !linked {
                records.links[record] = 0;
                continue;
            }
            let candidates = candidates.get_or_insert_with(|| Candidates::new(records));
            for before in gathered..record {
                candidates.add(records, before);
            }
            gathered = record;
            let link = self.link(coder, records, candidates, record)?;
            records.links[record] = link;
            let target = record - link as usize;
            candidates.close(target);
            self.recent.learn(records, record, target);
        }
        coder.charge(KEY);
        Ok(())
    }

    /// Codes a link that is there.
    fn link<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        candidates: &mut Candidates,
        record: usize,
    ) -> Result<u32> {
        let wanted = record.checked_sub(records.links[record] as usize);
        candidates.choose(records, record, &self.recent);
        for candidate in &candidates.chosen {
            let outcomes = &mut self.outcomes[candidate.kind];
            let like = likeness(records, record, candidate.record) as usize;
            let context = (candidate.kind * LIKENESS + like) << 1 | *outcomes & 1;
            let right = wanted == Some(candidate.record);
            let right = self.offers.code(coder, right, context);
            *outcomes = *outcomes << 1 | usize::from(right);
            if right {
                return Ok((record - candidate.record) as u32);
            }
        }
        let distance = u64::from(records.links[record]);
        let distance = self.distances.code(coder, distance, 0);
        match usize::try_from(distance) {
            Ok(1..) if distance <= record as u64 => Ok(distance as u32),
            _ => Err(damaged("a record is linked to none")),
        }
    }
}

/// What says whether a record has a link: seven bits.
fn context(records: &Records, record: usize) -> usize {
    let flags = usize::from(records.flags[record]);
    let key = |reference: i32, position: i32| (reference as u32, position);
    let own = key(records.references[record], records.positions[record]);
    let mate = key(
        records.mate_references[record],
        records.mate_positions[record],
    );
    let alone = usize::from(flags & 0xc != 0);
    (flags >> 8 & 1 | flags >> 10 & 2) << 5
        | (flags & 1) << 4
        | alone << 3
        | usize::from(mate < own) << 2
        | usize::from(mate > own) << 1
        | usize::from(records.mapq[record] == 0)
}
