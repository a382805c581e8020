//! BAM records into streams and back, exactly.
//!
//! A chunk's items are records and opaque stretches. Records are taken apart into fields, which models code; a bin that
//! follows from other fields is not stored. A record that the fields cannot carry byte for byte becomes an *escape*: it
//! is stored as it is, so strange data costs size and never fidelity. At level fast, and in version 1, each field is a stream.

mod core_fields;
mod derive;
mod header;
mod names;
mod parse;
mod rebuild;
pub mod record;
mod restore;
mod sam;
mod split;
mod tags;

pub use core_fields::CoreFields;
pub(crate) use core_fields::may_be_long;
pub use header::{from_text as header_of_text, references, text as header_text};
pub use parse::{Parsed, parse};
pub use rebuild::{Aligned, Rebuilt, core, rebuild};
pub use restore::{count, restore, restore_records};
pub use sam::{
    Parts, Tag, decimal, next_tag, put_cigar, put_value, read_group, real_of, whole,
    write as write_sam,
};
pub use split::split;

/// Bits of an item's form: how it is stored. The values are stored. In chunks with models, which know these things by
/// themselves, `NO_QUALITIES`, `LENGTH` and `MATE` are not set and mean nothing.
mod form {
    /// The record is in the escapes, as it is.
    pub const ESCAPE: u8 = 0x01;
    /// Not a record: opaque bytes.
    pub const OPAQUE: u8 = 0x02;
    /// The bin is not the one that follows from the position.
    pub const BIN: u8 = 0x04;
    /// All qualities are 0xff ("missing") and not in the stream.
    pub const NO_QUALITIES: u8 = 0x08;
    /// The number of bases is stored, because the CIGAR does not give it.
    pub const LENGTH: u8 = 0x10;
    /// The mate's reference and position are those of the linked record.
    pub const MATE: u8 = 0x20;
    /// Not a record: the BAM header, made from its text.
    pub const HEADER: u8 = 0x40;
    /// Any of the bits that say that an item is not in the record streams.
    pub const NOT_REGULAR: u8 = ESCAPE | OPAQUE | HEADER;
}

/// What the fields of a template's two records say of each other, in version 1.
mod mate {
    use super::record::UNMAPPED;

    /// Stands for the number of a mate where there is none.
    pub const NO_MATE: u32 = u32::MAX;

    /// Where a record lies; `end` is exclusive.
    pub struct Place {
        pub flags: u16,
        pub reference: i32,
        pub position: i32,
        pub end: i64,
    }

    /// The template length of a pair's earlier record by the usual rule: from the leftmost to the rightmost base,
    /// positive for the record that starts first.
    pub fn template_length(earlier: &Place, later: &Place) -> i32 {
        if earlier.reference != later.reference || (earlier.flags | later.flags) & UNMAPPED != 0 {
            return 0;
        }
        let left = i64::from(earlier.position.min(later.position));
        let length = earlier.end.max(later.end) - left;
        let length = if earlier.position > later.position {
            -length
        } else {
            length
        };
        length as i32
    }
}

/// Whether there are opaque bytes among items of these forms.
pub fn has_opaque(forms: &[u8]) -> bool {
    forms.iter().any(|form| form & form::OPAQUE != 0)
}
