//! All models of a group of chunks, and the parts in which a chunk's records are coded.

use super::{Context, Level, Records, alignment, bases, lines, links, names, qualities, tags};
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

    /// The number of the codec that codes it.
    pub(crate) fn codec(self) -> u8 {
        number::ALIGNMENT + self as u8
    }
}

/// What the models know after some chunks. A model that is missing has coded nothing yet.
#[derive(Clone, Default)]
pub(crate) struct Models {
    alignment: Option<alignment::Model>,
    templates: Option<(links::Model, lines::Model)>,
    names: Option<names::Model>,
    bases: Option<bases::Model>,
    qualities: Option<qualities::Model>,
    tags: Option<tags::Model>,
}

/// A part as it stands in an archive.
pub(crate) struct Coded {
    /// Stored bytes.
    pub(crate) stored: Vec<u8>,
    /// What each stream costs: keys, and 1/16 bits.
    pub(crate) costs: Vec<(u32, u64)>,
}

/// Runs `$model` (a clone of what `$from` knows, or a new one) over `$coder`.
macro_rules! run {
    ($from:expr, $new:expr, $coder:expr, $context:expr, $records:expr) => {{
        let mut model = $from.clone().unwrap_or_else(|| $new);
        model.code($coder, $context, $records)?;
        Some(model)
    }};
}

impl Models {
    /// Codes a part of `records`, starting from what these models know, which does not change.
    pub(crate) fn encode(
        &self,
        part: Part,
        level: Level,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<Coded> {
        let mut encoder = Encoder::new();
        self.code(part, Some(level), &mut encoder, context, records)?;
        Ok(Coded {
            costs: encoder.costs(),
            stored: encoder.finish(),
        })
    }

    /// Decodes a part of `records`, starting from what these models know; gives what is known afterwards.
    pub(crate) fn decode(
        &self,
        part: Part,
        stored: &[u8],
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<Self> {
        let mut decoder = Decoder::new(stored);
        let after = self.code(part, None, &mut decoder, context, records)?;
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

    /// Codes a part; new models are fitted to the records at a level, or blank. Gives the part's model alone.
    fn code<C: Coder>(
        &self,
        part: Part,
        level: Option<Level>,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<Self> {
        macro_rules! new {
            ($module:ident) => {
                level.map_or_else($module::Model::blank, |level| {
                    $module::Model::fit(level, context, records)
                })
            };
        }
        let mut after = Self::default();
        match part {
            Part::Alignment => {
                after.alignment = run!(self.alignment, new!(alignment), coder, context, records);
            }
            Part::Templates => {
                let (mut links, mut lines) = self
                    .templates
                    .clone()
                    .unwrap_or_else(|| (new!(links), new!(lines)));
                links.code(coder, context, records)?;
                lines.code(coder, context, records)?;
                after.templates = Some((links, lines));
            }
            Part::Names => after.names = run!(self.names, new!(names), coder, context, records),
            Part::Bases => after.bases = run!(self.bases, new!(bases), coder, context, records),
            Part::Qualities => {
                after.qualities = run!(self.qualities, new!(qualities), coder, context, records);
            }
            Part::Tags => after.tags = run!(self.tags, new!(tags), coder, context, records),
        }
        Ok(after)
    }
}
