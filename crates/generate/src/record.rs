//! A BAM record's bytes.

use crate::align::Read;

/// The read is one of a pair.
pub const PAIRED: u16 = 0x1;
/// Both reads lie as expected.
pub const PROPER: u16 = 0x2;
/// Not aligned.
pub const UNMAPPED: u16 = 0x4;
/// The mate is not aligned.
pub const MATE_UNMAPPED: u16 = 0x8;
/// On the reverse strand.
pub const REVERSE: u16 = 0x10;
/// The mate is on the reverse strand.
pub const MATE_REVERSE: u16 = 0x20;
/// First read of the pair.
pub const FIRST: u16 = 0x40;
/// Second read of the pair.
pub const SECOND: u16 = 0x80;
/// Not the primary alignment (bwa -M marks parts of split reads so).
pub const SECONDARY: u16 = 0x100;
/// Copy of another template.
pub const DUPLICATE: u16 = 0x400;

/// Fields that the read alone does not know.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// Read name.
    pub name: &'a [u8],
    /// Flags.
    pub flag: u16,
    /// Mapping quality.
    pub quality: u8,
    /// The mate's contig.
    pub next_contig: i32,
    /// The mate's position, from 0.
    pub next_position: i32,
    /// Signed length of the template.
    pub template: i32,
}

/// Appends a record with these tags.
pub fn write_record(out: &mut Vec<u8>, fields: &Fields, read: &Read, tags: &[u8]) {
    let start = out.len();
    let end = if read.mapped {
        read.end
    } else {
        read.position + 1
    };
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(read.contig as i32).to_le_bytes());
    out.extend_from_slice(&(read.position as i32).to_le_bytes());
    out.push(fields.name.len() as u8 + 1);
    out.push(fields.quality);
    out.extend_from_slice(&bin(read.position, end).to_le_bytes());
    let operations: &[u32] = if read.mapped { &read.cigar } else { &[] };
    out.extend_from_slice(&(operations.len() as u16).to_le_bytes());
    out.extend_from_slice(&fields.flag.to_le_bytes());
    out.extend_from_slice(&(read.bases.len() as u32).to_le_bytes());
    out.extend_from_slice(&fields.next_contig.to_le_bytes());
    out.extend_from_slice(&fields.next_position.to_le_bytes());
    out.extend_from_slice(&fields.template.to_le_bytes());
    out.extend_from_slice(fields.name);
    out.push(0);
    for operation in operations {
        out.extend_from_slice(&operation.to_le_bytes());
    }
    let nibble = |base: u8| [1u8, 2, 4, 8, 15][usize::from(base)];
    out.extend(
        read.bases
            .chunks(2)
            .map(|pair| nibble(pair[0]) << 4 | pair.get(1).map_or(0, |&base| nibble(base))),
    );
    out.extend_from_slice(&read.qualities);
    out.extend_from_slice(tags);
    let size = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&size.to_le_bytes());
}

/// The bin of an interval, as the SAM specification's section 5.3 computes it.
fn bin(start: u32, end: u32) -> u16 {
    let last = end.saturating_sub(1).max(start);
    for (shift, first) in [(14, 4681), (17, 585), (20, 73), (23, 9), (26, 1)] {
        if start >> shift == last >> shift {
            return first + (start >> shift) as u16;
        }
    }
    0
}

/// Appends tags to a record.
pub struct Tags<'a>(pub &'a mut Vec<u8>);

impl Tags<'_> {
    /// A text (type Z).
    pub fn text(&mut self, tag: &[u8; 2], value: &[u8]) {
        self.0.extend_from_slice(tag);
        self.0.push(b'Z');
        self.0.extend_from_slice(value);
        self.0.push(0);
    }

    /// A letter (type A).
    pub fn letter(&mut self, tag: &[u8; 2], value: u8) {
        self.0.extend_from_slice(tag);
        self.0.extend_from_slice(&[b'A', value]);
    }

    /// A number in the smallest unsigned type that holds it (C or S), as htslib writes it.
    pub fn number(&mut self, tag: &[u8; 2], value: u32) {
        self.0.extend_from_slice(tag);
        match u8::try_from(value) {
            Ok(small) => self.0.extend_from_slice(&[b'C', small]),
            Err(_) => {
                self.0.push(b'S');
                self.0
                    .extend_from_slice(&(value.min(65_535) as u16).to_le_bytes());
            }
        }
    }

    /// A small number of type c, as HTSJDK writes it.
    pub fn signed(&mut self, tag: &[u8; 2], value: i8) {
        self.0.extend_from_slice(tag);
        self.0.extend_from_slice(&[b'c', value as u8]);
    }
}
