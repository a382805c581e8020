//! Which records are of one template, and which tags each has, without mixing: links, then lines and read groups. They
//! code the same values as the thorough models (`records/links`, `records/lines`), from the same candidates.

mod lines;
mod links;
#[cfg(test)]
mod tests;

use super::super::{Context, Level, Records};
use crate::Result;
use crate::codec::mixing::Coder;

/// What is known of links and lines.
#[derive(Clone)]
pub(crate) struct Model {
    links: links::Links,
    lines: lines::Lines,
}

impl Model {
    /// The model for records like these; there is nothing to choose.
    pub(crate) fn fit(_: Level, _: &Context<'_>, _: &Records) -> Self {
        Self::blank()
    }

    /// A model that has seen nothing.
    pub(crate) fn blank() -> Self {
        Self {
            links: links::Links::new(),
            lines: lines::Lines::new(),
        }
    }

    /// Codes links, then lines.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        _: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        self.links.code(coder, records)?;
        self.lines.code(coder, records)
    }
}
