//! Records of an open archive: what is asked for, and passes over them.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use readvault_core::Result;
use readvault_core::archive::{self, Batch};
use serde::Serialize;

use crate::open::{Archive, SourceReader};
use crate::pipe::Pipe;
use crate::{errors, lock, progress};

/// An interval on a reference by its name: 0-based, half-open.
type Interval = (String, i64, i64);

/// Which records are asked for: all that meet every condition.
#[pyclass(frozen, module = "readvault._core")]
pub struct Query {
    regions: Option<Vec<String>>,
    intervals: Option<Vec<Interval>>,
    targets: Option<Vec<Interval>>,
    rest: archive::Query,
}

#[pymethods]
impl Query {
    #[new]
    #[pyo3(signature = (*, regions=None, intervals=None, targets=None, required_flags=0, excluded_flags=0, least_mapping_quality=0, read_groups=None))]
    fn new(
        regions: Option<Vec<String>>,
        intervals: Option<Vec<Interval>>,
        targets: Option<Vec<Interval>>,
        required_flags: u16,
        excluded_flags: u16,
        least_mapping_quality: u8,
        read_groups: Option<Vec<String>>,
    ) -> Self {
        let mut rest = archive::Query::default();
        rest.required_flags = required_flags;
        rest.excluded_flags = excluded_flags;
        rest.least_mapping_quality = least_mapping_quality;
        rest.read_groups = read_groups;
        Self {
            regions,
            intervals,
            targets,
            rest,
        }
    }
}

/// What has records: an archive, or a BAM file that is read in place.
pub(crate) trait Records {
    fn regions(&self, texts: &[String]) -> Result<archive::Regions>;
    fn intervals(&self, intervals: &[Interval]) -> Result<archive::Regions>;
}

impl Records for archive::Archive {
    fn regions(&self, texts: &[String]) -> Result<archive::Regions> {
        self.regions(texts)
    }

    fn intervals(&self, intervals: &[Interval]) -> Result<archive::Regions> {
        self.intervals(intervals)
    }
}

impl Records for archive::SourceReader {
    fn regions(&self, texts: &[String]) -> Result<archive::Regions> {
        self.regions(texts)
    }

    fn intervals(&self, intervals: &[Interval]) -> Result<archive::Regions> {
        self.intervals(intervals)
    }
}

impl Query {
    /// The query with its regions on the references of an archive or BAM file.
    pub(crate) fn on(&self, archive: &impl Records) -> Result<archive::Query> {
        let mut query = self.rest.clone();
        if let Some(texts) = &self.regions {
            query.regions = Some(archive.regions(texts)?);
        }
        if let Some(intervals) = &self.intervals {
            query.regions = Some(archive.intervals(intervals)?);
        }
        if let Some(targets) = &self.targets {
            query.targets = Some(archive.intervals(targets)?);
        }
        Ok(query)
    }
}

/// Pieces of bytes, made one after the other as they are asked for.
#[pyclass(module = "readvault._core")]
pub struct Pieces(Mutex<Box<dyn Iterator<Item = Result<Vec<u8>>> + Send>>);

/// Batches of whole BAM records: their bytes, and where each ends in them.
#[pyclass(module = "readvault._core")]
pub struct Batches(Mutex<Box<dyn Iterator<Item = Result<Batch>> + Send>>);

/// The next of an iterator, with the interpreter released while it is made.
pub(crate) fn next<T: Send>(
    py: Python<'_>,
    iterator: &Mutex<Box<dyn Iterator<Item = Result<T>> + Send>>,
) -> PyResult<Option<T>> {
    py.check_signals()?;
    let next = py.detach(|| lock(iterator).next().transpose());
    next.map_err(|error| errors::raise(py, &error))
}

#[pymethods]
impl Pieces {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(next(py, &self.0)?.map(|piece| PyBytes::new(py, &piece)))
    }
}

#[pymethods]
impl Batches {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Option<(Bound<'py, PyBytes>, Vec<usize>)>> {
        let batch = next(py, &self.0)?;
        Ok(batch.map(|batch| (PyBytes::new(py, &batch.bytes), batch.ends)))
    }
}

/// Does `work` with the interpreter released.
pub(crate) fn released<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(|error| errors::raise(py, &error))
}

/// What `work` makes, as JSON text.
fn report<T: Serialize + Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T> + Send,
) -> PyResult<String> {
    progress::json(py, py.detach(work))
}

