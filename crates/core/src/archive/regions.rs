//! Regions of the reference sequences: how they are written, which records they hold, and in which chunks those are.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use super::chunks::Chunks;
use crate::container::directory::{Span, UNSORTED};
use crate::container::trailer::Reference;
use crate::{Error, Result};

/// Regions that are asked for. A record belongs to them if it overlaps any; it takes one position if it has none of its
/// reference's (as samtools sees unmapped records with a position).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions {
    /// By reference, intervals (0-based, half-open) in order and apart.
    on: BTreeMap<u32, Vec<(i64, i64)>>,
    /// Records without a position too.
    unplaced: bool,
    /// All records.
    all: bool,
}

impl Regions {
    /// Those that `texts` name, as samtools writes them: `NAME`, `NAME:FIRST`, `NAME:FIRST-LAST`, `NAME:-LAST` (1-based,
    /// both ends belong to it, commas in numbers are passed over), `{NAME}` in braces where a name could be read as a
    /// region, `*` for records without a position, `.` for all.
    ///
    /// # Errors
    /// [`Error::Invalid`] for other texts and for names that are not references.
    pub fn parse(texts: &[String], references: &[Reference]) -> Result<Self> {
        let numbers = numbers(references);
        let mut regions = Self::default();
        for text in texts {
            match text.as_str() {
                "*" => regions.unplaced = true,
                "." => regions.all = true,
                text => {
                    let (number, start, end) = parse(text, &numbers)?;
                    regions.add(number, start, end);
                }
            }
        }
        regions.merge();
        Ok(regions)
    }

    /// Those of intervals by name: 0-based, half-open. Names that are not references hold no record.
    pub fn of_intervals(intervals: &[(String, i64, i64)], references: &[Reference]) -> Self {
        let numbers = numbers(references);
        let mut regions = Self::default();
        for (name, start, end) in intervals {
            if let Some(&number) = numbers.get(name.as_bytes()) {
                regions.add(number, *start, *end);
            }
        }
        regions.merge();
        regions
    }

    fn add(&mut self, number: u32, start: i64, end: i64) {
        if start < end {
            self.on.entry(number).or_default().push((start, end));
        }
    }

    fn merge(&mut self) {
        for intervals in self.on.values_mut() {
            intervals.sort_unstable();
            let mut apart: Vec<(i64, i64)> = Vec::with_capacity(intervals.len());
            for &(start, end) in intervals.iter() {
                match apart.last_mut() {
                    Some(last) if start <= last.1 => last.1 = last.1.max(end),
                    _ => apart.push((start, end)),
                }
            }
            *intervals = apart;
        }
    }

    /// The intervals on a reference, 0-based and half-open, in order and apart.
    pub fn on(&self, reference: i32) -> &[(i64, i64)] {
        const EVERYWHERE: &[(i64, i64)] = &[(0, i64::MAX)];
        match u32::try_from(reference) {
            Ok(_) if self.all => EVERYWHERE,
            Ok(number) => self.on.get(&number).map_or(&[], Vec::as_slice),
            Err(_) => &[],
        }
    }

    /// Whether they hold all records.
    pub fn hold_all(&self) -> bool {
        self.all
    }

    /// Whether they hold records without a position.
    pub fn hold_unplaced(&self) -> bool {
        self.all || self.unplaced
    }

    /// The references that are named, in order, and their intervals, in order and apart.
    pub fn by_reference(&self) -> impl Iterator<Item = (u32, &[(i64, i64)])> {
        let on = self.on.iter();
        on.map(|(&reference, intervals)| (reference, &intervals[..]))
    }

    /// Whether they hold a record that takes the positions from `start` to `end` (exclusive) of a reference.
    pub fn hold(&self, reference: i32, start: i64, end: i64) -> bool {
        if self.all {
            return true;
        }
        if reference < 0 {
            return self.unplaced;
        }
        let intervals = self.on(reference);
        let after = intervals.partition_point(|interval| interval.1 <= start);
        intervals
            .get(after)
            .is_some_and(|interval| interval.0 < end)
    }

    /// Whether records of such a span may belong to them.
    fn may_meet(&self, span: &Span) -> bool {
        if self.all || span.flags & UNSORTED != 0 {
            return true;
        }
        // "None" sorts last.
        let rank = |reference: i32| reference as u32;
        let (first, last) = (rank(span.first_reference), rank(span.last_reference));
        if self.unplaced && span.last_reference < 0 {
            return true;
        }
        if first > last {
            return true;
        }
        self.on.range(first..=last).any(|(&reference, intervals)| {
            let start = if reference == first {
                i64::from(span.first_position)
            } else {
                i64::MIN
            };
            let end = if reference == last {
                span.largest_end
            } else {
                i64::MAX
            };
            // One position at least, however the span's end was told.
            let end = end.max(start.saturating_add(1));
            let after = intervals.partition_point(|interval| interval.1 <= start);
            intervals
                .get(after)
                .is_some_and(|interval| interval.0 < end)
        })
    }
}

/// The numbers of the chunks that may hold records of all these regions, in order; all chunks where there are none.
pub fn chunks_of(chunks: &Chunks, regions: &[&Regions]) -> Result<Vec<u64>> {
    let may_meet = |span: &Span| regions.iter().all(|regions| regions.may_meet(span));
    if regions.is_empty() {
        return Ok((0..chunks.count()).collect());
    }
    let mut numbers = Vec::new();
    for (first, page) in chunks.pages() {
        if !may_meet(&page.span) && !chunks.may_hide_records(&page.span) {
            continue;
        }
        for (number, entry) in (first..).zip(chunks.page(first)?.iter()) {
            if may_meet(&entry.span) && entry.records > 0 || chunks.hides_records(number, entry)? {
                numbers.push(number);
            }
        }
    }
    Ok(numbers)
}

