//! Entries of the tags as numbers, and how they are written.

use std::collections::HashMap;

use super::super::super::on_reference;

/// Names of references: the archive's, and more that entries have.
pub(super) struct Names<'a> {
    references: &'a [Vec<u8>],
    /// Numbers of the archive's, only when encoding.
    numbers: HashMap<&'a [u8], u32>,
}

/// Names beside the archive's, and bytes in them, that are remembered.
const MOST_NAMES: usize = 1024;
const MOST_BYTES: usize = 1 << 16;

/// Names beside the archive's that entries had.
#[derive(Clone, Default)]
pub(super) struct MoreNames {
    names: Vec<Vec<u8>>,
    bytes: usize,
}

impl MoreNames {
    /// Whether there is room for `name`.
    fn takes(&self, name: &[u8]) -> bool {
        self.names.len() < MOST_NAMES && self.bytes + name.len() <= MOST_BYTES
    }

    /// Adds a name; false if there is no room.
    pub(super) fn add(&mut self, name: Vec<u8>) -> bool {
        let takes = self.takes(&name);
        if takes {
            self.bytes += name.len();
            self.names.push(name);
        }
        takes
    }

    /// The name added last.
    pub(super) fn last(&self) -> &[u8] {
        self.names.last().map_or(&[], |name| name)
    }
}

impl<'a> Names<'a> {
    /// The archive's names; `find` says whether numbers are asked for.
    pub(super) fn new(references: &'a [Vec<u8>], find: bool) -> Self {
        let mut numbers = HashMap::new();
        if find {
            for (number, name) in (0..).zip(references) {
                numbers.entry(&name[..]).or_insert(number);
            }
        }
        Self {
            references,
            numbers,
        }
    }

    /// How many there are.
    pub(super) fn count(&self, more: &MoreNames) -> usize {
        self.references.len() + more.names.len()
    }

    /// The name numbered `number`.
    pub(super) fn get<'b>(&'b self, more: &'b MoreNames, number: u32) -> &'b [u8] {
        let number = number as usize;
        let (own, rest) = (
            self.references.get(number),
            number.wrapping_sub(self.references.len()),
        );
        own.or_else(|| more.names.get(rest))
            .map_or(&[], |name| name)
    }

    /// The number of `name`, which is added to `more` if there was none.
    fn number(&self, more: &mut MoreNames, name: &[u8]) -> Option<u32> {
        if let Some(&number) = self.numbers.get(name) {
            return Some(number);
        }
        let at = more.names.iter().position(|other| other == name);
        let at = match at {
            Some(at) => at,
            None => more.add(name.to_vec()).then(|| more.names.len() - 1)?,
        };
        u32::try_from(self.references.len() + at).ok()
    }
}

/// Letters of CIGAR operations.
const LETTERS: &[u8; 9] = b"MIDNSHP=X";

/// What stands in the place of the edit distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Distance {
    Number(u32),
    #[default]
    Empty,
    /// The word `null`.
    Null,
}

/// One alignment in a tag's list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) reference: u32,
    /// 0-based; -1 is written as 0.
    pub(super) position: i64,
    pub(super) reverse: bool,
    pub(super) cigar: Vec<u32>,
    /// Only in the form with fields.
    pub(super) mapq: u32,
    pub(super) distance: Distance,
}

/// How entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `chr,±position,CIGAR,distance;` as in XA.
    Signed,
    /// `chr,position,strand,CIGAR,mapping quality,distance;` as in SA.
    Fields,
}

/// A number below 2^31 as it is usually written.
fn number(text: &[u8]) -> Option<u32> {
    let canonical = matches!(text, [b'0'] | [b'1'..=b'9', ..]) && text.len() <= 10;
    if !canonical {
        return None;
    }
    let value = std::str::from_utf8(text).ok()?.parse().ok()?;
    (value < 1 << 31).then_some(value)
}

/// The operations of a written CIGAR.
fn cigar(text: &[u8]) -> Option<Vec<u32>> {
    let mut operations = Vec::new();
    if text == b"*" {
        return Some(operations);
    }
    for part in text.split_inclusive(u8::is_ascii_uppercase_or_equal) {
        let (letter, digits) = part.split_last()?;
        let letter = LETTERS.iter().position(|other| other == letter)?;
        let length = number(digits).filter(|&length| length < 1 << 28)?;
        operations.push(length << 4 | letter as u32);
    }
    (!operations.is_empty()).then_some(operations)
}

/// What ends an operation.
trait EndsOperation {
    fn is_ascii_uppercase_or_equal(&self) -> bool;
}

impl EndsOperation for u8 {
    fn is_ascii_uppercase_or_equal(&self) -> bool {
        self.is_ascii_uppercase() || *self == b'='
    }
}

/// Appends a CIGAR as it is written.
fn write_cigar(operations: &[u32], text: &mut Vec<u8>) {
    if operations.is_empty() {
        text.push(b'*');
    }
    for &operation in operations {
        write_number(operation >> 4, text);
        text.push(LETTERS[(operation & 15) as usize % LETTERS.len()]);
    }
}