/// The methods that give records, which are the same of archives and of BAM files that are read in place.
macro_rules! record_methods {
    ($class:ty, $inner:tt) => {
        #[pymethods]
        impl $class {
            /// Text of the source's BAM header.
            fn header_text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
                Ok(PyBytes::new(
                    py,
                    &released(py, || self.$inner.header_text())?,
                ))
            }

            /// Names and lengths of the reference sequences, in order.
            fn references(&self, py: Python<'_>) -> PyResult<Vec<(String, u32)>> {
                let references = released(py, || self.$inner.references())?.into_iter();
                Ok(references
                    .map(|(name, length)| (String::from_utf8_lossy(&name).into_owned(), length))
                    .collect())
            }

            /// The records that `query` asks for, in batches.
            #[pyo3(signature = (query, *, threads=1))]
            fn records(&self, py: Python<'_>, query: &Query, threads: usize) -> PyResult<Batches> {
                let pass = released(py, || {
                    self.$inner.records(&query.on(&self.$inner)?, threads)
                })?;
                Ok(Batches(Mutex::new(Box::new(pass))))
            }

            /// The same records as lines of SAM text.
            #[pyo3(signature = (query, *, threads=1))]
            fn sam(&self, py: Python<'_>, query: &Query, threads: usize) -> PyResult<Pieces> {
                let pass = released(py, || self.$inner.sam(&query.on(&self.$inner)?, threads))?;
                Ok(Pieces(Mutex::new(Box::new(pass))))
            }

            /// The same records as a BAM file.
            #[pyo3(signature = (query, *, threads=1, compressed=true))]
            fn bam(
                &self,
                py: Python<'_>,
                query: &Query,
                threads: usize,
                compressed: bool,
            ) -> PyResult<Pieces> {
                let pass = released(py, || {
                    self.$inner
                        .bam(&query.on(&self.$inner)?, threads, compressed)
                })?;
                Ok(Pieces(Mutex::new(Box::new(pass))))
            }

            /// The same BAM file, not compressed, from a pipe.
            #[pyo3(signature = (query, *, threads=1))]
            fn bam_pipe(&self, py: Python<'_>, query: &Query, threads: usize) -> PyResult<Pipe> {
                released(py, || {
                    Pipe::of(self.$inner.bam(&query.on(&self.$inner)?, threads, false)?)
                })
            }

            /// How many records `query` asks for.
            #[pyo3(signature = (query, *, threads=1))]
            fn count(&self, py: Python<'_>, query: &Query, threads: usize) -> PyResult<u64> {
                released(py, || self.$inner.count(&query.on(&self.$inner)?, threads))
            }

            /// Counts by flags, as JSON text.
            #[pyo3(signature = (query, *, threads=1))]
            fn flag_statistics(
                &self,
                py: Python<'_>,
                query: &Query,
                threads: usize,
            ) -> PyResult<String> {
                report(py, || {
                    self.$inner
                        .flag_statistics(&query.on(&self.$inner)?, threads)
                })
            }

            /// Counts by reference, as JSON text.
            #[pyo3(signature = (*, threads=1))]
            fn index_statistics(&self, py: Python<'_>, threads: usize) -> PyResult<String> {
                report(py, || self.$inner.index_statistics(threads))
            }
        }
    };
}

record_methods!(Archive, 0);
record_methods!(SourceReader, source);

#[pymethods]
impl SourceReader {
    /// Whether there is an index, so that regions can be read.
    fn has_index(&self, py: Python<'_>) -> PyResult<bool> {
        released(py, || self.source.has_index())
    }
}

#[pymethods]
impl Archive {
    /// Depths and means by stretch, as JSON text.
    #[pyo3(signature = (query, *, threads=1, base_qualities=true))]
    fn coverage(
        &self,
        py: Python<'_>,
        query: &Query,
        threads: usize,
        base_qualities: bool,
    ) -> PyResult<String> {
        report(py, || {
            self.0
                .coverage(&query.on(&self.0)?, base_qualities, threads)
        })
    }

    /// Lines of text: reference, position (1-based) and depth, for each position with a depth; of all positions with `zeros`.
    #[pyo3(signature = (query, *, threads=1, zeros=false))]
    fn depth_text(
        &self,
        py: Python<'_>,
        query: &Query,
        threads: usize,
        zeros: bool,
    ) -> PyResult<Pieces> {
        let text = released(py, || {
            self.0.depth_text(&query.on(&self.0)?, threads, zeros)
        })?;
        Ok(Pieces(Mutex::new(Box::new(text))))
    }
}
