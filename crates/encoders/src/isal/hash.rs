//! The hash of four bytes: CRC-32C from zero without final inversion, as the CRC instruction
//! gives it. It is linear, so four table look-ups make it on any CPU.

/// Entries of the hash table of levels 0 and 1.
pub(super) const SMALL_TABLE: usize = 8 * 1024;

/// Entries of the hash table of level 2.
pub(super) const LARGE_TABLE: usize = 32 * 1024;

/// CRC-32C polynomial, bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// Low 16 bits of the hash of each byte at each of the four places; masks keep fewer.
static TABLES: [[u16; 256]; 4] = [table(0), table(1), table(2), table(3)];

const fn table(place: u32) -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u32) << (8 * place);
        let mut bit = 0;
        while bit < 32 {
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
            bit += 1;
        }
        table[byte] = crc as u16;
        byte += 1;
    }
    table
}

/// Low 16 bits of the hash of the low four bytes of `word`.
#[inline]
pub(super) fn of(word: u64) -> u16 {
    let [a, b, c, d, ..] = word.to_le_bytes();
    TABLES[0][usize::from(a)]
        ^ TABLES[1][usize::from(b)]
        ^ TABLES[2][usize::from(c)]
        ^ TABLES[3][usize::from(d)]
}

/// The part of a hash that chooses among `entries` (a power of two) for this much content:
/// in ISA-L 2.30 short content uses only the start of the table.
pub(super) fn mask(entries: usize, content: usize) -> u16 {
    let full = entries - 1;
    let used = if full > 2 * content {
        (1 << (usize::BITS - content.leading_zeros())) - 1
    } else {
        full
    };
    used as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_low_half_of_crc_32c_without_inversions() {
        assert_eq!(of(0), 0);
        assert_eq!(of(0x8000_0000), POLYNOMIAL as u16);
        assert_eq!(of(0xffff_ffff_8000_0000), POLYNOMIAL as u16);
    }

    #[test]
    fn short_content_uses_less_of_the_table() {
        assert_eq!(mask(SMALL_TABLE, 0), 0);
        assert_eq!(mask(SMALL_TABLE, 100), 127);
        assert_eq!(mask(SMALL_TABLE, 4095), 4095);
        assert_eq!(mask(SMALL_TABLE, 4096), 8191);
        assert_eq!(mask(LARGE_TABLE, 16_384), 32_767);
    }
}
