//! Columns of a table of records: how they are named, and what kind of value each holds.
//!
//! A table's columns must be known before its first record is read, but BAM gives each tag of each record a type of its own. So a
//! tag's column has the kind that the SAM specification gives the tag; that of another tag follows from the first
//! records, or is said with its name.

use std::collections::HashMap;

use super::decode::Wanted;
use super::query::{Query, records};
use super::view::Archive;
use crate::source::bam::record::Fixed;
use crate::source::bam::{Tag, next_tag};
use crate::{Error, Result};

/// A column of a table of records. Positions are 0-based.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Column {
    /// Reference sequence.
    Reference,
    /// Where the record starts on it.
    Position,
    /// Where it ends, exclusive: as regions see it, where a record of which nothing lies on the reference takes one position.
    End,
    MappingQuality,
    Flag,
    MateReference,
    MatePosition,
    TemplateLength,
    Name,
    /// As SAM writes it.
    Cigar,
    Sequence,
    Qualities,
    /// Name of the read group, from the tag RG.
    ReadGroup,
    /// A tag's value.
    Tag([u8; 2], Kind),
}

/// What kind of value a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    U8,
    U16,
    I32,
    I64,
    F64,
    Text,
    /// A reference sequence by its number.
    Reference,
    U8List,
    I64List,
    F64List,
}

/// Names of the columns that are no tags.
const NAMES: [(&str, Column); 13] = [
    ("reference", Column::Reference),
    ("position", Column::Position),
    ("end", Column::End),
    ("mapping_quality", Column::MappingQuality),
    ("flag", Column::Flag),
    ("mate_reference", Column::MateReference),
    ("mate_position", Column::MatePosition),
    ("template_length", Column::TemplateLength),
    ("name", Column::Name),
    ("cigar", Column::Cigar),
    ("sequence", Column::Sequence),
    ("qualities", Column::Qualities),
    ("read_group", Column::ReadGroup),
];

/// Tags of each kind in the specification of SAM's optional fields.
const TAGS: [(Kind, &str); 3] = [
    (
        Kind::I64,
        "AM AS CM CP FI H0 H1 H2 HI IH MN MQ NH NM OP PQ SM TC UQ",
    ),
    (
        Kind::Text,
        "BC BQ BZ CB CC CO CQ CR CS CT CY E2 FS LB MC MD MI MM OA OC OQ OX PG PT PU Q2 QT QX R2 RG RX SA TS U2",
    ),
    (Kind::I64List, "CG FZ ML"),
];

/// Chunks with records that are searched for tags of which nothing else tells the kind.
const SEARCHED: usize = 4;

impl Column {
    /// Names of all columns that are no tags.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|&(name, _)| name)
    }

    /// What kind of value it holds.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Reference | Self::MateReference => Kind::Reference,
            Self::Position | Self::MatePosition | Self::TemplateLength => Kind::I32,
            Self::End => Kind::I64,
            Self::MappingQuality => Kind::U8,
            Self::Flag => Kind::U16,
            Self::Name | Self::Cigar | Self::Sequence | Self::ReadGroup => Kind::Text,
            Self::Qualities => Kind::U8List,
            Self::Tag(_, kind) => *kind,
        }
    }

    /// Whether core fields tell it.
    pub(super) fn is_core(&self) -> bool {
        matches!(
            self,
            Self::Reference
                | Self::Position
                | Self::End
                | Self::MappingQuality
                | Self::Flag
                | Self::MateReference
                | Self::Cigar
        )
    }

    /// What must be decoded for it beside what is wanted already; none where that is all of the records, as for tags.
    pub(super) fn wanted(wanted: Wanted, column: &Self) -> Option<Wanted> {
        let mut wanted = wanted;
        match column {
            Self::Name => wanted.names = true,
            Self::Sequence => wanted.bases = true,
            Self::Qualities => wanted.qualities = true,
            Self::ReadGroup | Self::Tag(..) => return None,
            _ => {}
        }
        Some(wanted)
    }
}

impl Kind {
    /// That of a tag's value.
    fn of(tag: &Tag<'_>) -> Self {
        match tag.kind {
            b'A' | b'Z' | b'H' => Self::Text,
            b'f' | b'd' => Self::F64,
            b'B' if matches!(tag.value[0], b'f' | b'd') => Self::F64List,
            b'B' => Self::I64List,
            _ => Self::I64,
        }
    }

    /// A kind that holds the values of both.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::I64 | Self::F64, Self::I64 | Self::F64) => Self::F64,
            (Self::I64List | Self::F64List, Self::I64List | Self::F64List) => Self::F64List,
            _ => Self::Text,
        }
    }

    /// That which a tag's name is followed by.
    fn of_suffix(text: &str) -> Option<Self> {
        Some(match text {
            "i" => Self::I64,
            "f" => Self::F64,
            "Z" | "A" | "H" => Self::Text,
            "Bi" => Self::I64List,
            "Bf" => Self::F64List,
            _ => return None,
        })
    }
}

