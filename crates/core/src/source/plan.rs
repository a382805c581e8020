//! Spans into plans of chunks: blocks are inflated and checked, records' borders found, and each block given to the
//! chunk that its first content byte lies in.
//!
//! A span's unfinished record goes to the next span with the blocks it lies in (the *carry*), so chunks are cut at
//! records' borders whatever the blocks' borders are.

use std::ops::Range;
use std::sync::Arc;

use readvault_encoders::Inflater;

use super::bgzf;
use super::span::{Piece, Span};
use super::walk::{Item, Walk};

/// A block of the source, inflated.
#[derive(Clone, Debug)]
pub struct SourceBlock {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
    /// Length of its header.
    head: usize,
    /// Where its content starts, relative to the start of the chunk's content.
    pub start: i64,
    /// Content bytes.
    pub length: usize,
}

impl SourceBlock {
    /// The whole block.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }

    /// Its header with the size bytes zeroed; none for the usual one.
    pub fn head(&self) -> Option<Vec<u8>> {
        let mut head = self.bytes()[..self.head].to_vec();
        if let Some(size_at) = bgzf::find_size(&head) {
            head[size_at..size_at + 2].fill(0);
        }
        (head != bgzf::STANDARD_HEAD).then_some(head)
    }

    /// Its DEFLATE bytes.
    pub fn deflate(&self) -> &[u8] {
        let block = self.bytes();
        &block[self.head..block.len() - bgzf::TAIL_LENGTH]
    }
}

/// One chunk to be made.
pub enum Planned {
    /// Records or opaque bytes, and the blocks that start in them.
    Content(Content),
    /// Source bytes without content.
    Raw(Arc<Vec<u8>>, Range<usize>),
}

impl Planned {
    /// Text of the BAM header that its content starts with.
    pub fn header_text(&self) -> Option<&[u8]> {
        let Self::Content(content) = self else {
            return None;
        };
        match content.items.first()? {
            Item::Opaque(range) => super::bam::header_text(&content.buffer[range.clone()]),
            Item::Record(_) => None,
        }
    }

    /// Its content and the records in it, if it has any.
    pub fn records(&self) -> Option<(&[u8], Vec<Range<usize>>)> {
        let Self::Content(content) = self else {
            return None;
        };
        let records = content.items.iter().filter_map(|item| match item {
            Item::Record(range) => Some(range.clone()),
            Item::Opaque(_) => None,
        });
        Some((&content.buffer, records.collect()))
    }

    /// Whether there are records in it.
    pub fn has_records(&self) -> bool {
        let is_record = |item: &Item| matches!(item, Item::Record(_));
        matches!(self, Self::Content(content) if content.items.iter().any(is_record))
    }
}

/// Content of a chunk to be made.
#[derive(Default)]
pub struct Content {
    /// The chunk's content, then what its last block holds of the next chunk's.
    pub buffer: Vec<u8>,
    /// Where the chunk's content ends in `buffer`.
    pub end: usize,
    /// Records and opaque stretches of the content.
    pub items: Vec<Item>,
    /// Blocks that belong to it.
    pub blocks: Vec<SourceBlock>,
}

/// What one span hands to the next.
pub struct Carry {
    /// The walk.
    pub walk: Walk,
    /// Content of the unfinished record.
    content: Vec<u8>,
    /// Blocks that start in it.
    blocks: Vec<SourceBlock>,
}

impl Carry {
    /// What the first span gets.
    pub fn new(walk: Walk) -> Self {
        Self {
            walk,
            content: Vec::new(),
            blocks: Vec::new(),
        }
    }
}

/// A span after inflating: runs of blocks with their content, and raw stretches.
pub struct Inflated {
    bytes: Arc<Vec<u8>>,
    last: bool,
    runs: Vec<Run>,
}

enum Run {
    Blocks {
        content: Vec<u8>,
        blocks: Vec<SourceBlock>,
    },
    Raw(Range<usize>),
}

