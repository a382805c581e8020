//! A pipe into which a thread writes pieces of bytes, for readers that want a descriptor. It needs no interpreter, so that
//! a reader that holds it while waiting is served too.

use std::io::{ErrorKind, PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::thread::{self, JoinHandle};

use pyo3::prelude::*;
use readvault_core::{Error, Result};

use crate::lock;
use crate::records::released;

/// What a failed writer leaves: no BGZF block starts like this, so that no reader takes what came before for all.
const FAILED: &[u8] = b"readvault: the archive could not be read to its end";

/// The pipe's reading end and its writer.
#[pyclass(frozen, module = "readvault._core")]
pub struct Pipe {
    reader: Mutex<Option<PipeReader>>,
    writer: Mutex<Option<JoinHandle<Result<()>>>>,
}

impl Pipe {
    /// A pipe into which the pieces are written.
    pub fn of(pieces: impl Iterator<Item = Result<Vec<u8>>> + Send + 'static) -> Result<Self> {
        let cannot = |source| Error::Store {
            context: "cannot make a pipe".to_owned(),
            source,
        };
        let (reader, writer) = std::io::pipe().map_err(cannot)?;
        let writer = thread::Builder::new()
            .name("readvault-pipe".to_owned())
            .spawn(move || write(pieces, writer))
            .map_err(cannot)?;
        Ok(Self {
            reader: Mutex::new(Some(reader)),
            writer: Mutex::new(Some(writer)),
        })
    }
}

/// Writes until there are no more pieces, one fails, or the reader has had enough.
fn write(pieces: impl Iterator<Item = Result<Vec<u8>>>, mut writer: PipeWriter) -> Result<()> {
    for piece in pieces {
        let (failure, bytes) = match piece {
            Ok(bytes) => (None, bytes),
            Err(failure) => (Some(failure), FAILED.to_vec()),
        };
        let written = writer.write_all(&bytes);
        match (failure, written) {
            (Some(failure), _) => return Err(failure),
            (None, Ok(())) => {}
            (None, Err(why)) if why.kind() == ErrorKind::BrokenPipe => return Ok(()),
            (None, Err(source)) => {
                let context = "cannot write to a pipe".to_owned();
                return Err(Error::Store { context, source });
            }
        }
    }
    Ok(())
}

#[pymethods]
impl Pipe {
    /// The descriptor of the reading end, which is the pipe's own; -1 when it is closed.
    fn fileno(&self) -> i32 {
        lock(&self.reader).as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    /// Closes the reading end. Once others that were made of it are closed too, the writer stops.
    fn close(&self) {
        lock(&self.reader).take();
    }

    /// Waits for the writer, and raises what stopped it.
    fn join(&self, py: Python<'_>) -> PyResult<()> {
        released(py, || {
            let writer = lock(&self.writer).take();
            writer.map_or(Ok(()), |writer| {
                let panicked = |_| Err(Error::Invalid("the writer of a pipe panicked".to_owned()));
                writer.join().unwrap_or_else(panicked)
            })
        })
    }
}
