//! Damaged archives are named, hostile ones refused: no flipped bit passes, nothing panics, and no archive makes its
//! reader take memory that it has not earned.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use common::craft::{self, Chunk, Parts, Unit};
use common::samples::Sample;
use common::{Random, Silent, check, folder, samples, unpack};
use readvault_core::Error;
use readvault_core::archive::{Archive, Input, info, quickcheck};

/// Most bytes that the tests' threads together may hold while they read hostile archives of a few kilobytes: for each a
/// chunk's 12 MiB of content, its streams at four times that, models, and what a codec needs beside.
const MEMORY: usize = 640 << 20;

/// Counts the bytes that are held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Held by tests that come near the limit, which is one for the whole process.
static LARGE: Mutex<()> = Mutex::new(());

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts panics of the library, also those in its threads. Panics of the tests themselves are in the main file.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic
                .location()
                .is_some_and(|place| !place.file().contains("tests/corruption.rs"))
            {
                PANICS.fetch_add(1, Ordering::Relaxed);
            }
            usual(panic);
        }));
    });
}

/// Does `work` for every number below `count`, a few at a time: most of it is waiting for threads to start. Each
/// has a folder of its own.
fn in_parallel(count: usize, work: impl Fn(usize, &Path) + Sync) {
    count_panics();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let folder = folder();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    work(number, folder.path());
                }
            });
        }
    });
}

fn is_named(error: &Error) -> bool {
    matches!(
        error,
        Error::Damaged(_) | Error::Truncated(_) | Error::Unsupported(_)
    )
}

/// Reads a hostile archive in every way: what is given back must be the source, or an error that names the damage.
/// Gives whether it was taken for whole.
fn judge(archive: &Path, output: &Path, source: &[u8], what: &str) -> bool {
    let input = Input::from(archive);
    let mut errors = vec![info(&input, &Silent).map(drop), quickcheck(&input, &Silent)];
    let verified = check(archive, 1);
    let whole = verified.is_ok();
    errors.push(verified.map(drop));
    let unpacked = unpack(archive, output, 1);
    if unpacked.is_ok() {
        assert!(
            fs::read(output).unwrap() == source,
            "{what}: other bytes were given"
        );
        fs::remove_file(output).unwrap();
    }
    errors.push(unpacked.map(drop));
    let mut buffer = vec![0; source.len() + 10];
    errors.push(Archive::open(archive, None).and_then(|view| {
        for offset in [0, source.len() / 2] {
            view.read_at(offset as u64, &mut buffer)?;
        }
        Ok(())
    }));
    for error in errors.into_iter().filter_map(Result::err) {
        assert!(is_named(&error), "{what}: {error:?}");
    }
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "{what}: panicked");
    let peak = PEAK.load(Ordering::Relaxed);
    assert!(peak <= MEMORY, "{what}: took {} MiB", peak >> 20);
    whole
}

/// Writes the archive of `sample` into `folder` and gives its path and bytes.
fn packed(sample: &Sample, folder: &Path) -> (PathBuf, Vec<u8>) {
    let path = sample.pack(folder);
    let archive = fs::read(&path).unwrap();
    (path, archive)
}

#[test]
fn no_flipped_bit_passes() {
    for sample in samples::all() {
        let home = folder();
        let (path, archive) = packed(&sample, home.path());
        assert!(judge(
            &path,
            &home.path().join("output"),
            &sample.source,
            "unharmed"
        ));
        let stored = craft::stored_bytes(&archive);
        in_parallel(archive.len(), |at, folder| {
            let (path, output) = (folder.join("flipped.rv"), folder.join("output"));
            // One checksum is all that looks at stored bytes, so one bit of each tells whether it does. Groups take the
            // most time, and have no other structures than the rest.
            let is_stored = stored.iter().any(|place| place.contains(&at));
            let one_bit = is_stored || sample.sizes.is_some();
            for bit in 0..8 {
                if one_bit && bit != at % 8 {
                    continue;
                }
                // One bit of each byte by every verb, the others by the one that reads everything.
                let mut flipped = archive.clone();
                flipped[at] ^= 1 << bit;
                fs::write(&path, &flipped).unwrap();
                let what = format!("{} with bit {bit} of byte {at} flipped", sample.name);
                if bit == at % 8 {
                    let whole = judge(&path, &output, &sample.source, &what);
                    assert!(!whole, "{what} was not seen");
                    view_is_right(&path, &sample.source, &what);
                } else {
                    let error = check(&path, 1).expect_err(&what);
                    assert!(is_named(&error), "{what}: {error:?}");
                }
            }
        });
    }
}

