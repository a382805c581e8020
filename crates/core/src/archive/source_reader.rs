//! A source that is in no archive, read in place: a BAM or CRAM file, or another that is compressed as they are.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::in_place::{HEADER, Known};
use super::open::Opened;
use super::view::Archive;
use crate::source::bgzf;
use crate::source::blocks::END_OF_FILE;
use crate::store::{First, Location, Object, Reading};
use crate::{Error, Result};

/// How CRAM files start.
const CRAM: &[u8] = b"CRAM";

/// How gzip files start, and so BGZF files.
const GZIP: &[u8] = b"\x1f\x8b";

/// An open source. Share it between threads freely.
pub struct SourceReader {
    pub(super) object: Arc<Object>,
    pub(super) location: Location,
    pub(super) kind: Kind,
    /// Where its index is, if that was said.
    pub(super) index: Option<Location>,
    pub(super) known: Mutex<Known>,
}

/// What a source starts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// BGZF blocks, perhaps of a BAM file.
    Blocks,
    Cram,
    /// Another gzip file.
    Other,
}

/// What can be read in place.
pub enum Readable {
    Archive(Box<Archive>),
    Source(Box<SourceReader>),
}

impl Readable {
    /// Opens what is at `location`: an archive (see [`Archive::open`]), or else a file that starts as BAM, CRAM and gzip files do.
    ///
    /// # Errors
    /// As [`Archive::open`]; [`Error::Truncated`] for a BGZF file without the block that ends it.
    pub fn open(location: &Location, reference: Option<&Path>) -> Result<Self> {
        let object = object(location)?;
        let mut start = [0; bgzf::MAGIC.len()];
        let length = (start.len() as u64).min(object.length()) as usize;
        let start = &mut start[..length];
        let name = object.name().to_owned();
        let at = |error: Error| error.at(&name);
        object.read_at(0, start, Reading::Exact).map_err(at)?;
        if !start.starts_with(GZIP) && !start.starts_with(CRAM) {
            let archive = Archive::of(object, location, reference)?;
            return Ok(Self::Archive(Box::new(archive)));
        }
        let kind = if start.starts_with(&bgzf::MAGIC) {
            Kind::Blocks
        } else if start.starts_with(CRAM) {
            Kind::Cram
        } else {
            Kind::Other
        };
        let source = SourceReader {
            object: Arc::new(object),
            location: location.clone(),
            kind,
            index: None,
            known: Mutex::default(),
        };
        if kind == Kind::Blocks {
            source.check_end()?;
        }
        Ok(Self::Source(Box::new(source)))
    }
}

/// Opens what is at `location`; of an object, what is needed first is fetched with its facts: by its name, of an archive or of a
/// BAM file.
fn object(location: &Location) -> Result<Object> {
    let name = location.name().unwrap_or_default();
    if name.to_ascii_lowercase().ends_with(b".bam") {
        let first = First::Ends(HEADER, END_OF_FILE.len() as u64);
        return Object::open(location, first, &Arc::default());
    }
    Opened::object(location, &Arc::default())
}

impl SourceReader {
    /// Takes the index at `location` for reading records of regions, instead of one beside the file.
    #[must_use]
    pub fn with_index(mut self, location: Location) -> Self {
        self.index = Some(location);
        self
    }

    /// Fails unless it ends with the block that ends BGZF files.
    fn check_end(&self) -> Result<()> {
        let object = &self.object;
        let mut end = [0; END_OF_FILE.len()];
        let name = object.name();
        let is_whole = object.length() >= end.len() as u64 && {
            let at = object.length() - end.len() as u64;
            let read = object.read_at(at, &mut end, Reading::Exact);
            read.map_err(|error| error.at(name))?;
            end == END_OF_FILE
        };
        if is_whole {
            return Ok(());
        }
        Err(Error::Truncated(format!(
            "{name}: has no block that ends it (BGZF end of file): it was cut short, or is still being written"
        )))
    }

    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.object.length()
    }

    /// Fills `buffer` from the bytes at `offset` (fewer only at the end) and returns how many.
    ///
    /// # Errors
    /// [`Error::Store`], naming the file or object and the range.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let left = self.length().saturating_sub(offset);
        let length = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        self.object
            .read_at(offset, &mut buffer[..length], Reading::Onward)
            .map_err(|error| error.at(self.object.name()))?;
        Ok(length)
    }
}
