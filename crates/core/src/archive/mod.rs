//! The verbs that every face calls. This page is the library's whole public surface.

mod attach;
mod build;
mod cells;
mod chunks;
mod columns;
mod compress;
mod coverage;
pub(crate) mod decode;
mod depth;
mod digest;
mod estimate;
mod frames;
mod heading;
mod in_place;
mod index;
mod info;
mod open;
mod plain;
mod query;
mod rebuild;
mod records;
mod regions;
mod report;
mod scan;
pub(crate) mod share;
mod source_reader;
mod statistics;
mod verify;
mod view;
pub(crate) mod workers;
mod write;

use std::path::PathBuf;

use crate::Result;
pub use crate::codec::records::Level;
pub use crate::container::sidecar::View;
pub use crate::source::bam::CoreFields;
#[doc(hidden)]
pub use crate::source::span::Sizes;
pub use cells::{Cells, Lists, Values};
pub use columns::{Column, Kind};
pub use coverage::Coverage;
pub use depth::Depth;
pub use frames::Frame;
pub use in_place::RecordPass;
pub use query::{Pass, Query};
pub use records::Batch;
pub use regions::Regions;
pub use report::*;
pub use source_reader::{Readable, SourceReader};
pub use statistics::{FlagCounts, FlagStatistics, IndexStatistics};
pub use view::Archive;

pub use crate::store::{
    Entry, Listing, Location, State, Target, TransferSettings, TransferTotals, configure, look,
    remove, storage_class, tag, totals as transfer_totals, while_waiting,
};

/// Hears how far a verb is and may stop it.
pub trait Progress: Sync {
    /// Called a few times a second, from the thread that called the verb. `total` is none for pipes.
    /// Returning `false` stops the verb with [`crate::Error::Interrupted`]; nothing half-written is left.
    fn update(&self, done: u64, total: Option<u64>) -> bool;
}

/// Where bytes come from.
#[derive(Clone, Debug)]
pub enum Input {
    /// A file or an object of a store.
    Location(Location),
    /// Standard input.
    Stdin,
}

impl Input {
    /// Where it is.
    pub(crate) fn location(&self) -> Option<&Location> {
        match self {
            Self::Location(location) => Some(location),
            Self::Stdin => None,
        }
    }
}

impl<T: Into<Location>> From<T> for Input {
    fn from(location: T) -> Self {
        Self::Location(location.into())
    }
}

/// Where bytes go.
#[derive(Clone, Debug)]
pub enum Output {
    /// A file: written beside its final place, made durable, then renamed. Or an object of a store, which is not there before all
    /// of it is.
    Location(Location),
    /// Standard output.
    Stdout,
}

impl<T: Into<Location>> From<T> for Output {
    fn from(location: T) -> Self {
        Self::Location(location.into())
    }
}

/// Settings of [`compress`].
#[derive(Clone, Debug)]
#[non_exhaustive]
#[derive(Default)]
pub struct CompressOptions {
    /// Worker threads; 0 means all that the process may use.
    pub threads: usize,
    /// Replace an existing output file.
    pub force: bool,
    /// Name to record for a source that comes from a pipe.
    pub name: Option<String>,
    /// How much work the models do.
    pub level: Level,
    /// A FASTA file whose sequences the archive may lean on: it is smaller then, and cannot be decoded without them.
    pub reference: Option<PathBuf>,
    /// Lean on the sequences in the folders that `REF_CACHE` and `REF_PATH` name too.
    pub reference_folders: bool,
    /// What a group of chunks is made of: for tests, whose groups are small.
    #[doc(hidden)]
    pub sizes: Sizes,
}

/// Settings of [`decompress`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DecompressOptions {
    /// Worker threads; 0 means all that the process may use.
    pub threads: usize,
    /// Replace existing output files.
    pub force: bool,
    /// Restore attachments beside the output.
    pub attachments: bool,
    /// A FASTA file with the sequences that the archive leans on; the folders that `REF_CACHE` and `REF_PATH` name are
    /// searched too.
    pub reference: Option<PathBuf>,
}

impl Default for DecompressOptions {
    fn default() -> Self {
        Self {
            threads: 0,
            force: false,
            attachments: true,
            reference: None,
        }
    }
}

/// Settings of [`verify`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// Worker threads; 0 means all that the process may use.
    pub threads: usize,
    /// Compare with the bytes of this too. Not with `content_only`.
    pub against: Option<Input>,
    /// As in [`DecompressOptions`].
    pub reference: Option<PathBuf>,
    /// Stop at the content of blocks: every record is decoded and its checksums compared, and no DEFLATE bytes are made
    /// again, which is most of the time; so the source's fingerprint is not compared.
    pub content_only: bool,
}

/// Settings of [`index()`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IndexOptions {
    /// Worker threads; 0 means all that the process may use.
    pub threads: usize,
    /// Replace an existing output file.
    pub force: bool,
    /// Make one for the exact view.
    pub exact: bool,
    /// Make one for the plain view.
    pub plain: bool,
    /// Make a CSI index, also where BAI can tell all positions.
    pub csi: bool,
    /// As in [`DecompressOptions`].
    pub reference: Option<PathBuf>,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            threads: 0,
            force: false,
            exact: true,
            plain: true,
            csi: false,
            reference: None,
        }
    }
}