/// The view of a damaged archive gives the source's bytes or an error.
fn view_is_right(archive: &Path, source: &[u8], what: &str) {
    let view = match Archive::open(archive, None) {
        Ok(view) => view,
        Err(error) => return assert!(is_named(&error), "{what}: {error:?}"),
    };
    let mut buffer = vec![0; 500];
    for offset in (0..=source.len()).step_by(300) {
        match view.read_at(offset as u64, &mut buffer) {
            Ok(read) => assert!(source[offset..].starts_with(&buffer[..read]), "{what}"),
            Err(error) => assert!(is_named(&error), "{what}: {error:?}"),
        }
    }
}

/// Runs `judge` on hostile archives of every sample.
fn attack(rounds: usize, mutate: impl Fn(&Parts, &mut Random) -> Vec<u8> + Sync) {
    for sample in samples::all() {
        let home = folder();
        let (_, archive) = packed(&sample, home.path());
        let original = Parts::read(&archive);
        assert_eq!(original.clone().seal(&original), archive);
        // Each round decodes several chunks of these.
        let rounds = if sample.sizes.is_some() {
            rounds / 4
        } else {
            rounds
        };
        in_parallel(rounds, |round, folder| {
            let hostile = mutate(&original, &mut Random::new(round as u64));
            let path = folder.join("hostile.rv");
            fs::write(&path, &hostile).unwrap();
            let what = format!("{} in round {round}", sample.name);
            judge(&path, &folder.join("output"), &sample.source, &what);
        });
    }
}

/// Changes a byte as an attacker would: a bit, anything, or an extreme.
fn change(byte: &mut u8, random: &mut Random) {
    *byte = match random.below(4) {
        0 => *byte ^ 1 << random.below(8),
        1 => *random.pick(&[0, 1, 0x7f, 0x80, 0xff]),
        2 => byte.wrapping_add(1),
        _ => random.next() as u8,
    };
}

fn change_some(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        if let Some(byte) = bytes.get_mut(random.below(bytes.len())) {
            change(byte, random);
        }
    }
}

fn mutate_frame(
    parts: &Parts,
    kind: u8,
    random: &mut Random,
    mutate: impl Fn(&mut Vec<u8>, &mut Random),
) -> Vec<u8> {
    let mut hostile = parts.clone();
    let mut frames: Vec<&mut Vec<u8>> = hostile
        .frames
        .iter_mut()
        .filter(|frame| frame.0 == kind)
        .map(|frame| &mut frame.1)
        .collect();
    if !frames.is_empty() {
        let at = random.below(frames.len());
        mutate(frames[at], random);
    }
    hostile.seal(parts)
}

#[test]
fn a_hostile_header_is_refused() {
    attack(300, |parts, random| {
        let mut hostile = parts.clone();
        change_some(&mut hostile.header[8..], random);
        hostile.seal(parts)
    });
}

#[test]
fn a_hostile_trailer_is_refused() {
    attack(600, |parts, random| {
        let mut hostile = parts.clone();
        change_some(&mut hostile.trailer, random);
        hostile.seal(parts)
    });
}

#[test]
fn a_hostile_header_text_is_refused() {
    attack(300, |parts, random| {
        let hostile = parts.with_sections(|tag, bytes| {
            if tag == 7 {
                change_some(bytes, random);
            }
        });
        hostile.seal(parts)
    });
}

#[test]
fn a_hostile_directory_root_is_refused() {
    attack(600, |parts, random| {
        let hostile = parts.with_sections(|tag, bytes| {
            if tag == 5 {
                change_some(bytes, random);
            }
        });
        hostile.seal(parts)
    });
}

#[test]
fn a_hostile_chunk_head_is_refused() {
    attack(500, |parts, random| {
        mutate_frame(parts, b'C', random, |payload, random| {
            if let Some(plan) = craft::plan_chunk(payload) {
                change_some(&mut payload[plan.head], random);
            }
        })
    });
}

