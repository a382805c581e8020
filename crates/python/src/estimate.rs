//! `estimate`: how large an archive would be.

use std::path::PathBuf;

use pyo3::prelude::*;
use readvault_core::archive::{self, CompressOptions};

/// Predicts the archive's size from samples of `source` (none: standard input).
#[pyfunction]
#[pyo3(signature = (source, *, threads=0, progress=None))]
pub fn estimate(
    py: Python<'_>,
    source: Option<PathBuf>,
    threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let mut options = CompressOptions::default();
    options.threads = threads;
    let from = crate::input(source);
    crate::progress::run(py, progress, |progress| {
        archive::estimate(&from, &options, progress)
    })
}
