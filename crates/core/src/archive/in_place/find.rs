//! The index of a file, and which parts of the file it says a query needs.

use std::io;
use std::ops::Range;

use super::blocks::MAX_BLOCK;
use super::spans::Run;
use crate::archive::attach;
use crate::archive::index::Index;
use crate::archive::query::Query;
use crate::archive::regions::Regions;
use crate::container::trailer::Naming;
use crate::store::Location;
use crate::{Error, Result};

/// The bytes of the index beside a file, and where it is: NAME.bam.bai, NAME.bai, NAME.bam.csi or NAME.csi. Only one that is not
/// there is passed over.
pub fn beside(file: &Location) -> Result<Option<(Location, Vec<u8>)>> {
    for kind in ["bai", "csi"] {
        for naming in [Naming::Appended, Naming::Replaced] {
            let location = attach::location_of(file, kind, naming);
            let read = attach::read(&location);
            if let Some((_, bytes)) = read.map_err(|error| error.at(&location))? {
                return Ok(Some((location, bytes)));
            }
        }
    }
    Ok(None)
}

/// The bytes of the index at a place.
pub fn given(location: &Location) -> Result<Vec<u8>> {
    let read = attach::read(location).map_err(|error| error.at(location))?;
    let (_, bytes) = read.ok_or_else(|| Error::Store {
        context: format!("cannot read the index {location}"),
        source: io::Error::new(io::ErrorKind::NotFound, "there is none"),
    })?;
    Ok(bytes)
}

/// The parts of a file that may hold what a query asks for, in order. `first`: virtual offset of the first record.
pub fn runs(index: &Index, query: &Query, first: u64, file_length: u64) -> Vec<Run> {
    let mut blocks = Vec::new();
    let mut ranges: Option<Vec<Range<u64>>> = None;
    for regions in conditions(query) {
        let found = ranges_of(index, regions, first, &mut blocks);
        ranges = Some(match ranges {
            Some(before) => in_both(&before, &found),
            None => found,
        });
    }
    blocks.sort_unstable();
    let mut runs: Vec<Run> = Vec::new();
    for range in ranges.unwrap_or_default() {
        let until = until(range.end, &blocks).min(file_length);
        match runs.last_mut() {
            // What would be read twice is read once.
            Some(last) if range.start >> 16 <= last.until => {
                last.end = range.end;
                last.until = last.until.max(until);
            }
            _ => runs.push(Run {
                start: range.start,
                end: range.end,
                until,
            }),
        }
    }
    runs
}

/// A query's conditions on places.
pub fn conditions(query: &Query) -> impl Iterator<Item = &Regions> {
    let regions = [&query.regions, &query.targets].into_iter().flatten();
    regions.filter(|regions| !regions.hold_all())
}

/// The ranges of virtual offsets that may hold records of these regions, in order and apart. Adds known starts of blocks.
fn ranges_of(
    index: &Index,
    regions: &Regions,
    first: u64,
    blocks: &mut Vec<u64>,
) -> Vec<Range<u64>> {
    let mut found = Vec::new();
    for (reference, intervals) in regions.by_reference() {
        let bins = index.on(reference);
        for &(start, end) in intervals {
            bins.ranges(start, end, &mut found);
        }
        blocks.extend(bins.blocks());
    }
    if regions.hold_unplaced() {
        found.push(index.end()..u64::MAX);
    }
    found.sort_unstable_by_key(|range| range.start);
    let mut apart: Vec<Range<u64>> = Vec::new();
    for range in found {
        // No record stands before the first.
        let start = range.start.max(first);
        match apart.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(range.end),
            _ if start < range.end => apart.push(start..range.end),
            _ => {}
        }
    }
    apart
}

/// What lies in ranges of both, which are in order and apart.
fn in_both(one: &[Range<u64>], other: &[Range<u64>]) -> Vec<Range<u64>> {
    let (mut both, mut at, mut of) = (Vec::new(), 0, 0);
    while let (Some(a), Some(b)) = (one.get(at), other.get(of)) {
        let range = a.start.max(b.start)..a.end.min(b.end);
        if range.start < range.end {
            both.push(range);
        }
        if a.end <= b.end {
            at += 1;
        } else {
            of += 1;
        }
    }
    both
}

/// Where the block that a range ends in ends at the latest: where one is known to start, or a block's greatest length behind it.
fn until(end: u64, blocks: &[u64]) -> u64 {
    let block = end >> 16;
    if end & 0xffff == 0 || end == u64::MAX {
        return block;
    }
    let next = blocks.partition_point(|&start| start <= block);
    let known = blocks.get(next).copied().unwrap_or(u64::MAX);
    known.min(block + MAX_BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_both_stays() {
        let both = in_both(&[0..10, 20..30, 40..50], &[5..25, 29..45]);
        assert_eq!(both, [5..10, 20..25, 29..30, 40..45]);
        assert!(in_both(&both, &[]).is_empty());
    }

    #[test]
    fn a_block_ends_where_the_next_is_known_to_start() {
        let blocks = [100, 900, 90_000];
        assert_eq!(until(100 << 16, &blocks), 100);
        assert_eq!(until(100 << 16 | 5, &blocks), 900);
        assert_eq!(until(900 << 16 | 5, &blocks), 900 + MAX_BLOCK);
        assert_eq!(until(90_000 << 16 | 5, &blocks), 90_000 + MAX_BLOCK);
    }
}
