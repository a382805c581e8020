//! Other places of a read in a genome with duplicated stretches, as the tag XA lists them.

use crate::align::{DELETION, INSERTION, MATCH, Read};
use crate::rng::{Rng, dealt};
use crate::tags::Pair;
use crate::window::World;
use std::io::Write;

/// Copies of a duplicated stretch.
const COPIES: u64 = 7;
/// Length of a stretch that was duplicated as a whole, in bits: 32,768 bases.
const COPY_BITS: u32 = 15;

/// XA: the same read on other copies of a duplicated stretch. Copies have fixed places and
/// fixed differences, so that neighbouring reads agree on them.
pub(crate) fn write_other_places(
    rng: &mut Rng,
    world: &World,
    read: &Read,
    pair: &Pair,
    out: &mut Vec<u8>,
) {
    let profile = world.profile;
    let listed = profile.listed[usize::from(!is_duplicated(world, read))];
    if !rng.chance(listed) || pair.places[0].0 > 2 {
        return;
    }
    let stretch = [
        world.seed,
        u64::from(read.contig),
        u64::from(read.position >> COPY_BITS),
    ];
    let mut places: Vec<(u32, Vec<u8>)> = (0..COPIES)
        .map(|copy| other_place(world, read, &stretch, copy))
        .collect();
    places.sort_by_key(|(distance, _)| *distance);
    let count = 1 + rng.pick(&profile.places);
    out.extend_from_slice(b"XAZ");
    for (_, text) in places.iter().take(count) {
        out.extend_from_slice(text);
    }
    out.push(0);
}

/// Whether a read starts in a kilobase that stands several times in the genome.
pub(crate) fn is_duplicated(world: &World, read: &Read) -> bool {
    let card = dealt(world.seed, 21, read.contig, read.position >> 10, 16);
    card < world.profile.duplicated
}

/// One entry of XA, and its edit distance.
fn other_place(world: &World, read: &Read, stretch: &[u64; 3], copy: u64) -> (u32, Vec<u8>) {
    let key =
        |what: u64, at: u64| Rng::keyed(&[stretch[0], stretch[1], stretch[2], copy, what, at]);
    let mut place = key(30, 0);
    let contigs = &world.contigs.list;
    let contig = &contigs[place.below(contigs.len().min(180) as u32) as usize];
    let inverted = place.chance(500_000);
    let offset = place.below(1 << 28) % contig.length.max(1);
    let inside = read.position & ((1 << COPY_BITS) - 1);
    let position = match inverted {
        false => offset + inside,
        true => offset + (1 << COPY_BITS) - inside - (read.end - read.position),
    };
    let mut distance = read.distance();
    for bin in read.position / 100..=read.end / 100 {
        distance += key(31, u64::from(bin)).pick(&[60, 28, 12]) as u32;
    }
    let mut cigar = read.cigar.clone();
    let mut indel = key(32, u64::from(read.position >> 10));
    if indel.chance(150_000) && cigar.len() == 1 && cigar[0] & 15 == MATCH {
        let site = (read.position >> 10 << 10) + indel.below(1 << 10);
        let length = 1 + indel.pick(&[10, 3, 1, 2]) as u32;
        let whole = cigar[0] >> 4;
        let before = site.saturating_sub(read.position);
        if site > read.position + 5 && before + length + 5 < whole {
            distance += length;
            cigar = match indel.chance(500_000) {
                true => vec![
                    before << 4 | MATCH,
                    length << 4 | DELETION,
                    (whole - before) << 4 | MATCH,
                ],
                false => vec![
                    before << 4 | MATCH,
                    length << 4 | INSERTION,
                    (whole - before - length) << 4 | MATCH,
                ],
            };
        }
    }
    if inverted {
        cigar.reverse();
    }
    let strand = if read.reverse ^ inverted { '-' } else { '+' };
    // Writing to a vector cannot fail.
    let mut text = Vec::new();
    let _ = write!(text, "{},{strand}{},", contig.name, position + 1);
    write_cigar(&cigar, &mut text);
    let _ = write!(text, ",{distance};");
    (distance, text)
}

/// Appends the text of a CIGAR.
pub(crate) fn write_cigar(cigar: &[u32], out: &mut Vec<u8>) {
    for operation in cigar {
        let letter = b"MIDNSHP=X"[(operation & 15).min(8) as usize] as char;
        // Writing to a vector cannot fail.
        let _ = write!(out, "{}{letter}", operation >> 4);
    }
}
