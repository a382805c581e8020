//! Flags, places, mapping qualities and CIGARs of all records of a chunk, whatever form they have.

use super::form;
use super::rebuild::Pieces;
use super::record::{self, Fixed, SKIP, SOFT_CLIP};
use crate::Result;
use crate::codec::records::Records;
use crate::source::key;
use crate::source::streams::Decoded;

/// Fields of records that tell where and how they are aligned: a value per record, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoreFields {
    /// Flags.
    pub flags: Vec<u16>,
    /// Numbers of the reference sequences; -1 is none.
    pub references: Vec<i32>,
    /// Positions, 0-based; -1 is none.
    pub positions: Vec<i32>,
    /// Mapping qualities.
    pub mapping_qualities: Vec<u8>,
    /// Numbers of the reference sequences that the mates are on; -1 is none.
    pub mate_references: Vec<i32>,
    /// CIGAR operations of all records, as BAM has them: length in the 28 high bits, operation in the 4 low.
    pub cigars: Vec<u32>,
    /// Where each record's operations end in `cigars`.
    pub cigar_ends: Vec<usize>,
}

impl CoreFields {
    /// Those of the regular records, and between them those of the escaped ones.
    pub(crate) fn merge(streams: &mut Decoded<'_>, forms: &[u8], regular: Records) -> Result<Self> {
        let mut escapes = Pieces::new(
            streams.take(key::ESCAPE_LENGTHS)?,
            streams.take(key::ESCAPES)?,
        );
        let regular = Self {
            flags: regular.flags,
            references: regular.references,
            positions: regular.positions,
            mapping_qualities: regular.mapq,
            mate_references: regular.mate_references,
            cigars: regular.cigar,
            cigar_ends: regular.cigar_ends,
        };
        if !forms.iter().any(|form| form & form::ESCAPE != 0) {
            return Ok(regular);
        }
        let (mut all, mut index) = (Self::default(), 0);
        for form in forms {
            if form & form::ESCAPE != 0 {
                all.push(escapes.next()?);
            } else if form & form::NOT_REGULAR == 0 {
                all.copy(&regular, index);
                index += 1;
            }
        }
        Ok(all)
    }

    /// Those of the records with these numbers.
    pub(crate) fn select(&self, records: &[usize]) -> Self {
        let mut all = Self::default();
        for &record in records {
            all.copy(self, record);
        }
        all
    }

    /// Adds those of record number `index` of others.
    fn copy(&mut self, others: &Self, index: usize) {
        self.flags.push(others.flags[index]);
        self.references.push(others.references[index]);
        self.positions.push(others.positions[index]);
        self.mapping_qualities.push(others.mapping_qualities[index]);
        self.mate_references.push(others.mate_references[index]);
        self.cigars.extend_from_slice(others.cigar_of(index));
        self.cigar_ends.push(self.cigars.len());
    }

    /// CIGAR operations of record number `index`.
    pub fn cigar_of(&self, index: usize) -> &[u32] {
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.cigar_ends[before]);
        &self.cigars[start..self.cigar_ends[index]]
    }

    /// CIGAR operations of record number `index`; none where they may stand for longer ones that are in a tag (SAM
    /// specification, section 4.2.2).
    pub(crate) fn whole_cigar_of(&self, index: usize) -> Option<&[u32]> {
        Some(self.cigar_of(index)).filter(|cigar| !may_be_long(cigar))
    }

    /// Adds a record as it stands in BAM; of one that lies about its lengths, what there is.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let Some(fixed) = Fixed::read(bytes) else {
            // Shorter than a record's fixed fields: as one without a place.
            self.flags.push(0);
            self.references.push(-1);
            self.positions.push(-1);
            self.mapping_qualities.push(0);
            self.mate_references.push(-1);
            self.cigar_ends.push(self.cigars.len());
            return;
        };
        self.flags.push(fixed.flags);
        self.references.push(fixed.reference);
        self.positions.push(fixed.position);
        self.mapping_qualities.push(fixed.mapq);
        self.mate_references.push(fixed.mate_reference);
        self.cigars.extend(record::cigar(&fixed, bytes));
        self.cigar_ends.push(self.cigars.len());
    }
}

/// Whether a CIGAR may stand for a longer one that is in a tag.
pub(crate) fn may_be_long(cigar: &[u32]) -> bool {
    matches!(*cigar, [first, second] if first & 15 == SOFT_CLIP && second & 15 == SKIP)
}
