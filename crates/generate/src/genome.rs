//! The synthetic genome: bases, repeats and the variants of the sampled molecules, made window
//! by window from the seed, with no file and nothing kept.
//!
//! Bases follow the order-2 composition of human DNA (few CpG), with copies of repeat families
//! and short tandem repeats laid over them. A window is a function of seed, contig and number,
//! so any thread can make any window at any time.

use crate::rng::{Ppm, Rng};

/// Bases of a window. A template is shorter than that, so a read that starts in a window ends
/// in the same or the next one.
pub const WINDOW: u32 = 1 << 14;
/// Haplotypes (on repeats: copies of the repeat) that reads may come from.
pub const HAPLOTYPES: u32 = 8;
/// Repeat families, of 300 bases and more each.
const FAMILIES: u32 = 24;
/// What follows each pair of bases (AA, AC, ..., TT), in 256ths; from human chromosome 20.
const COMPOSITION: [[u32; 4]; 16] = [
    [99, 37, 54, 66],
    [102, 54, 11, 89],
    [86, 51, 61, 58],
    [74, 41, 60, 81],
    [73, 50, 66, 67],
    [93, 63, 11, 89],
    [58, 62, 65, 71],
    [52, 57, 69, 78],
    [91, 36, 68, 61],
    [92, 66, 11, 87],
    [85, 54, 59, 58],
    [65, 45, 69, 77],
    [83, 42, 50, 81],
    [88, 65, 8, 95],
    [71, 52, 63, 70],
    [59, 51, 48, 98],
];

/// A place where molecules differ from the reference.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Position on the contig, from 0.
    pub position: u32,
    /// What stands there instead.
    pub change: Change,
    /// One bit per haplotype that has it.
    pub haplotypes: u8,
}

/// What a variant does to the bases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another base (0 to 3) here.
    Base(u8),
    /// So many bases from here on are missing.
    Deletion(u32),
    /// These bases stand before this one.
    Insertion(Vec<u8>),
}

/// How dense variants are, and which haplotypes have them.
#[derive(Clone, Debug)]
pub struct Diversity {
    /// Sites with another base, per base.
    pub sites: Ppm,
    /// Sites with an insertion or deletion, per base.
    pub indels: Ppm,
    /// Weights of the number of haplotypes (1 to 8) that have a variant.
    pub sharing: [u32; 8],
    /// Whether some haplotypes are further from the reference than others, as copies of a
    /// repeat are; else four and four haplotypes are the two of a person.
    pub outgroups: bool,
}

/// A stretch of the genome: two neighbouring windows.
pub struct Stretch {
    /// Position of the first base on its contig.
    pub start: u32,
    /// Bases, 0 to 3 for A, C, G, T.
    pub bases: Vec<u8>,
    /// In ascending order of position.
    pub variants: Vec<Variant>,
}

impl Stretch {
    /// The window of this number and the next one.
    pub fn new(seed: u64, contig: u32, window: u32, diversity: &Diversity) -> Stretch {
        let mut stretch = Stretch {
            start: window.saturating_mul(WINDOW),
            bases: Vec::with_capacity(2 * WINDOW as usize),
            variants: Vec::new(),
        };
        for number in [window, window.saturating_add(1)] {
            let mut rng = Rng::keyed(&[seed, u64::from(contig), u64::from(number), 1]);
            let mut bases = markov(&mut rng, WINDOW);
            lay_repeats(seed, &mut rng, &mut bases);
            let start = number.saturating_mul(WINDOW);
            vary(&mut rng, start, &bases, diversity, &mut stretch.variants);
            stretch.bases.append(&mut bases);
        }
        stretch
    }

    /// The base at a position of the contig; A beyond the stretch.
    pub fn base(&self, position: u32) -> u8 {
        let index = position.wrapping_sub(self.start) as usize;
        self.bases.get(index).copied().unwrap_or(0)
    }
}

/// Random bases of human composition.
pub fn markov(rng: &mut Rng, length: u32) -> Vec<u8> {
    let mut bases = Vec::with_capacity(length as usize);
    let mut context = 0usize;
    for _ in 0..length {
        let mut left = rng.below(256);
        let mut base = 0u8;
        for &share in &COMPOSITION[context] {
            if left < share {
                break;
            }
            left -= share;
            base += 1;
        }
        let base = base.min(3);
        context = (context << 2 | usize::from(base)) & 15;
        bases.push(base);
    }
    bases
}

