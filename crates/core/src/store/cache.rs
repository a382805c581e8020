//! A cache of parts of objects in a folder, which any number of processes may share. Each part is a file that is named after the
//! object's state and its range, and ends with a digest: a file that a crash left half, or that somebody changed, is a miss.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::location::{Kind, ObjectUrl};
use super::request::Pin;
use super::waiting::lock;

/// Bytes of the digest that ends a file.
const DIGEST: usize = 32;

/// Share of the cache that a process may add before it looks how large all of it is.
const LOOK_AFTER: u64 = 16;

/// A cache.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    most: u64,
    /// Bytes that were added since the last look.
    added: Mutex<u64>,
}

impl Cache {
    /// The cache in a folder, of at most so many bytes (and a sixteenth for each process that is writing).
    pub fn new(folder: &Path, most: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            most,
            // The first part makes it look.
            added: Mutex::new(u64::MAX),
        }
    }

    /// Where parts of this state of an object are; none for states that are not known by a name.
    fn folder_of(&self, url: &ObjectUrl, pin: &Pin) -> Option<PathBuf> {
        let etag = pin.etag.as_ref().filter(|_| url.kind != Kind::Memory)?;
        let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
            .map(|name| std::env::var(name).unwrap_or_default())
            .concat();
        let place = format!(
            "{:?}\n{endpoint}\n{}\n{}\n{}\n{etag}\n{}",
            url.kind,
            url.account.as_deref().unwrap_or_default(),
            url.bucket,
            url.key,
            pin.length
        );
        let digest: [u8; DIGEST] = Sha256::digest(place).into();
        let name: String = digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Some(self.folder.join(&name[..2]).join(&name[2..]))
    }

    /// The bytes from the start of `range` on that are here, without a gap.
    pub fn get(&self, url: &ObjectUrl, pin: &Pin, range: Range<u64>) -> Vec<u8> {
        let mut found = Vec::new();
        let Some(folder) = self.folder_of(url, pin) else {
            return found;
        };
        let parts = parts_in(&folder);
        let mut at = range.start;
        while at < range.end {
            // Of those that hold this byte, the one that goes farthest.
            let holding = parts
                .iter()
                .filter(|(part, _)| part.start <= at && at < part.end)
                .max_by_key(|(part, _)| part.end);
            let Some((part, path)) = holding else { break };
            let Some(bytes) = read(path, part) else {
                // Of no use to anybody.
                let _ = fs::remove_file(path);
                break;
            };
            let end = range.end.min(part.end);
            let (skip, until) = ((at - part.start) as usize, (end - part.start) as usize);
            found.extend_from_slice(&bytes[skip..until]);
            at = end;
        }
        found
    }

    /// Keeps the bytes of `range`. What cannot be kept is not: the reader has it all the same.
    pub fn put(&self, url: &ObjectUrl, pin: &Pin, range: &Range<u64>, bytes: &[u8]) {
        let Some(folder) = self.folder_of(url, pin) else {
            return;
        };
        let name = format!("{}-{}", range.start, range.end);
        let written = fs::create_dir_all(&folder).and_then(|()| {
            let mut file = tempfile::Builder::new()
                .prefix(".part")
                .tempfile_in(&folder)?;
            file.write_all(bytes)?;
            file.write_all(&Sha256::digest(bytes))?;
            file.persist(folder.join(name))?;
            Ok(())
        });
        if written.is_ok() {
            self.added(bytes.len() as u64);
        }
    }

    fn added(&self, bytes: u64) {
        let mut added = lock(&self.added);
        *added = added.saturating_add(bytes);
        if *added >= self.most / LOOK_AFTER {
            *added = 0;
            self.shrink();
        }
    }

    /// Removes the parts that were used longest ago until it is small enough. One process does at a time.
    fn shrink(&self) {
        let Ok(file) = File::create(self.folder.join("lock")) else {
            return;
        };
        if file.try_lock().is_err() {
            return;
        }
        let mut files: BTreeMap<(SystemTime, PathBuf), u64> = BTreeMap::new();
        let mut total = 0;
        for folder in folders_in(&self.folder)
            .iter()
            .flat_map(|folder| folders_in(folder))
        {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let Ok(metadata) = entry.metadata() else {
                    continue;
                };
                total += metadata.len();
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.insert((used, entry.path()), metadata.len());
            }
        }
        for ((_, path), length) in files {
            if total <= self.most {
                break;
            }
            if fs::remove_file(&path).is_ok() {
                total -= length;
                // Only of empty ones.
                let _ = path.parent().map(fs::remove_dir);
            }
        }
    }
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}

