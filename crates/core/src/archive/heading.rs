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

    /// Its text as SAM has it: where that names no reference sequences but the table beside it does, lines for them are
    /// added, as htslib does.
    pub fn sam_text(&self) -> Vec<u8> {
        let mut text = self.text.clone();
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        let names_references = text
            .split(|&byte| byte == b'\n')
            .any(|line| line.starts_with(b"@SQ\t"));
        if !names_references {
            for Reference { name, length } in &self.references {
                text.extend_from_slice(b"@SQ\tSN:");
                text.extend_from_slice(name);
                text.extend_from_slice(format!("\tLN:{length}\n").as_bytes());
            }
        }
        text
    }

    /// Names and lengths of the reference sequences.
    pub fn pairs(&self) -> Vec<(Vec<u8>, u32)> {
        let pairs = self.references.iter();
        pairs
            .map(|reference| (reference.name.clone(), reference.length))
            .collect()
    }

    /// Its bytes in a BAM file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut header = b"BAM\x01".to_vec();
        let put = |out: &mut Vec<u8>, number: usize| {
            out.extend_from_slice(&(number as u32).to_le_bytes());
        };
        put(&mut header, self.text.len());
        header.extend_from_slice(&self.text);
        put(&mut header, self.references.len());
        for Reference { name, length } in &self.references {
            put(&mut header, name.len() + 1);
            header.extend_from_slice(name);
            header.push(0);
            put(&mut header, *length as usize);
        }
        header
    }

    /// That of content that starts with the whole of it.
    pub fn of(content: &[u8]) -> Option<Self> {
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
