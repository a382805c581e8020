//! `verify`: decode everything and compare.

use std::path::PathBuf;

use pyo3::prelude::*;
use readvault_core::archive;

/// Decodes all of `archive` (none: standard input) and compares it with its fingerprint and with the file `against`; with
/// `content_only`, decodes the content of its blocks and compares checksums.
#[pyfunction]
#[pyo3(signature = (archive, *, against=None, reference=None, threads=0, content_only=false, progress=None))]
pub fn verify(
    py: Python<'_>,
    archive: Option<PathBuf>,
    against: Option<PathBuf>,
    reference: Option<PathBuf>,
    threads: usize,
    content_only: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let from = crate::input(py, archive)?;
    let mut options = archive::VerifyOptions::default();
    options.against = against
        .map(|against| crate::input(py, Some(against)))
        .transpose()?;
    options.reference = reference;
    options.threads = threads;
    options.content_only = content_only;
    crate::progress::run(py, progress, |progress| {
        archive::verify(&from, &options, progress)
    })
}
