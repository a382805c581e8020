//! The shape of names: text, then numbers with fixed texts between them, then text.

use super::LONGEST;
use super::lattice::Lattice;
use super::numbers::{direct, direct_number};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer};
use crate::codec::wire::damaged;

/// Most numbers of a name, digits of one, values of a list and lattices.
pub(super) const MOST_FIELDS: usize = 8;
const MOST_DIGITS: usize = 17;
pub(super) const MOST_LISTED: usize = 4096;
pub(super) const MOST_LATTICES: usize = 3;

/// What values a number has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of these, in the order in which they sort.
    Listed(Vec<u64>),
    /// Any of `count` from `low`.
    Ranged { low: u64, count: u64 },
}

/// A number of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Digits, with leading zeros; 0 for a number without.
    pub(super) width: usize,
    pub(super) kind: Kind,
}

/// The shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) fields: Vec<Field>,
    /// What stands between the numbers.
    pub(super) separators: Vec<Vec<u8>>,
    /// How many runs of digits belong to the text behind the numbers.
    pub(super) trailing: usize,
    /// Bits of a head's number.
    pub(super) head_bits: u32,
    /// The first of the two fields that are coordinates, and on which lattices these lie.
    pub(super) coordinates: usize,
    pub(super) lattices: Vec<Lattice>,
}

/// A name taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) head: &'a [u8],
    pub(super) values: [u64; MOST_FIELDS],
    pub(super) tail: &'a [u8],
}

/// Takes the last run of digits off `text`: what stands before it, the run, what stands behind it.
pub(super) fn last_run(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let end = text.iter().rposition(u8::is_ascii_digit)? + 1;
    let before = text[..end].iter().rposition(|byte| !byte.is_ascii_digit());
    let start = before.map_or(0, |at| at + 1);
    Some((&text[..start], &text[start..end], &text[end..]))
}

/// The number that `digits` write in `width` digits (0: without leading zeros).
fn number(digits: &[u8], width: usize) -> Option<u64> {
    let fits = if width == 0 {
        digits.len() == 1 || digits[0] != b'0'
    } else {
        digits.len() == width
    };
    (fits && digits.len() <= MOST_DIGITS).then(|| {
        let digits = digits.iter().map(|digit| u64::from(digit - b'0'));
        digits.fold(0, |number, digit| number * 10 + digit)
    })
}

/// Appends `value` in `width` digits.
fn write(value: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut at = 20;
    let mut rest = value;
    while rest > 0 || at == 20 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[at.min(20 - width.min(20))..]);
}

impl Shape {
    /// The parts of a name of this shape.
    pub(super) fn parse<'a>(&self, name: &'a [u8]) -> Option<Parts<'a>> {
        let mut rest = name;
        for _ in 0..self.trailing {
            rest = last_run(rest)?.0;
        }
        let mut values = [0; MOST_FIELDS];
        let mut tail = 0;
        for at in (0..self.fields.len()).rev() {
            let (before, digits, behind) = last_run(rest)?;
            match self.separators.get(at) {
                Some(separator) if separator != behind => return None,
                Some(_) => {}
                None => tail = before.len() + digits.len(),
            }
            values[at] = number(digits, self.fields[at].width)?;
            rest = before;
        }
        Some(Parts {
            head: rest,
            values,
            tail: &name[tail..],
        })
    }

    /// Appends the numbers of a name and what stands between them.
    pub(super) fn write(&self, values: &[u64; MOST_FIELDS], out: &mut Vec<u8>) {
        for (at, field) in self.fields.iter().enumerate() {
            write(values[at], field.width, out);
            if let Some(separator) = self.separators.get(at) {
                out.extend_from_slice(separator);
            }
        }
    }

    /// Codes the shape itself.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C) -> Result<()> {
        let mut small = |value: &mut usize, bits: u32| {
            *value = direct(coder, *value as u64, bits) as usize;
            *value
        };
        let mut count = self.fields.len();
        if small(&mut count, 4) > MOST_FIELDS {
            return Err(damaged("a name of too many numbers"));
        }
        small(&mut self.trailing, 3);
        small(&mut self.coordinates, 3);
        let mut bits = self.head_bits as usize;
        self.head_bits = small(&mut bits, 4).clamp(1, 8) as u32;
        let none = Field {
            width: 0,
            kind: Kind::Ranged { low: 0, count: 1 },
        };
        self.fields.resize(count, none);
        self.separators.resize(count.saturating_sub(1), Vec::new());
        for separator in &mut self.separators {
            code_bytes(coder, separator);
        }
        for field in &mut self.fields {
            field.code(coder)?;
        }
        let lattices = direct(coder, self.lattices.len() as u64, 2) as usize;
        self.lattices
            .resize(lattices.min(MOST_LATTICES), Lattice::default());
        for lattice in &mut self.lattices {
            lattice.x.code(coder)?;
            lattice.y.code(coder)?;
        }
        if !self.lattices.is_empty() && self.coordinates + 1 >= count {
            return Err(damaged("a name without coordinates"));
        }
        Ok(())
    }
}

