//! The encoder's side of columns: finding shapes and the kind of each field.

use super::{MAX_ITEMS, MAX_PADDED, MAX_SHAPES, kind};
use crate::codec::wire::{from_i32, put_varint};
use crate::codec::{Encoded, Hint, encode as encode_inner, number, put_inner};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Strings of one shape fewer than this are not worth columns of their own: beyond it, other codecs win.
const STRINGS_PER_SHAPE: usize = 8;

/// Encodes NUL-terminated strings; `None` when `decoded` is something else or has no usable shapes.
pub(in crate::codec) fn encode(decoded: &[u8]) -> Option<Encoded> {
    let body = decoded.strip_suffix(&[0])?;
    let strings: Vec<&[u8]> = body.split(|&byte| byte == 0).collect();
    let distances = distances(&strings);
    let repeated = distances.iter().filter(|&&distance| distance > 0).count();
    // A dictionary of whole strings pays only when most of them occur again.
    let whole = (2 * repeated >= strings.len())
        .then(|| encode_strings(&strings, None))
        .flatten();
    let split = encode_strings(&strings, Some(&distances));
    let best = match (whole, split) {
        (Some(whole), Some(split)) if whole.len() < split.len() => whole,
        (whole, split) => split.or(whole)?,
    };
    Some(Encoded {
        codec: number::COLUMNS,
        stored: best,
    })
}

/// Encodes NUL-terminated strings of which none is likely to stand twice.
pub(in crate::codec) fn encode_distinct(decoded: &[u8]) -> Option<Encoded> {
    let body = decoded.strip_suffix(&[0])?;
    let strings: Vec<&[u8]> = body.split(|&byte| byte == 0).collect();
    let stored = encode_strings(&strings, Some(&[]))?;
    Some(Encoded::new(number::COLUMNS, stored))
}

/// The strings of one shape: their fields, column by column.
struct Shape<'a> {
    /// The constant text before each field and after the last.
    around: Vec<&'a [u8]>,
    columns: Vec<Vec<&'a [u8]>>,
}

/// With `distances`, strings are cut into fields and repeated ones are copied (no distances at all say that there are
/// none); without, they stay whole.
fn encode_strings(strings: &[&[u8]], distances: Option<&[i32]>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    put_varint(&mut out, strings.len() as u64);
    let copies = distances.filter(|distances| distances.iter().any(|&distance| distance > 0));
    out.push(u8::from(copies.is_some()));
    let is_fresh = |index: usize| copies.is_none_or(|distances| distances[index] == 0);
    if let Some(distances) = copies {
        let bytes = from_i32(distances);
        put_inner(&mut out, &encode_inner(Hint::Integers, &bytes), bytes.len());
    }
    let fresh: Vec<&[u8]> = (0..strings.len())
        .filter(|&index| is_fresh(index))
        .map(|index| strings[index])
        .collect();
    let (shapes, numbers) = shapes_of(&fresh, distances.is_some())?;
    put_varint(&mut out, shapes.len() as u64);
    let mut bodies = Vec::new();
    for shape in &shapes {
        write_shape(shape, &mut out, &mut bodies)?;
    }
    if shapes.len() > 1 {
        put_inner(
            &mut out,
            &encode_inner(Hint::Symbols, &numbers),
            numbers.len(),
        );
    }
    out.extend(bodies);
    Some(out)
}

/// For each string how many strings back it occurred last, 0 if never.
fn distances(strings: &[&[u8]]) -> Vec<i32> {
    let mut last: HashMap<&[u8], usize, RandomState> =
        HashMap::with_capacity_and_hasher(strings.len(), RandomState::default());
    let mut distances = Vec::with_capacity(strings.len());
    let mut before: Option<&[u8]> = None;
    for (index, &string) in strings.iter().enumerate() {
        if before == Some(string) {
            distances.push(1);
            continue;
        }
        // Of a run of equal strings the last counts.
        if let Some(before) = before.replace(string) {
            last.insert(before, index - 1);
        }
        let known = last.get(string).map(|&known| index - known);
        distances.push(known.and_then(|back| i32::try_from(back).ok()).unwrap_or(0));
    }
    distances
}

fn shapes_of<'a>(strings: &[&'a [u8]], fields: bool) -> Option<(Vec<Shape<'a>>, Vec<u8>)> {
    let mut known: HashMap<Vec<u8>, usize, RandomState> = HashMap::default();
    let mut shapes: Vec<Shape<'a>> = Vec::new();
    let mut numbers = Vec::with_capacity(strings.len());
    let most = MAX_SHAPES.min(1 + strings.len() / STRINGS_PER_SHAPE);
    let (mut key, mut parts, mut last) = (Vec::new(), Vec::new(), (Vec::new(), 0));
    for &string in strings {
        key.clear();
        parts.clear();
        if fields {
            split(string, &mut key, &mut parts)
        } else {
            parts.push((0, string.len()))
        }
        let same = key == last.0 && !shapes.is_empty();
        let number = match if same { Some(&last.1) } else { known.get(&key) } {
            Some(&number) => number,
            None if shapes.len() == most || parts.len() > MAX_ITEMS / 2 => return None,
            None => {
                let starts = std::iter::once(0).chain(parts.iter().map(|part| part.1));
                let ends = parts.iter().map(|part| part.0).chain([string.len()]);
                let around = starts
                    .zip(ends)
                    .map(|(start, end)| &string[start..end])
                    .collect();
                shapes.push(Shape {
                    around,
                    columns: vec![Vec::new(); parts.len()],
                });
                known.insert(key.clone(), shapes.len() - 1);
                shapes.len() - 1
            }
        };
        if !same {
            last = (key.clone(), number);
        }
        for (column, &(start, end)) in shapes[number].columns.iter_mut().zip(&parts) {
            column.push(&string[start..end]);
        }
        numbers.push(number as u8);
    }
    Some((shapes, numbers))
}

