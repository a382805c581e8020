//! Tags as the imitated aligners write them, and the mapping qualities that go with them.

use crate::align::Read;
use crate::places::{is_duplicated, write_cigar, write_other_places};
use crate::profile::{Aligner, Profile};
use crate::record::Tags;
use crate::rng::{Rng, dealt};
use crate::window::World;

/// Mapping qualities of reads on repeats that still have a better place, with their weights.
const SOMEWHAT_UNIQUE: [(u8, u32); 16] = [
    (24, 630),
    (25, 322),
    (27, 308),
    (23, 300),
    (22, 132),
    (40, 116),
    (9, 50),
    (7, 42),
    (6, 38),
    (57, 37),
    (12, 28),
    (3, 28),
    (11, 21),
    (18, 21),
    (21, 20),
    (48, 20),
];
/// Score of the next best place minus the score of this one, with weights (XS - AS).
const NEXT_BEST: [(i32, u32); 13] = [
    (0, 17_512),
    (5, 623),
    (-5, 542),
    (2, 84),
    (10, 79),
    (1, 65),
    (-10, 51),
    (4, 48),
    (3, 46),
    (7, 29),
    (-2, 28),
    (-3, 28),
    (-1, 23),
];
/// What the two reads of a template share, and what an aligner thinks of their places.
#[derive(Debug)]
pub struct Pair {
    /// Mapping qualities of the left and right read.
    pub qualities: [u8; 2],
    /// bwa aln's single-end mapping qualities (SM).
    pub alone: [u32; 2],
    /// Places as good (X0) and nearly as good (X1).
    pub places: [(u32, u32); 2],
}

/// Where an alignment lies, as SA tells it.
#[derive(Debug)]
pub struct Place {
    contig: u32,
    position: u32,
    reverse: bool,
    cigar: Vec<u8>,
    quality: u8,
    distance: u32,
}

/// A record that needs tags.
pub struct Standing<'r> {
    /// The alignment of the record.
    pub read: &'r Read,
    /// The other read.
    pub mate: &'r Read,
    /// 0 for the left read, 1 for the right.
    pub index: usize,
    /// Another part of the same read.
    pub split: Option<&'r Place>,
}

impl Place {
    /// Where a read lies.
    pub fn of(read: &Read, quality: u8) -> Place {
        let mut cigar = Vec::new();
        write_cigar(&read.cigar, &mut cigar);
        Place {
            contig: read.contig,
            position: read.position,
            reverse: read.reverse,
            cigar,
            quality,
            distance: read.distance(),
        }
    }
}

impl Pair {
    /// Draws what an aligner thinks of the places of two reads.
    pub fn draw(rng: &mut Rng, world: &World, left: &Read, right: &Read) -> Pair {
        match world.profile.aligner {
            Aligner::BwaMem => Pair::of_mem(rng, world, left, right),
            Aligner::BwaAln => Pair::of_aln(rng, world, left, right),
        }
    }

    /// Mapping qualities on repeats: mostly 0; some kilobases differ enough from their copies.
    fn of_mem(rng: &mut Rng, world: &World, left: &Read, right: &Read) -> Pair {
        let mut drawn = 0;
        let qualities = [left, right].map(|read| {
            let card = dealt(world.seed, 20, read.contig, read.position >> 10, 8);
            let share = [0, 0, 0, 0, 20_000, 150_000, 300_000, 550_000][card as usize];
            if !rng.chance(share) {
                return 0;
            }
            if drawn == 0 || rng.chance(400_000) {
                let weights = SOMEWHAT_UNIQUE.map(|(_, weight)| weight);
                drawn = SOMEWHAT_UNIQUE[rng.pick(&weights)].0;
            }
            drawn
        });
        Pair {
            qualities,
            alone: [0; 2],
            places: [(1, 0); 2],
        }
    }

