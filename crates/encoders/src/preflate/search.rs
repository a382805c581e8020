//! Matches that an encoder can have seen at a position: hash chains over the content.

/// Bits of the hash of three bytes.
const HASH_BITS: u32 = 15;
/// Candidates looked at per position. More cost time and seldom change the best match.
const MAX_PROBES: usize = 128;
/// Furthest that a match reaches back.
const MAX_DISTANCE: usize = 32_768;
/// Longest match.
const MAX_MATCH: usize = 258;
/// Shortest match.
const MIN_MATCH: usize = 3;
/// No position.
const NONE: u32 = u32::MAX;

/// A match that could be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub length: u16,
    pub distance: u16,
}

/// Finds matches from ascending positions of one content.
pub(super) struct Search<'a> {
    content: &'a [u8],
    heads: Vec<u32>,
    previous: Vec<u32>,
    /// Positions before this are in the chains.
    entered: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(content: &'a [u8]) -> Search<'a> {
        Search {
            content,
            heads: vec![NONE; 1 << HASH_BITS],
            previous: Vec::with_capacity(content.len()),
            entered: 0,
        }
    }

    /// Fills `found` with the matches at `position`, nearest first, each longer than the one
    /// before. Positions must not go back by more than one.
    pub(super) fn matches(&mut self, position: usize, found: &mut Vec<Match>) {
        found.clear();
        while self.entered < position {
            let head = self.hash(self.entered).and_then(|h| self.heads.get_mut(h));
            let older = match head {
                Some(head) => std::mem::replace(head, self.entered as u32),
                None => NONE,
            };
            self.previous.push(older);
            self.entered += 1;
        }
        let Some(hash) = self.hash(position) else {
            return;
        };
        let mut best = MIN_MATCH - 1;
        let most = MAX_MATCH.min(self.content.len() - position);
        let mut candidate = self.heads[hash];
        for _ in 0..MAX_PROBES {
            let at = candidate as usize;
            if candidate == NONE || position.saturating_sub(at) > MAX_DISTANCE {
                return;
            }
            if at < position {
                let distance = position - at;
                let length = self.length_at(position, distance);
                if length > best {
                    best = length;
                    found.push(Match {
                        length: length as u16,
                        distance: distance as u16,
                    });
                    if length >= most {
                        return;
                    }
                }
            }
            candidate = self.previous.get(at).copied().unwrap_or(NONE);
        }
    }

    /// How long a match at `position` from `distance` back can be; 0 when there is none.
    pub(super) fn length_at(&self, position: usize, distance: usize) -> usize {
        let Some(from) = position.checked_sub(distance) else {
            return 0;
        };
        let (Some(old), Some(new)) = (self.content.get(from..), self.content.get(position..))
        else {
            return 0;
        };
        let pairs = old.iter().zip(new).take(MAX_MATCH);
        pairs.take_while(|(a, b)| a == b).count()
    }

    fn hash(&self, position: usize) -> Option<usize> {
        let bytes = self.content.get(position..)?.first_chunk::<3>()?;
        let value = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
        Some((value.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as usize)
    }
}
