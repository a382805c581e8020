//! The fixed part of a BAM record (SAM specification, section 4.2) and what can be told from it.

/// Bytes of the fixed part, the length field included.
pub const FIXED: usize = 36;

/// The flag of a record that belongs to a pair or more.
pub const PAIRED: u16 = 0x1;

/// The flag of a record that is aligned in a proper pair.
pub const PROPER_PAIR: u16 = 0x2;

/// The flag of a record whose mate is not aligned.
pub const MATE_UNMAPPED: u16 = 0x8;

/// The flag of a template's last record.
pub const LAST: u16 = 0x80;

/// The flag of a record that failed quality control.
pub const QC_FAIL: u16 = 0x200;

/// The flag of a record that is a duplicate.
pub const DUPLICATE: u16 = 0x400;

/// The flag of a template's first record.
pub const FIRST: u16 = 0x40;

/// The flag of a record that is not its read's main alignment.
pub const SECONDARY: u16 = 0x100;

/// The flag of a record that holds a part of its read's main alignment.
pub const SUPPLEMENTARY: u16 = 0x800;

/// The flag of a record that is not aligned.
pub const UNMAPPED: u16 = 0x4;

/// The CIGAR operations that stand for one that is in the tag CG: all bases clipped, then a skip over the reference.
pub const SOFT_CLIP: u32 = 4;
pub const SKIP: u32 = 3;

/// Little-endian number at `at`.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u16::from_le_bytes(*bytes))
}

/// A record's fixed fields. Positions are 0-based; -1 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Bytes after the length field.
    pub size: u32,
    pub reference: i32,
    pub position: i32,
    /// Bytes of the name, its NUL included.
    pub name_length: u8,
    pub mapq: u8,
    pub bin: u16,
    pub cigar_count: u16,
    pub flags: u16,
    /// Bases.
    pub length: u32,
    pub mate_reference: i32,
    pub mate_position: i32,
    pub template_length: i32,
}

impl Fixed {
    /// The fields of the record that starts `bytes`.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let signed = |at| u32_at(bytes, at).map(|value| value as i32);
        Some(Self {
            size: u32_at(bytes, 0)?,
            reference: signed(4)?,
            position: signed(8)?,
            name_length: *bytes.get(12)?,
            mapq: *bytes.get(13)?,
            bin: u16_at(bytes, 14)?,
            cigar_count: u16_at(bytes, 16)?,
            flags: u16_at(bytes, 18)?,
            length: u32_at(bytes, 20)?,
            mate_reference: signed(24)?,
            mate_position: signed(28)?,
            template_length: signed(32)?,
        })
    }

    /// Writes the fields over `bytes`, which must be [`FIXED`] long.
    pub fn write_at(&self, bytes: &mut [u8]) {
        bytes[0..4].copy_from_slice(&self.size.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.reference.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.position.to_le_bytes());
        bytes[12] = self.name_length;
        bytes[13] = self.mapq;
        bytes[14..16].copy_from_slice(&self.bin.to_le_bytes());
        bytes[16..18].copy_from_slice(&self.cigar_count.to_le_bytes());
        bytes[18..20].copy_from_slice(&self.flags.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.length.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.mate_reference.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.mate_position.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.template_length.to_le_bytes());
    }

    /// Bytes from the record's start to its tags; none if they do not fit into `size`.
    pub fn tags_at(&self) -> Option<usize> {
        let length = u64::from(self.length);
        let end = FIXED as u64
            + u64::from(self.name_length)
            + u64::from(self.cigar_count) * 4
            + length.div_ceil(2)
            + length;
        (end <= u64::from(self.size) + 4).then_some(end as usize)
    }
}

/// CIGAR operations of the record `bytes`, whose fixed fields are given, as far as it has them.
pub fn cigar<'a>(fixed: &Fixed, bytes: &'a [u8]) -> impl Iterator<Item = u32> + Clone + 'a {
    let start = FIXED + usize::from(fixed.name_length);
    let operations = bytes.get(start..).unwrap_or_default().as_chunks::<4>().0;
    let operations = operations.iter().take(fixed.cigar_count.into());
    operations.map(|bytes| u32::from_le_bytes(*bytes))
}

/// Whether the variable parts fit into the record's length.
pub fn is_consistent(fixed: &[u8]) -> bool {
    Fixed::read(fixed).is_some_and(|record| record.tags_at().is_some())
}

/// Whether these bytes look like the start of a record, for searching: stricter than the format demands.
/// `references` is the number of reference sequences, if known.
pub fn is_plausible(fixed: &[u8], references: Option<usize>) -> bool {
    let Some(record) = Fixed::read(fixed) else {
        return false;
    };
    let on_reference = |reference: i32| match references {
        _ if reference < -1 => false,
        Some(count) => i64::from(reference) < count as i64,
        None => true,
    };
    record.tags_at().is_some()
        && record.name_length > 1
        && record.position >= -1
        && record.mate_position >= -1
        && on_reference(record.reference)
        && on_reference(record.mate_reference)
}

/// Whether the name of the record that starts `bytes` is printable and ends in its only NUL.
pub fn name_is_plausible(bytes: &[u8]) -> bool {
    let length = usize::from(bytes[12]);
    match bytes
        .get(FIXED..FIXED + length)
        .and_then(|name| name.split_last())
    {
        Some((0, name)) => name.iter().all(u8::is_ascii_graphic),
        _ => false,
    }
}

/// The bin of an interval (0-based, half-open; SAM specification, section 5.3), as htslib computes it for a record.
pub fn bin(position: i32, reference_length: u64) -> u16 {
    let start = i64::from(position);
    let end = start + reference_length.max(1) as i64 - 1;
    for (shift, first) in [(14, 4681), (17, 585), (20, 73), (23, 9), (26, 1)] {
        if start >> shift == end >> shift {
            return (first + (start >> shift)) as u16;
        }
    }
    0
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A small record at `position` of reference 0 with name `r`, two bases and no tags.
    pub fn plain(position: i32) -> Vec<u8> {
        let mut out = Vec::new();
        let fixed = Fixed {
            size: 32 + 2 + 4 + 1 + 2,
            reference: 0,
            position,
            name_length: 2,
            mapq: 60,
            bin: bin(position, 2),
            cigar_count: 1,
            flags: 0,
            length: 2,
            mate_reference: -1,
            mate_position: -1,
            template_length: 0,
        };
        out.resize(FIXED, 0);
        fixed.write_at(&mut out);
        out.extend_from_slice(b"r\0");
        out.extend_from_slice(&(2u32 << 4).to_le_bytes());
        out.extend_from_slice(&[0x12, 30, 31]);
        out
    }

    #[test]
    fn fixed_fields_come_back() {
        let bytes = plain(77);
        let mut out = [0; FIXED];
        Fixed::read(&bytes).unwrap().write_at(&mut out);
        assert_eq!(out, bytes[..FIXED]);
        assert_eq!(Fixed::read(&bytes[..FIXED - 1]), None);
    }

    #[test]
    fn bins_are_those_of_the_specification() {
        assert_eq!(bin(-1, 0), 4680);
        assert_eq!(bin(0, 100), 4681);
        assert_eq!(bin(16_383, 2), 585);
        assert_eq!(bin(0, 1 << 29), 0);
    }
}