    /// Mapping qualities on unique sequence: 60, less where a read has several places or is
    /// found by its mate only.
    fn of_aln(rng: &mut Rng, world: &World, left: &Read, right: &Read) -> Pair {
        let repetitive = is_duplicated(world, left);
        let mut places = [(1, 0); 2];
        let mut alone = [0; 2];
        for (index, read) in [left, right].into_iter().enumerate() {
            if repetitive && rng.chance(70_000) {
                places[index] = if rng.chance(500_000) {
                    (2, 0)
                } else {
                    (1, 1 + rng.below(15))
                };
            }
            alone[index] = match places[index] {
                _ if read.rescued => 29,
                (2, _) => 0,
                (_, others) if others > 0 => 23 - others.min(14),
                _ if read.mismatches >= 4 && rng.chance(400_000) => 25,
                _ => 37,
            };
        }
        if left.rescued || right.rescued {
            alone = [29; 2];
        }
        let least = alone[0].min(alone[1]);
        let quality = match least {
            _ if !left.mapped || !right.mapped => 37,
            37 | 25 | 23 => 60,
            29 => 29,
            0 => 0,
            low => 37 + low,
        };
        let qualities = alone.map(|mine| {
            if least == 0 {
                mine as u8
            } else {
                quality as u8
            }
        });
        Pair {
            qualities,
            alone,
            places,
        }
    }
}

/// Fills `out` with the tags of a record.
pub fn write_tags(
    rng: &mut Rng,
    world: &World,
    standing: &Standing,
    pair: &Pair,
    out: &mut Vec<u8>,
) {
    out.clear();
    match world.profile.aligner {
        Aligner::BwaMem => write_mem(rng, world, standing, pair, out),
        Aligner::BwaAln => write_aln(rng, world, standing, pair, out),
    }
}

/// The read group's name.
pub fn read_group(profile: &Profile) -> &'static str {
    match profile.aligner {
        Aligner::BwaMem => "SYNTH12878_45",
        Aligner::BwaAln => "SYNTH12878",
    }
}

fn write_mem(rng: &mut Rng, world: &World, standing: &Standing, pair: &Pair, out: &mut Vec<u8>) {
    let &Standing {
        read, mate, split, ..
    } = standing;
    let group = read_group(world.profile).as_bytes();
    let mut cigar = Vec::new();
    write_cigar(&mate.cigar, &mut cigar);
    let mut tags = Tags(out);
    if !read.mapped {
        tags.text(b"MC", &cigar);
        tags.text(b"RG", group);
        tags.signed(b"AS", 0);
        tags.signed(b"XS", 0);
        return;
    }
    tags.number(b"NM", read.distance());
    tags.text(b"MD", &read.md);
    if mate.mapped {
        tags.text(b"MC", &cigar);
    }
    tags.number(b"AS", read.score as u32);
    let other = read.score + NEXT_BEST[rng.pick(&NEXT_BEST.map(|(_, weight)| weight))].0;
    let longest = world.profile.length as i32;
    tags.number(b"XS", other.clamp(0, longest) as u32);
    tags.text(b"RG", group);
    if let Some(place) = split {
        let name = &world.contigs.list[place.contig as usize].name;
        let strand = if place.reverse { '-' } else { '+' };
        let cigar = String::from_utf8_lossy(&place.cigar);
        let text = format!(
            "{name},{},{strand},{cigar},{},{};",
            place.position + 1,
            place.quality,
            place.distance
        );
        tags.text(b"SA", text.as_bytes());
    }
    write_other_places(rng, world, read, pair, out);
}

fn write_aln(rng: &mut Rng, world: &World, standing: &Standing, pair: &Pair, out: &mut Vec<u8>) {
    let &Standing {
        read, mate, index, ..
    } = standing;
    let mut tags = Tags(out);
    tags.text(b"RG", read_group(world.profile).as_bytes());
    if let Some(length) = read.trimmed {
        tags.number(b"XC", length);
    }
    if !read.mapped {
        return;
    }
    let (best, others) = pair.places[index];
    let kind = if read.rescued {
        b'M'
    } else if best > 1 {
        b'R'
    } else {
        b'U'
    };
    tags.letter(b"XT", kind);
    tags.number(b"NM", read.distance());
    tags.number(b"SM", pair.alone[index]);
    let least = pair.alone[0].min(pair.alone[1]);
    tags.number(b"AM", if mate.mapped { least } else { 0 });
    if !read.rescued {
        tags.number(b"X0", best);
        tags.number(b"X1", others);
    }
    tags.number(b"XM", read.mismatches);
    tags.number(b"XO", read.gaps);
    tags.number(b"XG", read.gap_bases);
    tags.text(b"MD", &read.md);
    write_other_places(rng, world, read, pair, out);
}
