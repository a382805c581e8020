//! Counts of the records of a file: what samtools flagstat and idxstats tell. They follow from core fields, for which a small
//! part of an archive is read.

use std::ops::AddAssign;

use serde::Serialize;

use super::heading::Heading;
use super::query::Query;
use super::source_reader::SourceReader;
use super::view::Archive;
use crate::source::bam::CoreFields;
use crate::source::bam::record;
use crate::{Error, Result};

/// Least mapping quality of the last count of [`FlagCounts`].
const GOOD_MAPPING: u8 = 5;

/// How many records have which flags: what samtools flagstat prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlagCounts {
    /// All.
    pub total: u64,
    /// Neither secondary nor supplementary.
    pub primary: u64,
    pub secondary: u64,
    pub supplementary: u64,
    pub duplicates: u64,
    pub primary_duplicates: u64,
    pub mapped: u64,
    pub primary_mapped: u64,
    /// Primary ones of pairs, as are all the following.
    pub paired: u64,
    pub read1: u64,
    pub read2: u64,
    /// Mapped in a proper pair.
    pub properly_paired: u64,
    pub with_itself_and_mate_mapped: u64,
    pub singletons: u64,
    /// Mates that are mapped to another reference sequence.
    pub mate_on_different_reference: u64,
    /// Of these, with mapping quality 5 or more.
    pub mate_on_different_reference_mapq5: u64,
}

/// Counts of records that passed quality control, and of those that did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlagStatistics {
    pub passed: FlagCounts,
    pub failed: FlagCounts,
}

impl FlagCounts {
    fn see(&mut self, flags: u16, reference: i32, mate_reference: i32, mapping_quality: u8) {
        let has = |flag: u16| flags & flag != 0;
        let one = |condition: bool| u64::from(condition);
        let mapped = !has(record::UNMAPPED);
        self.total += 1;
        self.duplicates += one(has(record::DUPLICATE));
        self.mapped += one(mapped);
        if has(record::SECONDARY) {
            self.secondary += 1;
        } else if has(record::SUPPLEMENTARY) {
            self.supplementary += 1;
        } else {
            self.primary += 1;
            self.primary_duplicates += one(has(record::DUPLICATE));
            self.primary_mapped += one(mapped);
            if has(record::PAIRED) {
                let mate_mapped = !has(record::MATE_UNMAPPED);
                self.paired += 1;
                self.read1 += one(has(record::FIRST));
                self.read2 += one(has(record::LAST));
                self.properly_paired += one(has(record::PROPER_PAIR) && mapped);
                self.singletons += one(mapped && !mate_mapped);
                if mapped && mate_mapped {
                    self.with_itself_and_mate_mapped += 1;
                    let elsewhere = mate_reference != reference;
                    self.mate_on_different_reference += one(elsewhere);
                    self.mate_on_different_reference_mapq5 +=
                        one(elsewhere && mapping_quality >= GOOD_MAPPING);
                }
            }
        }
    }
}

impl AddAssign for FlagCounts {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.primary += other.primary;
        self.secondary += other.secondary;
        self.supplementary += other.supplementary;
        self.duplicates += other.duplicates;
        self.primary_duplicates += other.primary_duplicates;
        self.mapped += other.mapped;
        self.primary_mapped += other.primary_mapped;
        self.paired += other.paired;
        self.read1 += other.read1;
        self.read2 += other.read2;
        self.properly_paired += other.properly_paired;
        self.with_itself_and_mate_mapped += other.with_itself_and_mate_mapped;
        self.singletons += other.singletons;
        self.mate_on_different_reference += other.mate_on_different_reference;
        self.mate_on_different_reference_mapq5 += other.mate_on_different_reference_mapq5;
    }
}

/// Records on a reference sequence: what samtools idxstats prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IndexStatistics {
    /// Name of the reference; `*` for records on none.
    pub reference: String,
    /// Its length in bases.
    pub length: u64,
    /// Mapped records on it.
    pub mapped: u64,
    /// Unmapped records that are placed on it.
    pub unmapped: u64,
}

