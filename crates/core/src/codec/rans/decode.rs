//! Decoding rANS words. This is the innermost loop of nearly every stream: one table look-up, one multiplication
//! and at most one 16-bit refill per byte.

use super::frequencies::frequencies;
use super::tables::Tables;
use super::{
    Context, LOWEST_STATE, MANY_LANES, MAX_CONTEXT_BITS, MAX_SLOTS, TABLE_BITS, bits_for,
    lane_start,
};
use crate::Result;
use crate::codec::wire::{Reader, damaged};

/// Decodes `stored` to exactly `length` bytes, at least one.
pub(crate) fn decode(stored: &[u8], length: usize) -> Result<Vec<u8>> {
    let mut reader = Reader::new(stored);
    let form = reader.byte()?;
    let table_bits = TABLE_BITS.start() + u32::from(form >> 1 & 3);
    let context = match form >> 3 {
        0 => Context::None,
        1 => Context::Byte,
        bits @ 2..=13 => Context::History(u32::from(bits) - 1),
        _ => return Err(damaged("an unknown context")),
    };
    if !TABLE_BITS.contains(&table_bits) {
        return Err(damaged("an unknown table size"));
    }
    let clusters = if context == Context::None {
        1
    } else {
        usize::from(reader.byte()?) + 1
    };
    if clusters << table_bits > MAX_SLOTS {
        return Err(damaged("more tables than a stream may have"));
    }
    let table_length = reader.length(stored.len())?;
    let tables = Tables::read(reader.take(table_length)?, context, clusters)?;
    let slots = Slots::new(&tables, table_bits)?;
    let mut out = vec![0; length];
    if form & 1 == 0 {
        run::<1>(&mut reader, &tables, &slots, &mut out)?;
    } else {
        run::<MANY_LANES>(&mut reader, &tables, &slots, &mut out)?;
    }
    Ok(out)
}

/// The expanded tables: for each cluster, one entry for each slot.
struct Slots {
    /// Rank or byte in bits 0..8, frequency minus one in 8..20, slot minus the symbol's first slot in 20..32.
    entries: Vec<u32>,
    /// Where each context's slots start.
    starts: [u32; 1 << MAX_CONTEXT_BITS],
    bits: u32,
}

impl Slots {
    fn new(tables: &Tables, bits: u32) -> Result<Self> {
        let ranks = matches!(tables.context, Context::History(_));
        let mut entries = Vec::with_capacity(tables.levels.len() << bits);
        for levels in &tables.levels {
            let all =
                frequencies(levels, bits).ok_or_else(|| damaged("a cluster without symbols"))?;
            for (rank, (&frequency, &byte)) in all.iter().zip(&tables.symbols).enumerate() {
                let symbol = if ranks { rank as u32 } else { u32::from(byte) };
                let fixed = symbol | frequency.wrapping_sub(1) << 8;
                entries.extend((0..frequency).map(|offset| fixed | offset << 20));
            }
        }
        let mut starts = [0; 1 << MAX_CONTEXT_BITS];
        for (start, &cluster) in starts.iter_mut().zip(&tables.map) {
            *start = u32::from(cluster) << bits;
        }
        Ok(Self {
            entries,
            starts,
            bits,
        })
    }
}

/// The words not yet read, as bytes in pairs.
struct Words<'a> {
    pairs: &'a [[u8; 2]],
    next: usize,
}

impl Words<'_> {
    /// The next words, as many as a round of all lanes may take. What is behind the end is 0.
    #[inline(always)]
    fn window<const LANES: usize>(&self) -> [[u8; 2]; LANES] {
        let rest = self.pairs.get(self.next..).unwrap_or_default();
        match rest.first_chunk::<LANES>() {
            Some(whole) => *whole,
            None => std::array::from_fn(|at| rest.get(at).copied().unwrap_or_default()),
        }
    }
}

/// What a symbol tells of those after it.
trait Memory: Copy {
    /// The context after `symbol`, which came in context `now`, and the byte that it stands for.
    fn after(&self, now: usize, symbol: u8) -> (usize, u8);
}

/// Nothing.
#[derive(Clone, Copy)]
struct Nothing;

impl Memory for Nothing {
    #[inline(always)]
    fn after(&self, _: usize, symbol: u8) -> (usize, u8) {
        (0, symbol)
    }
}

/// The byte before is the context.
#[derive(Clone, Copy)]
struct ByteBefore;

impl Memory for ByteBefore {
    #[inline(always)]
    fn after(&self, _: usize, symbol: u8) -> (usize, u8) {
        (symbol.into(), symbol)
    }
}

/// Ranks of several symbols before.
#[derive(Clone, Copy)]
struct Ranks<'a> {
    bytes: &'a [u8; 256],
    symbol_bits: u32,
    /// Context bits less symbol bits.
    shift: u32,
}

impl Memory for Ranks<'_> {
    #[inline(always)]
    fn after(&self, now: usize, rank: u8) -> (usize, u8) {
        let history = usize::from(rank) << (self.shift & 15) | now >> (self.symbol_bits & 15);
        (history, self.bytes[usize::from(rank)])
    }
}

