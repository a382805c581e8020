//! Records of a BAM file that is in no archive, read in place: of regions, the parts that its index names.

mod blocks;
mod find;
mod pass;
mod relay;
mod spans;

use std::sync::Arc;

pub use pass::RecordPass;

use self::blocks::Blocks;
use self::spans::Run;
use super::heading::Heading;
use super::index::Index;
use super::query::{Query, Stretch};
use super::records::{Batch, as_blocks, as_file, as_sam};
use super::regions::Regions;
use super::source_reader::{Kind, SourceReader};
use super::workers::lock;
use crate::source::bam::CoreFields;
use crate::store::{Location, Object, Reading};
use crate::{Error, Result};

/// Bytes of the file that are read first for its header.
pub const HEADER: u64 = 64 << 10;

/// Most bytes that are read for it at a time.
const MOST: u64 = 1 << 20;

/// Longest header, in content bytes.
const MAX_HEADER: usize = 256 << 20;

/// What of a BAM file is kept.
#[derive(Default)]
pub struct Known {
    start: Option<Arc<Start>>,
    /// None until it is looked for, and none inside where there is none.
    index: Option<Option<Arc<Index>>>,
}

/// What a BAM file starts with.
struct Start {
    heading: Arc<Heading>,
    /// Virtual offset of the first record.
    first: u64,
}

impl Start {
    fn read(object: &Arc<Object>) -> Result<Self> {
        let blocks = Blocks {
            object: object.clone(),
            by_index: false,
        };
        let no_bam = || {
            let name = blocks.name();
            Error::Invalid(format!(
                "{name}: is no BAM file, so there are no records to read"
            ))
        };
        let (mut content, mut places, mut at, mut size) = (Vec::new(), Vec::new(), 0, HEADER);
        while at < object.length() {
            let span = blocks.span(at, at + size, Reading::Exact)?;
            let before = content.len();
            places.extend(span.blocks.iter().map(|block| {
                let start = before + block.content;
                (start, span.block_of(block.content))
            }));
            blocks.inflate(&span, &mut content)?;
            (at, size) = (span.end(), (2 * size).min(MOST));
            if let Some(heading) = Heading::of(&content) {
                let length = heading.length as usize;
                let last = places.partition_point(|&(start, _)| start <= length);
                let first = match last.checked_sub(1).map(|last| places[last]) {
                    Some((start, block)) if length < content.len() => {
                        block << 16 | (length - start) as u64
                    }
                    _ => at << 16,
                };
                return Ok(Self {
                    heading: Arc::new(heading),
                    first,
                });
            }
            let known = content.len().min(4);
            if content[..known] != b"BAM\x01"[..known] {
                return Err(no_bam());
            }
            if content.len() > MAX_HEADER {
                break;
            }
        }
        if content.is_empty() {
            return Err(no_bam());
        }
        Err(Error::Damaged(format!(
            "{}: its BAM header is damaged or cut short",
            blocks.name()
        )))
    }
}

impl SourceReader {
    fn start(&self) -> Result<Arc<Start>> {
        let name = self.object.name();
        match self.kind {
            Kind::Blocks => {}
            Kind::Cram => {
                return Err(Error::Invalid(format!(
                    "{name}: records of CRAM files are not read here: `samtools view` reads them, `readvault cat` gives the \
                     file's bytes"
                )));
            }
            Kind::Other => {
                return Err(Error::Invalid(format!(
                    "{name}: is no BAM file, so there are no records to read"
                )));
            }
        }
        let mut known = lock(&self.known);
        if let Some(start) = &known.start {
            return Ok(start.clone());
        }
        let start = Arc::new(Start::read(&self.object)?);
        known.start = Some(start.clone());
        Ok(start)
    }

    /// The index that was given, or else the one beside the file, if there is one.
    fn index(&self) -> Result<Option<Arc<Index>>> {
        let start = self.start()?;
        let mut known = lock(&self.known);
        if let Some(index) = &known.index {
            return Ok(index.clone());
        }
        let found = match &self.index {
            Some(location) => Some((location.clone(), find::given(location)?)),
            None => find::beside(&self.location)?,
        };
        let references = start.heading.references.len();
        let read = |(location, bytes): (Location, Vec<u8>)| {
            let index = Index::read(bytes, self.length(), references);
            let index = index.map_err(|error| error.at(format!("index {location}")))?;
            Ok(Arc::new(index))
        };
        let index = found.map(read).transpose()?;
        known.index = Some(index.clone());
        Ok(index)
    }

    /// Text of the BAM header; see [`super::Archive::header_text`].
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is no BAM file, [`Error::Damaged`] or [`Error::Truncated`] where its bytes are wrong or missing, and
    /// [`Error::Store`].
    pub fn header_text(&self) -> Result<Vec<u8>> {
        Ok(self.heading()?.sam_text())
    }

    /// Names and lengths of the reference sequences, in order.
    ///
    /// # Errors
    /// As [`SourceReader::header_text`].
    pub fn references(&self) -> Result<Vec<(Vec<u8>, u32)>> {
        Ok(self.heading()?.pairs())
    }

