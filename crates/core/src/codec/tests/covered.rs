//! Bases on a reference of the stream's own: exact for any records, and tags that follow from it.

use super::assert_damage_is_survived;
use super::bases::{Reads, any_record, reads};
use crate::Error;
use crate::codec::covered::{Covered, Differences, Revealed, decode, encode};
use crate::codec::records::ReferenceBases;
use crate::codec::{Encoded, number};
use proptest::prelude::*;

/// Nothing is known of the reference.
const NOTHING: Revealed<'static> = Revealed {
    mds: &[],
    given: None,
};

fn encode_exactly(reads: &Reads, revealed: Revealed<'_>) -> (Encoded, Covered) {
    let (encoded, covered) = encode(&reads.view(), &reads.bases, revealed).expect("encoded");
    assert_eq!(encoded.codec, number::COVERED);
    let length = reads.bases.len();
    let decoded = decode(&reads.view(), &encoded.stored, length, revealed.given);
    let (bases, same) = decode_ok(decoded);
    assert_eq!(bases, reads.bases);
    assert_eq!(tags(reads, &same), tags(reads, &covered));
    (encoded, covered)
}

fn decode_ok<T>(result: crate::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// NM and MD of all records.
fn tags(reads: &Reads, covered: &Covered) -> Vec<Option<(u32, String)>> {
    let mut differences = Differences::new(covered);
    let of = |(reference, position, cigar, bases): (i32, i32, &[u32], &[u8])| {
        let mut text = Vec::new();
        let count = differences.of(reference, position, cigar, bases, &mut text)?;
        Some((count, String::from_utf8_lossy(&text).into_owned()))
    };
    reads.each().map(of).collect()
}

/// A read of `AAAAAAAAAA` with some bases changed.
fn read(reads: &mut Reads, position: i32, cigar: &[u32], changes: &[(usize, u8)]) {
    let on_read = |operation: &u32| match operation & 15 {
        0 | 1 | 4 | 7 | 8 => operation >> 4,
        _ => 0,
    };
    let mut bases = vec![1; cigar.iter().map(on_read).sum::<u32>() as usize];
    for &(at, code) in changes {
        bases[at] = code;
    }
    reads.push(0, position, cigar, &bases);
}

#[test]
fn overlapping_reads_cost_much_less_than_two_bits_a_base() {
    let reads = reads(2000);
    let (encoded, _) = encode_exactly(&reads, NOTHING);
    assert!(
        encoded.stored.len() * 20 < reads.bases.len(),
        "{} bytes",
        encoded.stored.len()
    );
}

#[test]
fn md_tells_the_reference_and_follows_from_it() {
    let mut reads = Reads::default();
    let (m, i, d, s, n) = (0, 1, 2, 4, 3);
    read(&mut reads, 100, &[10 << 4 | m], &[(3, 2)]);
    read(&mut reads, 102, &[5 << 4 | m, 2 << 4 | d, 5 << 4 | m], &[]);
    read(
        &mut reads,
        104,
        &[
            2 << 4 | s,
            3 << 4 | m,
            4 << 4 | i,
            3 << 4 | m,
            9 << 4 | n,
            2 << 4 | m,
        ],
        &[(0, 8), (6, 15), (13, 15)],
    );
    read(&mut reads, 300, &[3 << 4 | d, 4 << 4 | m], &[(0, 2)]);
    let mds: [&[u8]; 4] = [b"3G6", b"1G3^AA5", b"7N0", b"0^ACM0A3"];
    let revealed = Revealed {
        mds: &mds,
        given: None,
    };
    let (_, covered) = encode_exactly(&reads, revealed);
    let told = tags(&reads, &covered);
    let told = |at: usize| told[at].as_ref().map(|(nm, md)| (*nm, md.as_str()));
    assert_eq!(told(0), Some((1, "3G6")));
    assert_eq!(told(1), Some((3, "1G3^AA5")));
    assert_eq!(told(2), Some((4, "8")));
    assert_eq!(told(3), Some((4, "0^ACM0A3")));
}

#[test]
fn mds_that_make_no_sense_do_no_harm() {
    let all: [&[u8]; 9] = [
        b"",
        b"x",
        b"3",
        b"99999999999999999999",
        b"3^",
        b"0A0A0A0A0A0A0A0A0A0A0A",
        b"^AC",
        b"3G",
        b"1?2",
    ];
    for md in all {
        let mut reads = Reads::default();
        read(&mut reads, 5, &[4 << 4, 2 << 4 | 2, 4 << 4], &[(1, 8)]);
        read(&mut reads, 7, &[4 << 4], &[(1, 15)]);
        let revealed = Revealed {
            mds: &[md, md],
            given: None,
        };
        encode_exactly(&reads, revealed);
    }
}

#[test]
fn what_equal_and_different_bases_say_is_used_where_it_is_so() {
    let mut right = Reads::default();
    for position in 0..40 {
        read(&mut right, position, &[9 << 4 | 7, 1 << 4 | 8], &[(9, 4)]);
    }
    let mds = vec![&b"9A0"[..]; 40];
    let revealed = Revealed {
        mds: &mds,
        given: None,
    };
    let (exact, _) = encode_exactly(&right, revealed);
    let mut wrong = right.clone();
    let last = wrong.bases.len() - 2;
    wrong.bases[last] = 2;
    let (plain, _) = encode_exactly(&wrong, revealed);
    assert_eq!((exact.stored[0] & 4, plain.stored[0] & 4), (4, 0));
}

/// A reference of As, but for one place of which nothing is known.
struct Given;

impl ReferenceBases for Given {
    fn base(&self, _: i32, position: i64) -> Option<u8> {
        (position != 103).then_some(1)
    }
}

#[test]
fn what_a_given_reference_tells_is_not_stored_and_needed_again() {
    let mut reads = Reads::default();
    for position in 0..2000 {
        read(&mut reads, position, &[50 << 4], &[(7, 2)]);
    }
    let given = Revealed {
        mds: &[],
        given: Some(&Given),
    };
    let (encoded, _) = encode_exactly(&reads, given);
    let length = reads.bases.len();
    let refused = decode(&reads.view(), &encoded.stored, length, None);
    assert!(matches!(refused, Err(Error::Damaged(_))));
}

#[test]
fn long_deletions_do_not_make_a_reference_of_gaps() {
    let mut reads = Reads::default();
    let cigar: Vec<u32> = (0..200).flat_map(|_| [1 << 4, 4096 << 4 | 2]).collect();
    read(&mut reads, 0, &cigar, &[]);
    let mds: [&[u8]; 1] = [b"1"];
    let revealed = Revealed {
        mds: &mds,
        given: None,
    };
    let (encoded, _) = encode_exactly(&reads, revealed);
    assert!(encoded.stored.len() < 100);
    let mut hostile = encoded.stored.clone();
    hostile[0] |= 1;
    let refused = decode(&reads.view(), &hostile, reads.bases.len(), None);
    assert!(matches!(refused, Err(Error::Damaged(_))));
}

#[test]
fn damaged_bases_are_refused_or_keep_their_length() {
    let reads = reads(60);
    let (encoded, _) = encode_exactly(&reads, NOTHING);
    let length = reads.bases.len();
    assert_damage_is_survived(&encoded, length, |_, stored| {
        decode(&reads.view(), stored, length, None).map(|(bases, _)| bases)
    });
}

#[test]
fn bases_with_other_alignments_are_refused_or_keep_their_length() {
    let reads = reads(60);
    let (encoded, _) = encode_exactly(&reads, NOTHING);
    let length = reads.bases.len();
    let mut other = reads.clone();
    other.change();
    match decode(&other.view(), &encoded.stored, length, None) {
        Ok((bases, _)) => assert_eq!(bases.len(), length),
        Err(error) => assert!(matches!(error, Error::Damaged(_))),
    }
    let refused = decode(&other.view(), &encoded.stored, length + 1, None);
    assert!(matches!(refused, Err(Error::Damaged(_))));
}

#[test]
fn a_stream_decodes_for_ever() {
    let mut reads = Reads::default();
    read(&mut reads, 100, &[10 << 4], &[(3, 2)]);
    read(&mut reads, 102, &[2 << 4 | 4, 5 << 4], &[(0, 8), (4, 15)]);
    // Options; ten As; a C one base and an N four bases after the start; T, A.
    let stored = [
        &[0][..],
        &[0, 0, 0, 0, 0, 0, 2, 10, 1, 0],
        &[0, 2, 2, 1, 19, 0, 8, 8, 3, 0, 0, 0, 8, 0, 0, 0],
        &[0, 0, 0, 0, 0, 0, 0, 2, 2, 3, 0],
    ];
    let decoded = decode(&reads.view(), &stored.concat(), reads.bases.len(), None);
    assert_eq!(decode_ok(decoded).0, reads.bases);
}

proptest! {
    #[test]
    fn any_records_come_back(
        records in prop::collection::vec((any_record(), "[0-9]{0,3}([ACGTN^][0-9]{1,2}){0,4}"), 0..60),
        missing in 0..4usize,
        told in any::<bool>(),
    ) {
        let mut reads = Reads::default();
        for ((reference, position, cigar, bases), _) in &records {
            reads.push(*reference, *position, cigar, bases);
        }
        // Operations that the counts promise may be missing.
        reads.cigar.truncate(reads.cigar.len().saturating_sub(missing));
        let mds: Vec<&[u8]> = records.iter().map(|(_, md)| md.as_bytes()).collect();
        let revealed = Revealed { mds: if told { &mds } else { &[] }, given: None };
        if reads.bases.is_empty() {
            prop_assert!(encode(&reads.view(), &reads.bases, revealed).is_none());
        } else {
            encode_exactly(&reads, revealed);
        }
    }
}
