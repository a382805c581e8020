//! What is written: a file or an object of a store, neither of which is there before all of it is.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::local::Pending;
use super::location::Location;
use super::upload::Upload;
use crate::{Error, Result};

/// A file or object on its way. Dropped before it is published, it leaves nothing.
pub struct Target {
    location: Location,
    kind: Kind,
}

enum Kind {
    File(Pending),
    Object(Box<Upload>),
}

impl Target {
    /// Starts what is to stand at `location`; refuses to replace anything unless `force`. Nobody may read a file who may not
    /// read `like`, the file that it is made from. `expected`: bytes that it has at most, about, where that is known.
    pub fn create(
        location: &Location,
        force: bool,
        like: Option<&Location>,
        expected: Option<u64>,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self> {
        let kind = match location {
            Location::Path(path) => {
                let like = like.and_then(Location::path);
                Kind::File(Pending::create(path, force, like)?)
            }
            Location::Url(url) => {
                let upload = Upload::start(url, force, expected, stop)?;
                Kind::Object(Box::new(upload))
            }
        };
        Ok(Self {
            location: location.clone(),
            kind,
        })
    }

    /// Where it is to stand.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Where its bytes can be read before they are published; none where they cannot.
    pub fn readable(&self) -> Option<Location> {
        match &self.kind {
            Kind::File(pending) => Some(pending.temporary().into()),
            Kind::Object(_) => None,
        }
    }

    /// Makes the bytes durable, as far as they are not published.
    pub fn sync(&self) -> Result<()> {
        match &self.kind {
            Kind::File(pending) => pending.sync(),
            Kind::Object(_) => Ok(()),
        }
    }

    /// Sets the modification time (nanoseconds since 1970), where it can be set.
    pub fn set_mtime(&self, mtime_ns: i64) -> Result<()> {
        match &self.kind {
            Kind::File(pending) => pending.set_mtime(mtime_ns),
            // A store tells when it got the object, and nothing else.
            Kind::Object(_) => Ok(()),
        }
    }

    /// Puts it in its place, durably. Without force, whatever has appeared there meanwhile stays. An object must have been
    /// handed over with the digest `sha256`, if it is given.
    pub fn publish(self, sha256: Option<&[u8; 32]>) -> Result<()> {
        match self.kind {
            Kind::File(pending) => pending.publish(),
            Kind::Object(upload) => upload.publish(sha256),
        }
    }

    /// The failure `error` of writing it, with its name.
    pub fn error(&self, error: io::Error) -> Error {
        cannot_write(&self.location, error)
    }
}

/// A failure of writing what is to stand at `location`.
pub fn cannot_write(location: &Location, error: io::Error) -> Error {
    match Error::from_io(error) {
        Error::Store { source, .. } => Error::Store {
            context: format!("cannot write {location}"),
            source,
        },
        other => other,
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.kind {
            Kind::File(pending) => pending.write(bytes),
            Kind::Object(upload) => upload.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.kind {
            Kind::File(pending) => pending.flush(),
            Kind::Object(upload) => upload.flush(),
        }
    }
}
