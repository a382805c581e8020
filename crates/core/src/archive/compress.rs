//! Compressing: spans of the source go through worker threads and come out as proved chunks, in order.
//!
//! Each worker takes the next span from the source (reading and digesting it under a lock), inflates it, takes over
//! the walk from the span before and hands it on, and then codes and proves its chunks while others do the same. So
//! only reading and hopping over records happens one after the other.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;

use readvault_encoders::Inflater;

use super::build::{self, Built};
use super::open::{self, Opened};
use super::report::{ArchiveReport, CompressReport, CpuSeconds};
use super::share::Group;
use super::workers::{TICK, cpu_seconds, guard, lock, unlock, wait_for, watch, watched};
use super::write::{ArchiveWriter, Ending, NewAttachment, Written};
use super::{CompressOptions, Input, Output, Progress, attach, share, threads};
use crate::codec::records::Level;
use crate::container::header::{Header, MemberKind};
use crate::container::trailer::Reference;
use crate::source::plan::{self, Carry, Planned};
use crate::source::recipe::{Finder, Known};
use crate::source::reference::{self, Places, Reference as Given};
use crate::source::span::{Kind, Sizes, SpanReader};
use crate::source::walk::{self, Walk};
use crate::store::{Location, Source, Target, cannot_write};
use crate::{Error, Result};

/// What a group of chunks is made of: a key chunk of about 20,000 short reads, and others of 2,500 to 3,000, which cost
/// nearly nothing more than one large chunk would (bench/results). A damaged key chunk costs its group.
pub const SIZES: Sizes = Sizes {
    key: 7 << 20,
    other: 1 << 20,
    group: 1024,
};

impl Default for Sizes {
    fn default() -> Self {
        SIZES
    }
}

/// What the workers of one run share.
struct Shared<'a, W> {
    reader: Mutex<SpanReader<Source<'a>>>,
    /// What each span takes over from the one before, by the span's number.
    carries: Mutex<BTreeMap<u64, Carry>>,
    carried: Condvar,
    /// What the key chunks before each span leave to it, by the span's number.
    groups: Mutex<BTreeMap<u64, Group>>,
    grouped: Condvar,
    /// What groups are made of.
    usual: Sizes,
    /// Content bytes of the spans of each group but its first.
    sizes: Mutex<BTreeMap<u64, usize>>,
    sized: Condvar,
    /// Names of the reference sequences, once the header is over.
    references: OnceLock<Arc<Vec<Vec<u8>>>>,
    level: Level,
    /// Where reference bases are looked for, and the reference once the header is over.
    places: Option<Places>,
    bases: OnceLock<Arc<Given>>,
    /// Encoders that made blocks of this source.
    known: Known,
    order: Mutex<Ordered<W>>,
    written: Condvar,
    /// Source bytes whose chunks have been written.
    done: AtomicU64,
    /// What workers that are done took.
    cpu: Mutex<CpuSeconds>,
    stop: &'a AtomicBool,
    failure: Mutex<Option<Error>>,
    /// Most spans that may be taken and not written yet.
    window: u64,
}

/// Chunks waiting for their turn.
struct Ordered<W> {
    writer: ArchiveWriter<W>,
    next: u64,
    waiting: BTreeMap<u64, (u64, Vec<Built>)>,
}

