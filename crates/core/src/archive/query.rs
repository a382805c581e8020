//! Which records are asked for, and passes over those records, whatever is to be made of them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::chunks::Chunks;
use super::decode::Wanted;
use super::heading::Heading;
use super::regions::{Regions, chunks_of};
use super::scan::Scan;
use crate::codec::records::on_reference;
use crate::container::chunk::ChunkKind;
use crate::container::directory::Entry;
use crate::source::bam::record::{self, Fixed, UNMAPPED};
use crate::source::bam::{CoreFields, Parts, read_group};
use crate::source::walk::Item;
use crate::{Error, Result};

/// Which records are asked for: all that meet each condition.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Query {
    /// Those that overlap these.
    pub regions: Option<Regions>,
    /// Those that overlap these too.
    pub targets: Option<Regions>,
    /// Flags that they must have.
    pub required_flags: u16,
    /// Flags that they must not have.
    pub excluded_flags: u16,
    /// Least mapping quality.
    pub least_mapping_quality: u8,
    /// Read groups, of which a record that names one must name one of these.
    pub read_groups: Option<Vec<String>>,
}

impl Query {
    /// Whether a record's core fields meet the conditions; all but the read groups.
    fn meets(&self, core: &Core) -> bool {
        let hold = |regions: &Option<Regions>| {
            regions
                .as_ref()
                .is_none_or(|regions| regions.hold(core.reference, core.position, core.end))
        };
        core.flags & self.required_flags == self.required_flags
            && core.flags & self.excluded_flags == 0
            && core.mapping_quality >= self.least_mapping_quality
            && hold(&self.regions)
            && hold(&self.targets)
    }

    fn meets_record(&self, bytes: &[u8]) -> bool {
        let in_group = |groups: &Vec<String>| {
            read_group(bytes).is_none_or(|own| groups.iter().any(|group| group.as_bytes() == own))
        };
        Core::of_record(bytes).is_some_and(|core| self.meets(&core))
            && self.read_groups.as_ref().is_none_or(in_group)
    }

    /// What `make` makes of those of a stretch's records that meet the conditions, if there is one.
    pub(super) fn records<T>(
        &self,
        mut stretch: Stretch<'_>,
        make: impl Fn(Stretch<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let content = stretch.content;
        let meets = |record: &Range<usize>| self.meets_record(&content[record.clone()]);
        stretch.records.retain(meets);
        if stretch.records.is_empty() {
            return Ok(None);
        }
        make(stretch).map(Some)
    }

    /// Whether core fields alone tell which records meet the conditions.
    pub(super) fn needs_core_only(&self) -> bool {
        self.read_groups.is_none()
    }

    /// Refuses conditions that core fields alone do not tell.
    pub(super) fn check_core_only(&self) -> Result<()> {
        if self.needs_core_only() {
            return Ok(());
        }
        Err(Error::Invalid(
            "read groups cannot be chosen here: what is asked for looks at no tags".into(),
        ))
    }

    fn chunks(&self, chunks: &Chunks) -> Result<Vec<u64>> {
        let regions: Vec<&Regions> = [&self.regions, &self.targets]
            .into_iter()
            .flatten()
            .collect();
        chunks_of(chunks, &regions)
    }
}

/// What a record's place follows from.
#[derive(Clone, Copy)]
pub struct Core {
    pub flags: u16,
    pub reference: i32,
    pub position: i64,
    /// Exclusive: as htslib sees it, where an unmapped record, or one of which nothing lies on the reference, takes one position.
    pub end: i64,
    pub mapping_quality: u8,
}

impl Core {
    /// Those of record number `index` of `fields`.
    pub fn of(fields: &CoreFields, index: usize) -> Self {
        let flags = fields.flags[index];
        let position = i64::from(fields.positions[index]);
        Self {
            flags,
            reference: fields.references[index],
            position,
            end: end(flags, position, fields.cigar_of(index).iter().copied()),
            mapping_quality: fields.mapping_qualities[index],
        }
    }

