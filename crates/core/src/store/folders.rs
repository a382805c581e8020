//! Files below a folder of this machine, folder by folder: names of one folder of each depth are held, not of all.

use std::ffi::OsString;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::listing::Entry;
use super::local::Stamp;
use super::waiting::{TICK, check};
use crate::{Error, Result};

/// A walk through a folder and what is below it; links to folders are not followed.
pub struct Walk {
    /// The folders that the walk is in, outermost first.
    open: Vec<Folder>,
}

/// A folder, and what of it is still to be visited.
struct Folder {
    path: PathBuf,
    names: std::vec::IntoIter<(OsString, bool)>,
}

impl Folder {
    /// Names of what is in it, and which are folders, in order.
    fn open(path: PathBuf) -> io::Result<Self> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() || may_be_file(kind) {
                names.push((entry.file_name(), kind.is_dir()));
            }
        }
        names.sort_unstable();
        Ok(Self {
            path,
            names: names.into_iter(),
        })
    }
}

/// Whether it is a file, or a link to something that may be one.
fn may_be_file(kind: FileType) -> bool {
    kind.is_file() || kind.is_symlink()
}

impl Walk {
    /// Starts in the folder at `path`.
    pub fn of(path: &Path) -> Result<Self> {
        let failed = |error| Error::store("cannot list", path, error);
        if !fs::metadata(path).map_err(failed)?.is_dir() {
            return Err(Error::Invalid(format!(
                "{} is a file, not a folder",
                path.display()
            )));
        }
        let folder = Folder::open(path.to_owned()).map_err(failed)?;
        Ok(Self { open: vec![folder] })
    }

    /// The next files, `most` of them; fewer only at the end.
    pub fn batch(&mut self, most: usize, stop: &AtomicBool) -> Result<Vec<Entry>> {
        check(stop)?;
        let (mut entries, mut checked) = (Vec::new(), Instant::now());
        while entries.len() < most
            && let Some(folder) = self.open.last_mut()
        {
            if checked.elapsed() > TICK {
                check(stop)?;
                checked = Instant::now();
            }
            let Some((name, is_folder)) = folder.names.next() else {
                self.open.pop();
                continue;
            };
            let path = folder.path.join(name);
            let visited = if is_folder {
                Folder::open(path.clone()).map(|folder| self.open.push(folder))
            } else {
                fs::metadata(&path).map(|metadata| entries.extend(entry(&path, &metadata)))
            };
            match visited {
                Ok(()) => {}
                // It went away meanwhile, or it is a link to nothing.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // A link to itself.
                Err(error)
                    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {}
                Err(error) => return Err(Error::store("cannot list", &path, error)),
            }
        }
        Ok(entries)
    }
}

/// What is told of a file; none of what is no file.
fn entry(path: &Path, metadata: &fs::Metadata) -> Option<Entry> {
    let stamp = Stamp::of(metadata);
    metadata.is_file().then(|| Entry {
        place: path.into(),
        length: stamp.length,
        modified_ns: stamp.mtime_ns,
        etag: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn files_come_in_order_and_linked_folders_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("b/c")).unwrap();
        fs::create_dir(root.join("empty")).unwrap();
        for name in ["b/c/2", "b/1", "a", "c", "b.x", ".x.tmp"] {
            fs::write(root.join(name), name).unwrap();
        }
        symlink(root.join("b"), root.join("linked")).unwrap();
        symlink(root.join("a"), root.join("link")).unwrap();
        symlink(root.join("self"), root.join("self")).unwrap();
        symlink(root.join("nowhere"), root.join("broken")).unwrap();
        let stop = AtomicBool::new(false);
        let mut walk = Walk::of(root).unwrap();
        let mut found = Vec::new();
        loop {
            let batch = walk.batch(2, &stop).unwrap();
            found.extend(batch.iter().map(|entry| {
                let path = Path::new(&entry.place).strip_prefix(root).unwrap();
                path.to_string_lossy().into_owned()
            }));
            if batch.len() < 2 {
                break;
            }
        }
        assert_eq!(found, [".x.tmp", "a", "b/1", "b/c/2", "b.x", "c", "link"]);
        assert!(Walk::of(&root.join("absent")).is_err());
        assert!(matches!(Walk::of(&root.join("a")), Err(Error::Invalid(_))));
    }
}
