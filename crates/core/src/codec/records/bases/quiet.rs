//! Aligned bases whose position has hardly ever been disputed: almost all equal what was seen there before.
//!
//! Up to 256 of them share one decision "is there another that differs?". If there is, the first is found by halving.
//! Both rest on a risk for each base, a product of factors that are learnt: how well known the position is, how late
//! in the read, which base behind which, and how near the last that differed.

use crate::codec::mixing::{Coder, Mixer};

/// Bases that share a decision.
pub(super) const BLOCK: usize = 256;
/// Classes of what is known of a position: by how often the top base was seen and how often others; see [`class`].
const CLASSES: usize = 64;
/// The class of positions that are too much disputed for this.
pub(super) const DISPUTED: u8 = 255;
/// Classes by distance from the last base that differed: 1, 2, 3-4, 5-8, 9-16.
const NEAR: [u8; 16] = [0, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4];
/// A factor of one.
const ONE: u32 = 1 << 12;
/// Risks are in 1/2^22; a base's is bounded to between these.
const LEAST: u32 = 1 << 5;
const MOST: u32 = 1 << 20;

/// A factor of the risk by class, and what is counted to correct it.
#[derive(Clone)]
struct Factor {
    values: Vec<u32>,
    /// Bases that differed, and the sum of risks, since the last correction.
    differed: Vec<u32>,
    expected: Vec<u64>,
}

impl Factor {
    fn new(values: Vec<u32>) -> Self {
        Self {
            differed: vec![0; values.len()],
            expected: vec![0; values.len()],
            values,
        }
    }

    /// Moves each value by what differed against what was expected, both with 12 more.
    fn correct(&mut self) {
        for at in 0..self.values.len() {
            let more = 12 << 22;
            let differed = (u64::from(self.differed[at]) << 22) + more;
            let expected = self.expected[at] + more;
            // Differed may be much more than expected; both are below 2^54.
            let ratio = (differed.min(expected * 8) * 256 / expected) as u32;
            self.values[at] =
                (u64::from(self.values[at]) * u64::from(ratio) >> 8).clamp(16, 1 << 20) as u32;
            self.differed[at] = 0;
            self.expected[at] = 0;
        }
    }
}

/// What is known about the record as a whole: numbers that tell risky records from others.
#[derive(Clone, Copy, Default)]
pub(super) struct Manner {
    pub(super) strand: u32,
    pub(super) mapq: u32,
    pub(super) clipped: u32,
    pub(super) mate: u32,
    pub(super) disputes: u32,
}

/// A base that is coded here.
#[derive(Clone, Copy, Default)]
pub(super) struct Known {
    /// Its index within the record.
    pub(super) index: usize,
    pub(super) place: usize,
    pub(super) class: u8,
    /// Below 32: how near the end of its segment it is, and what that ends at.
    pub(super) edge: u8,
}

/// A base's classes, and its risk.
#[derive(Clone, Copy, Default)]
pub(super) struct Detail {
    class: u8,
    edge: u8,
    /// Below 64.
    cycle: u8,
    /// Below 2,048.
    pub(super) motif: u16,
    risk: u32,
}

impl Detail {
    /// The classes of a base.
    pub(super) fn new(known: &Known, cycle: u8, motif: u16) -> Self {
        Self {
            class: known.class,
            edge: known.edge,
            cycle,
            motif,
            risk: 0,
        }
    }
}

/// See the module's head.
#[derive(Clone)]
pub(super) struct Quiet {
    known: Factor,
    edge: Factor,
    cycle: Factor,
    motif: Factor,
    near: Factor,
    /// Which factor is counted now, and bases counted.
    turn: usize,
    counted: u32,
    rounds: u32,
    /// Blocks coded, and whether this one is counted: later every fourth is.
    blocks: u32,
    counts: bool,
    flags: Mixer<6, 1>,
    /// The risk of all bases of the block, from their positions' classes alone.
    total: u32,
    /// The bases of the block, once one of them differed.
    details: Vec<Detail>,
    sums: Vec<u32>,
    last: u32,
    /// Classes by how often the top base was seen and, in steps of 256, how often others were, up to 15.
    classes: Box<[u8; 4096]>,
}

