//! Reads a source from front to back and frames it into spans: runs of BGZF blocks, and raw stretches where the
//! bytes are not BGZF. A span is the unit of parallel work.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::bam::record;
use super::bgzf::{self, Framing};
use crate::codec::records::Level;

/// Source bytes after which a span ends whatever its content; a key span may have twice as many.
const MAX_SOURCE: usize = 4 << 20;

/// Source bytes of a span of a file that is not BGZF: zstd's window pays up to here.
const RAW_SPAN: usize = 4 << 20;

/// Reference bases that a chunk should span: some twenty times what lies between mates, so that one of twenty
/// templates lies across a border.
const WIDTH: usize = 7500;

/// Reference bases between two records that count at most: the rest is a gap in what was sequenced.
const FARTHEST: i64 = 500;

/// Bytes read at once.
const READ: usize = 1 << 20;

/// What a span is made of, as ranges of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A BGZF block by its framing: its range, and the length of its header.
    Block(Range<usize>, usize),
    /// Bytes that are not BGZF.
    Raw(Range<usize>),
}

/// A run of the source.
pub struct Span {
    /// Its number, from 0.
    pub index: u64,
    /// The source's bytes.
    pub bytes: Arc<Vec<u8>>,
    /// What they are.
    pub pieces: Vec<Piece>,
    /// Whether the source ends here.
    pub last: bool,
    /// Whether a group of chunks starts here.
    pub starts_group: bool,
}

/// How much goes into spans.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Content bytes after which the first span of a group ends: it becomes the key chunk.
    pub key: usize,
    /// Content bytes after which other spans end.
    pub other: usize,
    /// Spans of a group.
    pub group: u64,
}

/// What the first bytes of a source say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// BGZF with BAM inside.
    Bam,
    /// BGZF with something else inside.
    Bgzf,
    /// Not BGZF.
    Raw,
}

/// Reads spans, and digests every byte on the way.
pub struct SpanReader<R> {
    input: R,
    buffer: Vec<u8>,
    at_end: bool,
    next: u64,
    finished: bool,
    sizes: Sizes,
    bgzf: bool,
    length: u64,
    sha256: Sha256,
    md5: Md5,
}

impl Sizes {
    /// The same for archives of a level. Without models chunks leave nothing to each other, so each is half as large as a key
    /// chunk: what their codecs learn, they learn in the chunk, and a reader of a region decodes all of it.
    pub fn at(self, level: Level) -> Self {
        match level {
            Level::Fast => Self {
                other: self.key / 2,
                group: 1,
                ..self
            },
            _ => self,
        }
    }

    /// Content bytes for the other spans of a group whose first span holds these records: so many that few mates, and
    /// little of what reads say of each other, lie in different chunks.
    pub fn other_for(&self, content: &[u8], records: &[Range<usize>]) -> usize {
        let place = |range: &Range<usize>| {
            let number = |at| record::u32_at(content, range.start + at);
            Some((number(4)?, i64::from(number(8)? as i32)))
        };
        let places: Vec<(u32, i64)> = records.iter().filter_map(place).collect();
        let steps = places.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        let gone = steps.map(|pair| (pair[1].1 - pair[0].1).clamp(0, FARTHEST));
        let gone = gone.sum::<i64>() as usize;
        let bytes: usize = records.iter().map(Range::len).sum();
        // Reads that lie nowhere, or in no order, tell nothing of each other.
        if gone * 4 < records.len() || records.len() < 1000 {
            return self.other;
        }
        let wanted = bytes.saturating_mul(WIDTH) / gone;
        wanted.clamp(self.other, (self.key / 2).max(self.other))
    }
}

