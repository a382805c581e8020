//! BAM records as lines of SAM text (SAM specification, sections 1.4 and 1.5), to the byte as htslib writes them.

use std::io::Write as _;

use super::record::{self, FIXED, Fixed};

/// Letters of base codes and of CIGAR operations.
const BASES: &[u8; 16] = b"=ACMGRSVTWYHKDBN";
const OPERATIONS: &[u8; 16] = b"MIDNSHP=XB??????";

/// Both letters of a byte of packed bases.
const PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [BASES[byte >> 4], BASES[byte & 15]];
        byte += 1;
    }
    pairs
};

/// One tag of a record: its name, its type's letter, and its value (of arrays with the element's letter and the count).
pub struct Tag<'a> {
    pub name: [u8; 2],
    pub kind: u8,
    pub value: &'a [u8],
}

/// Takes the first tag off `rest`; none at the end and where no tag can be read, for which `rest` is left as it is.
pub fn next_tag<'a>(rest: &mut &'a [u8]) -> Option<Tag<'a>> {
    let (&[a, b, kind], after) = rest.split_first_chunk::<3>()?;
    let width = |kind| match kind {
        b'A' | b'c' | b'C' => Some(1),
        b's' | b'S' => Some(2),
        b'i' | b'I' | b'f' => Some(4),
        b'd' => Some(8),
        _ => None,
    };
    let length = match kind {
        b'Z' | b'H' => memchr::memchr(0, after)? + 1,
        b'B' => {
            let element = width(*after.first()?)?;
            let count = record::u32_at(after, 1)? as usize;
            count.checked_mul(element)?.checked_add(5)?
        }
        kind => width(kind)?,
    };
    let (value, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(Tag {
        name: [a, b],
        kind,
        value,
    })
}

/// The name of the read group of the record `bytes`, if it names one.
pub fn read_group(bytes: &[u8]) -> Option<&[u8]> {
    let tags = bytes.get(Fixed::read(bytes)?.tags_at()?..)?;
    let found = find_tag(tags, |tag| tag.name == *b"RG" && tag.kind == b'Z')?;
    found.value.strip_suffix(&[0])
}

