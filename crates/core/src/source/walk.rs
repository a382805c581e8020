//! Finds the borders of records in BAM content that arrives piece by piece.
//!
//! The walk is the only part of compressing that must go through the content in order, so it does no more than hop
//! from one record's length to the next. What it cannot follow (a damaged or foreign stretch) becomes opaque items,
//! and it looks for the next place where records plausibly go on.

use std::ops::Range;

use super::bam::record;

/// A record longer than this is carried as opaque pieces, so that one chunk's memory stays bounded.
pub const OVERSIZE: usize = 4 << 20;

/// Bytes kept back at the end of a piece while looking for a place where records go on.
const SEARCH_WINDOW: usize = 64 << 10;

/// Longest reference name that a header may hold before it is taken for damage.
const MAX_REFERENCE_NAME: u32 = 1 << 16;

/// Most reference sequences that are noted, and most bytes of their names: beyond real files, and below what would
/// strain memory. Of a header with more, none are.
pub const MAX_REFERENCES: usize = 4 << 20;
/// See [`MAX_REFERENCES`].
pub const MAX_REFERENCE_NAMES: usize = 48 << 20;

/// A stretch of content, by offsets in the piece that was walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A BAM record, its length field included.
    Record(Range<usize>),
    /// Bytes that are not a record: the header, pieces of an oversize record, damage.
    Opaque(Range<usize>),
}

impl Item {
    /// Where it lies.
    pub fn range(&self) -> &Range<usize> {
        match self {
            Self::Record(range) | Self::Opaque(range) => range,
        }
    }
}

/// One reference sequence of the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Name, without the NUL.
    pub name: Vec<u8>,
    /// Length in bases.
    pub length: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Before the header's magic and text length.
    Start,
    /// Inside the header's text.
    Text(u64),
    /// Before the number of references.
    ReferenceCount,
    /// Inside the reference list.
    References(u32),
    /// At a record's border.
    Records,
    /// Inside an oversize record.
    Oversize(u64),
    /// Somewhere: looking for a record's border.
    Lost,
    /// Not BAM content at all.
    Foreign,
}

/// The walk's state between pieces.
#[derive(Clone, Debug)]
pub struct Walk {
    state: State,
    references: Vec<Reference>,
    /// References that have been walked, noted or not.
    count: usize,
    /// Bytes of their names.
    name_bytes: usize,
    header_complete: bool,
}

impl Walk {
    /// A walk at the start of content that is BAM or not.
    pub fn new(is_bam: bool) -> Self {
        let state = if is_bam { State::Start } else { State::Foreign };
        Self {
            state,
            references: Vec::new(),
            count: 0,
            name_bytes: 0,
            header_complete: false,
        }
    }

    /// A walk that starts with a BAM header, or else at a record's border.
    pub fn at_border(content: &[u8]) -> Self {
        let mut walk = Self::new(true);
        if !content.starts_with(b"BAM\x01") {
            walk.state = State::Records;
        }
        walk
    }

    /// The header's reference table, as far as it has been walked; empty if it is larger than any may be.
    pub fn into_references(self) -> Vec<Reference> {
        self.references
    }

    /// The reference table, once no more of it can follow.
    pub fn known_table(&self) -> Option<&[Reference]> {
        let before = matches!(
            self.state,
            State::Start | State::Text(_) | State::ReferenceCount | State::References(_)
        );
        (!before).then_some(&self.references)
    }

    /// Says that what comes next does not continue what came before: source bytes without content lie between.
    pub fn interrupt(&mut self) {
        if self.state != State::Foreign {
            self.state = State::Lost;
        }
    }

    /// Splits `content` into `items` and returns where the unfinished rest starts, which must be put before the next
    /// piece. With `last` there is no next piece and nothing is left.
    pub fn advance(&mut self, content: &[u8], last: bool, items: &mut Vec<Item>) -> usize {
        let mut at = 0;
        while at < content.len() {
            let step = self.step(content, at, items);
            if step == 0 {
                break;
            }
            at += step;
        }
        if last && at < content.len() {
            push_opaque(items, at..content.len());
            self.interrupt();
            at = content.len();
        }
        at
    }

