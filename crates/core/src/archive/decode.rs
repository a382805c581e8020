//! One chunk's payload back into content, and content back into the source's bytes.

use std::ops::Range;

use readvault_encoders::Inflater;

use super::share::{Leader, Shared};
use crate::codec::records::Records;
use crate::codec::records::models::{Models, Part};
use crate::container::chunk::{self, ChunkKind, Head, Unit};
use crate::source::bam::CoreFields;
use crate::source::bgzf::{self, Framing};
use crate::source::layout::{self, Block, Cut};
use crate::source::recipe::Maker;
use crate::source::streams::{Decoded, StoredUnit};
use crate::source::walk::Item;
use crate::source::{bam, key, parts};
use crate::{Error, Result};

/// BAM's code of the base N.
const N: u8 = 15;

/// A chunk, decoded.
pub struct Chunk {
    /// What it says of itself.
    pub head: Head,
    /// Its content.
    pub content: Vec<u8>,
    /// Where each of the content's items ends.
    borders: Vec<usize>,
    /// Numbers of the items that are not records.
    opaque: Vec<usize>,
    /// Its blocks, if they are to be re-created.
    pub blocks: Vec<Block>,
    /// Its source bytes, if they are kept.
    pub kept: Vec<u8>,
}

/// Checks and decodes a chunk's payload; `leader` gives what the key chunk of its group left, if it is asked. A key chunk
/// gives what it leaves.
pub fn decode(
    payload: &[u8],
    shared: &Shared,
    leader: Leader<'_>,
) -> Result<(Chunk, Option<Models>)> {
    let head = chunk::read(payload)?;
    let mut streams = Decoded::new(stored_units(payload, &head, |_| true)?);
    let mut rebuilt = bam::Rebuilt::default();
    let (mut blocks, mut kept, mut left) = (Vec::new(), Vec::new(), None);
    match head.kind {
        ChunkKind::Content => {
            let length = head.content_length as usize;
            let content = bam::rebuild(&mut streams, length, &shared.context());
            // Bases of a sequence that cannot be had show as damage: name the cause.
            shared.check()?;
            rebuilt = content?;
            blocks = decode_blocks(&head, &mut streams, &rebuilt.borders)?;
        }
        ChunkKind::Key | ChunkKind::Modelled => {
            (rebuilt, left) = decode_records(&head, &mut streams, shared, leader)?;
            blocks = decode_blocks(&head, &mut streams, &rebuilt.borders)?;
        }
        ChunkKind::Kept => {
            kept = streams.take(key::KEPT)?;
            rebuilt = bam::Rebuilt::found(inflate_kept(&kept, &head)?, head.records);
        }
        ChunkKind::Raw => kept = streams.take(key::RAW)?,
    }
    let length: u64 = kept.len() as u64 + blocks.iter().map(|block| block.size as u64).sum::<u64>();
    if length != head.source_length || (head.kind == ChunkKind::Raw && head.content_length > 0) {
        return Err(Error::Damaged(
            "chunk: its source bytes are not as many as its head says".into(),
        ));
    }
    let chunk = Chunk {
        head,
        content: rebuilt.content,
        borders: rebuilt.borders,
        opaque: rebuilt.opaque,
        blocks,
        kept,
    };
    Ok((chunk, left))
}

/// Whether the core fields of a chunk need a unit.
pub fn is_core(unit: &Unit) -> bool {
    let is = |key: u32| {
        key::bundle_of(key) == Some(key::bundle::CORE)
            || [
                key::LINKS,
                key::MATE_REFERENCES,
                key::ESCAPE_LENGTHS,
                key::ESCAPES,
            ]
            .contains(&key)
    };
    unit.members.iter().any(|&(key, _)| is(key))
}

/// The core fields of a chunk's records, from a payload of which only the units are there that [`is_core`] tells; `leader`
/// gives what the key chunk of its group left of the models that this needs, if it is asked. A key chunk gives what
/// it leaves of them. None where records are not told apart from other bytes: then the whole chunk must be decoded.
pub fn core_fields(
    payload: &[u8],
    shared: &Shared,
    leader: Leader<'_>,
) -> Result<Option<(CoreFields, Option<Models>)>> {
    let head = chunk::read(payload)?;
    if !matches!(
        head.kind,
        ChunkKind::Content | ChunkKind::Key | ChunkKind::Modelled
    ) {
        return Ok(None);
    }
    let mut streams = Decoded::new(stored_units(payload, &head, is_core)?);
    let length = head.content_length as usize;
    let forms = streams.take(key::FORMS)?;
    if bam::has_opaque(&forms) {
        return Ok(None);
    }
    let (fields, left) = if head.kind == ChunkKind::Content {
        (bam::core(&mut streams, &forms, length)?, None)
    } else {
        let count = bam::count(&forms, length)?;
        let parts = &Part::ALL[..1];
        decode_parts(&head, &mut streams, shared, leader, count, parts)?
    };
    let fields = CoreFields::merge(&mut streams, &forms, fields)?;
    Ok(Some((fields, left)))
}