impl<W: Write + Send> Shared<'_, W> {
    fn fail(&self, error: Error) {
        lock(&self.failure).get_or_insert(error);
        self.stop.store(true, Ordering::Relaxed);
        self.carried.notify_all();
        self.grouped.notify_all();
        self.sized.notify_all();
        self.written.notify_all();
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn work(&self) {
        let (mut inflater, mut finder) = (Inflater::new(), Finder::new(&self.known));
        let mut cpu = CpuSeconds::default();
        while !self.stopped() {
            match self.next(&mut inflater, &mut finder, &mut cpu) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return self.fail(error),
            }
        }
        cpu.source = cpu_seconds() - cpu.deflate - cpu.content;
        lock(&self.cpu).add(&cpu);
    }

    /// Takes one span all the way; false at the source's end.
    fn next(
        &self,
        inflater: &mut Inflater,
        finder: &mut Finder<'_>,
        cpu: &mut CpuSeconds,
    ) -> Result<bool> {
        let span = {
            let mut reader = lock(&self.reader);
            match self.take_size(reader.next_index()) {
                Some(size) => reader.set_other(size),
                None => return Ok(true),
            }
            reader
                .next_span()
                .map_err(|error| reader.input().error(error))?
        };
        let Some(span) = span else { return Ok(false) };
        let (index, length) = (span.index, span.bytes.len() as u64);
        let starts_group = span.starts_group;
        let inflated = plan::inflate(&span, inflater);
        drop(span);
        let Some(carry) = self.take_carry(index) else {
            return Ok(true);
        };
        let (planned, carry) = plan::plan(inflated, carry);
        if let Some(table) = carry.walk.known_table() {
            self.references.get_or_init(|| {
                let names = table.iter().map(|reference| reference.name.clone());
                Arc::new(names.collect())
            });
            self.open_reference(table, &planned)?;
        }
        lock(&self.carries).insert(index + 1, carry);
        self.carried.notify_all();
        if starts_group && self.usual.group > 1 {
            let size = planned
                .iter()
                .find_map(Planned::records)
                .map_or(self.usual.other, |(content, records)| {
                    self.usual.other_for(content, &records)
                });
            lock(&self.sizes).insert(index / self.usual.group, size);
            self.sized.notify_all();
        }
        let Some(mut group) = self.take_group(index, starts_group) else {
            return Ok(true);
        };
        // Only a span with records can become the key of a group that has none; nothing is shared without models.
        let settled = self.level == Level::Fast
            || group.is_some()
            || !planned.iter().any(Planned::has_records);
        if settled {
            self.leave_group(index, group.clone());
        }
        let shared = share::Shared {
            level: self.level,
            references: self.references.get().cloned().unwrap_or_default(),
            header_apart: index == 0,
            bases: self.bases.get().cloned(),
            ..share::Shared::default()
        };
        let mut built = Vec::new();
        for planned in planned {
            built.extend(build::build(planned, finder, &shared, &mut group, cpu)?);
        }
        if !settled {
            self.leave_group(index, group);
        }
        self.write(index, length, built)?;
        Ok(true)
    }

    /// Opens the reference that was given, the first time that the header is over.
    fn open_reference(&self, table: &[walk::Reference], planned: &[Planned]) -> Result<()> {
        let Some(places) = self.places.as_ref().filter(|_| self.bases.get().is_none()) else {
            return Ok(());
        };
        let text = planned.iter().find_map(Planned::header_text);
        let listed: Vec<(Vec<u8>, u64)> = table
            .iter()
            .map(|reference| (reference.name.clone(), reference.length.into()))
            .collect();
        let sequences = reference::sequences(text.unwrap_or_default(), &listed);
        let opened = Given::open(places.clone(), sequences, reference::USUAL_BUDGET)?;
        self.bases.get_or_init(|| Arc::new(opened));
        Ok(())
    }

    /// Content bytes for the span `index`, as its group's first span tells them; none when the run has been stopped.
    fn take_size(&self, index: u64) -> Option<usize> {
        if index.is_multiple_of(self.usual.group) {
            return Some(self.usual.other);
        }
        let group = index / self.usual.group;
        wait_for(&self.sizes, &self.sized, self.stop, |sizes| {
            sizes.get(&group).copied()
        })
    }

    /// What the key chunk before a span leaves to it; none when the run has been stopped.
    fn take_group(&self, index: u64, starts_group: bool) -> Option<Group> {
        let group = wait_for(&self.groups, &self.grouped, self.stop, |groups| {
            groups.remove(&index)
        })?;
        Some(if starts_group { None } else { group })
    }

    /// Hands a group's state on to the span after `index`.
    fn leave_group(&self, index: u64, group: Group) {
        lock(&self.groups).insert(index + 1, group);
        self.grouped.notify_all();
    }

    /// What the span before hands over; none when the run has been stopped.
    fn take_carry(&self, index: u64) -> Option<Carry> {
        wait_for(&self.carries, &self.carried, self.stop, |carries| {
            carries.remove(&index)
        })
    }

    /// Writes chunks when it is their turn, and waits while too many others wait for theirs.
    fn write(&self, index: u64, length: u64, built: Vec<Built>) -> Result<()> {
        let mut order = lock(&self.order);
        order.waiting.insert(index, (length, built));
        loop {
            let next = order.next;
            let Some((length, built)) = order.waiting.remove(&next) else {
                break;
            };
            for chunk in &built {
                order.writer.chunk(chunk).map_err(write_error)?;
            }
            order.next += 1;
            self.done.fetch_add(length, Ordering::Relaxed);
            self.written.notify_all();
        }
        while order.next + self.window < index && !self.stopped() {
            order = self
                .written
                .wait_timeout(order, TICK)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Ok(())
    }
}

fn write_error(source: io::Error) -> Error {
    Error::Store {
        context: "cannot write the archive".into(),
        source,
    }
}

