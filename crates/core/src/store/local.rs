//! Files of this machine: sources that must not change while they are read, and outputs that appear whole or not at
//! all (temporary file, fsync, rename, fsync of the folder).

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// Longest wait for a pipe's next bytes before looking whether the user has asked to stop.
const POLL: rustix::event::Timespec = rustix::event::Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Most characters of a name that the names of temporary files show.
const LONGEST_SHOWN: usize = 40;

/// What tells two states of a file apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Device that it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Length in bytes.
    pub length: u64,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl Stamp {
    pub fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            mtime_ns: metadata
                .mtime()
                .saturating_mul(1_000_000_000)
                .saturating_add(metadata.mtime_nsec()),
        }
    }
}

/// A source: a file or a pipe, read from front to back.
pub struct Source<'a> {
    file: File,
    path: Option<PathBuf>,
    stamp: Option<Stamp>,
    stop: &'a AtomicBool,
}

impl<'a> Source<'a> {
    /// Opens a file, or a named pipe. `stop` ends waiting for a pipe's bytes.
    pub fn open(path: &Path, stop: &'a AtomicBool) -> Result<Self> {
        let metadata =
            fs::metadata(path).map_err(|error| Error::store("cannot read", path, error))?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            return Err(Error::Invalid(format!(
                "{} is a folder; give files",
                path.display()
            )));
        }
        if !kind.is_file() && !kind.is_fifo() {
            return Err(Error::Invalid(format!(
                "{} is a device or socket, not a file",
                path.display()
            )));
        }
        let file = File::open(path).map_err(|error| Error::store("cannot read", path, error))?;
        let metadata = file
            .metadata()
            .map_err(|error| Error::store("cannot read", path, error))?;
        let stamp = metadata.is_file().then(|| Stamp::of(&metadata));
        Ok(Self {
            file,
            path: Some(path.to_owned()),
            stamp,
            stop,
        })
    }

    /// Standard input.
    pub fn stdin(stop: &'a AtomicBool) -> Result<Self> {
        let descriptor = io::stdin().as_fd().try_clone_to_owned();
        let descriptor = descriptor.map_err(|source| Error::Store {
            context: "cannot read standard input".into(),
            source,
        })?;
        Ok(Self {
            file: File::from(descriptor),
            path: None,
            stamp: None,
            stop,
        })
    }

    /// Length and time, if the source is a file.
    pub fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// The file's name without folder; none for standard input.
    pub fn name(&self) -> Option<Vec<u8>> {
        self.path
            .as_ref()?
            .file_name()
            .map(|name| name.as_encoded_bytes().to_vec())
    }

    /// Fails if the file is not what it was when it was opened. `read` is how many bytes it has given.
    pub fn check_unchanged(&self, read: u64) -> Result<()> {
        let (Some(stamp), Some(path)) = (self.stamp, &self.path) else {
            return Ok(());
        };
        let metadata = self
            .file
            .metadata()
            .map_err(|error| Error::store("cannot read", path, error))?;
        if Stamp::of(&metadata) == stamp && read == stamp.length {
            return Ok(());
        }
        Err(Error::store(
            "compress again, when its writer has finished,",
            path,
            io::Error::other("it changed while it was read"),
        ))
    }

    /// Goes to `offset`; only for files.
    pub fn seek(&mut self, offset: u64) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(offset))
            .map(drop)
            .map_err(|error| self.error(error))
    }

    /// The failure `error` with the source's name.
    pub fn error(&self, error: io::Error) -> Error {
        if self.stop.load(Ordering::Relaxed) {
            return Error::Interrupted;
        }
        match &self.path {
            Some(path) => Error::store("cannot read", path, error),
            None => Error::Store {
                context: "cannot read standard input".into(),
                source: error,
            },
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.stamp.is_none() {
            let mut fds = [rustix::event::PollFd::new(
                &self.file,
                rustix::event::PollFlags::IN,
            )];
            let ready = rustix::event::poll(&mut fds, Some(&POLL));
            if self.stop.load(Ordering::Relaxed) {
                // Not "interrupted": the standard library's readers would try again.
                return Err(io::ErrorKind::TimedOut.into());
            }
            match ready {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                _ => break,
            }
        }
        self.file.read(buffer)
    }
}

/// A file that does not exist until [`Pending::publish`]: dropped before, it leaves nothing.
pub struct Pending {
    file: NamedTempFile,
    path: PathBuf,
    force: bool,
}

