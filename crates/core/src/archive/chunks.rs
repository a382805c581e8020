//! The chunks of an open archive by their numbers, decoded when they are asked for; of what neighbours need again, the
//! last few are kept.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use super::decode::{Chunk, Partial, Wanted};
use super::open::Opened;
use super::share::Group;
use super::workers::lock;
use crate::codec::records::Level;
use crate::container::chunk::ChunkKind;
use crate::container::directory::{Entry, OPAQUE, Page, Span};
use crate::source::bam::CoreFields;
use crate::source::key;
use crate::store::Reading;
use crate::{Error, Result};

/// Decoded chunks that are kept for the next reads: one that is read, one that its last block reaches into, a second
/// reader's, and those that are decoded ahead.
const CHUNKS: usize = 5;

/// Groups of which the models are kept that their first chunks left: as many as take about 75 MB, 6 MB each. So a reader
/// that asks here and there of some gigabytes seldom decodes a first chunk again, which takes as long as ten others.
const GROUPS: usize = 12;

/// The same of archives at level max, whose models take 15 MB.
const GROUPS_AT_MAX: usize = 5;

/// Groups of which the models of core fields are kept.
const CORE_GROUPS: usize = 32;

/// Groups of which the models of some parts are kept: what a pass goes through, and a second one's.
const PARTIAL_GROUPS: usize = 2;

/// Pages of the directory that a reader of an archive in a store has when it is taken to need all.
const ROAMING: usize = 2;

/// Place of the content's bytes among the trailer's counts.
const CONTENT_BYTES: usize = 5;

/// First version whose directory tells which chunks have opaque bytes.
const TELLS_OPAQUE: u32 = 5;

/// An open archive's chunks. Any number of threads may ask for them.
pub struct Chunks {
    pub opened: Opened,
    /// Pages of the directory that were needed.
    pages: Vec<OnceLock<Arc<Vec<Entry>>>>,
    /// Number of each page's first chunk.
    firsts: Vec<u64>,
    count: u64,
    decoded: Kept<Arc<Chunk>>,
    leaders: Kept<Group>,
    core_leaders: Kept<(Arc<CoreFields>, Group)>,
    /// By the group's number and what is wanted.
    partial_leaders: Kept<Group>,
}

