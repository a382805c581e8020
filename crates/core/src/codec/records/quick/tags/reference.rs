//! The reference at the places of a chunk's records, as far as MDs have told it, and what the reads themselves say of it
//! where none has.

use super::super::super::Records;
use super::super::super::states::{AGREES, DIFFERS, Walk};
use super::super::super::{on_reference, part, tags::pileup};

/// Votes up to which a place may be covered by a single read.
const SINGLE: u16 = 8;

/// No place.
pub(super) const NOWHERE: usize = usize::MAX;

/// Reads that must have had a place under suspicion before it counts as a mismatch.
const SURE: u8 = 2;

/// Bases of one operation, aligned or deleted, that lie side by side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Its CIGAR operation.
    pub(super) operation: u8,
    /// Where it starts in the read.
    pub(super) at: usize,
    /// Its first place, or [`NOWHERE`].
    pub(super) place: usize,
    pub(super) length: usize,
}

impl Run {
    pub(super) fn is_deleted(&self) -> bool {
        self.operation == 2
    }
}

/// See the module's head.
pub(super) struct Reference {
    walk: Walk,
    /// Bases (BAM's codes) by place, as MDs have told them; 0 where none has.
    pub(super) told: Vec<u8>,
    /// The base of the last read at each place, which may be a later one.
    pub(super) seen: Vec<u8>,
    /// What most reads say of each place: a base, or 0 where but one does. Only for records without MD.
    agreed: Vec<u8>,
    /// How often a place was suspected to differ in all reads, and whether it cannot; empty until one is suspected.
    suspected: Vec<u8>,
    cleared: Vec<bool>,
    /// The runs of the record at hand: none if its CIGAR does not fit its bases.
    pub(super) runs: Vec<Run>,
}

/// What the reads say of a record's mismatches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Guess {
    /// Bases that differ from what most reads say, and the sum of their qualities.
    pub(super) differing: i64,
    pub(super) quality: i64,
    /// Whether one more is suspected.
    pub(super) suspected: bool,
}

impl Reference {
    /// Looks at all records; `vote` if there are some whose mismatches no MD will tell.
    pub(super) fn new(records: &Records, vote: bool) -> Self {
        let mut walk = Walk::new(records);
        let mut seen = vec![0; walk.places()];
        let mut votes = vec![[0u16; 4]; if vote { walk.places() } else { 0 }];
        for record in 0..records.count {
            let (bases, qualities) = (records.bases_of(record), records.qualities_of(record));
            let mut take = |place: usize, start: usize, length: usize| {
                let bases = &bases[start..start + length];
                seen[place..place + length].copy_from_slice(bases);
                if vote && qualities.len() >= start + length {
                    count(
                        &mut votes[place..place + length],
                        bases,
                        &qualities[start..],
                    );
                }
            };
            if let Some(place) = walk.single(records, record) {
                take(place, 0, bases.len());
                continue;
            }
            for segment in walk.segments.iter().filter(|one| one.kind == AGREES) {
                take(segment.place, segment.start, segment.length);
            }
        }
        walk.rewind();
        Self {
            told: vec![0; walk.places()],
            seen,
            agreed: votes.iter().map(judge).collect(),
            suspected: Vec::new(),
            cleared: Vec::new(),
            runs: Vec::new(),
            walk,
        }
    }

    /// Turns to `record`; must be called for all of them in their order.
    pub(super) fn turn(&mut self, records: &Records, record: usize) {
        self.runs.clear();
        let cigar = records.cigar_of(record);
        if let Some(place) = self.walk.single(records, record) {
            let length = records.bases_of(record).len();
            if records.qualities_of(record).len() == length {
                self.runs.push(Run {
                    operation: (cigar[0] & 15) as u8,
                    at: 0,
                    place,
                    length,
                });
            }
            return;
        }
        if records.references[record] >= 0 && pileup::fits(records, record) {
            self.lay_out(cigar);
        }
    }

    /// Sets the runs of a CIGAR that fits.
    fn lay_out(&mut self, cigar: &[u32]) {
        let mut aligned = self
            .walk
            .segments
            .iter()
            .filter(|one| one.kind == AGREES)
            .peekable();
        let mut before: Option<(usize, i64)> = None;
        let mut offset = 0;
        for &word in cigar.iter().filter(|&&word| word >> 4 > 0) {
            let (operation, length) = ((word & 15) as u8, (word >> 4) as usize);
            match operation {
                0 | 7 | 8 => {
                    let Some(segment) = aligned.next() else {
                        return self.runs.clear();
                    };
                    self.runs.push(Run {
                        operation,
                        at: segment.start,
                        place: segment.place,
                        length,
                    });
                    before = Some((segment.place, offset));
                }
                2 => {
                    // The places between two segments are those of the deletion if as many lie there.
                    let between = before.zip(aligned.peek()).filter(|((place, start), next)| {
                        next.place as i64 - *place as i64 == next.offset - start
                    });
                    let place =
                        between.map(|((place, start), _)| place + (offset - start) as usize);
                    self.runs.push(Run {
                        operation,
                        at: aligned.peek().map_or(0, |next| next.start),
                        place: place.unwrap_or(NOWHERE),
                        length,
                    });
                }
                _ => {}
            }
            offset += i64::from(on_reference(word));
        }
    }

