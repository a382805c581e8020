//! Text by mixing: headers and other small texts of lines and fields, byte by byte.
//!
//! Contexts are the bytes before, the word, the field's place in its line, the same place in the line before, and
//! what followed the last time that the last six bytes were seen.

use super::mixing::{Coder, Decoder, Encoder, Mixer, hash};
use super::wire::damaged;
use crate::Result;

/// Contexts.
const CONTEXTS: usize = 9;

/// log2 of the blocks of each context's table: 1 MiB.
const TABLE_BITS: u32 = 14;

/// log2 of the places that a match may start from.
const MATCH_BITS: u32 = 16;

/// Bytes that must agree before a match predicts.
const MATCH_FROM: usize = 6;

/// Longest text worth this coder's time, and what a decoder spends on a few stored bytes.
pub(super) const LONGEST: usize = 4 << 20;

pub(super) fn encode(decoded: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    let mut text = Text::new();
    for &byte in decoded {
        text.code(&mut encoder, byte);
    }
    encoder.finish()
}

pub(super) fn decode(stored: &[u8], length: usize) -> Result<Vec<u8>> {
    if length > LONGEST {
        return Err(damaged("mixed text is longer than any may be"));
    }
    let mut decoder = Decoder::new(stored);
    let mut text = Text::new();
    for _ in 0..length {
        text.code(&mut decoder, 0);
    }
    decoder.finish()?;
    Ok(text.done)
}

struct Text {
    mixer: Mixer<CONTEXTS, 2>,
    done: Vec<u8>,
    /// Last places by hash of the bytes before them.
    places: Vec<u32>,
    /// Where the match stands, and for how many bytes it has held.
    matching: (usize, u32),
    /// Start of this line and of the one before.
    lines: (usize, usize),
    /// Place in the line before that this byte answers to.
    above: usize,
    field: u32,
    word: u32,
}

impl Text {
    fn new() -> Self {
        Self {
            mixer: Mixer::new(TABLE_BITS, 255),
            done: Vec::new(),
            places: vec![0; 1 << MATCH_BITS],
            matching: (0, 0),
            lines: (0, 0),
            above: 0,
            field: 0,
            word: 0,
        }
    }

    /// The byte that stood `back` bytes before.
    fn before(&self, back: usize) -> u32 {
        let at = self.done.len().checked_sub(back);
        at.map_or(0, |at| self.done[at].into())
    }

    /// A hash of the last `count` bytes.
    fn last(&self, count: usize) -> u32 {
        (1..=count).fold(count as u32, |state, back| {
            hash(state, self.before(back), 1, 0)
        })
    }

    fn code<C: Coder>(&mut self, coder: &mut C, byte: u8) {
        let (place, length) = self.matching;
        let predicted = if length > 0 {
            u32::from(self.done[place]) + 1
        } else {
            0
        };
        let above = |shift: usize| {
            self.done
                .get(self.above + shift)
                .map_or(0, |&b| u32::from(b))
        };
        let above = if self.above < self.lines.1 {
            [above(0), above(1)]
        } else {
            [0, 0]
        };
        let contexts = [
            0,
            self.last(1),
            self.last(2),
            self.last(3),
            self.last(4),
            self.last(6),
            hash(self.word, self.field, 2, 0),
            hash(above[0], above[1], self.before(1), self.field),
            hash(predicted, length.min(32), 3, 0),
        ];
        let selection = 16 * length.min(15) as usize;
        let byte = self
            .mixer
            .symbol(coder, byte.into(), 8, &contexts, 0, selection);
        self.push(byte as u8);
    }

    fn push(&mut self, byte: u8) {
        let (place, length) = self.matching;
        let held = length > 0 && self.done[place] == byte;
        self.done.push(byte);
        let at = self.done.len();
        self.matching = if held {
            (place + 1, length + 1)
        } else {
            (0, 0)
        };
        if at >= MATCH_FROM {
            let slot = (self.last(MATCH_FROM) >> (32 - MATCH_BITS)) as usize;
            if self.matching.1 == 0 && self.places[slot] > 0 {
                self.matching = (self.places[slot] as usize, 1);
            }
            self.places[slot] = at as u32;
        }
        self.above += 1;
        match byte {
            b'\n' => {
                self.above = self.lines.0;
                self.lines = (at, at);
                (self.field, self.word) = (0, 0);
            }
            b'\t' | b':' | b' ' | b',' => {
                self.field += 1;
                self.word = 0;
                // Go on behind the same mark in the line before, if there is one.
                let rest = self.done.get(self.above.saturating_sub(1)..self.lines.1);
                let next = rest.and_then(|rest| memchr::memchr(byte, rest));
                if let Some(next) = next {
                    self.above = self.above.saturating_sub(1) + next + 1;
                }
            }
            _ => self.word = hash(self.word, byte.into(), 4, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_and_tables_of_names_get_small() {
        let mut header = String::from("@HD\tVN:1.6\tSO:coordinate\n");
        for contig in 0..2000 {
            header += &format!(
                "@SQ\tSN:contig_{contig}\tLN:{}\n",
                1000 + contig * 7919 % 9973
            );
        }
        for text in [
            header.as_bytes(),
            b"",
            b"x",
            b"\n\n\t\t::\n",
            &[255, 0, 7, 7, 7, 7, 7, 7, 7, 7],
        ] {
            let stored = encode(text);
            assert_eq!(decode(&stored, text.len()).unwrap(), text);
        }
        assert!(encode(header.as_bytes()).len() * 12 < header.len());
    }

    #[test]
    fn any_stored_bytes_decode_to_the_length_or_an_error() {
        let mut state = 1u32;
        for length in 0..200 {
            let stored: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            if let Ok(text) = decode(&stored, 300) {
                assert_eq!(text.len(), 300);
            }
        }
    }
}
