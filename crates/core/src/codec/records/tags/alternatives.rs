//! Alternative alignments.

use super::super::{Context, Records};
use super::strings;
use crate::Result;
use crate::codec::mixing::Coder;

#[derive(Clone)]
pub(super) struct Model {
    strings: strings::Model,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            strings: strings::Model::with_bits(9),
        }
    }

    pub(super) fn code_column<C: Coder>(
        &mut self,
        coder: &mut C,
        context: &Context<'_>,
        records: &mut Records,
        column: usize,
    ) -> Result<()> {
        self.strings.code_column(coder, context, records, column)
    }
}
