//! readvault._core: the Python face of readvault-core.
//!
//! One module for each verb. Every verb releases the interpreter while core works, and hands its report back as
//! JSON text: the Python side owns the classes, so a report gains a field without a line changing here.

mod compress;
mod decompress;
mod errors;
mod estimate;
mod frames;
mod index;
mod info;
mod open;
mod pipe;
mod places;
mod progress;
mod quickcheck;
mod records;
mod transfers;
mod verify;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use readvault_core::archive::{Input, Level, Output};

use crate::transfers::place;

/// Chunks are taken apart and rebuilt in buffers of a megabyte or two; the system's allocator gives each back to the
/// kernel and asks for it again, which costs some 6 % of a restore.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a path or URL names, or standard input where there is none.
fn input(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Input> {
    path.map_or(Ok(Input::Stdin), |path| {
        place(py, path).map(Input::Location)
    })
}

/// What a path or URL names, or standard output where there is none.
fn output(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Output> {
    path.map_or(Ok(Output::Stdout), |path| {
        place(py, path).map(Output::Location)
    })
}

/// The value, whatever became of the thread that had it last.
fn lock<T: ?Sized>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The level of this name.
fn level(name: &str) -> PyResult<Level> {
    Level::from_name(name).ok_or_else(|| {
        let names = Level::ALL.map(Level::name).join(", ");
        PyValueError::new_err(format!("level must be one of {names}, not {name:?}"))
    })
}

#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::compress::compress;
    #[pymodule_export]
    use crate::decompress::decompress;
    #[pymodule_export]
    use crate::estimate::estimate;
    #[pymodule_export]
    use crate::frames::Frames;
    #[pymodule_export]
    use crate::index::{index, read_index};
    #[pymodule_export]
    use crate::info::info;
    #[pymodule_export]
    use crate::open::{Archive, SourceReader, open, read_small};
    #[pymodule_export]
    use crate::pipe::Pipe;
    #[pymodule_export]
    use crate::places::{Listing, copy, digest, listing, look, remove, storage_class, tag};
    #[pymodule_export]
    use crate::quickcheck::quickcheck;
    #[pymodule_export]
    use crate::records::{Batches, Pieces, Query};
    #[pymodule_export]
    use crate::transfers::{Target, configure_transfers, transfer_totals};
    #[pymodule_export]
    use crate::verify::verify;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        readvault_core::archive::while_waiting(crate::transfers::may_go_on);
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
