//! The header of a BAM source: its text, its reference table, and where its first record stands.

use super::chunks::Chunks;
use crate::container::header::MemberKind;
use crate::container::trailer::Reference;
use crate::source::bam;
use crate::{Error, Result};

/// What stands before the first record.
pub struct Heading {
    /// Its text, without NULs at its end.
    pub text: Vec<u8>,
    /// Reference sequences, in order.
    pub references: Vec<Reference>,
    /// Content bytes that it takes.
    pub length: u64,
}

impl Heading {
    /// Reads it: from the trailer if it is there, else from the first chunks.
    pub fn read(chunks: &Chunks) -> Result<Self> {
        let opened = &chunks.opened;
        if opened.header.kind != MemberKind::Bam {
            return Err(Error::Invalid(format!(
                "{}: its source is no BAM file, so there are no records to read",
                opened.name
            )));
        }
        let text = &opened.shared.header_text;
        if !text.is_empty()
            && let Some(heading) =
                Self::of(&bam::header_of_text(text, usize::MAX).unwrap_or_default())
        {
            return Ok(heading);
        }
        let mut content = Vec::new();
        for number in 0..chunks.count() {
            content.extend_from_slice(&chunks.chunk(number)?.content);
            if let Some(heading) = Self::of(&content) {
                return Ok(heading);
            }
            if !content.starts_with(b"BAM\x01") {
                break;
            }
        }
        Err(Error::Invalid(format!(
            "{}: the BAM header of its source is damaged or cut short",
            opened.name
        )))
    }

    /// That of content that starts with the whole of it.
    fn of(content: &[u8]) -> Option<Self> {
        fn number(rest: &mut &[u8]) -> Option<usize> {
            let (bytes, after) = rest.split_first_chunk::<4>()?;
            *rest = after;
            usize::try_from(i32::from_le_bytes(*bytes)).ok()
        }
        fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
            let (bytes, after) = rest.split_at_checked(length)?;
            *rest = after;
            Some(bytes)
        }
        let mut rest = content.strip_prefix(b"BAM\x01")?;
        let length = number(&mut rest)?;
        let text = take(&mut rest, length)?;
        let end = text
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |last| last + 1);
        let mut references = Vec::new();
        for _ in 0..number(&mut rest)? {
            let length = number(&mut rest)?;
            let name = take(&mut rest, length)?;
            references.push(Reference {
                name: name.strip_suffix(&[0]).unwrap_or(name).to_vec(),
                length: number(&mut rest)? as u32,
            });
        }
        Some(Self {
            text: text[..end].to_vec(),
            references,
            length: (content.len() - rest.len()) as u64,
        })
    }
}
