//! Cells of a frame: plain values of one kind, one for each record.

use super::columns::Kind;
use crate::source::bam::{self, Tag};

/// A column's values, one for each record.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    /// The values; anything where there is none.
    pub values: Values,
    /// Whether there is one, by record; empty where all are there.
    pub present: Vec<bool>,
}

/// Values of the kind of the same name in [`Kind`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Values {
    U8(Vec<u8>),
    U16(Vec<u16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F64(Vec<f64>),
    /// UTF-8; where a source has other bytes, U+FFFD stands for them.
    Text(String, Vec<usize>),
    Reference(Vec<i32>),
    U8List(Lists<u8>),
    I64List(Lists<i64>),
    F64List(Lists<f64>),
}

/// Lists one after the other, and where each ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists<T> {
    pub items: Vec<T>,
    pub ends: Vec<usize>,
}

impl Cells {
    pub(super) fn new(values: Values, present: Vec<bool>) -> Self {
        let mut cells = Self { values, present };
        cells.settle();
        cells
    }

    /// Forgets what is present where all are.
    pub(super) fn settle(&mut self) {
        if self.present.iter().all(|&present| present) {
            self.present = Vec::new();
        }
    }
}

impl Values {
    pub(super) fn new(kind: Kind, count: usize) -> Self {
        match kind {
            Kind::U8 => Self::U8(Vec::with_capacity(count)),
            Kind::U16 => Self::U16(Vec::with_capacity(count)),
            Kind::I32 => Self::I32(Vec::with_capacity(count)),
            Kind::I64 => Self::I64(Vec::with_capacity(count)),
            Kind::F64 => Self::F64(Vec::with_capacity(count)),
            Kind::Text => Self::Text(String::new(), Vec::with_capacity(count)),
            Kind::Reference => Self::Reference(Vec::with_capacity(count)),
            Kind::U8List => Self::U8List(Lists::default()),
            Kind::I64List => Self::I64List(Lists::default()),
            Kind::F64List => Self::F64List(Lists::default()),
        }
    }

    pub(super) fn put_none(&mut self) {
        match self {
            Self::U8(values) => values.push(0),
            Self::U16(values) => values.push(0),
            Self::I32(values) => values.push(0),
            Self::I64(values) => values.push(0),
            Self::F64(values) => values.push(0.0),
            Self::Text(text, ends) => ends.push(text.len()),
            Self::Reference(values) => values.push(-1),
            Self::U8List(lists) => lists.ends.push(lists.items.len()),
            Self::I64List(lists) => lists.ends.push(lists.items.len()),
            Self::F64List(lists) => lists.ends.push(lists.items.len()),
        }
    }

    pub(super) fn put_text(&mut self, bytes: &[u8]) {
        if let Self::Text(text, ends) = self {
            text.push_str(&String::from_utf8_lossy(bytes));
            ends.push(text.len());
        }
    }

    /// Appends a tag's value; false, with nothing appended, for one of another kind.
    pub(super) fn put_tag(&mut self, tag: &Tag<'_>, text: &mut Vec<u8>) -> bool {
        let is_number = !matches!(tag.kind, b'A' | b'Z' | b'H' | b'B');
        match self {
            Self::Text(..) => {
                bam::put_value(text, tag);
                self.put_text(text);
            }
            Self::I64(values) if is_number => match bam::whole(tag.kind, tag.value) {
                Some(value) => values.push(value),
                None => return false,
            },
            Self::F64(values) if is_number => {
                values.push(bam::real_of(tag.kind, tag.value));
            }
            Self::I64List(lists) if tag.kind == b'B' => {
                let (kind, elements) = tag.elements();
                if matches!(kind, b'f' | b'd') {
                    return false;
                }
                lists
                    .items
                    .extend(elements.filter_map(|element| bam::whole(kind, element)));
                lists.ends.push(lists.items.len());
            }
            Self::F64List(lists) if tag.kind == b'B' => {
                let (kind, elements) = tag.elements();
                let values = elements.map(|element| bam::real_of(kind, element));
                lists.items.extend(values);
                lists.ends.push(lists.items.len());
            }
            _ => return false,
        }
        true
    }
}
