//! What the other reads of a chunk say of each base. All bases are known before the first quality, so later reads count
//! as well; and qualities coded before tell how well a reference position reads.

use super::super::states::{AGREES, CLIPPED, INSERTED, Walk};
use super::super::{Records, part};
use super::reading::Reading;

/// All other reads there have the same base.
pub(super) const ALIKE: u8 = 0;
/// At least as many have it as do not.
pub(super) const MOSTLY: u8 = 1;
/// Some have it, more do not.
pub(super) const SOME: u8 = 2;
/// The only other read has another.
pub(super) const ONE_AGAINST: u8 = 3;
/// No other read has it, and several have others.
pub(super) const AGAINST: u8 = 4;
/// No other read lies there.
pub(super) const ALONE: u8 = 5;
/// Inserted.
pub(super) const EXTRA: u8 = 6;
/// Clipped.
pub(super) const CUT: u8 = 7;

/// Outside a read.
pub(super) const OUTSIDE: u8 = 8;

/// A place for bases that are not aligned.
const NOWHERE: u32 = u32::MAX;

/// How far a mean moves at a quality by how many were seen before: 1 / (n + 1.5), in 2^-15.
static SHARES: [i32; 9] = {
    let mut shares = [0; 9];
    let mut seen = 0;
    while seen < 9 {
        shares[seen] = (1 << 16) / (2 * seen as i32 + 3);
        seen += 1;
    }
    shares
};

/// The evidence on a chunk.
pub(super) struct Evidence {
    /// Classes of all bases, joined as these are.
    pub(super) classes: Vec<u8>,
    /// Places of all bases in the pileup; [`NOWHERE`] for those not aligned.
    places: Vec<u32>,
    /// By place and strand: how many qualities were seen, up to 8, and their mean.
    seen: Vec<[(u8, i16); 2]>,
}

impl Evidence {
    /// Looks at all bases.
    pub(super) fn new(records: &Records) -> Self {
        let mut walk = Walk::new(records);
        let mut counts = vec![[0u16; 4]; walk.places()];
        let mut places = vec![NOWHERE; records.bases.len()];
        let mut classes = vec![ALONE; records.bases.len()];
        for record in 0..records.count {
            walk.record(records, record);
            let all = part(&records.base_ends, record);
            for segment in &walk.segments {
                let start = all.start + segment.start;
                let within = start..start + segment.length;
                match segment.kind {
                    AGREES => (),
                    INSERTED => classes[within.clone()].fill(EXTRA),
                    CLIPPED => classes[within.clone()].fill(CUT),
                    _ => (),
                }
                if segment.kind != AGREES {
                    continue;
                }
                for (place, at) in (segment.place..).zip(within) {
                    places[at] = place as u32;
                    if let Some(number) = number(records.bases[at]) {
                        let count = &mut counts[place][number];
                        *count = count.saturating_add(1);
                    }
                }
            }
        }
        for ((class, &place), &base) in classes.iter_mut().zip(&places).zip(&records.bases) {
            if let Some(counts) = counts.get(place as usize) {
                *class = judge(counts, base);
            }
        }
        Self {
            classes,
            places,
            seen: vec![[(0, 0); 2]; counts.len()],
        }
    }

    /// How well the place of base `at` (among all bases) read before on the same strand: 0 if it did not, else
    /// 1 + the count less 1 (at most 3) + 4 times the mean quality's class (up to 31).
    #[inline(always)]
    fn before(&self, at: usize, reversed: bool) -> u32 {
        let seen = self.seen.get(self.places[at] as usize);
        match seen.map(|both| both[usize::from(reversed)]) {
            None | Some((0, _)) => 0,
            Some((count, mean)) => u32::from(count.min(4)) + 4 * (mean as u32 / 16).min(31),
        }
    }

    /// [`Self::before`] for all bases of a record, in the order of sequencing.
    pub(super) fn before_all(&self, reading: &Reading, into: &mut Vec<u8>) {
        into.clear();
        let before = |at| self.before(at, reading.reversed) as u8;
        if reading.reversed {
            into.extend(reading.range.clone().rev().map(before));
        } else {
            into.extend(reading.range.clone().map(before));
        }
    }

    /// [`Self::note`] for all bases of a record, in the order in which they are stored.
    pub(super) fn note_all(&mut self, reading: &Reading, qualities: impl Iterator<Item = u32>) {
        for (at, quality) in reading.range.clone().zip(qualities) {
            self.note(at, reading.reversed, quality);
        }
    }

    /// Notes a quality, as a number up to 4,095, of base `at`.
    #[inline(always)]
    fn note(&mut self, at: usize, reversed: bool, quality: u32) {
        if let Some(both) = self.seen.get_mut(self.places[at] as usize) {
            let (count, mean) = &mut both[usize::from(reversed)];
            let apart = quality.min(4095) as i16 - *mean;
            *mean += (i32::from(apart) * SHARES[usize::from(*count)] >> 15) as i16;
            *count = (*count + 1).min(8);
        }
    }
}

/// A base's number, if it is A, C, G or T.
fn number(base: u8) -> Option<usize> {
    matches!(base, 1 | 2 | 4 | 8).then(|| base.trailing_zeros() as usize)
}

/// The class of a base given how many have which base at its place, it among them.
fn judge(counts: &[u16; 4], base: u8) -> u8 {
    let all: u32 = counts.iter().map(|&count| u32::from(count)).sum();
    let same = number(base).map_or(0, |number| u32::from(counts[number]));
    let others = all - same;
    match (same.saturating_sub(1), others) {
        (0, 0) => ALONE,
        (_, 0) => ALIKE,
        (0, 1) => ONE_AGAINST,
        (0, _) => AGAINST,
        (more, _) if more >= others => MOSTLY,
        _ => SOME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_judged_by_the_others_at_its_place() {
        assert_eq!(judge(&[1, 0, 0, 0], 1), ALONE);
        assert_eq!(judge(&[3, 0, 0, 0], 1), ALIKE);
        assert_eq!(judge(&[3, 2, 0, 0], 1), MOSTLY);
        assert_eq!(judge(&[3, 2, 0, 0], 2), SOME);
        assert_eq!(judge(&[1, 1, 0, 0], 2), ONE_AGAINST);
        assert_eq!(judge(&[3, 1, 0, 0], 2), AGAINST);
        // N agrees with nothing.
        assert_eq!(judge(&[0, 0, 0, 0], 15), ALONE);
        assert_eq!(judge(&[3, 0, 0, 0], 15), AGAINST);
    }

    #[test]
    fn means_of_a_place_follow_its_qualities_by_strand() {
        let mut records = Records::default();
        for _ in 0..2 {
            records.count += 1;
            records.references.push(0);
            records.positions.push(5);
            records.cigar.push(2 << 4);
            records.cigar_ends.push(records.cigar.len());
            records.bases.extend([1, 2]);
            records.base_ends.push(records.bases.len());
        }
        let mut evidence = Evidence::new(&records);
        assert_eq!(evidence.classes, [ALIKE; 4]);
        assert_eq!(evidence.before(2, false), 0);
        for _ in 0..20 {
            evidence.note(0, false, 320);
        }
        assert!((4 + 4 * 19..=4 + 4 * 20).contains(&evidence.before(2, false)));
        assert_eq!(evidence.before(2, true), 0);
        assert_eq!(evidence.before(3, false), 0);
    }
}
