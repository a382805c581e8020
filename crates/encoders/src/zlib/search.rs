//! zlib's search for the longest match, with its hash chains laid out as arrays.
//!
//! zlib walks a linked list of the earlier positions with the same hash of three bytes, nearest
//! first, at most a set number of them, and every step waits for a load. Here a counting sort by
//! hash puts the positions of each hash side by side, in order. Then the candidates of a position
//! are a slice, the number of candidates is a subtraction, and as the places of the next
//! candidates are known early, their bytes are loaded side by side as well.

/// Longest content, in bytes: that of a BGZF block. zlib's window takes it in at once.
pub(crate) const MAX_CONTENT: usize = 1 << 16;
/// Furthest that a match reaches back: zlib keeps room for a whole match in its window.
const MAX_DISTANCE: usize = HALF - LEAST_LOOKAHEAD;
/// From here on zlib moves its window down by [`HALF`] when it is short of lookahead.
const SLIDE: usize = HALF + MAX_DISTANCE;
/// By how much the window moves.
pub(super) const HALF: usize = 32_768;
/// Longest match.
const MAX_MATCH: usize = 258;
/// Shortest match.
pub(super) const MIN_MATCH: usize = 3;
/// Lookahead below which zlib looks whether its window has to move.
const LEAST_LOOKAHEAD: usize = 262;
/// Bytes compared for a match's length, in words of eight.
const COMPARED: usize = MAX_MATCH.next_multiple_of(8);
/// Zeros behind the content: comparisons may read past its end.
const PADDING: usize = 2 * MAX_MATCH;

/// How far zlib searches at a level.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// From this length of the match before on, a quarter of the candidates is enough.
    pub good: usize,
    /// From this length on, a match is taken without a look at the next position.
    pub lazy: usize,
    /// A match of this length ends the search.
    pub nice: usize,
    /// Most candidates.
    pub chain: usize,
}

/// A match; length 2 stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub length: usize,
    pub distance: usize,
}

impl Match {
    pub(super) const NONE: Match = Match {
        length: MIN_MATCH - 1,
        distance: 0,
    };
}

/// The positions of one hash: `places[start..next]` of [`Search`] are entered.
#[derive(Clone, Copy, Default)]
struct Bucket {
    start: u16,
    next: u16,
}

/// The earlier positions of one hash: a range of `places`, the last one the nearest.
#[derive(Clone, Copy)]
pub(super) struct Candidates {
    start: usize,
    end: usize,
}

/// Finds the matches that zlib finds, at ascending positions of one content.
pub(super) struct Search {
    length: usize,
    window: Box<[u8; MAX_CONTENT + PADDING]>,
    /// By hash.
    buckets: Vec<Bucket>,
    /// Positions by hash, then in order.
    places: Box<[u16; MAX_CONTENT]>,
    /// Bits by which zlib's hash moves for each byte.
    shift: u32,
}

fn boxed<T: Clone, const N: usize>(value: T) -> Box<[T; N]> {
    match vec![value; N].into_boxed_slice().try_into() {
        Ok(array) => array,
        Err(_) => unreachable!("the vector has N elements"),
    }
}

impl Search {
    /// A search by hashes of `hash_bits` bits, 15 or 16.
    pub(super) fn new(hash_bits: u32) -> Search {
        Search {
            length: 0,
            window: boxed(0),
            buckets: vec![Bucket::default(); 1 << hash_bits],
            places: boxed(0),
            shift: hash_bits.div_ceil(MIN_MATCH as u32),
        }
    }

    /// Takes `content`, of at most [`MAX_CONTENT`] bytes, in; no position is entered yet.
    pub(super) fn start(&mut self, content: &[u8]) {
        self.length = content.len();
        self.window[..content.len()].copy_from_slice(content);
        self.window[content.len()..][..PADDING].fill(0);
        self.buckets.fill(Bucket::default());
        for at in 0..self.length.saturating_sub(MIN_MATCH - 1) {
            let hash = self.hash(at);
            self.buckets[hash].next += 1;
        }
        let mut sum = 0u16;
        for bucket in &mut self.buckets {
            let count = bucket.next;
            (bucket.start, bucket.next) = (sum, sum);
            sum += count;
        }
    }

    /// Whether zlib has moved its window before it looks at this position.
    pub(super) fn has_moved(&self, at: usize) -> bool {
        at >= SLIDE && self.length - at < LEAST_LOOKAHEAD
    }

    /// The content.
    pub(super) fn content(&self) -> &[u8] {
        &self.window[..self.length]
    }

    #[inline]
    fn word(&self, at: usize) -> u32 {
        let bytes = self.window[at..].first_chunk();
        u32::from_le_bytes(*bytes.unwrap_or(&[0; 4]))
    }

