//! Stored bytes that must decode to the same for ever: one stream of each codec at least. Never change one; a
//! codec that needs other bytes needs another number.

use crate::codec::mixing::{Decoder, Mixer};
use crate::codec::{Alignments, decode, decode_bases, number};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits
        .chunks_exact(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

fn integers(values: impl IntoIterator<Item = i32>) -> Vec<u8> {
    values.into_iter().flat_map(i32::to_le_bytes).collect()
}

fn assert_golden(codec: u8, stored: &str, decoded: &[u8]) {
    let restored = decode(codec, &bytes(stored), decoded.len());
    assert_eq!(restored.ok().as_deref(), Some(decoded), "codec {codec}");
}

#[test]
fn stored_and_constant_streams_decode_for_ever() {
    assert_golden(number::STORED, "00 ff 10", &[0, 255, 16]);
    assert_golden(number::CONSTANT, "2a", &[42; 1000]);
}

#[test]
fn zstandard_frames_decode_for_ever() {
    // A raw block: frame header without checksum, then 3 bytes.
    assert_golden(
        number::ZSTANDARD,
        "28b52ffd 20 03 19 00 00 41 42 43",
        b"ABC",
    );
}

#[test]
fn packed_symbols_decode_for_ever() {
    assert_golden(
        number::PACKED,
        "03 020b25 00 02 02 a4 02",
        &[2, 11, 37, 37, 37],
    );
    assert_golden(number::PACKED, "02 4e5a 02 02 01 0f", b"ZZZZNNNNZZZZ");
}

#[test]
fn rans_streams_decode_for_ever() {
    let level = |i: usize| {
        if i * i % 7 == 3 || i.is_multiple_of(11) {
            [2, 11, 25][i % 3]
        } else {
            37
        }
    };
    let decoded: Vec<u8> = (0..120).map(level).collect();
    assert_golden(
        number::RANS,
        "040a266c07ec52aed5808a504ca053009f5e250ee2c6ba33",
        &decoded,
    );
    let rare = |i: usize| usize::from(i.is_multiple_of(97) || i % 90 == 7);
    let decoded: Vec<u8> = (0..4200)
        .map(|i| [37, 25, 2, 11][i / 90 % 2 * 2 + rare(i)])
        .collect();
    assert_golden(
        number::RANS,
        "3d010e266c07ecdc5719872309cfaf8342d3ff8712bf683b13097b0300a885db1280930300f93b010022d93800dd9f2c0149\
79e38562286544b0837c93ce0982f541a18745f82178d2efd402e256e7e0825d981a64ae817df3146ac43b326b9cecfd164e\
d0e0cef89b59a508ceb8ad4c9b8953ae69624b078c5cf15e697a70778b9d99f4cad2429ec06532c19d4ee931e28ffbbce1e2\
892575bc467497245112e8fd58ed7d5c09",
        &decoded,
    );
    assert_golden(
        number::RANS,
        "0d010c266c07ecc55e374b8a7cdd0ad3ff8712bf683b13097b0300a885db1280930300f93b010022d93800dd9f2c014979e3\
8562286544b0837c93ce0982f541a18745f82178d2efd402e256e7e0825d981a64ae817df3146ac43b326b9cecfd164ed0e0\
cef89b59a508ceb8ad4c9b8953ae69624b078c5cf15e697a70778b9d99f4cad2429ec06532c19d4ee931e28ffbbce1e28925\
75bc467497245112e8fd58ed7d5c09",
        &decoded,
    );
}

#[test]
fn integers_decode_for_ever() {
    let squares = (0..40).map(|i| i * i * 37 - 500);
    assert_golden(
        number::INTEGERS,
        "4a00282827181e21242526272828292a2a2b2b2c2c2c2d2d2d2d2e2e2e2f2f2f2f303030303030303131313167f5b241e312\
5aa9fb4998ea388bb1a7d8832ca3dadd08b4acc29754f37a38249a8dca7a2dbf211ab92624",
        &integers(squares),
    );
    let flags = [99, 147, 99, 147, 83, 163, 99, 147, 83, 163, -1, 99, 147];
    assert_golden(
        number::INTEGERS,
        "03 05 01530f2f0f 00 0d 0d 02030203010402030104000203",
        &integers(flags),
    );
    assert_golden(
        number::PLANES,
        "00020201ff00020202ff0002020000000202807f",
        &integers([-2_147_483_135, 2_130_771_967]),
    );
}

#[test]
fn columns_decode_for_ever() {
    let name = |i: u32| {
        format!(
            "A1:9:HX:{}:{}:{}\0",
            i % 3 + 1,
            1101 + i * 7 % 5,
            i * i * 313 % 30011
        )
    };
    let names: String = (0..12).map(name).collect();
    assert_golden(
        number::COLUMNS,
        "0c000106000841313a393a48583a0100013a0100013a0105300c4a030c0802020300020248020530104a030c0a0304052c00\
03034204119a0005301e48000c0c0020282d30333537383a2933397940c8232560fa803c61126c05",
        names.as_bytes(),
    );
    // Two shapes with every kind of column, and a copy.
    let stored = "05010014140000000000000000000000000000000002000000020400012d0100013a02030303040502000404000101000008\
0807000000ffffff7f000808050000007b000000000505616200630000020201000005050078797a0000040450515253";
    let decoded = b"-7:005\0cPQ\0abxyzRS\0-2147483647:123\0abxyzRS\0";
    assert_golden(number::COLUMNS, stored, decoded);
}

#[test]
fn repeats_decode_for_ever() {
    let stored =
        "001212414347544143475454544741434341544741000404110000000004041000000000040411000000";
    assert_golden(
        number::REPEATS,
        stored,
        b"ACGTACGTTTGACCATGACGTACGTTTGACCATA",
    );
}

#[test]
fn bases_decode_for_ever() {
    let alignments = Alignments {
        reference: &[0, 0, 0],
        position: &[254, 254, 9],
        lengths: &[4, 4, 2],
        cigar_counts: &[1, 1, 1],
        cigar: &[4 << 4, 4 << 4, 2 << 4 | 4],
    };
    let stored =
        "03 00 01 01 01 00 04 04 06000000 00 01 01 0f 00 04 04 04000000 00 05 05 0001020300";
    let bases = decode_bases(number::BASES, &alignments, &bytes(stored), 10);
    assert_eq!(
        bases.ok().as_deref(),
        Some(&[1, 2, 4, 8, 1, 2, 8, 8, 15, 1][..])
    );
}

// The stored bytes below were made by a second hand that knew only `spec/codecs.md`.

#[test]
fn mixed_texts_decode_for_ever() {
    assert_golden(
        number::MIXED_TEXT,
        "bfaf25e8226dad1ccafdfd968b83a8f9a3987a8cd388d5362c98c2d5c86e560f0a5138e900e9f7abe4f29a84bd219c5b",
        b"@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:c1\tLN:100000\n@SQ\tSN:c2\tLN:5000\n@SQ\tSN:c3\tLN:5100\n",
    );
}

#[test]
fn mixed_numbers_decode_for_ever() {
    let stored = bytes(
        "fc1f99374e3569292cf51c4c1d96613b23c09effffadb8a6cdf0000000001012dbc300ffffffffe8406460e3bbe910e62c85\
463fddd7df50",
    );
    let numbers = [
        0,
        1,
        -1,
        2,
        -7,
        100,
        -5000,
        65_535,
        1 << 20,
        -(1 << 40),
        i64::MAX,
        i64::MIN,
        3,
        3,
        3,
        -7,
        -7,
        100,
        100,
    ];
    let mut decoder = Decoder::new(&stored);
    let mut mixer = Mixer::<2, 1>::new(10, 255);
    for (at, number) in (0..).zip(numbers) {
        assert_eq!(mixer.signed(&mut decoder, 0, &[1, at % 3], 3), number);
    }
    for at in 0..40 {
        let flag = mixer.flag(&mut decoder, false, &[at % 5, 0], 9);
        assert_eq!(flag, at % 5 == 2);
        let symbol = mixer.symbol(&mut decoder, 0, 5, &[at % 11, 1], 7, 30);
        assert_eq!(symbol, at * at % 11);
    }
    decoder.finish().unwrap();
}
