//! What the fuzzers of `fuzz/` call: every decoder, and the container, given any bytes. They may refuse them; they may not
//! panic, hang or take more memory than they were told to. Checksums are mended first, where bytes would not get past them.
//!
//! `cargo test` runs all of them on damaged real bytes for a while (see the tests below).

use std::fs;

use readvault_encoders::{Encoders, Inflater, preflate};

use crate::archive::decode;
use crate::archive::share::Shared;
use crate::archive::{Input, Progress, VerifyOptions, verify};
use crate::codec;
use crate::codec::records::models::{Family, Models, Part};
use crate::codec::records::{Context, Records};
use crate::codec::{covered, number};
use crate::container::chunk::{self, ChunkKind, Cut, Head, NewUnit};
use crate::container::directory::{Page, read_page};
use crate::container::header::Header;
use crate::container::trailer::Trailer;
use crate::container::wire::seal;
use crate::source::key;
use crate::source::recipe::Maker;

/// Most bytes that anything is told to decode into.
const LIMIT: usize = 1 << 16;

/// A fuzzer: its name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All fuzzers.
pub const TARGETS: [Target; 6] = [
    ("codecs", codecs),
    ("parts", parts),
    ("container", container),
    ("chunks", chunks),
    ("blocks", blocks),
    ("archive", archive),
];

/// A decoder of streams: its number, the length to decode (two bytes), what is stored. Bases have records in front of that:
/// how many (a byte), and for each its position, length, and two operations.
pub fn codecs(bytes: &[u8]) {
    if let [codec, low, high, stored @ ..] = bytes {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        if [number::COVERED, number::BASES].contains(codec) {
            return bases(*codec, length, stored);
        }
        let decoded = codec::decode(*codec, stored, length);
        assert!(decoded.is_err() || decoded.is_ok_and(|decoded| decoded.len() == length));
    }
}