impl FlagStatistics {
    /// Those of some records by their core fields.
    fn of(fields: &CoreFields, found: Vec<usize>) -> Self {
        let mut counts = Self::default();
        for index in found {
            let flags = fields.flags[index];
            let of = match flags & record::QC_FAIL {
                0 => &mut counts.passed,
                _ => &mut counts.failed,
            };
            of.see(
                flags,
                fields.references[index],
                fields.mate_references[index],
                fields.mapping_qualities[index],
            );
        }
        counts
    }

    fn sum(all: impl Iterator<Item = Result<Self>>) -> Result<Self> {
        let mut sum = Self::default();
        for counts in all {
            let counts = counts?;
            sum.passed += counts.passed;
            sum.failed += counts.failed;
        }
        Ok(sum)
    }
}

/// Mapped and unmapped records of a run of records on the same reference.
type OnReference = (i32, [u64; 2]);

/// Counts records by their references.
fn by_reference(fields: &CoreFields, found: Vec<usize>) -> Vec<OnReference> {
    let mut counts: Vec<OnReference> = Vec::new();
    for index in found {
        let reference = fields.references[index];
        let is_unmapped = fields.flags[index] & record::UNMAPPED != 0;
        if counts.last().is_none_or(|last| last.0 != reference) {
            counts.push((reference, [0; 2]));
        }
        if let Some((_, counts)) = counts.last_mut() {
            counts[usize::from(is_unmapped)] += 1;
        }
    }
    counts
}

impl IndexStatistics {
    /// Those of all references, and last those of none. `name`: what the records come from, for errors.
    fn sum(
        heading: &Heading,
        counts: impl Iterator<Item = Result<Vec<OnReference>>>,
        name: &str,
    ) -> Result<Vec<Self>> {
        let mut all: Vec<Self> = heading
            .references
            .iter()
            .map(|reference| Self {
                reference: String::from_utf8_lossy(&reference.name).into_owned(),
                length: reference.length.into(),
                ..Self::default()
            })
            .collect();
        all.push(Self {
            reference: "*".into(),
            ..Self::default()
        });
        let none = all.len() - 1;
        for counts in counts {
            for (reference, [mapped, unmapped]) in counts? {
                let place = usize::try_from(reference).unwrap_or(none);
                let of = all.get_mut(place).ok_or_else(|| {
                    Error::Damaged(format!(
                        "{name}: has a record on reference number {reference}, which its header does not have"
                    ))
                })?;
                of.mapped += mapped;
                of.unmapped += unmapped;
            }
        }
        Ok(all)
    }
}

impl Archive {
    /// Counts records by their flags.
    ///
    /// # Errors
    /// As [`Archive::records`].
    pub fn flag_statistics(&self, query: &Query, threads: usize) -> Result<FlagStatistics> {
        FlagStatistics::sum(self.core(query, threads, FlagStatistics::of)?)
    }

    /// Counts mapped and unmapped records on each reference, and last of all those on none.
    ///
    /// # Errors
    /// As [`Archive::records`].
    pub fn index_statistics(&self, threads: usize) -> Result<Vec<IndexStatistics>> {
        let counts = self.core(&Query::default(), threads, by_reference)?;
        IndexStatistics::sum(&*self.heading()?, counts, &self.chunks.opened.name)
    }
}

impl SourceReader {
    /// Counts records by their flags.
    ///
    /// # Errors
    /// As [`SourceReader::records`].
    pub fn flag_statistics(&self, query: &Query, threads: usize) -> Result<FlagStatistics> {
        FlagStatistics::sum(self.core(query, threads, FlagStatistics::of)?)
    }

    /// Numbers of mapped and unmapped records on each reference, and last of all of those on none: the index's, or else they are
    /// counted.
    ///
    /// # Errors
    /// As [`SourceReader::records`].
    pub fn index_statistics(&self, threads: usize) -> Result<Vec<IndexStatistics>> {
        if let Some((totals, unplaced)) = self.totals()? {
            let mut counts: Vec<OnReference> = (0..).zip(totals).collect();
            counts.push((-1, [0, unplaced]));
            let counts = std::iter::once(Ok(counts));
            return IndexStatistics::sum(&*self.heading()?, counts, self.object.name());
        }
        let counts = self.core(&Query::default(), threads, by_reference)?;
        IndexStatistics::sum(&*self.heading()?, counts, self.object.name())
    }
}
