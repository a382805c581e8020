//! Bases predicted by the few before them: all four probabilities at once, the more from the longer context the more often
//! that was seen.

/// Bases of the two contexts.
const SHORT: u32 = 3;
const LONG: u32 = 7;

/// Lanes of what a context knows: bounds between the four bases, of 32,768, and how often it was seen.
const LANES: usize = 4;
/// The lane of how often it was seen.
const SEEN: usize = 3;

/// How often a context of each kind was seen at most: that bounds how slowly it learns.
const MOST_SHORT: i16 = 127;
const MOST_LONG: i16 = 31;

/// How far bounds move, of 65,536, by how often the context was seen.
static RATES: [i16; 128] = {
    let mut rates = [0; 128];
    let mut seen = 0;
    while seen < 128 {
        rates[seen] = (131_072 / (2 * seen as i32 + 5)) as i16;
        seen += 1;
    }
    rates
};

/// Where each base moves the bounds. Bounds stay 32 apart.
static TARGETS: [[i16; LANES]; 4] = {
    let mut targets = [[0; LANES]; 4];
    let mut base = 0;
    while base < 4 {
        let mut at = 0;
        while at < 3 {
            let away = 32 * if base <= at { 3 - at } else { at + 1 } as i16;
            targets[base][at] = if base <= at { i16::MAX - away } else { away };
            at += 1;
        }
        base += 1;
    }
    targets
};

/// The longer context's share, of 65,536, by how often it was seen; half of it, as it must fit.
static SHARES: [i16; MOST_LONG as usize + 1] = {
    let mut shares = [0; MOST_LONG as usize + 1];
    let mut seen = 0;
    while seen < shares.len() {
        let linear = if seen < 22 { 6 * seen } else { 44 + 4 * seen };
        shares[seen] = (if linear > 0 { linear + 2 } else { 0 }) as i16 * 128;
        seen += 1;
    }
    shares
};

/// A part of a number: `of` / 65,536.
#[inline(always)]
fn share(number: i16, of: i16) -> i16 {
    (i32::from(number) * i32::from(of) >> 16) as i16
}

/// What a context knows.
pub(super) type Four = [i16; LANES];

/// Learns a base.
#[inline(always)]
fn learn(four: &mut Four, base: u8, most: i16) {
    let seen = four[SEEN];
    let rate = RATES[seen as usize & 127];
    let targets = &TARGETS[usize::from(base & 3)];
    for (value, target) in four.iter_mut().zip(targets) {
        *value += share(target.wrapping_sub(*value), rate);
    }
    four[SEEN] = (seen + 1).min(most);
}

/// See the module's head.
#[derive(Clone)]
pub(super) struct Letters {
    short: Vec<Four>,
    long: Vec<Four>,
}

impl Letters {
    pub(super) fn new() -> Self {
        const NEW: Four = [1 << 13, 2 << 13, 3 << 13, 0];
        Self {
            short: vec![NEW; 1 << (2 * SHORT)],
            long: vec![NEW; 1 << (2 * LONG)],
        }
    }

    /// Bounds between the four bases behind others, two bits each, the last lowest; of 32,768.
    #[inline(always)]
    pub(super) fn bounds(&self, before: u64) -> Four {
        let mut bounds = self.short[before as usize & ((1 << (2 * SHORT)) - 1)];
        let long = self.long[before as usize & ((1 << (2 * LONG)) - 1)];
        let half = SHARES[long[SEEN] as usize & 31];
        for (bound, long) in bounds.iter_mut().zip(long) {
            *bound += share(long.wrapping_sub(*bound), half) * 2;
        }
        bounds
    }

    /// Learns a base behind others.
    #[inline(always)]
    pub(super) fn learn(&mut self, base: u8, before: u64) {
        let short = &mut self.short[before as usize & ((1 << (2 * SHORT)) - 1)];
        learn(short, base, MOST_SHORT);
        let long = &mut self.long[before as usize & ((1 << (2 * LONG)) - 1)];
        learn(long, base, MOST_LONG);
    }
}

/// Moves bounds towards a base that is expected with probability `p` (of 65,536), if that is more than a quarter.
#[inline(always)]
pub(super) fn expect(bounds: &mut Four, expected: u8, p: u32) {
    // A quarter of the rest is the expected base, too.
    let weight = (p as i32 - 16_384).max(0) * 2 / 3;
    for (at, bound) in bounds.iter_mut().enumerate() {
        let goal = if usize::from(expected) <= at {
            32_767
        } else {
            0
        };
        *bound += ((goal - i32::from(*bound)) * weight >> 15) as i16;
    }
}

/// Bounds, of 65,536, that leave each base a part.
#[inline(always)]
pub(super) fn apart(bounds: Four) -> [u32; 3] {
    std::array::from_fn(|at| {
        let bound = i32::from(bounds[at]);
        (2 * (bound - (bound >> 10) + 8 * (at as i32 + 1))) as u32
    })
}
