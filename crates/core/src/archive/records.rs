//! Records of an open archive: as BAM records, as SAM lines, as BAM blocks, or counted.

use std::ops::Range;
use std::sync::Arc;

use super::heading::Heading;
use super::query::{self, Pass, Query, Stretch};
use super::regions::Regions;
use super::view::Archive;
use super::workers::lock;
use crate::source::bam::CoreFields;
use crate::source::bgzf;
use crate::source::recipe::{Maker, Recipe};
use crate::source::{bam, blocks};
use crate::{Error, Result};

/// Whole BAM records of one chunk, each with its length field, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Their bytes.
    pub bytes: Vec<u8>,
    /// Where each ends in `bytes`.
    pub ends: Vec<usize>,
}

impl Archive {
    /// What stands before the first record, read when it is first asked for.
    pub(super) fn heading(&self) -> Result<Arc<Heading>> {
        let mut heading = lock(&self.heading);
        if let Some(heading) = &*heading {
            return Ok(heading.clone());
        }
        let read = Arc::new(Heading::read(&self.chunks)?);
        *heading = Some(read.clone());
        Ok(read)
    }

    /// Text of the source's BAM header. Where it names no reference sequences but the table beside it does, lines for
    /// them are added, as htslib does.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the source is no BAM file, and as [`Archive::read_at`].
    pub fn header_text(&self) -> Result<Vec<u8>> {
        Ok(self.heading()?.sam_text())
    }

    /// Names and lengths of the reference sequences, in order.
    ///
    /// # Errors
    /// As [`Archive::header_text`].
    pub fn references(&self) -> Result<Vec<(Vec<u8>, u32)>> {
        Ok(self.heading()?.pairs())
    }

    /// The regions that `texts` name; see [`Regions::parse`].
    ///
    /// # Errors
    /// As [`Regions::parse`] and [`Archive::header_text`].
    pub fn regions(&self, texts: &[String]) -> Result<Regions> {
        Regions::parse(texts, &self.heading()?.references)
    }

    /// The regions of intervals by name (0-based, half-open); names that are no references hold no record.
    ///
    /// # Errors
    /// As [`Archive::header_text`].
    pub fn intervals(&self, intervals: &[(String, i64, i64)]) -> Result<Regions> {
        Ok(Regions::of_intervals(
            intervals,
            &self.heading()?.references,
        ))
    }

    /// The records that `query` asks for, in the source's order, a batch for each chunk that has any. With `threads`
    /// above 1, so many decode ahead.
    ///
    /// # Errors
    /// As [`Archive::header_text`]; the iterator's: [`Error::Damaged`] too where the source itself is damaged.
    pub fn records(&self, query: &Query, threads: usize) -> Result<Pass<Batch>> {
        self.pass(query, threads, |stretch| Ok(Batch::of(stretch)))
    }

    /// The same records as lines of SAM text.
    ///
    /// # Errors
    /// As [`Archive::records`].
    pub fn sam(&self, query: &Query, threads: usize) -> Result<Pass<Vec<u8>>> {
        let name = self.chunks.opened.name.clone();
        self.pass(query, threads, as_sam(self.heading()?, name))
    }

    /// The same records as BGZF blocks of a BAM file: those of the header come first, and the end-of-file block last.
    /// `compressed`: deflated, else stored.
    ///
    /// # Errors
    /// As [`Archive::records`].
    pub fn bam(
        &self,
        query: &Query,
        threads: usize,
        compressed: bool,
    ) -> Result<impl Iterator<Item = Result<Vec<u8>>> + Send + use<>> {
        let records = self.pass(query, threads, as_blocks(compressed))?;
        Ok(as_file(&*self.heading()?, records, compressed))
    }

    /// Core fields of the records that `query` asks for, which must not be about read groups: for each chunk that has any.
    /// Reads and decodes no more than that takes.
    ///
    /// # Errors
    /// As [`Archive::records`]; [`Error::Invalid`] for a query about read groups.
    pub fn core_fields(&self, query: &Query, threads: usize) -> Result<Pass<CoreFields>> {
        self.core(query, threads, |fields, found| fields.select(&found))
    }

