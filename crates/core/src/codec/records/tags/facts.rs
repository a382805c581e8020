//! What is known of each record before its tags are decoded, as far as tags follow from it.

use std::collections::HashMap;

use super::super::{Records, on_reference, part};
use super::reference::Reference;

/// No mate.
const NONE: u32 = u32::MAX;

/// How many records of a template are looked at to find a mate.
const MOST_OF_TEMPLATE: usize = 32;

/// Qualities from here on count in the mate score (`ms`).
const GOOD_QUALITY: u8 = 15;

/// What the alignment and the qualities of a record say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fact {
    /// Bases aligned to the reference.
    pub(crate) aligned: i64,
    /// Of these, how many differ from it, as far as that is known.
    pub(crate) mismatches: i64,
    /// Sum of the qualities of those.
    pub(crate) mismatch_quality: i64,
    /// Whether the mismatches are known for sure.
    pub(crate) certain: bool,
    /// Whether their number is, from NM.
    pub(crate) told: bool,
    /// If not, how many of NM's were missed before, and twice the logarithm of how many are expected to be.
    pub(crate) missed: i64,
    pub(crate) risk: u32,
    /// Introns.
    pub(crate) introns: u32,
    /// Inserted and deleted bases.
    pub(crate) inserted: i64,
    pub(crate) deleted: i64,
    /// Insertions and deletions.
    pub(crate) gaps: i64,
    /// What its CIGAR takes.
    pub(crate) extent: Extent,
    /// Sum of the qualities from 15 on.
    pub(crate) good_quality: i64,
}

impl Fact {
    /// The score with 1 for an equal base, -4 for a mismatch, and -6 - n for a gap of n.
    pub(crate) fn score(&self) -> i64 {
        self.aligned - 5 * self.mismatches - 6 * self.gaps - self.inserted - self.deleted
    }

    /// The score with 1 for an equal base, -1 for a mismatch, -2 - 2 n for a gap of n, and 2 for an intron, as
    /// for spliced alignments.
    pub(crate) fn spliced_score(&self) -> i64 {
        let against = self.mismatches + self.gaps + self.inserted + self.deleted;
        self.aligned - 2 * against + 2 * i64::from(self.introns)
    }

    /// Bases that a record differs from the reference in.
    pub(crate) fn edits(&self) -> i64 {
        self.mismatches + self.inserted + self.deleted
    }

    fn of(records: &Records, record: usize) -> Self {
        Self {
            good_quality: good_quality(records.qualities_of(record)),
            ..Self::of_cigar(records.cigar_of(record))
        }
    }

    /// What a CIGAR alone says.
    pub(crate) fn of_cigar(cigar: &[u32]) -> Self {
        let mut fact = Self::default();
        for &operation in cigar {
            let length = i64::from(operation >> 4);
            match operation & 15 {
                0 | 7 | 8 => fact.aligned += length,
                1 => fact.inserted += length,
                2 => fact.deleted += length,
                3 => fact.introns += 1,
                _ => {}
            }
            fact.gaps += i64::from(matches!(operation & 15, 1 | 2));
        }
        fact.extent = Extent::of(cigar);
        fact
    }
}

/// The sum of the qualities from 15 on; 0 where there are none.
pub(crate) fn good_quality(qualities: &[u8]) -> i64 {
    if qualities.first() == Some(&0xff) {
        return 0;
    }
    let good = |&quality: &u8| match quality {
        GOOD_QUALITY.. => u32::from(quality),
        _ => 0,
    };
    // Sums of so few fit 32 bits, of which vectors hold more.
    let sums = qualities
        .chunks(4096)
        .map(|some| some.iter().map(good).sum::<u32>());
    sums.map(i64::from).sum()
}

/// What a CIGAR takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    /// Reference bases.
    pub(crate) span: i64,
    /// Bases clipped (soft or hard) before and after the alignment.
    pub(crate) clipped: [i64; 2],
}

impl Extent {
    pub(crate) fn of(cigar: &[u32]) -> Self {
        let mut extent = Self::default();
        let mut leading = true;
        for &operation in cigar {
            if matches!(operation & 15, 4 | 5) {
                extent.clipped[usize::from(!leading)] += i64::from(operation >> 4);
            } else {
                leading = false;
            }
            extent.span += i64::from(on_reference(operation));
        }
        extent
    }
}

/// The facts of all records of a chunk.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    of: Vec<Fact>,
    mates: Vec<u32>,
    /// What the MC of a record says of its mate.
    told: Vec<Option<Extent>>,
    twins: Vec<u32>,
}

impl Facts {
    /// Looks at the records; mismatches are not known yet, but where the CIGAR says X.
    pub(crate) fn new(records: &Records) -> Self {
        Self {
            of: (0..records.count)
                .map(|record| Fact::of(records, record))
                .collect(),
            mates: mates(records),
            told: vec![None; records.count],
            twins: twins(records),
        }
    }

    /// The facts of a record.
    pub(crate) fn of(&self, record: usize) -> &Fact {
        &self.of[record]
    }

