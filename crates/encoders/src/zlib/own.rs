//! zlib's levels 4 to 9 by the code here.

use super::block::{self, Symbol, Tally};
use super::lazy::{Lazy, Taker};
use super::trees::TreeBuilder;
use crate::isal::bits::{Bits, SLOP};

/// zlib at one level, for contents of one BGZF block. Keeps its memory, some 500 KiB.
pub(super) struct Own {
    lazy: Lazy,
    trees: TreeBuilder,
    symbols: Vec<Symbol>,
    /// The bytes of a trial.
    trial: Vec<u8>,
}

impl Own {
    /// zlib at this level and memory level, if they are followed here.
    pub(super) fn new(level: u8, memory: u8) -> Option<Own> {
        Some(Own {
            lazy: Lazy::new(level, memory)?,
            trees: TreeBuilder::new(),
            symbols: Vec::new(),
            trial: Vec::new(),
        })
    }

    /// Fills `out` with the DEFLATE bytes of `content`, of at most [`super::search::MAX_CONTENT`]
    /// bytes.
    pub(super) fn deflate(&mut self, content: &[u8], out: &mut Vec<u8>) -> bool {
        self.write(content, out, None)
    }

    /// Whether `content` gives exactly `deflate`.
    pub(super) fn makes(&mut self, content: &[u8], deflate: &[u8]) -> bool {
        let mut trial = std::mem::take(&mut self.trial);
        let same = self.write(content, &mut trial, Some(deflate)) && trial == deflate;
        self.trial = trial;
        same
    }

    /// Fills `out` with the DEFLATE bytes of `content`; false as soon as a block's are not the
    /// expected ones.
    fn write(&mut self, content: &[u8], out: &mut Vec<u8>, expected: Option<&[u8]>) -> bool {
        // A literal takes at most nine bits, a match fewer than its bytes, a block few of its own.
        let room = content.len() + content.len() / 4 + 512;
        out.resize(room + SLOP, 0);
        self.symbols.clear();
        let mut writer = Writer {
            symbols: &mut self.symbols,
            trees: &mut self.trees,
            bits: Bits::new(out, room),
            expected,
        };
        let length = match self.lazy.run(content, &mut writer) {
            true => writer.bits.finish(),
            false => None,
        };
        out.truncate(length.unwrap_or(0));
        length.is_some()
    }
}

/// Writes what zlib chooses.
struct Writer<'a> {
    symbols: &'a mut Vec<Symbol>,
    trees: &'a mut TreeBuilder,
    bits: Bits<'a>,
    /// The bytes that are to come out, if they are known.
    expected: Option<&'a [u8]>,
}

impl Taker for Writer<'_> {
    #[inline]
    fn take(&mut self, symbol: Symbol) {
        self.symbols.push(symbol);
    }

    #[inline]
    fn count(&self) -> usize {
        self.symbols.len()
    }

    fn end_block(&mut self, content: &[u8], may_store: bool, last: bool) -> bool {
        let stored = may_store.then_some(content.len());
        let form = Tally::of(self.symbols).form(self.trees, stored);
        block::write(&form, self.symbols, content, last, &mut self.bits);
        self.symbols.clear();
        self.expected
            .is_none_or(|expected| expected.starts_with(self.bits.whole_bytes()))
    }
}
