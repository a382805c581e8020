//! The header of BAM content: its binary reference list says again what the text's `@SQ` lines say, so where they
//! agree only the text is stored.

/// The text of a whole BAM header, if the header follows from it byte for byte.
pub fn text(header: &[u8]) -> Option<&[u8]> {
    let (magic, rest) = header.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let text = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (magic == b"BAM\x01" && from_text(text, header.len())? == header).then_some(text)
}

/// The header that `text` gives; none if it would be longer than `limit` or an `@SQ` line lacks a name or length.
pub fn from_text(text: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut out = b"BAM\x01".to_vec();
    out.extend_from_slice(&u32::try_from(text.len()).ok()?.to_le_bytes());
    out.extend_from_slice(text);
    let count_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut count = 0u32;
    for line in text.split(|&byte| byte == b'\n') {
        let Some(fields) = line.strip_prefix(b"@SQ\t") else {
            continue;
        };
        let (mut name, mut length) = (None, None);
        for field in fields.split(|&byte| byte == b'\t') {
            name = name.or(field.strip_prefix(b"SN:"));
            length = length.or(field.strip_prefix(b"LN:"));
        }
        let name = name?;
        let length: u32 = std::str::from_utf8(length?)
            .ok()?
            .trim_end_matches('\0')
            .parse()
            .ok()?;
        out.extend_from_slice(&u32::try_from(name.len() + 1).ok()?.to_le_bytes());
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(&length.to_le_bytes());
        count += 1;
        if out.len() > limit {
            return None;
        }
    }
    out[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
    (out.len() <= limit).then_some(out)
}

/// The reference sequences that the `@SQ` lines of `text` give: names and lengths. None if one lacks either.
pub fn references(text: &[u8]) -> Option<Vec<(Vec<u8>, u32)>> {
    let header = from_text(text, usize::MAX)?;
    let mut rest = header.get(12 + text.len()..)?;
    let mut references = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (name, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (length, after) = after.split_first_chunk::<4>()?;
        references.push((name.split_last()?.1.to_vec(), u32::from_le_bytes(*length)));
        rest = after;
    }
    Some(references)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"@HD\tVN:1.6\n@SQ\tSN:c1\tLN:16\n@SQ\tLN:7\tAS:x\tSN:c2\n@CO\t@SQ\n";

    #[test]
    fn a_header_follows_from_its_text() {
        let header = from_text(TEXT, 1000).unwrap();
        assert_eq!(
            &header[8 + TEXT.len()..][..13],
            b"\x02\0\0\0\x03\0\0\0c1\0\x10\0"
        );
        assert_eq!(text(&header), Some(TEXT));
    }

    #[test]
    fn a_header_whose_list_says_something_else_does_not_follow() {
        let mut header = from_text(TEXT, 1000).unwrap();
        *header.last_mut().unwrap() ^= 1;
        assert_eq!(text(&header), None);
        assert_eq!(text(&header[..20]), None);
        assert_eq!(text(&from_text(b"", 1000).unwrap()), Some(&b""[..]));
    }

    #[test]
    fn a_header_longer_than_the_chunk_is_not_made() {
        assert_eq!(from_text(TEXT, 40), None);
    }
}