    /// The facts of a record, to be completed.
    pub(crate) fn of_mut(&mut self, record: usize) -> &mut Fact {
        &mut self.of[record]
    }

    /// The last record before with the same place and bases.
    pub(crate) fn twin(&self, record: usize) -> Option<usize> {
        match self.twins[record] {
            NONE => None,
            twin => Some(twin as usize),
        }
    }

    /// Guesses the mismatches of all records that no MD has told them of.
    pub(crate) fn guess(&mut self, records: &Records, reference: &mut Reference) {
        for (record, fact) in self.of.iter_mut().enumerate() {
            if !fact.certain {
                reference.guess(records, record, fact);
            }
        }
    }

    /// Takes a record's NM, which tells how many mismatches there are if no MD has. `reference` has just guessed them.
    pub(crate) fn tell_edits(&mut self, record: usize, edits: i64, reference: &mut Reference) {
        let fact = &mut self.of[record];
        let mismatches = edits - fact.inserted - fact.deleted;
        if !fact.certain && mismatches >= 0 {
            reference.learn(mismatches);
            fact.mismatches = mismatches;
            fact.told = true;
        }
    }

    /// Looks again at the records of which NM was told, now that all are.
    pub(crate) fn settle(&mut self, records: &Records, reference: &mut Reference) {
        for (record, fact) in self.of.iter_mut().enumerate() {
            if fact.told {
                reference.settle(records, record, fact);
            }
        }
    }

    /// Takes the mate's CIGAR from a record's MC.
    pub(crate) fn tell_mate(&mut self, record: usize, cigar: &[u32]) {
        self.told[record] = Some(Extent::of(cigar));
    }

    /// What the mate's CIGAR takes, as far as it is known.
    pub(crate) fn mate_extent(&self, record: usize) -> Extent {
        let of_mate = || self.mate(record).map(|mate| self.of[mate].extent);
        self.told[record].or_else(of_mate).unwrap_or_default()
    }

    /// The record of the template's other segment, earlier or later in the chunk.
    pub(crate) fn mate(&self, record: usize) -> Option<usize> {
        match self.mates[record] {
            NONE => None,
            mate => Some(mate as usize),
        }
    }
}

/// The mate of each record: of those with the same name and the other segment (flags 0x40 and 0x80), one that lies where
/// the record says its mate does, of those one that is primary if it is, else the first primary one.
fn mates(records: &Records) -> Vec<u32> {
    // Records of a template form a ring: `next` leads to the one after, from the last one to the first.
    let mut template = vec![0u32; records.count];
    let mut members: Vec<u32> = Vec::new();
    let mut ends = Vec::new();
    let mut sizes: Vec<usize> = Vec::new();
    for record in 0..records.count {
        template[record] = match records.linked(record) {
            Some(before) => template[before],
            None => {
                sizes.push(0);
                sizes.len() as u32 - 1
            }
        };
        sizes[template[record] as usize] += 1;
    }
    let mut end = 0;
    for &size in &sizes {
        ends.push(end);
        end += size;
    }
    members.resize(records.count, 0);
    for record in 0..records.count {
        let end = &mut ends[template[record] as usize];
        members[*end] = record as u32;
        *end += 1;
    }
    let mate = |record: usize| {
        let segment = records.flags[record] & 0xc0;
        if segment == 0 || segment == 0xc0 {
            return NONE;
        }
        let range = part(&ends, template[record] as usize);
        let (mut best, mut best_rank) = (NONE, 0);
        for &other in members[range].iter().take(MOST_OF_TEMPLATE) {
            let at = other as usize;
            if records.flags[at] & 0xc0 != segment ^ 0xc0 {
                continue;
            }
            let there = records.positions[at] == records.mate_positions[record]
                && records.references[at] == records.mate_references[record];
            let primary = records.flags[at] & 0x900 == 0;
            let alike = (records.flags[at] ^ records.flags[record]) & 0x100 == 0;
            let rank = match (there, primary) {
                (true, true) => 4 + u32::from(alike),
                (true, false) => 2 + u32::from(alike) * 2,
                (false, true) => 1,
                (false, false) => 0,
            };
            if rank > best_rank {
                (best, best_rank) = (other, rank);
            }
        }
        best
    };
    (0..records.count).map(mate).collect()
}

/// The twin of each record: the last one before it with the same reference, position, and bases, by a hash of them.
fn twins(records: &Records) -> Vec<u32> {
    let mut last = HashMap::new();
    let twin = |record: usize| {
        let place = u64::from(records.references[record] as u32) << 32
            | u64::from(records.positions[record] as u32);
        let bases = records.bases_of(record);
        let mut state = fold(place, bases.len() as u64);
        for eight in bases.chunks(8) {
            let mut word = [0; 8];
            word[..eight.len()].copy_from_slice(eight);
            state = fold(state, u64::from_le_bytes(word));
        }
        if bases.is_empty() {
            return NONE;
        }
        last.insert(state, record as u32).unwrap_or(NONE)
    };
    (0..records.count).map(twin).collect()
}

/// Takes a word into a hash.
fn fold(state: u64, word: u64) -> u64 {
    let mixed = (state ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ mixed >> 32
}
