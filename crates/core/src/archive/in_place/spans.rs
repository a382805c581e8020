//! The parts of a file that a pass goes through, span after span; what comes next is fetched ahead of it.

use super::blocks::{Blocks, Span};
use crate::Result;
use crate::store::Reading;

/// Bytes of a span: long enough that handing on costs little, short enough for many threads.
const SPAN: u64 = 512 << 10;

/// Bytes that are fetched ahead of those being read.
const AHEAD: u64 = 16 << 20;

/// Most ranges that are asked for ahead at a time: more than this find no connection.
const MOST_RANGES: usize = 32;

/// A part of the file that is gone through from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Virtual offset of its first record.
    pub start: u64,
    /// Virtual offset that all its records start before; the largest number for the file's end.
    pub end: u64,
    /// Where, as far as is known, its last block ends in the file at the latest.
    pub until: u64,
}

impl Run {
    /// What its blocks start before.
    fn blocks_end(&self) -> u64 {
        (self.end >> 16) + u64::from(self.end & 0xffff != 0)
    }
}

/// A span, and how it lies in its run.
pub struct Cut {
    pub span: Span,
    /// Content bytes before its first record; none in spans that go on where the last one stopped.
    pub skip: Option<usize>,
    /// In a run's last span, where its records end.
    pub end: Option<u64>,
}

/// Spans on their way.
pub struct Spans {
    blocks: Blocks,
    runs: Vec<Run>,
    reading: Reading,
    /// Number of the run at hand, and where its next span starts.
    at: usize,
    position: Option<u64>,
    /// Number of the run up to which ranges were told, and how far in it; bytes of those that are not read yet.
    told: (usize, u64),
    ahead: u64,
}

impl Spans {
    pub fn new(blocks: Blocks, runs: Vec<Run>, reading: Reading) -> Self {
        Self {
            blocks,
            runs,
            reading,
            at: 0,
            position: None,
            told: (0, 0),
            ahead: 0,
        }
    }

    /// The next one; none behind the last.
    pub fn next(&mut self) -> Result<Option<Cut>> {
        if self.reading == Reading::Exact {
            self.tell();
        }
        let Some(run) = self.runs.get(self.at) else {
            return Ok(None);
        };
        let file = self.blocks.object.length();
        let start = self.position.unwrap_or(run.start >> 16);
        let until = run.until.min(start + SPAN);
        let mut span = if start < file {
            self.blocks.span(start, until, self.reading)?
        } else {
            Span {
                offset: start,
                ..Span::default()
            }
        };
        let end = span.end();
        span.cut(run.blocks_end());
        let is_last = end >= run.blocks_end().min(file);
        let skip = match self.position {
            Some(_) => None,
            None => Some((run.start & 0xffff) as usize),
        };
        let cut = Cut {
            span,
            skip,
            end: is_last.then_some(run.end),
        };
        self.ahead = self.ahead.saturating_sub(end - start);
        if is_last {
            self.at += 1;
            self.position = None;
        } else {
            self.position = Some(end);
        }
        Ok(Some(cut))
    }

    /// Says what will be read next, as soon as half of what was said is read.
    fn tell(&mut self) {
        if self.ahead > AHEAD / 2 {
            return;
        }
        let mut ranges = Vec::new();
        while self.ahead < AHEAD
            && ranges.len() < MOST_RANGES
            && let Some(run) = self.runs.get(self.told.0)
        {
            let start = self.told.1.max(run.start >> 16);
            let end = run.until.min(start + (AHEAD - self.ahead));
            self.told = if end >= run.until {
                (self.told.0 + 1, 0)
            } else {
                (self.told.0, end)
            };
            if start < end {
                self.ahead += end - start;
                ranges.push(start..end);
            }
        }
        self.blocks.object.will_read(&ranges, self.reading);
    }
}
