//! The contigs of the synthetic genome: as many and as long as those of a human assembly, with
//! the main chromosomes' real names and lengths. Only names and lengths: the bases are our own.

use crate::genome::WINDOW;
use crate::rng::Rng;

/// Lengths of chromosomes 1 to 22, X and Y in GRCh38.
const GRCH38: [u32; 24] = [
    248_956_422,
    242_193_529,
    198_295_559,
    190_214_555,
    181_538_259,
    170_805_979,
    159_345_973,
    145_138_636,
    138_394_717,
    133_797_422,
    135_086_622,
    133_275_309,
    114_364_328,
    107_043_718,
    101_991_189,
    90_338_345,
    83_257_441,
    80_373_285,
    58_617_616,
    64_444_167,
    46_709_983,
    50_818_468,
    156_040_895,
    57_227_415,
];
/// Lengths of chromosomes 1 to 22, X and Y in hg19.
const HG19: [u32; 24] = [
    249_250_621,
    243_199_373,
    198_022_430,
    191_154_276,
    180_915_260,
    171_115_067,
    159_138_663,
    146_364_022,
    141_213_431,
    135_534_747,
    135_006_516,
    133_851_895,
    115_169_878,
    107_349_540,
    102_531_392,
    90_354_753,
    81_195_210,
    78_077_248,
    59_128_983,
    63_025_520,
    48_129_895,
    51_304_566,
    155_270_560,
    59_373_566,
];
/// Unplaced pieces of an assembly with decoys.
const UNPLACED: u32 = 168;
/// Decoy contigs.
const DECOYS: u32 = 1998;
/// Decoys named after a clone.
const CLONES: u32 = 387;

/// A contig's name and length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contig {
    /// As in the header's SN.
    pub name: String,
    /// In bases.
    pub length: u32,
}

/// All contigs of an assembly, in the header's order.
#[derive(Debug)]
pub struct Contigs {
    /// Their names and lengths.
    pub list: Vec<Contig>,
    /// Number of windows before each contig.
    windows_before: Vec<u32>,
}

impl Contigs {
    /// The 25 contigs of hg19, mitochondrion first.
    pub fn hg19() -> Contigs {
        let mut list = vec![contig("chrM", 16_571)];
        list.extend(chromosomes(&HG19));
        Contigs::new(list)
    }

    /// GRCh38 with unplaced pieces and decoys, their names and lengths from the seed.
    pub fn grch38(seed: u64) -> Contigs {
        let mut rng = Rng::keyed(&[seed, 3]);
        let mut list: Vec<Contig> = chromosomes(&GRCH38).collect();
        list.push(contig("chrMT", 16_569));
        for number in 0..UNPLACED {
            let name = match number {
                0..42 => format!("chr{}_KI{}v1_random", 1 + number / 2, 270_706 + number),
                _ => format!("chrUn_KI{}v1", 270_302 + number * 2 + rng.below(2)),
            };
            let size = 10 + rng.below(8);
            let length = 970 + rng.below(1 << size);
            list.push(contig(&name, length));
        }
        list.push(contig("chrEBV", 171_823));
        for number in 0..CLONES {
            let name = format!("chrUn_KN{}v1_decoy", 707_606 + number);
            let size = 9 + rng.below(5);
            list.push(contig(&name, 1_000 + rng.below(1 << size)));
        }
        let mut length = 25_000;
        for number in 0..DECOYS {
            if number % 400 == 399 {
                length = 4_000 + rng.below(6_000);
            }
            // Sorted by length within each delivery.
            length -= rng.below((length - 1_000) / 90 + 1);
            list.push(contig(
                &format!("chrUn_JTFH0100{:04}v1_decoy", number + 1),
                length,
            ));
        }
        Contigs::new(list)
    }

    fn new(list: Vec<Contig>) -> Contigs {
        let windows = |contig: &Contig| contig.length / WINDOW;
        let windows_before = list.iter().scan(0, |before, contig| {
            let here = *before;
            *before += windows(contig);
            Some(here)
        });
        Contigs {
            windows_before: windows_before.collect(),
            list,
        }
    }

    /// Windows of the main chromosomes; only these are covered by reads.
    pub fn windows(&self) -> u32 {
        let last = self.list.iter().position(|contig| contig.name == "chrY");
        last.map_or(0, |last| {
            self.windows_before
                .get(last + 1)
                .copied()
                .unwrap_or_else(|| self.windows_before[last] + self.list[last].length / WINDOW)
        })
    }

    /// The contig of a window, and the window's number in it.
    pub fn locate(&self, window: u32) -> (u32, u32) {
        let contig = self
            .windows_before
            .partition_point(|&before| before <= window)
            - 1;
        (contig as u32, window - self.windows_before[contig])
    }

    /// Whether a window is the last whole one of its contig: what comes after it is not covered.
    pub fn is_last(&self, window: u32) -> bool {
        let (contig, inside) = self.locate(window);
        inside + 1 >= self.list[contig as usize].length / WINDOW
    }

    /// The window at a position of the contig of this name.
    pub fn window_at(&self, name: &str, position: u32) -> u32 {
        let contig = self
            .list
            .iter()
            .position(|contig| contig.name == name)
            .unwrap_or(0);
        self.windows_before[contig] + position / WINDOW
    }
}

fn contig(name: &str, length: u32) -> Contig {
    Contig {
        name: name.to_string(),
        length,
    }
}

fn chromosomes(lengths: &[u32; 24]) -> impl Iterator<Item = Contig> + '_ {
    lengths
        .iter()
        .enumerate()
        .map(|(index, &length)| match index {
            22 => contig("chrX", length),
            23 => contig("chrY", length),
            _ => contig(&format!("chr{}", index + 1), length),
        })
}
