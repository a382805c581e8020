//! The records of a chunk, field by field: what the record codecs code, each given what stands before it.
//!
//! The codecs run in this order, and each may look at every record's values of those before it: `alignment` (flags,
//! positions, CIGAR, mapping qualities, mates) → `links` (records of the same template) → `lines` (which tags a record
//! has, and its read group) → `names` → `bases` → `qualities` → `tags`. Only what stands before is needed to decode.

pub(crate) mod alignment;
pub(crate) mod bases;
pub(crate) mod digest;
pub(crate) mod lines;
pub(crate) mod links;
pub(crate) mod models;
pub(crate) mod names;
pub(crate) mod qualities;
pub(crate) mod quick;
pub(crate) mod states;
pub(crate) mod tags;
pub(crate) mod templates;

use crate::Result;
use crate::codec::wire::damaged;

/// How much work the models may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Few contexts.
    Fast,
    /// What pays for its time.
    #[default]
    Default,
    /// Everything that makes archives smaller.
    Max,
}

impl Level {
    /// All levels, in the order of their numbers in archives, which start at 1.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Default, Self::Max];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Default => "default",
            Self::Max => "max",
        }
    }

    /// The level of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// Its number in archives.
    pub(crate) fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The level of this number.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.number() == number)
    }
}

/// What all chunks of an archive share and the codecs may use.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// Names of the reference sequences; may be fewer than records refer to.
    pub(crate) references: &'a [Vec<u8>],
    /// Bases of the reference sequences, if the archive is made with them.
    pub(crate) bases: Option<&'a dyn ReferenceBases>,
}

/// Bases of reference sequences.
pub(crate) trait ReferenceBases: Sync {
    /// The base (BAM's code: 1 A, 2 C, 4 G, 8 T) at a 0-based position; none outside or where it is none of these.
    fn base(&self, reference: i32, position: i64) -> Option<u8>;
}

/// The records. When decoding, fields that are not decoded yet are zero, and what is joined is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    /// How many there are; fields with a value per record are that long.
    pub(crate) count: usize,
    /// Most bytes that names, bases, CIGARs and tags may each come to: a decoder must refuse more.
    pub(crate) limit: usize,
    /// Flags.
    pub(crate) flags: Vec<u16>,
    /// Reference numbers; -1 is none.
    pub(crate) references: Vec<i32>,
    /// Positions, 0-based; -1 is none.
    pub(crate) positions: Vec<i32>,
    /// Mapping qualities.
    pub(crate) mapq: Vec<u8>,
    /// Bases per record.
    pub(crate) lengths: Vec<u32>,
    /// CIGAR operations of all records in BAM's encoding: length in the 28 high bits, operation in the 4 low.
    pub(crate) cigar: Vec<u32>,
    /// Where each record's operations end in `cigar`.
    pub(crate) cigar_ends: Vec<usize>,
    /// Reference numbers of the mates.
    pub(crate) mate_references: Vec<i32>,
    /// Positions of the mates.
    pub(crate) mate_positions: Vec<i32>,
    /// Template lengths.
    pub(crate) template_lengths: Vec<i32>,
    /// How many records before it the last one with the same name stands; 0 if there is none in the chunk. `alignment`
    /// decodes some (the mates it finds by position), `links` the others.
    pub(crate) links: Vec<u32>,
    /// Whether `alignment` coded the record's link. Set by it in both directions.
    pub(crate) found_mates: Vec<bool>,
    /// Number of the record's line of tags in `line_tags`.
    pub(crate) lines: Vec<u32>,
    /// Tags (two characters and a type number as in `spec/format.md`) of each line, in the order of first use.
    pub(crate) line_tags: Vec<Vec<([u8; 2], u8)>>,
    /// Read groups: 0 for a record without RG:Z, else a number for its value. Set by `lines` in both directions, so that
    /// equal values have equal numbers in all chunks of a group.
    pub(crate) read_groups: Vec<u32>,
    /// Names, joined, without NULs.
    pub(crate) names: Vec<u8>,
    /// Where each record's name ends in `names`.
    pub(crate) name_ends: Vec<usize>,
    /// Bases of all records, joined: BAM's 4-bit codes, one a byte.
    pub(crate) bases: Vec<u8>,
    /// How each base lies, joined as the bases are: 0 agrees with the bases seen before at its position, 1 differs from
    /// them, 2 inserted, 3 clipped, 4 nothing to compare with. Set by `bases` in both directions (see `states`).
    pub(crate) base_states: Vec<u8>,
    /// Qualities of all records, joined as the bases are; all 0xff where a record has none.
    pub(crate) qualities: Vec<u8>,
    /// Where each record's bases (and qualities) end; decoded by `alignment`.
    pub(crate) base_ends: Vec<usize>,
    /// Values of the tags, a column per tag and type, in the order of first use.
    pub(crate) columns: Vec<Column>,
}

/// The values of one tag of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Column {
    /// The tag's two characters.
    pub(crate) tag: [u8; 2],
    /// Its type's number: 0 A, 1 c, 2 C, 3 s, 4 S, 5 i, 6 I, 7 f, 8 Z, 9 H, 10 B:c, 11 B:C, 12 B:s, 13 B:S, 14 B:i,
    /// 15 B:I, 16 B:f.
    pub(crate) kind: u8,
    /// The record of each value, ascending; a record with the tag twice stands twice.
    pub(crate) records: Vec<u32>,
    /// The values, joined: numbers and elements little-endian as in BAM, strings without their NUL.
    pub(crate) values: Vec<u8>,
    /// Where each value ends in `values`.
    pub(crate) ends: Vec<usize>,
    /// Whether its values are coded already. Set by who codes them, in both directions: `tags` leaves them alone.
    pub(crate) complete: bool,
}

