//! What the chunks of an archive share besides themselves: the level, the reference table, the header's text, and the
//! models that a group's key chunk leaves.

use std::sync::Arc;

use crate::Result;
use crate::codec::records::models::Models;
use crate::codec::records::{Context, Level, ReferenceBases};
use crate::source::reference::Reference;

/// What coding a chunk needs to know of its archive.
#[derive(Clone, Default)]
pub struct Shared {
    /// Level to encode at.
    pub level: Level,
    /// Names of the reference sequences.
    pub references: Arc<Vec<Vec<u8>>>,
    /// Whether the first key chunk leaves the text of its BAM header out.
    pub header_apart: bool,
    /// Text of the BAM header, when it is kept apart from the chunks.
    pub header_text: Arc<Vec<u8>>,
    /// Bases of the reference sequences, if they were given.
    pub bases: Option<Arc<Reference>>,
}

impl Shared {
    /// The same, as the codecs take it.
    pub fn context(&self) -> Context<'_> {
        Context {
            references: &self.references,
            bases: self
                .bases
                .as_deref()
                .map(|bases| bases as &dyn ReferenceBases),
        }
    }
}

impl Shared {
    /// Refuses what was coded or decoded while a reference sequence could not be had.
    pub fn check(&self) -> Result<()> {
        self.bases.as_deref().map_or(Ok(()), Reference::check)
    }
}

/// What a key chunk leaves to the chunks of its group; none before one.
pub type Group = Option<Arc<Models>>;

/// Gives what the key chunk of a chunk's group left: asked only by a chunk that needs it.
pub type Leader<'a> = &'a dyn Fn() -> Result<Group>;