/// Which fields of records are wanted beside flags, places, CIGARs, mates and template lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub names: bool,
    pub bases: bool,
    pub qualities: bool,
}

impl Wanted {
    /// The parts that hold them, with what these need.
    fn parts(self) -> Vec<Part> {
        let needs = |part: &Part| match part {
            Part::Alignment | Part::Templates => true,
            Part::Names => self.names,
            Part::Bases => self.bases || self.qualities,
            Part::Qualities => self.qualities,
            Part::Tags => false,
        };
        Part::ALL.into_iter().filter(needs).collect()
    }

    /// Whether a chunk's records need a unit.
    pub fn needs(self, unit: &Unit) -> bool {
        let parts = self.parts();
        let is = |key: u32| key == key::BINS || parts.iter().any(|&part| parts::key(part) == key);
        is_core(unit) || unit.members.iter().any(|&(key, _)| is(key))
    }

    /// A number that tells it from others, below 8.
    pub fn number(self) -> u64 {
        u64::from(self.names) | u64::from(self.bases) << 1 | u64::from(self.qualities) << 2
    }
}

/// Records as they stand in BAM but for the fields that are not wanted: names are empty, bases N, qualities missing, and there
/// are no tags.
pub struct Partial {
    pub content: Vec<u8>,
    pub records: Vec<Range<usize>>,
}

/// A chunk's records with the fields that are wanted, from a payload of which only the units are there that these need; as
/// [`core_fields`] otherwise. None also where records are not coded by models (of these, the whole chunk is decoded nearly
/// as fast), and where a CIGAR may be in a tag.
pub fn partial(
    payload: &[u8],
    wanted: Wanted,
    shared: &Shared,
    leader: Leader<'_>,
) -> Result<Option<(Partial, Option<Models>)>> {
    let head = chunk::read(payload)?;
    if !matches!(head.kind, ChunkKind::Key | ChunkKind::Modelled) {
        return Ok(None);
    }
    let mut streams = Decoded::new(stored_units(payload, &head, |unit| wanted.needs(unit))?);
    let forms = streams.take(key::FORMS)?;
    if bam::has_opaque(&forms) {
        return Ok(None);
    }
    let length = head.content_length as usize;
    let count = bam::count(&forms, length)?;
    let parts = wanted.parts();
    let (mut records, left) = decode_parts(&head, &mut streams, shared, leader, count, &parts)?;
    let may_be_long = |record| bam::may_be_long(records.cigar_of(record));
    if (0..count).any(may_be_long) {
        return Ok(None);
    }
    let bases = records.base_ends.last().copied().unwrap_or(0);
    for part in Part::ALL.iter().filter(|part| !parts.contains(part)) {
        match part {
            Part::Names => records.name_ends = vec![0; count],
            Part::Bases => records.bases = vec![N; bases],
            Part::Qualities => records.qualities = vec![0xff; bases],
            Part::Alignment | Part::Templates | Part::Tags => {}
        }
    }
    (records.lines, records.line_tags) = (vec![0; count], vec![Vec::new()]);
    records.columns.clear();
    let (content, records) = bam::restore_records(&mut streams, &forms, &records, length)?;
    Ok(Some((Partial { content, records }, left)))
}

/// Units of a chunk that are wanted, their stored bytes checked.
fn stored_units<'a>(
    payload: &'a [u8],
    head: &'a Head,
    wanted: impl Fn(&Unit) -> bool,
) -> Result<Vec<StoredUnit<'a>>> {
    let mut stored = Vec::with_capacity(head.units.len());
    for unit in head.units.iter().filter(|unit| wanted(unit)) {
        let bytes = &payload[unit.place.clone()];
        if crc32c::crc32c(bytes) != unit.stored_crc {
            let streams: Vec<String> = unit
                .members
                .iter()
                .map(|&(key, _)| key::name(key))
                .collect();
            return Err(Error::Damaged(format!(
                "{}: stored bytes do not match their checksum",
                streams.join(", ")
            )));
        }
        stored.push(StoredUnit {
            codec: unit.codec,
            stored: bytes,
            decoded_crc: unit.decoded_crc,
            members: &unit.members,
        });
    }
    Ok(stored)
}

