//! Codes the headers of dynamic blocks, given what the block holds: an encoder builds its codes
//! from the frequencies of the symbols, so nearly all of a header can be foretold.

use super::coder::{Coder, Context};
use crate::deflate::code::likely_lengths;
use crate::deflate::header::{Header, Item, LEAST, MOST, ORDER};
use crate::deflate::stream::{END, Token, distance_symbol, length_symbol};

/// Longest code of the two codes, and of the code-length code.
const LONGEST: (u8, u8) = (15, 7);

/// Contexts of a list of code lengths.
struct Lengths {
    /// By: whether the symbol should have a code, and how the last one differed.
    foretold: [[Context; 3]; 2],
    longer: Context,
    by_more: [Context; 16],
    unforeseen: [Context; 16],
    /// How the last length differed: not, longer, shorter.
    last: usize,
}

impl Lengths {
    fn new() -> Lengths {
        Lengths {
            foretold: [[Context::NEW; 3]; 2],
            longer: Context::NEW,
            by_more: [Context::NEW; 16],
            unforeseen: [Context::NEW; 16],
            last: 0,
        }
    }

    /// Codes one length that should be `likely`.
    fn code<C: Coder>(&mut self, coder: &mut C, likely: u8, actual: u8, longest: u8) -> Option<u8> {
        let context = &mut self.foretold[usize::from(likely > 0)][self.last];
        if coder.bit(context, actual == likely) {
            self.last = 0;
            return Some(likely);
        }
        if likely == 0 {
            let length = coder.tree(&mut self.unforeseen, 4, u32::from(actual)) as u8;
            return (length <= longest).then_some(length);
        }
        let longer = coder.bit(&mut self.longer, actual > likely);
        self.last = if longer { 1 } else { 2 };
        let mut by = 1;
        for context in &mut self.by_more {
            if !coder.bit(context, actual.abs_diff(likely) > by) {
                break;
            }
            by += 1;
        }
        let length = if longer {
            likely.checked_add(by)?
        } else {
            likely.checked_sub(by)?
        };
        (length <= longest).then_some(length)
    }
}

/// Contexts of all parts of a header.
pub(super) struct Headers {
    as_before: [Context; 2],
    counts: [Context; 3],
    literals: Lengths,
    distances: Lengths,
    precode: Lengths,
    item: [Context; 4],
    item_kind: [Context; 4],
    item_count: [Context; 4],
}

impl Headers {
    pub(super) fn new() -> Headers {
        Headers {
            as_before: [Context::NEW; 2],
            counts: [Context::NEW; 3],
            literals: Lengths::new(),
            distances: Lengths::new(),
            precode: Lengths::new(),
            item: [Context::NEW; 4],
            item_kind: [Context::NEW; 4],
            item_count: [Context::NEW; 4],
        }
    }

