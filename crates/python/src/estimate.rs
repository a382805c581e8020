//! `estimate`: how large an archive would be.

use std::path::PathBuf;

use pyo3::prelude::*;
use readvault_core::archive;

/// Predicts the archive's size from samples of the file `source`.
#[pyfunction]
#[pyo3(signature = (source, *, level="default", progress=None))]
pub fn estimate(
    py: Python<'_>,
    source: Option<PathBuf>,
    level: &str,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let from = crate::input(py, source)?;
    let level = crate::level(level)?;
    crate::progress::run(py, progress, |progress| {
        archive::estimate(&from, level, progress)
    })
}