/// These `parts`, in order, of the fields of a chunk's `count` regular records, and what a key chunk leaves.
fn decode_parts(
    head: &Head,
    streams: &mut Decoded<'_>,
    shared: &Shared,
    leader: Leader<'_>,
    count: usize,
    parts: &[Part],
) -> Result<(Records, Option<Models>)> {
    let is_key = head.kind == ChunkKind::Key;
    let blank = Models::default();
    let group = if is_key { None } else { leader()? };
    let models = match &group {
        _ if is_key => &blank,
        Some(models) => models,
        None => {
            return Err(Error::Damaged(
                "chunk: its group has no key chunk before it".into(),
            ));
        }
    };
    let length = head.content_length as usize;
    let find = |key| streams.take_unit(key);
    let decoded = parts::decode(
        count,
        length,
        models,
        is_key,
        &shared.context(),
        parts,
        find,
    );
    // Bases of a sequence that cannot be had show as damage: name the cause.
    shared.check()?;
    decoded
}

/// The content of a chunk whose records are coded by models, and what a key chunk leaves.
fn decode_records(
    head: &Head,
    streams: &mut Decoded<'_>,
    shared: &Shared,
    leader: Leader<'_>,
) -> Result<(bam::Rebuilt, Option<Models>)> {
    let length = head.content_length as usize;
    let forms = streams.take(key::FORMS)?;
    let count = bam::count(&forms, length)?;
    let (records, left) = decode_parts(head, streams, shared, leader, count, &Part::ALL)?;
    let rebuilt = bam::restore(streams, &forms, &records, &shared.header_text, length)?;
    Ok((rebuilt, left))
}

/// Whether the lengths of a chunk's blocks need a unit.
pub fn is_length(unit: &Unit) -> bool {
    let is = |key| key == key::BLOCK_SIZES || key == key::BLOCK_LENGTHS;
    unit.members.iter().any(|&(key, _)| is(key))
}

/// Content length and size in the source of each of a chunk's blocks, from a payload of which only the units are there that
/// [`is_length`] tells. None where they do not follow from these: then the whole chunk must be decoded.
pub fn block_lengths(payload: &[u8]) -> Result<Option<Vec<(usize, usize)>>> {
    let head = chunk::read(payload)?;
    if !head.kind.recreates() || head.cut.at_records {
        return Ok(None);
    }
    let mut streams = Decoded::new(stored_units(payload, &head, is_length)?);
    let (first, sizes) = decode_sizes(&head, &mut streams)?;
    let cut = cut_of(&head);
    let lengths = layout::decode_lengths(&mut streams, sizes.len(), cut, first, &[])?;
    Ok(Some(lengths.into_iter().zip(sizes).collect()))
}

/// Where a chunk's first block starts, and the sizes of its blocks in the source.
fn decode_sizes(head: &Head, streams: &mut Decoded<'_>) -> Result<(usize, Vec<usize>)> {
    let Ok(first) = usize::try_from(head.first_block) else {
        return Err(Error::Damaged(
            "chunk: its first block starts before it".into(),
        ));
    };
    let sizes = layout::decode_sizes(streams, head.blocks as usize)?;
    if sizes.iter().map(|&size| size as u64).sum::<u64>() != head.source_length {
        return Err(Error::Damaged(
            "chunk: its blocks are not as long as its head says".into(),
        ));
    }
    Ok((first, sizes))
}

fn cut_of(head: &Head) -> Cut {
    Cut {
        limit: head.cut.limit,
        at_borders: head.cut.at_records,
    }
}

fn decode_blocks(head: &Head, streams: &mut Decoded<'_>, borders: &[usize]) -> Result<Vec<Block>> {
    let (first, sizes) = decode_sizes(head, streams)?;
    let blocks = layout::decode(streams, &sizes, cut_of(head), first, borders)?;
    let mut start = first;
    for block in &blocks {
        let length = head.content_length as usize;
        if start > length || (start == length && block.length > 0) {
            return Err(Error::Damaged("chunk: a block starts outside it".into()));
        }
        start += block.length;
    }
    Ok(blocks)
}

