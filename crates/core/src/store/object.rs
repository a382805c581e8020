//! A file or an object of a store, open for reading at any place.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::local::Source;
use super::location::Location;
use super::opening::First;
use super::remote::{Reading, Remote};
use crate::{Error, Result};

/// Something to read at any place. Any number of threads may.
pub struct Object {
    name: String,
    bytes: Bytes,
}

enum Bytes {
    File(File, u64),
    /// And what ends waiting for its bytes.
    Remote(Arc<Remote>, Arc<AtomicBool>),
}

impl Object {
    /// Opens the file or object at `location`; of an object of a store, `first` is fetched.
    pub fn open(location: &Location, first: First, stop: &Arc<AtomicBool>) -> Result<Self> {
        let name = location.to_string();
        let bytes = match location {
            Location::Path(path) => {
                let source = Source::open(path, stop)?;
                if source.stamp().is_none() {
                    return Err(Error::Invalid(format!(
                        "{name} is a pipe; give it as - on standard input"
                    )));
                }
                let file =
                    File::open(path).map_err(|error| Error::store("cannot read", path, error))?;
                return Self::of_file(file, name);
            }
            Location::Url(url) => Bytes::Remote(Remote::open(url, first, stop)?, stop.clone()),
        };
        Ok(Self { name, bytes })
    }

    /// A file that is open.
    pub fn of_file(file: File, name: String) -> Result<Self> {
        let metadata = file.metadata().map_err(|source| Error::Store {
            context: format!("cannot read {name}"),
            source,
        })?;
        Ok(Self {
            name,
            bytes: Bytes::File(file, metadata.len()),
        })
    }

    /// What it is called in errors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Length in bytes.
    pub fn length(&self) -> u64 {
        match &self.bytes {
            Bytes::File(_, length) => *length,
            Bytes::Remote(remote, _) => remote.length(),
        }
    }

    /// The bytes at `offset`, all of them; errors do not name it.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8], reading: Reading) -> Result<()> {
        match &self.bytes {
            Bytes::File(file, _) => {
                file.read_exact_at(buffer, offset)
                    .map_err(|source| match source.kind() {
                        io::ErrorKind::UnexpectedEof => Error::Truncated(format!(
                            "it ends before byte {}",
                            offset.saturating_add(buffer.len() as u64)
                        )),
                        _ => Error::Store {
                            context: format!("cannot read {} bytes at {offset}", buffer.len()),
                            source,
                        },
                    })
            }
            Bytes::Remote(remote, stop) => remote.read_at(offset, buffer, reading, stop),
        }
    }

    /// Says that `ranges` will be read soon: of an object of a store they are fetched, near ones together unless they are exact.
    pub fn will_read(&self, ranges: &[Range<u64>], reading: Reading) {
        if let Bytes::Remote(remote, _) = &self.bytes {
            remote.will_read(ranges, reading);
        }
    }

    /// Whether reading takes requests over a network.
    pub fn is_remote(&self) -> bool {
        matches!(self.bytes, Bytes::Remote(..))
    }
}
