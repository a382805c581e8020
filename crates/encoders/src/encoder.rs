//! The numbers of the encoders: one byte for a library, its version, level and parameters.
//!
//! The numbers stand in archives for ever. A new encoder takes a new number; a number never
//! changes its meaning, and `spec/encoders.md` describes each so that a stranger can make the
//! same bytes.

/// An encoder and its parameters, known by the number that archives store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Encoder(u8);

/// What a number means: the library that makes the bytes, and how it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// zlib, raw DEFLATE, window 32 KiB, default strategy.
    Zlib { level: u8, memory: u8 },
    /// libdeflate of one generation.
    Libdeflate { generation: Generation, level: u8 },
    /// Intel's ISA-L as GKL (Picard, GATK) calls it: version 2.30, or the one before.
    IsaL { early: bool, level: u8 },
    /// The two bytes 03 00, whatever made them: only for empty content.
    Empty,
    /// Stored blocks of at most 65,535 bytes, the last one final.
    Stored,
}

/// Releases of libdeflate between which the output differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Version 1.7; the same bytes as 1.8.
    V1_7,
    /// Version 1.14; the same bytes as 1.10 to 1.15.
    V1_14,
    /// Version 1.18; differs from 1.14 at levels 10 to 12 only.
    V1_18,
    /// Version 1.26; the same bytes as 1.19 and later.
    V1_26,
}

impl Generation {
    /// The library's version as written in names.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Generation::V1_7 => "1.7",
            Generation::V1_14 => "1.14",
            Generation::V1_18 => "1.18",
            Generation::V1_26 => "1.26",
        }
    }
}

impl Encoder {
    /// The two bytes 03 00, for empty content: the usual end-of-file block of BGZF.
    pub const EMPTY: Encoder = Encoder(0x70);
    /// Stored blocks of at most 65,535 bytes, the last one final: level 0 of htslib.
    pub const STORED: Encoder = Encoder(0x71);

    /// The encoder of this number, if one has it. 0 and 240 to 255 never name an encoder.
    pub const fn from_number(number: u8) -> Option<Encoder> {
        match Encoder(number).family() {
            Some(_) => Some(Encoder(number)),
            None => None,
        }
    }

    /// The number that archives store.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Every encoder, in the order of the numbers.
    pub fn all() -> impl Iterator<Item = Encoder> {
        (0..=u8::MAX).filter_map(Encoder::from_number)
    }

    /// The name for people, such as `zlib 6` or `libdeflate 1.26 level 7`.
    pub fn name(self) -> String {
        match self.family() {
            Some(Family::Zlib { level, memory: 8 }) => format!("zlib {level}"),
            Some(Family::Zlib { level, memory }) => format!("zlib {level} memlevel {memory}"),
            Some(Family::Libdeflate { generation, level }) => {
                format!("libdeflate {} level {level}", generation.version())
            }
            Some(Family::IsaL {
                early: false,
                level,
            }) => format!("isa-l level {level} (GKL)"),
            Some(Family::IsaL { early: true, level }) => {
                format!("isa-l early level {level} (GKL)")
            }
            Some(Family::Empty) => "empty block".to_string(),
            Some(Family::Stored) => "stored block".to_string(),
            None => format!("encoder {}", self.0),
        }
    }

    /// What the number means; `None` only before `from_number` has refused it.
    pub(crate) const fn family(self) -> Option<Family> {
        use Generation::{V1_7, V1_14, V1_18, V1_26};
        let level = self.0 & 0x0F;
        let generation = match self.0 {
            0x01..=0x09 => return Some(Family::Zlib { level, memory: 8 }),
            0x11..=0x19 => return Some(Family::Zlib { level, memory: 9 }),
            0x21..=0x2C => V1_7,
            0x31..=0x3C => V1_14,
            0x4A..=0x4C => V1_18,
            0x51..=0x5C => V1_26,
            0x60..=0x62 => {
                return Some(Family::IsaL {
                    early: false,
                    level,
                });
            }
            0x64..=0x66 => {
                return Some(Family::IsaL {
                    early: true,
                    level: level - 4,
                });
            }
            0x70 => return Some(Family::Empty),
            0x71 => return Some(Family::Stored),
            _ => return None,
        };
        Some(Family::Libdeflate { generation, level })
    }
}