    /// One step from `at`; how far it went, 0 when more content is needed.
    fn step(&mut self, content: &[u8], at: usize, items: &mut Vec<Item>) -> usize {
        let rest = &content[at..];
        let opaque = |items: &mut Vec<Item>, length: usize| {
            push_opaque(items, at..at + length);
            length
        };
        match self.state {
            State::Foreign => opaque(items, rest.len()),
            State::Start => {
                let Some(start) = rest.first_chunk::<8>() else {
                    return 0;
                };
                let text = record::u32_at(start, 4).unwrap_or(0);
                if start[..4] != *b"BAM\x01" || text > i32::MAX as u32 {
                    self.state = State::Foreign;
                    return self.step(content, at, items);
                }
                self.state = State::Text(text.into());
                opaque(items, 8)
            }
            State::Text(left) => {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                let left = left - length as u64;
                self.state = if left == 0 {
                    State::ReferenceCount
                } else {
                    State::Text(left)
                };
                if length == 0 {
                    self.step(content, at, items)
                } else {
                    opaque(items, length)
                }
            }
            State::ReferenceCount => {
                let Some(count) = record::u32_at(rest, 0) else {
                    return 0;
                };
                self.state = State::References(count);
                opaque(items, 4)
            }
            State::References(0) => {
                self.state = State::Records;
                self.header_complete = true;
                self.step(content, at, items)
            }
            State::References(left) => {
                let Some(name_length) = record::u32_at(rest, 0) else {
                    return 0;
                };
                if name_length > MAX_REFERENCE_NAME {
                    self.state = State::Lost;
                    return self.step(content, at, items);
                }
                let name_end = 4 + name_length as usize;
                let Some(length) = record::u32_at(rest, name_end) else {
                    return 0;
                };
                let name = rest[4..name_end]
                    .strip_suffix(&[0])
                    .unwrap_or(&rest[4..name_end])
                    .to_vec();
                self.count += 1;
                self.name_bytes += name.len();
                if self.count > MAX_REFERENCES || self.name_bytes > MAX_REFERENCE_NAMES {
                    self.references = Vec::new();
                } else {
                    self.references.push(Reference { name, length });
                }
                self.state = State::References(left - 1);
                opaque(items, name_end + 4)
            }
            State::Records => self.record(content, at, items),
            State::Oversize(left) => {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                let left = left - length as u64;
                self.state = if left == 0 {
                    State::Records
                } else {
                    State::Oversize(left)
                };
                opaque(items, length)
            }
            State::Lost => self.search(content, at, items),
        }
    }

    fn record(&mut self, content: &[u8], at: usize, items: &mut Vec<Item>) -> usize {
        let rest = &content[at..];
        let Some(size) = record::u32_at(rest, 0) else {
            return 0;
        };
        let length = size as usize + 4;
        let Some(fixed) = rest.get(..record::FIXED) else {
            return 0;
        };
        let oversize = length > OVERSIZE;
        let follows = if oversize {
            record::is_plausible(fixed, self.known_references())
        } else {
            record::is_consistent(fixed)
        };
        if !follows || size > i32::MAX as u32 {
            self.state = State::Lost;
            return self.search(content, at, items);
        }
        if oversize {
            self.state = State::Oversize(length as u64);
            return self.step(content, at, items);
        }
        if rest.len() < length {
            return 0;
        }
        items.push(Item::Record(at..at + length));
        length
    }

    fn known_references(&self) -> Option<usize> {
        self.header_complete.then_some(self.count)
    }

