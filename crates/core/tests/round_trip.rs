//! Whatever the source, it comes back bit for bit: strange records, headers, blocks and bytes between them.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::bam::{self, Record};
use common::bgzf::{self, Head, Style};
use common::{Random, round_trip, round_trip_at};
use proptest::prelude::*;
use readvault_core::archive::Level;
use readvault_encoders::{Encoder, Encoders};

/// Encoders that are quick and usual.
const USUAL: [u8; 4] = [0x06, 0x01, 0x47, 0x71];

/// How the blocks of a strange file are made.
#[derive(Clone, Debug)]
struct Layout {
    limit: usize,
    ragged: bool,
    at_borders: bool,
    style: Style,
    strange_heads: bool,
    empty_blocks: bool,
    damage: bool,
    garbage: bool,
    eof_blocks: usize,
    trailing: usize,
}

fn layouts() -> impl Strategy<Value = Layout> {
    let usual: Vec<Encoder> = usual_encoders();
    let styles = prop_oneof![
        4 => prop::sample::select(usual).prop_map(Style::One),
        1 => Just(Style::Mixed),
        1 => Just(Style::Odd),
    ];
    let cuts = (
        prop_oneof![
            Just(65_280),
            Just(65_498),
            Just(65_536),
            1..4000usize,
            1..60_000usize
        ],
        any::<bool>(),
        any::<bool>(),
        styles,
    );
    let strangeness = (
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        0..3usize,
        prop_oneof![4 => Just(0), 1 => 1..300usize],
    );
    (cuts, strangeness).prop_map(|(cuts, strangeness)| {
        let (limit, ragged, at_borders, style) = cuts;
        let (strange_heads, empty_blocks, damage, garbage, eof_blocks, trailing) = strangeness;
        Layout {
            // Literals do not fit a block of 65,280 bytes.
            limit: if style == Style::Odd {
                limit.min(50_000)
            } else {
                limit
            },
            ragged,
            at_borders,
            style,
            strange_heads,
            empty_blocks,
            damage,
            garbage,
            eof_blocks,
            trailing,
        }
    })
}

fn usual_encoders() -> Vec<Encoder> {
    let found: Vec<Encoder> = USUAL
        .iter()
        .filter_map(|&number| Encoder::from_number(number))
        .collect();
    assert!(!found.is_empty());
    found
}

/// Turns content into a file.
fn lay_out(content: &[u8], borders: &[usize], layout: &Layout, random: &mut Random) -> Vec<u8> {
    let mut encoders = Encoders::new();
    let borders = if layout.at_borders { borders } else { &[] };
    let mut out = Vec::new();
    for (start, end) in bgzf::cut(content, borders, layout.limit, layout.ragged, random) {
        let piece = &content[start..end];
        let deflate = bgzf::deflate(layout.style, piece, &mut encoders, random);
        let head = if layout.strange_heads && random.one_in(3) {
            Head::strange(random)
        } else {
            Head::default()
        };
        let mut block = bgzf::block(&head, &deflate, piece);
        if layout.damage && random.one_in(4) {
            match random.below(5) {
                0 => {
                    let at = block.len() - 8;
                    block[at] ^= 1;
                }
                1 => {
                    let at = block.len() - 4;
                    block[at] ^= 1;
                }
                2 => block.truncate(random.below(block.len())),
                3 => {
                    let at = random.below(block.len());
                    block[at] ^= 1 << random.below(8);
                }
                // A gzip member that is not BGZF.
                _ => {
                    block[3] = 0;
                    block.drain(10..18);
                }
            }
        }
        out.extend(block);
        if layout.empty_blocks && random.one_in(3) {
            out.extend(bgzf::EOF);
        }
        if layout.garbage && random.one_in(4) {
            let length = random.below(100);
            out.extend(random.bytes(length));
        }
    }
    (0..layout.eof_blocks).for_each(|_| out.extend(bgzf::EOF));
    out.extend(random.bytes(layout.trailing));
    out
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    #[test]
    fn strange_bam_files_come_back(seed: u64, records in 0..120usize, strangers in 0..4usize, layout in layouts(), threads in prop::sample::select(vec![1, 3])) {
        let mut random = Random::new(seed);
        let mut names = Vec::new();
        let header = bam::strange_header(&mut random);
        let mut all: Vec<Record> = Vec::new();
        for number in 0..records {
            if strangers > 0 && random.one_in(4 - strangers) {
                all.push(bam::strange(&mut random, &mut names));
            } else {
                all.extend(bam::pair(number, &mut random));
            }
        }
        let (mut content, borders) = bam::content(header, all);
        if seed % 8 == 0 {
            // A record whose length is wrong, so that the walk gets lost.
            let at = *random.pick(&borders);
            if let Some(byte) = content.get_mut(at) {
                *byte = byte.wrapping_add(1 + random.below(9) as u8);
            }
        }
        let source = lay_out(&content, &borders, &layout, &mut random);
        let level = [Level::Fast, Level::Default][usize::from(seed % 3 == 0)];
        round_trip_at(&source, threads, level);
    }

    #[test]
    fn bytes_that_are_not_bgzf_come_back(source in prop::collection::vec(any::<u8>(), 0..5000), start in prop::sample::select(vec![&b""[..], b"\x1f\x8b\x08\x04", b"\x1f\x8b", b"BAM\x01"])) {
        let source = [start, &source].concat();
        round_trip(&source, 1);
    }
}

