//! A sequence of two bits a base, and the runs of characters that are no A, C, G or T.

use md5::{Digest, Md5};

/// Bases for which one bit says whether a run touches them.
const SPAN: usize = 4096;

/// The bases of a sequence.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// Four bases a byte, the first in the low bits: 0 A, 1 C, 2 G, 3 T.
    codes: Vec<u8>,
    length: usize,
    /// Starts and ends of runs of other characters, ascending.
    others: Vec<(usize, usize)>,
    /// For each span of bases, whether a run touches it.
    touched: Vec<bool>,
}

impl Packed {
    /// How many bases there are.
    pub(super) fn length(&self) -> u64 {
        self.length as u64
    }

    /// Memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.codes.len() + self.others.len() * size_of::<(usize, usize)>() + self.touched.len()
    }

    /// BAM's code of the base at a 0-based position, if it is A, C, G or T.
    #[inline]
    pub(super) fn base(&self, position: i64) -> Option<u8> {
        let at = usize::try_from(position)
            .ok()
            .filter(|&at| at < self.length)?;
        if self.touched[at / SPAN] {
            let run = self.others.partition_point(|&(start, _)| start <= at);
            if run > 0 && at < self.others[run - 1].1 {
                return None;
            }
        }
        Some(1 << (self.codes[at / 4] >> (at % 4 * 2) & 3))
    }
}

/// Packs a sequence's text as it is read, and takes its digest.
pub(super) struct Packer {
    packed: Packed,
    digest: Md5,
    upper: Vec<u8>,
}

impl Packer {
    /// A packer for about `length` bases.
    pub(super) fn new(length: u64) -> Self {
        // A header may say anything: room is made in advance for no more than a long chromosome.
        let room = length.min(1 << 29) as usize;
        let packed = Packed {
            codes: Vec::with_capacity(room / 4 + 1),
            ..Packed::default()
        };
        Self {
            packed,
            digest: Md5::new(),
            upper: Vec::new(),
        }
    }

    /// Adds text. Only characters from ! to ~ are bases, as for the SAM specification's M5.
    pub(super) fn add(&mut self, text: &[u8]) {
        self.upper.clear();
        let bases = text.iter().filter(|byte| byte.is_ascii_graphic());
        self.upper.extend(bases.map(u8::to_ascii_uppercase));
        self.digest.update(&self.upper);
        let packed = &mut self.packed;
        for &base in &self.upper {
            let at = packed.length;
            packed.length += 1;
            if at.is_multiple_of(4) {
                packed.codes.push(0);
            }
            if at.is_multiple_of(SPAN) {
                packed.touched.push(false);
            }
            let code = match base {
                b'A' => 0,
                b'C' => 1,
                b'G' => 2,
                b'T' => 3,
                _ => {
                    packed.touched[at / SPAN] = true;
                    match packed.others.last_mut() {
                        Some((_, end)) if *end == at => *end += 1,
                        _ => packed.others.push((at, at + 1)),
                    }
                    0
                }
            };
            packed.codes[at / 4] |= code << (at % 4 * 2);
        }
    }

    /// The bases, and their digest.
    pub(super) fn finish(self) -> (Packed, [u8; 16]) {
        (self.packed, self.digest.finalize().into())
    }
}
