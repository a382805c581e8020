//! Records that the next link may lead to: those found by their places, the last distances, what came next last time.

use super::found;
use crate::codec::mixing::hash;
use crate::codec::records::Records;

/// Kinds of candidates.
pub(in crate::codec::records) const KINDS: usize = 8;
/// The record at a distance that was used lately.
const NEAR: usize = 0;
/// A record of the mate's place whose mate fields lead here.
const MATE: usize = 2;
/// Another record of the mate's place.
const MATE_PLACE: usize = 3;
/// A record whose mate has the same place as this record's.
const SIBLING: usize = 4;
/// A record whose mate fields lead here.
const POINTS_HERE: usize = 5;
/// The record as far away on the reference as a link led lately.
const OFFSET: usize = 6;
/// The record after the last link's target.
const NEXT: usize = 7;

/// Most candidates of a record.
const MOST: usize = 8;
/// Most records of a place that are looked at.
const LOOKS: usize = 24;
/// No record.
const NONE: u32 = u32::MAX;

/// An offered record.
#[derive(Clone, Copy)]
pub(in crate::codec::records) struct Candidate {
    pub(in crate::codec::records) record: usize,
    pub(in crate::codec::records) kind: usize,
    /// Its number among those of its kind.
    pub(in crate::codec::records) rank: u32,
}

/// What links were like lately.
#[derive(Clone, Default)]
pub(in crate::codec::records) struct Recent {
    /// Distances in records, last used first.
    distances: [u32; 2],
    /// Distances in reference numbers and positions, last used first.
    offsets: [(i32, i32); 4],
    offset_count: usize,
    /// How many records before the one that was linked last its target stands.
    last: Option<u32>,
}

impl Recent {
    /// Learns that `record` is linked to `target`.
    pub(in crate::codec::records) fn learn(
        &mut self,
        records: &Records,
        record: usize,
        target: usize,
    ) {
        let distance = (record - target) as u32;
        let at = self.distances.iter().position(|&d| d == distance);
        self.distances[..=at.unwrap_or(1)].rotate_right(1);
        self.distances[0] = distance;
        let offset = (
            records.references[record].wrapping_sub(records.references[target]),
            records.positions[record].wrapping_sub(records.positions[target]),
        );
        let known = self.offsets[..self.offset_count]
            .iter()
            .position(|&o| o == offset);
        let at = known.unwrap_or_else(|| {
            self.offset_count = (self.offset_count + 1).min(self.offsets.len());
            self.offset_count - 1
        });
        self.offsets[..=at].rotate_right(1);
        self.offsets[0] = offset;
        self.last = Some(distance);
    }
}

/// Records by a place: chains of records, last first, by hash.
struct Places {
    heads: Vec<u32>,
    next: Vec<u32>,
    shift: u32,
}

impl Places {
    fn new(count: usize) -> Self {
        let bits = (count.max(2) as u32)
            .next_power_of_two()
            .ilog2()
            .clamp(1, 20);
        Self {
            heads: vec![NONE; 1 << bits],
            next: vec![NONE; count],
            shift: 32 - bits,
        }
    }

    fn head(&self, place: (i32, i32)) -> usize {
        (hash(place.0 as u32, place.1 as u32, 7, 0) >> self.shift) as usize
    }

    fn add(&mut self, place: (i32, i32), record: usize) {
        let head = self.head(place);
        self.next[record] = self.heads[head];
        self.heads[head] = record as u32;
    }

    /// Open records of the place, last first; closed ones are dropped from the chain.
    fn visit(&mut self, place: (i32, i32), open: &[bool], mut see: impl FnMut(usize) -> bool) {
        let head = self.head(place);
        let mut before: Option<usize> = None;
        let mut at = self.heads[head];
        for _ in 0..LOOKS {
            if at == NONE {
                return;
            }
            let record = at as usize;
            at = self.next[record];
            if open[record] {
                if !see(record) {
                    return;
                }
                before = Some(record);
            } else {
                match before {
                    Some(before) => self.next[before] = at,
                    None => self.heads[head] = at,
                }
            }
        }
    }
}

/// The records of a chunk that may be linked to.
pub(in crate::codec::records) struct Candidates {
    /// Whether a record may still be a target: those of found links never are.
    open: Vec<bool>,
    by_place: Places,
    by_mate: Places,
    /// The last link's target.
    target: Option<usize>,
    pub(in crate::codec::records) chosen: Vec<Candidate>,
}