impl<R: Read> SpanReader<R> {
    /// A reader of spans of these sizes.
    pub fn new(input: R, sizes: Sizes) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            at_end: false,
            next: 0,
            finished: false,
            sizes,
            bgzf: true,
            length: 0,
            sha256: Sha256::new(),
            md5: Md5::new(),
        }
    }

    /// The input.
    pub fn input(&self) -> &R {
        &self.input
    }

    /// Reads ahead until at least `want` bytes are in the buffer or the source ends.
    fn fill(&mut self, want: usize) -> std::io::Result<()> {
        while self.buffer.len() < want && !self.at_end {
            let length = self.buffer.len();
            let ahead = (want - length).max(READ) as u64;
            let read = self
                .input
                .by_ref()
                .take(ahead)
                .read_to_end(&mut self.buffer)?;
            self.at_end = read < ahead as usize;
            debug_assert_eq!(self.buffer.len(), length + read);
        }
        Ok(())
    }

    /// Looks at the first block to see what the source is. Call it before the first span, or not at all (then the
    /// source is taken for BGZF, as the middle of one is).
    pub fn detect(&mut self) -> std::io::Result<Kind> {
        self.fill(2 * bgzf::MAX_CONTENT)?;
        let content = match bgzf::frame(&self.buffer) {
            Framing::Block { head, length, .. } => {
                self.buffer.get(head..length).and_then(|deflate| {
                    let mut content = Vec::new();
                    let mut inflater = readvault_encoders::Inflater::new();
                    inflater
                        .inflate(deflate, &mut content, bgzf::MAX_CONTENT)
                        .ok()
                        .map(|_| content)
                })
            }
            _ => None,
        };
        let kind = match content {
            Some(content) if content.starts_with(b"BAM\x01") => Kind::Bam,
            Some(_) => Kind::Bgzf,
            None => Kind::Raw,
        };
        self.bgzf = kind != Kind::Raw;
        Ok(kind)
    }

    /// Number of the next span.
    pub fn next_index(&self) -> u64 {
        self.next
    }

    /// Sets the content bytes after which spans that start no group end.
    pub fn set_other(&mut self, other: usize) {
        self.sizes.other = other;
    }

    /// The next span; none at the end. An empty source has no spans.
    pub fn next_span(&mut self) -> std::io::Result<Option<Span>> {
        self.fill(1)?;
        if self.finished || self.buffer.is_empty() {
            return Ok(None);
        }
        let starts_group = self.next.is_multiple_of(self.sizes.group);
        let (target, most) = if starts_group {
            (self.sizes.key, 2 * MAX_SOURCE)
        } else {
            (self.sizes.other, MAX_SOURCE)
        };
        let (mut pieces, mut at, mut content) = (Vec::new(), 0, 0);
        if !self.bgzf {
            self.fill(RAW_SPAN + 1)?;
            at = self.buffer.len().min(RAW_SPAN);
            pieces.push(Piece::Raw(0..at));
        }
        while self.bgzf {
            self.fill(at + 2 * bgzf::MAX_CONTENT)?;
            let rest = &self.buffer[at..];
            if rest.is_empty() {
                break;
            }
            let full = content >= target || at >= most;
            let piece = self.next_piece(at);
            // Empty blocks, such as the one that ends a file, go with the content before them.
            let empty = matches!(&piece, Piece::Block(range, _) if bgzf::tail(&self.buffer[range.clone()]).1 == 0);
            if full && (!empty || at >= 2 * MAX_SOURCE) {
                break;
            }
            match &piece {
                Piece::Block(range, _) => {
                    content += bgzf::tail(&self.buffer[range.clone()]).1 as usize;
                    at = range.end;
                }
                Piece::Raw(range) => at = range.end,
            }
            match (pieces.last_mut(), piece) {
                (Some(Piece::Raw(before)), Piece::Raw(range)) => before.end = range.end,
                (_, piece) => pieces.push(piece),
            }
        }
        self.fill(at + 1)?;
        let rest = self.buffer.split_off(at);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        self.length += bytes.len() as u64;
        self.sha256.update(&bytes);
        self.md5.update(&bytes);
        self.finished = self.at_end && self.buffer.is_empty();
        let index = self.next;
        self.next += 1;
        Ok(Some(Span {
            index,
            bytes: Arc::new(bytes),
            pieces,
            last: self.finished,
            starts_group,
        }))
    }

    /// The piece that starts at `at`, which is not the end.
    fn next_piece(&self, at: usize) -> Piece {
        match self.block_at(at) {
            Some(block) => block,
            None => {
                let mut end = at + 1;
                let limit = self.buffer.len().min(at + bgzf::MAX_CONTENT);
                while end < limit {
                    let Some(step) = memchr::memchr(bgzf::MAGIC[0], &self.buffer[end..limit])
                    else {
                        end = limit;
                        break;
                    };
                    end += step;
                    if self.block_at(end).is_some() {
                        break;
                    }
                    end += 1;
                }
                Piece::Raw(at..end.min(limit))
            }
        }
    }

    /// The block at `at`, if there is a whole one whose content is not longer than a block's may be.
    fn block_at(&self, at: usize) -> Option<Piece> {
        let Framing::Block { head, length, .. } = bgzf::frame(&self.buffer[at..]) else {
            return None;
        };
        let block = self.buffer.get(at..at + length)?;
        (bgzf::tail(block).1 as usize <= bgzf::MAX_CONTENT)
            .then(|| Piece::Block(at..at + length, head))
    }

    /// Length, SHA-256 and MD5 of what has been given out as spans.
    pub fn digests(&self) -> (u64, [u8; 32], [u8; 16]) {
        (
            self.length,
            self.sha256.clone().finalize().into(),
            self.md5.clone().finalize().into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(content: &[u8]) -> Vec<u8> {
        let mut deflate = vec![1];
        deflate.extend_from_slice(&(content.len() as u16).to_le_bytes());
        deflate.extend_from_slice(&(!(content.len() as u16)).to_le_bytes());
        deflate.extend_from_slice(content);
        let mut out = Vec::new();
        assert!(bgzf::write(
            &mut out,
            &bgzf::STANDARD_HEAD,
            &deflate,
            content
        ));
        out
    }

    fn spans(source: &[u8], target: usize) -> Vec<Vec<Piece>> {
        let sizes = Sizes {
            key: target,
            other: target,
            group: 9,
        };
        let mut reader = SpanReader::new(source, sizes);
        reader.detect().unwrap();
        let (mut spans, mut bytes) = (Vec::new(), Vec::new());
        while let Some(span) = reader.next_span().unwrap() {
            bytes.extend_from_slice(&span.bytes);
            spans.push(span.pieces);
        }
        assert_eq!(bytes, source);
        assert_eq!(reader.digests().0, source.len() as u64);
        spans
    }

    #[test]
    fn the_last_empty_block_joins_the_span_before() {
        let mut source = [block(b"BAM\x01abc"), block(b"defg")].concat();
        source.extend_from_slice(&block(b""));
        let spans = spans(&source, 7);
        assert_eq!(spans.len(), 2);
        assert_eq!(spans[1].len(), 2);
    }

    #[test]
    fn bytes_between_blocks_and_a_cut_block_are_raw() {
        let one = block(b"BAM\x01abc");
        let mut source = one.clone();
        source.extend_from_slice(b"garbage\x1f\x8b!");
        source.extend_from_slice(&one);
        source.extend_from_slice(&one[..one.len() - 1]);
        let pieces = spans(&source, 1 << 20).concat();
        let length = one.len();
        let second = length + 10;
        assert_eq!(
            pieces,
            [
                Piece::Block(0..length, 18),
                Piece::Raw(length..second),
                Piece::Block(second..second + length, 18),
                Piece::Raw(second + length..source.len()),
            ]
        );
    }

    #[test]
    fn a_source_that_is_not_bgzf_is_raw_and_an_empty_one_has_no_spans() {
        assert_eq!(spans(b"@HD\tVN:1.6\n", 9), [[Piece::Raw(0..11)]]);
        assert!(spans(b"", 9).is_empty());
    }
}
