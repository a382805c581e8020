//! An archive that was cut short is named so, wherever the cut is, and gives nothing.

mod common;

use std::fs;

use common::{Silent, check, folder, samples, unpack};
use readvault_core::Error;
use readvault_core::archive::{Archive, Input, info, quickcheck};

#[test]
fn an_archive_cut_at_any_byte_is_named_truncated() {
    for sample in samples::all() {
        let folder = folder();
        let archive = fs::read(sample.pack(folder.path())).unwrap();
        let (cut, output) = (folder.path().join("cut.rv"), folder.path().join("output"));
        for length in 0..archive.len() {
            fs::write(&cut, &archive[..length]).unwrap();
            let input = Input::from(cut.clone());
            let errors = [
                check(&cut, 1).map(drop),
                unpack(&cut, &output, 1).map(drop),
                quickcheck(&input, &Silent),
                info(&input, &Silent).map(drop),
                Archive::open(&cut, None).map(drop),
            ];
            for error in errors {
                let error = error.expect_err("a cut archive was taken for whole");
                // An empty file is nobody's archive.
                let named = matches!(error, Error::Truncated(_))
                    || length == 0 && matches!(error, Error::Damaged(_));
                assert!(named, "{} cut at {length}: {error:?}", sample.name);
            }
            assert!(
                !output.exists(),
                "{} cut at {length} left an output",
                sample.name
            );
        }
    }
}

#[test]
fn an_archive_with_bytes_behind_its_end_is_refused() {
    for sample in samples::all() {
        let folder = folder();
        let path = sample.pack(folder.path());
        let mut archive = fs::read(&path).unwrap();
        archive.extend(archive.clone());
        fs::write(&path, &archive).unwrap();
        assert!(matches!(check(&path, 1), Err(Error::Damaged(_))));
        archive.push(0);
        fs::write(&path, &archive).unwrap();
        assert!(matches!(check(&path, 1), Err(Error::Truncated(_))));
    }
}