impl Pending {
    /// Starts a file that is to stand at `path`; refuses to replace one unless `force`. Nobody may read it who may
    /// not read `like`, the file that it is made from.
    pub fn create(path: &Path, force: bool, like: Option<&Path>) -> Result<Self> {
        if let Ok(metadata) = fs::symlink_metadata(path) {
            if metadata.is_dir() {
                return Err(Error::Invalid(format!("{} is a folder", path.display())));
            }
            if !force {
                return Err(exists(path));
            }
            if !metadata.is_file() && !metadata.is_symlink() {
                return Err(Error::Invalid(format!(
                    "{} is a device or pipe and will not be replaced",
                    path.display()
                )));
            }
        }
        let Some(name) = path.file_name() else {
            return Err(Error::Invalid(format!(
                "{} does not name a file",
                path.display()
            )));
        };
        let file = tempfile::Builder::new()
            .prefix(&format!(".{}.", shown(name)))
            .suffix(".tmp")
            .permissions(fs::Permissions::from_mode(mode_like(like)))
            .tempfile_in(folder_of(path))
            .map_err(|error| Error::store("cannot write", path, error))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            force,
        })
    }

    /// Where the bytes are until they are published.
    pub fn temporary(&self) -> &Path {
        self.file.path()
    }

    /// Makes the bytes durable.
    pub fn sync(&self) -> Result<()> {
        self.file
            .as_file()
            .sync_all()
            .map_err(|error| Error::store("cannot write", &self.path, error))
    }

    /// Sets the modification time (nanoseconds since 1970).
    pub fn set_mtime(&self, mtime_ns: i64) -> Result<()> {
        let distance = Duration::from_nanos(mtime_ns.unsigned_abs());
        let time = if mtime_ns < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        let Some(time) = time else { return Ok(()) };
        let times = fs::FileTimes::new().set_modified(time);
        self.file
            .as_file()
            .set_times(times)
            .map_err(|error| Error::store("cannot set the time of", &self.path, error))
    }

    /// Puts the file in its place, durably. Without `force`, a file that has appeared there meanwhile stays.
    pub fn publish(self) -> Result<()> {
        self.sync()?;
        let Self { file, path, force } = self;
        let placed = if force {
            file.persist(&path)
        } else {
            file.persist_noclobber(&path)
        };
        placed.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => exists(&path),
            _ => Error::store("cannot write", &path, error.error),
        })?;
        sync_folder_of(&path)
    }
}

/// Makes durable which files are in the folder that `path` is in.
pub fn sync_folder_of(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| Error::store("cannot make durable the folder", folder, error))
}

/// What the name of a temporary file shows of the name of what it is made for: all of it, or, so that it does not become too
/// long, its start and a checksum. Who cleans up finds it by that (`readvault.files.remains`).
pub fn shown(name: &OsStr) -> String {
    let text = name.to_string_lossy();
    if text.chars().count() <= LONGEST_SHOWN {
        return text.into_owned();
    }
    // A tilde and eight digits follow.
    let start: String = text.chars().take(LONGEST_SHOWN - 9).collect();
    let checksum = crc32fast::hash(name.as_encoded_bytes());
    format!("{start}~{checksum:08x}")
}

/// Whether two paths name the same place, however they are spelled: the same entry of the same folder.
pub fn same_place(one: &Path, other: &Path) -> bool {
    let folder = |path| fs::canonicalize(folder_of(path)).ok();
    one == other
        || one.file_name() == other.file_name()
            && folder(one).is_some_and(|known| folder(other) == Some(known))
}

/// Permissions of a file made from `like`: no more than that one's for others, and never a program. The process's
/// own mask takes away from them.
fn mode_like(like: Option<&Path>) -> u32 {
    let like = like
        .and_then(|like| fs::metadata(like).ok())
        .filter(fs::Metadata::is_file);
    like.map_or(0o666, |metadata| metadata.mode() & 0o666 | 0o600)
}

/// The folder that `path` is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn exists(path: &Path) -> Error {
    Error::Store {
        context: format!(
            "{} exists and is not replaced unless forced",
            path.display()
        ),
        source: io::ErrorKind::AlreadyExists.into(),
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_output_leaves_nothing_and_a_published_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rv");
        let mut pending = Pending::create(&path, false, None).unwrap();
        pending.write_all(b"half").unwrap();
        drop(pending);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut pending = Pending::create(&path, false, None).unwrap();
        pending.write_all(b"whole").unwrap();
        pending.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_existing_file_is_replaced_only_by_force_and_a_link_is_replaced_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(Pending::create(&link, false, None).is_err());
        let mut pending = Pending::create(&link, true, None).unwrap();
        pending.write_all(b"new").unwrap();
        pending.publish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(fs::read(&link).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_appears_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rv");
        let pending = Pending::create(&path, false, None).unwrap();
        fs::write(&path, b"theirs").unwrap();
        assert!(pending.publish().is_err());
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
    }

    #[test]
    fn temporary_files_of_long_names_are_told_apart() {
        assert_eq!(shown("x".repeat(40).as_ref()), "x".repeat(40));
        let long = "é".repeat(60);
        let (one, two) = (format!("{long}1"), format!("{long}2"));
        assert_eq!(shown(one.as_ref()).chars().count(), 40);
        assert!(shown(one.as_ref()).starts_with(&format!("{}~", "é".repeat(31))));
        assert_ne!(shown(one.as_ref()), shown(two.as_ref()));
        // zlib.crc32(b"y" * 41)
        let checksum = crc32fast::hash(&[b'y'; 41]);
        let told = shown("y".repeat(41).as_ref());
        assert_eq!(told, format!("{}~{checksum:08x}", "y".repeat(31)));
    }

    #[test]
    fn a_place_is_the_same_however_it_is_spelled() {
        let folder = tempfile::tempdir().unwrap();
        let (path, name) = (folder.path(), folder.path().file_name().unwrap());
        let other = path.join("..").join(name).join("x");
        assert!(same_place(&path.join("x"), &other));
        assert!(same_place(Path::new("x"), Path::new("./x")));
        assert!(!same_place(&path.join("y"), &other));
        assert!(!same_place(Path::new("/absent/x"), Path::new("/nowhere/x")));
    }

    #[test]
    fn what_is_made_from_a_private_file_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let (like, path) = (folder.path().join("like"), folder.path().join("x.rv"));
        fs::write(&like, b"private").unwrap();
        fs::set_permissions(&like, fs::Permissions::from_mode(0o500)).unwrap();
        Pending::create(&path, false, Some(&like))
            .unwrap()
            .publish()
            .unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_device_is_not_a_source() {
        let stop = AtomicBool::new(false);
        assert!(matches!(
            Source::open(Path::new("/dev/zero"), &stop),
            Err(Error::Invalid(_))
        ));
    }
}