    /// Codes a header. `similar` are headers that it may repeat: of the reference's block here,
    /// and of the block before.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        actual: &Header,
        similar: [Option<&Header>; 2],
        tokens: &[Token],
        content: &[u8],
    ) -> Option<Header> {
        for (context, header) in self.as_before.iter_mut().zip(similar) {
            if let Some(header) = header
                && coder.bit(context, header == actual)
            {
                return Some(header.clone());
            }
        }
        let (literal_use, distance_use) = frequencies(tokens, content)?;
        let mut header = Header::default();
        let likely = used(&literal_use).max(LEAST.0);
        let count = self.count(coder, 0, likely, actual.literals.len(), LEAST.0, 5)?;
        for (symbol, likely) in likely_list(&literal_use, count).into_iter().enumerate() {
            let length = actual.literals.get(symbol).copied().unwrap_or(0);
            let length = self.literals.code(coder, likely, length, LONGEST.0)?;
            header.literals.push(length);
        }
        let likely = used(&distance_use).max(LEAST.1);
        let count = self.count(coder, 1, likely, actual.distances.len(), LEAST.1, 5)?;
        for (symbol, likely) in likely_list(&distance_use, count).into_iter().enumerate() {
            let length = actual.distances.get(symbol).copied().unwrap_or(0);
            let length = self.distances.code(coder, likely, length, LONGEST.0)?;
            header.distances.push(length);
        }
        self.code_items(coder, actual, &mut header)?;
        self.code_precode(coder, actual, &mut header)?;
        Some(header)
    }

    /// Codes how many lengths are written.
    fn count<C: Coder>(
        &mut self,
        coder: &mut C,
        which: usize,
        likely: usize,
        actual: usize,
        least: usize,
        bits: u32,
    ) -> Option<usize> {
        if coder.bit(self.counts.get_mut(which)?, actual == likely) {
            return Some(likely);
        }
        let above = actual.saturating_sub(least) as u32;
        Some(least + coder.plain(bits, above) as usize)
    }

    /// Codes how the lengths are written.
    fn code_items<C: Coder>(
        &mut self,
        coder: &mut C,
        actual: &Header,
        header: &mut Header,
    ) -> Option<()> {
        let lengths = [&header.literals[..], &header.distances].concat();
        debug_assert!(lengths.len() <= MOST);
        let mut place = 0;
        while let Some(&length) = lengths.get(place) {
            let given = actual.items.get(header.items.len());
            let run = lengths[place..]
                .iter()
                .take_while(|&&l| l == length)
                .count();
            let repeats = place > 0 && lengths[place - 1] == length;
            let likely = match run {
                11.. if length == 0 => 3,
                3.. if length == 0 => 2,
                3.. if repeats => 1,
                _ => 0,
            };
            let kind = given.map_or(0, |item| u32::from(item.symbol).saturating_sub(15));
            let kind = if coder.bit(&mut self.item[likely as usize], kind == likely) {
                likely
            } else {
                coder.tree(&mut self.item_kind, 2, kind)
            };
            let item = if kind == 0 {
                Item {
                    symbol: length,
                    count: 1,
                }
            } else {
                let symbol = kind as u8 + 15;
                let (extra, least) = Item::extra(symbol);
                let most = least + (1 << extra) - 1;
                let likely = (run as u32).clamp(least, most);
                let count = given.map_or(0, |item| u32::from(item.count));
                let context = &mut self.item_count[kind as usize];
                let count = if coder.bit(context, count == likely) {
                    likely
                } else {
                    coder.plain(8, count)
                };
                if count < least || count > most {
                    return None;
                }
                Item {
                    symbol,
                    count: count as u8,
                }
            };
            place += usize::from(item.count);
            header.items.push(item);
        }
        (place == lengths.len()).then_some(())
    }

    /// Codes the code in which the lengths are written.
    fn code_precode<C: Coder>(
        &mut self,
        coder: &mut C,
        actual: &Header,
        header: &mut Header,
    ) -> Option<()> {
        let mut use_of = [0u32; 19];
        for item in &header.items {
            *use_of.get_mut(usize::from(item.symbol))? += 1;
        }
        let likely = likely_lengths(&use_of, LONGEST.1);
        for (symbol, likely) in likely.into_iter().enumerate() {
            let length = self
                .precode
                .code(coder, likely, actual.precode[symbol], LONGEST.1)?;
            header.precode[symbol] = length;
        }
        let last = ORDER.iter().rposition(|&s| header.precode[s] > 0)?;
        header.listed = self.count(coder, 2, (last + 1).max(4), actual.listed, 4, 4)?;
        Some(())
    }
}

/// Symbols up to the last that is used.
fn used(frequencies: &[u32]) -> usize {
    frequencies
        .iter()
        .rposition(|&f| f > 0)
        .map_or(0, |p| p + 1)
}

/// The likely lengths of the first `count` symbols.
fn likely_list(frequencies: &[u32], count: usize) -> Vec<u8> {
    let mut likely = likely_lengths(frequencies, LONGEST.0);
    likely.resize(count, 0);
    likely
}

/// How often a block with these tokens uses each literal or length, and each distance.
fn frequencies(tokens: &[Token], content: &[u8]) -> Option<([u32; 288], [u32; 32])> {
    let (mut literals, mut distances) = ([0u32; 288], [0u32; 32]);
    literals[usize::from(END)] = 1;
    let mut rest = content;
    for token in tokens {
        if token.distance == 0 {
            literals[usize::from(*rest.first()?)] += 1;
        } else {
            literals[usize::from(length_symbol(token.length)?)] += 1;
            distances[usize::from(distance_symbol(token.distance)?)] += 1;
        }
        rest = rest.get(usize::from(token.length)..)?;
    }
    Some((literals, distances))
}
