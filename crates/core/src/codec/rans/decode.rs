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
    #[inline(always)]
    fn refill(&mut self, state: u32) -> u32 {
        let needed = state < LOWEST_STATE;
        let word = self
            .pairs
            .get(self.next)
            .map_or(0, |pair| u32::from(u16::from_le_bytes(*pair)));
        self.next += usize::from(needed);
        if needed { state << 16 | word } else { state }
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
    match (slots.bits, tables.context) {
        (10, Context::None) => plain::<LANES, 10>(states_of(&mut states), slots, &mut words, out),
        (11, Context::None) => plain::<LANES, 11>(states_of(&mut states), slots, &mut words, out),
        (_, Context::None) => plain::<LANES, 12>(states_of(&mut states), slots, &mut words, out),
        (10, Context::Byte) => {
            after_byte::<LANES, 10>(states_of(&mut states), slots, &mut words, out)
        }
        (11, Context::Byte) => {
            after_byte::<LANES, 11>(states_of(&mut states), slots, &mut words, out)
        }
        (_, Context::Byte) => {
            after_byte::<LANES, 12>(states_of(&mut states), slots, &mut words, out)
        }
        (10, Context::History(_)) => {
            history::<LANES, 10>(states_of(&mut states), tables, slots, &mut words, out)
        }
        (11, Context::History(_)) => {
            history::<LANES, 11>(states_of(&mut states), tables, slots, &mut words, out)
        }
        (_, Context::History(_)) => {
            history::<LANES, 12>(states_of(&mut states), tables, slots, &mut words, out)
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

/// Only there to keep the dispatch lines above on one line each.
fn states_of<const LANES: usize>(states: &mut [u32; LANES]) -> &mut [u32; LANES] {
    states
}

/// One symbol: its entry's low byte, with `state` moved on.
#[inline(always)]
fn step<const BITS: u32>(state: &mut u32, start: u32, slots: &Slots, words: &mut Words) -> u8 {
    let slot = *state & ((1 << BITS) - 1);
    // The bound holds for every map entry; `get` is a predictable comparison.
    let entry = slots
        .entries
        .get((start + slot) as usize)
        .copied()
        .unwrap_or(0);
    let frequency = (entry >> 8 & 0xfff) + 1;
    let moved = frequency
        .wrapping_mul(*state >> BITS)
        .wrapping_add(entry >> 20);
    *state = words.refill(moved);
    entry as u8
}

/// The output cut into lanes: equal parts, and the remainder that the last lane goes on with.
fn lanes_of<const LANES: usize>(out: &mut [u8]) -> ([&mut [u8]; LANES], &mut [u8]) {
    let length = out.len();
    let (whole, remainder) = out.split_at_mut(lane_start(LANES, LANES, length));
    let mut parts = whole.chunks_exact_mut((length / LANES).max(1));
    (
        std::array::from_fn(|_| parts.next().unwrap_or_default()),
        remainder,
    )
}

fn plain<const LANES: usize, const BITS: u32>(
    states: &mut [u32; LANES],
    slots: &Slots,
    words: &mut Words,
    out: &mut [u8],
) {
    let each = out.len() / LANES;
    let (mut lanes, remainder) = lanes_of::<LANES>(out);
    for index in 0..each {
        for (lane, state) in lanes.iter_mut().zip(states.iter_mut()) {
            lane[index] = step::<BITS>(state, 0, slots, words);
        }
    }
    for byte in remainder {
        *byte = step::<BITS>(&mut states[LANES - 1], 0, slots, words);
    }
}

fn after_byte<const LANES: usize, const BITS: u32>(
    states: &mut [u32; LANES],
    slots: &Slots,
    words: &mut Words,
    out: &mut [u8],
) {
    let each = out.len() / LANES;
    let (mut lanes, remainder) = lanes_of::<LANES>(out);
    let mut before = [0u8; LANES];
    for index in 0..each {
        for ((lane, state), before) in lanes.iter_mut().zip(states.iter_mut()).zip(&mut before) {
            *before = step::<BITS>(state, slots.starts[usize::from(*before)], slots, words);
            lane[index] = *before;
        }
    }
    let mut before = before[LANES - 1];
    for byte in remainder {
        before = step::<BITS>(
            &mut states[LANES - 1],
            slots.starts[usize::from(before)],
            slots,
            words,
        );
        *byte = before;
    }
}

fn history<const LANES: usize, const BITS: u32>(
    states: &mut [u32; LANES],
    tables: &Tables,
    slots: &Slots,
    words: &mut Words,
    out: &mut [u8],
) {
    let Context::History(context_bits) = tables.context else {
        return;
    };
    let symbol_bits = bits_for(tables.symbols.len());
    let shift = context_bits.saturating_sub(symbol_bits);
    let mut bytes = [0u8; 256];
    bytes[..tables.symbols.len()].copy_from_slice(&tables.symbols);
    const MASK: usize = (1 << MAX_CONTEXT_BITS) - 1;
    let each = out.len() / LANES;
    let (mut lanes, remainder) = lanes_of::<LANES>(out);
    let mut histories = [0usize; LANES];
    for index in 0..each {
        for ((lane, state), history) in lanes.iter_mut().zip(states.iter_mut()).zip(&mut histories)
        {
            let rank = step::<BITS>(state, slots.starts[*history & MASK], slots, words);
            *history = usize::from(rank) << shift | *history >> symbol_bits;
            lane[index] = bytes[usize::from(rank)];
        }
    }
    let mut history = histories[LANES - 1];
    for byte in remainder {
        let rank = step::<BITS>(
            &mut states[LANES - 1],
            slots.starts[history & MASK],
            slots,
            words,
        );
        history = usize::from(rank) << shift | history >> symbol_bits;
        *byte = bytes[usize::from(rank)];
    }
}
