//! How each base of a chunk lies: in agreement with the bases seen before at its reference position, against them,
//! inserted, clipped, or with nothing to compare with.
//!
//! Two parts serve the codec of bases as well: [`Walk`], which lays the reference positions that a chunk's records
//! cover side by side, so that what is known of them fits in plain vectors as long as the bases at most twice, and
//! [`Pileup`], the vote of the bases seen so far at each of those places.

use super::{Records, on_reference, part};

/// The state of a base that agrees with those seen before at its position.
pub(crate) const AGREES: u8 = 0;
/// The state of a base that differs from them.
pub(crate) const DIFFERS: u8 = 1;
/// The state of an inserted base.
pub(crate) const INSERTED: u8 = 2;
/// The state of a soft-clipped base.
pub(crate) const CLIPPED: u8 = 3;
/// The state of a base that has nothing to compare with.
pub(crate) const ALONE: u8 = 4;

/// A run of bases of a record that lie alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    /// [`AGREES`] for bases aligned to the reference, [`INSERTED`], [`CLIPPED`], or [`ALONE`] for bases without CIGAR.
    pub(crate) kind: u8,
    /// The first base, within the record.
    pub(crate) start: usize,
    /// How many bases; never 0.
    pub(crate) length: usize,
    /// Reference bases between the record's position and the segment.
    pub(crate) offset: i64,
    /// The place of the first base in the chunk's pileup, if aligned.
    pub(crate) place: usize,
}

/// Splits a record's `length` bases by its CIGAR, without places. Operations beyond the bases are cut.
fn split(cigar: &[u32], length: usize, segments: &mut Vec<Segment>) {
    segments.clear();
    let (mut start, mut offset) = (0, 0);
    for &word in cigar {
        let kind = match word & 15 {
            0 | 7 | 8 => AGREES,
            1 => INSERTED,
            4 => CLIPPED,
            _ => ALONE,
        };
        let taken = (word as usize >> 4).min(length - start);
        if kind != ALONE && taken > 0 {
            segments.push(Segment {
                kind,
                start,
                length: taken,
                offset,
                place: 0,
            });
            start += taken;
        }
        offset += i64::from(on_reference(word));
    }
    if start < length {
        segments.push(Segment {
            kind: ALONE,
            start,
            length: length - start,
            offset,
            place: 0,
        });
    }
}

/// Goes through the aligned segments of a record block by block: a block goes on over gaps that are not longer than what
/// it spans so far. Calls `block` for each with its first and its last segment's number.
fn blocks(segments: &[Segment], mut block: impl FnMut(usize, usize)) {
    let mut open: Option<(usize, usize)> = None;
    for (at, segment) in segments.iter().enumerate() {
        if segment.kind != AGREES {
            continue;
        }
        if let Some((first, last)) = open {
            let end = segments[last].offset + segments[last].length as i64;
            if segment.offset - end <= end - segments[first].offset {
                open = Some((first, at));
                continue;
            }
            block(first, last);
        }
        open = Some((at, at));
    }
    if let Some((first, last)) = open {
        block(first, last);
    }
}

/// Splits records into segments and gives each aligned base a place: a number below [`Walk::places`], the same for the
/// same reference position. Places of neighbouring positions are neighbours, as far as records cover them.
pub(crate) struct Walk {
    /// First places of all blocks, in the records' order.
    firsts: Vec<usize>,
    /// First places of the stretches of reference that are covered without gap, ascending, and the number of places.
    stretches: Vec<usize>,
    next: usize,
    /// The segments of the record that [`Walk::record`] was called for last.
    pub(crate) segments: Vec<Segment>,
}

impl Walk {
    /// Lays out the chunk.
    pub(crate) fn new(records: &Records) -> Self {
        let mut spans = Vec::new();
        let mut segments = Vec::new();
        for record in 0..records.count {
            let reference = records.references[record];
            let position = i64::from(records.positions[record]);
            if let Some(length) = single(records, record) {
                spans.push((reference, position, position + length as i64, spans.len()));
                continue;
            }
            if !split_record(records, record, &mut segments) {
                continue;
            }
            blocks(&segments, |first, last| {
                let last = segments[last];
                let start = position + segments[first].offset;
                let end = position + last.offset + last.length as i64;
                spans.push((reference, start, end, spans.len()));
            });
        }
        let mut firsts = vec![0; spans.len()];
        if !spans.is_sorted_by_key(|span| (span.0, span.1)) {
            spans.sort_unstable();
        }
        let (mut places, mut stretches) = (0, Vec::new());
        let mut now = (-1, 0, 0);
        for (reference, start, end, block) in spans {
            if reference != now.0 || start > now.2 {
                stretches.push(places);
                now = (reference, start, start);
            }
            let fresh = (end - now.2).max(0);
            firsts[block] = places - (now.2 - start) as usize;
            places += fresh as usize;
            now.2 += fresh;
        }
        stretches.push(places);
        Self {
            firsts,
            stretches,
            next: 0,
            segments,
        }
    }