#[test]
fn the_shortest_sources_come_back() {
    round_trip(b"", 1);
    for source in [&b"\0"[..], b"B", b"\x1f", b"\x1f\x8b", b"BAM", b"\n\n\n"] {
        round_trip(source, 1);
    }
    round_trip(&bgzf::EOF, 1);
    round_trip(&bgzf::EOF.repeat(3), 1);
}

#[test]
fn every_truncation_of_a_bam_file_comes_back() {
    let mut random = Random::new(5);
    let (content, _) = bam::content(bam::usual_header(), bam::pair(0, &mut Random::new(0)));
    let mut encoders = Encoders::new();
    let mut source = Vec::new();
    for piece in content.chunks(200) {
        let deflate = bgzf::deflate(
            Style::One(usual_encoders()[0]),
            piece,
            &mut encoders,
            &mut random,
        );
        source.extend(bgzf::block(&Head::default(), &deflate, piece));
    }
    source.extend(bgzf::EOF);
    assert!(
        source.len() < 800,
        "{} bytes make too many cases",
        source.len()
    );
    // Half of the time goes into waiting for threads to start.
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let length = next.fetch_add(1, Ordering::Relaxed);
                    if length >= source.len() {
                        return;
                    }
                    round_trip(&source[..length], 1);
                }
            });
        }
    });
}

/// A record whose tag makes it `length` bytes long.
fn long_record(length: usize, random: &mut Random) -> Record {
    let [mut record, _] = bam::pair(1, random);
    record.tags.extend(b"XXZ");
    record
        .tags
        .extend((0..length).map(|i| b'!' + ((i * i / 7) % 90) as u8));
    record.tags.push(0);
    record
}

fn plain(content: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoders = Encoders::new();
    for piece in content.chunks(limit) {
        let deflate = bgzf::deflate(
            Style::One(usual_encoders()[0]),
            piece,
            &mut encoders,
            &mut Random::new(1),
        );
        out.extend(bgzf::block(&Head::default(), &deflate, piece));
    }
    out.extend(bgzf::EOF);
    out
}

#[test]
fn records_longer_than_a_chunk_come_back() {
    let mut random = Random::new(3);
    for length in [4 << 20, 6 << 20, 20 << 20] {
        let mut records: Vec<Record> = (0..5)
            .flat_map(|i| bam::pair(i, &mut Random::new(9)))
            .collect();
        records.insert(3, long_record(length, &mut random));
        let (content, _) = bam::content(bam::usual_header(), records);
        let report = round_trip(&plain(&content, 65_280), 2);
        assert!(report.counts.chunks > 1 || length < 20 << 20);
    }
}

