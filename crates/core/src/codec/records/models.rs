//! All models of a group of chunks, and the parts in which a chunk's records are coded.

use super::{Context, Level, Records, alignment, bases, names, qualities, quick, tags, templates};
use crate::Result;
use crate::codec::mixing::{Coder, Decoder, Encoder};
use crate::codec::number;
use crate::codec::wire::damaged;

/// What one coder run codes. Each needs the parts before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Flags, places, CIGARs, mapping qualities and mates.
    Alignment,
    /// Which records belong to one template, which tags each has, and its read group.
    Templates,
    /// Names.
    Names,
    /// Bases.
    Bases,
    /// Qualities, and the original qualities of recalibrated records.
    Qualities,
    /// Values of the tags.
    Tags,
}

impl Part {
    /// All parts, in order.
    pub(crate) const ALL: [Self; 6] = [
        Self::Alignment,
        Self::Templates,
        Self::Names,
        Self::Bases,
        Self::Qualities,
        Self::Tags,
    ];

    /// The number of the codec that codes it with models of a family.
    pub(crate) fn codec(self, family: Family) -> u8 {
        let first = match family {
            Family::Thorough => number::ALIGNMENT,
            Family::Quick => number::QUICK_ALIGNMENT,
        };
        first + self as u8
    }
}

/// Two kinds of models for every part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Mix many contexts: the smallest archives.
    Thorough,
    /// Do what pays for its time.
    Quick,
}

impl Family {
    /// All families.
    const ALL: [Self; 2] = [Self::Thorough, Self::Quick];

    /// The family that codes a part of new groups at a level.
    pub(crate) fn at(level: Level, part: Part) -> Self {
        match (level, part) {
            (Level::Default | Level::Max, Part::Names) => Self::Thorough,
            // Where thoroughness pays: some percent of alignments, up to half of tags.
            (Level::Max, Part::Alignment | Part::Tags) => Self::Thorough,
            (Level::Default | Level::Max, _) => Self::Quick,
            // Its chunks are streams; parts stand in archives of version 2.
            (Level::Fast, _) => Self::Thorough,
        }
    }

    /// The family of a part's codec.
    pub(crate) fn of_codec(part: Part, codec: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .filter(|&family| (part, family) != (Part::Names, Self::Quick))
            .find(|&family| part.codec(family) == codec)
    }
}

/// A part's model, of either family.
#[derive(Clone)]
enum Known<T, Q> {
    Thorough(T),
    Quick(Q),
}

impl<T, Q> Known<T, Q> {
    fn family(&self) -> Family {
        match self {
            Self::Thorough(_) => Family::Thorough,
            Self::Quick(_) => Family::Quick,
        }
    }
}

/// What the models know after some chunks. A model that is missing has coded nothing yet.
#[derive(Clone, Default)]
pub(crate) struct Models {
    alignment: Option<Known<alignment::Model, quick::alignment::Model>>,
    templates: Option<Known<templates::Model, quick::templates::Model>>,
    names: Option<Known<names::Model, quick::names::Model>>,
    bases: Option<Known<bases::Model, quick::bases::Model>>,
    qualities: Option<Known<qualities::Model, quick::qualities::Model>>,
    tags: Option<Known<tags::Model, quick::tags::Model>>,
}

/// A part as it stands in an archive.
pub(crate) struct Coded {
    /// Number of the codec.
    pub(crate) codec: u8,
    /// Stored bytes.
    pub(crate) stored: Vec<u8>,
    /// What each stream costs: keys, and 1/16 bits.
    pub(crate) costs: Vec<(u32, u64)>,
}

impl Models {
    /// Codes a part of `records`, starting from what these models know, which does not change; where they know nothing,
    /// with new ones for the level.
    pub(crate) fn encode(
        &self,
        part: Part,
        level: Level,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<Coded> {
        let family = self.family(part).unwrap_or(Family::at(level, part));
        let mut encoder = Encoder::new();
        self.code(part, family, Some(level), &mut encoder, context, records)?;
        Ok(Coded {
            codec: part.codec(family),
            costs: encoder.costs(),
            stored: encoder.finish(),
        })
    }

    /// Decodes a part of `records` that models of a family coded, starting from what these models know; gives what is
    /// known afterwards.
    pub(crate) fn decode(
        &self,
        part: Part,
        family: Family,
        stored: &[u8],
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<Self> {
        if self.family(part).is_some_and(|known| known != family) {
            return Err(damaged("coded by another codec than in the key chunk"));
        }
        let mut decoder = Decoder::new(stored);
        let after = self.code(part, family, None, &mut decoder, context, records)?;
        decoder.finish()?;
        if part == Part::Alignment && !records.is_aligned() {
            return Err(damaged("records lack fields"));
        }
        Ok(after)
    }

    /// Takes over what another knows of a part.
    pub(crate) fn take(&mut self, part: Part, other: Self) {
        match part {
            Part::Alignment => self.alignment = other.alignment,
            Part::Templates => self.templates = other.templates,
            Part::Names => self.names = other.names,
            Part::Bases => self.bases = other.bases,
            Part::Qualities => self.qualities = other.qualities,
            Part::Tags => self.tags = other.tags,
        }
    }

    /// The family of the model that knows a part.
    fn family(&self, part: Part) -> Option<Family> {
        match part {
            Part::Alignment => self.alignment.as_ref().map(Known::family),
            Part::Templates => self.templates.as_ref().map(Known::family),
            Part::Names => self.names.as_ref().map(Known::family),
            Part::Bases => self.bases.as_ref().map(Known::family),
            Part::Qualities => self.qualities.as_ref().map(Known::family),
            Part::Tags => self.tags.as_ref().map(Known::family),
        }
    }

    /// Codes a part; new models are fitted to the records at a level, or blank. Gives the part's model alone.
    fn code<C: Coder>(
        &self,
        part: Part,
        family: Family,
        level: Option<Level>,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<Self> {
        macro_rules! new {
            ($($module:ident)::+) => {
                level.map_or_else($($module)::+::Model::blank, |level| {
                    $($module)::+::Model::fit(level, context, records)
                })
            };
        }
        macro_rules! run {
            ($module:ident) => {{
                let mut model = match (&self.$module, family) {
                    (Some(known), _) => known.clone(),
                    (None, Family::Thorough) => Known::Thorough(new!($module)),
                    (None, Family::Quick) => Known::Quick(new!(quick::$module)),
                };
                match &mut model {
                    Known::Thorough(model) => model.code(coder, context, records)?,
                    Known::Quick(model) => model.code(coder, context, records)?,
                }
                Some(model)
            }};
        }
        let mut after = Self::default();
        match part {
            Part::Alignment => after.alignment = run!(alignment),
            Part::Templates => after.templates = run!(templates),
            Part::Names => after.names = run!(names),
            Part::Bases => after.bases = run!(bases),
            Part::Qualities => after.qualities = run!(qualities),
            Part::Tags => after.tags = run!(tags),
        }
        Ok(after)
    }
}
