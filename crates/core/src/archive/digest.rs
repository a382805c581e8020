//! Length and digests of a file or object as it stands, whatever it is, and copies of it.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::Progress;
use super::open::hex;
use super::report::DigestReport;
use crate::store::{Location, Source, Target, look};
use crate::{Error, Result};

/// Bytes that are digested at once.
const PIECE: usize = 1 << 20;

/// See [`super::digest`].
pub fn digest(location: &Location, progress: &dyn Progress) -> Result<DigestReport> {
    read_all(location, progress, &mut |_| Ok(()))
}

/// See [`super::copy`].
pub fn copy(
    location: &Location,
    target: &Location,
    force: bool,
    progress: &dyn Progress,
) -> Result<DigestReport> {
    let length = look(location)?.length;
    let stop = Arc::new(AtomicBool::new(false));
    let mut copy = Target::create(target, force, Some(location), Some(length), &stop)?;
    let report = read_all(location, progress, &mut |piece| {
        copy.write_all(piece).map_err(|error| copy.error(error))
    })?;
    copy.publish(None)?;
    Ok(report)
}

/// Reads what is at a place from front to back, in one state, and hands its bytes on.
fn read_all(
    location: &Location,
    progress: &dyn Progress,
    hear: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<DigestReport> {
    let changed = |how: &str| Error::Store {
        context: format!("cannot read {location}"),
        source: io::Error::other(format!("it changed while it was read ({how}); start again")),
    };
    let state = look(location)?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut source = Source::open(location, &stop)?;
    if !source.is_in(&state) {
        return Err(changed("it is another one now"));
    }
    let (mut sha256, mut md5) = (Sha256::new(), Md5::new());
    let (mut piece, mut length) = (vec![0; PIECE], 0);
    loop {
        if !progress.update(length, Some(state.length)) {
            return Err(Error::Interrupted);
        }
        let got = match source.read(&mut piece) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(source.error(error)),
        };
        sha256.update(&piece[..got]);
        md5.update(&piece[..got]);
        hear(&piece[..got])?;
        length += got as u64;
    }
    if length != state.length {
        return Err(changed(&format!("{} bytes, then {length}", state.length)));
    }
    let md5: [u8; 16] = md5.finalize().into();
    source.check_unchanged(length, &md5)?;
    // What has its name now is what was read.
    if let Some(how) = state.differs(&look(location)?) {
        return Err(changed(&how));
    }
    Ok(DigestReport {
        length,
        sha256: hex(&sha256.finalize()),
        md5: hex(&md5),
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Silent;

    impl Progress for Silent {
        fn update(&self, _: u64, _: Option<u64>) -> bool {
            true
        }
    }

    #[test]
    fn a_file_is_digested_as_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, b"abc").unwrap();
        let report = digest(&path.into(), &Silent).unwrap();
        assert_eq!(report.length, 3);
        assert_eq!(report.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert!(report.sha256.starts_with("ba7816bf"));
        assert_eq!(report.state.length, 3);
        assert!(report.state.inode.is_some());
    }

    #[test]
    fn a_copy_has_the_bytes_of_the_file_and_replaces_nothing_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("x"), folder.path().join("y"));
        std::fs::write(&path, b"abc").unwrap();
        let (path, target) = (Location::from(path), Location::from(other.clone()));
        let report = copy(&path, &target, false, &Silent).unwrap();
        assert_eq!(report.length, 3);
        assert_eq!(std::fs::read(&other).unwrap(), b"abc");
        assert!(copy(&path, &target, false, &Silent).is_err());
        assert!(copy(&path, &target, true, &Silent).is_ok());
    }
}
