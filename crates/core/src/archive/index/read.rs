//! A BAI or CSI index as its readers take it (SAM specification, section 5.2; CSI specification): all of it is checked when it is
//! opened, and which ranges of virtual offsets may hold the records of an interval is told when that is asked.

use std::ops::Range;

use readvault_encoders::Inflater;

use crate::source::bgzf::{self, Framing};
use crate::{Error, Result};

/// Most that an index may take when it is inflated.
const MAX_INFLATED: usize = 256 << 20;

/// Bits of a position within the smallest bins of BAI, and its levels of bins below the largest.
const BAI: (u32, u32) = (14, 5);

/// Most levels below the largest bin: with more, the numbers of bins would not fit into their fields.
const MAX_DEPTH: u32 = 9;

/// An index.
pub struct Index {
    content: Vec<u8>,
    is_csi: bool,
    /// Bits of a position within the smallest bins.
    window: u32,
    /// Levels of bins below the largest.
    depth: u32,
    /// Where in the content each reference starts.
    references: Vec<usize>,
    /// Where the last range ends.
    end: u64,
    /// How many records have no position, where that is told.
    unplaced: Option<u64>,
}

/// A bin as it stands in the index.
struct Bin<'a> {
    number: u32,
    /// Offset of the first record that reaches into it, where that is told.
    first: u64,
    /// Pairs of offsets.
    ranges: &'a [[u8; 16]],
}

impl Index {
    /// Reads an index of a file with so many bytes and reference sequences.
    ///
    /// # Errors
    /// [`Error::Invalid`], which does not name it, unless it is one.
    pub fn read(bytes: Vec<u8>, file_length: u64, references: usize) -> Result<Self> {
        let content = if bytes.starts_with(&bgzf::MAGIC) {
            inflate_all(&bytes)?
        } else {
            bytes
        };
        let mut rest = &content[..];
        let is_csi = match take(&mut rest, 4) {
            Some(b"BAI\x01") => false,
            Some(b"CSI\x01") => true,
            _ => return Err(invalid("it is no BAI or CSI index")),
        };
        let mut index = Self {
            is_csi,
            window: BAI.0,
            depth: BAI.1,
            references: Vec::new(),
            end: 0,
            unplaced: None,
            content: Vec::new(),
        };
        let mut walk = || {
            if is_csi {
                index.window = number(&mut rest)?;
                index.depth = number(&mut rest)?;
                let extra = number(&mut rest)? as usize;
                take(&mut rest, extra)?;
            }
            number(&mut rest)
        };
        let told = walk().ok_or_else(cut_short)?;
        if index.depth > MAX_DEPTH || index.window.saturating_add(3 * index.depth) > 60 {
            return Err(invalid("it has bins of sizes that cannot be"));
        }
        if told as usize != references {
            return Err(invalid(&format!(
                "it is the index of a file with {told} reference sequences, not {references}: it belongs to another file"
            )));
        }
        for _ in 0..references {
            index.references.push(content.len() - rest.len());
            index.check_reference(&mut rest, file_length)?;
        }
        index.unplaced = rest.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        index.content = content;
        Ok(index)
    }

    /// Walks over a reference's bins and windows.
    fn check_reference(&mut self, rest: &mut &[u8], file_length: u64) -> Result<()> {
        let behind = || {
            invalid(&format!(
                "it points behind the file's end ({file_length} bytes): it belongs to another file, or the file is cut short"
            ))
        };
        for _ in 0..number(rest).ok_or_else(cut_short)? {
            let bin = self.next_bin(rest).ok_or_else(cut_short)?;
            // That of totals holds counts, not offsets, in its second pair.
            let ranges = match self.interval(bin.number) {
                Some(_) => bin.ranges,
                None => &bin.ranges[..bin.ranges.len().min(1)],
            };
            for range in ranges.iter().map(offsets) {
                if range.start > range.end {
                    return Err(invalid("it has ranges that end before they start"));
                }
                if range.end >> 16 > file_length {
                    return Err(behind());
                }
                self.end = self.end.max(range.end);
            }
            if bin.first >> 16 > file_length {
                return Err(behind());
            }
        }
        if !self.is_csi {
            let windows = windows(rest).ok_or_else(cut_short)?;
            if windows
                .iter()
                .any(|&offset| u64::from_le_bytes(offset) >> 16 > file_length)
            {
                return Err(behind());
            }
        }
        Ok(())
    }