/// Compresses `input` into an archive at `output`, proving every byte before the archive is published.
///
/// A file at `output` appears whole or not at all; a pipe gets each chunk once it is proved, and no trailer unless
/// all went well. An index beside the source is attached.
///
/// # Errors
/// [`crate::Error::Store`] when a file cannot be read or written, or `output` exists without `force`; [`crate::Error::Invalid`]
/// when the source is not a file or pipe, or changed while it was read; [`crate::Error::Interrupted`].
pub fn compress(
    input: &Input,
    output: &Output,
    options: &CompressOptions,
    progress: &dyn Progress,
) -> Result<CompressReport> {
    compress::compress(input, output, options, progress)
}

/// Predicts the archive's size at a level from samples of the source, which must be a file.
///
/// # Errors
/// As [`compress`].
pub fn estimate(input: &Input, level: Level, progress: &dyn Progress) -> Result<Estimate> {
    estimate::estimate(input, level, progress)
}

/// Gives the source back, with its time and its indexes. `output` none: the recorded name, in the archive's folder.
///
/// # Errors
/// [`crate::Error::Damaged`], [`crate::Error::Truncated`] or [`crate::Error::Unsupported`] when the archive cannot be decoded to what was
/// recorded; [`crate::Error::Store`] when a file cannot be read or written, or exists without `force`; nothing half-written
/// is left at `output`.
pub fn decompress(
    input: &Input,
    output: Option<&Output>,
    options: &DecompressOptions,
    progress: &dyn Progress,
) -> Result<DecompressReport> {
    verify::decompress(input, output, options, progress)
}

/// Decodes everything and compares with the recorded fingerprint and, if given, with a file's bytes.
///
/// # Errors
/// As [`decompress`]; [`crate::Error::Damaged`] too when the file `against` is not the source; [`crate::Error::Invalid`]
/// for `against` with `content_only`.
pub fn verify(
    input: &Input,
    options: &VerifyOptions,
    progress: &dyn Progress,
) -> Result<VerifyReport> {
    verify::verify(input, options, progress)
}

/// Checks structure only: header, trailer, directory, attachments, and that chunks are where the directory says.
///
/// # Errors
/// As [`decompress`].
pub fn quickcheck(input: &Input, progress: &dyn Progress) -> Result<()> {
    verify::quickcheck(input, progress)
}

/// Makes indexes of an archive's views and writes them into a sidecar at `output`; none: beside the archive, its name with
/// `.idx` added. BAI, or CSI where a reference is longer than 2^29 positions.
///
/// # Errors
/// As [`decompress`]; [`crate::Error::Invalid`] when the source is no BAM file or not sorted by position.
pub fn index(
    archive: impl Into<Location>,
    output: Option<&Location>,
    options: &IndexOptions,
    progress: &dyn Progress,
) -> Result<IndexingReport> {
    index::index(&archive.into(), output, options, progress)
}

/// The bytes of a view's index: those of the sidecar at `location`, or of the sidecar beside the archive there, or, of the exact
/// view, of the index that came with the source.
///
/// # Errors
/// As [`info`]; [`crate::Error::Invalid`] when there is none, or the sidecar is another archive's.
pub fn read_index(location: impl Into<Location>, view: View) -> Result<Vec<u8>> {
    index::read(&location.into(), view)
}

/// All bytes of the file or object at `location`: a list of intervals, say.
///
/// # Errors
/// [`crate::Error::Store`] when it cannot be read, and [`crate::Error::Invalid`] when it has more than `most` bytes.
pub fn read_small(location: &Location, most: u64) -> Result<Vec<u8>> {
    let read = attach::read_whole(location, most);
    let (_, bytes) = read.map_err(|error| error.at(location))?;
    Ok(bytes)
}

/// Length and digests of the file or object at `location`, of any kind, read from front to back in one state.
///
/// # Errors
/// [`crate::Error::Store`] when it cannot be read, or changes meanwhile; [`crate::Error::Invalid`] for what is no file.
pub fn digest(location: &Location, progress: &dyn Progress) -> Result<DigestReport> {
    digest::digest(location, progress)
}

/// Copies the file or object at `location`, of any kind, to `target`, which appears whole or not at all; `force` replaces what is
/// there. Tells what was copied.
///
/// # Errors
/// As [`digest`], and [`crate::Error::Store`] when `target` cannot be written or stands already.
pub fn copy(
    location: &Location,
    target: &Location,
    force: bool,
    progress: &dyn Progress,
) -> Result<DigestReport> {
    digest::copy(location, target, force, progress)
}

/// Reads what the archive says of itself, from the archive or from its sidecar.
///
/// # Errors
/// As [`decompress`].
pub fn info(input: &Input, progress: &dyn Progress) -> Result<Info> {
    info::info(input, progress)
}

/// Threads for work that was asked to use `asked`; 0 means as many as this process may use (its CPU affinity and
/// its control group's quota count).
fn threads(asked: usize) -> usize {
    match asked {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        asked => asked.min(MAX_THREADS),
    }
}

/// Most worker threads: beyond, the sequential part of the work is the limit.
const MAX_THREADS: usize = 256;