/// Cuts `string` into runs of letters and digits; `key` gets everything else, with 0 for each run.
fn split(string: &[u8], key: &mut Vec<u8>, parts: &mut Vec<(usize, usize)>) {
    let mut start = None;
    for (place, byte) in string.iter().enumerate() {
        match (byte.is_ascii_alphanumeric(), start) {
            (true, None) => start = Some(place),
            (false, Some(from)) => {
                parts.push((from, place));
                key.extend([0, *byte]);
                start = None;
            }
            (false, None) => key.push(*byte),
            (true, Some(_)) => {}
        }
    }
    if let Some(from) = start {
        parts.push((from, string.len()));
        key.push(0);
    }
}

/// Appends the items of `shape` to `out` and its columns to `bodies`.
fn write_shape(shape: &Shape, out: &mut Vec<u8>, bodies: &mut Vec<u8>) -> Option<()> {
    let mut items = Vec::new();
    let mut count = 0u8;
    let mut literal: Vec<u8> = Vec::new();
    let columns = shape.columns.iter().map(Some).chain([None]);
    for (before, column) in shape.around.iter().zip(columns) {
        literal.extend_from_slice(before);
        match column {
            Some(column) if column.iter().all(|field| *field == column[0]) => {
                literal.extend_from_slice(column[0])
            }
            column => {
                if !literal.is_empty() {
                    items.push(kind::LITERAL);
                    put_varint(&mut items, literal.len() as u64);
                    items.append(&mut literal);
                    count = count.checked_add(1)?;
                }
                if let Some(column) = column {
                    write_column(column, &mut items, bodies);
                    count = count.checked_add(1)?;
                }
            }
        }
    }
    out.push(count);
    out.append(&mut items);
    Some(())
}

fn write_column(column: &[&[u8]], items: &mut Vec<u8>, bodies: &mut Vec<u8>) {
    let width = column[0].len();
    let same_width = column.iter().all(|field| field.len() == width);
    if let Some(values) = numbers(column, |field| {
        field == b"0" || field.first() != Some(&b'0')
    }) {
        items.push(kind::NUMBER);
        put_numbers(&values, bodies);
    } else if let Some(values) = numbers(column, |_| same_width && width <= MAX_PADDED) {
        items.extend([kind::PADDED, width as u8]);
        put_numbers(&values, bodies);
    } else {
        write_text(column, same_width && width > 0, items, bodies);
    }
}

fn put_numbers(values: &[i32], bodies: &mut Vec<u8>) {
    let bytes = from_i32(values);
    put_inner(bodies, &encode_inner(Hint::Integers, &bytes), bytes.len());
}

/// The fields as numbers, if all are digits that fit and are `written` as the decoder would write them.
fn numbers(column: &[&[u8]], written: impl Fn(&[u8]) -> bool) -> Option<Vec<i32>> {
    let number = |field: &&[u8]| {
        if field.is_empty() || field.len() > 10 || !written(field) {
            return None;
        }
        field.iter().try_fold(0i32, |value, byte| match byte {
            b'0'..=b'9' => value.checked_mul(10)?.checked_add(i32::from(byte - b'0')),
            _ => None,
        })
    };
    column.iter().map(number).collect()
}

fn write_text(column: &[&[u8]], same_width: bool, items: &mut Vec<u8>, bodies: &mut Vec<u8>) {
    let mut known: HashMap<&[u8], i32, RandomState> = HashMap::default();
    let mut distinct: Vec<u8> = Vec::new();
    let mut indices = Vec::with_capacity(column.len());
    for &field in column {
        let next = known.len() as i32;
        indices.push(*known.entry(field).or_insert_with(|| {
            distinct.extend_from_slice(field);
            distinct.push(0);
            next
        }));
    }
    if known.len() <= column.len() / 2 {
        items.push(kind::DICTIONARY);
        put_inner(bodies, &encode_text(&distinct), distinct.len());
        if known.len() <= 256 {
            let indices: Vec<u8> = indices.iter().map(|&index| index as u8).collect();
            put_inner(
                bodies,
                &encode_inner(Hint::Symbols, &indices),
                indices.len(),
            );
        } else {
            put_numbers(&indices, bodies);
        }
    } else if same_width {
        items.push(kind::FIXED);
        put_varint(items, column[0].len() as u64);
        let text = column.concat();
        put_inner(bodies, &encode_inner(Hint::Symbols, &text), text.len());
    } else {
        items.push(kind::TEXT);
        let text: Vec<u8> = column
            .iter()
            .flat_map(|field| field.iter().copied().chain([0]))
            .collect();
        put_inner(bodies, &encode_text(&text), text.len());
    }
}

/// Text inside columns is not taken into columns again.
fn encode_text(text: &[u8]) -> Encoded {
    encode_inner(Hint::Bytes, text)
}
