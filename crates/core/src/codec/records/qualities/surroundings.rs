//! What lies around each base of a long read: runs of equal bases, deletions, and places where it goes against the other
//! reads. A machine is unsure there, and says so.

use super::super::{Records, on_read};
use super::evidence::{AGAINST, EXTRA, Evidence, ONE_AGAINST, OUTSIDE};
use super::reading::Reading;

/// Distances to errors count up to this.
const FAR: u8 = 15;

/// All in the order of sequencing.
#[derive(Clone, Default)]
pub(super) struct Surroundings {
    /// Bases alike right before (up to 7), and after (up to 5) from bit 3 on.
    pub(super) alike: Vec<u8>,
    /// Whether bases of the reference are left out right before, and right after from bit 2 on: 1 one, 2 more.
    pub(super) gaps: Vec<u8>,
    /// Bases to the next error from this one on, which counts as 0, and a gap behind it as 1.
    pub(super) next: Vec<u8>,
    /// Bases since the last error before this base.
    pub(super) since: Vec<u8>,
    /// Classes of the bases' evidence.
    classes: Vec<u8>,
}

impl Surroundings {
    /// Turns to a record.
    pub(super) fn turn(
        &mut self,
        records: &Records,
        record: usize,
        reading: &Reading,
        evidence: &Evidence,
    ) {
        self.find_runs(&reading.bases);
        self.find_gaps(records.cigar_of(record), reading);
        reading.order(&evidence.classes[reading.range.clone()], &mut self.classes);
        self.find_errors();
    }

    /// The class of the evidence at `at`, [`OUTSIDE`] outside.
    #[inline]
    pub(super) fn class(&self, at: usize) -> u64 {
        self.classes.get(at).copied().unwrap_or(OUTSIDE).into()
    }

    fn find_runs(&mut self, bases: &[u8]) {
        self.alike.clear();
        let mut before = 0;
        for (at, base) in bases.iter().enumerate() {
            let same = at > 0 && bases[at - 1] == *base;
            before = if same { (before + 1).min(7) } else { 0 };
            self.alike.push(before);
        }
        let mut after = 0;
        for at in (0..bases.len()).rev() {
            let same = bases.get(at + 1) == Some(&bases[at]);
            after = if same { (after + 1).min(5) } else { 0 };
            self.alike[at] |= after << 3;
        }
    }

    fn find_gaps(&mut self, cigar: &[u32], reading: &Reading) {
        let length = reading.bases.len();
        self.gaps.clear();
        self.gaps.resize(length, 0);
        // Bases so far, as stored.
        let mut done = 0usize;
        for &word in cigar {
            if word & 15 == 2 {
                let class = if word >> 4 == 1 { 1 } else { 2 };
                let (mut before, mut after) = (done.checked_sub(1), Some(done));
                if reading.reversed {
                    (before, after) = (
                        after.and_then(|after| (length - 1).checked_sub(after)),
                        before.map(|before| length - 1 - before),
                    );
                }
                if let Some(gap) = before.and_then(|at| self.gaps.get_mut(at)) {
                    *gap |= class << 2;
                }
                if let Some(gap) = after.and_then(|at| self.gaps.get_mut(at)) {
                    *gap |= class;
                }
            }
            done = done.saturating_add(on_read(word) as usize).min(length);
        }
    }

    fn find_errors(&mut self) {
        let is_error = |class: u8| matches!(class, ONE_AGAINST | AGAINST | EXTRA);
        let both = self.classes.iter().zip(&self.gaps);
        self.since.clear();
        let mut since = FAR;
        for (&class, gap) in both.clone() {
            since = if gap & 3 != 0 {
                1
            } else {
                (since + 1).min(FAR)
            };
            self.since.push(since);
            if is_error(class) {
                since = 0;
            }
        }
        self.next.clear();
        let mut next = FAR;
        for (&class, gap) in both.rev() {
            next = match (is_error(class), gap >> 2) {
                (true, _) => 0,
                (_, 0) => (next + 1).min(FAR),
                _ => 1,
            };
            self.next.push(next);
        }
        self.next.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A read over two that agree with each other: two matches, a deletion of one, two matches, an insertion, a match.
    fn records(reversed: bool) -> Records {
        let mut records = Records::default();
        for record in 0..3 {
            records.count += 1;
            records.references.push(0);
            records.positions.push(0);
            records.flags.push(if reversed { 0x10 } else { 0 });
            let (cigar, bases): (&[u32], &[u8]) = if record < 2 {
                (&[6 << 4], &[1, 2, 4, 8, 1, 2])
            } else {
                let cigar = &[2 << 4, 1 << 4 | 2, 2 << 4, 1 << 4 | 1, 1 << 4];
                (cigar, &[1, 1, 8, 1, 1, 2])
            };
            records.cigar.extend(cigar);
            records.cigar_ends.push(records.cigar.len());
            records.bases.extend(bases);
            records.base_ends.push(records.bases.len());
        }
        records
    }

    #[test]
    fn runs_gaps_and_errors_are_found_on_both_strands() {
        for reversed in [false, true] {
            let records = records(reversed);
            let mut reading = Reading::default();
            reading.turn(&records, 2);
            let mut around = Surroundings::default();
            around.turn(&records, 2, &reading, &Evidence::new(&records));
            if reversed {
                assert_eq!(around.alike, [0, 8, 1, 0, 8, 1]);
                assert_eq!(around.gaps, [0, 0, 0, 4, 1, 0]);
                assert_eq!(around.next, [1, 0, 2, 1, 0, 15]);
                assert_eq!(around.since, [15, 15, 1, 2, 1, 1]);
            } else {
                assert_eq!(around.alike, [8, 1, 0, 8, 1, 0]);
                assert_eq!(around.gaps, [0, 4, 1, 0, 0, 0]);
                assert_eq!(around.next, [1, 0, 2, 1, 0, 15]);
                assert_eq!(around.since, [15, 15, 1, 2, 3, 1]);
            }
        }
    }
}