/// Most columns of a chunk; models keep state for each and look others up by going through them.
pub(crate) const MOST_COLUMNS: usize = 1024;

/// First key of tags' streams.
pub(crate) const FIRST_TAG: u32 = 64;

/// Room for types in the key of a tag's stream.
pub(crate) const TYPES: u32 = 32;

/// The key of the stream of a tag's values of a type, as in `spec/format.md`.
pub(crate) fn tag_key(tag: [u8; 2], kind: u8) -> u32 {
    FIRST_TAG + (u32::from(u16::from_be_bytes(tag)) * TYPES + u32::from(kind)) * 2
}

impl Column {
    /// The key of its values' stream.
    pub(crate) fn key(&self) -> u32 {
        tag_key(self.tag, self.kind)
    }

    /// The value numbered `at`.
    pub(crate) fn value(&self, at: usize) -> &[u8] {
        &self.values[part(&self.ends, at)]
    }

    /// The value of record `record`, if it has one; of several, the first.
    pub(crate) fn of(&self, record: usize) -> Option<&[u8]> {
        let at = self
            .records
            .partition_point(|&other| (other as usize) < record);
        let has = self
            .records
            .get(at)
            .is_some_and(|&other| other as usize == record);
        (has && at < self.ends.len()).then(|| self.value(at))
    }

    /// The integer numbered `at`; 0 for other types.
    pub(crate) fn integer(&self, at: usize) -> i64 {
        match (self.kind, self.value(at)) {
            (0 | 2, &[a]) => a.into(),
            (1, &[a]) => (a as i8).into(),
            (3, &[a, b]) => i16::from_le_bytes([a, b]).into(),
            (4, &[a, b]) => u16::from_le_bytes([a, b]).into(),
            (5, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]).into(),
            (6, &[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]).into(),
            _ => 0,
        }
    }
}

/// The range of part `at` of something joined, given where its parts end.
pub(crate) fn part(ends: &[usize], at: usize) -> std::ops::Range<usize> {
    let start = at.checked_sub(1).map_or(0, |before| ends[before]);
    start..ends[at]
}

impl Records {
    /// `count` records to be decoded, of at most `limit` bytes.
    pub(crate) fn to_decode(count: usize, limit: usize) -> Self {
        Self {
            count,
            limit,
            flags: vec![0; count],
            references: vec![0; count],
            positions: vec![0; count],
            mapq: vec![0; count],
            lengths: vec![0; count],
            mate_references: vec![0; count],
            mate_positions: vec![0; count],
            template_lengths: vec![0; count],
            links: vec![0; count],
            lines: vec![0; count],
            read_groups: vec![0; count],
            ..Self::default()
        }
    }

    /// CIGAR operations of a record.
    pub(crate) fn cigar_of(&self, record: usize) -> &[u32] {
        &self.cigar[part(&self.cigar_ends, record)]
    }

    /// Name of a record.
    pub(crate) fn name_of(&self, record: usize) -> &[u8] {
        &self.names[part(&self.name_ends, record)]
    }

    /// Bases of a record.
    pub(crate) fn bases_of(&self, record: usize) -> &[u8] {
        &self.bases[part(&self.base_ends, record)]
    }

    /// Qualities of a record.
    pub(crate) fn qualities_of(&self, record: usize) -> &[u8] {
        &self.qualities[part(&self.base_ends, record)]
    }

    /// The last record before `record` with the same name, if it is known.
    pub(crate) fn linked(&self, record: usize) -> Option<usize> {
        match self.links[record] {
            0 => None,
            link => record.checked_sub(link as usize),
        }
    }

    /// The column of a tag and type.
    pub(crate) fn column(&self, tag: [u8; 2], kind: u8) -> Option<&Column> {
        let is = |column: &&Column| column.tag == tag && column.kind == kind;
        self.columns.iter().find(is)
    }

    /// Whether every record has the fields of an alignment, and as many bases as its length says.
    pub(crate) fn is_aligned(&self) -> bool {
        let ends = |ends: &[usize], length: Option<usize>| {
            ends.len() == self.count
                && ends.is_sorted()
                && length.is_none_or(|length| ends.last().copied().unwrap_or(0) == length)
        };
        ends(&self.cigar_ends, Some(self.cigar.len())) && ends(&self.base_ends, None)
    }

    /// The error when decoded parts come to more than the limit.
    pub(crate) fn check_limit(&self, bytes: usize) -> Result<()> {
        if bytes <= self.limit {
            Ok(())
        } else {
            Err(damaged("records are longer than the chunk"))
        }
    }
}

/// Reference bases that a CIGAR operation takes.
pub(crate) fn on_reference(operation: u32) -> u32 {
    // M, D, N, = and X.
    if 0b1_1000_1101 >> (operation & 15) & 1 == 1 {
        operation >> 4
    } else {
        0
    }
}

/// Read bases that a CIGAR operation takes.
pub(crate) fn on_read(operation: u32) -> u32 {
    // M, I, S, = and X.
    if 0b1_1001_0011 >> (operation & 15) & 1 == 1 {
        operation >> 4
    } else {
        0
    }
}

#[cfg(test)]
mod chunks;
#[cfg(test)]
pub(crate) mod laboratory;
