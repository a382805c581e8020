//! Which records of a chunk belong together: mates, and reads that are the same at the same place.

use super::super::super::Records;
use crate::codec::mixing::hash;

/// No such record.
const NONE: u32 = u32::MAX;

/// How many records of a template before a record are looked at.
const STEPS: usize = 4;

/// Places of the table that finds twins.
const PLACES: usize = 4096;

/// Records by record; some have none.
pub(super) struct Relation(Vec<u32>);

impl Relation {
    /// The record that belongs to `record`.
    pub(super) fn of(&self, record: usize) -> Option<usize> {
        match self.0[record] {
            NONE => None,
            other => Some(other as usize),
        }
    }
}

/// The mate of each record: of the records of its template with the other segment (flags 0x40 and 0x80), one that lies
/// where the record says its mate does, of those one that is primary if it is, else the first primary one.
pub(super) fn mates(records: &Records) -> Relation {
    let mut mates = vec![NONE; records.count];
    let mut ranks = vec![0u8; records.count];
    for record in 0..records.count {
        let segment = records.flags[record] & 0xc0;
        let mut other = record;
        for _ in 0..STEPS {
            let Some(before) = records.linked(other) else {
                break;
            };
            other = before;
            if segment == 0 || segment == 0xc0 || records.flags[other] & 0xc0 != segment ^ 0xc0 {
                continue;
            }
            for (own, mate) in [(record, other), (other, record)] {
                let rank = rank(records, own, mate);
                if rank > ranks[own] {
                    ranks[own] = rank;
                    mates[own] = mate as u32;
                }
            }
        }
    }
    Relation(mates)
}

/// How likely `other`, of the other segment, is the mate that `record` tells of; 0 if it is not.
fn rank(records: &Records, record: usize, other: usize) -> u8 {
    let there = records.positions[other] == records.mate_positions[record]
        && records.references[other] == records.mate_references[record];
    let primary = records.flags[other] & 0x900 == 0;
    let alike = u8::from((records.flags[other] ^ records.flags[record]) & 0x100 == 0);
    match (there, primary) {
        (true, true) => 4 + alike,
        (true, false) => 2 + 2 * alike,
        (false, true) => 1,
        (false, false) => 0,
    }
}

/// The twin of each record: the last one before it with the same place and bases, as far as a small table finds it.
pub(super) fn twins(records: &Records) -> Relation {
    let mut last = vec![NONE; PLACES];
    let twin = |record: usize| {
        let bases = records.bases_of(record);
        let Some((first, rest)) = bases.split_first_chunk::<8>() else {
            return NONE;
        };
        let end = rest.last_chunk::<8>().unwrap_or(first);
        let words = u64::from_le_bytes(*first) ^ u64::from_le_bytes(*end).rotate_left(4);
        let place = (records.references[record], records.positions[record]);
        let found = hash(
            place.0 as u32,
            place.1 as u32,
            words as u32,
            (words >> 32) as u32,
        );
        let found = &mut last[found as usize % PLACES];
        let before = std::mem::replace(found, record as u32);
        let is_twin = before != NONE && {
            let before = before as usize;
            place == (records.references[before], records.positions[before])
                && records.bases_of(before) == bases
        };
        if is_twin { before } else { NONE }
    };
    Relation((0..records.count).map(twin).collect())
}