    /// Looks for a place where a plausible record is followed by another or by the end of the piece.
    fn search(&mut self, content: &[u8], at: usize, items: &mut Vec<Item>) -> usize {
        let references = self.known_references();
        let starts_record = |place: usize| {
            let fixed = content.get(place..place + record::FIXED)?;
            if !record::is_plausible(fixed, references) {
                return Some(false);
            }
            let length = record::u32_at(fixed, 0)? as usize + 4;
            if length > OVERSIZE || !record::name_is_plausible(&content[place..]) {
                return Some(false);
            }
            let next = place + length;
            match content.get(next..next + record::FIXED) {
                Some(fixed) => Some(record::is_plausible(fixed, references)),
                None => (next == content.len()).then_some(true),
            }
        };
        // Not at `at` itself: the walk failed there, or was told that it is nowhere known.
        let mut place = at;
        while place < content.len() {
            match starts_record(place) {
                Some(true) => {
                    self.state = State::Records;
                    if place == at {
                        return self.record(content, at, items);
                    }
                    push_opaque(items, at..place);
                    return place - at;
                }
                None if content.len() - place <= SEARCH_WINDOW => break,
                _ => place += 1,
            }
        }
        self.state = State::Lost;
        if place > at {
            push_opaque(items, at..place);
        }
        place - at
    }
}

/// Adds opaque bytes, joined to the item before if that is opaque too.
fn push_opaque(items: &mut Vec<Item>, range: Range<usize>) {
    match items.last_mut() {
        Some(Item::Opaque(before)) if before.end == range.start => before.end = range.end,
        _ => items.push(Item::Opaque(range)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bam(records: usize) -> Vec<u8> {
        let mut out = b"BAM\x01\x03\0\0\0@HD\x01\0\0\0\x03\0\0\0c1\0\x10\0\0\0".to_vec();
        for i in 0..records {
            out.extend_from_slice(&record::tests::plain(i as i32 * 10));
        }
        out
    }

    fn walk(pieces: &[&[u8]]) -> (Vec<(bool, usize)>, Vec<Reference>) {
        let mut walk = Walk::new(true);
        let (mut found, mut carry) = (Vec::new(), Vec::new());
        for (i, piece) in pieces.iter().enumerate() {
            carry.extend_from_slice(piece);
            let mut items = Vec::new();
            let end = walk.advance(&carry, i + 1 == pieces.len(), &mut items);
            assert_eq!(
                items.iter().map(|item| item.range().len()).sum::<usize>(),
                end
            );
            found.extend(
                items
                    .iter()
                    .map(|item| (matches!(item, Item::Record(_)), item.range().len())),
            );
            carry.drain(..end);
        }
        (found, walk.into_references())
    }

    #[test]
    fn records_are_found_however_the_content_is_cut() {
        let content = bam(3);
        let length = record::tests::plain(0).len();
        for cut in 0..content.len() {
            let (items, references) = walk(&[&content[..cut], &content[cut..]]);
            assert_eq!(
                items.iter().filter(|item| **item == (true, length)).count(),
                3,
                "cut at {cut}"
            );
            assert_eq!(
                references,
                [Reference {
                    name: b"c1".to_vec(),
                    length: 16
                }]
            );
        }
    }

    #[test]
    fn after_damage_the_walk_finds_the_records_again() {
        let mut content = bam(2);
        content.extend_from_slice(&[0xee; 1000]);
        for i in 0..5 {
            content.extend_from_slice(&record::tests::plain(i));
        }
        let (items, _) = walk(&[&content]);
        assert_eq!(items.iter().filter(|item| item.0).count(), 7);
    }

    #[test]
    fn an_oversize_record_is_carried_in_pieces() {
        let mut content = bam(1);
        let mut huge = record::tests::plain(5);
        huge.extend(std::iter::repeat_n(b'x', OVERSIZE));
        let size = (huge.len() - 4) as u32;
        huge[..4].copy_from_slice(&size.to_le_bytes());
        content.extend_from_slice(&huge);
        content.extend_from_slice(&record::tests::plain(9));
        let middle = content.len() / 2;
        let (items, _) = walk(&[&content[..middle], &content[middle..]]);
        assert_eq!(items.iter().filter(|item| item.0).count(), 2);
        assert_eq!(
            items
                .iter()
                .filter(|item| !item.0)
                .map(|item| item.1)
                .sum::<usize>(),
            huge.len() + 26
        );
    }

    #[test]
    fn content_that_is_not_bam_is_opaque() {
        let (items, _) = walk(&[b"##fileformat=VCFv4.2\n"]);
        assert_eq!(items, [(false, 21)]);
    }
}