/// What a run found out besides what it wrote.
struct Run<W> {
    writer: ArchiveWriter<W>,
    digests: (u64, [u8; 32], [u8; 16]),
    references: Vec<Reference>,
    given: Vec<(u32, [u8; 16])>,
    cpu: CpuSeconds,
}

/// Sends the whole source through workers into `out`.
fn run<'a, W: Write + Send>(
    mut reader: SpanReader<Source<'a>>,
    out: W,
    options: &CompressOptions,
    progress: &dyn Progress,
    stop: &'a AtomicBool,
) -> Result<(Run<W>, SpanReader<Source<'a>>, Header)> {
    let kind = watched(progress, stop, || {
        reader.detect().map_err(|error| reader.input().error(error))
    })?;
    let header = Header {
        uuid: *uuid::Uuid::new_v4().as_bytes(),
        kind: member_kind(kind),
        version: crate::container::VERSION,
        level: options.level.number(),
    };
    let total = reader.input().facts().map(|facts| facts.length);
    let writer = ArchiveWriter::new(out, &header).map_err(write_error)?;
    let threads = threads(options.threads);
    let shared = Shared {
        reader: Mutex::new(reader),
        carries: Mutex::new(BTreeMap::from([(
            0,
            Carry::new(Walk::new(kind == Kind::Bam)),
        )])),
        carried: Condvar::new(),
        groups: Mutex::new(BTreeMap::from([(0, None)])),
        grouped: Condvar::new(),
        usual: options.sizes.at(options.level),
        sizes: Mutex::default(),
        sized: Condvar::new(),
        references: OnceLock::new(),
        level: options.level,
        places: places(options),
        bases: OnceLock::new(),
        known: Known::default(),
        order: Mutex::new(Ordered {
            writer,
            next: 0,
            waiting: BTreeMap::new(),
        }),
        written: Condvar::new(),
        done: AtomicU64::new(0),
        cpu: Mutex::default(),
        stop,
        failure: Mutex::new(None),
        window: 2 * threads as u64,
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| guard(|| shared.work(), |error| shared.fail(error))))
            .collect();
        watch(
            &workers,
            progress,
            stop,
            || (shared.done.load(Ordering::Relaxed), total),
            |error| shared.fail(error),
        );
    });
    let Shared {
        reader,
        carries,
        order,
        failure,
        bases,
        cpu,
        ..
    } = shared;
    if let Some(error) = unlock(failure) {
        return Err(error);
    }
    let reader = unlock(reader);
    let carries = unlock(carries);
    let references = carries
        .into_values()
        .next_back()
        .map(|carry| carry.walk.into_references())
        .unwrap_or_default();
    let references = references.into_iter().map(|reference| Reference {
        name: reference.name,
        length: reference.length,
    });
    let run = Run {
        writer: unlock(order).writer,
        digests: reader.digests(),
        references: references.collect(),
        given: bases.get().map_or_else(Vec::new, |bases| given(bases)),
        cpu: unlock(cpu),
    };
    Ok((run, reader, header))
}

/// Where reference bases are looked for, if they are to be used.
fn places(options: &CompressOptions) -> Option<Places> {
    let places = Places::from_environment(options.reference.clone());
    if options.reference_folders {
        Some(places)
    } else {
        options.reference.clone().map(|fasta| Places {
            fasta: Some(fasta),
            ..Places::default()
        })
    }
}

/// Reference sequences that were used, as the trailer holds them.
fn given(bases: &Given) -> Vec<(u32, [u8; 16])> {
    let used = bases.used().into_iter();
    used.map(|(number, digest)| (number as u32, digest))
        .collect()
}

/// The header's word for what a source is.
pub fn member_kind(kind: Kind) -> MemberKind {
    match kind {
        Kind::Bam => MemberKind::Bam,
        Kind::Bgzf => MemberKind::Bgzf,
        Kind::Raw => MemberKind::Raw,
    }
}

