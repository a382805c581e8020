//! `verify`: decode everything and compare.

use std::path::PathBuf;

use pyo3::prelude::*;
use readvault_core::archive;

/// Decodes all of `archive` (none: standard input) and compares it with its fingerprint and with the file `against`.
#[pyfunction]
#[pyo3(signature = (archive, *, against=None, reference=None, threads=0, progress=None))]
pub fn verify(
    py: Python<'_>,
    archive: Option<PathBuf>,
    against: Option<PathBuf>,
    reference: Option<PathBuf>,
    threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let from = crate::input(archive);
    let against = against.map(archive::Input::Path);
    crate::progress::run(py, progress, |progress| {
        archive::verify(
            &from,
            against.as_ref(),
            reference.as_deref(),
            threads,
            progress,
        )
    })
}