fn numbers(references: &[Reference]) -> HashMap<&[u8], u32, RandomState> {
    let mut numbers = HashMap::default();
    for (number, reference) in (0..).zip(references) {
        // Of references with the same name, samtools finds the first.
        numbers.entry(&reference.name[..]).or_insert(number);
    }
    numbers
}

fn parse(text: &str, numbers: &HashMap<&[u8], u32, RandomState>) -> Result<(u32, i64, i64)> {
    let find = |name: &str| numbers.get(name.as_bytes()).copied();
    let invalid = |why: &str| Error::Invalid(format!("region {text:?}: {why}"));
    let whole = |number| Ok((number, 0, i64::MAX));
    let unknown = |name: &str| invalid(&format!("there is no reference {name:?}"));
    let (name, place) = if let Some(braced) = text.strip_prefix('{') {
        let Some((name, rest)) = braced.split_once('}') else {
            return Err(invalid("the brace is not closed"));
        };
        match rest.strip_prefix(':') {
            Some(place) => (name, place),
            None if rest.is_empty() => return find(name).map_or_else(|| Err(unknown(name)), whole),
            None => return Err(invalid("a colon must follow the brace")),
        }
    } else {
        let split = text.rsplit_once(':');
        match (find(text), split) {
            (Some(_), Some((name, place))) if find(name).is_some() && interval(place).is_some() => {
                return Err(invalid(&format!(
                    "may be all of {text:?} or a part of {name:?}: write {{{text}}} or {{{name}}}:{place}"
                )));
            }
            (Some(number), _) => return whole(number),
            (None, Some((name, place))) => (name, place),
            (None, None) => return Err(unknown(text)),
        }
    };
    let number = find(name).ok_or_else(|| unknown(name))?;
    let (start, end) = interval(place)
        .ok_or_else(|| invalid("positions are written FIRST, FIRST-LAST or -LAST, from 1 on"))?;
    if start >= end {
        return Err(invalid("its last position is before its first"));
    }
    Ok((number, start, end))
}

/// The interval (0-based, half-open) that FIRST, FIRST-LAST, FIRST- or -LAST names.
fn interval(text: &str) -> Option<(i64, i64)> {
    let position = |text: &str| -> Option<i64> {
        let digits: String = text.chars().filter(|&c| c != ',').collect();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok()
    };
    match text.split_once('-') {
        None => Some((position(text)?.saturating_sub(1).max(0), i64::MAX)),
        Some((first, last)) => {
            let start = match first {
                "" => 0,
                first => position(first)?.saturating_sub(1).max(0),
            };
            let end = match last {
                "" if !first.is_empty() => i64::MAX,
                last => position(last)?,
            };
            Some((start, end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references() -> Vec<Reference> {
        ["chr1", "HLA:1", "HLA:1:5", "chr2"]
            .map(|name| Reference {
                name: name.as_bytes().to_vec(),
                length: 1000,
            })
            .to_vec()
    }

    fn parsed(text: &str) -> Result<Regions> {
        Regions::parse(&[text.to_owned()], &references())
    }

    #[test]
    fn regions_are_written_as_samtools_writes_them() {
        for (text, number, interval) in [
            ("chr1", 0, (0, i64::MAX)),
            ("chr1:11", 0, (10, i64::MAX)),
            ("chr1:1,001-2,000", 0, (1000, 2000)),
            ("chr2:-5", 3, (0, 5)),
            ("chr2:7-", 3, (6, i64::MAX)),
            ("HLA:1", 1, (0, i64::MAX)),
            ("{HLA:1}:5", 1, (4, i64::MAX)),
            ("{HLA:1:5}", 2, (0, i64::MAX)),
            ("HLA:1:6-7", 1, (5, 7)),
        ] {
            assert_eq!(parsed(text).unwrap().on(number), [interval], "{text}");
        }
        for text in [
            "chr3",
            "chr1:",
            "chr1:x",
            "chr1:9-8",
            "chr1:1-2-3",
            "{chr1",
            "{chr1}5",
            "HLA:1:5",
            "",
            "chr1:-",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn regions_that_touch_are_one() {
        let texts = ["chr1:21-30", "chr1:1-10", "chr1:5-20"].map(str::to_owned);
        let regions = Regions::parse(&texts, &references()).unwrap();
        assert_eq!(regions.on(0), [(0, 30)]);
        assert!(regions.hold(0, 29, 30) && !regions.hold(0, 30, 31) && !regions.hold(1, 0, 9));
        assert!(!regions.hold(-1, -1, 0) && parsed("*").unwrap().hold(-1, -1, 0));
        assert!(parsed(".").unwrap().hold(-1, -1, 0));
    }

    #[test]
    fn a_span_is_met_where_its_records_may_lie() {
        let span = Span {
            first_reference: 0,
            first_position: 500,
            last_reference: 3,
            last_position: 70,
            largest_end: 90,
            flags: 0,
        };
        for (text, meets) in [
            ("chr1:400-500", false),
            ("chr1:400-501", true),
            ("chr1:800-900", true),
            ("HLA:1", true),
            ("chr2:1-2", true),
            ("chr2:90-100", true),
            ("chr2:91-100", false),
            ("*", false),
            (".", true),
        ] {
            assert_eq!(parsed(text).unwrap().may_meet(&span), meets, "{text}");
        }
        let unsorted = Span {
            flags: UNSORTED,
            ..span
        };
        assert!(parsed("chr2:91-100").unwrap().may_meet(&unsorted));
    }
}
