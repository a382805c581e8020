//! Bases of aligned records: exact for any records, small for reads that overlap.

use super::{assert_damage_is_survived, noise};
use crate::Error;
use crate::codec::bases::encode_bases;
use crate::codec::{Alignments, Encoded, decode_bases, number};
use proptest::prelude::*;

/// Records and their bases, owned.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    reference: Vec<i32>,
    position: Vec<i32>,
    lengths: Vec<u32>,
    cigar_counts: Vec<u32>,
    pub(super) cigar: Vec<u32>,
    pub(super) bases: Vec<u8>,
}

impl Reads {
    pub(super) fn view(&self) -> Alignments<'_> {
        Alignments {
            reference: &self.reference,
            position: &self.position,
            lengths: &self.lengths,
            cigar_counts: &self.cigar_counts,
            cigar: &self.cigar,
        }
    }

    /// Reference, position, CIGAR and bases of each read.
    pub(super) fn each(&self) -> impl Iterator<Item = (i32, i32, &[u32], &[u8])> {
        let (mut cigar, mut bases) = (&self.cigar[..], &self.bases[..]);
        (0..self.lengths.len()).map(move |read| {
            let count = (self.cigar_counts[read] as usize).min(cigar.len());
            let own_cigar = cigar.split_off(..count).unwrap_or_default();
            let own = bases.split_off(..self.lengths[read] as usize);
            let (reference, position) = (self.reference[read], self.position[read]);
            (reference, position, own_cigar, own.unwrap_or_default())
        })
    }

    /// Moves all reads, and changes an operation.
    pub(super) fn change(&mut self) {
        self.position
            .iter_mut()
            .for_each(|position| *position += 1000);
        self.cigar[3] += 16;
    }

    pub(super) fn push(&mut self, reference: i32, position: i32, cigar: &[u32], bases: &[u8]) {
        self.reference.push(reference);
        self.position.push(position);
        self.lengths.push(bases.len() as u32);
        self.cigar_counts.push(cigar.len() as u32);
        self.cigar.extend(cigar);
        self.bases.extend(bases);
    }
}

/// Overlapping reads of one genome with errors, clips, gaps and Ns.
pub(super) fn reads(count: usize) -> Reads {
    let genome: Vec<u8> = noise(11)
        .map(|value| [1, 2, 4, 8][(value % 4) as usize])
        .take(5000)
        .collect();
    let mut random = noise(12);
    let mut next = |below: usize| random.next().unwrap() as usize % below;
    let mut reads = Reads::default();
    for index in 0..count {
        let start = index * 4000 / count;
        let mut bases = genome[start..start + 60].to_vec();
        bases.extend(&genome[start + 300..start + 340]);
        for _ in 0..next(3) {
            bases[next(100)] = [1, 2, 4, 8, 15, 0, 5][next(7)];
        }
        let cigar = [
            4 | 3 << 4,
            57 << 4,
            3 | 240 << 4,
            7 | 30 << 4,
            1 | 2 << 4,
            2 | 2 << 4,
            8 | 8 << 4,
        ];
        let reference = if next(20) == 0 { -1 } else { 0 };
        reads.push(reference, start as i32 + 3, &cigar, &bases);
    }
    reads
}

fn assert_bases_exact(reads: &Reads) -> Encoded {
    let encoded = encode_bases(&reads.view(), &reads.bases);
    let restored = decode_bases(
        encoded.codec,
        &reads.view(),
        &encoded.stored,
        reads.bases.len(),
    );
    assert!(restored.is_ok_and(|bases| bases == reads.bases));
    encoded
}

#[test]
fn overlapping_reads_cost_much_less_than_two_bits_a_base() {
    let reads = reads(2000);
    let encoded = assert_bases_exact(&reads);
    assert!(
        encoded.stored.len() * 20 < reads.bases.len(),
        "{} bytes",
        encoded.stored.len()
    );
}

#[test]
fn damaged_bases_are_refused_or_keep_their_length() {
    let reads = reads(60);
    let encoded = assert_bases_exact(&reads);
    let length = reads.bases.len();
    assert_damage_is_survived(&encoded, length, |codec, stored| {
        decode_bases(codec, &reads.view(), stored, length)
    });
}

#[test]
fn bases_with_other_alignments_are_refused_or_keep_their_length() {
    let reads = reads(60);
    let encoded = assert_bases_exact(&reads);
    let mut other = reads.clone();
    other.change();
    match decode_bases(
        encoded.codec,
        &other.view(),
        &encoded.stored,
        reads.bases.len(),
    ) {
        Ok(bases) => assert_eq!(bases.len(), reads.bases.len()),
        Err(error) => assert!(matches!(error, Error::Damaged(_))),
    }
    other.lengths[0] = u32::MAX;
    let refused = decode_bases(
        encoded.codec,
        &other.view(),
        &encoded.stored,
        reads.bases.len(),
    );
    assert!(matches!(refused, Err(Error::Damaged(_))));
}

#[test]
fn reads_far_apart_come_back() {
    let mut reads = Reads::default();
    for index in 0..6000 {
        reads.push(
            index % 3,
            index.wrapping_mul(350_003) & i32::MAX,
            &[2 << 4],
            &[1, 8],
        );
    }
    assert_bases_exact(&reads);
}

#[test]
fn fields_of_different_lengths_are_encoded_without_prediction() {
    let mut reads = reads(10);
    reads.position.pop();
    assert_ne!(assert_bases_exact(&reads).codec, number::BASES);
}

prop_compose! {
    pub(super) fn any_record()(
        reference in prop_oneof![4 => 0..3i32, 1 => any::<i32>()],
        position in prop_oneof![4 => 0..2000i32, 1 => any::<i32>()],
        bases in prop::collection::vec(prop_oneof![9 => prop::sample::select(vec![1u8, 2, 4, 8]), 1 => 0..16u8], 0..120),
        cigar in prop::collection::vec(prop_oneof![9 => (0..10u32, 0..40u32), 1 => (0..16u32, any::<u32>())], 0..6),
        fits in any::<bool>(),
    ) -> (i32, i32, Vec<u32>, Vec<u8>) {
        let operations = cigar.iter().map(|&(operation, count)| operation | count << 4).collect();
        let whole = vec![4, (bases.len() as u32) << 4];
        (reference, position, if fits { whole } else { operations }, bases)
    }
}

proptest! {
    #[test]
    fn any_records_come_back(records in prop::collection::vec(any_record(), 0..60), missing in 0..4usize) {
        let mut reads = Reads::default();
        for (reference, position, cigar, bases) in &records {
            reads.push(*reference, *position, cigar, bases);
        }
        // Operations that the counts promise may be missing.
        reads.cigar.truncate(reads.cigar.len().saturating_sub(missing));
        assert_bases_exact(&reads);
    }
}
