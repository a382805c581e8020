//! A planned chunk into its payload, proved: what is written is decoded again and compared before anybody sees it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::decode;
use super::report::CpuSeconds;
use super::share::{Group, Shared};
use super::workers::timed;
use crate::codec::Hint;
use crate::codec::records::Level;
use crate::codec::records::models::Models;
use crate::container::chunk::{self, ChunkKind, Head, NewUnit};
use crate::container::directory::{self, Span};
use crate::source::layout::{self, Block, Cut};
use crate::source::plan::{Content, Planned, SourceBlock};
use crate::source::recipe::{Finder, Recipe};
use crate::source::streams::{self, CodedUnit, Stream};
use crate::source::walk::Item;
use crate::source::{bam, key, parts};
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
    /// Whether it is a key chunk.
    pub is_key: bool,
    /// Whether it needs a key chunk before it.
    pub needs_key: bool,
    /// Text of the BAM header that its content starts with.
    pub header_text: Vec<u8>,
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

    /// Splits a unit's stored bytes by what its streams cost.
    fn count_costs(&mut self, unit: &CodedUnit) {
        let whole: u64 = unit.costs.iter().map(|&(_, cost, _)| cost).sum();
        let (mut before, mut given) = (0, 0);
        for &(key, cost, decoded) in &unit.costs {
            before += cost;
            // Rounded so that the shares come to the whole.
            let until =
                (unit.stored.len() as u128 * u128::from(before) / u128::from(whole.max(1))) as u64;
            let bundle = key::bundle_of(key).unwrap_or(unit.bundle);
            let total = self.streams.entry((bundle, key)).or_default();
            if !total.0.contains(&unit.codec) {
                total.0.push(unit.codec);
            }
            total.1 += until - given;
            total.2 += decoded;
            given = until;
        }
    }

    fn count_units(&mut self, units: &[CodedUnit]) {
        for unit in units {
            if !unit.costs.is_empty() {
                self.count_costs(unit);
                continue;
            }
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

/// Makes the chunks of what was planned. Each block is deflated once, to find and prove its recipe. The first chunk
/// with records where `group` knows nothing becomes its key chunk. What it takes is added to `cpu`.
pub fn build(
    planned: Planned,
    finder: &mut Finder<'_>,
    shared: &Shared,
    group: &mut Group,
    cpu: &mut CpuSeconds,
) -> Result<Vec<Built>> {
    match planned {
        Planned::Raw(bytes, range) => {
            Ok(vec![build_verbatim(ChunkKind::Raw, &bytes[range], None)?])
        }
        Planned::Content(content) => {
            let recipe_of = |block: &SourceBlock| {
                let start = block.start as usize;
                finder.find(
                    &content.buffer[start..start + block.length],
                    block.deflate(),
                )
            };
            let recipes: Vec<Recipe> = timed(&mut cpu.deflate, || {
                content.blocks.iter().map(recipe_of).collect()
            });
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
                    let chunk = timed(&mut cpu.content, || {
                        build_content(&part, recipes, shared, group)
                    });
                    built.push(chunk?);
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
    let units = streams::encode(vec![stream]);
    let payload = chunk::write(&head, &new_units(&units));
    let (decoded, _) = decode::decode(&payload, &Shared::default(), &|| Ok(None))?;
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
fn build_content(
    content: &Content,
    recipes: Vec<Recipe>,
    shared: &Shared,
    group: &mut Group,
) -> Result<Built> {
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
    let coding = Coding {
        content,
        blocks: &blocks,
        shared,
    };
    if let Some((built, left)) = coding.proved(&content.items, group)? {
        if let Some(left) = left {
            *group = Some(Arc::new(left));
        }
        return Ok(built);
    }
    // The fields failed to carry these records: carry the bytes.
    let opaque = [Item::Opaque(0..content.end)];
    let items = if content.end > 0 { &opaque[..] } else { &[] };
    match coding.proved(items, group)? {
        Some((built, _)) => Ok(built),
        None => Err(not_proved()),
    }
}

fn not_proved() -> Error {
    Error::Invalid(
        "a chunk did not come back as it was; nothing was written. Please report this source"
            .into(),
    )
}

/// A chunk to be coded.
struct Coding<'a> {
    content: &'a Content,
    blocks: &'a [Block],
    shared: &'a Shared,
}

impl Coding<'_> {
    /// Codes the chunk as these items and decodes it again; none if that is not what it was made from. Its blocks'
    /// recipes were carried out on the same content. A key chunk gives what it leaves, as decoders will know it.
    fn proved(&self, items: &[Item], group: &Group) -> Result<Option<(Built, Option<Models>)>> {
        let content = self.content;
        let mut parsed = bam::parse(&content.buffer[..content.end], items);
        let borders: Vec<usize> = items.iter().map(|item| item.range().end).collect();
        let first = content.blocks.first().map_or(0, |block| block.start);
        let first_at = usize::try_from(first).map_err(|_| not_proved())?;
        let cut = layout::find_cut(self.blocks, first_at, &borders);
        let mut all = std::mem::take(&mut parsed.streams);
        all.extend(layout::encode(self.blocks, cut, first_at, &borders));
        let kind = match group {
            _ if parsed.fields.count == 0 => ChunkKind::Content,
            _ if self.shared.level == Level::Fast => ChunkKind::Content,
            Some(_) => ChunkKind::Modelled,
            None => ChunkKind::Key,
        };
        let mut header_text = std::mem::take(&mut parsed.header_text);
        if !header_text.is_empty() && (kind != ChunkKind::Key || !self.shared.header_apart) {
            all.push(Stream {
                key: key::HEADER_TEXT,
                hint: match self.shared.level {
                    Level::Fast => Hint::Header,
                    _ => Hint::Text,
                },
                data: std::mem::take(&mut header_text),
            });
        }
        let mut bases = None;
        if kind == ChunkKind::Content {
            bases = bam::split(&parsed.fields, &self.shared.context(), &mut all);
            self.shared.check()?;
        }
        let mut units = streams::encode(all);
        units.extend(bases);
        if kind != ChunkKind::Content {
            let blank = Models::default();
            let models = group.as_deref().unwrap_or(&blank);
            let (level, context) = (self.shared.level, self.shared.context());
            units.extend(parts::encode(&mut parsed.fields, models, level, &context)?);
            self.shared.check()?;
        }
        units.sort_by_key(|unit| unit.bundle);
        let Cut { limit, at_borders } = cut;
        let head = Head {
            kind,
            content_length: content.end as u64,
            records: parsed.records,
            blocks: self.blocks.len() as u64,
            source_length: self.blocks.iter().map(|block| block.size as u64).sum(),
            first_block: first,
            cut: chunk::Cut {
                limit,
                at_records: at_borders,
            },
            units: Vec::new(),
        };
        let payload = chunk::write(&head, &new_units(&units));
        let shared = Shared {
            header_text: Arc::new(header_text),
            ..self.shared.clone()
        };
        let Ok((decoded, left)) = decode::decode(&payload, &shared, &|| Ok(group.clone())) else {
            return Ok(None);
        };
        if decoded.content != content.buffer[..content.end] || decoded.blocks != self.blocks {
            return Ok(None);
        }
        let mut built = Built::new(payload, &head, span(&parsed), self.totals(&parsed, &units));
        built.spill = decoded.spill() as u64;
        built.is_key = kind == ChunkKind::Key;
        built.needs_key = kind == ChunkKind::Modelled;
        built.header_text = Arc::unwrap_or_clone(shared.header_text);
        Ok(Some((built, left)))
    }

    fn totals(&self, parsed: &bam::Parsed, units: &[CodedUnit]) -> Totals {
        let mut totals = Totals {
            escapes: parsed.escapes,
            blocks: self.blocks.len() as u64,
            ..Totals::default()
        };
        for block in self.blocks {
            *totals.encoders.entry(block.recipe.number()).or_default() += 1;
        }
        totals.count_units(units);
        totals
    }
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
            is_key: false,
            needs_key: false,
            header_text: Vec::new(),
        }
    }
}

fn new_units(units: &[CodedUnit]) -> Vec<NewUnit<'_>> {
    units
        .iter()
        .map(|unit| NewUnit {
            bundle: unit.bundle,
            codec: unit.codec,
            stored: &unit.stored,
            decoded_crc: unit.decoded_crc,
            members: &unit.members,
        })
        .collect()
}

/// A chunk's span as the directory holds it.
fn span(parsed: &bam::Parsed) -> Span {
    let span = &parsed.span;
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let flags = flag(span.unsorted, directory::UNSORTED)
        | flag(span.multi_reference, directory::MULTI_REFERENCE)
        | flag(span.opaque, directory::OPAQUE);
    if parsed.records == 0 {
        return Span {
            first_reference: -1,
            first_position: -1,
            last_reference: -1,
            last_position: -1,
            largest_end: 0,
            flags,
        };
    }
    Span {
        first_reference: span.first.0,
        first_position: span.first.1,
        last_reference: span.last.0,
        last_position: span.last.1,
        largest_end: span.largest_end,
        flags,
    }
}