    /// How many places there are: at most twice the bases.
    pub(crate) fn places(&self) -> usize {
        self.stretches.last().copied().unwrap_or(0)
    }

    /// Goes back to the first record.
    pub(crate) fn rewind(&mut self) {
        self.next = 0;
    }

    /// Turns to `record` as [`Walk::record`] does, but if it is a single segment of all its bases, gives only the place of
    /// that, and leaves the segments alone.
    #[inline]
    pub(crate) fn single(&mut self, records: &Records, record: usize) -> Option<usize> {
        if single(records, record).is_none() {
            self.record(records, record);
            return None;
        }
        self.next += 1;
        Some(self.firsts[self.next - 1])
    }

    /// Turns to `record`; must be called for all of them in their order.
    pub(crate) fn record(&mut self, records: &Records, record: usize) {
        if !split_record(records, record, &mut self.segments) {
            return;
        }
        let (mut found, mut count) = ([(0, 0); 1], 0);
        // Most records have one block.
        let mut more = Vec::new();
        blocks(&self.segments, |first, last| {
            if count == 0 {
                found[0] = (first, last);
            } else {
                more.push((first, last));
            }
            count += 1;
        });
        for &(first, last) in found[..count.min(1)].iter().chain(&more) {
            let place = self.firsts[self.next];
            self.next += 1;
            let start = self.segments[first].offset;
            for segment in &mut self.segments[first..=last] {
                if segment.kind == AGREES {
                    segment.place = place + (segment.offset - start) as usize;
                }
            }
        }
    }

    /// The places of the stretch of reference around `place`.
    pub(crate) fn stretch(&self, place: usize) -> std::ops::Range<usize> {
        let after = self.stretches.partition_point(|&first| first <= place);
        match self.stretches.get(after) {
            Some(&end) => self.stretches[after - 1]..end,
            None => place..place,
        }
    }
}

/// The bases of a record that is placed on a reference and has all of them in one aligned segment.
#[inline]
fn single(records: &Records, record: usize) -> Option<usize> {
    let [word] = records.cigar_of(record) else {
        return None;
    };
    let length = part(&records.base_ends, record).len();
    let is_aligned = matches!(word & 15, 0 | 7 | 8) && (word >> 4) as usize == length;
    (is_aligned && length > 0 && records.references[record] >= 0).then_some(length)
}

/// Splits one record; says whether it is placed on a reference, else its bases are all alone.
fn split_record(records: &Records, record: usize, segments: &mut Vec<Segment>) -> bool {
    let length = part(&records.base_ends, record).len();
    let placed = records.references[record] >= 0;
    let cigar = if placed {
        records.cigar_of(record)
    } else {
        &[]
    };
    split(cigar, length, segments);
    placed
}

/// The bases seen at each place.
pub(crate) struct Pileup {
    /// The base (BAM's code) most seen, the first to come to its count; 0 where none was seen.
    pub(crate) top: Vec<u8>,
    /// How often it was, up to 255.
    pub(crate) agree: Vec<u8>,
    /// How often the other bases were: A, C, G, T.
    pub(crate) other: Vec<[u8; 4]>,
}

impl Pileup {
    /// An empty pileup of so many places.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            top: vec![0; places],
            agree: vec![0; places],
            other: vec![[0; 4]; places],
        }
    }

    /// Counts a base at a place. Those other than A, C, G and T do not count.
    #[inline]
    pub(crate) fn vote(&mut self, place: usize, base: u8) {
        if self.top[place] == base {
            self.agree[place] = self.agree[place].saturating_add(1);
        } else if base.is_power_of_two() && base < 16 {
            self.dissent(place, base);
        }
    }

    /// Counts a base that is not the top one.
    fn dissent(&mut self, place: usize, base: u8) {
        let other = &mut self.other[place];
        let (agree, top) = (&mut self.agree[place], &mut self.top[place]);
        if *top == 0 {
            (*top, *agree) = (base, 1);
            return;
        }
        let at = base.trailing_zeros() as usize;
        if *agree == 255 {
            *agree = 127;
            for count in other.iter_mut() {
                *count /= 2;
            }
        }
        // At most agree, which is below 255.
        other[at] += 1;
        if other[at] > *agree {
            let before = *top;
            let count = std::mem::replace(&mut other[at], 0);
            other[before.trailing_zeros() as usize & 3] = *agree;
            (*top, *agree) = (base, count);
        }
    }
}

