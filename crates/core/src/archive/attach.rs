//! Indexes found beside a source: taken into the archive, and looked at whether they belong to it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::index::Index;
use super::write::NewAttachment;
use crate::container::MAX_INDEX;
use crate::container::trailer::Naming;
use crate::store::{Facts, Location, Source};
use crate::{Error, Result};

/// Where an index of `source` by this naming would be.
pub fn path_of(source: &Path, kind: &str, naming: Naming) -> PathBuf {
    match naming {
        Naming::Appended => {
            let mut name = source.as_os_str().to_owned();
            name.push(".");
            name.push(kind);
            name.into()
        }
        Naming::Replaced => source.with_extension(kind),
    }
}

/// The same of a source at `location`.
pub fn location_of(source: &Location, kind: &str, naming: Naming) -> Location {
    let name = source.name().unwrap_or_default();
    let name = path_of(Path::new(&*String::from_utf8_lossy(&name)), kind, naming);
    match (source, naming) {
        // Names of files need be no text.
        (Location::Path(path), naming) => path_of(path, kind, naming).into(),
        (source, _) => source.beside(&name.to_string_lossy()),
    }
}

/// The indexes beside `source`, and warnings about those that could not be taken.
pub fn find(
    source: &Location,
    source_mtime_ns: i64,
    source_length: u64,
    references: usize,
) -> (Vec<NewAttachment>, Vec<String>) {
    let (mut found, mut warnings) = (Vec::new(), Vec::new());
    for kind in ["bai", "csi"] {
        for naming in [Naming::Appended, Naming::Replaced] {
            let location = location_of(source, kind, naming);
            let name = location.name().unwrap_or_default();
            let name = String::from_utf8_lossy(&name).into_owned();
            let (facts, bytes) = match read(&location) {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(error) => {
                    warnings.push(format!("index {name} was left out: {error}"));
                    continue;
                }
            };
            let mtime_ns = facts.mtime_ns;
            let mut stale = String::new();
            if !matches(kind, &bytes, source_length, references) {
                stale = "does not match the source".to_owned();
            } else if mtime_ns < source_mtime_ns {
                stale = "is older than the source".to_owned();
            }
            if !stale.is_empty() {
                warnings.push(format!("index {name} {stale}; it was attached as it is"));
            }
            found.push(NewAttachment {
                kind,
                naming,
                mtime_ns,
                stale,
                bytes,
            });
        }
    }
    (found, warnings)
}

/// An index at `location`, if there is a file or object.
pub fn read(location: &Location) -> Result<Option<(Facts, Vec<u8>)>> {
    // Opening a pipe would wait for its writer.
    if let Location::Path(path) = location
        && !fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
    {
        return Ok(None);
    }
    match read_whole(location, MAX_INDEX) {
        Ok((Some(facts), bytes)) => Ok(Some((facts, bytes))),
        Ok((None, _)) => Ok(None),
        Err(Error::Store { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// All bytes of what is at `location`, no more than `most`, and its facts unless it is a pipe.
pub fn read_whole(location: &Location, most: u64) -> Result<(Option<Facts>, Vec<u8>)> {
    let stop = AtomicBool::new(false);
    let mut source = Source::open(location, &stop)?;
    let facts = source.facts();
    let mut bytes = Vec::new();
    if facts.is_none_or(|facts| facts.length <= most) {
        let read = (&mut source).take(most + 1).read_to_end(&mut bytes);
        read.map_err(|error| source.error(error))?;
        if bytes.len() as u64 <= most {
            return Ok((facts, bytes));
        }
    }
    Err(Error::Invalid(format!(
        "it is longer than {} MiB",
        most >> 20
    )))
}

/// Whether an index fits a source of this length with this many references: it parses, names as many references,
/// and points nowhere behind the source's end.
fn matches(kind: &str, bytes: &[u8], source_length: u64, references: usize) -> bool {
    Index::read(bytes.to_vec(), source_length, references)
        .is_ok_and(|index| index.is_csi() == (kind == "csi"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bai(offset: u64) -> Vec<u8> {
        let mut out = b"BAI\x01".to_vec();
        for value in [1u32, 1, 4681, 1] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&0u64.to_le_bytes());
        out.extend_from_slice(&(offset << 16).to_le_bytes());
        out.extend_from_slice(&0u32.to_le_bytes());
        out
    }

    #[test]
    fn an_index_matches_by_references_and_offsets() {
        assert!(matches("bai", &bai(900), 1000, 1));
        assert!(!matches("bai", &bai(2000), 1000, 1));
        assert!(!matches("bai", &bai(900), 1000, 2));
        assert!(!matches("bai", &bai(900)[..20], 1000, 1));
        assert!(!matches("csi", &bai(900), 1000, 1));
    }

    #[test]
    fn names_follow_from_the_source() {
        let name = |kind, naming| {
            path_of(Path::new("/x/a.b.bam"), kind, naming)
                .to_string_lossy()
                .into_owned()
        };
        assert_eq!(name("bai", Naming::Appended), "/x/a.b.bam.bai");
        assert_eq!(name("csi", Naming::Replaced), "/x/a.b.csi");
    }
}
