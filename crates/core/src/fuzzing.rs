//! What the fuzzers of `fuzz/` call: every decoder, and the container, given any bytes. They may refuse them; they may not
//! panic, hang or take more memory than they were told to.

use std::fs;

use crate::archive::{Input, Progress, VerifyOptions, verify};
use crate::codec;
use crate::codec::records::models::{Family, Models, Part};
use crate::codec::records::{Context, Records};

/// Most bytes that anything is told to decode into.
const LIMIT: usize = 1 << 16;

/// A decoder of streams: its number, the length to decode (two bytes), what is stored.
pub fn codecs(bytes: &[u8]) {
    if let [codec, low, high, stored @ ..] = bytes {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let decoded = codec::decode(*codec, stored, length);
        assert!(decoded.is_err() || decoded.is_ok_and(|decoded| decoded.len() == length));
    }
}

/// The parts of two chunks of records, the second from what the first leaves: how many records (a byte), the families of
/// the parts' models (a byte, a bit each), then each part's length (two bytes) and bytes.
pub fn parts(bytes: &[u8]) {
    let references = [b"c1".to_vec(), b"c2".to_vec()];
    let context = Context {
        references: &references,
        bases: None,
    };
    let [count, families, rest @ ..] = bytes else {
        return;
    };
    let mut rest = rest;
    let mut models = Models::default();
    for _ in 0..2 {
        let mut records = Records::to_decode((*count).into(), LIMIT);
        let mut left = Models::default();
        for (number, part) in Part::ALL.into_iter().enumerate() {
            let (stored, behind) = piece(rest);
            rest = behind;
            let family = match families >> number & 1 {
                0 => Family::Thorough,
                _ => Family::Quick,
            };
            let Ok(after) = models.decode(part, family, stored, &context, &mut records) else {
                return;
            };
            left.take(part, after);
        }
        let values = records.columns.iter().map(|column| column.values.len());
        assert!(values.sum::<usize>() <= LIMIT);
        models = left;
    }
}

/// Splits off a piece with its length in front; what is missing is missing.
fn piece(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return (&[], &[]);
    };
    let length = usize::from(u16::from_le_bytes(*length));
    rest.split_at(length.min(rest.len()))
}

struct Silent;

impl Progress for Silent {
    fn update(&self, _: u64, _: Option<u64>) -> bool {
        true
    }
}

/// A whole archive. Nearly none of those that a fuzzer makes is one: checksums stand before everything.
pub fn archive(bytes: &[u8]) {
    let Ok(file) = tempfile::NamedTempFile::new() else {
        return;
    };
    if fs::write(file.path(), bytes).is_ok() {
        let input = Input::Path(file.path().into());
        let options = VerifyOptions {
            threads: 1,
            ..VerifyOptions::default()
        };
        let _ = verify(&input, &options, &Silent);
    }
}