/// The state of every base of the chunk, joined as `records.bases`.
#[cfg(test)]
pub(crate) fn states(records: &Records) -> Vec<u8> {
    let mut walk = Walk::new(records);
    let mut pileup = Pileup::new(walk.places());
    let mut states = vec![ALONE; records.bases.len()];
    for record in 0..records.count {
        walk.record(records, record);
        let bases = records.bases_of(record);
        let states = &mut states[part(&records.base_ends, record)];
        for segment in &walk.segments {
            let within = segment.start..segment.start + segment.length;
            if segment.kind != AGREES {
                states[within].fill(segment.kind);
                continue;
            }
            let both = bases[within.clone()].iter().zip(&mut states[within]);
            for (place, (&base, state)) in (segment.place..).zip(both) {
                *state = match pileup.top[place] {
                    0 => ALONE,
                    top if top == base => AGREES,
                    _ => DIFFERS,
                };
                pileup.vote(place, base);
            }
        }
    }
    states
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// The same states by the plain rule: a vote per reference position.
    fn plain(records: &Records) -> Vec<u8> {
        let mut seen: HashMap<(i32, i64), (u8, [u32; 16])> = HashMap::new();
        let mut states = Vec::new();
        for record in 0..records.count {
            let bases = records.bases_of(record);
            let (mut at, mut position) = (0, i64::from(records.positions[record]));
            let placed = records.references[record] >= 0;
            for &word in records.cigar_of(record).iter().filter(|_| placed) {
                for _ in 0..(word >> 4).min(1 << 20) {
                    let Some(&base) = bases.get(at) else { break };
                    match word & 15 {
                        0 | 7 | 8 => {
                            let known = (records.references[record], position);
                            let (top, votes) = seen.entry(known).or_default();
                            states.push(if *top == 0 {
                                ALONE
                            } else {
                                u8::from(*top != base)
                            });
                            if [1, 2, 4, 8].contains(&base) {
                                votes[usize::from(base)] += 1;
                                if *top == 0 || votes[usize::from(base)] > votes[usize::from(*top)]
                                {
                                    *top = base;
                                }
                            }
                            position += 1;
                            at += 1;
                        }
                        1 => {
                            states.push(INSERTED);
                            at += 1;
                        }
                        4 => {
                            states.push(CLIPPED);
                            at += 1;
                        }
                        2 | 3 => position += 1,
                        _ => (),
                    }
                }
            }
            states.resize(states.len() + bases.len() - at, ALONE);
        }
        states
    }

    #[test]
    fn states_follow_the_vote_at_each_position() {
        let mut state = 5u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        for round in 0..300 {
            let mut records = Records::default();
            for _ in 0..random(30) {
                records.count += 1;
                records.references.push(random(3) as i32 - 1);
                records.positions.push(match random(40) {
                    0 => i32::MIN,
                    1 => i32::MAX,
                    2 => -1,
                    _ => random(60 + round) as i32,
                });
                for _ in 0..random(6) {
                    let operation = [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15][random(13) as usize];
                    records.cigar.push(random(12) << 4 | operation);
                }
                records.cigar_ends.push(records.cigar.len());
                for _ in 0..random(30) {
                    let base = if random(4) > 0 { 4 } else { random(16) as u8 };
                    records.bases.push(base);
                }
                records.base_ends.push(records.bases.len());
            }
            assert_eq!(states(&records), plain(&records));
            assert!(Walk::new(&records).places() <= 2 * records.bases.len());
        }
    }

    #[test]
    fn operations_of_absurd_length_cost_nothing() {
        let mut records = Records {
            count: 2000,
            ..Records::default()
        };
        for record in 0..records.count {
            records.references.push(i32::MAX);
            records.positions.push(i32::MAX - record as i32);
            // Far apart, or far beyond the bases.
            let skip = [2, 3][record % 2];
            for word in [1 << 4, u32::MAX << 4 | skip, 1 << 4, u32::MAX << 4] {
                records.cigar.push(word);
            }
            records.cigar_ends.push(records.cigar.len());
            records.bases.extend([1, 2, 4, 8, 15, 0]);
            records.base_ends.push(records.bases.len());
        }
        assert_eq!(states(&records).len(), records.bases.len());
        assert!(Walk::new(&records).places() <= 2 * records.bases.len());
    }

    #[test]
    fn a_deep_position_follows_a_change_of_majority() {
        let mut pileup = Pileup::new(1);
        for _ in 0..1000 {
            pileup.vote(0, 2);
        }
        assert_eq!((pileup.top[0], pileup.agree[0]), (2, 255));
        for _ in 0..1000 {
            pileup.vote(0, 8);
        }
        assert_eq!(pileup.top[0], 8);
    }

    #[test]
    fn most_bases_of_a_real_file_agree() {
        let path = "novaseq_wgs_wes/imgag.df196b.Statistics_mapqc_wgs.bam";
        let Some((chunks, _)) = super::super::laboratory::load(path, 20_000, 2_500) else {
            return;
        };
        let start = std::time::Instant::now();
        let states = states(&chunks[0]);
        let time = start.elapsed().as_nanos() as usize / chunks[0].count;
        let mut counts = [0; 5];
        for &state in &states {
            counts[usize::from(state)] += 1;
        }
        eprintln!("{time} ns per record, {counts:?}");
        assert_eq!(states, plain(&chunks[0]));
        assert!(counts[0] > 20 * counts[1]);
    }
}
