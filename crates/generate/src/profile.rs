//! The two kinds of run that are imitated, as numbers: what the sequencer, the library and the
//! aligner do. All figures were measured on one public file of each kind (`tests/interop`
//! compares the outcome with them, field by field).

use crate::genome::Diversity;
use crate::rng::Ppm;

/// Which aligner's habits the records follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aligner {
    /// bwa-mem2: local alignment, soft clips, tags NM MD MC AS XS RG SA XA.
    BwaMem,
    /// bwa aln and sampe: trimmed by quality, tags RG XC XT NM SM AM X0 X1 XM XO XG MD XA.
    BwaAln,
}

/// How read names number clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowCell {
    /// Wells on a hexagonal lattice.
    Patterned,
    /// Clusters anywhere.
    Random,
}

/// A kind of run.
#[derive(Debug)]
pub struct Profile {
    /// The name on the command line.
    pub name: &'static str,
    /// Text of the quality model.
    pub model: &'static str,
    /// Records' habits.
    pub aligner: Aligner,
    /// Name coordinates.
    pub flow_cell: FlowCell,
    /// Instrument, run and flow cell: the start of every name.
    pub prefix: &'static str,
    /// Lanes of the flow cell.
    pub lanes: u32,
    /// Swaths of a surface and tiles of a swath.
    pub swaths: u32,
    /// Tiles of a swath.
    pub tiles: u32,
    /// Cycles.
    pub length: u32,
    /// Weights of the bases trimmed from the end of a read (0, 1, 2, ...).
    pub trimmed: &'static [u32],
    /// Template lengths: parts per thousand below, bases.
    pub template: &'static [(u32, u32)],
    /// Depth of coverage without `--depth`, in reads per base times read length.
    pub depth: u32,
    /// Unevenness of coverage: levels in percent that kilobases have, equally often.
    pub levels: &'static [u32],
    /// Chance of an error by quality; levels in between take the nearest below.
    pub errors: &'static [(u8, Ppm)],
    /// How reads differ in their errors: percent of the chance above, equally often.
    pub spread: &'static [u32],
    /// Weights of what an error reads instead of A, C, G, T, in sequencing direction.
    pub substitutions: [[u32; 4]; 4],
    /// Variants of the sampled molecules.
    pub diversity: Diversity,
    /// Haplotypes that templates are drawn from.
    pub haplotypes: u32,
    /// Templates that are there twice.
    pub duplicates: Ppm,
    /// Reads whose end does not belong to the genome.
    pub tails: Ppm,
    /// Lengths of such ends: parts per thousand below, bases.
    pub tail_length: &'static [(u32, u32)],
    /// Templates of which one read is not aligned.
    pub half_mapped: Ppm,
    /// Templates whose reads lie far apart, per start.
    pub far: Ppm,
    /// Far templates of which one read spans both places, leaving two alignments.
    pub split: Ppm,
    /// Kilobases of sixteen that have been duplicated in the genome, so that reads have other
    /// places.
    pub duplicated: u32,
    /// Reads with few enough other places to be listed in XA, within such kilobases and outside.
    pub listed: [Ppm; 2],
    /// Weights of listing one to five places.
    pub places: [u32; 5],
    /// Expected bytes of BAM per record at zlib level 6, for `--size` and the choice of a start.
    pub record_bytes: u32,
    /// Where coverage starts when the file is small: contig and position.
    pub start: (&'static str, u32),
}

/// A NovaSeq 6000 whole genome run with four quality levels, on repetitive sequence.
pub static NOVASEQ: Profile = Profile {
    name: "novaseq",
    model: include_str!("tables/novaseq.txt"),
    aligner: Aligner::BwaMem,
    flow_cell: FlowCell::Patterned,
    prefix: "A00301:17:HW7KVDSXY",
    lanes: 2,
    swaths: 4,
    tiles: 88,
    length: 151,
    trimmed: &[16_600, 2_030, 380, 128, 42, 28, 25, 15, 11, 11, 6, 8],
    template: &[
        (0, 151),
        (10, 201),
        (50, 275),
        (100, 309),
        (250, 358),
        (500, 413),
        (750, 476),
        (900, 539),
        (950, 582),
        (990, 680),
        (999, 792),
        (1000, 848),
    ],
    depth: 80,
    levels: &[
        37, 53, 58, 65, 73, 80, 86, 92, 97, 104, 112, 117, 122, 128, 136, 147, 165,
    ],
    errors: &[(2, 1_000_000), (12, 76_000), (23, 5_500), (37, 350)],
    spread: &[2, 4, 8, 15, 30, 60, 100, 180, 500],
    substitutions: [[0, 15, 9, 9], [36, 0, 4, 8], [10, 7, 0, 36], [52, 7, 16, 0]],
    diversity: Diversity {
        sites: 9_300,
        indels: 1_150,
        sharing: [80, 10, 4, 3, 2, 1, 1, 2],
        outgroups: true,
    },
    haplotypes: 8,
    duplicates: 7_700,
    tails: 23_500,
    tail_length: &[
        (0, 2),
        (300, 10),
        (600, 26),
        (800, 50),
        (900, 72),
        (1000, 120),
    ],
    half_mapped: 4_600,
    far: 17_000,
    split: 110_000,
    duplicated: 5,
    listed: [203_000, 12_000],
    places: [6, 4, 87, 317, 899],
    record_bytes: 62,
    start: ("chr22", 12_861_440),
};

/// A HiSeq 2000 whole genome run with 38 quality levels, on unique sequence.
pub static HISEQ: Profile = Profile {
    name: "hiseq",
    model: include_str!("tables/hiseq.txt"),
    aligner: Aligner::BwaAln,
    flow_cell: FlowCell::Random,
    prefix: "HSQ1009:86:D0L6RACXX",
    lanes: 4,
    swaths: 3,
    tiles: 8,
    length: 101,
    trimmed: &[1],
    template: &[
        (0, 101),
        (10, 136),
        (50, 199),
        (100, 232),
        (250, 276),
        (500, 319),
        (750, 364),
        (900, 409),
        (950, 438),
        (990, 503),
        (999, 625),
        (1000, 797),
    ],
    depth: 53,
    levels: &[84, 88, 91, 94, 97, 100, 103, 106, 109, 112, 116],
    errors: &[
        (2, 1_000_000),
        (5, 312_000),
        (6, 242_000),
        (7, 160_000),
        (8, 134_000),
        (9, 114_000),
        (10, 99_000),
        (11, 60_000),
        (12, 50_000),
        (13, 23_000),
        (14, 32_000),
        (16, 22_000),
        (17, 18_000),
        (19, 12_500),
        (21, 7_000),
        (23, 6_700),
        (25, 3_000),
        (28, 1_500),
        (29, 800),
        (34, 300),
        (36, 150),
        (39, 80),
    ],
    spread: &[2, 5, 10, 25, 50, 90, 170, 350],
    substitutions: [
        [0, 13, 20, 13],
        [12, 0, 6, 19],
        [17, 5, 0, 11],
        [14, 20, 17, 0],
    ],
    diversity: Diversity {
        sites: 2_900,
        indels: 260,
        sharing: [56, 6, 4, 46, 4, 2, 2, 29],
        outgroups: false,
    },
    haplotypes: 8,
    duplicates: 5_700,
    tails: 7_500,
    tail_length: &[(0, 5), (300, 20), (600, 40), (900, 60), (1000, 75)],
    half_mapped: 6_000,
    far: 2_500,
    split: 0,
    duplicated: 1,
    listed: [80_000, 1_500],
    places: [80, 15, 5, 3, 2],
    record_bytes: 75,
    start: ("chr20", 9_994_240),
};
