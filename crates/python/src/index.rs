//! `index`: indexes of an archive's views, made into a sidecar and read from it.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use readvault_core::archive::{self, IndexOptions, View};

use crate::errors;
use crate::transfers::place;

/// Makes indexes of the views of `archive` into a sidecar at `output` (none: beside it).
#[pyfunction]
#[pyo3(signature = (archive, output=None, *, exact=true, plain=true, csi=false, threads=0, force=false, reference=None, progress=None))]
#[allow(clippy::too_many_arguments, reason = "Python's keyword arguments")]
pub fn index(
    py: Python<'_>,
    archive: PathBuf,
    output: Option<PathBuf>,
    exact: bool,
    plain: bool,
    csi: bool,
    threads: usize,
    force: bool,
    reference: Option<PathBuf>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let mut options = IndexOptions::default();
    options.exact = exact;
    options.plain = plain;
    options.csi = csi;
    options.threads = threads;
    options.force = force;
    options.reference = reference;
    let archive = place(py, archive)?;
    let output = output.map(|output| place(py, output)).transpose()?;
    crate::progress::run(py, progress, |progress| {
        archive::index(&archive, output.as_ref(), &options, progress)
    })
}

/// The bytes of the index of the exact view, or of the plain one, from a sidecar or an archive that has it.
#[pyfunction]
#[pyo3(signature = (path, *, plain=false))]
pub fn read_index(py: Python<'_>, path: PathBuf, plain: bool) -> PyResult<Bound<'_, PyBytes>> {
    let view = if plain { View::Plain } else { View::Exact };
    let location = place(py, path)?;
    py.detach(|| archive::read_index(&location, view))
        .map(|bytes| PyBytes::new(py, &bytes))
        .map_err(|error| errors::raise(py, &error))
}