    fn next_bin<'a>(&self, rest: &mut &'a [u8]) -> Option<Bin<'a>> {
        let bin = number(rest)?;
        let first = if self.is_csi {
            u64::from_le_bytes(*take(rest, 8)?.first_chunk()?)
        } else {
            0
        };
        let ranges = (number(rest)? as usize).checked_mul(16)?;
        let ranges = take(rest, ranges)?.as_chunks().0;
        Some(Bin {
            number: bin,
            first,
            ranges,
        })
    }

    /// Whether it is a CSI index.
    pub fn is_csi(&self) -> bool {
        self.is_csi
    }

    /// Where the records with a position end.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// How many mapped and unmapped records each reference has, and how many have none, where the index tells that.
    pub fn totals(&self) -> Option<(Vec<[u64; 2]>, u64)> {
        let unplaced = self.unplaced?;
        let of_reference = |&start: &usize| {
            let mut rest = &self.content[start..];
            let count = number(&mut rest)?;
            for _ in 0..count {
                let bin = self.next_bin(&mut rest)?;
                if self.interval(bin.number).is_none() {
                    let [_, counts] = bin.ranges else { return None };
                    let counts = offsets(counts);
                    return Some([counts.start, counts.end]);
                }
            }
            (count == 0).then_some([0; 2])
        };
        let counts = self.references.iter().map(of_reference);
        Some((counts.collect::<Option<_>>()?, unplaced))
    }

    /// The bins of a reference.
    pub fn on(&self, reference: u32) -> Bins<'_> {
        let (mut bins, mut linear) = (Vec::new(), &[][..]);
        let start = self.references.get(reference as usize).copied();
        let mut rest = start.map_or(&[][..], |start| &self.content[start..]);
        for _ in 0..number(&mut rest).unwrap_or(0) {
            match self.next_bin(&mut rest) {
                Some(bin) if self.interval(bin.number).is_some() => bins.push(bin),
                Some(_) => {}
                None => break,
            }
        }
        if !self.is_csi {
            linear = windows(&mut rest).unwrap_or_default();
        }
        bins.sort_by_key(|bin| bin.number);
        Bins {
            index: self,
            bins,
            linear,
        }
    }

    /// Number of the first bin `level` levels below the largest.
    fn first(level: u32) -> u32 {
        ((1u64 << (3 * level)).saturating_sub(1) / 7) as u32
    }

    /// Bits of a position within the bins of a level.
    fn shift(&self, level: u32) -> u32 {
        self.window + 3 * (self.depth - level)
    }

    /// The positions of a bin; none for numbers beyond.
    fn interval(&self, bin: u32) -> Option<Range<i64>> {
        let level = (0..=self.depth).find(|&level| bin < Self::first(level + 1))?;
        let (shift, place) = (self.shift(level), i64::from(bin - Self::first(level)));
        Some(place << shift..(place + 1) << shift)
    }
}

/// The bins of one reference.
pub struct Bins<'a> {
    index: &'a Index,
    /// By number.
    bins: Vec<Bin<'a>>,
    /// Of each window, the offset of the first record that reaches into it.
    linear: &'a [[u8; 8]],
}

