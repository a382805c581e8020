//! zlib's blocks: which form it takes for a run of symbols, and the header of its codes.

use super::trees::TreeBuilder;
use crate::deflate::codes::{Codes, END, canonical, distance_symbol, length_symbol};
use crate::deflate::header::{Header, Item, LEAST, ORDER};
use crate::deflate::stream::{distance_base, length_base};
use crate::isal::bits::Bits;

/// Literals, the end and the lengths.
const LITERAL_SYMBOLS: usize = 286;
const DISTANCE_SYMBOLS: usize = 30;
/// Longest code of a header's lengths, and longest of the others.
const LONGEST: (usize, usize) = (7, 15);
/// Bits of a block's kind and of whether it is the last.
const HEAD_BITS: usize = 3;
/// Longest stored block.
pub(super) const MAX_STORED: usize = 65_535;

/// A literal (distance 0, the byte as its length) or a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Symbol(u32);

impl Symbol {
    #[inline]
    pub(super) fn literal(byte: u8) -> Symbol {
        Symbol(u32::from(byte))
    }

    #[inline]
    pub(super) fn matched(length: usize, distance: usize) -> Symbol {
        Symbol((distance as u32) << 16 | length as u32)
    }

    #[inline]
    fn distance(self) -> usize {
        (self.0 >> 16) as usize
    }

    #[inline]
    fn length(self) -> usize {
        (self.0 & 0xFFFF) as usize
    }
}

/// The form of a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form {
    Stored,
    Fixed,
    Dynamic(Header),
}

/// How often each symbol stands in a block.
pub(super) struct Tally {
    literals: [u32; LITERAL_SYMBOLS],
    distances: [u32; DISTANCE_SYMBOLS],
}

impl Tally {
    pub(super) fn of(symbols: &[Symbol]) -> Tally {
        let mut tally = Tally {
            literals: [0; LITERAL_SYMBOLS],
            distances: [0; DISTANCE_SYMBOLS],
        };
        tally.literals[END] = 1;
        for symbol in symbols {
            if symbol.distance() == 0 {
                tally.literals[symbol.length() & 0xFF] += 1;
            } else {
                tally.literals[length_symbol(symbol.length()).0] += 1;
                tally.distances[distance_symbol(symbol.distance() as u16 - 1).0] += 1;
            }
        }
        tally
    }

    /// Bits of the block's symbols with codes of these lengths, extra bits included.
    fn cost(&self, literal: impl Fn(usize) -> u8, distance: impl Fn(usize) -> u8) -> usize {
        let base = |base: Option<(u16, u32)>| base.map_or(0, |(_, extra)| extra);
        let literals = self
            .literals
            .iter()
            .enumerate()
            .map(|(symbol, &count)| (count, literal(symbol), base(length_base(symbol as u16))));
        let distances =
            self.distances.iter().enumerate().map(|(symbol, &count)| {
                (count, distance(symbol), base(distance_base(symbol as u16)))
            });
        literals
            .chain(distances)
            .map(|(count, length, extra)| count as usize * (usize::from(length) + extra as usize))
            .sum()
    }

    /// The form that zlib gives the block. `stored` is its length in content bytes, if zlib may
    /// store it.
    pub(super) fn form(&self, trees: &mut TreeBuilder, stored: Option<usize>) -> Form {
        let (header, header_bits) = self.header(trees);
        let length = |lengths: &[u8], symbol: usize| lengths.get(symbol).copied().unwrap_or(0);
        let dynamic = header_bits
            + self.cost(
                |symbol| length(&header.literals, symbol),
                |symbol| length(&header.distances, symbol),
            );
        let fixed = self.cost(fixed_length, |_| 5);
        let bytes = |bits: usize| (bits + HEAD_BITS).div_ceil(8);
        // A stored block takes four bytes for its length.
        if stored.is_some_and(|stored| stored + 4 <= bytes(dynamic).min(bytes(fixed))) {
            Form::Stored
        } else if bytes(fixed) <= bytes(dynamic) {
            Form::Fixed
        } else {
            Form::Dynamic(header)
        }
    }

