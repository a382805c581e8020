//! Transfers from and to object stores: places given as URLs, settings, and what it all took.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use readvault_core::archive::{self, Location, TransferSettings};

use crate::errors;

/// What a path or URL names. The first URL makes the settings of the environment and of the configuration file those of this
/// process.
pub fn place(py: Python<'_>, text: PathBuf) -> PyResult<Location> {
    parsed(py, text, Location::parse)
}

/// What the path of a folder, or the URL of a bucket or of what stands for a folder in it, names.
pub fn folder(py: Python<'_>, text: PathBuf) -> PyResult<Location> {
    parsed(py, text, Location::parse_folder)
}

fn parsed(
    py: Python<'_>,
    text: PathBuf,
    parse: fn(&OsStr) -> readvault_core::Result<Location>,
) -> PyResult<Location> {
    let text: OsString = text.into();
    let location = parse(&text).map_err(|error| errors::raise(py, &error))?;
    if matches!(location, Location::Url(_)) {
        py.import("readvault.config")?.call_method0("ensure")?;
    }
    Ok(location)
}

/// Sets how objects that are opened from now on are transferred; sizes in bytes, times in seconds.
#[pyfunction]
#[pyo3(signature = (*, connections, min_part, max_part, retries, memory, timeout, cache, cache_size, anonymous, requester_pays, tags, storage_class))]
#[allow(clippy::too_many_arguments, reason = "Python's keyword arguments")]
pub fn configure_transfers(
    py: Python<'_>,
    connections: usize,
    min_part: u64,
    max_part: u64,
    retries: u32,
    memory: u64,
    timeout: f64,
    cache: Option<PathBuf>,
    cache_size: u64,
    anonymous: bool,
    requester_pays: bool,
    tags: Vec<(String, String)>,
    storage_class: Option<String>,
) -> PyResult<()> {
    let mut settings = TransferSettings::default();
    settings.connections = connections;
    settings.min_part = min_part;
    settings.max_part = max_part;
    settings.retries = retries;
    settings.memory = memory;
    settings.timeout = Duration::try_from_secs_f64(timeout).unwrap_or_default();
    settings.cache = cache;
    settings.cache_size = cache_size;
    settings.anonymous = anonymous;
    settings.requester_pays = requester_pays;
    settings.tags = tags;
    settings.storage_class = storage_class;
    archive::configure(settings).map_err(|error| errors::raise(py, &error))
}

/// Totals of the transfers of this process so far, as JSON text.
#[pyfunction]
pub fn transfer_totals(py: Python<'_>) -> PyResult<String> {
    crate::progress::json(py, Ok(archive::transfer_totals()))
}

/// A file or an object on its way: written from front to back, it is not there before it is published.
#[pyclass(module = "readvault._core")]
pub struct Target(Option<archive::Target>);

#[pymethods]
impl Target {
    #[new]
    #[pyo3(signature = (path, *, force=false))]
    fn new(py: Python<'_>, path: PathBuf, force: bool) -> PyResult<Self> {
        let location = place(py, path)?;
        py.detach(|| archive::Target::create(&location, force, None, None, &Default::default()))
            .map(|target| Self(Some(target)))
            .map_err(|error| errors::raise(py, &error))
    }

    /// Writes all of `data`.
    #[pyo3(signature = (data, /))]
    fn write(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<usize> {
        let target = self.0.as_mut().ok_or_else(closed)?;
        let written = py.detach(|| std::io::Write::write_all(target, data));
        written.map_err(|error| errors::raise(py, &target.error(error)))?;
        Ok(data.len())
    }

    /// Puts it in its place; without force, whatever has appeared there meanwhile stays.
    fn publish(&mut self, py: Python<'_>) -> PyResult<()> {
        let target = self.0.take().ok_or_else(closed)?;
        py.detach(|| target.publish(None))
            .map_err(|error| errors::raise(py, &error))
    }

    /// Gives it up, unless it was published: nothing is left of it.
    fn close(&mut self, py: Python<'_>) {
        let target = self.0.take();
        py.detach(|| drop(target));
    }
}

fn closed() -> PyErr {
    pyo3::exceptions::PyValueError::new_err("it was published or given up already")
}

/// Whether a thread that waits for a store may go on: not when a signal's handler has raised, which only the main thread sees.
pub fn may_go_on() -> bool {
    Python::attach(|py| match py.check_signals() {
        Ok(()) => true,
        Err(error) => {
            // It comes out of what the wait was for: `errors::raise` takes it.
            error.restore(py);
            false
        }
    })
}