#[test]
fn hostile_stored_streams_are_refused() {
    attack(800, |parts, random| {
        mutate_frame(parts, b'C', random, |payload, random| {
            let plan = craft::plan_chunk(payload).unwrap();
            let (_, place) = random.pick(&plan.units).clone();
            change_some(&mut payload[place], random);
        })
    });
}

#[test]
fn a_hostile_group_attachment_or_page_is_refused() {
    for kind in *b"GAP" {
        attack(250, |parts, random| {
            mutate_frame(parts, kind, random, |payload, random| {
                change_some(payload, random)
            })
        });
    }
}

fn raw_chunk(bytes: &[u8]) -> Chunk {
    Chunk {
        kind: 3,
        source_length: bytes.len() as u64,
        units: vec![Unit::stored(7, 49, bytes.to_vec())],
        ..Chunk::default()
    }
}

/// Judges an archive made of chunks that nobody compressed.
fn judge_made(archive: &[u8], source: &[u8], what: &str) -> bool {
    let folder = folder();
    let (path, output) = (folder.path().join("made.rv"), folder.path().join("output"));
    fs::write(&path, archive).unwrap();
    judge(&path, &output, source, what)
}

#[test]
fn an_archive_made_by_hand_is_read() {
    let source = b"made by hand";
    let chunks = [raw_chunk(&source[..5]), raw_chunk(&source[5..])];
    let archive = craft::archive(2, &chunks, source, |_, _, value| value);
    assert!(judge_made(&archive, source, "made by hand"));
    assert!(judge_made(
        &craft::archive(2, &[], b"", |_, _, value| value),
        b"",
        "made by hand, empty"
    ));
}

#[test]
fn a_hostile_directory_is_refused() {
    let source = b"four pieces of one source";
    let chunks: Vec<Chunk> = source.chunks(7).map(raw_chunk).collect();
    let extremes = [
        0,
        1,
        -1,
        5,
        127,
        i64::from(i32::MAX),
        i64::from(i32::MIN),
        i64::MAX,
        i64::MIN,
        8 << 20,
        64 << 20,
    ];
    for column in 0..12 {
        for row in 0..chunks.len() {
            for (at, &extreme) in extremes.iter().enumerate() {
                let archive = craft::archive(2, &chunks, source, |c, r, value| {
                    match (c == column, r == row) {
                        (true, true) => extreme,
                        // And its neighbour the other way, so that ends may agree again.
                        (true, false) if at % 2 == 1 => value.wrapping_sub(extreme),
                        _ => value,
                    }
                });
                judge_made(
                    &archive,
                    source,
                    &format!("column {column}, row {row}, {extreme}"),
                );
            }
        }
    }
}

/// Keys of streams by bundle, and whether they hold four-byte numbers.
const STREAMS: [(u8, u32, bool); 29] = [
    (0, 1, true),
    (0, 2, true),
    (0, 3, false),
    (0, 4, false),
    (0, 5, false),
    (1, 8, false),
    (1, 9, true),
    (1, 10, true),
    (1, 11, true),
    (1, 12, false),
    (1, 13, true),
    (1, 14, true),
    (1, 15, false),
    (1, 16, true),
    (1, 17, true),
    (2, 20, true),
    (2, 21, true),
    (2, 22, true),
    (2, 23, true),
    (3, 24, false),
    (4, 28, false),
    (5, 32, false),
    (6, 36, true),
    (6, 37, false),
    (7, 44, true),
    (7, 45, false),
    (7, 46, true),
    (7, 47, false),
    (7, 50, false),
];

fn hostile_number(random: &mut Random) -> i32 {
    match random.below(12) {
        0 => i32::MAX,
        1 => i32::MIN,
        2 => -1,
        3 => random.next() as i32,
        4..=6 => random.below(300) as i32,
        _ => random.below(3) as i32,
    }
}