/// Lays copies of repeat families and short tandem repeats over the bases of a window.
fn lay_repeats(seed: u64, rng: &mut Rng, bases: &mut [u8]) {
    for _ in 0..4 {
        let family = rng.below(FAMILIES);
        let mut source = Rng::keyed(&[seed, u64::from(family), 2]);
        let length = 300 + source.below(1200);
        let consensus = markov(&mut source, length);
        // Copies have aged: up to a fifth of their bases has changed.
        let age = 20_000 + rng.below(180_000);
        let at = rng.below(WINDOW) as usize;
        for (place, &base) in bases[at..].iter_mut().zip(&consensus) {
            *place = if rng.chance(age) {
                rng.below(4) as u8
            } else {
                base
            };
        }
    }
    for _ in 0..3 {
        let unit = 1 + rng.below(5) as usize;
        let copies = 8 + rng.below(20) as usize;
        let at = rng.below(WINDOW - 256) as usize;
        for index in at + unit..at + unit * copies {
            bases[index] = bases[index - unit];
        }
    }
}

/// Draws the variants of a window.
fn vary(rng: &mut Rng, start: u32, bases: &[u8], diversity: &Diversity, out: &mut Vec<Variant>) {
    for (index, &base) in bases.iter().enumerate() {
        let drawn = rng.below(1_000_000);
        if drawn >= diversity.sites + diversity.indels {
            continue;
        }
        let change = if drawn < diversity.sites {
            Change::Base(another_base(rng, base))
        } else {
            let length = 1 + rng.pick(&[60, 12, 6, 14, 2, 2, 1, 3]) as u32;
            if rng.chance(550_000) {
                Change::Deletion(length)
            } else {
                Change::Insertion(markov(rng, length))
            }
        };
        // Indels that most copies of a repeat share would be part of the reference.
        let shared = match change {
            Change::Base(_) => 8,
            _ if diversity.outgroups => 2,
            _ => 8,
        };
        let count = 1 + rng.pick(&diversity.sharing[..shared]) as u32;
        let haplotypes = which_haplotypes(rng, count, diversity.outgroups);
        out.push(Variant {
            position: start + index as u32,
            change,
            haplotypes,
        });
    }
}

/// The haplotypes that share a variant, one bit each.
fn which_haplotypes(rng: &mut Rng, count: u32, outgroups: bool) -> u8 {
    if count == 4 && !outgroups {
        return if rng.chance(500_000) { 0x0F } else { 0xF0 };
    }
    let mut haplotypes = 0u8;
    while haplotypes.count_ones() < count {
        let mut drawn = rng.below(HAPLOTYPES);
        if outgroups {
            drawn = drawn.min(rng.below(HAPLOTYPES));
        }
        haplotypes |= 1 << drawn;
    }
    haplotypes
}

/// Another base than this one: twice as often a transition (A-G, C-T) as in all other cases.
fn another_base(rng: &mut Rng, base: u8) -> u8 {
    match rng.below(3) {
        0 | 1 => base ^ 2,
        _ => (base + 1 + 2 * rng.below(2) as u8) & 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(window: u32) -> Stretch {
        let diversity = Diversity {
            sites: 2_000,
            indels: 200,
            sharing: [1; 8],
            outgroups: false,
        };
        Stretch::new(5, 3, window, &diversity)
    }

    #[test]
    fn neighbouring_stretches_agree_where_they_overlap() {
        let (here, next) = (stretch(10), stretch(11));
        assert_eq!(here.bases[WINDOW as usize..], next.bases[..WINDOW as usize]);
        assert_eq!(here.base(next.start + 7), next.base(next.start + 7));
    }

    #[test]
    fn variants_ascend_and_change_something() {
        let here = stretch(10);
        assert!(here.variants.len() > 30);
        assert!(
            here.variants
                .windows(2)
                .all(|pair| pair[0].position < pair[1].position)
        );
        for variant in &here.variants {
            assert_ne!(variant.haplotypes, 0);
            assert_ne!(variant.change, Change::Base(here.base(variant.position)));
        }
    }
}
