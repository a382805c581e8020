//! Sidecars as files: opened, checked, and held against the archive they were made for.

use std::io::ErrorKind;
use std::sync::Arc;

use crate::archive::open::{Opened, Told, unpack_header};
use crate::archive::report::{IndexReport, SidecarReport};
use crate::container::header::Header;
use crate::container::sidecar::{Head, MAGIC, PREFIX, View};
use crate::container::trailer::Trailer;
use crate::store::{First, Location, Object, Reading};
use crate::{Error, Result};

/// Bytes fetched at first of a sidecar in a store: head and copies of most.
const FIRST: u64 = 64 << 10;

/// A sidecar, opened, and all of it but its indexes read and checked.
pub struct Sidecar {
    object: Object,
    head: Head,
    header: Header,
    trailer: Trailer,
    /// Where its first index starts.
    indexes_at: u64,
}

impl Sidecar {
    /// Where the sidecar of an archive is unless told otherwise.
    pub fn location_of(archive: &Location) -> Location {
        archive.with_suffix(".idx")
    }

    /// The sidecar that `object` is, if it is one.
    pub fn of(object: Object) -> Result<std::result::Result<Self, Object>> {
        let mut magic = [0; MAGIC.len()];
        let is_sidecar = object.length() >= magic.len() as u64 && {
            let read = object.read_at(0, &mut magic, Reading::Exact);
            read.map_err(|error| error.at(object.name()))?;
            magic == MAGIC
        };
        if is_sidecar {
            Self::read(object).map(Ok)
        } else {
            Ok(Err(object))
        }
    }

    /// Opens the sidecar at `location`.
    pub fn open(location: &Location) -> Result<Self> {
        Self::read(Object::open(
            location,
            First::Start(FIRST),
            &Arc::default(),
        )?)
    }

    fn read(object: Object) -> Result<Self> {
        let read = || {
            let length = object.length();
            let take = |at: u64, bytes: u64| {
                // No memory for what the file does not hold.
                if at.checked_add(bytes).is_none_or(|end| end > length) {
                    return Err(Error::Truncated("sidecar: the file ends early".into()));
                }
                let mut taken = vec![0; bytes as usize];
                object.read_at(at, &mut taken, Reading::Exact)?;
                Ok(taken)
            };
            let head_length = Head::length(&take(0, length.min(PREFIX as u64))?)?;
            let head = Head::read(&take(0, head_length)?, length)?;
            let header = take(head_length, head.header)?;
            let trailer_at = head_length + head.header;
            let trailer = take(trailer_at, head.trailer)?;
            let pages_at = trailer_at + head.trailer;
            let pages = take(pages_at, head.pages)?;
            let (header, mut trailer) = head.read_copies(&header, &trailer, &pages)?;
            unpack_header(&mut trailer)?;
            Ok((pages_at + head.pages, head, header, trailer))
        };
        let (indexes_at, head, header, trailer) =
            read().map_err(|error: Error| error.at(object.name()))?;
        Ok(Self {
            object,
            head,
            header,
            trailer,
            indexes_at,
        })
    }

    /// Refuses a sidecar that was made for another archive.
    pub fn check_belongs(&self, opened: &Opened) -> Result<()> {
        if self.head.digest == opened.digest && self.head.archive_length == opened.length {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "{}: was made for another archive than {}; make it again (readvault index -f)",
            self.object.name(),
            opened.name
        )))
    }

    /// What the archive says of itself.
    pub fn told(&self) -> Told<'_> {
        Told {
            path: None,
            length: self.head.archive_length,
            header: &self.header,
            trailer: &self.trailer,
            digest: &self.head.digest,
        }
    }

    /// What reports say of it.
    pub fn report(&self) -> SidecarReport {
        let report = |member: &crate::container::sidecar::Member| IndexReport {
            view: member.view.name().to_owned(),
            kind: member.kind.name().to_owned(),
            length: member.length,
        };
        SidecarReport {
            path: self.object.name().to_owned(),
            length: self.object.length(),
            indexes: self.head.indexes.iter().map(report).collect(),
        }
    }

    /// The index of a view, if it has one.
    pub fn index(&self, view: View) -> Result<Option<Vec<u8>>> {
        let mut at = self.indexes_at;
        for member in &self.head.indexes {
            if member.view == view {
                // The head was held against the file's length.
                let mut stored = vec![0; member.stored as usize];
                let read = self.object.read_at(at, &mut stored, Reading::Exact);
                return read
                    .and_then(|()| member.unpack(&stored))
                    .map(Some)
                    .map_err(|error| error.at(self.object.name()));
            }
            at += member.stored;
        }
        Ok(None)
    }

    /// The sidecar beside an archive, if there is one.
    pub fn beside(archive: &Location) -> Result<Option<Self>> {
        match Self::open(&Self::location_of(archive)) {
            Err(Error::Store { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }
}
