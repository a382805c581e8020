//! Where the last bases stood before, on either strand: what followed there is likely to follow again.

use super::super::plain::flag;
use crate::codec::mixing::{Coder, Slot};

/// Rows of so many last bases lead to where they stood: the longer is surer, the shorter is found sooner.
const ORDERS: [u32; 2] = [24, 13];
/// Bases kept.
const RING: usize = 1 << 18;
/// Entries of a table of rows, as a power of two.
const ENTRIES: u32 = 16;
/// One in so many rows is put into the tables.
const EACH: u32 = 2;
/// What an entry is known by: upper bits, and one that tells it from an empty one.
const CHECKED: u32 = 0xfff0_0001;
/// While fewer bases agree, another place is looked for.
const UNSURE: u32 = 16;
/// Bases that share a decision, and how many must have been right before them.
pub(super) const RUN: usize = 16;
const LONG: u32 = 20;

/// The last bases before one, two bits each, the last lowest, and the reverse complement of them, its last base highest.
#[derive(Clone, Copy, Default)]
pub(super) struct Before {
    pub(super) forward: u64,
    reverse: u64,
    /// How many there are, at most 32.
    count: u32,
}

/// Hashes of the rows of each order, the same for both strands, each with the strand it is.
type Keys = [(u64, bool); ORDERS.len()];

impl Before {
    /// Goes on by a base.
    #[inline(always)]
    pub(super) fn push(&mut self, base: u8) {
        self.forward = self.forward << 2 | u64::from(base);
        self.reverse = self.reverse >> 2 | u64::from(3 - base) << 62;
        self.count = (self.count + 1).min(32);
    }

    #[inline(always)]
    fn keys(self) -> Keys {
        ORDERS.map(|order| {
            let forward = self.forward & (u64::MAX >> (64 - 2 * order));
            let reverse = self.reverse >> (64 - 2 * order);
            let key = forward.min(reverse).wrapping_add(1);
            (key.wrapping_mul(0xD6E8_FEB8_6659_FD93), reverse < forward)
        })
    }
}

/// A row of bases that is followed.
#[derive(Clone, Copy)]
struct Followed {
    /// The position of the next base.
    at: u32,
    /// Whether positions go down, and each base is complemented.
    turned: bool,
    /// Whether only the hash of the bases before it says so.
    blind: bool,
    /// Bases that agreed since the last that did not.
    length: u32,
    /// Which of the last 8 did not.
    misses: u8,
}

impl Followed {
    /// Goes on by a base that was, or was not, the one expected.
    #[inline(always)]
    fn step(&mut self, right: bool) {
        self.length = if right { (self.length + 1).min(255) } else { 0 };
        self.misses = self.misses << 1 | u8::from(!right);
        self.at = if self.turned {
            self.at.wrapping_sub(1)
        } else {
            self.at.wrapping_add(1)
        };
    }

    /// A class of how likely the next base is right, below 128.
    #[inline(always)]
    fn class(&self) -> usize {
        let length = match self.length {
            0..4 => self.length,
            4..16 => 3 + self.length / 4,
            16..32 => 5 + self.length / 8,
            _ => 4 + self.length.ilog2(),
        };
        length as usize * 8 + (self.misses.count_ones() as usize).min(7)
    }
}

/// Where a line of bases has come to.
#[derive(Clone, Copy, Default)]
pub(super) struct Line {
    pub(super) before: Before,
    followed: Option<Followed>,
    /// Bases left of a run in which one is known to be other than expected.
    doomed: usize,
}

impl Line {
    /// A line that starts behind bases.
    pub(super) fn behind(bases: impl Iterator<Item = u8>) -> Self {
        let mut line = Self::default();
        for base in bases {
            line.before.push(base);
        }
        line
    }

    /// Passes a base that is known.
    pub(super) fn pass(&mut self, base: u8) {
        self.before.push(base);
        self.followed = None;
    }
}

/// See the module's head.
#[derive(Clone)]
pub(super) struct Guide {
    /// The bases that no place knew, the last [`RING`] of them.
    ring: Vec<u8>,
    /// How many there were.
    count: u32,
    /// Where rows of each order stood last: what they are known by, a position, a strand.
    tables: [Vec<u32>; ORDERS.len()],
    /// Whether the row followed is right, by how blindly it is and by its class.
    right: Vec<Slot>,
    /// Whether it is for a whole run, by its class.
    runs: Vec<Slot>,
    /// Whether it is within a run for which it is not, by the bases left of that.
    doomed: Vec<Slot>,
}

impl Guide {
    pub(super) fn new() -> Self {
        Self {
            ring: Vec::new(),
            count: 0,
            tables: std::array::from_fn(|_| vec![0; 1 << ENTRIES]),
            right: vec![Slot::NEW; 2 * 128],
            runs: vec![Slot::NEW; 128],
            doomed: vec![Slot::NEW; RUN],
        }
    }

    /// The base at a position, complemented if the row is turned, if it is still there.
    #[inline(always)]
    fn base(&self, at: u32, turned: bool) -> Option<u8> {
        let back = self.count.wrapping_sub(at).wrapping_sub(1);
        if back as usize >= self.ring.len() {
            return None;
        }
        let base = self.ring[at as usize & (RING - 1)];
        Some(if turned { 3 - base } else { base })
    }

