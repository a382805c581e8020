//! How a record's bases are sorted into what is coded alike, eight at a time where nothing is special.

use super::disputed::{INDEL, Single};
use super::known::{BASE, SPECIAL};
use super::record::Chunk;
use crate::codec::records::states::{AGREES, INSERTED, Segment};

/// Bases beside an indel that are coded one by one.
const BESIDE: usize = 2;

/// A byte of one in each of eight.
const ONES: u64 = 0x0101_0101_0101_0101;

/// Known bases that follow each other.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) index: usize,
    pub(super) place: usize,
    pub(super) length: usize,
}

/// Unknown bases that follow each other.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    /// As a segment's, [`AGREES`] for aligned ones.
    pub(super) kind: u8,
    pub(super) first: usize,
    pub(super) end: usize,
    /// Number of the segment.
    pub(super) segment: usize,
}

/// A record's bases, by how they are coded.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) single: Vec<Single>,
    pub(super) spans: Vec<Span>,
    pub(super) free: Vec<Stretch>,
    /// Bases that differ at places that are not special, as numbers among the known ones: found when encoding.
    pub(super) differing: Vec<u32>,
    /// Indices and places of known bases that are not the expected ones.
    pub(super) dissent: Vec<(usize, usize)>,
    /// Whether a base's value is known already; shorter than the record if the rest are not.
    pub(super) settled: Vec<bool>,
    /// Known bases.
    pub(super) count: usize,
    /// The mate's aligned bases.
    pub(super) mate: Run,
}

/// The first aligned segment of a record.
#[derive(Clone, Copy, Default)]
pub(super) struct Run {
    pub(super) place: usize,
    pub(super) length: usize,
    /// Where its bases stand among those of the chunk.
    pub(super) at: usize,
}

impl Run {
    /// The base at a place, if it has one there.
    #[inline(always)]
    pub(super) fn base(&self, bases: &[u8], place: usize) -> Option<u8> {
        let step = place.wrapping_sub(self.place);
        (step < self.length).then(|| bases[self.at + step])
    }
}

impl Lists {
    pub(super) fn clear(&mut self) {
        self.single.clear();
        self.spans.clear();
        self.free.clear();
        self.differing.clear();
        self.dissent.clear();
        self.settled.clear();
        self.count = 0;
    }

    /// Adds an aligned base that nothing is known of, or several.
    fn unknown(&mut self, first: usize, end: usize, segment: usize) {
        match self.free.last_mut() {
            Some(last) if last.segment == segment && last.end == first => last.end = end,
            _ => self.free.push(Stretch {
                kind: AGREES,
                first,
                end,
                segment,
            }),
        }
    }

    /// Adds known bases.
    fn span(&mut self, index: usize, place: usize, length: usize) {
        if length > 0 {
            self.spans.push(Span {
                index,
                place,
                length,
            });
            self.count += length;
        }
    }
}

impl Chunk<'_> {
    /// Sorts a record's bases into lists; when decoding, expects the bases expected.
    pub(super) fn sort(
        &mut self,
        decodes: bool,
        start: usize,
        segments: &[Segment],
        lists: &mut Lists,
    ) {
        for (number, segment) in segments.iter().enumerate() {
            let end = segment.start + segment.length;
            if segment.kind != AGREES {
                lists.free.push(Stretch {
                    kind: segment.kind,
                    first: segment.start,
                    end,
                    segment: number,
                });
                continue;
            }
            let before = number
                .checked_sub(1)
                .and_then(|before| segments.get(before));
            let head = match indel(before) {
                0 => 0,
                _ => BESIDE.min(segment.length),
            };
            let tail = match indel(segments.get(number + 1)) {
                0 => 0,
                _ => BESIDE.min(segment.length - head),
            };
            let mut sorting = Sorting {
                decodes,
                places: &self.known.places[segment.place..segment.place + segment.length],
                bases: &mut self.bases[start + segment.start..start + end],
                lists,
                segment: (number, segment.start, segment.place),
                open: 0,
            };
            for at in 0..head {
                sorting.one(at, INDEL | at as u8 | indel(before) << 2);
            }
            let body = segment.length - tail;
            if sorting.lists.settled.is_empty() {
                sorting.eights(head, body);
            } else {
                for at in head..body {
                    sorting.one(at, 0);
                }
            }
            for at in body..segment.length {
                let distance = segment.length - 1 - at;
                let next = indel(segments.get(number + 1));
                sorting.one(at, INDEL | distance as u8 | next << 2 | 2);
            }
            sorting.close(segment.length);
        }
    }
}