impl Quiet {
    pub(super) fn new() -> Self {
        Self {
            known: Factor::new(vec![20_000; CLASSES]),
            edge: Factor::new(vec![ONE; 32]),
            cycle: Factor::new(vec![ONE; 64]),
            motif: Factor::new(vec![ONE; 2048]),
            near: Factor::new(vec![ONE; 5]),
            turn: 0,
            counted: 0,
            rounds: 0,
            blocks: 0,
            counts: true,
            flags: Mixer::new(9, 1023),
            total: 0,
            details: Vec::with_capacity(BLOCK),
            sums: Vec::with_capacity(BLOCK + 1),
            last: 0,
            classes: Box::new(std::array::from_fn(|at| {
                class((at % 256) as u8, (at / 256) as u8)
            })),
        }
    }

    /// The class of a position: [`DISPUTED`], or a number below 32.
    #[inline]
    pub(super) fn class(&self, agree: u8, other: [u8; 4]) -> u8 {
        let sum = match u32::from_le_bytes(other) {
            0 => 0,
            _ => other
                .iter()
                .map(|&count| u32::from(count))
                .sum::<u32>()
                .min(15),
        };
        self.classes[sum as usize * 256 + usize::from(agree)]
    }

    /// Turns to a block.
    pub(super) fn take(&mut self, block: &[Known]) {
        let risks = block
            .iter()
            .map(|base| bounded(self.place_risk(base.class, base.edge)));
        self.total = risks.sum();
        self.details.clear();
    }

    /// Codes where the first base of the block that differs is, at `from` or behind; none if there is none. `detail` gives a
    /// base's classes, `differs` says whether it differs when encoding; `differed` bases of the record did before.
    pub(super) fn next<C: Coder>(
        &mut self,
        coder: &mut C,
        (block, from): (&[Known], usize),
        (manner, differed): (Manner, u32),
        detail: impl Fn(&Known) -> Detail,
        differs: impl Fn(&Known) -> bool,
    ) -> Option<usize> {
        if from == block.len() {
            return None;
        }
        let risk = if from == 0 {
            self.total
        } else {
            self.sum(from);
            self.sums[block.len()] - self.sums[from]
        };
        let first = if C::DECODES {
            block.len()
        } else {
            let rest = block[from..].iter();
            from + rest.take_while(|base| !differs(base)).count()
        };
        let another = self.another(coder, first < block.len(), manner, differed, risk);
        if from == 0 && (another || self.counts) {
            self.look(block, detail);
        }
        if !another {
            self.count(from, block.len(), false);
            return None;
        }
        let at = self.search(coder, first, from);
        self.count(from, at, true);
        for (base, class) in self.details[at + 1..].iter_mut().zip(NEAR) {
            let near = self.near.values[usize::from(class)];
            base.risk = bounded(u64::from(base.risk) * u64::from(near) >> 12);
        }
        Some(at)
    }

    /// The risk of a base by its place alone.
    #[inline]
    fn place_risk(&self, class: u8, edge: u8) -> u64 {
        let risk = u64::from(self.known.values[usize::from(class)]);
        risk * u64::from(self.edge.values[usize::from(edge)]) >> 12
    }

    /// Looks at the bases of the block one by one.
    fn look(&mut self, block: &[Known], detail: impl Fn(&Known) -> Detail) {
        for base in block {
            let mut detail = detail(base);
            let risk = self.place_risk(detail.class, detail.edge)
                * u64::from(self.cycle.values[usize::from(detail.cycle)])
                >> 12;
            detail.risk =
                bounded(risk * u64::from(self.motif.values[usize::from(detail.motif)]) >> 12);
            self.details.push(detail);
        }
        self.sum(0);
    }

    /// Sums risks from `start` on; `sums[k]` is that of the bases before `k`.
    fn sum(&mut self, start: usize) {
        if start == 0 {
            self.sums.clear();
            self.sums.push(0);
        }
        self.sums.truncate(start + 1);
        let mut sum = self.sums[start];
        for base in &self.details[start..] {
            sum += base.risk;
            self.sums.push(sum);
        }
    }