impl Archive {
    /// The columns of these names, each with the name that it has in a table. A tag's is its two letters, or these with a
    /// kind: `NM:i` (whole numbers), `:f`, `:Z` (text), `:Bi`, `:Bf` (arrays of numbers). Where nothing else tells a tag's kind,
    /// the first records that `query` asks for are read.
    ///
    /// # Errors
    /// [`Error::Invalid`] for other names, for one that stands there twice, and for tags whose kind nothing tells; and as
    /// [`Archive::records`].
    pub fn columns(&self, names: &[String], query: &Query) -> Result<Vec<(String, Column)>> {
        let mut columns = Vec::with_capacity(names.len());
        let mut unknown = Vec::new();
        for name in names {
            let plain = NAMES.iter().find(|(known, _)| known == name);
            let (short, column) = match plain {
                Some(&(_, column)) => (name.as_str(), column),
                None => {
                    let (short, tag, kind) = tag(name)?;
                    if kind.is_none() {
                        unknown.push(tag);
                    }
                    (short, Column::Tag(tag, kind.unwrap_or(Kind::Text)))
                }
            };
            if columns.iter().any(|(other, _)| other == short) {
                return Err(Error::Invalid(format!(
                    "column {short:?} is asked for twice"
                )));
            }
            columns.push((short.to_owned(), column));
        }
        if unknown.is_empty() {
            return Ok(columns);
        }
        let kinds = self.kinds_of(&unknown, query)?;
        for (name, column) in &mut columns {
            if let Column::Tag(tag, kind) = column
                && unknown.contains(tag)
            {
                *kind = *kinds.get(tag).ok_or_else(|| {
                    Error::Invalid(format!(
                        "{}: the first records have no tag {name}, so the type of its column is not known; say it: \
                         {name}:i for whole numbers, {name}:f, {name}:Z for text, {name}:Bi or {name}:Bf for arrays",
                        self.chunks.opened.name
                    ))
                })?;
            }
        }
        Ok(columns)
    }

    /// Kinds of these tags by the first records that have them.
    fn kinds_of(&self, wanted: &[[u8; 2]], query: &Query) -> Result<HashMap<[u8; 2], Kind>> {
        let tags = wanted.to_vec();
        let pass = records(&self.chunks, &*self.heading()?, query, 1, move |stretch| {
            let mut kinds = HashMap::<[u8; 2], Kind>::new();
            for record in stretch.records {
                let bytes = &stretch.content[record];
                let at = Fixed::read(bytes).and_then(|fixed| fixed.tags_at());
                let mut rest = at.and_then(|at| bytes.get(at..)).unwrap_or_default();
                while let Some(tag) = next_tag(&mut rest) {
                    if tags.contains(&tag.name) {
                        let kind = Kind::of(&tag);
                        let known = kinds.entry(tag.name).or_insert(kind);
                        *known = known.with(kind);
                    }
                }
            }
            Ok(kinds)
        })?;
        let mut all = HashMap::<[u8; 2], Kind>::new();
        for kinds in pass.take(SEARCHED) {
            for (tag, kind) in kinds? {
                let known = all.entry(tag).or_insert(kind);
                *known = known.with(kind);
            }
            if all.len() == wanted.len() {
                break;
            }
        }
        Ok(all)
    }
}

/// The tag that a column's name names, and its kind, if the name or the specification tells it.
fn tag(name: &str) -> Result<(&str, [u8; 2], Option<Kind>)> {
    let (short, suffix) = match name.split_once(':') {
        Some((short, suffix)) => (short, Some(suffix)),
        None => (name, None),
    };
    let invalid = || {
        let names: Vec<&str> = Column::names().collect();
        Error::Invalid(format!(
            "there is no column {name:?}: columns are {}, and tags by their two letters, such as NM, or with a type: NM:i, \
             :f, :Z, :Bi or :Bf",
            names.join(", ")
        ))
    };
    let &[first, second] = short.as_bytes() else {
        return Err(invalid());
    };
    if !first.is_ascii_alphabetic() || !second.is_ascii_alphanumeric() {
        return Err(invalid());
    }
    let kind = match suffix {
        Some(suffix) => Some(Kind::of_suffix(suffix).ok_or_else(invalid)?),
        None => TAGS
            .iter()
            .find(|(_, tags)| tags.split(' ').any(|tag| tag == short))
            .map(|&(kind, _)| kind),
    };
    Ok((short, [first, second], kind))
}
