//! `open`: random access to the source's bytes inside an archive.

use std::path::PathBuf;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use readvault_core::{Error, archive};

use crate::errors;

/// Opens what is at `path`: an archive, or a file or object that starts as BAM, CRAM and gzip files do. `index` is where a BAM
/// file's index is, if not beside it.
#[pyfunction]
#[pyo3(signature = (path, *, reference=None, threads=1, index=None))]
pub fn open<'py>(
    py: Python<'py>,
    path: PathBuf,
    reference: Option<PathBuf>,
    threads: usize,
    index: Option<PathBuf>,
) -> PyResult<Bound<'py, PyAny>> {
    let location = crate::transfers::place(py, path)?;
    let index = index
        .map(|index| crate::transfers::place(py, index))
        .transpose()?;
    let readable = py
        .detach(|| archive::Readable::open(&location, reference.as_deref()))
        .map_err(|error| errors::raise(py, &error))?;
    match readable {
        archive::Readable::Archive(_) if index.is_some() => {
            let error = Error::Invalid(format!(
                "{location}: is an archive, which is read without an index"
            ));
            Err(errors::raise(py, &error))
        }
        archive::Readable::Archive(archive) => {
            Archive(archive.with_threads(threads)).into_bound_py_any(py)
        }
        archive::Readable::Source(source) => {
            let name = String::from_utf8_lossy(&location.name().unwrap_or_default()).into_owned();
            let source = match index {
                Some(index) => source.with_index(index),
                None => *source,
            };
            SourceReader { source, name }.into_bound_py_any(py)
        }
    }
}

/// An open file or object that is no archive.
#[pyclass(frozen, module = "readvault._core")]
pub struct SourceReader {
    pub(crate) source: archive::SourceReader,
    name: String,
}

#[pymethods]
impl SourceReader {
    /// Its length in bytes.
    #[getter]
    fn source_length(&self) -> u64 {
        self.source.length()
    }

    /// Its name without folders.
    #[getter]
    fn source_name(&self) -> &str {
        &self.name
    }

    /// Its bytes from `offset` on, `length` of them (fewer only at the end).
    fn read_at<'py>(
        &self,
        py: Python<'py>,
        offset: u64,
        length: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        bytes(py, self.source.length(), offset, length, |buffer| {
            self.source.read_at(offset, buffer)
        })
    }
}

/// An open archive. It holds no position, so any number of threads may read from one.
#[pyclass(frozen, module = "readvault._core")]
pub struct Archive(pub(crate) archive::Archive);

#[pymethods]
impl Archive {
    #[new]
    #[pyo3(signature = (path, *, reference=None, threads=1))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        reference: Option<PathBuf>,
        threads: usize,
    ) -> PyResult<Self> {
        let location = crate::transfers::place(py, path)?;
        py.detach(|| archive::Archive::open(location, reference.as_deref()))
            .map(|archive| archive.with_threads(threads))
            .map(Self)
            .map_err(|error| errors::raise(py, &error))
    }

    /// Length of the source in bytes.
    #[getter]
    fn source_length(&self) -> u64 {
        self.0.source_length()
    }

    /// Recorded name of the source.
    #[getter]
    fn source_name(&self) -> &str {
        self.0.source_name()
    }

    /// The source's bytes from `offset` on, `length` of them (fewer only at the end).
    fn read_at<'py>(
        &self,
        py: Python<'py>,
        offset: u64,
        length: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        bytes(py, self.0.source_length(), offset, length, |buffer| {
            self.0.read_at(offset, buffer)
        })
    }

    /// Length of the plain view in bytes.
    #[getter]
    fn plain_length(&self) -> u64 {
        self.0.plain_length()
    }

    /// The plain view's bytes from `offset` on, `length` of them (fewer only at the end).
    fn read_plain_at<'py>(
        &self,
        py: Python<'py>,
        offset: u64,
        length: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        bytes(py, self.0.plain_length(), offset, length, |buffer| {
            self.0.read_plain_at(offset, buffer)
        })
    }
}

/// All bytes of the file or object at `path`, which must not be longer than `most`.
#[pyfunction]
#[pyo3(signature = (path, *, most))]
pub fn read_small<'py>(py: Python<'py>, path: PathBuf, most: u64) -> PyResult<Bound<'py, PyBytes>> {
    let location = crate::transfers::place(py, path)?;
    let bytes = py
        .detach(|| archive::read_small(&location, most))
        .map_err(|error| errors::raise(py, &error))?;
    Ok(PyBytes::new(py, &bytes))
}

/// What `read` fills a buffer with, of something with so many bytes.
fn bytes<'py>(
    py: Python<'py>,
    total: u64,
    offset: u64,
    length: usize,
    read: impl FnOnce(&mut [u8]) -> readvault_core::Result<usize> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let left = total.saturating_sub(offset);
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(length);
    // Nobody else sees the object before it is whole, so core may fill it with the interpreter released.
    let mut filled = 0;
    let bytes = PyBytes::new_with(py, length, |buffer| {
        filled = py
            .detach(|| read(buffer))
            .map_err(|error| errors::raise(py, &error))?;
        Ok(())
    })?;
    if filled == length {
        return Ok(bytes);
    }
    Ok(PyBytes::new(py, &bytes.as_bytes()[..filled]))
}