impl Field {
    fn code<C: Coder>(&mut self, coder: &mut C) -> Result<()> {
        self.width = direct(coder, self.width as u64, 5) as usize;
        if self.width > MOST_DIGITS {
            return Err(damaged("a number of too many digits"));
        }
        let listed = matches!(self.kind, Kind::Listed(_));
        if coder.code(listed, 1 << 15) {
            let mut values = match std::mem::replace(&mut self.kind, Kind::Listed(Vec::new())) {
                Kind::Listed(values) => values,
                Kind::Ranged { .. } => Vec::new(),
            };
            code_list(coder, &mut values)?;
            self.kind = Kind::Listed(values);
        } else {
            let (low, count) = match self.kind {
                Kind::Ranged { low, count } => (low, count),
                Kind::Listed(_) => (0, 1),
            };
            let low = direct_number(coder, low).min(1 << 59);
            let count = direct_number(coder, count).clamp(1, 1 << 59);
            self.kind = Kind::Ranged { low, count };
        }
        Ok(())
    }
}

/// Codes a list of numbers by the differences between them.
fn code_list<C: Coder>(coder: &mut C, values: &mut Vec<u64>) -> Result<()> {
    let count = direct(coder, values.len() as u64, 13) as usize;
    if count == 0 || count > MOST_LISTED {
        return Err(damaged("a list of names' numbers is too long"));
    }
    values.resize(count, 0);
    let mut differences = Mixer::<1, 1>::new(6, 255);
    let (mut before, mut step) = (0u64, 0u32);
    for value in values {
        let difference = value.wrapping_sub(before) as i64;
        let difference = differences.signed(coder, difference, &[step], 0);
        before = before.wrapping_add(difference as u64);
        step = difference as u32;
        *value = before;
    }
    Ok(())
}

/// Codes up to 254 bytes.
fn code_bytes<C: Coder>(coder: &mut C, bytes: &mut Vec<u8>) {
    let length = direct(coder, bytes.len() as u64, 8) as usize;
    bytes.resize(length.min(LONGEST), 0);
    for byte in bytes {
        *byte = direct(coder, u64::from(*byte), 8) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_taken_apart_is_put_together_again() {
        let field = |width| Field {
            width,
            kind: Kind::Ranged { low: 0, count: 1 },
        };
        let shape = Shape {
            fields: vec![field(0), field(4)],
            separators: vec![b":".to_vec()],
            trailing: 1,
            ..Shape::default()
        };
        let parts = shape
            .parse(b"A00:7:0:0042_ACG/1")
            .expect("it has the shape");
        assert_eq!(parts.head, b"A00:7:");
        assert_eq!(parts.values[..2], [0, 42]);
        assert_eq!(parts.tail, b"_ACG/1");
        let mut name = parts.head.to_vec();
        shape.write(&parts.values, &mut name);
        assert_eq!(name, b"A00:7:0:0042");
        for other in [
            &b"A00:7:00:0042_ACG/1"[..],
            b"A00:7:1:42/1",
            b"7-0042/1",
            b"",
        ] {
            assert_eq!(shape.parse(other), None);
        }
    }
}
