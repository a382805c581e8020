//! Carries core's progress to a Python callable, and Ctrl-C from Python to core.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use readvault_core::archive::Progress;
use serde::Serialize;

use crate::errors;

/// Re-attaches to the interpreter at each update. What Python raised is kept until the verb has returned.
struct Bridge {
    callback: Option<Py<PyAny>>,
    raised: Mutex<Option<PyErr>>,
}

impl Progress for Bridge {
    fn update(&self, done: u64, total: Option<u64>) -> bool {
        let outcome = Python::attach(|py| {
            py.check_signals()?;
            match &self.callback {
                Some(callback) => callback.call1(py, (done, total)).map(drop),
                None => Ok(()),
            }
        });
        let Err(failure) = outcome else { return true };
        // The first failure is the one to show: a verb may ask again before it has stopped.
        self.raised
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(failure);
        false
    }
}

/// Runs a verb with the interpreter released and returns its report as JSON text.
///
/// What the callback or a signal handler raised comes before what the verb returned: it is the cause.
pub fn run<T, F>(py: Python<'_>, callback: Option<Py<PyAny>>, verb: F) -> PyResult<String>
where
    T: Serialize + Send,
    F: FnOnce(&dyn Progress) -> readvault_core::Result<T> + Send,
{
    let bridge = Bridge {
        callback,
        raised: Mutex::new(None),
    };
    let outcome = py.detach(|| verb(&bridge));
    if let Some(failure) = bridge
        .raised
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        return Err(failure);
    }
    // A Ctrl-C that came too late to stop the verb must not get lost.
    py.check_signals()?;
    json(py, outcome)
}

/// A verb's report as JSON text, or its error as a Python exception.
pub fn json<T: Serialize>(py: Python<'_>, outcome: readvault_core::Result<T>) -> PyResult<String> {
    let report = outcome.map_err(|error| errors::raise(py, &error))?;
    serde_json::to_string(&report)
        .map_err(|error| pyo3::exceptions::PyRuntimeError::new_err(error.to_string()))
}
