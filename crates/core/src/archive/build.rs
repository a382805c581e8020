//! A planned chunk into its payload, proved: what is written is decoded again and compared before anybody sees it.

use std::collections::{BTreeMap, HashSet};

use super::decode::{self, Chunk};
use crate::codec::Hint;
use crate::container::chunk::{self, ChunkKind, Head, NewUnit};
use crate::container::directory::{self, Span};
use crate::source::layout::{self, Block, Cut};
use crate::source::plan::{Content, Planned};
use crate::source::recipe::{Finder, Recipe};
use crate::source::streams::{self, CodedUnit, Stream};
use crate::source::walk::Item;
use crate::source::{bam, key};
use crate::{Error, Result};

/// Different block headers that a chunk may list: their table is searched, and its numbers have two bytes. Real files
/// have one; blocks after the last that fits are kept as they are.
const MAX_HEADS: usize = 1000;

/// A chunk ready to be written.
pub struct Built {
    /// Its payload.
    pub payload: Vec<u8>,
    /// Content bytes.
    pub content_length: u64,
    /// Source bytes.
    pub source_length: u64,
    /// Content offset of its first block, relative to its content.
    pub first_block: i64,
    /// Content bytes of the chunks after it that its last block takes.
    pub spill: u64,
    /// Records.
    pub records: u64,
    /// Where the records lie.
    pub span: Span,
    /// What it adds to the archive's totals.
    pub totals: Totals,
}

/// Sums over chunks.
#[derive(Default)]
pub struct Totals {
    /// Escaped records.
    pub escapes: u64,
    /// BGZF blocks.
    pub blocks: u64,
    /// Stored bytes of the layout bundle.
    pub layout_bytes: u64,
    /// Of these, the blocks' sizes.
    pub size_bytes: u64,
    /// Source bytes kept as they are inside BGZF.
    pub kept_bytes: u64,
    /// Blocks by encoder number.
    pub encoders: BTreeMap<u8, u64>,
    /// Codecs (as numbers), stored and decoded bytes by bundle and stream.
    pub streams: BTreeMap<(u8, u32), (Vec<u8>, u64, u64)>,
}

impl Totals {
    /// Adds another chunk's.
    pub fn add(&mut self, other: &Self) {
        self.escapes += other.escapes;
        self.blocks += other.blocks;
        self.layout_bytes += other.layout_bytes;
        self.size_bytes += other.size_bytes;
        self.kept_bytes += other.kept_bytes;
        for (&encoder, blocks) in &other.encoders {
            *self.encoders.entry(encoder).or_default() += blocks;
        }
        for (key, (codecs, stored, decoded)) in &other.streams {
            let total = self.streams.entry(*key).or_default();
            for codec in codecs {
                if !total.0.contains(codec) {
                    total.0.push(*codec);
                }
            }
            total.1 += stored;
            total.2 += decoded;
        }
    }

    fn count_units(&mut self, units: &[NewUnit]) {
        for unit in units {
            let decoded: u64 = unit.members.iter().map(|&(_, length)| length).sum();
            let (mut left, mut decoded_left) = (unit.stored.len() as u64, decoded);
            for &(key, length) in &unit.members {
                // A shared unit's stored bytes are split by decoded lengths; the last stream takes the rounding.
                let share = if decoded_left == length {
                    left
                } else {
                    left * length / decoded_left.max(1)
                };
                left -= share;
                decoded_left -= length;
                let total = self.streams.entry((unit.bundle, key)).or_default();
                if !total.0.contains(&unit.codec) {
                    total.0.push(unit.codec);
                }
                total.1 += share;
                total.2 += length;
                if unit.bundle == key::bundle::LAYOUT {
                    self.layout_bytes += share;
                    self.size_bytes += if key == key::BLOCK_SIZES { share } else { 0 };
                }
            }
        }
    }
}