impl Bins<'_> {
    /// Adds the ranges that may hold records that overlap an interval (0-based, half-open). What starts before the first record
    /// that reaches into the interval's window, or behind one that starts after the interval, is left out: records are sorted.
    pub fn ranges(&self, start: i64, end: i64, found: &mut Vec<Range<u64>>) {
        let index = self.index;
        let limit = 1 << index.shift(0);
        let (start, end) = (start.max(0), end.min(limit));
        if start >= end {
            return;
        }
        let (mut least, mut most) = (self.first_of_window(start), u64::MAX);
        let mut near: Vec<&Bin<'_>> = Vec::new();
        for level in 0..=index.depth {
            let (shift, base) = (index.shift(level), Index::first(level));
            let number = |position: i64| base + (position >> shift) as u32;
            let of_level = |bin: &&Bin<'_>| (base..Index::first(level + 1)).contains(&bin.number);
            let at = |number| self.bins.partition_point(|bin| bin.number < number);
            let (from, to) = (at(number(start)), at(number(end - 1) + 1));
            near.extend(&self.bins[from..to]);
            // The last bin that starts at or before the interval's start.
            let before = at(number(start) + 1);
            if let Some(bin) = self.bins[..before].last().filter(of_level) {
                least = least.max(bin.first);
            }
            // The first that starts at or behind its end.
            let after = at(number(end - 1) + 1);
            if let Some(bin) = self.bins[after..].first().filter(of_level) {
                let first = bin.ranges.iter().map(|range| offsets(range).start).min();
                most = most.min(first.unwrap_or(u64::MAX));
            }
        }
        for range in near.iter().flat_map(|bin| bin.ranges).map(offsets) {
            let range = range.start.max(least)..range.end.min(most);
            if range.start < range.end {
                found.push(range);
            }
        }
    }

    /// Where blocks are known to start.
    pub fn blocks(&self) -> impl Iterator<Item = u64> {
        let ranges = self.bins.iter().flat_map(|bin| bin.ranges).map(offsets);
        ranges.flat_map(|range| [range.start >> 16, range.end >> 16])
    }

    /// By the windows, where what reaches into a position's window starts. Behind the last one, nothing lies before its records.
    fn first_of_window(&self, position: i64) -> u64 {
        let window = usize::try_from(position >> self.index.window).unwrap_or(usize::MAX);
        let last = self.linear.len().checked_sub(1);
        last.map_or(0, |last| u64::from_le_bytes(self.linear[window.min(last)]))
    }
}

fn offsets(pair: &[u8; 16]) -> Range<u64> {
    let (pair, _) = pair.as_chunks::<8>();
    u64::from_le_bytes(pair[0])..u64::from_le_bytes(pair[1])
}

/// The windows of a reference in BAI.
fn windows<'a>(rest: &mut &'a [u8]) -> Option<&'a [[u8; 8]]> {
    let length = (number(rest)? as usize).checked_mul(8)?;
    Some(take(rest, length)?.as_chunks().0)
}

/// The content of a BGZF file that is held in memory.
fn inflate_all(bytes: &[u8]) -> Result<Vec<u8>> {
    let damaged = || invalid("its BGZF blocks are damaged, or cut short");
    let (mut content, mut rest, mut inflater) = (Vec::new(), bytes, Inflater::new());
    while !rest.is_empty() {
        let Framing::Block { head, length, .. } = bgzf::frame(rest) else {
            return Err(damaged());
        };
        let block = take(&mut rest, length).ok_or_else(damaged)?;
        let (crc, inflated) = bgzf::tail(block);
        let inflated = inflated as usize;
        if inflated > bgzf::MAX_CONTENT {
            return Err(damaged());
        }
        if content.len() + inflated > MAX_INFLATED {
            return Err(invalid("it is longer than any index may be"));
        }
        let start = content.len();
        content.resize(start + inflated, 0);
        let deflate = &block[head..length - bgzf::TAIL_LENGTH];
        let into = &mut content[start..];
        if !inflater.inflate_exact(deflate, into) || crc32fast::hash(into) != crc {
            return Err(damaged());
        }
    }
    Ok(content)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(head)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*take(rest, 4)?.first_chunk()?))
}

fn invalid(why: &str) -> Error {
    Error::Invalid(why.to_owned())
}

fn cut_short() -> Error {
    invalid("it is cut short, or no index")
}

#[cfg(test)]
mod tests;