    /// Looks for a row to follow, unless one is followed and has been right for long; gives what it expects, if there is any.
    #[inline(always)]
    pub(super) fn expect(&self, line: &mut Line) -> Option<u8> {
        let agreed = line.followed.map_or(0, |followed| followed.length);
        if agreed < UNSURE
            && let Some(found) = self.find(line.before, agreed)
        {
            line.followed = Some(found);
            line.doomed = 0;
        }
        let followed = line.followed?;
        let expected = self.base(followed.at, followed.turned);
        if expected.is_none() {
            line.followed = None;
        }
        expected
    }

    /// Finds where the last bases stood, if they agree in more than `least`.
    #[inline(always)]
    fn find(&self, before: Before, least: u32) -> Option<Followed> {
        let [long, short] = before.keys();
        let [first, second] = &self.tables;
        let entry = first[place(long.0)];
        if entry & CHECKED == check(long.0) && before.count >= ORDERS[0] {
            let found = self.look(before, (entry, long.1), ORDERS[0], least);
            if found.is_some() {
                return found;
            }
        }
        let entry = second[place(short.0)];
        if entry & CHECKED == check(short.0) && before.count >= ORDERS[1] {
            return self.look(before, (entry, short.1), ORDERS[1], least);
        }
        None
    }

    /// Looks at a place where the last bases are likely to have stood. If they do not agree there, the first of them were
    /// no bases of the ring, and it can be followed all the same, but not backwards.
    fn look(
        &self,
        before: Before,
        (entry, strand): (u32, bool),
        order: u32,
        least: u32,
    ) -> Option<Followed> {
        // The last position that this may be.
        let back = self.count.wrapping_sub(entry >> 2) & (RING as u32 - 1);
        let next = self.count.wrapping_sub(back);
        let turned = strand != (entry & 2 == 2);
        let at = if turned {
            next.wrapping_sub(order + 1)
        } else {
            next
        };
        let length = self.agreement(before, at, turned);
        let blind = length < order;
        let fits = if blind {
            !turned && least == 0
        } else {
            length > least
        };
        fits.then_some(Followed {
            at,
            turned,
            blind,
            length: if blind { length.min(3) } else { length },
            misses: 0,
        })
    }

    /// How many of the last bases agree with those that lead to a position.
    fn agreement(&self, before: Before, at: u32, turned: bool) -> u32 {
        let mut length = 0;
        while length < before.count {
            let there = if turned {
                at.wrapping_add(1 + length)
            } else {
                at.wrapping_sub(1 + length)
            };
            let own = (before.forward >> (2 * length) & 3) as u8;
            if self.base(there, turned) != Some(own) {
                break;
            }
            length += 1;
        }
        length
    }

    /// The next bases of the row followed, if it has long been right and they may share a decision.
    #[inline(always)]
    pub(super) fn run(&self, line: &Line) -> Option<[u8; RUN]> {
        let followed = line.followed?;
        if line.doomed > 0 || followed.length < LONG {
            return None;
        }
        let mut run = [0; RUN];
        for (more, base) in (0..).zip(&mut run) {
            let at = if followed.turned {
                followed.at.wrapping_sub(more)
            } else {
                followed.at.wrapping_add(more)
            };
            *base = self.base(at, followed.turned)?;
        }
        Some(run)
    }

    /// Codes whether a run is right.
    #[inline(always)]
    pub(super) fn is_right<C: Coder>(
        &mut self,
        coder: &mut C,
        right: bool,
        line: &mut Line,
    ) -> bool {
        let class = line.followed.map_or(0, |followed| followed.class());
        let right = flag(coder, right, &mut self.runs[class]);
        if !right {
            line.doomed = RUN;
        }
        right
    }

    /// How likely the row followed is right.
    #[inline(always)]
    pub(super) fn trust(&mut self, line: &Line) -> &mut Slot {
        match line.followed {
            _ if line.doomed > 0 => &mut self.doomed[line.doomed - 1],
            None => &mut self.right[0],
            Some(followed) => &mut self.right[usize::from(followed.blind) * 128 + followed.class()],
        }
    }

    /// Goes on by a base; `expected` says whether it was the one that the row followed expects. `first` makes it known by
    /// the bases before it, else every other base is.
    #[inline(always)]
    pub(super) fn learn(&mut self, line: &mut Line, base: u8, expected: Option<bool>, first: bool) {
        if let (Some(followed), Some(right)) = (&mut line.followed, expected) {
            followed.step(right);
            line.doomed = if right {
                line.doomed.saturating_sub(1)
            } else {
                0
            };
            if followed.misses.count_ones() > 4 {
                line.followed = None;
            }
        }
        let at = self.count & (RING as u32 - 1);
        if self.count & (EACH - 1) == 0 || first {
            let keys = line.before.keys();
            for ((order, table), (key, strand)) in
                ORDERS.into_iter().zip(&mut self.tables).zip(keys)
            {
                if line.before.count >= order {
                    table[place(key)] = check(key) | at << 2 | u32::from(strand) << 1;
                }
            }
        }
        if self.ring.len() < RING {
            self.ring.push(base);
        } else {
            self.ring[at as usize] = base;
        }
        self.count = self.count.wrapping_add(1);
        line.before.push(base);
    }
}

/// The place of a row in a table, by its hash.
#[inline(always)]
fn place(key: u64) -> usize {
    (key >> (64 - ENTRIES)) as usize
}

/// What the entry of a row must be known by.
#[inline(always)]
fn check(key: u64) -> u32 {
    ((key >> 24 & 0xfff) as u32) << 20 | 1
}
