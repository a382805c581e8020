//! A pass over records of a BAM file: threads take spans of it one after the other, inflate them side by side, hand the walk over
//! records' borders from span to span, and make side by side what is to be made of them.

use std::ops::Range;

use super::blocks::{Blocks, MAX_BLOCK, Span};
use super::relay::Relay;
use super::spans::{Cut, Run, Spans};
use crate::archive::query::{Query, Stretch};
use crate::archive::scan::Scan;
use crate::source::bam::record::{self, FIXED};
use crate::store::Reading;
use crate::{Error, Result};

/// Longest record: some hundred million bases. More is no record, and would take memory until the file ends.
const MAX_RECORD: usize = 256 << 20;

/// An iterator over what is made of the records in each span that has any that are asked for, in order.
pub struct RecordPass<T> {
    /// Behind the last span there are none.
    scan: Scan<Option<Option<T>>>,
    ended: bool,
}

/// What the threads share.
struct Shared<F> {
    blocks: Blocks,
    query: Query,
    make: F,
    spans: Relay<Spans>,
    carry: Relay<Carry>,
}

/// An unfinished record.
#[derive(Default)]
struct Carry {
    bytes: Vec<u8>,
    /// Where the block that it starts in starts.
    block: u64,
}

/// Content with whole records in it.
struct Joined {
    content: Vec<u8>,
    records: Vec<Range<usize>>,
}

impl<T: Send + 'static> RecordPass<T> {
    /// A pass over those of the runs' records that `query` asks for. `make` gets stretches that hold at least one.
    pub fn new(
        blocks: Blocks,
        runs: Vec<Run>,
        reading: Reading,
        query: &Query,
        threads: usize,
        make: impl Fn(Stretch<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Self {
        let shared = Shared {
            spans: Relay::new(Spans::new(blocks.clone(), runs, reading)),
            carry: Relay::new(Carry::default()),
            blocks,
            query: query.clone(),
            make,
        };
        Self {
            scan: Scan::endless(threads, move |number| shared.take(number)),
            ended: false,
        }
    }
}

impl<T: Send + 'static> Iterator for RecordPass<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        while !self.ended {
            match self.scan.next()? {
                Ok(Some(None)) => {}
                Ok(Some(Some(made))) => return Some(Ok(made)),
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// Gives up a span unless all went well.
struct Turn<'a, F> {
    shared: &'a Shared<F>,
    number: u64,
    went_well: bool,
}

impl<F> Drop for Turn<'_, F> {
    fn drop(&mut self) {
        if !self.went_well {
            self.shared.spans.give_up(self.number);
            self.shared.carry.give_up(self.number);
        }
    }
}

impl<F> Shared<F> {
    /// What is made of span number `number`; none behind the last.
    fn take<T>(&self, number: u64) -> Result<Option<Option<T>>>
    where
        F: Fn(Stretch<'_>) -> Result<T>,
    {
        let mut turn = Turn {
            shared: self,
            number,
            went_well: false,
        };
        let made = match self.spans.take(number, Spans::next)? {
            None => None,
            Some(cut) => {
                let mut content = Vec::new();
                self.blocks.inflate(&cut.span, &mut content)?;
                let joined = self
                    .carry
                    .take(number, |carry| self.join(carry, &cut, content))?;
                let stretch = Stretch {
                    offset: 0,
                    content: &joined.content,
                    records: joined.records,
                };
                Some(self.query.records(stretch, &self.make)?)
            }
        };
        turn.went_well = true;
        Ok(made)
    }

    /// Finds the records in a span's content, of which the first may have begun before it, and leaves what of the last is there.
    fn join(&self, carry: &mut Carry, cut: &Cut, content: Vec<u8>) -> Result<Joined> {
        let span = &cut.span;
        let before = carry.bytes.len();
        let mut buffer = if before == 0 {
            content
        } else {
            let mut bytes = std::mem::take(&mut carry.bytes);
            bytes.extend_from_slice(&content);
            bytes
        };
        let block_of = |at: usize| match at.checked_sub(before) {
            Some(at) => span.block_of(at),
            None => carry.block,
        };
        let limit = before + self.limit(cut)?;
        let (mut records, mut at) = (Vec::new(), cut.skip.unwrap_or(0));
        if at > limit || at > span.first_length() && cut.skip.is_some() {
            return Err(self.stray(span.offset));
        }
        let mut next = span.end();
        while at < limit {
            let rest = &buffer[at..];
            let length = record::u32_at(rest, 0).map(|size| (size as usize).saturating_add(4));
            let is_record = length.is_none_or(|length| (FIXED..MAX_RECORD).contains(&length))
                && (rest.len() < FIXED || record::is_consistent(rest));
            if !is_record {
                return Err(self.stray(block_of(at)));
            }
            if let Some(length) = length.filter(|&length| length <= rest.len()) {
                records.push(at..at + length);
                at += length;
            } else if cut.end.is_none() {
                let block = block_of(at);
                *carry = Carry {
                    bytes: buffer[at..].to_vec(),
                    block,
                };
                break;
            } else if next >= self.blocks.object.length() {
                return Err(Error::Truncated(format!(
                    "{}: ends within a record, which starts in the BGZF block at byte {}",
                    self.blocks.name(),
                    block_of(at)
                )));
            } else {
                // An index may tell the end of a range a block too early.
                let more = self.blocks.span(next, next + MAX_BLOCK, Reading::Exact)?;
                self.blocks.inflate(&more, &mut buffer)?;
                next = more.end();
            }
        }
        Ok(Joined {
            content: buffer,
            records,
        })
    }

    /// Where in a span's content its records start before.
    fn limit(&self, cut: &Cut) -> Result<usize> {
        let span: &Span = &cut.span;
        let (block, within) = match cut.end {
            Some(end) if end < u64::MAX => (end >> 16, (end & 0xffff) as usize),
            _ => return Ok(span.length),
        };
        if within == 0 {
            return Ok(span.length);
        }
        let limit = span.content_of(block).map(|start| start + within);
        limit
            .filter(|&limit| limit <= span.length)
            .ok_or_else(|| self.stray(block))
    }

    /// There is no record where one should start, in the block at a byte.
    fn stray(&self, block: u64) -> Error {
        let why = "no BAM record stands where one should, in the BGZF block there";
        self.blocks.damaged(block, why)
    }
}
