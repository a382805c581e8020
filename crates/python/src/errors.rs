//! Core's kinds of error as Python classes: builtin ones where Python has them, `readvault.errors` otherwise.

use std::io::ErrorKind;

use pyo3::exceptions::{
    PyBrokenPipeError, PyFileExistsError, PyFileNotFoundError, PyKeyboardInterrupt,
    PyPermissionError,
};
use pyo3::prelude::*;
use pyo3::types::PyType;
use readvault_core::Error;

/// The Python exception for `error`.
pub fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Damaged(_) => ours(py, "DamagedError", text),
        Error::Truncated(_) => ours(py, "TruncatedError", text),
        Error::Unsupported(_) => ours(py, "UnsupportedError", text),
        Error::Invalid(_) => ours(py, "InvalidError", text),
        Error::Store { source, .. } => store(py, text, source),
        // What a signal's handler raised while a store was waited for, if it did.
        Error::Interrupted => PyErr::take(py).unwrap_or_else(|| PyKeyboardInterrupt::new_err(())),
        _ => ours(py, "ReadvaultError", text),
    }
}

/// A store failure: callers of `open` already know these classes, so they get the same ones.
fn store(py: Python<'_>, text: String, source: &std::io::Error) -> PyErr {
    let raised = match source.kind() {
        ErrorKind::NotFound => PyFileNotFoundError::new_err(text),
        ErrorKind::PermissionDenied => PyPermissionError::new_err(text),
        ErrorKind::AlreadyExists => PyFileExistsError::new_err(text),
        ErrorKind::BrokenPipe => PyBrokenPipeError::new_err(text),
        _ => ours(py, "StoreError", text),
    };
    // Set apart from the arguments: an OSError made from (number, text) would put "[Errno 2]" before core's words.
    if let Some(number) = source.raw_os_error()
        && let Err(failure) = raised.value(py).setattr("errno", number)
    {
        return failure;
    }
    raised
}

fn ours(py: Python<'_>, class: &str, text: String) -> PyErr {
    let class = py.import("readvault.errors").and_then(|module| {
        module
            .getattr(class)?
            .cast_into::<PyType>()
            .map_err(PyErr::from)
    });
    match class {
        Ok(class) => PyErr::from_type(class, text),
        Err(failure) => failure,
    }
}
