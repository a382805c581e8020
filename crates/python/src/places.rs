//! What stands at places: looked at, listed, digested, labelled and removed, without anything being read as an archive.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Mutex;

use pyo3::prelude::*;
use readvault_core::{Error, archive};

use crate::errors;
use crate::records::{next, released};
use crate::transfers::{folder, place as location};

/// A file or an object: its place, length, time of its last change in nanoseconds since 1970, and ETag.
type Entry = (OsString, u64, i64, Option<String>);

/// What a place says of the file or object there, as JSON text.
#[pyfunction]
#[pyo3(signature = (place))]
pub fn look(py: Python<'_>, place: PathBuf) -> PyResult<String> {
    let location = location(py, place)?;
    crate::progress::json(py, py.detach(|| archive::look(&location)))
}

/// All files below a folder, or all objects below a URL.
#[pyfunction]
#[pyo3(signature = (place))]
pub fn listing(py: Python<'_>, place: PathBuf) -> PyResult<Listing> {
    let location = folder(py, place)?;
    let listing = released(py, || archive::Listing::of(&location))?;
    Ok(Listing(Mutex::new(Box::new(listing))))
}

/// Batches of files or objects, told as they are found.
#[pyclass(module = "readvault._core")]
pub struct Listing(
    Mutex<Box<dyn Iterator<Item = readvault_core::Result<Vec<archive::Entry>>> + Send>>,
);

#[pymethods]
impl Listing {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Vec<Entry>>> {
        let batch = next(py, &self.0)?;
        let plain =
            |entry: archive::Entry| (entry.place, entry.length, entry.modified_ns, entry.etag);
        Ok(batch.map(|batch| batch.into_iter().map(plain).collect()))
    }
}

/// Removes what is at a place if it is in the state that `look` gave; false where nothing was there any more.
#[pyfunction]
#[pyo3(signature = (place, state))]
pub fn remove(py: Python<'_>, place: PathBuf, state: Option<String>) -> PyResult<bool> {
    let location = location(py, place)?;
    let state: Option<archive::State> = match state.as_deref().map(serde_json::from_str) {
        None => None,
        Some(Ok(state)) => Some(state),
        Some(Err(error)) => {
            let error = Error::Invalid(format!("{location}: is no state that look gave: {error}"));
            return Err(errors::raise(py, &error));
        }
    };
    released(py, || archive::remove(&location, state.as_ref()))
}

/// Gives an object of S3 these tags besides those that it has.
#[pyfunction]
#[pyo3(signature = (place, tags))]
pub fn tag(py: Python<'_>, place: PathBuf, tags: BTreeMap<String, String>) -> PyResult<()> {
    let location = location(py, place)?;
    released(py, || archive::tag(&location, &tags))
}

/// Moves an object of S3 to the storage class of this name.
#[pyfunction]
#[pyo3(signature = (place, name))]
pub fn storage_class(py: Python<'_>, place: PathBuf, name: String) -> PyResult<()> {
    let location = location(py, place)?;
    released(py, || archive::storage_class(&location, &name))
}

/// Length and digests of what is at a place, and the state that it was read in, as JSON text.
#[pyfunction]
#[pyo3(signature = (place, *, progress=None))]
pub fn digest(py: Python<'_>, place: PathBuf, progress: Option<Py<PyAny>>) -> PyResult<String> {
    let location = location(py, place)?;
    crate::progress::run(py, progress, |progress| {
        archive::digest(&location, progress)
    })
}

/// Copies what is at a place, whole or not at all, and tells what was copied, as JSON text.
#[pyfunction]
#[pyo3(signature = (place, target, *, force=false, progress=None))]
pub fn copy(
    py: Python<'_>,
    place: PathBuf,
    target: PathBuf,
    force: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let (from, to) = (location(py, place)?, location(py, target)?);
    crate::progress::run(py, progress, |progress| {
        archive::copy(&from, &to, force, progress)
    })
}