#[test]
fn hostile_streams_behind_right_checksums_are_refused() {
    in_parallel(6_000, |round, folder| {
        let random = &mut Random::new(round as u64);
        let items = random.below(6);
        let mut units = Vec::new();
        for (bundle, key, wide) in STREAMS {
            if random.one_in(9) {
                continue;
            }
            let count = if random.one_in(6) {
                random.below(20)
            } else {
                items
            };
            let bytes = match key {
                8 => (0..items)
                    .map(|_| *random.pick(&[0, 0, 0, 8, 0x10, 0x20, 4, 1, 2, 0x40, 0xff]))
                    .collect(),
                _ if wide => (0..count)
                    .flat_map(|_| hostile_number(random).to_le_bytes())
                    .collect(),
                3 => (0..count)
                    .map(|_| *random.pick(&[6, 0x70, 0x71, 240, 241, 0, 99, 0x61]))
                    .collect(),
                4 => [4, 0, 31, 139, 8, 4, 0, 0]
                    .iter()
                    .copied()
                    .take(random.below(9))
                    .chain(random.bytes(count * 2))
                    .collect(),
                5 => [(count as u32).to_le_bytes().to_vec(), random.bytes(count)].concat(),
                24 => (0..count)
                    .flat_map(|_| random.pick(&[b"a\0", b"b\0", b"cc"]).iter().copied())
                    .collect(),
                37 => {
                    let tags = random.below(4);
                    let mut line = (tags as u32).to_le_bytes().to_vec();
                    (0..tags).for_each(|_| line.extend([b'N', b'M', random.below(18) as u8]));
                    line
                }
                50 => b"@SQ\tSN:c1\tLN:9\n".to_vec(),
                _ => {
                    let length = random.below(40);
                    random.bytes(length)
                }
            };
            units.push(Unit::stored(bundle, key, bytes));
        }
        for kind in [2, 5, 8, 10] {
            // Tag NM with some of its types: values and counts.
            let key = 64 + (u32::from(u16::from_be_bytes(*b"NM")) * 32 + kind) * 2;
            let (values, counts) = (random.below(30), random.below(4));
            let values = random.bytes(values);
            units.insert(
                units
                    .iter()
                    .position(|unit| unit.bundle > 6)
                    .unwrap_or(units.len()),
                Unit::stored(6, key, values),
            );
            let counts = (0..counts)
                .flat_map(|_| hostile_number(random).to_le_bytes())
                .collect();
            units.insert(
                units
                    .iter()
                    .position(|unit| unit.bundle > 6)
                    .unwrap_or(units.len()),
                Unit::stored(6, key + 1, counts),
            );
        }
        let chunk = Chunk {
            kind: 1,
            content_length: *random.pick(&[0, 40, 100, 300, 8 << 20]),
            records: items as u64,
            blocks: items as u64,
            source_length: *random.pick(&[0, 60, 1000, 16 << 20]),
            first_block: *random.pick(&[0, 0, 1, -1, 8 << 20]),
            cut: *random.pick(&[0, 65_280 << 1 | 1, 1 << 33, 100]),
            units,
        };
        let archive = craft::archive(1, &[chunk], b"source", |_, _, value| value);
        let path = folder.join("hostile.rv");
        fs::write(&path, archive).unwrap();
        let what = format!("round {round}");
        assert!(
            !judge(&path, &folder.join("output"), b"source", &what),
            "{what}"
        );
    });
}

/// Most source bytes and most content bytes of a chunk.
const MOST_SOURCE: u64 = 16 << 20;
const MOST_CONTENT: u64 = 12 << 20;

/// Most records of a chunk.
const MOST_RECORDS: u64 = MOST_CONTENT / 36;

/// The parts of a chunk's records: bundle, codec and key of each.
const PARTS: [(u8, u8, u32); 6] = [
    (1, 10, 52),
    (2, 11, 53),
    (3, 12, 54),
    (4, 13, 55),
    (5, 14, 56),
    (6, 15, 57),
];

/// A chunk of as many records as can be, made of next to nothing.
fn records_chunk(kind: u8, stored: &[u8]) -> Chunk {
    let mut units = vec![constant(1, 8, MOST_RECORDS, 0)];
    units.extend(PARTS.map(|(bundle, codec, key)| Unit {
        bundle,
        codec,
        stored: stored.to_vec(),
        decoded_crc: 0,
        members: vec![(key, 1000)],
    }));
    Chunk {
        kind,
        content_length: MOST_CONTENT,
        units,
        ..Chunk::default()
    }
}