/// What a segment ends at: 1 a deletion or skip, 2 an insertion, 0 anything else.
fn indel(next: Option<&Segment>) -> u8 {
    next.map_or(0, |next| match next.kind {
        AGREES => 1,
        INSERTED => 2,
        _ => 0,
    })
}

/// A segment while its bases are sorted.
struct Sorting<'a> {
    decodes: bool,
    places: &'a [u8],
    bases: &'a mut [u8],
    lists: &'a mut Lists,
    /// Its number, its first base and its first place.
    segment: (usize, usize, usize),
    /// Where the known bases begin that are not in a span yet.
    open: usize,
}

impl Sorting<'_> {
    /// Ends the known bases at `at`.
    fn close(&mut self, at: usize) {
        let (_, index, place) = self.segment;
        let length = at - self.open;
        self.lists
            .span(index + self.open, place + self.open, length);
    }

    /// Adds bases that nothing is known of.
    #[inline(always)]
    fn unknown(&mut self, at: usize, count: usize) {
        if at > self.open {
            self.close(at);
        }
        self.open = at + count;
        let (number, index, _) = self.segment;
        self.lists.unknown(index + at, index + at + count, number);
    }

    /// Adds a base to those that differ.
    #[inline(always)]
    fn differs(&mut self, at: usize) {
        let number = self.lists.count + at - self.open;
        self.lists.differing.push(number as u32);
    }

    /// Adds a known base that is coded alone.
    #[inline(always)]
    fn single(&mut self, at: usize, beside: u8) {
        let (_, index, place) = self.segment;
        self.lists.single.push(Single {
            index: index + at,
            place: place + at,
            beside,
        });
    }

    /// Sorts one base, beside an indel if `beside` is not 0.
    fn one(&mut self, at: usize, beside: u8) {
        let byte = self.places[at];
        let top = byte & BASE;
        let (_, index, _) = self.segment;
        if top == 0 {
            self.unknown(at, 1);
        } else if self.lists.settled.get(index + at) != Some(&true) {
            if byte & SPECIAL != 0 || beside != 0 {
                self.single(at, beside);
            } else if !self.decodes && self.bases[at] != top {
                self.differs(at);
            }
            if self.decodes {
                self.bases[at] = top;
            }
        }
    }

    /// Sorts bases of which none is settled or beside an indel, eight at a time.
    fn eights(&mut self, first: usize, end: usize) {
        if end - first < 8 {
            for at in first..end {
                self.one(at, 0);
            }
            return;
        }
        let mut at = first;
        while at + 8 <= end {
            self.eight(at, 0);
            at += 8;
        }
        if at < end {
            // The last eight, without those that are sorted already.
            self.eight(end - 8, at + 8 - end);
        }
    }

    /// Sorts eight bases, of which the first `sorted` are sorted.
    #[inline(always)]
    fn eight(&mut self, at: usize, sorted: usize) {
        let within = (
            self.places[at..].first_chunk(),
            self.bases[at..].first_chunk_mut(),
        );
        let (Some(places), Some(bases)) = within else {
            return;
        };
        let places = u64::from_le_bytes(*places);
        let tops = places & ONES * u64::from(BASE);
        let mut marks = places & ONES * u64::from(SPECIAL);
        if self.decodes {
            *bases = tops.to_le_bytes();
        } else {
            // Four bits that are not all zero, and fifteen more, carry into the bit of `SPECIAL`.
            let differ = (tops ^ u64::from_le_bytes(*bases)) & ONES * 15;
            marks |= differ + ONES * 15 & ONES * u64::from(SPECIAL);
        }
        marks &= u64::MAX << (8 * sorted);
        if marks != 0 {
            self.marked(at, places, marks);
        }
    }

    /// Sorts those of eight bases that are marked.
    fn marked(&mut self, at: usize, places: u64, mut marks: u64) {
        if places == ONES * u64::from(SPECIAL) {
            let sorted = marks.trailing_zeros() as usize / 8;
            self.unknown(at + sorted, 8 - sorted);
            return;
        }
        while marks != 0 {
            let bit = marks.trailing_zeros() & !7;
            marks &= marks - 1;
            let (here, byte) = (at + bit as usize / 8, (places >> bit) as u8);
            if byte & SPECIAL == 0 {
                self.differs(here);
            } else if byte & BASE == 0 {
                self.unknown(here, 1);
            } else {
                self.single(here, 0);
            }
        }
    }
}