/// The parts in an object's folder.
fn parts_in(folder: &Path) -> Vec<(Range<u64>, PathBuf)> {
    let part = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let (start, end) = name.to_str()?.split_once('-')?;
        let range = start.parse().ok()?..end.parse().ok()?;
        (!range.is_empty()).then(|| (range, entry.path()))
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(part).collect()
}

/// The bytes of a part, if they are what was kept. Takes note that it was used.
fn read(path: &Path, part: &Range<u64>) -> Option<Vec<u8>> {
    let length = usize::try_from(part.end - part.start).ok()?;
    let mut file = File::options().read(true).write(true).open(path).ok()?;
    // No memory for what the name promises and the file does not hold.
    if file.metadata().ok()?.len() != (length + DIGEST) as u64 {
        return None;
    }
    let mut bytes = Vec::with_capacity(length + DIGEST);
    (&mut file)
        .take((length + DIGEST) as u64)
        .read_to_end(&mut bytes)
        .ok()?;
    let digest = bytes.split_off(length);
    if Sha256::digest(&bytes)[..] != digest[..] {
        return None;
    }
    let _ = file.set_modified(SystemTime::now());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::location::Location;
    use super::*;

    fn url(text: &str) -> ObjectUrl {
        match Location::parse(text.as_ref()).unwrap() {
            Location::Url(url) => url,
            Location::Path(_) => unreachable!(),
        }
    }

    fn pin(etag: &str) -> Pin {
        Pin {
            length: 1000,
            etag: Some(etag.to_owned()),
            modified_ns: 0,
        }
    }

    #[test]
    fn what_was_kept_is_found_by_object_state_and_range() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), 1 << 20);
        let bytes: Vec<u8> = (0..=255).collect();
        cache.put(&url("s3://b/x"), &pin("1"), &(100..200), &bytes[..100]);
        cache.put(&url("s3://b/x"), &pin("1"), &(200..300), &bytes[100..200]);
        let get = |at: &str, etag: &str, range| cache.get(&url(at), &pin(etag), range);
        assert_eq!(get("s3://b/x", "1", 150..250), bytes[50..150]);
        assert_eq!(get("s3://b/x", "1", 250..400), bytes[150..200]);
        assert_eq!(get("s3://b/x", "1", 0..400), b"");
        assert_eq!(get("s3://b/x", "2", 150..250), b"");
        assert_eq!(get("s3://b/y", "1", 150..250), b"");
    }

    #[test]
    fn a_part_that_was_changed_or_cut_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), 1 << 20);
        let (url, pin) = (url("s3://b/x"), pin("1"));
        for cut in [false, true] {
            cache.put(&url, &pin, &(0..100), &[7; 100]);
            let (_, path) = parts_in(&cache.folder_of(&url, &pin).unwrap()).remove(0);
            let mut bytes = fs::read(&path).unwrap();
            if cut {
                bytes.truncate(50);
            } else {
                bytes[5] ^= 1;
            }
            fs::write(&path, bytes).unwrap();
            assert_eq!(cache.get(&url, &pin, 0..100), b"");
            assert!(!path.exists());
        }
    }

    #[test]
    fn it_stays_as_small_as_it_must() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), 16_000);
        for number in 0..200u64 {
            let range = number * 500..number * 500 + 500;
            cache.put(&url("s3://b/x"), &pin("1"), &range, &[1; 500]);
        }
        let parts = parts_in(&cache.folder_of(&url("s3://b/x"), &pin("1")).unwrap());
        let total: u64 = parts.iter().map(|(part, _)| part.end - part.start).sum();
        assert!(total <= 17_000, "{total}");
        assert!(parts.len() > 20);
    }
}
