//! Indexes for the views of an archive, made from core fields, in a sidecar beside it: an archive is never changed.

mod bins;
mod offsets;
mod read;
mod runs;
mod sidecar;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

pub use read::Index;
pub use sidecar::Sidecar;

use super::records::in_blocks;
use super::report::IndexingReport;
use super::view::Archive;
use super::workers::TICK;
use super::{IndexOptions, Progress, open};
use crate::container::sidecar::{self as container, IndexKind, View};
use crate::container::trailer::Attachment;
use crate::source::blocks::END_OF_FILE;
use crate::store::{Location, Target};
use crate::{Error, Result};

/// See [`super::index`].
pub fn index(
    archive: &Location,
    output: Option<&Location>,
    options: &IndexOptions,
    progress: &dyn Progress,
) -> Result<IndexingReport> {
    let beside = Sidecar::location_of(archive);
    let output = output.unwrap_or(&beside);
    if archive.is_same(output) {
        return Err(Error::Invalid(format!(
            "{output} cannot be both archive and output"
        )));
    }
    let opened = Archive::open(archive, options.reference.as_deref())?;
    let mut target = Target::create(output, options.force, Some(archive), None, &Arc::default())?;
    let indexes = make(&opened, options, progress)?;
    let opened = &opened.chunks.opened;
    let bytes = container::write(&opened.copied()?, &indexes);
    let written = bytes.and_then(|bytes| target.write_all(&bytes));
    written.map_err(|error| target.error(error))?;
    target.publish(None)?;
    let told = opened.told();
    Ok(IndexingReport {
        archive: told.archive_report(None),
        source: told.source_report(),
        counts: open::counts(told.trailer),
        sidecar: Sidecar::open(output)?.report(),
    })
}

/// The indexes that are asked for, in order of their views.
fn make(
    archive: &Archive,
    options: &IndexOptions,
    progress: &dyn Progress,
) -> Result<Vec<(View, IndexKind, Vec<u8>)>> {
    let heading = archive.heading()?;
    let (chunks, references) = (&archive.chunks, &heading.references);
    let shape = bins::Shape::of(references, options.csi);
    let writer = |wanted: bool| wanted.then(|| bins::Writer::new(shape, references.len()));
    let (mut exact, mut plain) = (writer(options.exact), writer(options.plain));
    let mut offsets = offsets::Exact::new(chunks);
    let mut order = runs::Order::default();
    let total = chunks.content_length();
    let mut told = Instant::now();
    let name = &chunks.opened.name;
    let at = |error: Error| error.at(name);
    for made in runs::runs(chunks, &heading, super::threads(options.threads))? {
        for run in made? {
            order.check(&run, references.len()).map_err(at)?;
            if let Some(writer) = &mut exact {
                let start = offsets.of(run.place.start)?;
                let end = offsets.of(run.place.end)?;
                writer.add(&run, start..end).map_err(at)?;
            }
            if let Some(writer) = &mut plain {
                let start = offsets::plain(run.place.start)?;
                let end = offsets::plain(run.place.end)?;
                writer.add(&run, start..end).map_err(at)?;
            }
            if told.elapsed() >= TICK {
                told = Instant::now();
                if !progress.update(run.place.end, Some(total)) {
                    return Err(Error::Interrupted);
                }
            }
        }
    }
    if !progress.update(total, Some(total)) {
        return Err(Error::Interrupted);
    }
    let views = [(View::Exact, exact), (View::Plain, plain)];
    let mut indexes = Vec::new();
    for (view, writer) in views {
        let Some(writer) = writer else { continue };
        let bytes = writer.finish().map_err(at)?;
        let bytes = match shape.kind {
            IndexKind::Bai => bytes,
            IndexKind::Csi => [&in_blocks(&bytes, true)[..], &END_OF_FILE].concat(),
        };
        indexes.push((view, shape.kind, bytes));
    }
    Ok(indexes)
}

/// See [`super::read_index`].
pub fn read(location: &Location, view: View) -> Result<Vec<u8>> {
    let stop = Arc::new(AtomicBool::new(false));
    let none = |why: &str| {
        Error::Invalid(format!(
            "{location}: {why} no index of the {} view; make one with readvault index",
            view.name()
        ))
    };
    let object = open::Opened::object(location, &stop)?;
    let object = match Sidecar::of(object)? {
        Ok(sidecar) => return sidecar.index(view)?.ok_or_else(|| none("holds")),
        Err(object) => object,
    };
    let opened = open::Opened::of(object, location)?;
    if let Some(sidecar) = Sidecar::beside(location)? {
        sidecar.check_belongs(&opened)?;
        if let Some(index) = sidecar.index(view)? {
            return Ok(index);
        }
    }
    let is_fresh = |attachment: &&Attachment| view == View::Exact && attachment.stale.is_empty();
    let mut attachments = opened.trailer.attachments.iter();
    match attachments.find(is_fresh) {
        Some(attachment) => opened.attachment(attachment),
        None => Err(none("has")),
    }
}
