//! Bit-exact reconstruction of DEFLATE bytes that no encoder here makes: predictions, and
//! corrections to them.
//!
//! The corrections of a block start with the number of the encoder whose output is nearest (the
//! reference; 0 for none). What follows, written with a range coder, tells the blocks, steps and
//! codes of the stream where they differ from what the reference and the content make likely.
//! `spec/encoders.md` states the form. Memory and time are bounded by the content and by the length allowed for the result, whatever
//! the corrections say.

mod coder;
mod headers;
mod model;
mod search;

use crate::deflate::bits::BitWriter;
use crate::deflate::stream::{Block, read_stream, write_block};
use crate::encoder::Encoder;
use crate::encoders::{Encoders, MAX_CONTENT};
use coder::{Reader, Writer};
use model::Reference;
use std::cell::RefCell;

/// References tried, by encoder number: one of each way to search. Slow levels are left out.
const REFERENCES: [u8; 13] = [
    0x60, 0x61, 0x62, 0x64, 0x66, 0x01, 0x03, 0x05, 0x06, 0x26, 0x37, 0x51, 0x54,
];
/// Content bytes at the start of a block by which the reference is chosen.
const TRIAL: usize = 16 << 10;

thread_local! {
    /// The compressors that make references, kept from block to block.
    static ENCODERS: RefCell<Encoders> = RefCell::new(Encoders::new());
}

/// Corrections with which [`rebuild`] makes exactly `deflate` out of `content`: proved before
/// they are returned. `None` when the stream is damaged, is not of this content, or is so odd
/// that its own bytes are the better description.
pub fn analyse(deflate: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    if content.len() > MAX_CONTENT {
        return None;
    }
    let blocks = read_stream(deflate, content.len())?;
    if !matches_hold(&blocks, content) {
        return None;
    }
    let (number, reference) = nearest(&blocks, content);
    let mut writer = Writer::new(vec![number]);
    model::code(&mut writer, content, &reference, Some(&blocks), |_, _| {
        Some(())
    })?;
    let corrections = writer.finish();
    let proved = rebuild(content, &corrections, deflate.len())? == deflate;
    proved.then_some(corrections)
}

/// The DEFLATE bytes that [`analyse`] saw, at most `deflate_length_limit` of them. `None` when
/// the corrections are none for this content.
pub fn rebuild(content: &[u8], corrections: &[u8], deflate_length_limit: usize) -> Option<Vec<u8>> {
    if content.len() > MAX_CONTENT {
        return None;
    }
    // No corrections at all stand for zeros, as zeros at the end are left out.
    let (&number, rest) = corrections.split_first().unwrap_or((&0, &[]));
    let reference = match number {
        0 => Reference::new(Vec::new(), content.len()),
        _ => make_reference(Encoder::from_number(number)?, content)?,
    };
    let mut bits = BitWriter::new(deflate_length_limit);
    let mut reader = Reader::new(rest);
    model::code(&mut reader, content, &reference, None, |block, rest| {
        write_block(&mut bits, block, rest)
    })?;
    let deflate = bits.finish()?;
    (deflate.len() <= deflate_length_limit).then_some(deflate)
}

/// Whether every match of the blocks copies what the content has at its place.
fn matches_hold(blocks: &[Block], content: &[u8]) -> bool {
    let mut position = 0;
    blocks.iter().all(|block| {
        let start = position;
        position += block.length();
        let mut at = start;
        block.tokens.iter().all(|token| {
            let from = at.checked_sub(usize::from(token.distance));
            let length = usize::from(token.length);
            let copied = from.and_then(|from| content.get(from..from + length));
            let same = copied.is_some_and(|copied| content.get(at..at + length) == Some(copied));
            at += length;
            same
        })
    })
}

/// What `encoder` makes of the content.
fn make_reference(encoder: Encoder, content: &[u8]) -> Option<Reference> {
    let mut deflate = Vec::new();
    let made = ENCODERS.with_borrow_mut(|e| e.deflate(encoder, content, &mut deflate));
    let blocks = made.then(|| read_stream(&deflate, content.len()))??;
    Some(Reference::new(blocks, content.len()))
}

/// The encoder whose steps agree best with these blocks at the start, and its reference.
fn nearest(blocks: &[Block], content: &[u8]) -> (u8, Reference) {
    let start = &content[..content.len().min(TRIAL)];
    let mut best = (0, 0);
    for number in REFERENCES {
        let encoder = Encoder::from_number(number);
        let trial = encoder.and_then(|encoder| make_reference(encoder, start));
        let agreement = trial.map_or(0, |reference| reference.agreement(blocks));
        if agreement > best.1 {
            best = (number, agreement);
        }
    }
    let encoder = Encoder::from_number(best.0);
    match encoder.and_then(|encoder| make_reference(encoder, content)) {
        Some(reference) => (best.0, reference),
        None => (0, Reference::new(Vec::new(), content.len())),
    }
}