/// Makes the chunks of what was planned. Each block is deflated once, to find and prove its recipe.
pub fn build(planned: Planned, finder: &mut Finder<'_>) -> Result<Vec<Built>> {
    match planned {
        Planned::Raw(bytes, range) => {
            Ok(vec![build_verbatim(ChunkKind::Raw, &bytes[range], None)?])
        }
        Planned::Content(content) => {
            let recipes: Vec<Recipe> = content
                .blocks
                .iter()
                .map(|block| {
                    let start = block.start as usize;
                    finder.find(
                        &content.buffer[start..start + block.length],
                        block.deflate(),
                    )
                })
                .collect();
            let mut heads = HashSet::new();
            let kept: Vec<bool> = content
                .blocks
                .iter()
                .zip(&recipes)
                .map(|(block, recipe)| {
                    heads.extend(block.head());
                    *recipe == Recipe::Kept || heads.len() > MAX_HEADS
                })
                .collect();
            let mut recipes = recipes.into_iter();
            let mut built = Vec::new();
            for (part, keep) in content.split_kept(&kept) {
                let recipes: Vec<Recipe> = recipes.by_ref().take(part.blocks.len()).collect();
                if keep {
                    let bytes: Vec<u8> = part
                        .blocks
                        .iter()
                        .flat_map(|block| block.bytes())
                        .copied()
                        .collect();
                    built.push(build_verbatim(ChunkKind::Kept, &bytes, Some(&part))?);
                } else if part.end > 0 || !part.blocks.is_empty() {
                    built.push(build_content(&part, recipes)?);
                }
            }
            Ok(built)
        }
    }
}

/// A chunk whose source bytes are stored as they are.
fn build_verbatim(kind: ChunkKind, bytes: &[u8], content: Option<&Content>) -> Result<Built> {
    let key = if kind == ChunkKind::Raw {
        key::RAW
    } else {
        key::KEPT
    };
    let blocks = content.map_or(0, |content| content.blocks.len() as u64);
    let parsed = content
        .map(|content| bam::parse(&content.buffer, &content.items))
        .unwrap_or_default();
    let head = Head {
        kind,
        content_length: content.map_or(0, |content| content.end as u64),
        records: parsed.records,
        blocks,
        source_length: bytes.len() as u64,
        first_block: content
            .and_then(|content| content.blocks.first())
            .map_or(0, |block| block.start),
        cut: chunk::Cut {
            limit: 0,
            at_records: false,
        },
        units: Vec::new(),
    };
    let stream = Stream {
        key,
        hint: Hint::Bytes,
        data: bytes.to_vec(),
    };
    let units = new_units(streams::encode(vec![stream], &[], &bam::Aligned::default()));
    let payload = chunk::write(&head, &units);
    let decoded = decode::decode(&payload)?;
    let expected = content.map_or(&[][..], |content| &content.buffer[..content.end]);
    if decoded.kept != bytes || decoded.content != expected {
        return Err(not_proved());
    }
    let mut totals = Totals {
        blocks,
        ..Totals::default()
    };
    if kind == ChunkKind::Kept {
        totals.kept_bytes = bytes.len() as u64;
        totals.encoders.insert(crate::source::recipe::KEPT, blocks);
    }
    totals.count_units(&units);
    Ok(Built::new(payload, &head, span(&parsed), totals))
}

/// A chunk whose blocks are re-created.
fn build_content(content: &Content, recipes: Vec<Recipe>) -> Result<Built> {
    let blocks: Vec<Block> = content
        .blocks
        .iter()
        .zip(recipes)
        .map(|(block, recipe)| Block {
            length: block.length,
            size: block.bytes().len(),
            head: block.head(),
            recipe,
        })
        .collect();
    let (built, decoded) = code(content, &content.items, &blocks)?;
    if proves(content, &blocks, &decoded) {
        return Ok(built);
    }
    // The streams failed to carry these records: carry the bytes.
    let opaque = [Item::Opaque(0..content.end)];
    let (built, decoded) = code(
        content,
        if content.end > 0 { &opaque } else { &[] },
        &blocks,
    )?;
    match &decoded {
        Ok(_) if proves(content, &blocks, &decoded) => Ok(built),
        _ => Err(not_proved()),
    }
}

