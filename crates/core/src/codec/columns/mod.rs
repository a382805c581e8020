//! NUL-terminated strings, taken apart into columns: read names above all, and tags that look alike.
//!
//! Strings of one shape (the same constant text around the same kinds of fields) share columns: numbers as
//! integers, text as a dictionary or as it is. A string that occurred before, such as the name of a mate, is
//! only a distance. Writing a name then is a few copies and a few numbers turned into digits. Archives of version 1
//! hold them; the encoder is kept for tests.

mod encode;

use super::wire::{Reader, damaged, to_i32};
use super::{take_inner, take_inner_exactly};
use crate::Result;
pub(super) use encode::{encode, encode_distinct};

/// Shape numbers are bytes.
const MAX_SHAPES: usize = 256;
/// Items of one shape: more parts than any sensible name has.
const MAX_ITEMS: usize = 255;
/// Digits that always fit an `i32`.
const MAX_PADDED: usize = 9;

/// The kinds of items of a shape, by number.
mod kind {
    pub(super) const LITERAL: u8 = 0;
    pub(super) const NUMBER: u8 = 1;
    pub(super) const PADDED: u8 = 2;
    pub(super) const DICTIONARY: u8 = 3;
    pub(super) const TEXT: u8 = 4;
    pub(super) const FIXED: u8 = 5;
}

/// One item of a shape as stored.
#[derive(Clone, Copy)]
enum Item<'a> {
    Literal(&'a [u8]),
    Number,
    Padded(usize),
    Dictionary,
    Text,
    Fixed(usize),
}

impl<'a> Item<'a> {
    fn read(reader: &mut Reader<'a>, length: usize) -> Result<Self> {
        Ok(match reader.byte()? {
            kind::LITERAL => {
                let size = reader.length(length)?;
                Self::Literal(reader.take(size)?)
            }
            kind::NUMBER => Self::Number,
            kind::PADDED => Self::Padded(match usize::from(reader.byte()?) {
                width @ 1..=MAX_PADDED => width,
                _ => return Err(damaged("a padded number of impossible width")),
            }),
            kind::DICTIONARY => Self::Dictionary,
            kind::TEXT => Self::Text,
            kind::FIXED => match reader.length(length)? {
                0 => return Err(damaged("a field without width")),
                width => Self::Fixed(width),
            },
            _ => return Err(damaged("an unknown kind of column")),
        })
    }

    fn is_column(&self) -> bool {
        !matches!(self, Self::Literal(_))
    }
}

/// One item of a shape, ready to write strings.
enum Column<'a> {
    Literal(&'a [u8]),
    Numbers {
        values: std::vec::IntoIter<i32>,
        width: usize,
    },
    Dictionary {
        text: Vec<u8>,
        ends: Vec<u32>,
        indices: std::vec::IntoIter<i32>,
    },
    Text {
        text: Vec<u8>,
        at: usize,
    },
    Fixed {
        text: Vec<u8>,
        at: usize,
        width: usize,
    },
}

pub(super) fn decode(depth: u32, stored: &[u8], length: usize) -> Result<Vec<u8>> {
    let mut reader = Reader::new(stored);
    let strings = reader.length(length)?;
    let has_copies = match reader.byte()? {
        0 => false,
        1 => true,
        _ => return Err(damaged("strings with unknown flags")),
    };
    let distances = if has_copies {
        to_i32(&take_inner_exactly(depth, &mut reader, strings * 4)?)
    } else {
        Vec::new()
    };
    let fresh = if has_copies {
        distances.iter().filter(|&&distance| distance == 0).count()
    } else {
        strings
    };
    let shapes = read_shapes(&mut reader, length)?;
    let numbers = if shapes.len() > 1 {
        take_inner_exactly(depth, &mut reader, fresh)?
    } else {
        vec![0; fresh]
    };
    let mut uses = vec![0usize; shapes.len()];
    for &number in &numbers {
        *uses
            .get_mut(usize::from(number))
            .ok_or_else(|| damaged("an unknown shape"))? += 1;
    }
    let fields = shapes
        .iter()
        .zip(&uses)
        .try_fold(0usize, |sum, (items, &uses)| {
            let columns = items.iter().filter(|item| item.is_column()).count();
            columns
                .checked_mul(uses)
                .and_then(|all| sum.checked_add(all))
                .filter(|&sum| sum <= length)
        });
    fields.ok_or_else(|| damaged("more fields than characters"))?;
    let mut text_left = length;
    let mut columns = Vec::with_capacity(shapes.len());
    for (items, &uses) in shapes.iter().zip(&uses) {
        let mut own = Vec::with_capacity(items.len());
        for &item in items {
            own.push(Column::read(
                depth,
                &mut reader,
                item,
                uses,
                &mut text_left,
            )?);
        }
        columns.push(own);
    }
    reader.finish()?;
    write_strings(strings, &distances, &numbers, &mut columns, length)
}

fn read_shapes<'a>(reader: &mut Reader<'a>, length: usize) -> Result<Vec<Vec<Item<'a>>>> {
    let count = reader.length(MAX_SHAPES)?;
    let mut shapes = Vec::with_capacity(count);
    for _ in 0..count {
        let items = usize::from(reader.byte()?);
        shapes.push(
            (0..items)
                .map(|_| Item::read(reader, length))
                .collect::<Result<Vec<_>>>()?,
        );
    }
    Ok(shapes)
}

