//! `quickcheck`: structure only.

use std::path::PathBuf;

use pyo3::prelude::*;
use readvault_core::archive;

/// Checks the header, trailer, directory and lengths of `archive` (none: standard input).
#[pyfunction]
#[pyo3(signature = (archive))]
pub fn quickcheck(py: Python<'_>, archive: Option<PathBuf>) -> PyResult<()> {
    let from = crate::input(py, archive)?;
    crate::progress::run(py, None, |progress| archive::quickcheck(&from, progress)).map(drop)
}