/// The first of these tags that is one.
fn find_tag<'a>(mut tags: &'a [u8], is: impl Fn(&Tag<'a>) -> bool) -> Option<Tag<'a>> {
    std::iter::from_fn(|| next_tag(&mut tags)).find(is)
}

/// Appends the record `bytes` as a line to `out`; `references` are the names of the reference sequences. False, with nothing
/// appended, for a record whose parts do not fit into it.
pub fn write(bytes: &[u8], references: &[&[u8]], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let done = line(bytes, references, out).is_some();
    if !done {
        out.truncate(start);
    }
    done
}

fn line(bytes: &[u8], references: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
    let record = Parts::read(bytes)?;
    let fixed = &record.fixed;
    let name = record.name;
    out.extend_from_slice(if name.is_empty() { b"*" } else { name });
    out.push(b'\t');
    decimal(out, fixed.flags.into());
    out.push(b'\t');
    out.extend_from_slice(reference(references, fixed.reference)?);
    out.push(b'\t');
    decimal(out, i64::from(fixed.position) + 1);
    out.push(b'\t');
    decimal(out, fixed.mapq.into());
    out.push(b'\t');
    let is_long = record.put_cigar(out);
    out.push(b'\t');
    if fixed.mate_reference >= 0 && fixed.mate_reference == fixed.reference {
        out.push(b'=');
    } else {
        out.extend_from_slice(reference(references, fixed.mate_reference)?);
    }
    out.push(b'\t');
    decimal(out, i64::from(fixed.mate_position) + 1);
    out.push(b'\t');
    decimal(out, fixed.template_length.into());
    out.push(b'\t');
    if record.has_bases() {
        record.put_bases(out);
    } else {
        out.push(b'*');
    }
    out.push(b'\t');
    if record.has_qualities() {
        let qualities = record.qualities.iter();
        out.extend(qualities.map(|quality| quality.wrapping_add(33)));
    } else {
        out.push(b'*');
    }
    let mut rest = record.tags;
    while let Some(tag) = next_tag(&mut rest) {
        if !is_long || tag.name != *b"CG" {
            write_tag(out, &tag);
        }
    }
    out.push(b'\n');
    rest.is_empty().then_some(())
}

/// A record's parts.
pub struct Parts<'a> {
    pub fixed: Fixed,
    /// Without what follows its first NUL.
    pub name: &'a [u8],
    /// Operations as they are stored.
    cigar: &'a [[u8; 4]],
    /// Packed.
    bases: &'a [u8],
    /// As they are stored, one for each base.
    pub qualities: &'a [u8],
    /// All tags, one after the other.
    pub tags: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Those of the record `bytes`; none where they do not fit into it.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let fixed = Fixed::read(bytes)?;
        let tags_at = fixed.tags_at()?;
        let cigar_at = FIXED + usize::from(fixed.name_length);
        let bases_at = cigar_at + usize::from(fixed.cigar_count) * 4;
        let qualities_at = bases_at + (fixed.length as usize).div_ceil(2);
        let name = bytes.get(FIXED..cigar_at)?;
        Some(Self {
            fixed,
            name: name.split(|&byte| byte == 0).next()?,
            cigar: bytes.get(cigar_at..bases_at)?.as_chunks().0,
            bases: bytes.get(bases_at..qualities_at)?,
            qualities: bytes.get(qualities_at..tags_at)?,
            tags: bytes.get(tags_at..)?,
        })
    }

    /// Whether bases are stored, and as many qualities, be they any or none.
    pub fn has_bases(&self) -> bool {
        !self.qualities.is_empty()
    }

    /// Whether there are qualities: the first says so.
    pub fn has_qualities(&self) -> bool {
        !matches!(self.qualities.first(), None | Some(0xff))
    }

    /// Writes the bases.
    pub fn put_bases(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.qualities.len();
        let pairs = self.bases.iter().flat_map(|&byte| PAIRS[usize::from(byte)]);
        out.extend(pairs);
        out.truncate(end);
    }

    /// Writes the CIGAR; `*` where there is none. Whether it is the one in the tag CG.
    pub fn put_cigar(&self, out: &mut Vec<u8>) -> bool {
        put_cigar(out, self.cigar());
        self.long_cigar().is_some()
    }

    /// The CIGAR's operations, be they in their place or in the tag CG.
    pub fn cigar(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        let operations = self.long_cigar().unwrap_or(self.cigar).iter();
        operations.map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// The operations of a CIGAR that is too long for its place and stands in the tag CG (SAM specification, section
    /// 4.2.2).
    fn long_cigar(&self) -> Option<&'a [[u8; 4]]> {
        let fixed = &self.fixed;
        let first = u32::from_le_bytes(*self.cigar.first()?);
        let clipped = fixed.length << 4 | record::SOFT_CLIP;
        if fixed.reference < 0 || fixed.position < 0 || first != clipped {
            return None;
        }
        let tag = self.tag(*b"CG")?;
        let is_cigar = tag.kind == b'B' && matches!(tag.value[0], b'i' | b'I');
        let operations = tag.value.get(5..)?.as_chunks::<4>().0;
        (is_cigar && operations.len() >= self.cigar.len()).then_some(operations)
    }

    /// The first tag of that name.
    pub fn tag(&self, name: [u8; 2]) -> Option<Tag<'a>> {
        find_tag(self.tags, |tag| tag.name == name)
    }
}

/// Writes CIGAR operations; `*` where there are none.
pub fn put_cigar(out: &mut Vec<u8>, operations: impl Iterator<Item = u32>) {
    let before = out.len();
    for operation in operations {
        decimal(out, (operation >> 4).into());
        out.push(OPERATIONS[(operation & 15) as usize]);
    }
    if out.len() == before {
        out.push(b'*');
    }
}

fn reference<'a>(references: &[&'a [u8]], number: i32) -> Option<&'a [u8]> {
    match usize::try_from(number) {
        Ok(number) => references.get(number).copied(),
        Err(_) => Some(b"*"),
    }
}

fn write_tag(out: &mut Vec<u8>, tag: &Tag<'_>) {
    out.push(b'\t');
    out.extend_from_slice(&tag.name);
    out.extend_from_slice(match tag.kind {
        b'A' => b":A:",
        b'Z' => b":Z:",
        b'H' => b":H:",
        b'B' => b":B:",
        b'f' => b":f:",
        b'd' => b":d:",
        _ => b":i:",
    });
    put_value(out, tag);
}