#[test]
fn models_that_promise_much_take_little() {
    let _turn = LARGE.lock().unwrap_or_else(PoisonError::into_inner);
    for stored in [&b""[..], b"\xff\xff\xff\xff\xff", b"\x7f\x80\x01"] {
        for kinds in [&[4][..], &[5]] {
            let chunks: Vec<Chunk> = kinds
                .iter()
                .map(|&kind| records_chunk(kind, stored))
                .collect();
            let archive = craft::archive(1, &chunks, b"source", |_, _, value| value);
            let what = format!("chunks {kinds:?} of {stored:?}");
            assert!(!judge_made(&archive, b"source", &what), "{what}");
        }
    }
}

#[test]
fn a_small_archive_of_many_records_takes_little() {
    let _turn = LARGE.lock().unwrap_or_else(PoisonError::into_inner);
    let home = folder();
    let sample = samples::monotonous();
    let (path, archive) = packed(&sample, home.path());
    assert!(archive.len() < 60_000, "{} bytes", archive.len());
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let output = home.path().join("output");
    assert!(judge(&path, &output, &sample.source, "monotonous"));
}

/// A stream of one repeated byte: a few bytes stand for megabytes.
fn constant(bundle: u8, key: u32, length: u64, byte: u8) -> Unit {
    Unit {
        bundle,
        codec: 2,
        stored: vec![byte],
        decoded_crc: crc32c::crc32c(&vec![byte; length as usize]),
        members: vec![(key, length)],
    }
}

/// A chunk of one opaque item, as long as can be, with these layout streams.
fn opaque_chunk(mut units: Vec<Unit>, blocks: u64) -> Chunk {
    units.push(Unit::stored(1, 8, vec![2]));
    units.push(Unit::stored(
        7,
        46,
        (MOST_CONTENT as u32).to_le_bytes().to_vec(),
    ));
    units.push(constant(7, 47, MOST_CONTENT, 0));
    Chunk {
        kind: 1,
        content_length: MOST_CONTENT,
        blocks,
        source_length: MOST_SOURCE,
        units,
        ..Chunk::default()
    }
}

#[test]
fn a_chunk_that_promises_much_takes_little() {
    let _turn = LARGE.lock().unwrap_or_else(PoisonError::into_inner);
    let content = |units| Chunk {
        kind: 1,
        content_length: MOST_CONTENT,
        units,
        ..Chunk::default()
    };
    let verbatim = |kind, key| Chunk {
        kind,
        content_length: if kind == 2 { MOST_CONTENT } else { 0 },
        source_length: MOST_SOURCE,
        units: vec![constant(7, key, MOST_SOURCE, 31)],
        ..Chunk::default()
    };
    // Many block headers out of one: a table of one long header, named by every block.
    let blocks = 300_000;
    let mut heads = 60_000u16.to_le_bytes().to_vec();
    heads.extend(vec![7; 60_000]);
    heads.extend([0, 0]);
    (0..blocks).for_each(|_| heads.extend([1, 0]));
    let block_heads = vec![
        constant(0, 1, blocks * 4, 0),
        constant(0, 3, blocks, 0x70),
        Unit::stored(0, 4, heads),
    ];
    let chunks = [
        opaque_chunk(
            vec![
                constant(0, 1, 4 * MOST_SOURCE, 0),
                constant(0, 3, MOST_SOURCE, 6),
            ],
            MOST_SOURCE,
        ),
        opaque_chunk(
            vec![
                constant(0, 1, MOST_SOURCE, 1),
                constant(0, 3, MOST_SOURCE / 4, 0x70),
            ],
            MOST_SOURCE / 4,
        ),
        opaque_chunk(block_heads, blocks),
        content(vec![
            constant(1, 8, MOST_CONTENT, 2),
            constant(7, 46, 4 * MOST_CONTENT - 70_000, 0),
        ]),
        content(vec![
            constant(1, 8, 233_000, 0),
            constant(1, 9, 932_000, 0),
            constant(1, 14, 932_000, 0),
        ]),
        verbatim(2, 48),
        verbatim(3, 49),
    ];
    for (number, chunk) in chunks.into_iter().enumerate() {
        let archive = craft::archive(1, &[chunk], b"source", |_, _, value| value);
        judge_made(&archive, b"source", &format!("promise {number}"));
    }
}

