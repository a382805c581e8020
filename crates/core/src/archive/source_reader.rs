//! A source that is in no archive, read in place: a BAM or CRAM file, or another that is compressed as they are.

use std::path::Path;
use std::sync::Arc;

use super::open::Opened;
use super::view::Archive;
use crate::source::bgzf;
use crate::source::blocks::END_OF_FILE;
use crate::store::{Location, Object, Reading};
use crate::{Error, Result};

/// How CRAM files start.
const CRAM: &[u8] = b"CRAM";

/// How gzip files start, and so BGZF files.
const GZIP: &[u8] = b"\x1f\x8b";

/// An open source. Share it between threads freely.
pub struct SourceReader {
    object: Object,
}

/// What can be read in place.
pub enum Readable {
    Archive(Box<Archive>),
    Source(SourceReader),
}

impl Readable {
    /// Opens what is at `location`: an archive (see [`Archive::open`]), or else a file that starts as BAM, CRAM and gzip files do.
    ///
    /// # Errors
    /// As [`Archive::open`]; [`Error::Truncated`] for a BGZF file without the block that ends it.
    pub fn open(location: &Location, reference: Option<&Path>) -> Result<Self> {
        let object = Opened::object(location, &Arc::default())?;
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
        let source = SourceReader { object };
        if start.starts_with(&bgzf::MAGIC) {
            source.check_end()?;
        }
        Ok(Self::Source(source))
    }
}

impl SourceReader {
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