#[test]
fn a_header_longer_than_a_chunk_comes_back() {
    let mut text = b"@HD\tVN:1.6\n".to_vec();
    let mut number = 0;
    while text.len() < 5 << 20 {
        text.extend(format!("@CO\tline {number} of a very long header\n").bytes());
        number += 1;
    }
    let (content, _) = bam::content(
        bam::header(&text, &[(b"c1", 9000)]),
        (0..20).flat_map(|i| bam::pair(i, &mut Random::new(9))),
    );
    round_trip(&plain(&content, 65_280), 2);
}

#[test]
fn more_tags_than_streams_come_back() {
    let mut random = Random::new(3);
    let mut records = Vec::new();
    for first in 0..=255u8 {
        let [mut record, _] = bam::pair(first.into(), &mut random);
        for second in 0..=255u8 {
            record.tags.extend([first, second, b'C', second]);
            record.tags.extend([first, second, b'A', first]);
        }
        records.push(record);
    }
    let (content, _) = bam::content(bam::usual_header(), records);
    round_trip(&plain(&content, 65_280), 1);
}

#[test]
fn a_header_for_each_block_comes_back() {
    // More different block headers than the table of a chunk can number.
    let mut source = plain(&bam::usual_header(), 65_280);
    for mtime in 0..70_000 {
        let head = Head {
            mtime,
            ..Head::default()
        };
        source.extend(bgzf::block(&head, &[3, 0], b""));
    }
    round_trip(&source, 2);
}

/// Blocks of no encoder in the pattern of `odd` between usual ones; gives the file.
fn with_odd_blocks(
    content: &[u8],
    pieces: &[(usize, usize)],
    odd: impl Fn(usize) -> bool,
) -> Vec<u8> {
    let (mut encoders, mut random) = (Encoders::new(), Random::new(8));
    let mut out = Vec::new();
    for (number, &(start, end)) in pieces.iter().enumerate() {
        let style = if odd(number) {
            Style::Odd
        } else {
            Style::One(usual_encoders()[0])
        };
        let deflate = bgzf::deflate(style, &content[start..end], &mut encoders, &mut random);
        out.extend(bgzf::block(
            &Head::default(),
            &deflate,
            &content[start..end],
        ));
    }
    out.extend(bgzf::EOF);
    out
}

#[test]
fn blocks_that_no_encoder_makes_are_kept_wherever_they_lie() {
    let mut random = Random::new(21);
    let records: Vec<Record> = (0..250)
        .flat_map(|i| {
            let mut pair = bam::pair(i, &mut random);
            if i % 50 == 7 {
                pair[0].tags.extend(long_record(60_000, &mut random).tags);
            }
            pair
        })
        .collect();
    let (content, borders) = bam::content(bam::usual_header(), records);
    let mut kept = 0;
    for pattern in 0..8 {
        let borders = if pattern % 2 == 0 { &borders[..] } else { &[] };
        let pieces = bgzf::cut(
            &content,
            borders,
            20_000 + pattern * 1111,
            false,
            &mut random,
        );
        let odd = |number: usize| match pattern {
            0 | 1 => number % 5 == 2,
            2 => number == 0,
            3 => true,
            4 => number.is_multiple_of(2),
            5 => number % 7 > 2,
            6 => (10..20).contains(&number),
            _ => number % 3 == 1,
        };
        let report = round_trip(
            &with_odd_blocks(&content, &pieces, odd),
            1 + 2 * (pattern % 2),
        );
        kept += report.exactness.kept_source_bytes;
    }
    assert!(kept > 200_000, "only {kept} bytes were kept");
}

#[test]
fn kept_blocks_at_the_border_of_spans_come_back() {
    // Spans end after 2 MiB of content; with blocks cut inside records the last one reaches into the next chunk.
    let mut random = Random::new(22);
    let (content, _) = bam::content(
        bam::usual_header(),
        (0..16_000).flat_map(|i| bam::pair(i, &mut random)),
    );
    assert!(content.len() > 5 << 20);
    let pieces = bgzf::cut(&content, &[], 30_000, false, &mut random);
    let border = (2 << 20) / 30_000;
    for from in [border - 1, border, border + 1, border + 2] {
        let odd = |number: usize| (from..from + 3).contains(&number);
        let report = round_trip(&with_odd_blocks(&content, &pieces, odd), 2);
        assert!(report.exactness.kept_source_bytes > 0);
    }
}
