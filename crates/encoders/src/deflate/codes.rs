//! Canonical codes of code lengths, ready to be written: with extra bits for every match length.

/// Base distance symbols: two at first, then two more for each extra bit.
const DISTANCE_SYMBOLS: usize = 30;

/// Symbol of the end of a block.
pub(crate) const END: usize = 256;

/// Codes of a block, bits reversed for writing.
pub(crate) struct Codes {
    /// Of literals and the end.
    literals: [(u16, u8); 257],
    /// Of match lengths 3 to 258, extra bits included.
    lengths: [(u32, u8); 256],
    distances: [(u16, u8); DISTANCE_SYMBOLS],
}

impl Codes {
    /// Codes of these code lengths; symbols beyond the slices have none.
    pub(crate) fn new(literals: &[u8], distances: &[u8]) -> Self {
        let all = canonical(literals);
        let code = |symbol: usize| all.get(symbol).copied().unwrap_or_default();
        let mut lengths = [(0, 0); 256];
        for (place, entry) in lengths.iter_mut().enumerate() {
            let (symbol, extra, extra_bits) = length_symbol(place + 3);
            let (bits, length) = code(symbol);
            *entry = (u32::from(bits) | extra << length, length + extra_bits);
        }
        let distance_codes = canonical(distances);
        Self {
            literals: std::array::from_fn(code),
            lengths,
            distances: std::array::from_fn(|symbol| {
                distance_codes.get(symbol).copied().unwrap_or_default()
            }),
        }
    }

    /// Bits of a literal, and how many.
    #[inline]
    pub(crate) fn literal(&self, byte: u8) -> (u64, u32) {
        let (code, length) = self.literals[usize::from(byte)];
        (u64::from(code), u32::from(length))
    }

    /// Bits of the end of the block, and how many.
    pub(crate) fn end(&self) -> (u64, u32) {
        let (code, length) = self.literals[END];
        (u64::from(code), u32::from(length))
    }

    /// Bits of a match of a length from 3 to 258 and a distance less one, and how many.
    #[inline]
    pub(crate) fn pair(&self, length: usize, distance: u16) -> (u64, u32) {
        let (code, bits) = self.lengths[length.wrapping_sub(3) & 255];
        let (symbol, extra, extra_bits) = distance_symbol(distance);
        let (code2, bits2) = self.distances[symbol.min(DISTANCE_SYMBOLS - 1)];
        let (bits, bits2) = (u32::from(bits), u32::from(bits2));
        let tail = u64::from(code2) | u64::from(extra) << bits2;
        (u64::from(code) | tail << bits, bits + bits2 + extra_bits)
    }
}

/// Symbol, extra bits and their number of a match length from 3 to 258.
pub(crate) fn length_symbol(length: usize) -> (usize, u32, u8) {
    match length {
        258 => (285, 0, 0),
        3..=10 => (length + 254, 0, 0),
        _ => {
            let value = length as u32 - 3;
            let extra_bits = value.ilog2() - 2;
            let symbol = 257 + 4 * extra_bits + (value >> extra_bits);
            let extra = value & ((1 << extra_bits) - 1);
            (symbol as usize, extra, extra_bits as u8)
        }
    }
}

/// Symbol, extra bits and their number of a distance less one.
#[inline]
pub(crate) fn distance_symbol(distance: u16) -> (usize, u32, u32) {
    let distance = u32::from(distance);
    if distance < 2 {
        return (distance as usize, 0, 0);
    }
    let extra_bits = distance.ilog2() - 1;
    let symbol = (distance >> extra_bits) + 2 * extra_bits;
    let extra = distance & ((1 << extra_bits) - 1);
    (symbol as usize, extra, extra_bits)
}

/// The canonical codes of code lengths up to 15, bits reversed, each with its length.
pub(crate) fn canonical(lengths: &[u8]) -> Vec<(u16, u8)> {
    let mut next = [0u32; 17];
    for &length in lengths.iter().filter(|&&length| length > 0) {
        next[usize::from(length.min(15)) + 1] += 1;
    }
    for length in 1..17 {
        next[length] = (next[length] + next[length - 1]) << 1;
    }
    let code = |&length: &u8| {
        if length == 0 {
            return (0, 0);
        }
        let code = &mut next[usize::from(length.min(15))];
        let reversed = (*code as u16).reverse_bits() >> (16 - length.min(15));
        *code += 1;
        (reversed, length)
    };
    lengths.iter().map(code).collect()
}
