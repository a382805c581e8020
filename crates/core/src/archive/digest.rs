//! Length and digests of a file or object as it stands, whatever it is.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::Progress;
use super::open::hex;
use super::report::DigestReport;
use crate::store::{Location, Source, look};
use crate::{Error, Result};

/// Bytes that are digested at once.
const PIECE: usize = 1 << 20;

/// See [`super::digest`].
pub fn digest(location: &Location, progress: &dyn Progress) -> Result<DigestReport> {
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
}
