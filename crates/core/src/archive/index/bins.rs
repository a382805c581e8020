//! The bytes of a BAI or CSI index, made from runs of records in the order of the file.
//!
//! A run is to the index what a record is to samtools': it lies in the smallest bin that holds all of it. That is coarser,
//! and never wrong: htslib passes over what starts behind the first range of a bin to the right of a region, so a range must
//! not start before what lies to the left of its bin. Numbers of records are those of samtools' index.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;

use super::runs::Run;
use crate::container::MAX_INDEX;
use crate::container::sidecar::IndexKind;
use crate::container::trailer::Reference;
use crate::{Error, Result};

/// Bits of a position within a window, the smallest bin: those of BAI, and what samtools takes for CSI.
const WINDOW: u32 = 14;

/// Levels of bins below the largest, in BAI.
const BAI_DEPTH: u32 = 5;

/// htslib gives the bins of a CSI index room for records that reach so far over the end of the longest reference.
const OVERHANG: u64 = 256;

/// Which positions an index can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub kind: IndexKind,
    depth: u32,
}

impl Shape {
    /// BAI if it can hold the references and CSI is not asked for.
    pub fn of(references: &[Reference], csi: bool) -> Self {
        let lengths = references.iter().map(|reference| reference.length);
        let longest = u64::from(lengths.max().unwrap_or(0));
        let bai = Self {
            kind: IndexKind::Bai,
            depth: BAI_DEPTH,
        };
        if !csi && longest <= bai.limit() as u64 {
            return bai;
        }
        let mut shape = Self {
            kind: IndexKind::Csi,
            depth: 0,
        };
        while longest + OVERHANG > shape.limit() as u64 {
            shape.depth += 1;
        }
        shape
    }

    /// Positions that it has bins for.
    fn limit(self) -> i64 {
        1 << (WINDOW + 3 * self.depth)
    }

    /// Number of the first bin `level` levels below the largest.
    fn first(level: u32) -> u32 {
        ((1 << (3 * level)) - 1) / 7
    }

    /// The smallest bin that holds an interval, and the number of its first window.
    fn bin(self, start: i64, end: i64) -> (u32, usize) {
        let last = end - 1;
        for level in (0..=self.depth).rev() {
            let up = 3 * (self.depth - level);
            let shift = WINDOW + up;
            if start >> shift == last >> shift {
                let window = ((start >> shift) << up) as usize;
                return (Self::first(level) + (start >> shift) as u32, window);
            }
        }
        (0, 0)
    }

    /// The bin that holds where a reference's records are, and how many.
    fn totals(self) -> u32 {
        Self::first(self.depth + 1) + 1
    }
}

/// Ranges of virtual offsets in a bin, and the number of its first window.
#[derive(Default)]
struct Bin {
    window: usize,
    ranges: Vec<Range<u64>>,
}

/// An index on its way.
pub struct Writer {
    shape: Shape,
    references: usize,
    out: Vec<u8>,
    /// References that are written.
    done: usize,
    bins: BTreeMap<u32, Bin>,
    /// For each window, the offset of the first run that takes a position of it.
    windows: Vec<Option<u64>>,
    /// Where the records of the reference at hand are.
    place: Option<Range<u64>>,
    /// How many there are: mapped and unmapped.
    counts: [u64; 2],
    unplaced: u64,
    /// Bytes that the reference at hand takes.
    pending: usize,
}

impl Writer {
    pub fn new(shape: Shape, references: usize) -> Self {
        let mut out = Vec::new();
        match shape.kind {
            IndexKind::Bai => out.extend_from_slice(b"BAI\x01"),
            IndexKind::Csi => {
                out.extend_from_slice(b"CSI\x01");
                // No auxiliary data.
                for number in [WINDOW, shape.depth, 0] {
                    put(&mut out, number);
                }
            }
        }
        put(&mut out, references as u32);
        Self {
            shape,
            references,
            out,
            done: 0,
            bins: BTreeMap::new(),
            windows: Vec::new(),
            place: None,
            counts: [0; 2],
            unplaced: 0,
            pending: 0,
        }
    }

    /// Adds a run, whose records have these virtual offsets.
    pub fn add(&mut self, run: &Run, range: Range<u64>) -> Result<()> {
        let Ok(reference) = usize::try_from(run.reference) else {
            self.unplaced += run.counts.iter().sum::<u64>();
            return Ok(());
        };
        self.finish_references(reference)?;
        // As htslib sees records that lie before a reference.
        let (start, end) = (run.start.max(0), run.end.max(1));
        if end > self.shape.limit() {
            let instead = match self.shape.kind {
                IndexKind::Bai => "; a CSI index can (--csi)",
                IndexKind::Csi => "",
            };
            let index = self.shape.kind.name();
            return Err(Error::Invalid(format!(
                "a record on reference number {reference} ends at {end}, which a {index} index cannot tell{instead}"
            )));
        }
        let (first, last) = ((start >> WINDOW) as usize, ((end - 1) >> WINDOW) as usize);
        let (number, window) = self.shape.bin(start, end);
        let more = last.saturating_add(1).saturating_sub(self.windows.len());
        self.pending += BIN + mem::size_of::<u64>() * more;
        self.check_length()?;
        self.windows.resize(self.windows.len() + more, None);
        // Runs are in order: the windows that are known have an earlier one.
        for known in &mut self.windows[first..=last] {
            known.get_or_insert(range.start);
        }
        let bin = self.bins.entry(number).or_default();
        bin.window = window;
        match bin.ranges.last_mut() {
            Some(before) if before.end == range.start => before.end = range.end,
            _ => bin.ranges.push(range.clone()),
        }
        self.place = Some(self.place.as_ref().map_or(range.start, |place| place.start)..range.end);
        for (sum, count) in self.counts.iter_mut().zip(run.counts) {
            *sum += count;
        }
        Ok(())
    }

