//! `decompress`: an archive back into its source.

use std::path::PathBuf;

use pyo3::prelude::*;
use readvault_core::archive::{self, DecompressOptions, Output};

/// Gives the source in `archive` (none: standard input) back.
///
/// `output` none: the recorded name in the archive's folder, or standard output where `stdout` is true.
#[pyfunction]
#[pyo3(signature = (archive, output, *, stdout=false, threads=0, force=false, attachments=true, reference=None, progress=None))]
#[allow(clippy::too_many_arguments, reason = "Python's keyword arguments")]
pub fn decompress(
    py: Python<'_>,
    archive: Option<PathBuf>,
    output: Option<PathBuf>,
    stdout: bool,
    threads: usize,
    force: bool,
    attachments: bool,
    reference: Option<PathBuf>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let mut options = DecompressOptions::default();
    options.threads = threads;
    options.force = force;
    options.attachments = attachments;
    options.reference = reference;
    let from = crate::input(py, archive)?;
    let to = if stdout {
        Some(Output::Stdout)
    } else {
        output
            .map(|output| crate::output(py, Some(output)))
            .transpose()?
    };
    crate::progress::run(py, progress, |progress| {
        archive::decompress(&from, to.as_ref(), &options, progress)
    })
}
