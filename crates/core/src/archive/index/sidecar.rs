//! Sidecars as files: opened, checked, and held against the archive they were made for.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::archive::open::{Opened, Told, unpack_header};
use crate::archive::report::{IndexReport, SidecarReport};
use crate::container::header::Header;
use crate::container::sidecar::{Head, MAGIC, PREFIX, View};
use crate::container::trailer::Trailer;
use crate::store::local::Source;
use crate::{Error, Result};

/// A sidecar, opened, and all of it but its indexes read and checked.
pub struct Sidecar {
    file: File,
    name: String,
    length: u64,
    head: Head,
    header: Header,
    trailer: Trailer,
    /// Where its first index starts.
    indexes_at: u64,
}

impl Sidecar {
    /// Where the sidecar of an archive is unless told otherwise.
    pub fn path_of(archive: &Path) -> PathBuf {
        let mut name = archive.as_os_str().to_owned();
        name.push(".idx");
        name.into()
    }

    /// Opens the file at `path` if it is a sidecar.
    pub fn open_if(path: &Path, stop: &AtomicBool) -> Result<Option<Self>> {
        let source = Source::open(path, stop)?;
        if source.stamp().is_none() {
            return Ok(None);
        }
        let file = File::open(path).map_err(|error| Error::store("cannot read", path, error))?;
        let mut magic = [0; MAGIC.len()];
        let is_sidecar = file.read_exact_at(&mut magic, 0).is_ok() && magic == MAGIC;
        is_sidecar.then(|| Self::read(file, path)).transpose()
    }

    /// Opens the sidecar at `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::store("cannot read", path, error))?;
        Self::read(file, path)
    }

    fn read(file: File, path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let read = || {
            let length = file
                .metadata()
                .map_err(|error| Error::store("cannot read", path, error))?
                .len();
            let take = |at: u64, bytes: u64| {
                // No memory for what the file does not hold.
                if at.checked_add(bytes).is_none_or(|end| end > length) {
                    return Err(Error::Truncated("sidecar: the file ends early".into()));
                }
                let mut taken = vec![0; bytes as usize];
                file.read_exact_at(&mut taken, at)
                    .map_err(|error| Error::store("cannot read", path, error))?;
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
            Ok((length, pages_at + head.pages, head, header, trailer))
        };
        let (length, indexes_at, head, header, trailer) =
            read().map_err(|error: Error| error.at(&name))?;
        Ok(Self {
            file,
            name,
            length,
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
            self.name, opened.name
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
            path: self.name.clone(),
            length: self.length,
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
                self.file
                    .read_exact_at(&mut stored, at)
                    .map_err(|error| Error::store("cannot read", Path::new(&self.name), error))?;
                return member
                    .unpack(&stored)
                    .map(Some)
                    .map_err(|error| error.at(&self.name));
            }
            at += member.stored;
        }
        Ok(None)
    }

    /// The sidecar beside an archive, if there is one.
    pub fn beside(archive: &Path) -> Result<Option<Self>> {
        let path = Self::path_of(archive);
        match fs::symlink_metadata(&path) {
            Ok(_) => Self::open(&path).map(Some),
            Err(_) => Ok(None),
        }
    }
}