    /// The index's bytes, before a CSI index is packed into blocks.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.finish_references(self.references)?;
        self.out.extend_from_slice(&self.unplaced.to_le_bytes());
        Ok(self.out)
    }

    fn check_length(&self) -> Result<()> {
        if (self.out.len() + self.pending) as u64 <= MAX_INDEX {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "its index would take more than {} MiB: it has too many references, or too long ones",
            MAX_INDEX >> 20
        )))
    }

    /// Writes the references before number `next` that are not written.
    fn finish_references(&mut self, next: usize) -> Result<()> {
        while self.done < next {
            self.finish_reference();
            self.done += 1;
            self.check_length()?;
        }
        Ok(())
    }

    fn finish_reference(&mut self) {
        self.pending = 0;
        let (bins, mut windows) = (mem::take(&mut self.bins), mem::take(&mut self.windows));
        let mut after = None;
        for window in windows.iter_mut().rev() {
            // Where no run takes a position, what comes next is where to go on.
            after = window.or(after);
            *window = after;
        }
        let offset = |window: usize| windows.get(window).copied().flatten().unwrap_or_default();
        let is_csi = self.shape.kind == IndexKind::Csi;
        let out = &mut self.out;
        let totals = usize::from(self.place.is_some());
        put(out, (bins.len() + totals) as u32);
        let mut put_bin = |number: u32, offset: u64, ranges: &[Range<u64>]| {
            put(out, number);
            if is_csi {
                out.extend_from_slice(&offset.to_le_bytes());
            }
            put(out, ranges.len() as u32);
            for range in ranges {
                out.extend_from_slice(&range.start.to_le_bytes());
                out.extend_from_slice(&range.end.to_le_bytes());
            }
        };
        for (number, bin) in bins {
            put_bin(number, offset(bin.window), &bin.ranges);
        }
        let [mapped, unmapped] = mem::take(&mut self.counts);
        if let Some(place) = self.place.take() {
            put_bin(self.shape.totals(), 0, &[place, mapped..unmapped]);
        }
        if !is_csi {
            put(out, windows.len() as u32);
            for window in 0..windows.len() {
                out.extend_from_slice(&offset(window).to_le_bytes());
            }
        }
    }
}

/// Most bytes of a bin with one range, in CSI: number, offset, number of ranges, range. The bin of totals has two.
const BIN: usize = 4 + 8 + 4 + 16;

fn put(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(lengths: &[u32]) -> Vec<Reference> {
        let reference = |&length| Reference {
            name: b"c".to_vec(),
            length,
        };
        lengths.iter().map(reference).collect()
    }

    #[test]
    fn references_longer_than_bai_can_tell_get_a_csi_index() {
        for (lengths, csi, kind, depth) in [
            (&[1 << 29][..], false, IndexKind::Bai, 5),
            (&[5, (1 << 29) + 1], false, IndexKind::Csi, 6),
            (&[], false, IndexKind::Bai, 5),
            (&[], true, IndexKind::Csi, 0),
            (&[(1 << 14) - 256], true, IndexKind::Csi, 0),
            (&[(1 << 14) - 255], true, IndexKind::Csi, 1),
            (&[u32::MAX], false, IndexKind::Csi, 7),
        ] {
            let shape = Shape::of(&references(lengths), csi);
            assert_eq!(shape, Shape { kind, depth }, "{lengths:?}");
        }
    }

    #[test]
    fn bins_are_those_of_the_sam_specification() {
        let bai = Shape::of(&[], false);
        for (start, end, bin, window) in [
            (0, 1, 4681, 0),
            (16_383, 16_385, 585, 0),
            (16_384, 16_385, 4682, 1),
            ((1 << 17) - 1, (1 << 17) + 1, 73, 0),
            ((1 << 26) + 5, (1 << 26) + (1 << 25), 2, 4096),
            ((1 << 29) - 1, 1 << 29, 37448, 32_767),
            (0, 1 << 29, 0, 0),
        ] {
            assert_eq!(bai.bin(start, end), (bin, window), "{start}..{end}");
        }
        assert_eq!(bai.totals(), 37_450);
    }

    #[test]
    fn an_index_that_would_be_too_long_is_refused_before_it_is_made() {
        let mut writer = Writer::new(Shape::of(&[], false), 1 << 20);
        let far = |reference| Run {
            reference,
            start: (1 << 29) - 1,
            last: (1 << 29) - 1,
            end: 1 << 29,
            counts: [1, 0],
            place: 0..1,
        };
        let failed = (0..1 << 20).find_map(|reference| {
            let place = reference as u64;
            writer.add(&far(reference), place..place + 1).err()
        });
        assert!(matches!(failed, Some(Error::Invalid(_))), "{failed:?}");
        assert!(writer.out.capacity() <= 2 * MAX_INDEX as usize);
    }
}