fn run<const LANES: usize>(
    reader: &mut Reader,
    tables: &Tables,
    slots: &Slots,
    out: &mut [u8],
) -> Result<()> {
    let mut states = [0u32; LANES];
    for state in &mut states {
        let bytes = reader.take(4)?;
        *state = bytes
            .iter()
            .rev()
            .fold(0, |value, &byte| value << 8 | u32::from(byte));
        if *state < LOWEST_STATE {
            return Err(damaged("a state out of range"));
        }
    }
    let (pairs, odd) = reader.remainder().as_chunks::<2>();
    if !odd.is_empty() {
        return Err(damaged("half a word"));
    }
    let mut words = Words { pairs, next: 0 };
    let (all, words_left) = (&mut states, &mut words);
    match tables.context {
        Context::None => of_size(all, slots, words_left, Nothing, out),
        Context::Byte => of_size(all, slots, words_left, ByteBefore, out),
        Context::History(bits) => {
            let mut bytes = [0u8; 256];
            bytes[..tables.symbols.len()].copy_from_slice(&tables.symbols);
            let symbol_bits = bits_for(tables.symbols.len());
            let ranks = Ranks {
                bytes: &bytes,
                symbol_bits,
                shift: bits.saturating_sub(symbol_bits),
            };
            of_size(all, slots, words_left, ranks, out);
        }
    }
    let whole = words.next == pairs.len() && states.iter().all(|&state| state == LOWEST_STATE);
    if whole {
        Ok(())
    } else {
        Err(damaged(
            "an entropy-coded stream does not end where it should",
        ))
    }
}

/// [`rounds`] for the size of the tables.
fn of_size<const LANES: usize, M: Memory>(
    states: &mut [u32; LANES],
    slots: &Slots,
    words: &mut Words,
    memory: M,
    out: &mut [u8],
) {
    match slots.bits {
        10 => rounds::<LANES, 10, M>(states, slots, words, memory, out),
        11 => rounds::<LANES, 11, M>(states, slots, words, memory, out),
        _ => rounds::<LANES, 12, M>(states, slots, words, memory, out),
    }
}

/// Bytes of each lane that are decoded before they are put where they belong.
const STRETCH: usize = 64;

/// Decodes all lanes side by side: a byte of each in every round.
#[inline(never)]
fn rounds<const LANES: usize, const BITS: u32, M: Memory>(
    states: &mut [u32; LANES],
    slots: &Slots,
    words: &mut Words,
    memory: M,
    out: &mut [u8],
) {
    let each = out.len() / LANES;
    let (whole, remainder) = out.split_at_mut(lane_start(LANES, LANES, out.len()));
    let mut now = [0usize; LANES];
    let mut own = *states;
    let mut done = 0;
    while done < each {
        let stretch = STRETCH.min(each - done);
        let mut bytes = [[0u8; STRETCH]; LANES];
        for index in 0..stretch {
            let window = words.window::<LANES>();
            let mut taken = 0;
            for lane in 0..LANES {
                let entry = step::<BITS>(&mut own[lane], now[lane], slots);
                let word = window[taken.min(LANES - 1)];
                let needed = own[lane] < LOWEST_STATE;
                let refilled = own[lane] << 16 | u32::from(u16::from_le_bytes(word));
                own[lane] = if needed { refilled } else { own[lane] };
                taken += usize::from(needed);
                let (after, byte) = memory.after(now[lane], entry);
                now[lane] = after;
                bytes[lane][index] = byte;
            }
            words.next += taken;
        }
        for (lane, bytes) in bytes.iter().enumerate() {
            let start = lane * each + done;
            whole[start..start + stretch].copy_from_slice(&bytes[..stretch]);
        }
        done += stretch;
    }
    for byte in remainder {
        let last = LANES - 1;
        let symbol = step::<BITS>(&mut own[last], now[last], slots);
        if own[last] < LOWEST_STATE {
            let word = words.pairs.get(words.next).copied().unwrap_or_default();
            own[last] = own[last] << 16 | u32::from(u16::from_le_bytes(word));
            words.next += 1;
        }
        (now[last], *byte) = memory.after(now[last], symbol);
    }
    *states = own;
}

/// One symbol in context `now`: its entry's low byte, with `state` moved on, not yet refilled.
#[inline(always)]
fn step<const BITS: u32>(state: &mut u32, now: usize, slots: &Slots) -> u8 {
    let start = slots.starts[now & ((1 << MAX_CONTEXT_BITS) - 1)];
    let slot = *state & ((1 << BITS) - 1);
    // The bound holds for every map entry; `get` is a predictable comparison.
    let entry = slots.entries.get((start + slot) as usize);
    let entry = entry.copied().unwrap_or(0);
    let frequency = (entry >> 8 & 0xfff) + 1;
    *state = frequency
        .wrapping_mul(*state >> BITS)
        .wrapping_add(entry >> 20);
    entry as u8
}
