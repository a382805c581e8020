//! What an index tells, and what is refused.

use super::*;

/// A bin: its number, its first offset, its ranges.
type Given<'a> = (u32, u64, &'a [(u64, u64)]);

/// An index of one reference: bins with their first offset and ranges, and windows.
fn index(csi: bool, bins: &[Given<'_>], windows: &[u64]) -> Vec<u8> {
    let mut out = if csi { b"CSI\x01" } else { b"BAI\x01" }.to_vec();
    let mut put = |number: u32| out.extend_from_slice(&number.to_le_bytes());
    if csi {
        [14, 5, 0].into_iter().for_each(&mut put);
    }
    put(1);
    put(bins.len() as u32);
    for &(number, first, ranges) in bins {
        out.extend_from_slice(&number.to_le_bytes());
        if csi {
            out.extend_from_slice(&first.to_le_bytes());
        }
        out.extend_from_slice(&(ranges.len() as u32).to_le_bytes());
        for offset in ranges.iter().flat_map(|&(start, end)| [start, end]) {
            out.extend_from_slice(&offset.to_le_bytes());
        }
    }
    if !csi {
        out.extend_from_slice(&(windows.len() as u32).to_le_bytes());
        for offset in windows {
            out.extend_from_slice(&offset.to_le_bytes());
        }
    }
    out
}

fn found(index: Vec<u8>, start: i64, end: i64) -> Vec<(u64, u64)> {
    let (index, mut found) = (Index::read(index, 1 << 20, 1).unwrap(), Vec::new());
    index.on(0).ranges(start, end, &mut found);
    found.iter().map(|range| (range.start, range.end)).collect()
}

/// Records at the windows 0, 1 and 3, and one over the first two; the totals last.
const BINS: &[Given<'static>] = &[
    (585, 100, &[(200, 300)]),
    (4681, 100, &[(100, 200)]),
    (4682, 200, &[(300, 400)]),
    (4684, 400, &[(400, 500)]),
    (37_450, 0, &[(100, 500), (4 << 40, 0)]),
];

#[test]
fn ranges_are_those_of_all_bins_that_meet_an_interval() {
    for bytes in [
        index(true, BINS, &[]),
        index(false, BINS, &[100, 200, 400, 400]),
    ] {
        let ranges = |start, end| found(bytes.clone(), start, end);
        assert_eq!(ranges(0, 16_384), [(200, 300), (100, 200)]);
        assert_eq!(ranges(16_384, 16_385), [(200, 300), (300, 400)]);
        // Behind the last record that reaches into a window.
        assert_eq!(ranges(3 << 14, i64::MAX), [(400, 500)]);
        assert_eq!(ranges(9 << 14, 10 << 14), []);
        assert_eq!(ranges(0, i64::MAX).len(), 4);
        assert_eq!(ranges(5, 5), []);
    }
}

#[test]
fn totals_are_told_where_all_are_there() {
    let mut bytes = index(false, BINS, &[]);
    let totals = |bytes: &[u8]| Index::read(bytes.to_vec(), 1 << 20, 1).unwrap().totals();
    assert_eq!(totals(&bytes), None);
    bytes.extend_from_slice(&7u64.to_le_bytes());
    assert_eq!(totals(&bytes), Some((vec![[4 << 40, 0]], 7)));
    let mut bytes = index(false, &BINS[..2], &[]);
    bytes.extend_from_slice(&7u64.to_le_bytes());
    assert_eq!(totals(&bytes), None);
}

#[test]
fn what_stands_behind_the_interval_is_left_out() {
    let bins: &[Given<'_>] = &[
        (0, 0, &[(50, 60), (700, 800)]),
        (4681, 0, &[(60, 200)]),
        (4683, 0, &[(150, 160)]),
    ];
    assert_eq!(
        found(index(false, bins, &[]), 0, 1 << 14),
        [(50, 60), (60, 150)]
    );
}

#[test]
fn what_is_no_index_of_the_file_is_refused_with_its_reason() {
    let good = index(true, BINS, &[]);
    let fails = |bytes: Vec<u8>, length, references| {
        let failed = Index::read(bytes, length, references).err();
        failed.unwrap().to_string()
    };
    assert!(fails(good.clone(), 1 << 20, 2).contains("not 2"));
    for length in 0..good.len() {
        fails(good[..length].to_vec(), 1 << 20, 1);
    }
    let far = index(false, &[(4681, 0, &[(0, 9 << 16)])], &[]);
    assert!(fails(far, 8, 1).contains("behind the file's end"));
    let far = index(false, &[], &[9 << 16]);
    assert!(fails(far, 8, 1).contains("behind the file's end"));
    let backwards = index(false, &[(4681, 0, &[(9, 8)])], &[]);
    assert!(fails(backwards, 8, 1).contains("before they start"));
    assert!(fails(b"BAM\x01".to_vec(), 8, 1).contains("no BAI or CSI"));
    let mut deep = good;
    deep[8] = 200;
    assert!(fails(deep, 1 << 20, 1).contains("cannot be"));
}

#[test]
fn a_count_that_promises_much_takes_nothing() {
    let mut bytes = b"BAI\x01".to_vec();
    bytes.extend_from_slice(&1u32.to_le_bytes());
    bytes.extend_from_slice(&u32::MAX.to_le_bytes());
    assert!(Index::read(bytes, 1 << 20, 1).is_err());
}
