//! Which records are of one template, and which tags each has: the models of the part *templates*.

use super::{Context, Level, Records, lines, links};
use crate::Result;
use crate::codec::mixing::Coder;

/// What is known of links and lines.
#[derive(Clone)]
pub(crate) struct Model {
    links: links::Model,
    lines: lines::Model,
}

impl Model {
    /// The model for records like these.
    pub(crate) fn fit(level: Level, context: &Context<'_>, records: &Records) -> Self {
        Self {
            links: links::Model::fit(level, context, records),
            lines: lines::Model::fit(level, context, records),
        }
    }

    /// A decoder's model.
    pub(crate) fn blank() -> Self {
        Self {
            links: links::Model::blank(),
            lines: lines::Model::blank(),
        }
    }

    /// Codes links, then lines.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        self.links.code(coder, context, records)?;
        self.lines.code(coder, context, records)
    }
}