    /// A pass over core fields.
    pub(super) fn core<T: Send + 'static>(
        &self,
        query: &Query,
        threads: usize,
        make: impl Fn(&CoreFields, Vec<usize>) -> T + Send + Sync + 'static,
    ) -> Result<Pass<T>> {
        query.check_core_only()?;
        let threads = super::threads(threads);
        query::core_fields(&self.chunks, &*self.heading()?, query, threads, make)
    }

    /// A pass over core fields, or whole records where these do not tell enough.
    pub(super) fn core_or_records<T: Send + 'static>(
        &self,
        query: &Query,
        threads: usize,
        of_core: impl Fn(&CoreFields, Vec<usize>) -> Option<T> + Send + Sync + 'static,
        of_records: impl Fn(Stretch<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<Pass<T>> {
        query.check_core_only()?;
        let (heading, threads) = (self.heading()?, super::threads(threads));
        query::core_or_records(&self.chunks, &heading, query, threads, of_core, of_records)
    }

    /// How many records there are that `query` asks for. Reads and decodes no more than that takes.
    ///
    /// # Errors
    /// As [`Archive::records`].
    pub fn count(&self, query: &Query, threads: usize) -> Result<u64> {
        if query.needs_core_only() {
            return self
                .core(query, threads, |_, found| found.len() as u64)?
                .sum();
        }
        let count = |stretch: Stretch<'_>| Ok(stretch.records.len() as u64);
        self.pass(query, threads, count)?.sum()
    }

    fn pass<T: Send + 'static>(
        &self,
        query: &Query,
        threads: usize,
        make: impl Fn(Stretch<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<Pass<T>> {
        query::records(
            &self.chunks,
            &*self.heading()?,
            query,
            super::threads(threads),
            make,
        )
    }
}

/// Makes lines of SAM text of a stretch's records. `name`: what they come from, for errors.
pub fn as_sam(
    heading: Arc<Heading>,
    name: String,
) -> impl Fn(Stretch<'_>) -> Result<Vec<u8>> + Send + Sync + 'static {
    move |stretch| {
        let Stretch {
            content, records, ..
        } = stretch;
        let names: Vec<&[u8]> = heading
            .references
            .iter()
            .map(|reference| &reference.name[..])
            .collect();
        let mut text = Vec::with_capacity(records.iter().map(Range::len).sum::<usize>() * 2);
        for record in records {
            if !bam::write_sam(&content[record], &names, &mut text) {
                return Err(Error::Damaged(format!(
                    "{name}: holds a record that SAM cannot say: its parts do not fit into it"
                )));
            }
        }
        Ok(text)
    }
}

/// Makes BGZF blocks of a stretch's records.
pub fn as_blocks(
    compressed: bool,
) -> impl Fn(Stretch<'_>) -> Result<Vec<u8>> + Send + Sync + 'static {
    move |stretch| Ok(in_blocks(&Batch::of(stretch).bytes, compressed))
}

/// A BAM file of blocks with records: those of the header before them, and behind them the end-of-file block.
pub fn as_file<R: Iterator<Item = Result<Vec<u8>>> + Send>(
    heading: &Heading,
    records: R,
    compressed: bool,
) -> impl Iterator<Item = Result<Vec<u8>>> + Send + use<R> {
    let header = in_blocks(&heading.bytes(), compressed);
    let end = blocks::END_OF_FILE.to_vec();
    std::iter::once(Ok(header))
        .chain(records)
        .chain(std::iter::once(Ok(end)))
}

impl Batch {
    /// A stretch's records.
    pub(super) fn of(stretch: Stretch<'_>) -> Self {
        let Stretch {
            content, records, ..
        } = stretch;
        let mut batch = Self {
            bytes: Vec::with_capacity(records.iter().map(Range::len).sum()),
            ends: Vec::with_capacity(records.len()),
        };
        for record in records {
            batch.bytes.extend_from_slice(&content[record]);
            batch.ends.push(batch.bytes.len());
        }
        batch
    }
}

/// Content in BGZF blocks.
pub fn in_blocks(content: &[u8], compressed: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut maker, mut deflate) = (Maker::default(), Vec::new());
    for block in content.chunks(blocks::CONTENT) {
        let deflated = compressed
            && maker.make(
                &Recipe::Encoder(blocks::DEFLATE),
                block,
                block.len(),
                &mut deflate,
            );
        if !deflated || !bgzf::write(&mut out, &bgzf::STANDARD_HEAD, &deflate, block) {
            blocks::put_stored(&mut out, block);
        }
    }
    out
}
