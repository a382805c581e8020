//! The verbs that every face calls. This page is the library's whole public surface.

mod report;

use std::path::PathBuf;

use crate::Result;
pub use report::*;

/// Hears how far a verb is and may stop it.
pub trait Progress: Sync {
    /// Called a few times a second, from the thread that called the verb. `total` is none for pipes.
    /// Returning `false` stops the verb with [`crate::Error::Interrupted`]; nothing half-written is left.
    fn update(&self, done: u64, total: Option<u64>) -> bool;
}

/// Where bytes come from.
#[derive(Clone, Debug)]
pub enum Input {
    /// A file.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

/// Where bytes go.
#[derive(Clone, Debug)]
pub enum Output {
    /// A file: written beside its final place, made durable, then renamed.
    Path(PathBuf),
    /// Standard output.
    Stdout,
}

/// Settings of [`compress`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CompressOptions {
    /// Worker threads; 0 means all that the process may use.
    pub threads: usize,
    /// Replace an existing output file.
    pub force: bool,
    /// Name to record for a source that comes from a pipe.
    pub name: Option<String>,
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
}

impl Default for CompressOptions {
    fn default() -> Self {
        Self { threads: 0, force: false, name: None }
    }
}

impl Default for DecompressOptions {
    fn default() -> Self {
        Self { threads: 0, force: false, attachments: true }
    }
}

/// Compresses `input` into an archive at `output`, proving every byte before the archive is published.
pub fn compress(_: &Input, _: &Output, _: &CompressOptions, _: &dyn Progress) -> Result<CompressReport> { todo!() }
/// Predicts the archive's size from samples of the source.
pub fn estimate(_: &Input, _: &CompressOptions, _: &dyn Progress) -> Result<Estimate> { todo!() }
/// Gives the source back. `output` none: the recorded name, in the archive's folder.
pub fn decompress(_: &Input, _: Option<&Output>, _: &DecompressOptions, _: &dyn Progress) -> Result<DecompressReport> { todo!() }
/// Decodes everything and compares with the recorded fingerprint and, if given, with a file's bytes.
pub fn verify(_: &Input, _against: Option<&Input>, _threads: usize, _: &dyn Progress) -> Result<VerifyReport> { todo!() }
/// Checks structure only: header, trailer, directory, lengths.
pub fn quickcheck(_: &Input) -> Result<()> { todo!() }
/// Reads what the archive says of itself.
pub fn info(_: &Input) -> Result<Info> { todo!() }

/// An open archive, for random access to the source's bytes. Share it between threads freely.
pub struct Archive {}

impl Archive {
    /// Opens the archive at `path`: reads header, trailer and directory root.
    pub fn open(_path: &std::path::Path) -> Result<Self> { todo!() }
    /// Length of the source in bytes.
    pub fn source_length(&self) -> u64 { todo!() }
    /// Recorded name of the source, for display and as a default file name (already made safe).
    pub fn source_name(&self) -> &str { todo!() }
    /// Fills `buffer` from the source's bytes at `offset` (fewer only at the end) and returns how many.
    pub fn read_at(&self, _offset: u64, _buffer: &mut [u8]) -> Result<usize> { todo!() }
}
