//! One read: its bases from the genome with variants and sequencing errors, and the alignment
//! that an aligner would report for it: clips, CIGAR, MD, NM and score, all from one list of
//! columns so that they cannot disagree.

use crate::columns::{Column, Kind, UNKNOWN, columns_of_bases, describe, local_clips};
use crate::genome::{Change, Stretch, markov};
use crate::profile::{Aligner, Profile};
use crate::rng::{Ppm, Rng};

/// Alignments below this score are not reported (bwa-mem's default).
const LEAST_SCORE: i32 = 30;
/// bwa aln's quality threshold for trimming the end of a read (-q 15).
const TRIM_QUALITY: i32 = 15;
/// bwa aln never trims a read below this length.
const TRIM_LENGTH: usize = 35;
/// Differences that bwa aln allows in a read of 101 bases (-n 0.04).
const MOST_DIFFERENCES: u32 = 5;

/// CIGAR operations by their number in BAM.
pub const MATCH: u32 = 0;
/// Insertion.
pub const INSERTION: u32 = 1;
/// Deletion.
pub const DELETION: u32 = 2;
/// Soft clip.
pub const SOFT_CLIP: u32 = 4;
/// Hard clip.
pub const HARD_CLIP: u32 = 5;

/// A read as sequenced and, unless it is not mapped, aligned.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// Index of the contig.
    pub contig: u32,
    /// First aligned position, from 0.
    pub position: u32,
    /// After the last aligned position.
    pub end: u32,
    /// On the reverse strand.
    pub reverse: bool,
    /// Whether it is aligned at all.
    pub mapped: bool,
    /// Length << 4 | operation, as in BAM.
    pub cigar: Vec<u32>,
    /// Bases 0 to 4 (N), in the direction of the reference.
    pub bases: Vec<u8>,
    /// Qualities, in the direction of the reference.
    pub qualities: Vec<u8>,
    /// Text of MD.
    pub md: Vec<u8>,
    /// Mismatching bases.
    pub mismatches: u32,
    /// Gaps and the bases in them.
    pub gaps: u32,
    /// Bases in gaps.
    pub gap_bases: u32,
    /// bwa-mem's score.
    pub score: i32,
    /// Length after trimming by quality, where that removed something (XC).
    pub trimmed: Option<u32>,
    /// Aligned only next to its mate (XT:A:M).
    pub rescued: bool,
}

impl Read {
    /// Edit distance (NM).
    pub fn distance(&self) -> u32 {
        self.mismatches + self.gap_bases
    }

    /// A read that aligns nowhere, placed at its mate's position.
    pub fn unaligned(rng: &mut Rng, mate: &Read, reverse: bool, qualities: &[u8]) -> Read {
        let bases = markov(rng, qualities.len() as u32)
            .into_iter()
            .zip(qualities);
        Read {
            contig: mate.contig,
            position: mate.position,
            end: mate.position,
            reverse,
            bases: bases
                .map(|(base, &quality)| if quality <= 2 { UNKNOWN } else { base })
                .collect(),
            qualities: qualities.to_vec(),
            ..Read::default()
        }
    }
}

/// Where and how a read is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Index of the contig.
    pub contig: u32,
    /// Leftmost position.
    pub start: u32,
    /// On the reverse strand.
    pub reverse: bool,
    /// Molecule it comes from.
    pub haplotype: u32,
    /// Bases at the end (in sequencing direction) that come from elsewhere.
    pub tail: u32,
}

/// Makes reads; keeps its buffers between them.
pub struct ReadMaker<'p> {
    profile: &'p Profile,
    /// Chance of an error by quality.
    errors: [Ppm; 128],
    columns: Vec<Column>,
}