/// The content of kept blocks: what their DEFLATE bytes inflate to, from where the chunk's content starts.
fn inflate_kept(kept: &[u8], head: &Head) -> Result<Vec<u8>> {
    let damaged = || Error::Damaged("chunk: its kept blocks are not whole BGZF blocks".into());
    if head.content_length == 0 {
        return Ok(Vec::new());
    }
    let skip = usize::try_from(-head.first_block).map_err(|_| damaged())?;
    let end = skip + head.content_length as usize;
    let mut inflater = Inflater::new();
    let (mut content, mut at) = (Vec::new(), 0);
    while content.len() < end {
        let Framing::Block { head, length, .. } = bgzf::frame(kept.get(at..).unwrap_or_default())
        else {
            return Err(damaged());
        };
        let block = kept.get(at..at + length).ok_or_else(damaged)?;
        let inflated = bgzf::tail(block).1 as usize;
        if inflated > bgzf::MAX_CONTENT {
            return Err(damaged());
        }
        let start = content.len();
        content.resize(start + inflated, 0);
        if !inflater.inflate_exact(
            &block[head..length - bgzf::TAIL_LENGTH],
            &mut content[start..],
        ) {
            return Err(damaged());
        }
        at += length;
    }
    content.truncate(end);
    content.drain(..skip);
    Ok(content)
}

impl Chunk {
    /// A chunk of which only the head is wanted.
    pub fn nothing(head: Head) -> Self {
        Self {
            head,
            content: Vec::new(),
            borders: Vec::new(),
            opaque: Vec::new(),
            blocks: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// Its items in order: records, and stretches of content that are none.
    pub fn items(&self) -> impl Iterator<Item = Item> {
        let starts = std::iter::once(0).chain(self.borders.iter().copied());
        let ranges = starts.zip(&self.borders).map(|(start, &end)| start..end);
        let mut opaque = self.opaque.iter().peekable();
        ranges.enumerate().map(move |(number, range)| {
            match opaque.next_if(|&&opaque| opaque == number) {
                Some(_) => Item::Opaque(range),
                None => Item::Record(range),
            }
        })
    }

    /// Core fields of its records.
    pub fn core_fields(&self) -> CoreFields {
        let mut fields = CoreFields::default();
        for item in self.items() {
            if let Item::Record(range) = item {
                fields.push(&self.content[range]);
            }
        }
        fields
    }

    /// How many content bytes of the chunks after it its last block takes.
    pub fn spill(&self) -> usize {
        let last: i64 = self.head.first_block
            + self
                .blocks
                .iter()
                .map(|block| block.length as i64)
                .sum::<i64>();
        if self.blocks.is_empty() {
            return 0;
        }
        usize::try_from(last - self.head.content_length as i64).unwrap_or(0)
    }

    /// The source's bytes of this chunk. `following` is what comes after its content, at least [`Self::spill`] bytes.
    pub fn source(&self, following: &[u8], maker: &mut Maker) -> Result<Vec<u8>> {
        if !self.head.kind.recreates() {
            return Ok(self.kept.clone());
        }
        let mut out = Vec::with_capacity(self.head.source_length as usize);
        let (mut at, mut deflate) = (self.head.first_block as usize, Vec::new());
        for block in &self.blocks {
            self.write_block(block, at, following, maker, &mut deflate, &mut out)?;
            at += block.length;
        }
        Ok(out)
    }

    /// The source's bytes of this chunk from `skip` on, in whole blocks, until at least `want` bytes are there.
    /// Gives the offset of the first byte too.
    pub fn source_part(
        &self,
        skip: u64,
        want: usize,
        following: &[u8],
        maker: &mut Maker,
    ) -> Result<(u64, Vec<u8>)> {
        if !self.head.kind.recreates() {
            return Ok((0, self.kept.clone()));
        }
        let (mut at, mut offset, mut deflate) = (self.head.first_block as usize, 0, Vec::new());
        let (mut start, mut out) = (0, Vec::new());
        for block in &self.blocks {
            let end = offset + block.size as u64;
            if end > skip && offset < skip + want as u64 {
                if out.is_empty() {
                    start = offset;
                }
                self.write_block(block, at, following, maker, &mut deflate, &mut out)?;
            }
            at += block.length;
            offset = end;
        }
        Ok((start, out))
    }

    fn write_block(
        &self,
        block: &Block,
        at: usize,
        following: &[u8],
        maker: &mut Maker,
        deflate: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let end = at + block.length;
        let joined;
        let content = match self.content.get(at..end) {
            Some(content) => content,
            None => {
                let own = self.content.get(at..).unwrap_or_default();
                let more = following.get(..block.length - own.len());
                let more = more
                    .ok_or_else(|| Error::Damaged("chunk: its last block lacks content".into()))?;
                joined = [own, more].concat();
                &joined[..]
            }
        };
        let head = block.head.as_deref().unwrap_or(&bgzf::STANDARD_HEAD);
        let start = out.len();
        let made = maker.make(&block.recipe, content, bgzf::MAX_CONTENT, deflate)
            && bgzf::write(out, head, deflate, content)
            && out.len() - start == block.size;
        if made {
            return Ok(());
        }
        Err(Error::Damaged(
            "chunk: a block cannot be re-created as its recipe says".into(),
        ))
    }
}
