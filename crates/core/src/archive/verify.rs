//! The verbs that read a whole archive: decompress, verify, quickcheck.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use sha2::{Digest, Sha256};

use super::open::{self, Opened};
use super::rebuild::{Comparing, decode_all, rebuild};
use super::report::{DecompressReport, VerifyReport};
use super::{DecompressOptions, Input, Output, Progress, VerifyOptions, attach};
use crate::container::trailer::Attachment;
use crate::store::local::{self, Pending, Source};
use crate::{Error, Result};

/// Bytes of an archive that are hashed at once.
const PIECE: u64 = 4 << 20;

/// SHA-256 of the whole archive as it stands. `go_on` hears how far it is.
pub fn file_sha256(opened: &Opened, go_on: &dyn Fn(u64) -> bool) -> Result<[u8; 32]> {
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
    let stop = AtomicBool::new(false);
    let mut opened = Opened::open(input, progress, &stop)?;
    opened.give_reference(options.reference.as_deref())?;
    let path = match output {
        Some(Output::Stdout) => None,
        Some(Output::Path(path)) => Some(path.clone()),
        None => match input {
            Input::Path(archive) => Some(archive.with_file_name(opened.source_name())),
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
    let Some(path) = path else {
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
    if matches!(input, Input::Path(from) if local::same_place(from, &path)) {
        return Err(Error::Invalid(format!(
            "{} cannot be both archive and output",
            path.display()
        )));
    }
    let mut pending = Pending::create(&path, options.force, input.path())?;
    let indexes = if options.attachments {
        start_attachments(&opened, input, &path, options.force)?
    } else {
        Vec::new()
    };
    let mut out = rebuild(
        &opened,
        BufWriter::new(&mut pending),
        options.threads,
        progress,
        &stop,
    )
    .map_err(|error| naming(error, &path))?;
    out.flush()
        .map_err(|error| Error::store("cannot write", &path, error))?;
    drop(out);
    let mut warnings = Vec::new();
    if let Some(mtime_ns) = trailer.mtime_ns
        && let Err(error) = pending.set_mtime(mtime_ns)
    {
        warnings.push(error.to_string());
    }
    pending.publish()?;
    let mut attachments = Vec::new();
    for (attachment, pending) in indexes {
        attachments.push(pending.path().display().to_string());
        if pending.set_mtime(attachment.mtime_ns).is_err() {
            warnings.push(format!(
                "the time of {} could not be set",
                pending.path().display()
            ));
        }
        if !attachment.stale.is_empty() {
            warnings.push(format!("{} {}", pending.path().display(), attachment.stale));
        }
        pending.publish()?;
    }
    Ok(DecompressReport {
        path: Some(path.display().to_string()),
        fingerprint,
        attachments,
        warnings,
    })
}

/// Writes the attachments beside `path`, not published yet.
fn start_attachments<'a>(
    opened: &'a Opened,
    input: &Input,
    path: &Path,
    force: bool,
) -> Result<Vec<(&'a Attachment, Pending)>> {
    let mut started = Vec::new();
    for attachment in &opened.trailer.attachments {
        let path: PathBuf = attach::path_of(path, &attachment.kind, attachment.naming);
        let mut pending = Pending::create(&path, force, input.path())?;
        let bytes = opened.attachment(attachment)?;
        pending
            .write_all(&bytes)
            .map_err(|error| Error::store("cannot write", &path, error))?;
        started.push((attachment, pending));
    }
    Ok(started)
}

/// Names the output in errors of writing it.
fn naming(error: Error, path: &Path) -> Error {
    match error {
        Error::Store { context, source } if context == "cannot write" => {
            Error::store("cannot write", path, source)
        }
        other => other,
    }
}

/// See [`super::verify`].
pub fn verify(
    input: &Input,
    options: &VerifyOptions,
    progress: &dyn Progress,
) -> Result<VerifyReport> {
    let stop = AtomicBool::new(false);
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
                Input::Path(path) => (Source::open(path, &stop)?, path.display().to_string()),
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
    Opened::open(input, progress, &AtomicBool::new(false))?.quickcheck()
}