/// Inflates a span's blocks. A block whose content, CRC32 or length does not hold becomes raw.
pub fn inflate(span: &Span, inflater: &mut Inflater) -> Inflated {
    let mut runs: Vec<Run> = Vec::new();
    for piece in &span.pieces {
        let (range, block) = match piece {
            Piece::Raw(range) => (range, None),
            Piece::Block(range, head) => (
                range,
                content_of(&span.bytes[range.clone()], *head, inflater)
                    .map(|content| (content, *head)),
            ),
        };
        match (block, runs.last_mut()) {
            (Some((inflated, head)), last) => {
                let mut block = SourceBlock {
                    bytes: span.bytes.clone(),
                    range: range.clone(),
                    head,
                    start: 0,
                    length: inflated.len(),
                };
                match last {
                    Some(Run::Blocks { content, blocks }) => {
                        block.start = content.len() as i64;
                        content.extend_from_slice(&inflated);
                        blocks.push(block);
                    }
                    _ => runs.push(Run::Blocks {
                        content: inflated,
                        blocks: vec![block],
                    }),
                }
            }
            (None, Some(Run::Raw(before))) => before.end = range.end,
            (None, _) => runs.push(Run::Raw(range.clone())),
        }
    }
    Inflated {
        bytes: span.bytes.clone(),
        last: span.last,
        runs,
    }
}

fn content_of(block: &[u8], head: usize, inflater: &mut Inflater) -> Option<Vec<u8>> {
    let (crc, length) = bgzf::tail(block);
    let mut content = vec![0; length as usize];
    let deflate = &block[head..block.len() - bgzf::TAIL_LENGTH];
    (inflater.inflate_exact(deflate, &mut content) && crc32fast::hash(&content) == crc)
        .then_some(content)
}

/// Plans the chunks of an inflated span that follows `carry`.
pub fn plan(inflated: Inflated, carry: Carry) -> (Vec<Planned>, Carry) {
    let Carry {
        mut walk,
        content: mut carried,
        blocks: mut carried_blocks,
    } = carry;
    let mut planned = Vec::new();
    let runs = inflated.runs.len();
    for (index, run) in inflated.runs.into_iter().enumerate() {
        match run {
            Run::Raw(range) => {
                // Only what stands before the first run can still be waiting here: runs end with nothing carried.
                flush(&mut walk, &mut carried, &mut carried_blocks, &mut planned);
                walk.interrupt();
                planned.push(Planned::Raw(inflated.bytes.clone(), range));
            }
            Run::Blocks {
                content,
                mut blocks,
            } => {
                let before = carried.len() as i64;
                blocks.iter_mut().for_each(|block| block.start += before);
                carried.extend_from_slice(&content);
                carried_blocks.append(&mut blocks);
                let ends = index + 1 < runs || inflated.last;
                advance(
                    &mut walk,
                    &mut carried,
                    &mut carried_blocks,
                    ends,
                    &mut planned,
                );
            }
        }
    }
    (
        planned,
        Carry {
            walk,
            content: carried,
            blocks: carried_blocks,
        },
    )
}

/// Plans what is carried although nothing follows it.
fn flush(
    walk: &mut Walk,
    carried: &mut Vec<u8>,
    blocks: &mut Vec<SourceBlock>,
    planned: &mut Vec<Planned>,
) {
    if !carried.is_empty() || !blocks.is_empty() {
        advance(walk, carried, blocks, true, planned);
    }
}

/// Walks `carried`, plans a chunk of what is finished in it, and leaves the rest.
fn advance(
    walk: &mut Walk,
    carried: &mut Vec<u8>,
    carried_blocks: &mut Vec<SourceBlock>,
    ends: bool,
    planned: &mut Vec<Planned>,
) {
    let mut items = Vec::new();
    let end = walk.advance(carried, ends, &mut items);
    if end == 0 && !ends {
        return;
    }
    let kept = if ends {
        carried_blocks.len()
    } else {
        carried_blocks.partition_point(|block| block.start < end as i64)
    };
    let mut later = carried_blocks.split_off(kept);
    later.iter_mut().for_each(|block| block.start -= end as i64);
    let blocks = std::mem::replace(carried_blocks, later);
    let rest = carried[end..].to_vec();
    let mut buffer = std::mem::replace(carried, rest);
    let used = blocks
        .last()
        .map_or(0, |block| block.start + block.length as i64);
    buffer.truncate(end.max(usize::try_from(used).unwrap_or(0)));
    planned.push(Planned::Content(Content {
        buffer,
        end,
        items,
        blocks,
    }));
}