impl<'a> Column<'a> {
    fn read(
        depth: u32,
        reader: &mut Reader,
        item: Item<'a>,
        uses: usize,
        text_left: &mut usize,
    ) -> Result<Self> {
        Ok(match item {
            Item::Literal(text) => Self::Literal(text),
            Item::Number => Self::numbers(depth, reader, uses, 0)?,
            Item::Padded(width) => Self::numbers(depth, reader, uses, width)?,
            Item::Dictionary => Self::dictionary(depth, reader, uses, text_left)?,
            Item::Text => Self::Text {
                text: take_text(depth, reader, text_left)?,
                at: 0,
            },
            Item::Fixed(width) => {
                let text = take_text(depth, reader, text_left)?;
                if uses.checked_mul(width) != Some(text.len()) {
                    return Err(damaged("fields of the wrong width"));
                }
                Self::Fixed { text, at: 0, width }
            }
        })
    }

    fn numbers(depth: u32, reader: &mut Reader, uses: usize, width: usize) -> Result<Self> {
        let values = to_i32(&take_inner_exactly(depth, reader, uses * 4)?);
        let limit = if width == 0 {
            i32::MAX
        } else {
            10i32.pow(width as u32) - 1
        };
        if values.iter().any(|value| !(0..=limit).contains(value)) {
            return Err(damaged("a number too large for its field"));
        }
        Ok(Self::Numbers {
            values: values.into_iter(),
            width,
        })
    }

    fn dictionary(
        depth: u32,
        reader: &mut Reader,
        uses: usize,
        text_left: &mut usize,
    ) -> Result<Self> {
        let text = take_text(depth, reader, text_left)?;
        let ends: Vec<u32> = (0u32..)
            .zip(&text)
            .filter(|(_, byte)| **byte == 0)
            .map(|(place, _)| place)
            .collect();
        let indices = if ends.len() <= 256 {
            take_inner_exactly(depth, reader, uses)?
                .into_iter()
                .map(i32::from)
                .collect()
        } else {
            to_i32(&take_inner_exactly(depth, reader, uses * 4)?)
        };
        Ok(Self::Dictionary {
            text,
            ends,
            indices: indices.into_iter(),
        })
    }

    /// Appends the next field; `None` when the column has no such field.
    #[inline(always)]
    fn write(&mut self, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Literal(text) => out.extend_from_slice(text),
            Self::Numbers { values, width } => write_number(values.next()? as u32, *width, out),
            Self::Dictionary {
                text,
                ends,
                indices,
            } => {
                let index = usize::try_from(indices.next()?).ok()?;
                let end = *ends.get(index)? as usize;
                let start = index
                    .checked_sub(1)
                    .and_then(|before| ends.get(before))
                    .map_or(0, |&end| end as usize + 1);
                out.extend_from_slice(text.get(start..end)?);
            }
            Self::Text { text, at } => {
                let rest = text.get(*at..)?;
                let size = rest.iter().position(|&byte| byte == 0)?;
                out.extend_from_slice(&rest[..size]);
                *at += size + 1;
            }
            Self::Fixed { text, at, width } => {
                out.extend_from_slice(text.get(*at..*at + *width)?);
                *at += *width;
            }
        }
        Some(())
    }

    /// Whether every field has been used.
    fn is_used_up(&self) -> bool {
        match self {
            Self::Text { text, at } => *at == text.len(),
            _ => true,
        }
    }
}

/// Decodes an inner stream of text. All of them together cannot be longer than the strings made of them, which
/// also bounds the memory they take.
fn take_text(depth: u32, reader: &mut Reader, text_left: &mut usize) -> Result<Vec<u8>> {
    let text = take_inner(depth, reader, *text_left)?;
    *text_left -= text.len();
    Ok(text)
}

/// Appends `value` in decimal, with zeros in front up to `width` digits.
#[inline(always)]
fn write_number(mut value: u32, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at.min(digits.len() - width)..]);
}

fn write_strings(
    strings: usize,
    distances: &[i32],
    numbers: &[u8],
    columns: &mut [Vec<Column>],
    length: usize,
) -> Result<Vec<u8>> {
    let impossible = || damaged("strings that cannot be put together");
    let mut out = Vec::with_capacity(length);
    let mut starts: Vec<u32> = Vec::with_capacity(strings);
    let mut numbers = numbers.iter();
    for index in 0..strings {
        starts.push(u32::try_from(out.len()).map_err(|_| impossible())?);
        match distances.get(index) {
            None | Some(0) => {
                let shape = numbers
                    .next()
                    .and_then(|&number| columns.get_mut(usize::from(number)));
                for column in shape.ok_or_else(impossible)? {
                    column
                        .write(&mut out)
                        .filter(|()| out.len() < length)
                        .ok_or_else(impossible)?;
                }
                out.push(0);
            }
            Some(&distance) => {
                let source = usize::try_from(distance)
                    .ok()
                    .and_then(|distance| index.checked_sub(distance));
                let source = source.ok_or_else(impossible)?;
                let (start, end) = (starts[source] as usize, starts[source + 1] as usize);
                out.extend_from_within(start..end);
            }
        }
        if out.len() > length {
            return Err(impossible());
        }
    }
    if columns.iter().flatten().all(Column::is_used_up) {
        Ok(out)
    } else {
        Err(impossible())
    }
}