    pub fn of_record(bytes: &[u8]) -> Option<Self> {
        let fixed = Fixed::read(bytes)?;
        let position = i64::from(fixed.position);
        let cigar = record::cigar(&fixed, bytes);
        Some(Self {
            flags: fixed.flags,
            reference: fixed.reference,
            position,
            end: end(fixed.flags, position, cigar),
            mapping_quality: fixed.mapq,
        })
    }
}

fn end(flags: u16, position: i64, cigar: impl Iterator<Item = u32>) -> i64 {
    let length: i64 = match flags & UNMAPPED {
        0 => cigar
            .map(|operation| i64::from(on_reference(operation)))
            .sum(),
        _ => 0,
    };
    position + length.max(1)
}

/// What a worker made of a stretch of a chunk.
enum Piece<T> {
    /// Records; none that meets the conditions makes nothing.
    Records(Option<T>),
    /// Opaque bytes and their offset in the content: a piece of a record longer than a chunk holds, or damage.
    Opaque(u64, Vec<u8>),
}

/// A pass over records: an iterator over what `make` makes of the records in each chunk, in order.
pub struct Pass<T> {
    scan: Scan<Vec<Piece<T>>>,
    /// Made, and not given yet.
    ready: std::vec::IntoIter<Piece<T>>,
    /// Opaque bytes that are not whole records yet, and the offset of the first.
    pending: (u64, Vec<u8>),
    stitch: Stitch<T>,
    name: String,
    ended: bool,
}

/// Makes what is to be made of records that came in pieces.
type Stitch<T> = Box<dyn Fn(Stretch<'_>) -> Result<Option<T>> + Send>;

/// Content with records in it.
pub struct Stretch<'a> {
    /// Where it starts in the source's content.
    pub offset: u64,
    pub content: &'a [u8],
    /// Where in it the records lie, in order.
    pub records: Vec<Range<usize>>,
}

/// A pass over the records that `query` asks for. `make` gets stretches that hold at least one;
/// with `threads` above 1 it runs in that many worker threads.
pub fn records<T: Send + 'static>(
    chunks: &Arc<Chunks>,
    heading: &Heading,
    query: &Query,
    threads: usize,
    make: impl Fn(Stretch<'_>) -> Result<T> + Send + Sync + 'static,
) -> Result<Pass<T>> {
    let make = Make::new(chunks, heading, query, make);
    pass(&make, threads, |_, _| Ok(None))
}

/// A pass over core fields of the records in the chunks that `query` asks for. `make` gets the fields of a chunk's records and
/// the numbers of those that meet the conditions, which must not be about read groups.
pub fn core_fields<T: Send + 'static>(
    chunks: &Arc<Chunks>,
    heading: &Heading,
    query: &Query,
    threads: usize,
    make: impl Fn(&CoreFields, Vec<usize>) -> T + Send + Sync + 'static,
) -> Result<Pass<T>> {
    let make = Arc::new(make);
    let of_core = make.clone();
    let of_core = move |fields: &CoreFields, found| Some(of_core(fields, found));
    let of_records = move |stretch: Stretch<'_>| {
        let fields = stretch.core_fields();
        let all = (0..fields.flags.len()).collect();
        Ok(make(&fields, all))
    };
    core_or_records(chunks, heading, query, threads, of_core, of_records)
}

/// The same where `of_core` may say with none that core fields do not tell enough: then `of_records` makes it of the chunk's
/// whole records, as it does of those that lie in opaque bytes.
pub fn core_or_records<T: Send + 'static>(
    chunks: &Arc<Chunks>,
    heading: &Heading,
    query: &Query,
    threads: usize,
    of_core: impl Fn(&CoreFields, Vec<usize>) -> Option<T> + Send + Sync + 'static,
    of_records: impl Fn(Stretch<'_>) -> Result<T> + Send + Sync + 'static,
) -> Result<Pass<T>> {
    let (own, conditions) = (chunks.clone(), query.clone());
    let of_chunk = move |number, _: &Entry| {
        let fields = own.core_fields(number)?;
        let meets = |&index: &usize| conditions.meets(&Core::of(&fields, index));
        let found: Vec<usize> = (0..fields.flags.len()).filter(meets).collect();
        if found.is_empty() {
            return Ok(Some(Piece::Records(None)));
        }
        let made = of_core(&fields, found);
        Ok(made.map(|made| Piece::Records(Some(made))))
    };
    let make = Make::new(chunks, heading, query, of_records);
    pass(&make, threads, of_chunk)
}

/// A pass over the records that `query` asks for, of which only the fields are decoded that are wanted, where that can be: the
/// others of these records are not what they are in the source. The conditions must not be about read groups.
pub fn partial<T: Send + 'static>(
    chunks: &Arc<Chunks>,
    heading: &Heading,
    query: &Query,
    threads: usize,
    wanted: Wanted,
    make: impl Fn(Stretch<'_>) -> Result<T> + Send + Sync + 'static,
) -> Result<Pass<T>> {
    let make = Make::new(chunks, heading, query, make);
    let own = make.clone();
    let of_chunk = move |number, entry: &Entry| {
        let Some(partial) = own.chunks.partial(number, wanted)? else {
            return Ok(None);
        };
        let made = own.records(Stretch {
            offset: entry.content_offset,
            content: &partial.content,
            records: partial.records,
        })?;
        Ok(Some(Piece::Records(made)))
    };
    pass(&make, threads, of_chunk)
}