    /// Counts the bases of the record at hand that differ from what most reads say.
    pub(super) fn guess(&self, records: &Records, record: usize) -> Guess {
        let mut guess = Guess::default();
        let (bases, qualities) = (records.bases_of(record), records.qualities_of(record));
        for run in self
            .runs
            .iter()
            .filter(|run| !run.is_deleted() && !self.agreed.is_empty())
        {
            let agreed = self.agreed[run.place..run.place + run.length].chunks(16);
            let own = bases[run.at..run.at + run.length].chunks(16);
            let qualities = qualities[run.at..run.at + run.length].chunks(16);
            for ((agreed, own), qualities) in agreed.zip(own).zip(qualities) {
                if agreed == own {
                    continue;
                }
                for ((&agreed, &own), &quality) in agreed.iter().zip(own).zip(qualities) {
                    if agreed != own && agreed != 0 {
                        guess.differing += 1;
                        guess.quality += i64::from(quality);
                    }
                }
            }
        }
        if !self.suspected.is_empty() {
            let mut most = 0;
            for run in self.runs.iter().filter(|run| !run.is_deleted()) {
                let suspected = &self.suspected[run.place..run.place + run.length];
                most = suspected.iter().copied().fold(most, u8::max);
            }
            guess.suspected = most >= SURE;
        }
        guess
    }

    /// Learns how many mismatches the record at hand has, of which `guess` was guessed.
    ///
    /// If all reads of a place differ from the reference alike, nothing but their NMs shows it: the places that reads with
    /// one difference too many share, and no read without covers, are suspected.
    pub(super) fn learn(&mut self, guess: Guess, mismatches: i64) {
        let more = mismatches - guess.differing;
        if more > 0 && guess.suspected || more < 0 || more == 0 && self.suspected.is_empty() {
            return;
        }
        if self.suspected.is_empty() {
            self.suspected = vec![0; self.seen.len()];
            self.cleared = vec![false; self.seen.len()];
        }
        for run in self.runs.iter().filter(|run| !run.is_deleted()) {
            let places = run.place..run.place + run.length;
            let (suspected, cleared) = (
                &mut self.suspected[places.clone()],
                &mut self.cleared[places],
            );
            if more == 0 {
                suspected.fill(0);
                cleared.fill(true);
                continue;
            }
            for (suspected, &cleared) in suspected.iter_mut().zip(&*cleared) {
                *suspected = suspected.saturating_add(u8::from(!cleared));
            }
        }
    }
}

/// Adds the votes of bases.
fn count(votes: &mut [[u16; 4]], bases: &[u8], qualities: &[u8]) {
    for ((votes, &base), &quality) in votes.iter_mut().zip(bases).zip(qualities) {
        let number = base.trailing_zeros() as usize;
        if let Some(votes) = votes.get_mut(number).filter(|_| base.is_power_of_two()) {
            *votes = votes.saturating_add(weight(quality));
        }
    }
}

/// How much a base of a quality says: 1 to 8.
fn weight(quality: u8) -> u16 {
    match quality {
        0xff => 4,
        quality => u16::from(quality.min(63) / 8) + 1,
    }
}

/// What most reads say, from votes; 0 if it may be a single read.
fn judge(votes: &[u16; 4]) -> u8 {
    let mut best = 0;
    for base in 1..4 {
        if votes[base] > votes[best] {
            best = base;
        }
    }
    if votes[best] > SINGLE { 1 << best } else { 0 }
}

/// How many bases of a record differ from those seen before at their places.
pub(super) fn differing(records: &Records, record: usize) -> i64 {
    let states = records.base_states.get(part(&records.base_ends, record));
    // Sums of so few fit a byte, of which vectors hold most.
    let count = |some: &[u8]| {
        some.iter()
            .map(|&state| u8::from(state == DIFFERS))
            .sum::<u8>()
    };
    states.map_or(0, |states| {
        states.chunks(255).map(|some| i64::from(count(some))).sum()
    })
}