impl Content {
    /// Cuts the content where blocks cannot be re-created, so that those blocks and the records in them make chunks
    /// of their own. `kept` says it of each block. Gives the parts in order, and whether each is kept.
    ///
    /// A block that starts inside a record of an earlier part is kept too: its content starts before its chunk's.
    pub fn split_kept(self, kept: &[bool]) -> Vec<(Content, bool)> {
        if !kept.contains(&true) {
            return vec![(self, false)];
        }
        let mut parts = Vec::new();
        let (mut from, mut block_from) = (0, 0);
        if kept[0] && self.blocks[0].start > 0 {
            // What comes before the first block lies in the last block of the chunk before: kept blocks do not hold it.
            from = self.recreated_end(0, 0);
            parts.push((self.part(0..from, 0..0), false));
        }
        while block_from < self.blocks.len() {
            let keeps = |block: usize| kept[block] || self.blocks[block].start < from as i64;
            let keep = keeps(block_from);
            let block_to = (block_from..self.blocks.len()).find(|&block| keeps(block) != keep);
            let block_to = block_to.unwrap_or(self.blocks.len());
            let last = block_to == self.blocks.len();
            let to = if keep {
                self.kept_end(from, block_to)
            } else {
                self.recreated_end(from, block_to)
            };
            let to = if last && !keep { self.end } else { to };
            parts.push((self.part(from..to, block_from..block_to), keep));
            (from, block_from) = (to, block_to);
        }
        if from < self.end {
            let blocks = self.blocks.len();
            parts.push((self.part(from..self.end, blocks..blocks), false));
        }
        parts
    }

    /// Where the content of kept blocks that end before block `block_to` ends: the last border inside them.
    fn kept_end(&self, from: usize, block_to: usize) -> usize {
        let last = &self.blocks[block_to - 1];
        let limit = last.start + last.length as i64;
        let inside = self
            .items
            .iter()
            .map(|item| item.range().end)
            .filter(|&end| end as i64 <= limit);
        inside.max().unwrap_or(0).max(from)
    }

    /// Where the content before kept blocks that start with block `block_to` ends: the first border at or after
    /// their start.
    fn recreated_end(&self, from: usize, block_to: usize) -> usize {
        let start = self
            .blocks
            .get(block_to)
            .map_or(self.end as i64, |block| block.start);
        let border = self
            .items
            .iter()
            .map(|item| item.range().end)
            .find(|&end| end as i64 >= start);
        border.unwrap_or(self.end).max(from)
    }

    /// The part with this content and these blocks.
    fn part(&self, content: Range<usize>, blocks: Range<usize>) -> Content {
        let mut blocks = self.blocks[blocks].to_vec();
        let used = blocks
            .last()
            .map_or(0, |block| block.start + block.length as i64) as usize;
        blocks
            .iter_mut()
            .for_each(|block| block.start -= content.start as i64);
        let shift = |range: &Range<usize>| range.start - content.start..range.end - content.start;
        let inside = self.items.iter().filter(|item| {
            item.range().start >= content.start
                && item.range().end <= content.end
                && !item.range().is_empty()
        });
        let items = inside
            .map(|item| match item {
                Item::Record(range) => Item::Record(shift(range)),
                Item::Opaque(range) => Item::Opaque(shift(range)),
            })
            .collect();
        let buffer = self.buffer[content.start..used.max(content.end)].to_vec();
        Content {
            buffer,
            end: content.len(),
            items,
            blocks,
        }
    }
}
