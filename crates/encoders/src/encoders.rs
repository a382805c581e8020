//! All encoders behind one face: make a block's DEFLATE bytes, check them, find who made them.

use crate::encoder::{Encoder, Family};
use crate::isal;
use crate::libdeflate::Libdeflate;
use crate::shape::Shape;
use crate::stored;
use crate::zlib::Zlib;

/// Longest content that an encoder takes, in bytes. BGZF blocks have at most 65,536; the rest
/// is room for other callers while every length stays far inside 32 bits.
pub const MAX_CONTENT: usize = 16 << 20;

/// The order in which [`Encoders::identify`] asks: what writes most BAM files first, the slow
/// levels last. Numbers that are not here follow in their own order.
const COMMON_FIRST: [u8; 26] = [
    0x06, 0x57, 0x26, 0x05, 0x01, 0x51, 0x60, 0x64, 0x71, 0x56, 0x09, 0x61, 0x62, 0x65, 0x66, 0x08,
    0x04, 0x02, 0x03, 0x07, 0x37, 0x36, 0x31, 0x5C, 0x3C, 0x4C,
];

/// How many of them are fast.
const FAST: usize = COMMON_FIRST.len() - 3;

/// The encoders of these numbers.
fn common(numbers: &[u8]) -> impl Iterator<Item = Encoder> {
    numbers.iter().copied().filter_map(Encoder::from_number)
}

/// Compressors of every kind, made at their first use and used again. One per thread.
pub struct Encoders {
    /// By encoder number.
    states: Vec<Option<State>>,
    /// Output of a trial, kept to spare allocations.
    scratch: Vec<u8>,
    /// Whether zlib's bytes come from the library alone.
    by_library: bool,
}

/// A compressor that is worth keeping between blocks.
enum State {
    Zlib(Box<Zlib>),
    Libdeflate(Libdeflate),
}

impl Default for Encoders {
    fn default() -> Self {
        Encoders::new()
    }
}

impl Encoders {
    /// Encoders without any state yet. A level of zlib takes some 300 KiB at its first use, one
    /// of libdeflate up to 10 MiB (levels 10 to 12).
    pub fn new() -> Encoders {
        Encoders {
            states: std::iter::repeat_with(|| None).take(256).collect(),
            scratch: Vec::new(),
            by_library: false,
        }
    }

    /// Encoders that ask zlib and libdeflate themselves even where faster code here gives the
    /// same bytes: to compare with.
    pub fn by_library() -> Encoders {
        Encoders {
            by_library: true,
            ..Encoders::new()
        }
    }

    /// Fills `out` (cleared first) with the DEFLATE bytes that `encoder` makes of `content`.
    /// False when it cannot, for example because the content is too long; `out` then means
    /// nothing.
    pub fn deflate(&mut self, encoder: Encoder, content: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        if content.len() > MAX_CONTENT {
            return false;
        }
        match encoder.family() {
            Some(Family::Empty) => stored::empty(content, out),
            Some(Family::Stored) => stored::stored(content, out),
            Some(Family::IsaL {
                early: false,
                level,
            }) => isal::deflate(level, content, out),
            Some(Family::IsaL { early: true, level }) => isal::deflate_early(level, content, out),
            Some(family) => match self.state(encoder, family) {
                Some(State::Zlib(zlib)) => zlib.deflate(content, out),
                Some(State::Libdeflate(libdeflate)) => libdeflate.deflate(content, out),
                None => false,
            },
            None => false,
        }
    }

    /// Whether `encoder` makes exactly `deflate` of `content`. May stop at the first difference.
    pub fn makes(&mut self, encoder: Encoder, content: &[u8], deflate: &[u8]) -> bool {
        if content.len() > MAX_CONTENT {
            return false;
        }
        let Some(family) = encoder.family() else {
            return false;
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        let same = match family {
            Family::IsaL { .. } | Family::Empty | Family::Stored => {
                self.deflate(encoder, content, &mut scratch) && scratch == deflate
            }
            _ => match self.state(encoder, family) {
                Some(State::Zlib(zlib)) => zlib.makes(content, deflate),
                Some(State::Libdeflate(libdeflate)) => {
                    libdeflate.makes(content, deflate, &mut scratch)
                }
                None => false,
            },
        };
        self.scratch = scratch;
        same
    }

    /// The encoder that makes `deflate` of `content`: the first of `likely` that does, else the
    /// first of all others, common ones first. Encoders that the shape of the DEFLATE bytes
    /// rules out are not asked. A block that nothing here makes costs a trial of nearly all,
    /// some 0.3 s for 64 KiB: in a file full of them use [`Encoders::identify_common`].
    pub fn identify(
        &mut self,
        content: &[u8],
        deflate: &[u8],
        likely: &[Encoder],
    ) -> Option<Encoder> {
        let others = Encoder::all().filter(|e| !COMMON_FIRST.contains(&e.number()));
        self.search(
            content,
            deflate,
            likely,
            common(&COMMON_FIRST).chain(others),
        )
    }

    /// As [`Encoders::identify`], but of all others only the common and fast ones are asked: a
    /// block that none of them makes costs some 30 ms for 64 KiB.
    pub fn identify_common(
        &mut self,
        content: &[u8],
        deflate: &[u8],
        likely: &[Encoder],
    ) -> Option<Encoder> {
        let (fast, _) = COMMON_FIRST.split_at(FAST);
        self.search(content, deflate, likely, common(fast))
    }

    /// The first of `likely`, then of the `others` that the shape allows, that makes `deflate`.
    fn search(
        &mut self,
        content: &[u8],
        deflate: &[u8],
        likely: &[Encoder],
        mut others: impl Iterator<Item = Encoder>,
    ) -> Option<Encoder> {
        if let Some(&found) = likely.iter().find(|&&e| self.makes(e, content, deflate)) {
            return Some(found);
        }
        let shape = Shape::of(deflate, content.len());
        others.find(|&e| {
            !likely.contains(&e)
                && e.family().is_some_and(|family| shape.allows(family))
                && self.makes(e, content, deflate)
        })
    }

    /// The compressor for this number, made now if need be.
    fn state(&mut self, encoder: Encoder, family: Family) -> Option<&mut State> {
        let by_library = self.by_library;
        let state = self.states.get_mut(usize::from(encoder.number()))?;
        if state.is_none() {
            *state = match family {
                Family::Zlib { level, memory } => {
                    Some(State::Zlib(Box::new(Zlib::new(level, memory, by_library))))
                }
                Family::Libdeflate { generation, level } => {
                    Libdeflate::new(generation, level).map(State::Libdeflate)
                }
                Family::IsaL { .. } | Family::Empty | Family::Stored => None,
            };
        }
        state.as_mut()
    }
}