    /// zlib's hash of the three bytes at a position.
    #[inline]
    fn hash(&self, at: usize) -> usize {
        let word = self.word(at);
        let (first, second, third) = (word & 0xFF, word >> 8 & 0xFF, word >> 16 & 0xFF);
        let hash = (first << (2 * self.shift)) ^ (second << self.shift) ^ third;
        hash as usize & (self.buckets.len() - 1)
    }

    /// Enters a position, and gives the earlier ones of the same hash.
    #[inline]
    pub(super) fn enter(&mut self, at: usize) -> Candidates {
        let hash = self.hash(at);
        let bucket = &mut self.buckets[hash];
        let end = usize::from(bucket.next);
        bucket.next = bucket.next.wrapping_add(1);
        let start = usize::from(bucket.start);
        self.places[end] = at as u16;
        Candidates { start, end }
    }

    /// Enters positions that zlib does not search at.
    #[inline]
    pub(super) fn enter_all(&mut self, range: std::ops::Range<usize>) {
        let end = range.end.min((self.length + 1).saturating_sub(MIN_MATCH));
        for at in range.start..end {
            self.enter(at);
        }
    }

    /// The match that zlib finds at a position, given the length of that at the one before.
    #[inline]
    pub(super) fn longest(
        &self,
        at: usize,
        candidates: Candidates,
        before: usize,
        effort: &Effort,
    ) -> Match {
        let ahead = self.length - at;
        let mut best = Match {
            length: before,
            distance: 0,
        };
        let Some(oldest) = self.oldest(at, candidates) else {
            return best;
        };
        let nice = effort.nice.min(ahead);
        if before >= nice {
            return best;
        }
        let chain = effort.chain >> if before >= effort.good { 2 } else { 0 };
        let start = candidates.start.max(candidates.end.saturating_sub(chain));
        let mut end = candidates.end;
        while let Some(place) = self.next(at, &mut end, start, best.length) {
            if place < oldest {
                return best;
            }
            let length = self.common_length(at, place).min(ahead);
            if length > best.length {
                best = Match {
                    length,
                    distance: at - place,
                };
                if length >= nice {
                    return best;
                }
            }
        }
        best
    }

    /// The nearest candidate before `end` that may have a match longer than `length`, as far as
    /// the last bytes of such a match tell; `end` moves to it.
    #[inline]
    fn next(&self, at: usize, end: &mut usize, start: usize, length: usize) -> Option<usize> {
        let offset = length.saturating_sub(3);
        let mask = if length < MIN_MATCH {
            0x00FF_FFFF
        } else {
            u32::MAX
        };
        let tail = self.word(at + offset);
        let window: &[u8; MAX_CONTENT + 4] = self.window[offset..].first_chunk()?;
        let places = self.places.get(start..*end)?;
        let word =
            |place: usize| u32::from_le_bytes(*window[place..].first_chunk().unwrap_or(&[0; 4]));
        let found = places
            .iter()
            .rposition(|&place| (word(usize::from(place)) ^ tail) & mask == 0)?;
        *end = start + found;
        Some(usize::from(places[found]))
    }

    /// The oldest position that zlib reaches from here, if it reaches the nearest candidate.
    ///
    /// The nearest may be one byte further back than the others. Position 0 of the window stands
    /// for none; that is the content's byte 32,768 once the window has moved.
    #[inline]
    fn oldest(&self, at: usize, candidates: Candidates) -> Option<usize> {
        if candidates.start == candidates.end {
            return None;
        }
        let nearest = usize::from(self.places[candidates.end - 1]);
        let none = if self.has_moved(at) { HALF } else { 0 };
        let reach = at.saturating_sub(MAX_DISTANCE);
        if nearest <= none || nearest < reach {
            return None;
        }
        Some((none + 1).max(if nearest == reach { reach } else { reach + 1 }))
    }

    /// How many bytes are equal at two places, at most [`MAX_MATCH`].
    #[inline]
    fn common_length(&self, at: usize, place: usize) -> usize {
        let bytes = |place: usize| self.window[place..].first_chunk::<COMPARED>();
        let (Some(here), Some(there)) = (bytes(at), bytes(place)) else {
            return 0;
        };
        let pairs = here.as_chunks().0.iter().zip(there.as_chunks().0);
        for (word, (&here, &there)) in pairs.enumerate() {
            let different = u64::from_le_bytes(here) ^ u64::from_le_bytes(there);
            if different != 0 {
                let length = 8 * word + (different.trailing_zeros() / 8) as usize;
                return length.min(MAX_MATCH);
            }
        }
        MAX_MATCH
    }
}