/// Appends a number.
fn write_number(number: u32, text: &mut Vec<u8>) {
    use std::io::Write;
    write!(text, "{number}").expect("memory takes everything");
}

impl Entry {
    fn parse(text: &[u8], form: Form, names: &Names<'_>, more: &mut MoreNames) -> Option<Self> {
        let comma = |byte: &u8| *byte == b',';
        let mut fields = text.rsplitn(if form == Form::Signed { 4 } else { 6 }, comma);
        let distance = match fields.next()? {
            b"" => Distance::Empty,
            b"null" => Distance::Null,
            digits => Distance::Number(number(digits)?),
        };
        let mapq = match form {
            Form::Signed => 0,
            Form::Fields => number(fields.next()?)?,
        };
        let cigar = cigar(fields.next()?)?;
        let (sign, position) = match form {
            Form::Signed => fields.next()?.split_first()?,
            Form::Fields => match fields.next()? {
                [sign] => (sign, fields.next()?),
                _ => return None,
            },
        };
        let reverse = match sign {
            b'+' => false,
            b'-' => true,
            _ => return None,
        };
        Some(Self {
            reference: names.number(more, fields.next()?)?,
            position: i64::from(number(position)?) - 1,
            reverse,
            cigar,
            mapq,
            distance,
        })
    }

    /// Appends the entry as it is written, with the mark at its end.
    pub(super) fn write(&self, form: Form, name: &[u8], text: &mut Vec<u8>) {
        text.extend_from_slice(name);
        let sign = if self.reverse { b'-' } else { b'+' };
        let position = (self.position + 1) as u32;
        text.push(b',');
        match form {
            Form::Signed => {
                text.push(sign);
                write_number(position, text);
            }
            Form::Fields => {
                write_number(position, text);
                text.extend_from_slice(&[b',', sign]);
            }
        }
        text.push(b',');
        write_cigar(&self.cigar, text);
        text.push(b',');
        if form == Form::Fields {
            write_number(self.mapq, text);
            text.push(b',');
        }
        match self.distance {
            Distance::Number(distance) => write_number(distance, text),
            Distance::Empty => {}
            Distance::Null => text.extend_from_slice(b"null"),
        }
        text.push(b';');
    }
}

/// A value as a list.
#[derive(Default)]
pub(super) struct List {
    pub(super) entries: Vec<Entry>,
    /// Names that `MoreNames` does not have yet, in the order of the entries that have them first.
    pub(super) fresh: Vec<Vec<u8>>,
}

/// The list that a value is, if that is all there is to it. New names get the numbers they will have in `more`.
pub(super) fn parse(
    value: &[u8],
    form: Form,
    names: &Names<'_>,
    more: &mut MoreNames,
) -> Option<List> {
    let whole = value.strip_suffix(b";")?;
    let before = more.names.len();
    let entries: Option<Vec<Entry>> = whole
        .split(|&byte| byte == b';')
        .map(|text| Entry::parse(text, form, names, more))
        .collect();
    let entries = entries.filter(|entries| {
        let mut written = Vec::with_capacity(value.len());
        for entry in entries {
            entry.write(form, names.get(more, entry.reference), &mut written);
        }
        written == value
    });
    let fresh = more.names.split_off(before);
    more.bytes -= fresh.iter().map(Vec::len).sum::<usize>();
    Some(List {
        entries: entries?,
        fresh,
    })
}

/// Lengths of an alignment: bases clipped on its left and right, those on the reference, and those of the whole read.
#[derive(Clone, Copy, Default)]
pub(super) struct Shape {
    pub(super) left: i64,
    pub(super) right: i64,
    pub(super) on_reference: i64,
    pub(super) read: i64,
}

/// Whether an operation is S or H.
fn is_clip(operation: u32) -> bool {
    matches!(operation & 15, 4 | 5)
}

/// Bases of the read, clipped away or not, that an operation takes.
pub(super) fn of_read(operation: u32) -> u32 {
    if is_clip(operation) || matches!(operation & 15, 0 | 1 | 7 | 8) {
        operation >> 4
    } else {
        0
    }
}

impl Shape {
    pub(super) fn of(cigar: &[u32]) -> Self {
        let clipped = |operations: &mut dyn Iterator<Item = &u32>| -> i64 {
            let clips = operations.take_while(|operation| is_clip(**operation));
            clips.map(|operation| i64::from(operation >> 4)).sum()
        };
        Self {
            left: clipped(&mut cigar.iter()),
            right: clipped(&mut cigar.iter().rev()),
            on_reference: cigar
                .iter()
                .map(|&operation| i64::from(on_reference(operation)))
                .sum(),
            read: cigar
                .iter()
                .map(|&operation| i64::from(of_read(operation)))
                .sum(),
        }
    }
}
