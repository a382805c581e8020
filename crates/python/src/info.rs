//! `info`: what an archive says of itself.

use std::path::PathBuf;

use pyo3::prelude::*;
use readvault_core::archive;

/// Reads what `archive` (none: standard input) says of itself.
#[pyfunction]
#[pyo3(signature = (archive))]
pub fn info(py: Python<'_>, archive: Option<PathBuf>) -> PyResult<String> {
    let from = crate::input(py, archive)?;
    crate::progress::run(py, None, |progress| archive::info(&from, progress))
}