impl Chunks {
    /// Those of an archive; see [`super::Archive::open`].
    pub fn of(mut opened: Opened, reference: Option<&Path>) -> Result<Self> {
        opened.give_reference(reference)?;
        let pages = &opened.trailer.pages;
        let mut count = 0u64;
        let mut firsts = Vec::with_capacity(pages.len());
        for page in pages {
            firsts.push(count);
            count = count.saturating_add(page.chunks);
        }
        Ok(Self {
            pages: pages.iter().map(|_| OnceLock::new()).collect(),
            firsts,
            count,
            decoded: Kept::new(CHUNKS),
            leaders: Kept::new(match Level::from_number(opened.header.level) {
                Some(Level::Max) => GROUPS_AT_MAX,
                _ => GROUPS,
            }),
            core_leaders: Kept::new(CORE_GROUPS),
            partial_leaders: Kept::new(PARTIAL_GROUPS),
            opened,
        })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Bytes of the source's content.
    pub fn content_length(&self) -> u64 {
        self.opened.trailer.counts[CONTENT_BYTES]
    }

    /// The directory's pages, each with the number of its first chunk.
    pub fn pages(&self) -> impl Iterator<Item = (u64, &Page)> {
        self.firsts.iter().copied().zip(&self.opened.trailer.pages)
    }

    /// The entries of the page whose first chunk has this number.
    pub fn page(&self, first: u64) -> Result<Arc<Vec<Entry>>> {
        let page = self.firsts.partition_point(|&number| number <= first);
        let page = page.saturating_sub(1);
        let (Some(known), Some(root)) = (self.pages.get(page), self.opened.trailer.pages.get(page))
        else {
            return Err(self.missing(first));
        };
        if let Some(entries) = known.get() {
            return Ok(entries.clone());
        }
        self.will_need_pages(page);
        let entries = Arc::new(self.opened.page(root)?);
        Ok(known.get_or_init(|| entries).clone())
    }

    /// What the directory says of chunk `number`.
    pub fn entry(&self, number: u64) -> Result<Entry> {
        let (entries, at) = self.place(number)?;
        entries.get(at).cloned().ok_or_else(|| self.missing(number))
    }

    /// The entries of the page that a chunk is in, and its place in them.
    fn place(&self, number: u64) -> Result<(Arc<Vec<Entry>>, usize)> {
        let page = self.firsts.partition_point(|&first| first <= number);
        let first = page.checked_sub(1).map_or(0, |page| self.firsts[page]);
        Ok((self.page(first)?, (number - first) as usize))
    }

    fn missing(&self, number: u64) -> Error {
        Error::Damaged(format!("{}: there is no chunk {number}", self.opened.name))
    }

    /// The number of the last chunk that starts at or before a place, by where pages and entries start.
    pub fn last_before<T: PartialOrd>(
        &self,
        place: &T,
        of_page: impl Fn(&Page) -> T,
        of_entry: impl Fn(&Entry) -> T,
    ) -> Result<Option<u64>> {
        let pages = &self.opened.trailer.pages;
        let page = pages.partition_point(|page| of_page(page) <= *place);
        let Some(page) = page.checked_sub(1) else {
            return Ok(None);
        };
        let first = self.firsts[page];
        let entries = self.page(first)?;
        let at = entries.partition_point(|entry| of_entry(entry) <= *place);
        Ok(at.checked_sub(1).map(|at| first + at as u64))
    }

    /// Whether chunks in a page of such a span may have records that their entries do not tell of.
    pub fn may_hide_records(&self, page: &Span) -> bool {
        !self.tells_opaque() || page.flags & OPAQUE != 0
    }

    /// Whether a chunk has opaque bytes, among which there may be records that its entry does not tell of.
    pub fn hides_records(&self, number: u64, entry: &Entry) -> Result<bool> {
        if self.tells_opaque() {
            return Ok(entry.span.flags & OPAQUE != 0);
        }
        let head = self.opened.chunk_head(number, entry)?;
        let mut members = head.units.iter().flat_map(|unit| &unit.members);
        Ok(head.kind == ChunkKind::Kept || members.any(|&(key, _)| key == key::OPAQUE))
    }

    fn tells_opaque(&self) -> bool {
        self.opened.header.version >= TELLS_OPAQUE
    }

    /// The number of the chunk that starts the group of chunk `number`.
    fn leader(&self, number: u64) -> Result<u64> {
        let mut number = number;
        loop {
            let (entries, at) = self.place(number)?;
            let until = entries.get(..=at).unwrap_or_default();
            let leads = |entry: &Entry| entry.group.is_some();
            if let Some(start) = until.iter().rposition(leads) {
                return Ok(number - (at - start) as u64);
            }
            match number.checked_sub(at as u64 + 1) {
                Some(before) => number = before,
                None => return Ok(0),
            }
        }
    }

    /// What the first chunk of a group leaves, by its number. The chunk itself is kept among the others.
    fn lead(&self, number: u64) -> Result<Group> {
        self.leaders.get(number, || Ok(self.first(number)?.1))
    }

    /// The first chunk of a group, by its number, and what it leaves.
    fn first(&self, number: u64) -> Result<(Arc<Chunk>, Group)> {
        let entry = self.entry(number)?;
        let (chunk, left) = self.opened.chunk(number, &entry, &|| Ok(None))?;
        Ok((Arc::new(chunk), left.map(Arc::new)))
    }

    /// Says that a page will be read now, and the one before it, where the group of its first chunks may start; once some are
    /// known, all others too: then a reader of an archive in a store goes here and there, and would wait for each.
    fn will_need_pages(&self, page: usize) {
        if !self.opened.is_remote() {
            return;
        }
        let known = self.pages.iter().filter(|page| page.get().is_some());
        let wanted = if known.count() > ROAMING {
            0..self.pages.len()
        } else {
            page.saturating_sub(1)..page + 1
        };
        let missing = wanted.filter(|&page| self.pages[page].get().is_none());
        let pages = &self.opened.trailer.pages;
        self.opened
            .will_read_pages(missing.map(|page| &pages[page]));
    }

    /// Says that these chunks will be decoded soon, so that those in a store are fetched together.
    pub fn will_need(&self, numbers: impl Iterator<Item = u64>) {
        self.will_read(numbers, Reading::Onward);
    }

    fn will_read(&self, numbers: impl Iterator<Item = u64>, reading: Reading) {
        if self.opened.is_remote() {
            // What cannot be told now fails when it is needed.
            let entries = numbers.filter_map(|number| self.entry(number).ok());
            self.opened.will_read(entries, reading);
        }
    }

    /// The same of one chunk, and of the one that starts its group where that is not decoded yet.
    fn will_decode(&self, number: u64) {
        if self.opened.is_remote()
            && let Ok(leader) = self.leader(number)
        {
            let first = (leader != number && !self.leaders.has(leader)).then_some(leader);
            self.will_read(first.into_iter().chain([number]), Reading::Exact);
        }
    }

    /// Chunk `number`, decoded.
    pub fn chunk(&self, number: u64) -> Result<Arc<Chunk>> {
        let entry = self.entry(number)?;
        self.decoded.get(number, || {
            self.will_decode(number);
            if entry.group.is_some() {
                let (chunk, left) = self.first(number)?;
                self.leaders.put(number, left);
                return Ok(chunk);
            }
            let leader = || self.lead(self.leader(number)?);
            let (chunk, _) = self.opened.chunk(number, &entry, &leader)?;
            Ok(Arc::new(chunk))
        })
    }

    /// Content length and size in the source of each block of chunk `number`, for which nothing else of it is read; none where
    /// that cannot be.
    pub fn block_lengths(&self, number: u64) -> Result<Option<Vec<(usize, usize)>>> {
        self.opened.block_lengths(number, &self.entry(number)?)
    }

    /// Core fields of the records of chunk `number`, for which nothing else of it is read where that can be.
    pub fn core_fields(&self, number: u64) -> Result<Arc<CoreFields>> {
        let entry = self.entry(number)?;
        if entry.group.is_some() {
            return Ok(self.core_lead(number)?.0);
        }
        let leader = || Ok(self.core_lead(self.leader(number)?)?.1);
        match self.opened.core_fields(number, &entry, &leader)? {
            Some((fields, _)) => Ok(Arc::new(fields)),
            None => Ok(Arc::new(self.chunk(number)?.core_fields())),
        }
    }

    /// The records of chunk `number` with the fields that are wanted; none where these cannot be told without the rest.
    pub fn partial(&self, number: u64, wanted: Wanted) -> Result<Option<Partial>> {
        let entry = self.entry(number)?;
        let key = |number: u64| number << 3 | wanted.number();
        if entry.group.is_some() {
            let Some((partial, left)) = self.partial_lead(number, wanted)? else {
                return Ok(None);
            };
            self.partial_leaders.put(key(number), left);
            return Ok(Some(partial));
        }
        let leader = || {
            let number = self.leader(number)?;
            self.partial_leaders
                .get(key(number), || match self.partial_lead(number, wanted)? {
                    Some((_, left)) => Ok(left),
                    None => self.lead(number),
                })
        };
        let read = self.opened.partial(number, &entry, wanted, &leader)?;
        Ok(read.map(|(partial, _)| partial))
    }

    /// The same of the first chunk of a group, by its number, with what it leaves of the models that these need.
    fn partial_lead(&self, number: u64, wanted: Wanted) -> Result<Option<(Partial, Group)>> {
        let entry = self.entry(number)?;
        let read = self.opened.partial(number, &entry, wanted, &|| Ok(None))?;
        Ok(read.map(|(partial, left)| (partial, left.map(Arc::new))))
    }

    /// Core fields of the first chunk of a group, by its number, and what it leaves of the models that these need.
    fn core_lead(&self, number: u64) -> Result<(Arc<CoreFields>, Group)> {
        self.core_leaders.get(number, || {
            let entry = self.entry(number)?;
            match self.opened.core_fields(number, &entry, &|| Ok(None))? {
                Some((fields, left)) => Ok((Arc::new(fields), left.map(Arc::new))),
                None => {
                    let (chunk, group) = self.first(number)?;
                    Ok((Arc::new(chunk.core_fields()), group))
                }
            }
        })
    }
}

/// Values by number, of which those used last are kept. Of threads that ask for one that is not there, one makes it and
/// the others wait.
struct Kept<T> {
    most: usize,
    /// The one used last at the end.
    slots: Mutex<Vec<(u64, Slot<T>)>>,
}

type Slot<T> = Arc<Mutex<Option<T>>>;

impl<T: Clone> Kept<T> {
    fn new(most: usize) -> Self {
        Self {
            most,
            slots: Mutex::default(),
        }
    }

    fn get(&self, number: u64, make: impl FnOnce() -> Result<T>) -> Result<T> {
        let slot = self.slot(number);
        let mut value = lock(&slot);
        if let Some(value) = &*value {
            return Ok(value.clone());
        }
        let made = make()?;
        *value = Some(made.clone());
        Ok(made)
    }

    /// Whether there is one, or it is being made.
    fn has(&self, number: u64) -> bool {
        lock(&self.slots).iter().any(|&(of, _)| of == number)
    }

    /// Keeps a value that was made for another purpose.
    fn put(&self, number: u64, value: T) {
        *lock(&self.slot(number)) = Some(value);
    }

    fn slot(&self, number: u64) -> Slot<T> {
        let mut slots = lock(&self.slots);
        let known = slots.iter().position(|&(of, _)| of == number);
        let slot = match known {
            Some(known) => slots.remove(known).1,
            None => Slot::default(),
        };
        if slots.len() == self.most {
            slots.remove(0);
        }
        slots.push((number, slot.clone()));
        slot
    }
}
