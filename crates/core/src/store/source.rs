//! A source, read from front to back: a file, a pipe, or an object of a store, of which parts are fetched ahead.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::local;
use super::location::Location;
use super::opening::First;
use super::remote::{Reading, Remote};
use super::state::State;
use crate::{Error, Result};

/// Bytes fetched with the facts of an object: the first of what is read on.
const FIRST: u64 = 64 << 10;

/// What is known of a source that is no pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Length in bytes.
    pub length: u64,
    /// Time of its last change in nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// A source, open.
pub struct Source<'a>(Kind<'a>);

enum Kind<'a> {
    Local(local::Source<'a>),
    Remote {
        remote: Arc<Remote>,
        position: u64,
        stop: &'a AtomicBool,
    },
}

impl<'a> Source<'a> {
    /// Opens the file, named pipe or object at `location`. `stop` ends waiting for its bytes.
    pub fn open(location: &Location, stop: &'a AtomicBool) -> Result<Self> {
        match location {
            Location::Path(path) => local::Source::open(path, stop).map(Kind::Local).map(Self),
            Location::Url(url) => Ok(Self(Kind::Remote {
                remote: Remote::open(url, First::Start(FIRST), stop)?,
                position: 0,
                stop,
            })),
        }
    }

    /// Standard input.
    pub fn stdin(stop: &'a AtomicBool) -> Result<Self> {
        local::Source::stdin(stop).map(Kind::Local).map(Self)
    }

    /// Length and time, unless it is a pipe.
    pub fn facts(&self) -> Option<Facts> {
        match &self.0 {
            Kind::Local(source) => source.stamp().map(|stamp| Facts {
                length: stamp.length,
                mtime_ns: stamp.mtime_ns,
            }),
            Kind::Remote { remote, .. } => Some(Facts {
                length: remote.length(),
                mtime_ns: remote.pin().modified_ns,
            }),
        }
    }

    /// The file's name without folder; none for standard input.
    pub fn name(&self) -> Option<Vec<u8>> {
        match &self.0 {
            Kind::Local(source) => source.name(),
            Kind::Remote { remote, .. } => {
                let name = remote.url().key.filename();
                name.map(|name| name.as_bytes().to_vec())
            }
        }
    }

    /// Fails if it is not what it was when it was opened, or its bytes are not those that its store has a checksum of: `read` is how
    /// many it has given, `md5` the digest of these.
    pub fn check_unchanged(&self, read: u64, md5: &[u8; 16]) -> Result<()> {
        match &self.0 {
            Kind::Local(source) => source.check_unchanged(read),
            Kind::Remote { remote, stop, .. } => remote.check_whole(read, md5, stop),
        }
    }

    /// Whether what is read is in this state.
    pub fn is_in(&self, state: &State) -> bool {
        match &self.0 {
            Kind::Local(source) => source
                .stamp()
                .is_some_and(|stamp| state.differs(&State::of_file(&stamp)).is_none()),
            Kind::Remote { remote, .. } => state.pin().differs(remote.pin()).is_none(),
        }
    }

    /// Goes to `offset`; not in pipes.
    pub fn seek(&mut self, offset: u64) -> Result<()> {
        match &mut self.0 {
            Kind::Local(source) => source.seek(offset),
            Kind::Remote { position, .. } => {
                *position = offset;
                Ok(())
            }
        }
    }

    /// The failure `error` with the source's name.
    pub fn error(&self, error: io::Error) -> Error {
        match &self.0 {
            Kind::Local(source) => source.error(error),
            Kind::Remote { stop, .. } if stop.load(Ordering::Relaxed) => Error::Interrupted,
            Kind::Remote { .. } => Error::from_io(error),
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Local(source) => source.read(buffer),
            Kind::Remote {
                remote,
                position,
                stop,
            } => {
                if stop.load(Ordering::Relaxed) {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                let left = remote.length().saturating_sub(*position);
                let length = usize::try_from(left)
                    .unwrap_or(usize::MAX)
                    .min(buffer.len());
                if *position == 0 {
                    remote.will_read_from(0);
                }
                remote
                    .read_at(*position, &mut buffer[..length], Reading::Onward, stop)
                    .map_err(Error::into_io)?;
                *position += length as u64;
                Ok(length)
            }
        }
    }
}
