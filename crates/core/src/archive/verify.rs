//! The verbs that read a whole archive: decompress, verify, quickcheck.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sha2::{Digest, Sha256};

use super::open::{self, Opened};
use super::rebuild::{Comparing, decode_all, rebuild};
use super::report::{DecompressReport, VerifyReport};
use super::{DecompressOptions, Input, Output, Progress, VerifyOptions, attach};
use crate::container::trailer::Attachment;
use crate::store::{Location, Source, Target, cannot_write};
use crate::{Error, Result};

/// Bytes of an archive that are hashed at once.
const PIECE: u64 = 4 << 20;

/// SHA-256 of the whole archive as it stands. `go_on` hears how far it is.
pub fn file_sha256(opened: &Opened, go_on: &dyn Fn(u64) -> bool) -> Result<[u8; 32]> {
    opened.read_onward();
    let (mut hash, mut offset) = (Sha256::new(), 0);
    while offset < opened.length {
        let length = PIECE.min(opened.length - offset);
        hash.update(opened.bytes(offset, length)?);
        offset += length;
        if !go_on(offset) {
            return Err(Error::Interrupted);
        }
    }
    Ok(hash.finalize().into())
}

/// See [`super::decompress`].
pub fn decompress(
    input: &Input,
    output: Option<&Output>,
    options: &DecompressOptions,
    progress: &dyn Progress,
) -> Result<DecompressReport> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut opened = Opened::open(input, progress, &stop)?;
    opened.give_reference(options.reference.as_deref())?;
    let to = match output {
        Some(Output::Stdout) => None,
        Some(Output::Location(to)) => Some(to.clone()),
        None => match input {
            Input::Location(archive) => Some(archive.beside(&opened.source_name())),
            Input::Stdin => {
                return Err(Error::Invalid(
                    "an archive from standard input needs an output".into(),
                ));
            }
        },
    };
    let trailer = &opened.trailer;
    let fingerprint = open::fingerprint(
        trailer.source_length,
        &trailer.source_sha256,
        &trailer.source_md5,
    );
    let Some(to) = to else {
        let mut out = rebuild(
            &opened,
            BufWriter::new(io::stdout()),
            options.threads,
            progress,
            &stop,
        )?;
        out.flush().map_err(|source| Error::Store {
            context: "cannot write standard output".into(),
            source,
        })?;
        return Ok(DecompressReport {
            path: None,
            fingerprint,
            attachments: Vec::new(),
            warnings: Vec::new(),
        });
    };
    if input.location().is_some_and(|from| from.is_same(&to)) {
        return Err(Error::Invalid(format!(
            "{to} cannot be both archive and output"
        )));
    }
    let mut target = Target::create(
        &to,
        options.force,
        input.location(),
        Some(opened.trailer.source_length),
        &stop,
    )?;
    let indexes = if options.attachments {
        start_attachments(&opened, input, &to, options.force, &stop)?
    } else {
        Vec::new()
    };
    let mut out = rebuild(
        &opened,
        BufWriter::new(&mut target),
        options.threads,
        progress,
        &stop,
    )
    .map_err(|error| naming(error, &to))?;
    out.flush().map_err(|error| cannot_write(&to, error))?;
    drop(out);
    let mut warnings = Vec::new();
    if let Some(mtime_ns) = trailer.mtime_ns
        && let Err(error) = target.set_mtime(mtime_ns)
    {
        warnings.push(error.to_string());
    }
    target.publish(Some(&trailer.source_sha256))?;
    let mut attachments = Vec::new();
    for (attachment, target) in indexes {
        let name = target.location().to_string();
        if target.set_mtime(attachment.mtime_ns).is_err() {
            warnings.push(format!("the time of {name} could not be set"));
        }
        if !attachment.stale.is_empty() {
            warnings.push(format!("{name} {}", attachment.stale));
        }
        attachments.push(name);
        target.publish(Some(&attachment.hash))?;
    }
    Ok(DecompressReport {
        path: Some(to.to_string()),
        fingerprint,
        attachments,
        warnings,
    })
}

/// Writes the attachments beside `to`, not published yet.
fn start_attachments<'a>(
    opened: &'a Opened,
    input: &Input,
    to: &Location,
    force: bool,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<(&'a Attachment, Target)>> {
    let mut started = Vec::new();
    for attachment in &opened.trailer.attachments {
        let to = attach::location_of(to, &attachment.kind, attachment.naming);
        let mut target =
            Target::create(&to, force, input.location(), Some(attachment.length), stop)?;
        let bytes = opened.attachment(attachment)?;
        let written = target.write_all(&bytes);
        written.map_err(|error| target.error(error))?;
        started.push((attachment, target));
    }
    Ok(started)
}

/// Names the output in errors of writing it.
fn naming(error: Error, to: &Location) -> Error {
    match error {
        Error::Store { context, source } if context == "cannot write" => cannot_write(to, source),
        other => other,
    }
}

/// See [`super::verify`].
pub fn verify(
    input: &Input,
    options: &VerifyOptions,
    progress: &dyn Progress,
) -> Result<VerifyReport> {
    let stop = Arc::new(AtomicBool::new(false));
    let threads = options.threads;
    let mut opened = Opened::open(input, progress, &stop)?;
    opened.quickcheck()?;
    opened.give_reference(options.reference.as_deref())?;
    let mut against = None;
    match &options.against {
        Some(_) if options.content_only => {
            return Err(Error::Invalid(
                "content alone cannot be compared with a file: its blocks are not made".into(),
            ));
        }
        None if options.content_only => decode_all(&opened, threads, progress, &stop)?,
        None => {
            rebuild(&opened, io::sink(), threads, progress, &stop)?;
        }
        Some(other) => {
            let (source, name) = match other {
                Input::Location(location) => (Source::open(location, &stop)?, location.to_string()),
                Input::Stdin => (Source::stdin(&stop)?, "standard input".to_owned()),
            };
            compare(&opened, source, &name, threads, progress, &stop)?;
            against = Some(name);
        }
    }
    let total = opened.trailer.source_length;
    let sha256 = file_sha256(&opened, &|_| progress.update(total, Some(total)))?;
    let checked = if options.content_only {
        "content"
    } else {
        "source"
    };
    Ok(VerifyReport {
        archive: opened.told().archive_report(Some(sha256)),
        source: opened.told().source_report(),
        counts: open::counts(&opened.trailer),
        checked: checked.into(),
        against,
    })
}

fn compare(
    opened: &Opened,
    source: Source<'_>,
    name: &str,
    threads: usize,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<()> {
    let differs = |text: String| {
        Error::Damaged(format!(
            "{name} is not the source of {}: it {text}",
            opened.name
        ))
    };
    let compared = rebuild(opened, Comparing::new(source), threads, progress, stop);
    let mut compared = compared.map_err(|error| match error {
        Error::Store { source, .. } if source.kind() == io::ErrorKind::InvalidData => {
            differs(source.to_string())
        }
        other => other,
    })?;
    let ended = compared.at_end().map_err(|source| Error::Store {
        context: format!("cannot read {name}"),
        source,
    })?;
    if ended {
        Ok(())
    } else {
        Err(differs("goes on after the source's last byte".into()))
    }
}

/// See [`super::quickcheck`].
pub fn quickcheck(input: &Input, progress: &dyn Progress) -> Result<()> {
    Opened::open(input, progress, &Arc::default())?.quickcheck()
}