fn place(records: &Records, record: usize) -> (i32, i32) {
    (records.references[record], records.positions[record])
}

fn mate(records: &Records, record: usize) -> (i32, i32) {
    (
        records.mate_references[record],
        records.mate_positions[record],
    )
}

impl Candidates {
    pub(in crate::codec::records) fn new(records: &Records) -> Self {
        let mut open = vec![true; records.count];
        for record in 0..records.count {
            if found(records, record)
                && let Some(target) = records.linked(record)
            {
                open[target] = false;
            }
        }
        Self {
            open,
            by_place: Places::new(records.count),
            by_mate: Places::new(records.count),
            target: None,
            chosen: Vec::with_capacity(MOST),
        }
    }

    /// Lets `record` be a target.
    pub(in crate::codec::records) fn add(&mut self, records: &Records, record: usize) {
        if self.open[record] {
            self.by_place.add(place(records, record), record);
            if records.flags[record] & 1 != 0 {
                self.by_mate.add(mate(records, record), record);
            }
        }
    }

    /// Says that `target` is linked to.
    pub(in crate::codec::records) fn close(&mut self, target: usize) {
        self.open[target] = false;
        self.target = Some(target);
    }

    fn offer(&mut self, record: usize, kind: usize, rank: u32) {
        let known = self.chosen.iter().any(|other| other.record == record);
        if self.chosen.len() < MOST && self.open[record] && !known {
            self.chosen.push(Candidate { record, kind, rank });
        }
    }

    /// Chooses the candidates of `record`, likely ones first.
    pub(in crate::codec::records) fn choose(
        &mut self,
        records: &Records,
        record: usize,
        recent: &Recent,
    ) {
        self.chosen.clear();
        let (here, there) = (place(records, record), mate(records, record));
        let flags = records.flags[record];
        let mut seen = [(0usize, 0usize); 8];
        if flags & 1 != 0 {
            // Up to four each: whose mate fields lead here, and others.
            let mut count = 0;
            self.by_place.visit(there, &self.open, |other| {
                if place(records, other) == there && records.flags[other] & 1 != 0 {
                    let back = mate(records, other) == here;
                    seen[count] = (other, if back { MATE } else { MATE_PLACE });
                    count += 1;
                }
                count < 4
            });
            self.by_mate.visit(there, &self.open, |other| {
                let same = (records.flags[other] ^ flags) & 0xc0 == 0;
                if mate(records, other) == there && same {
                    seen[count] = (other, SIBLING);
                    count += 1;
                }
                count < 6
            });
            self.by_mate.visit(here, &self.open, |other| {
                let same = (records.flags[other] ^ flags) & 0xc0 == 0;
                if count < 8 && mate(records, other) == here && !same {
                    seen[count] = (other, POINTS_HERE);
                    count += 1;
                }
                count < 8
            });
            for kind in [MATE, SIBLING, POINTS_HERE, MATE_PLACE] {
                let of_kind = seen[..count].iter().filter(|(_, its)| *its == kind);
                for (rank, &(other, _)) in (0..).zip(of_kind) {
                    self.offer(other, kind, rank);
                }
            }
        }
        for (rank, &distance) in (0..).zip(&recent.distances) {
            if let Some(other) = record.checked_sub(distance as usize)
                && distance > 0
            {
                self.offer(other, NEAR, rank);
            }
        }
        self.offsets(records, record, recent);
        if let Some(target) = self.target {
            let ahead = self.open[target..record].iter().position(|&open| open);
            if let Some(ahead) = ahead {
                self.offer(target + ahead, NEXT, 0);
            }
        }
    }

    /// The oldest open records at recent distances on the reference, those with this record's length and strand.
    fn offsets(&mut self, records: &Records, record: usize, recent: &Recent) {
        let here = place(records, record);
        for (rank, offset) in (0..).zip(&recent.offsets[..recent.offset_count]) {
            let there = (here.0.wrapping_sub(offset.0), here.1.wrapping_sub(offset.1));
            let mut oldest = [None; 2];
            self.by_place.visit(there, &self.open, |other| {
                if place(records, other) == there
                    && records.lengths[other] == records.lengths[record]
                {
                    oldest = [Some(other), oldest[0]];
                }
                true
            });
            for other in oldest.into_iter().flatten() {
                self.offer(other, OFFSET, rank);
            }
        }
    }
}
