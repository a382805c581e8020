//! Indexes found beside a source: taken into the archive, and looked at whether they belong to it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::write::NewAttachment;
use crate::container::MAX_INDEX;
use crate::container::trailer::Naming;
use crate::store::{Facts, Location, Source};
use crate::{Error, Result};

/// Most an inflated CSI index may take.
const MAX_CSI: usize = 256 << 20;

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
fn read(location: &Location) -> Result<Option<(Facts, Vec<u8>)>> {
    // Opening a pipe would wait for its writer.
    if let Location::Path(path) = location
        && !fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
    {
        return Ok(None);
    }
    let stop = AtomicBool::new(false);
    let mut source = match Source::open(location, &stop) {
        Ok(source) => source,
        Err(Error::Store { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let Some(facts) = source.facts() else {
        return Ok(None);
    };
    if facts.length > MAX_INDEX {
        return Err(Error::Invalid(
            "it is longer than any index may be".to_owned(),
        ));
    }
    let mut bytes = Vec::new();
    let read = (&mut source).take(facts.length).read_to_end(&mut bytes);
    read.map_err(|error| source.error(error))?;
    Ok(Some((facts, bytes)))
}

/// Whether an index fits a source of this length with this many references: it parses, names as many references,
/// and points nowhere behind the source's end.
fn matches(kind: &str, bytes: &[u8], source_length: u64, references: usize) -> bool {
    if kind == "bai" {
        return parse(bytes, false, source_length, references).is_some();
    }
    inflate_all(bytes).is_some_and(|bytes| parse(&bytes, true, source_length, references).is_some())
}

/// The content of a BGZF file that is held in memory.
fn inflate_all(bytes: &[u8]) -> Option<Vec<u8>> {
    use crate::source::span::{Sizes, SpanReader};
    let whole = Sizes {
        key: usize::MAX,
        other: usize::MAX,
        group: 1,
    };
    let mut reader = SpanReader::new(bytes, whole);
    let mut inflater = readvault_encoders::Inflater::new();
    let mut content = Vec::new();
    while let Some(span) = reader.next_span().ok()? {
        content
            .extend_from_slice(&crate::source::plan::inflate(&span, &mut inflater).only_content()?);
        if content.len() > MAX_CSI {
            return None;
        }
    }
    Some(content)
}

/// Walks a BAI or CSI index (SAM specification, section 5.2; CSI specification).
fn parse(bytes: &[u8], csi: bool, source_length: u64, references: usize) -> Option<()> {
    let mut rest = bytes;
    let magic = take(&mut rest, 4)?;
    if magic != if csi { b"CSI\x01" } else { b"BAI\x01" } {
        return None;
    }
    if csi {
        take(&mut rest, 8)?;
        let extra = number(&mut rest)?;
        take(&mut rest, extra)?;
    }
    if number(&mut rest)? != references {
        return None;
    }
    let points_inside = |offsets: &[u8]| {
        let offset = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes) >> 16;
        offsets
            .as_chunks::<8>()
            .0
            .iter()
            .all(|bytes| offset(bytes) <= source_length)
    };
    for _ in 0..references {
        for _ in 0..number(&mut rest)? {
            let bin = number(&mut rest)?;
            if csi {
                take(&mut rest, 8)?;
            }
            let chunks = number(&mut rest)?;
            let offsets = take(&mut rest, chunks.checked_mul(16)?)?;
            // Bin 37450 of a BAI holds counts, not offsets, in its second pair.
            let offsets = if bin == 37_450 {
                offsets.get(..16)?
            } else {
                offsets
            };
            if !csi && !points_inside(offsets) {
                return None;
            }
        }
        if !csi {
            let linear = number(&mut rest)?;
            if !points_inside(take(&mut rest, linear.checked_mul(8)?)?) {
                return None;
            }
        }
    }
    Some(())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(head)
}

fn number(rest: &mut &[u8]) -> Option<usize> {
    let bytes = take(rest, 4)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
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
