//! Stream keys: the numbers by which a chunk's head names its streams, their bundles and their names for people.
//! The numbers are stored in archives and never change meaning.

pub(crate) use crate::codec::records::tag_key as tag_values;
use crate::codec::records::{FIRST_TAG, TYPES};

/// Bundles: streams that are fetched together, in stored order.
pub mod bundle {
    pub const LAYOUT: u8 = 0;
    pub const CORE: u8 = 1;
    pub const MATES: u8 = 2;
    pub const NAMES: u8 = 3;
    pub const BASES: u8 = 4;
    pub const QUALITIES: u8 = 5;
    pub const TAGS: u8 = 6;
    pub const VERBATIM: u8 = 7;
}

macro_rules! fixed_keys {
    ($($constant:ident = $key:literal, $bundle:ident, $name:literal;)*) => {
        $(pub const $constant: u32 = $key;)*

        /// Bundle and name of a fixed stream.
        fn fixed(key: u32) -> Option<(u8, &'static str)> {
            match key {
                $($constant => Some((bundle::$bundle, $name)),)*
                _ => None,
            }
        }
    };
}

fixed_keys! {
    BLOCK_SIZES = 1, LAYOUT, "block sizes";
    BLOCK_LENGTHS = 2, LAYOUT, "block lengths";
    BLOCK_ENCODERS = 3, LAYOUT, "block encoders";
    BLOCK_HEADS = 4, LAYOUT, "block heads";
    CORRECTIONS = 5, LAYOUT, "corrections";
    FORMS = 8, CORE, "forms";
    FLAGS = 9, CORE, "flags";
    REFERENCES = 10, CORE, "references";
    POSITIONS = 11, CORE, "positions";
    MAPQ = 12, CORE, "mapping qualities";
    LENGTHS = 13, CORE, "lengths";
    CIGAR_COUNTS = 14, CORE, "cigar counts";
    CIGAR_OPS = 15, CORE, "cigar operations";
    CIGAR_LENGTHS = 16, CORE, "cigar lengths";
    BINS = 17, CORE, "bins";
    LINKS = 20, MATES, "links";
    MATE_REFERENCES = 21, MATES, "mate references";
    MATE_POSITIONS = 22, MATES, "mate positions";
    TEMPLATE_LENGTHS = 23, MATES, "template lengths";
    READ_NAMES = 24, NAMES, "names";
    READ_BASES = 28, BASES, "bases";
    READ_QUALITIES = 32, QUALITIES, "qualities";
    TAG_LINES = 36, TAGS, "tag lines";
    TAG_DICTIONARY = 37, TAGS, "tag dictionary";
    TAG_RULES = 38, TAGS, "tag rules";
    ESCAPE_LENGTHS = 44, VERBATIM, "escape lengths";
    ESCAPES = 45, VERBATIM, "escapes";
    OPAQUE_LENGTHS = 46, VERBATIM, "opaque lengths";
    OPAQUE = 47, VERBATIM, "opaque bytes";
    KEPT = 48, VERBATIM, "kept blocks";
    RAW = 49, VERBATIM, "raw bytes";
    HEADER_TEXT = 50, VERBATIM, "header text";
    ALIGNMENT_PART = 52, CORE, "alignments";
    TEMPLATES_PART = 53, MATES, "templates";
    NAMES_PART = 54, NAMES, "names of records";
    BASES_PART = 55, BASES, "bases of records";
    QUALITIES_PART = 56, QUALITIES, "qualities of records";
    TAGS_PART = 57, TAGS, "tags of records";
}

/// Value types of BAM tags in the order of their numbers: the scalar types, then arrays by element type.
pub const TAG_TYPES: [&[u8]; 17] = [
    b"A", b"c", b"C", b"s", b"S", b"i", b"I", b"f", b"Z", b"H", b"Bc", b"BC", b"Bs", b"BS", b"Bi",
    b"BI", b"Bf",
];

/// Key of the element counts of array tag `tag`.
pub fn tag_counts(tag: [u8; 2], kind: u8) -> u32 {
    tag_values(tag, kind) + 1
}

/// The bundle a stream belongs to; none for keys that this version does not know.
pub fn bundle_of(key: u32) -> Option<u8> {
    if key < FIRST_TAG {
        fixed(key).map(|(bundle, _)| bundle)
    } else {
        tag_parts(key).map(|_| bundle::TAGS)
    }
}

fn tag_parts(key: u32) -> Option<([u8; 2], &'static [u8], bool)> {
    let number = key.checked_sub(FIRST_TAG)?;
    let tag = u16::try_from(number / (TYPES * 2)).ok()?.to_be_bytes();
    let kind = *TAG_TYPES.get((number / 2 % TYPES) as usize)?;
    Some((tag, kind, number % 2 == 1))
}

/// A stream's name for people; anything odd in a tag's name is escaped.
pub fn name(key: u32) -> String {
    if let Some((_, name)) = fixed(key) {
        return name.to_owned();
    }
    match tag_parts(key) {
        Some((tag, kind, counts)) => {
            let counts = if counts { " counts" } else { "" };
            format!("tag {}:{}{counts}", tag.escape_ascii(), kind.escape_ascii())
        }
        None => format!("stream {key}"),
    }
}

/// A bundle's name.
pub fn bundle_name(bundle: u8) -> &'static str {
    [
        "layout",
        "core",
        "mates",
        "names",
        "bases",
        "qualities",
        "tags",
        "verbatim",
    ]
    .get(usize::from(bundle))
    .copied()
    .unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_streams_are_named_after_tag_and_type() {
        assert_eq!(name(tag_values(*b"NM", 2)), "tag NM:C");
        assert_eq!(name(tag_counts(*b"ML", 11)), "tag ML:BC counts");
        assert_eq!(name(tag_values(*b"\x1b[", 0)), "tag \\x1b[:A");
        assert_eq!(bundle_of(tag_values([255, 255], 16)), Some(bundle::TAGS));
        assert_eq!(bundle_of(7), None);
        assert_eq!(bundle_of(u32::MAX), None);
    }
}