fn not_proved() -> Error {
    Error::Invalid(
        "a chunk did not come back as it was; nothing was written. Please report this source"
            .into(),
    )
}

/// Whether the chunk as decoded is what it was made from. Its blocks' recipes were carried out on the same content.
fn proves(content: &Content, blocks: &[Block], decoded: &Result<Chunk>) -> bool {
    decoded
        .as_ref()
        .is_ok_and(|chunk| chunk.content == content.buffer[..content.end] && chunk.blocks == blocks)
}

fn code(content: &Content, items: &[Item], blocks: &[Block]) -> Result<(Built, Result<Chunk>)> {
    let parsed = bam::parse(&content.buffer[..content.end], items);
    let borders: Vec<usize> = items.iter().map(|item| item.range().end).collect();
    let first = content.blocks.first().map_or(0, |block| block.start);
    let first_at = usize::try_from(first).map_err(|_| not_proved())?;
    let cut = layout::find_cut(blocks, first_at, &borders);
    let mut all = parsed.streams;
    let (escapes, records) = (parsed.escapes, parsed.records);
    all.extend(layout::encode(blocks, cut, first_at, &borders));
    let units = new_units(streams::encode(all, &parsed.bases, &parsed.aligned));
    let Cut { limit, at_borders } = cut;
    let head = Head {
        kind: ChunkKind::Content,
        content_length: content.end as u64,
        records,
        blocks: blocks.len() as u64,
        source_length: blocks.iter().map(|block| block.size as u64).sum(),
        first_block: first,
        cut: chunk::Cut {
            limit,
            at_records: at_borders,
        },
        units: Vec::new(),
    };
    let payload = chunk::write(&head, &units);
    let decoded = decode::decode(&payload);
    let mut totals = Totals {
        escapes,
        blocks: blocks.len() as u64,
        ..Totals::default()
    };
    for block in blocks {
        *totals.encoders.entry(block.recipe.number()).or_default() += 1;
    }
    totals.count_units(&units);
    let parsed = bam::Parsed {
        span: parsed.span,
        records,
        ..bam::Parsed::default()
    };
    let mut built = Built::new(payload, &head, span(&parsed), totals);
    built.spill = decoded.as_ref().map_or(0, |chunk| chunk.spill() as u64);
    Ok((built, decoded))
}

impl Built {
    fn new(payload: Vec<u8>, head: &Head, span: Span, totals: Totals) -> Self {
        Self {
            payload,
            content_length: head.content_length,
            source_length: head.source_length,
            first_block: head.first_block,
            spill: 0,
            records: head.records,
            span,
            totals,
        }
    }
}

fn new_units(units: Vec<CodedUnit>) -> Vec<NewUnit> {
    units
        .into_iter()
        .map(
            |CodedUnit {
                 bundle,
                 codec,
                 stored,
                 decoded_crc,
                 members,
             }| NewUnit {
                bundle,
                codec,
                stored,
                decoded_crc,
                members,
            },
        )
        .collect()
}

/// A chunk's span as the directory holds it.
fn span(parsed: &bam::Parsed) -> Span {
    if parsed.records == 0 {
        return Span {
            first_reference: -1,
            first_position: -1,
            last_reference: -1,
            last_position: -1,
            ..Span::default()
        };
    }
    let span = &parsed.span;
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    Span {
        first_reference: span.first.0,
        first_position: span.first.1,
        last_reference: span.last.0,
        last_position: span.last.1,
        largest_end: span.largest_end,
        flags: flag(span.unsorted, directory::UNSORTED)
            | flag(span.multi_reference, directory::MULTI_REFERENCE),
    }
}