/// See [`super::compress`].
pub fn compress(
    input: &Input,
    output: &Output,
    options: &CompressOptions,
    progress: &dyn Progress,
) -> Result<CompressReport> {
    let stop = Arc::new(AtomicBool::new(false));
    let source = match input {
        Input::Location(location) => Source::open(location, &stop)?,
        Input::Stdin => Source::stdin(&stop)?,
    };
    let reader = SpanReader::new(source, options.sizes);
    match output {
        Output::Stdout => {
            let (run, reader, header) = run(reader, io::stdout(), options, progress, &stop)?;
            let cpu = run.cpu;
            let (written, attachments, warnings) = finish(run, &reader, input, options)?;
            Ok(report(&header, &written, None, attachments, warnings, cpu))
        }
        Output::Location(to) => {
            if input.location().is_some_and(|from| from.is_same(to)) {
                return Err(Error::Invalid(format!(
                    "{to} cannot be both source and archive"
                )));
            }
            let mut target = Target::create(
                to,
                options.force,
                input.location(),
                reader.input().facts().map(|facts| facts.length),
                &stop,
            )?;
            let buffered = io::BufWriter::with_capacity(1 << 20, &mut target);
            let (run, reader, header) = run(reader, buffered, options, progress, &stop)
                .map_err(|error| naming_output(error, to))?;
            let cpu = run.cpu;
            let (written, attachments, warnings) =
                finish(run, &reader, input, options).map_err(|error| naming_output(error, to))?;
            target.sync()?;
            check_written(&target, &written)?;
            target.publish(Some(&written.sha256))?;
            Ok(report(
                &header,
                &written,
                Some(to.to_string()),
                attachments,
                warnings,
                cpu,
            ))
        }
    }
}

/// Names the output in errors of writing it.
fn naming_output(error: Error, to: &Location) -> Error {
    match error {
        Error::Store { context, source } if context == "cannot write the archive" => {
            cannot_write(to, source)
        }
        other => other,
    }
}

/// Ends the archive once the source is known not to have changed.
fn finish<W: Write>(
    run: Run<W>,
    reader: &SpanReader<Source<'_>>,
    input: &Input,
    options: &CompressOptions,
) -> Result<(Written, Vec<NewAttachment>, Vec<String>)> {
    let Run {
        mut writer,
        digests,
        references,
        given,
        cpu: _,
    } = run;
    let source = reader.input();
    source.check_unchanged(digests.0, &digests.2)?;
    let (mut attachments, mut warnings) = (Vec::new(), Vec::new());
    if let (Input::Location(location), Some(facts)) = (input, source.facts()) {
        (attachments, warnings) =
            attach::find(location, facts.mtime_ns, facts.length, references.len());
    }
    for attachment in &attachments {
        writer.attach(attachment).map_err(write_error)?;
    }
    let references_in_text = writer.gives_references(&references);
    let name = options
        .name
        .as_ref()
        .map(|name| name.as_bytes().to_vec())
        .or_else(|| source.name());
    let ending = Ending {
        digests,
        name: name.unwrap_or_default(),
        mtime_ns: source.facts().map(|facts| facts.mtime_ns),
        references,
        references_in_text,
        given,
    };
    let written = writer.finish(ending).map_err(write_error)?;
    Ok((written, attachments, warnings))
}

/// Opens the archive as it stands on disk and checks that its bytes are those that were proved.
fn check_written(target: &Target, written: &Written) -> Result<()> {
    let Some(readable) = target.readable() else {
        return Ok(());
    };
    let opened = Opened::open_at(&readable, &Arc::default())?;
    let same = super::verify::file_sha256(&opened, &|_| true)? == written.sha256
        && opened.digest == written.digest;
    if same && opened.trailer == written.trailer && opened.quickcheck().is_ok() {
        return Ok(());
    }
    Err(Error::Damaged(format!(
        "{}: what stands on disk is not what was written; the storage is faulty. Nothing was published",
        target.location()
    )))
}

fn report(
    header: &Header,
    written: &Written,
    path: Option<String>,
    attachments: Vec<NewAttachment>,
    warnings: Vec<String>,
    cpu_seconds: CpuSeconds,
) -> CompressReport {
    let trailer = &written.trailer;
    let name = String::from_utf8_lossy(&trailer.name).into_owned();
    debug_assert_eq!(attachments.len(), trailer.attachments.len());
    CompressReport {
        source: open::source_report(trailer, header.kind.name(), name.clone()),
        archive: ArchiveReport {
            path,
            length: written.length,
            sha256: Some(open::hex(&written.sha256)),
            digest: open::hex(&written.digest),
            uuid: uuid::Uuid::from_bytes(header.uuid).to_string(),
            format_version: header.version,
            level: Level::from_number(header.level).map(|level| level.name().to_owned()),
            writer: trailer.writer.clone(),
        },
        ratio: ratio(trailer.source_length, written.length),
        counts: open::counts(trailer),
        exactness: open::exactness(trailer),
        attachments: open::attachments(trailer, &name),
        leans_on: open::leans_on(trailer),
        warnings,
        cpu_seconds,
    }
}

/// Source length / archive length.
pub fn ratio(source: u64, archive: u64) -> f64 {
    source as f64 / archive.max(1) as f64
}