    /// The header of the block's own codes, and its bits.
    fn header(&self, trees: &mut TreeBuilder) -> (Header, usize) {
        let literals = trees.lengths(&self.literals, LONGEST.1);
        let distances = trees.lengths(&self.distances, LONGEST.1);
        let mut items = Vec::new();
        list(&literals, &mut items);
        list(&distances, &mut items);
        let mut frequencies = [0; 19];
        for item in &items {
            frequencies[usize::from(item.symbol)] += 1;
        }
        let mut precode = [0; 19];
        let lengths = trees.lengths(&frequencies, LONGEST.0);
        precode[..lengths.len()].copy_from_slice(&lengths);
        let used = ORDER.iter().rposition(|&symbol| precode[symbol] > 0);
        let listed = used.map_or(0, |last| last + 1).max(4);
        let item_bits: usize = items
            .iter()
            .map(|item| {
                usize::from(precode[usize::from(item.symbol)]) + Item::extra(item.symbol).0 as usize
            })
            .sum();
        let header = Header {
            literals,
            distances,
            precode,
            listed,
            items,
        };
        (header, 5 + 5 + 4 + 3 * listed + item_bits)
    }
}

/// Length of a symbol's fixed code.
fn fixed_length(symbol: usize) -> u8 {
    match symbol {
        144..256 => 9,
        256..280 => 7,
        _ => 8,
    }
}

/// Appends the steps by which zlib lists lengths: runs of a length before, and runs of zeros.
fn list(lengths: &[u8], items: &mut Vec<Item>) {
    let mut rest = lengths;
    let mut before = None;
    while let [length, ..] = *rest {
        let run = rest.iter().take_while(|&&other| other == length).count();
        let (single, repeat, taken) = match (length, before == Some(length)) {
            (0, _) => match run {
                ..3 => (run, None, run),
                3..=10 => (0, Some(17), run),
                _ => (0, Some(18), run.min(138)),
            },
            (_, true) if run < 3 => (run, None, run),
            (_, true) => (0, Some(16), run.min(6)),
            (_, false) if run < 4 => (run, None, run),
            (_, false) => (1, Some(16), run.min(7)),
        };
        items.extend(std::iter::repeat_n(
            Item {
                symbol: length,
                count: 1,
            },
            single,
        ));
        items.extend(repeat.map(|symbol| Item {
            symbol,
            count: (taken - single) as u8,
        }));
        before = Some(length);
        rest = &rest[taken..];
    }
}

/// Writes a block: its symbols, or its content if it is stored.
pub(super) fn write(
    form: &Form,
    symbols: &[Symbol],
    content: &[u8],
    last: bool,
    bits: &mut Bits<'_>,
) {
    bits.put(u64::from(last), 1);
    let codes = match form {
        Form::Stored => {
            bits.put(0, 2);
            bits.align();
            let length = content.len() as u16;
            bits.put(u64::from(length), 16);
            bits.put(u64::from(!length), 16);
            bits.put_bytes(content);
            return;
        }
        Form::Fixed => {
            bits.put(1, 2);
            let literals: [u8; 288] = std::array::from_fn(fixed_length);
            Codes::new(&literals, &[5; DISTANCE_SYMBOLS])
        }
        Form::Dynamic(header) => {
            bits.put(2, 2);
            write_header(header, bits);
            Codes::new(&header.literals, &header.distances)
        }
    };
    for symbol in symbols {
        let (code, length) = match symbol.distance() {
            0 => codes.literal(symbol.length() as u8),
            distance => codes.pair(symbol.length(), distance as u16 - 1),
        };
        bits.put(code, length);
    }
    let (code, length) = codes.end();
    bits.put(code, length);
}

fn write_header(header: &Header, bits: &mut Bits<'_>) {
    bits.put((header.literals.len() - LEAST.0) as u64, 5);
    bits.put((header.distances.len() - LEAST.1) as u64, 5);
    bits.put((header.listed - 4) as u64, 4);
    for &symbol in &ORDER[..header.listed] {
        bits.put(u64::from(header.precode[symbol]), 3);
    }
    let codes = canonical(&header.precode);
    for item in &header.items {
        let (code, length) = codes[usize::from(item.symbol)];
        let (extra, least) = Item::extra(item.symbol);
        bits.put(u64::from(code), u32::from(length));
        bits.put(u64::from(u32::from(item.count) - least), extra);
    }
}
