//! `compress`: a source into an archive.

use std::path::PathBuf;

use pyo3::prelude::*;
use readvault_core::archive::{self, CompressOptions};

/// Compresses `source` (none: standard input) into an archive at `archive` (none: standard output).
#[pyfunction]
#[pyo3(signature = (source, archive, *, threads=0, force=false, name=None, level="default", reference=None, reference_folders=false, progress=None))]
#[allow(clippy::too_many_arguments, reason = "Python's keyword arguments")]
pub fn compress(
    py: Python<'_>,
    source: Option<PathBuf>,
    archive: Option<PathBuf>,
    threads: usize,
    force: bool,
    name: Option<String>,
    level: &str,
    reference: Option<PathBuf>,
    reference_folders: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let mut options = CompressOptions::default();
    options.threads = threads;
    options.force = force;
    options.name = name;
    options.level = crate::level(level)?;
    options.reference = reference;
    options.reference_folders = reference_folders;
    let (from, to) = (crate::input(py, source)?, crate::output(py, archive)?);
    crate::progress::run(py, progress, |progress| {
        archive::compress(&from, &to, &options, progress)
    })
}