#[test]
fn a_reference_table_or_attachment_that_promises_much_takes_little() {
    let _turn = LARGE.lock().unwrap_or_else(PoisonError::into_inner);
    let home = folder();
    let sample = &samples::all()[0];
    let (_, archive) = packed(sample, home.path());
    let parts = Parts::read(&archive);
    // A mebibyte at a time: what this test itself takes counts too.
    let zeros = |mebibytes: u64| {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        (0..mebibytes).for_each(|_| encoder.write_all(&[0; 1 << 20]).unwrap());
        encoder.finish().unwrap()
    };
    for (count, length) in [
        (1u64 << 27, 256 << 20),
        (4 << 20, 8 << 20),
        (36 << 20, 72 << 20),
    ] {
        let mut table = Vec::new();
        craft::put_varint(&mut table, count);
        craft::put_varint(&mut table, length);
        table.extend(zeros(length >> 20));
        let hostile = parts.with_sections(|tag, bytes| {
            if tag == 6 {
                *bytes = table.clone();
            }
        });
        judge_made(&hostile.seal(&parts), &sample.source, "reference table");
    }
    // One attachment of 200 pieces that are small and give a mebibyte each.
    let mut piece = zeros(1);
    piece.extend([0; 4]);
    craft::reseal(&mut piece);
    let mut hostile = parts.clone();
    let at = hostile
        .frames
        .iter()
        .position(|frame| frame.0 == b'A')
        .unwrap();
    hostile.frames[at].1 = piece.clone();
    (0..400).for_each(|_| hostile.frames.insert(at, (b'A', piece.clone())));
    for length in [1u64 << 40, 400 << 20, 64 << 20] {
        let hostile = hostile.with_sections(|tag, bytes| {
            if tag == 8 {
                // Count, kind, naming; then length.
                let mut made = bytes[..6].to_vec();
                craft::put_varint(&mut made, length);
                made.extend([0; 32]);
                made.extend([0, 0]);
                let offset = archive
                    .windows(2)
                    .position(|pair| pair == [b'A', (parts.frames[at].1.len() as u8)]);
                craft::put_varint(&mut made, offset.unwrap() as u64);
                craft::put_varint(&mut made, 400);
                *bytes = made;
            }
        });
        judge_made(&hostile.seal(&parts), &sample.source, "attachment");
    }
}

#[test]
fn a_codec_that_promises_much_takes_little() {
    let _turn = LARGE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder();
    let folder = folder.path();
    count_panics();
    for number in 0..18 * 10 {
        let random = &mut Random::new(number as u64);
        let length = *random.pick(&[1000, 1 << 20, 8 << 20, 32 << 20, 64 << 20]);
        let stored = random.below(60);
        let mut stored = random.bytes(stored);
        if random.one_in(2) {
            // Small numbers are plausible counts, kinds and lengths.
            stored.iter_mut().for_each(|byte| *byte %= 12);
        }
        let unit = Unit {
            codec: (number % 18) as u8,
            stored,
            ..constant(0, 1, length, 0)
        };
        let archive = craft::archive(
            1,
            &[opaque_chunk(vec![unit], 1)],
            b"source",
            |_, _, value| value,
        );
        let path = folder.join("hostile.rv");
        fs::write(&path, archive).unwrap();
        judge(
            &path,
            &folder.join("output"),
            b"source",
            &format!("codec in round {number}"),
        );
    }
}

#[test]
fn a_block_that_reaches_over_many_empty_chunks_does_not_hang() {
    let text = b"0123456789";
    let mut chunks = vec![Chunk {
        kind: 1,
        content_length: 10,
        blocks: 1,
        source_length: 60,
        units: vec![
            Unit::stored(0, 1, 60u32.to_le_bytes().to_vec()),
            Unit::stored(0, 2, 30u32.to_le_bytes().to_vec()),
            Unit::stored(0, 3, vec![0x71]),
            Unit::stored(1, 8, vec![2]),
            Unit::stored(7, 46, 10u32.to_le_bytes().to_vec()),
            Unit::stored(7, 47, text.to_vec()),
        ],
        ..Chunk::default()
    }];
    chunks.extend((0..40).map(|_| raw_chunk(b"x")));
    let source = vec![b'x'; 100];
    assert!(!judge_made(
        &craft::archive(1, &chunks, &source, |_, _, value| value),
        &source,
        "empty chunks"
    ));
}