/// Writes a tag's value.
pub fn put_value(out: &mut Vec<u8>, tag: &Tag<'_>) {
    match tag.kind {
        b'A' => out.push(tag.value[0]),
        b'Z' | b'H' => out.extend_from_slice(&tag.value[..tag.value.len() - 1]),
        b'B' => {
            let (kind, elements) = tag.elements();
            out.push(kind);
            for element in elements {
                out.push(b',');
                number(out, kind, element);
            }
        }
        kind => number(out, kind, tag.value),
    }
}

impl<'a> Tag<'a> {
    /// The type's letter of an array's elements, and their bytes.
    pub fn elements(&self) -> (u8, impl Iterator<Item = &'a [u8]> + use<'a>) {
        let kind = self.value[0];
        let width = match kind {
            b'c' | b'C' | b'A' => 1,
            b's' | b'S' => 2,
            b'd' => 8,
            _ => 4,
        };
        (kind, self.value[5..].chunks_exact(width))
    }
}

/// Writes a value of a number's type.
fn number(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    match whole(kind, bytes) {
        Some(value) => decimal(out, value),
        None => float(out, real(bytes)),
    }
}

/// The value of a whole number's type; none for other types.
pub fn whole(kind: u8, bytes: &[u8]) -> Option<i64> {
    Some(match (kind, bytes) {
        (b'f' | b'd', _) => return None,
        (b'c', &[byte]) => i64::from(byte as i8),
        (_, &[byte]) => byte.into(),
        (b's', &[a, b]) => i16::from_le_bytes([a, b]).into(),
        (_, &[a, b]) => u16::from_le_bytes([a, b]).into(),
        (b'I', &[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]).into(),
        (_, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]).into(),
        _ => return None,
    })
}

/// The value of a number's type, rounded where that cannot hold it.
pub fn real_of(kind: u8, bytes: &[u8]) -> f64 {
    whole(kind, bytes).map_or_else(|| real(bytes), |value| value as f64)
}

/// The value of a floating-point type, by its width.
fn real(bytes: &[u8]) -> f64 {
    match *bytes {
        [a, b, c, d] => f32::from_le_bytes([a, b, c, d]).into(),
        _ => f64::from_le_bytes(bytes.first_chunk().copied().unwrap_or_default()),
    }
}

/// Writes a number.
pub fn decimal(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let mut value = value.unsigned_abs();
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes a number as C's `%g` does: six significant digits, without zeros at the end.
fn float(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        let text: &[u8] = match (value.is_nan(), value.is_sign_negative()) {
            (true, false) => b"nan",
            (true, true) => b"-nan",
            (false, false) => b"inf",
            (false, true) => b"-inf",
        };
        out.extend_from_slice(text);
        return;
    }
    let scientific = format!("{value:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..6).contains(&exponent) {
        let places = usize::try_from(5 - exponent).unwrap_or(0);
        out.extend_from_slice(trim(&format!("{value:.places$}")).as_bytes());
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let exponent = exponent.unsigned_abs();
        // Into a Vec, which never fails.
        let _ = write!(out, "{}e{sign}{exponent:02}", trim(digits));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_c_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (123_456.0, "123456"),
            (1_234_567.0, "1.23457e+06"),
            (999_999.5, "1e+06"),
            (0.0001, "0.0001"),
            (0.000_012_345_678, "1.23457e-05"),
            (1e100, "1e+100"),
            (2.718_28e-2, "0.0271828"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
        ] {
            let mut out = Vec::new();
            float(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn a_record_that_lies_about_its_parts_is_no_line() {
        let mut record = vec![0; FIXED];
        record[0] = 32;
        record[12] = 200;
        let mut out = b"before".to_vec();
        assert!(!write(&record, &[], &mut out));
        record[12] = 0;
        record[4] = 1;
        assert!(!write(&record, &[b"only"], &mut out));
        record[4] = 0;
        assert!(write(&record, &[b"only"], &mut out));
        assert_eq!(out, b"before*\t0\tonly\t1\t0\t*\t=\t1\t0\t*\t*\n");
    }
}