fn bases(codec: u8, length: usize, bytes: &[u8]) {
    let Some((&count, mut rest)) = bytes.split_first() else {
        return;
    };
    let count = usize::from(count);
    let mut next = || number(&mut rest);
    let mut records: Vec<[u32; 4]> = (0..count).map(|_| [(); 4].map(|()| next())).collect();
    // Real records have as many bases as their operations say.
    for [_, bases, one, other] in &mut records {
        (*one, *other) = (*one % 4096, *other % 4096);
        if *bases & 1 == 0 {
            let on_read = crate::codec::records::on_read;
            *bases = on_read(*one) + on_read(*other);
        }
    }
    let column = |at: usize| records.iter().map(move |record| record[at]);
    let (position, lengths) = (column(0).map(|at| at as i32), column(1).collect::<Vec<_>>());
    let alignments = codec::Alignments {
        reference: &vec![0; count],
        position: &position.collect::<Vec<_>>(),
        lengths: &lengths,
        cigar_counts: &vec![2; count],
        cigar: &records
            .iter()
            .flat_map(|record| [record[2], record[3]])
            .collect::<Vec<_>>(),
    };
    let sum: u32 = lengths.iter().sum();
    let length = if length & 1 == 0 {
        sum as usize
    } else {
        length
    };
    if codec == number::COVERED {
        if let Ok((bases, covered)) = covered::decode(&alignments, rest, length, None) {
            assert_eq!(bases.len(), length);
            let mut differences = covered::Differences::new(&covered);
            let mut rest = &bases[..];
            for [position, length, one, other] in records {
                let own = rest.split_off(..length as usize).unwrap_or_default();
                differences.of(0, position as i32, &[one, other], own, &mut Vec::new());
            }
        }
    } else if let Ok(bases) = codec::decode_bases(codec, &alignments, rest, length) {
        assert_eq!(bases.len(), length);
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
    let (mut rest, mut models) = (rest, Models::default());
    for _ in 0..2 {
        let mut records = Records::to_decode((*count).into(), LIMIT);
        let mut left = Models::default();
        for (number, part) in Part::ALL.into_iter().enumerate() {
            let stored = piece(&mut rest);
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

/// A structure of the container, by the first byte, under a right checksum.
pub fn container(bytes: &[u8]) {
    let Some((&which, body)) = bytes.split_first() else {
        return;
    };
    let mut sealed = body.to_vec();
    seal(&mut sealed, 0);
    match which % 4 {
        0 => drop(Header::read(&sealed)),
        1 => drop(Trailer::read(&sealed, 1 << 40)),
        2 => {
            let page = Page {
                chunks: u64::from(which / 4),
                end: 1 << 40,
                ..Page::default()
            };
            let entries = read_page(&sealed, &page);
            assert!(entries.is_err() || entries.is_ok_and(|all| all.len() as u64 == page.chunks));
        }
        _ => drop(chunk::read(body)),
    }
}

/// A chunk of streams: its kind, content length, records, blocks (two bytes each), where its first block starts (a byte), then
/// for each unit: bundle, codec, key, decoded length (two bytes), stored length and bytes. Their checksums are right.
pub fn chunks(bytes: &[u8]) {
    let mut rest = bytes;
    let [kind, content, records, blocks, source, first] = [(); 6].map(|()| number(&mut rest));
    let mut units = Vec::new();
    while !rest.is_empty() && units.len() < 64 {
        let [place, codec, key, length] = [(); 4].map(|()| number(&mut rest));
        let stored = piece(&mut rest);
        // Keys of the layout, of everything else that is no tag, and of two tags.
        let key = [key % 64, 64 + key % 2048][usize::from(place >= 128)];
        let decoded = codec::decode(codec as u8, stored, length as usize).unwrap_or_default();
        let bundle = key::bundle_of(key).unwrap_or(key::bundle::VERBATIM);
        let crc = crc32c::crc32c(&decoded);
        units.push((bundle, codec as u8, stored, crc, [(key, u64::from(length))]));
    }
    units.sort_by_key(|unit| unit.0);
    let written: Vec<NewUnit<'_>> = units
        .iter()
        .map(|(bundle, codec, stored, crc, members)| NewUnit {
            bundle: *bundle,
            codec: *codec,
            stored,
            decoded_crc: *crc,
            members,
        })
        .collect();
    let head = Head {
        kind: [ChunkKind::Content, ChunkKind::Kept, ChunkKind::Raw][kind as usize % 3],
        content_length: content.into(),
        records: records.into(),
        blocks: u64::from(blocks % 64),
        source_length: source.into(),
        first_block: i64::from(first % 256) - 16,
        cut: Cut {
            limit: 65_280,
            at_records: kind & 4 == 0,
        },
        units: Vec::new(),
    };
    let payload = chunk::write(&head, &written);
    if let Ok((chunk, _)) = decode::decode(&payload, &Shared::default(), &|| Ok(None)) {
        assert!(chunk.content.len() as u64 == head.content_length || chunk.blocks.is_empty());
        let _ = chunk.source(&[0; 100], &mut Maker::default());
    }
}

/// Corrections of a block's DEFLATE bytes, and DEFLATE bytes: the content's length (two bytes), the content, the rest.
pub fn blocks(bytes: &[u8]) {
    let mut rest = bytes;
    let content = piece(&mut rest);
    let made = preflate::rebuild(content, rest, LIMIT);
    assert!(made.is_none_or(|made| made.len() <= LIMIT));
    let mut inflated = Vec::new();
    let done = Inflater::new().inflate(rest, &mut inflated, LIMIT);
    assert!(inflated.len() <= LIMIT);
    if done.is_ok() {
        // What searches a recipe must stand any stream too.
        if let Some(corrections) = preflate::analyse(rest, &inflated) {
            assert!(
                preflate::rebuild(&inflated, &corrections, rest.len()).as_deref() == Some(rest)
            );
        }
        Encoders::new().identify_common(&inflated, rest, &[]);
    }
}

/// A whole archive. Nearly none of those that a fuzzer makes is one: checksums stand before everything.
pub fn archive(bytes: &[u8]) {
    struct Silent;
    impl Progress for Silent {
        fn update(&self, _: u64, _: Option<u64>) -> bool {
            true
        }
    }
    let Ok(file) = tempfile::NamedTempFile::new() else {
        return;
    };
    if fs::write(file.path(), bytes).is_ok() {
        let input = Input::from(file.path());
        let options = VerifyOptions {
            threads: 1,
            ..VerifyOptions::default()
        };
        let _ = verify(&input, &options, &Silent);
    }
}

/// Takes a number of two bytes; what is missing is zero.
fn number(rest: &mut &[u8]) -> u32 {
    let mut both = [0; 2];
    for byte in &mut both {
        if let Some((&first, behind)) = rest.split_first() {
            (*byte, *rest) = (first, behind);
        }
    }
    u16::from_le_bytes(both).into()
}

/// Takes a piece with its length in front; what is missing is missing.
fn piece<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let length = number(rest) as usize;
    let (piece, behind) = rest.split_at(length.min(rest.len()));
    *rest = behind;
    piece
}

#[cfg(test)]
mod tests;
