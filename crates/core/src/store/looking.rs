//! Looking at what stands at a place, without reading it.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::local::Source;
use super::location::{Location, ObjectUrl};
use super::state::State;
use super::waiting::on_object;
use crate::{Error, Result};

/// The state of the file or object at `location`. A file is opened too, so that one that cannot be read is told now.
///
/// # Errors
/// [`Error::Store`] when it is not there or may not be read; [`Error::Invalid`] for what is no file.
pub fn look(location: &Location) -> Result<State> {
    let stop = AtomicBool::new(false);
    match location {
        Location::Path(path) => look_at_file(path, &stop),
        Location::Url(url) => look_at_object(url, &stop),
    }
}

fn look_at_file(path: &Path, stop: &AtomicBool) -> Result<State> {
    let is_pipe = fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo());
    let no_file = || Error::Invalid(format!("{} is a pipe, not a file", path.display()));
    // To open one would wait for its writer.
    if is_pipe {
        return Err(no_file());
    }
    let source = Source::open(path, stop)?;
    let stamp = source.stamp().ok_or_else(no_file)?;
    Ok(State::of_file(&stamp))
}

fn look_at_object(url: &ObjectUrl, stop: &AtomicBool) -> Result<State> {
    on_object(url, stop, async |requests| {
        let (pin, headers) = requests.facts().await?;
        Ok(State::of_object(url.kind, &pin, &headers))
    })
}