    /// The regions that `texts` name; see [`Regions::parse`].
    ///
    /// # Errors
    /// As [`Regions::parse`] and [`SourceReader::header_text`].
    pub fn regions(&self, texts: &[String]) -> Result<Regions> {
        Regions::parse(texts, &self.heading()?.references)
    }

    /// The regions of intervals by name; see [`super::Archive::intervals`].
    ///
    /// # Errors
    /// As [`SourceReader::header_text`].
    pub fn intervals(&self, intervals: &[(String, i64, i64)]) -> Result<Regions> {
        Ok(Regions::of_intervals(
            intervals,
            &self.heading()?.references,
        ))
    }

    /// The records that `query` asks for, in the file's order, in batches; of regions, only the parts are read that the index names.
    ///
    /// # Errors
    /// As [`SourceReader::header_text`]; [`Error::Invalid`] where regions need an index and there is none, or what is there is none of
    /// this file.
    pub fn records(&self, query: &Query, threads: usize) -> Result<RecordPass<Batch>> {
        self.pass(query, threads, |stretch| Ok(Batch::of(stretch)))
    }

    /// The same records as lines of SAM text.
    ///
    /// # Errors
    /// As [`SourceReader::records`].
    pub fn sam(&self, query: &Query, threads: usize) -> Result<RecordPass<Vec<u8>>> {
        let name = self.object.name().to_owned();
        self.pass(query, threads, as_sam(self.heading()?, name))
    }

    /// The same records as BGZF blocks of a BAM file; see [`super::Archive::bam`].
    ///
    /// # Errors
    /// As [`SourceReader::records`].
    pub fn bam(
        &self,
        query: &Query,
        threads: usize,
        compressed: bool,
    ) -> Result<impl Iterator<Item = Result<Vec<u8>>> + Send + use<>> {
        let records = self.pass(query, threads, as_blocks(compressed))?;
        Ok(as_file(&*self.heading()?, records, compressed))
    }

    /// How many records there are that `query` asks for.
    ///
    /// # Errors
    /// As [`SourceReader::records`].
    pub fn count(&self, query: &Query, threads: usize) -> Result<u64> {
        let count = |stretch: Stretch<'_>| Ok(stretch.records.len() as u64);
        self.pass(query, threads, count)?.sum()
    }

    /// Whether there is an index, so that regions can be read.
    ///
    /// # Errors
    /// As [`SourceReader::records`].
    pub fn has_index(&self) -> Result<bool> {
        Ok(self.index()?.is_some())
    }

    /// What the index tells of [`Index::totals`].
    pub(super) fn totals(&self) -> Result<Option<(Vec<[u64; 2]>, u64)>> {
        Ok(self.index()?.and_then(|index| index.totals()))
    }

    /// What stands before the first record.
    pub(super) fn heading(&self) -> Result<Arc<Heading>> {
        Ok(self.start()?.heading.clone())
    }

    /// A pass over core fields; see [`super::Archive::core_fields`].
    pub(super) fn core<T: Send + 'static>(
        &self,
        query: &Query,
        threads: usize,
        make: impl Fn(&CoreFields, Vec<usize>) -> T + Send + Sync + 'static,
    ) -> Result<RecordPass<T>> {
        self.pass(query, threads, move |stretch| {
            let fields = stretch.core_fields();
            let all = (0..fields.flags.len()).collect();
            Ok(make(&fields, all))
        })
    }

    fn pass<T: Send + 'static>(
        &self,
        query: &Query,
        threads: usize,
        make: impl Fn(Stretch<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<RecordPass<T>> {
        let (runs, reading) = self.runs(query)?;
        let blocks = Blocks {
            object: self.object.clone(),
            by_index: reading == Reading::Exact,
        };
        let threads = super::threads(threads);
        Ok(RecordPass::new(blocks, runs, reading, query, threads, make))
    }

    /// The parts of the file to go through, and how.
    fn runs(&self, query: &Query) -> Result<(Vec<Run>, Reading)> {
        let (first, length) = (self.start()?.first, self.length());
        let by_place = find::conditions(query).next().is_some();
        // An index that was given is looked at in any case.
        let index = if by_place || self.index.is_some() {
            self.index()?
        } else {
            None
        };
        if let Some(index) = index.filter(|_| by_place) {
            return Ok((find::runs(&index, query, first, length), Reading::Exact));
        }
        let whole = Run {
            start: first,
            end: u64::MAX,
            until: length,
        };
        let of_regions = |regions: &Regions| !regions.hold_all();
        let must_have = query.regions.as_ref().is_some_and(of_regions);
        if must_have || by_place && self.object.is_remote() {
            return Err(Error::Invalid(format!(
                "{}: has no index beside it (.bam.bai, .bai, .bam.csi or .csi), which tells where the records of a region are: make \
                 one with `samtools index`, or name the one there is (--index)",
                self.object.name()
            )));
        }
        Ok((vec![whole], Reading::Onward))
    }
}