impl<'p> ReadMaker<'p> {
    /// A maker of the profile's reads.
    pub fn new(profile: &'p Profile) -> ReadMaker<'p> {
        let mut errors = [0; 128];
        for (quality, chance) in errors.iter_mut().enumerate() {
            let known = profile.errors.iter().rev();
            let found = known
                .clone()
                .find(|(level, _)| usize::from(*level) <= quality);
            *chance = found.map_or(0, |&(_, chance)| chance);
        }
        ReadMaker {
            profile,
            errors,
            columns: Vec::new(),
        }
    }

    /// The read of these qualities (in sequencing direction) at the place asked for.
    pub fn make(
        &mut self,
        rng: &mut Rng,
        stretch: &Stretch,
        request: Request,
        qualities: &[u8],
    ) -> Read {
        self.walk(stretch, request, qualities.len());
        self.spoil(rng, request, qualities);
        let mut read = Read {
            contig: request.contig,
            reverse: request.reverse,
            qualities: qualities.to_vec(),
            ..Read::default()
        };
        if request.reverse {
            read.qualities.reverse();
        }
        let bases = self
            .columns
            .iter()
            .filter(|column| column.kind != Kind::ReferenceOnly);
        read.bases = bases.map(|column| column.read).collect();
        match self.profile.aligner {
            Aligner::BwaMem => {
                let (left, right) = local_clips(&self.columns);
                self.align(&mut read, request.start, left, right);
                read.mapped = read.score >= LEAST_SCORE;
            }
            Aligner::BwaAln => self.align_by_quality(&mut read, request, qualities),
        }
        read
    }

    /// Fills the columns with `length` bases of the haplotype from the start on.
    fn walk(&mut self, stretch: &Stretch, request: Request, length: usize) {
        self.columns.clear();
        let mut position = request.start;
        let variants = &stretch.variants;
        let mut next = variants.partition_point(|variant| variant.position < position);
        let mut made = 0;
        while made < length {
            let reference = stretch.base(position);
            let mut read = reference;
            let here = variants
                .get(next)
                .filter(|variant| variant.position == position);
            if let Some(variant) = here {
                next += 1;
                if variant.haplotypes >> request.haplotype & 1 == 1 {
                    match &variant.change {
                        Change::Base(base) => read = *base,
                        Change::Deletion(count) if made > 0 => {
                            for offset in 0..*count {
                                let reference = stretch.base(position + offset);
                                let kind = Kind::ReferenceOnly;
                                self.columns.push(Column {
                                    kind,
                                    reference,
                                    read: UNKNOWN,
                                });
                            }
                            position += count;
                            while variants.get(next).is_some_and(|v| v.position < position) {
                                next += 1;
                            }
                            continue;
                        }
                        Change::Insertion(bases) if made > 0 => {
                            for &read in bases.iter().take(length - made) {
                                let kind = Kind::ReadOnly;
                                self.columns.push(Column {
                                    kind,
                                    reference: UNKNOWN,
                                    read,
                                });
                                made += 1;
                            }
                            if made == length {
                                break;
                            }
                        }
                        _ => {}
                    }
                }
            }
            self.columns.push(Column {
                kind: Kind::Both,
                reference,
                read,
            });
            made += 1;
            position += 1;
        }
    }

    /// Puts sequencing errors and a foreign tail into the columns.
    fn spoil(&mut self, rng: &mut Rng, request: Request, qualities: &[u8]) {
        let length = qualities.len();
        let spread = self.profile.spread;
        let percent = spread[rng.below(spread.len() as u32) as usize];
        let mut index = 0;
        for column in &mut self.columns {
            if column.kind == Kind::ReferenceOnly {
                continue;
            }
            // The cycle in which the base was read.
            let cycle = if request.reverse {
                length - 1 - index
            } else {
                index
            };
            index += 1;
            let quality = qualities[cycle];
            if quality <= 2 {
                column.read = UNKNOWN;
            } else if cycle + request.tail as usize >= length {
                column.read = rng.below(4) as u8;
            } else if rng.chance(self.errors[usize::from(quality & 127)] * percent / 100) {
                let flip = if request.reverse { 3 } else { 0 };
                let weights = &self.profile.substitutions[usize::from((column.read ^ flip) & 3)];
                column.read = rng.pick(weights) as u8 ^ flip;
            }
        }
    }

    /// bwa aln: the end of low quality is trimmed; what then has too many differences is only
    /// found next to its mate, by local alignment.
    fn align_by_quality(&mut self, read: &mut Read, request: Request, qualities: &[u8]) {
        let kept = trimmed_length(qualities);
        let cut = (qualities.len() - kept) as u32;
        if cut > 0 {
            read.trimmed = Some(kept as u32);
        }
        let clips = |columns: &[Column]| -> (usize, usize) {
            let count = columns_of_bases(columns, cut, request.reverse);
            if request.reverse {
                (count, 0)
            } else {
                (0, count)
            }
        };
        let (left, right) = clips(&self.columns);
        self.align(read, request.start, left, right);
        read.mapped = true;
        if read.mismatches + read.gaps > MOST_DIFFERENCES || read.gaps > 1 {
            let (left, right) = local_clips(&self.columns);
            self.align(read, request.start, left, right);
            read.rescued = true;
            read.mapped = read.score >= LEAST_SCORE;
        }
    }

    /// Fills the alignment in, from the columns without so many at both ends.
    fn align(&self, read: &mut Read, start: u32, left: usize, right: usize) {
        let count = self.columns.len();
        let is_both = |column: &Column| column.kind == Kind::Both;
        let right = count.saturating_sub(right);
        let first = (left..right).find(|&index| is_both(&self.columns[index]));
        let last = (left..right)
            .rev()
            .find(|&index| is_both(&self.columns[index]));
        let (Some(first), Some(last)) = (first, last) else {
            read.score = 0;
            return;
        };
        let bases = |columns: &[Column]| -> u32 {
            columns
                .iter()
                .filter(|column| column.kind != Kind::ReferenceOnly)
                .count() as u32
        };
        let before = &self.columns[..first];
        let skipped = before
            .iter()
            .filter(|column| column.kind != Kind::ReadOnly)
            .count() as u32;
        let clips = [bases(before), bases(&self.columns[last + 1..])];
        read.position = start + skipped;
        describe(read, &self.columns[first..=last], clips);
    }
}

/// What bwa aln -q leaves of a read: the cut where the sum of (threshold - quality) from the
/// end is greatest.
fn trimmed_length(qualities: &[u8]) -> usize {
    let (mut sum, mut most, mut kept) = (0, 0, qualities.len());
    for index in (TRIM_LENGTH..qualities.len()).rev() {
        sum += TRIM_QUALITY - i32::from(qualities[index]);
        if sum < 0 {
            break;
        }
        if sum > most {
            (most, kept) = (sum, index);
        }
    }
    kept
}