/// A pass over all records, for what depends on their places in the content. `of_chunk` makes it of a chunk that holds
/// records and nothing else but the header, by its number; where it gives none, `of_stretch` gets the records.
pub fn places<T: Send + 'static>(
    chunks: &Arc<Chunks>,
    heading: &Heading,
    threads: usize,
    of_chunk: impl Fn(u64, &Entry) -> Result<Option<T>> + Send + Sync + 'static,
    of_stretch: impl Fn(Stretch<'_>) -> Result<T> + Send + Sync + 'static,
) -> Result<Pass<T>> {
    let of_chunk = move |number, entry: &Entry| {
        let made = of_chunk(number, entry)?;
        Ok(made.map(|made| Piece::Records(Some(made))))
    };
    let make = Make::new(chunks, heading, &Query::default(), of_stretch);
    pass(&make, threads, of_chunk)
}

/// A pass in which `of_chunk` is asked first of chunks that cannot hide records; where it gives none, the chunk is decoded
/// and `make` gets its records.
fn pass<F, T: Send + 'static>(
    make: &Arc<Make<F>>,
    threads: usize,
    of_chunk: impl Fn(u64, &Entry) -> Result<Option<Piece<T>>> + Send + Sync + 'static,
) -> Result<Pass<T>>
where
    F: Fn(Stretch<'_>) -> Result<T> + Send + Sync + 'static,
{
    let (own, stitch) = (make.clone(), make.clone());
    let work = move |number| {
        let entry = own.chunks.entry(number)?;
        if entry.records > 0
            && !own.chunks.hides_records(number, &entry)?
            && let Some(piece) = of_chunk(number, &entry)?
        {
            return Ok(vec![piece]);
        }
        own.pieces(number)
    };
    let stitch = Box::new(move |stretch: Stretch<'_>| stitch.records(stretch));
    Pass::new(&make.chunks, &make.query, threads, work, stitch)
}

impl Stretch<'_> {
    /// Core fields of its records.
    pub fn core_fields(&self) -> CoreFields {
        let mut fields = CoreFields::default();
        for record in &self.records {
            fields.push(&self.content[record.clone()]);
        }
        fields
    }

    /// Places and parts of its records.
    pub fn parts(&self) -> impl Iterator<Item = (Core, Parts<'_>)> {
        let records = self
            .records
            .iter()
            .map(|range| &self.content[range.clone()]);
        records.filter_map(|bytes| Some((Core::of_record(bytes)?, Parts::read(bytes)?)))
    }
}

struct Make<F> {
    chunks: Arc<Chunks>,
    query: Query,
    /// Where the first record stands in the content.
    first: u64,
    make: F,
}

impl<F> Make<F> {
    fn new(chunks: &Arc<Chunks>, heading: &Heading, query: &Query, make: F) -> Arc<Self> {
        Arc::new(Self {
            chunks: chunks.clone(),
            query: query.clone(),
            first: heading.length,
            make,
        })
    }

    /// What is made of a chunk, piece by piece.
    fn pieces<T>(&self, number: u64) -> Result<Vec<Piece<T>>>
    where
        F: Fn(Stretch<'_>) -> Result<T>,
    {
        let chunk = self.chunks.chunk(number)?;
        let entry = self.chunks.entry(number)?;
        if chunk.head.kind == ChunkKind::Raw && !chunk.kept.is_empty() {
            return Err(Error::Damaged(format!(
                "{}: byte {} of its source is not in a BGZF block: the source is damaged there, or cut short",
                self.chunks.opened.name, entry.source_offset
            )));
        }
        let (mut pieces, mut run, mut open) = (Vec::new(), Vec::new(), false);
        let records = |records| {
            self.records(Stretch {
                offset: entry.content_offset,
                content: &chunk.content,
                records,
            })
        };
        for item in chunk.items() {
            match item {
                Item::Record(range) => {
                    open = true;
                    run.push(range);
                }
                Item::Opaque(range) => {
                    let heading = self.first.saturating_sub(entry.content_offset);
                    let start = range
                        .start
                        .max(usize::try_from(heading).unwrap_or(usize::MAX));
                    if start < range.end {
                        if std::mem::take(&mut open) {
                            let run = std::mem::take(&mut run);
                            pieces.push(Piece::Records(records(run)?));
                        }
                        let offset = entry.content_offset + start as u64;
                        let bytes = chunk.content[start..range.end].to_vec();
                        pieces.push(Piece::Opaque(offset, bytes));
                    }
                }
            }
        }
        if open {
            pieces.push(Piece::Records(records(run)?));
        }
        Ok(pieces)
    }

    /// What is made of those of these records that meet the conditions.
    fn records<T>(&self, stretch: Stretch<'_>) -> Result<Option<T>>
    where
        F: Fn(Stretch<'_>) -> Result<T>,
    {
        self.query.records(stretch, &self.make)
    }
}

/// Chunks of a pass that are fetched ahead of those being decoded, if they are in a store: some 16 MB.
const FETCHED: usize = 256;

/// Which chunks of a pass come next.
struct Ahead {
    numbers: Arc<[u64]>,
    /// Place of the first one that was not told.
    told: AtomicUsize,
}

impl Ahead {
    fn new(numbers: Arc<[u64]>) -> Self {
        Self {
            numbers,
            told: AtomicUsize::new(0),
        }
    }

    /// Those that were not told yet of the ones after `number`; many at a time, so that near ones are fetched together.
    fn of(&self, number: u64) -> impl Iterator<Item = u64> {
        let place = self.numbers.partition_point(|&before| before < number);
        let told = self.told.load(Ordering::Relaxed);
        let end = if place + FETCHED / 2 < told {
            told
        } else {
            (place + FETCHED).min(self.numbers.len())
        };
        let told = self.told.fetch_max(end, Ordering::Relaxed);
        self.numbers[told.min(end)..end].iter().copied()
    }
}

impl<T: Send + 'static> Pass<T> {
    /// A pass in which `work` makes a chunk's pieces.
    fn new(
        chunks: &Arc<Chunks>,
        query: &Query,
        threads: usize,
        work: impl Fn(u64) -> Result<Vec<Piece<T>>> + Send + Sync + 'static,
        stitch: Stitch<T>,
    ) -> Result<Self> {
        let numbers: Arc<[u64]> = query.chunks(chunks)?.into();
        let (own, ahead) = (chunks.clone(), Ahead::new(numbers.clone()));
        let work = move |number| {
            own.will_need(ahead.of(number));
            work(number)
        };
        Ok(Self {
            scan: Scan::new(numbers.to_vec(), threads, work),
            ready: Vec::new().into_iter(),
            pending: (0, Vec::new()),
            stitch,
            name: chunks.opened.name.clone(),
            ended: false,
        })
    }

    /// What is made of the records that opaque bytes came to.
    fn stitched(&mut self) -> Result<Option<T>> {
        let (offset, bytes) = std::mem::take(&mut self.pending);
        let (mut records, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let rest = &bytes[at..];
            let length = record::u32_at(rest, 0)
                .map(|size| size as usize + 4)
                .filter(|&length| length <= rest.len() && record::is_consistent(rest));
            let Some(length) = length else {
                return Err(Error::Damaged(format!(
                    "{}: no BAM record stands at byte {} of its source's uncompressed content: the source is damaged there, \
                     or cut short",
                    self.name,
                    offset + at as u64
                )));
            };
            records.push(at..at + length);
            at += length;
        }
        (self.stitch)(Stretch {
            offset,
            content: &bytes,
            records,
        })
    }

    fn advance(&mut self) -> Result<Option<T>> {
        loop {
            let Some(piece) = self.ready.next() else {
                match self.scan.next() {
                    Some(pieces) => self.ready = pieces?.into_iter(),
                    None => {
                        self.ended = true;
                        return self.stitched();
                    }
                }
                continue;
            };
            let made = match piece {
                Piece::Opaque(offset, bytes) => {
                    let end = self.pending.0 + self.pending.1.len() as u64;
                    let mut made = None;
                    if offset != end {
                        made = self.stitched()?;
                        self.pending.0 = offset;
                    }
                    self.pending.1.extend_from_slice(&bytes);
                    made
                }
                Piece::Records(made) if self.pending.1.is_empty() => made,
                Piece::Records(made) => {
                    // What the opaque bytes came to goes first.
                    let before = self.stitched()?;
                    if before.is_some() {
                        let rest = std::mem::take(&mut self.ready);
                        let again = std::iter::once(Piece::Records(made)).chain(rest);
                        self.ready = again.collect::<Vec<_>>().into_iter();
                        before
                    } else {
                        made
                    }
                }
            };
            if made.is_some() {
                return Ok(made);
            }
        }
    }
}

impl<T: Send + 'static> Iterator for Pass<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.ended {
            return None;
        }
        let made = self.advance();
        self.ended |= made.is_err();
        made.transpose()
    }
}