    /// Whether there is another base that differs.
    fn another<C: Coder>(
        &mut self,
        coder: &mut C,
        another: bool,
        manner: Manner,
        differed: u32,
        risk: u32,
    ) -> bool {
        let risk = risk.max(1 << 6);
        let octave = risk.ilog2();
        let fine = octave * 4 + (risk >> (octave - 2) & 3);
        let half = fine / 2;
        let seen = differed.min(7);
        let contexts = [
            fine | seen.min(1) << 8,
            half | seen << 8 | manner.clipped << 12,
            octave | manner.mapq << 8 | seen.min(3) << 12,
            octave | manner.strand << 8 | seen.min(3) << 12 | self.last.min(2) << 16,
            half | manner.disputes << 8 | seen.min(3) << 12,
            half | manner.mate << 8 | seen.min(3) << 12,
        ];
        self.flags.turn(&contexts, 1);
        self.flags
            .bit(coder, another, 1, (seen * 32 + fine / 4) as usize)
    }

    /// Finds the first base that differs at `start` or behind.
    fn search<C: Coder>(&mut self, coder: &mut C, first: usize, start: usize) -> usize {
        let (mut low, mut high) = (start, self.details.len());
        while high - low > 1 {
            let (bottom, top) = (self.sums[low], self.sums[high]);
            let half = bottom + (top - bottom) / 2;
            let inner = &self.sums[low + 1..high];
            let middle = low + 1 + inner.partition_point(|&sum| sum < half);
            let middle = middle.min(high - 1);
            let (left, right) = (self.sums[middle] - bottom, top - self.sums[middle]);
            // (1 - e^-left) / (1 - e^-(left + right)), nearly.
            let p = (u64::from(left) << 16) / u64::from(left + right);
            let p = p + (p * u64::from(right.min(1 << 22)) >> 23);
            let p = (p as u32).clamp(256, 65_280);
            if coder.code(first < middle, p) {
                high = middle;
            } else {
                low = middle;
            }
        }
        low
    }

    /// Counts the bases from `start` to `end`, which agree, and the one at `end` if it differed.
    fn count(&mut self, start: usize, end: usize, differed: bool) {
        if !self.counts {
            return;
        }
        let last = if differed { end + 1 } else { end };
        for (at, base) in self.details[start..last].iter().enumerate() {
            let (factor, class) = match self.turn {
                0 => (&mut self.known, usize::from(base.class)),
                1 => (&mut self.cycle, usize::from(base.cycle)),
                2 => (&mut self.motif, usize::from(base.motif)),
                3 => (&mut self.edge, usize::from(base.edge)),
                // The bases before the first that differed are near none.
                _ if start == 0 => break,
                _ => match NEAR.get(at) {
                    Some(&class) => (&mut self.near, usize::from(class)),
                    None => break,
                },
            };
            factor.expected[class] += u64::from(base.risk);
            if start + at == end {
                factor.differed[class] += 1;
            }
        }
    }

    /// Ends a block of so many bases: corrects a factor when enough was counted.
    pub(super) fn end(&mut self, length: usize) {
        if self.counts {
            self.counted += length as u32;
        }
        self.blocks = self.blocks.wrapping_add(1);
        self.counts = self.rounds < 3 || self.blocks.is_multiple_of(4);
        if self.counted < 1 << (11 + self.rounds.min(3)) {
            return;
        }
        match self.turn {
            0 => self.known.correct(),
            1 => self.cycle.correct(),
            2 => self.motif.correct(),
            3 => self.edge.correct(),
            _ => self.near.correct(),
        }
        self.counted = 0;
        self.turn = (self.turn + 1) % 5;
        self.rounds += u32::from(self.turn == 0 && self.rounds < 3);
    }

    /// Says how many bases of a record differed, for the records that follow.
    pub(super) fn finish(&mut self, differed: u32) {
        self.last = differed;
    }
}

/// A risk within its bounds.
fn bounded(risk: u64) -> u32 {
    risk.clamp(LEAST.into(), MOST.into()) as u32
}

/// The class of a position whose top base was seen `agree` times and others `other` times.
fn class(agree: u8, other: u8) -> u8 {
    let (agree, other) = (u32::from(agree), u32::from(other));
    if other == 15 || agree < 16 * other {
        return DISPUTED;
    }
    let known = match agree {
        0..4 => agree,
        4..6 => 4,
        6..9 => 5,
        9..13 => 6,
        13..20 => 7,
        20..32 => 8,
        32..64 => 9,
        64..128 => 10,
        128..255 => 11,
        _ => 12,
    };
    let class = match other {
        0 => known,
        1 => known + 6,
        2 => known + 10,
        3..6 => known + 14,
        _ => known + 17,
    };
    class.min(31) as u8
}
