//! Integers and characters: each is expected to be what the formula, the record's mate or the memory says that has lately
//! been right most often; one that is otherwise is coded as its distance from what has been nearest.

use super::means::{Numbers, mean};
use super::rules::{FORMULAS, Named, Rule, View};
use crate::codec::mixing::{Coder, Slot};
use crate::codec::records::quick::plain::flag;

/// Tags whose state is kept; hostile files have thousands. The last one is for all others.
const TAGS: usize = 64;

/// What a value may be: what the formulas say, the first formula and what is remembered beside it, the mate's value, the twin's,
/// the last record's, and zero.
const CANDIDATES: usize = FORMULAS + 5;
const REMEMBERED: usize = FORMULAS;
const OF_MATE: usize = FORMULAS + 1;
const OF_TWIN: usize = FORMULAS + 2;
const LAST: usize = FORMULAS + 3;
const ZERO: usize = FORMULAS + 4;

/// Differences remembered for each tag.
const CELLS: usize = 1024;

/// Contexts of whether a value is as expected: by agreement of the candidates, by the alignment, by what else it depends on.
const HITS: [usize; 3] = [512, 512, 1024];

/// Values of a tag for which all candidates are looked at: the first ones, later every so many.
const ALL: u32 = 64;
const SOME: u32 = 32;

/// After so many values it is decided again whether a tag is steady: whether fewer than one in so many was unexpected.
const WINDOW: u32 = 512;
const STEADY: u32 = 32;

/// Contexts of distances: by the mate and the last distance, and by what else the value depends on.
const BY_LAST: usize = 3 * 16;
const BY_HINT: usize = 64;

/// How far a value is from the first formula, or from zero, and how often in a row that was right, up to 3.
#[derive(Clone, Copy, Default)]
struct Cell {
    difference: i32,
    sure: u32,
}

/// How a candidate has done of late.
#[derive(Clone, Copy, Default)]
struct Record {
    /// Whether it ever said anything.
    met: bool,
    /// How often it was wrong, and how far from the value in bits, in 1/4096.
    wrong: u32,
    apart: u32,
}

/// What is learnt of a tag.
#[derive(Clone)]
pub(super) struct Tag {
    name: [u8; 2],
    rule: Rule,
    candidates: [Record; CANDIDATES],
    /// The candidates that are right most often: the best, and the one for where that says nothing.
    chosen: [usize; 2],
    /// The candidate that is nearest.
    nearest: usize,
    /// Values, and unexpected ones, since it was decided whether the tag is steady.
    uses: u32,
    misses: u32,
    counted: u32,
    pub(super) is_steady: bool,
    /// Whether a value had a wider type than it needs.
    is_wide: bool,
    /// Whether the last values were as expected, the last one lowest.
    history: u32,
    /// The last value, and the class of the last distance.
    last_value: i64,
    last: usize,
    cells: Vec<Cell>,
    hits: [Vec<Slot>; 3],
    seconds: Vec<Slot>,
    distances: Numbers,
}

/// What a value is expected to be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected {
    pub(super) base: i64,
    /// The candidate that says so, and the cell, if it is what is remembered.
    chosen: usize,
    cell: usize,
    /// Whether it is not sure.
    pub(super) doubt: u32,
}

/// What else a value may be.
struct Details {
    /// What the first formula says, and what else the value depends on.
    anchor: i64,
    hint: usize,
    mate: Option<i64>,
    remembered: i64,
    sure: u32,
}

/// Where a value stands: the number of its tag, and the values that are expected of its type.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) tag: usize,
    pub(super) bounds: [i64; 2],
}

impl Tag {
    fn new(name: [u8; 2]) -> Self {
        Self {
            name,
            rule: Rule::of(name),
            candidates: [Record::default(); CANDIDATES],
            // Until the first values show something better, the first formula holds.
            chosen: [0, REMEMBERED],
            nearest: 0,
            uses: 0,
            misses: 0,
            counted: 0,
            is_steady: true,
            is_wide: false,
            history: 0,
            last_value: 0,
            last: 0,
            cells: vec![Cell::default(); CELLS],
            hits: HITS.map(|slots| vec![Slot::NEW; slots]),
            seconds: vec![Slot::NEW; 32],
            distances: Numbers::new([BY_LAST, BY_HINT]),
        }
    }

    /// What a candidate says.
    #[inline]
    fn candidate(&self, which: usize, view: &View<'_>, place: Place) -> Option<i64> {
        match which {
            ..FORMULAS => view.formula(self.rule, which),
            REMEMBERED => {
                let cell = &self.cells[view.hint(self.rule) as usize % CELLS];
                Some(view.anchor(self.rule).wrapping_add(cell.difference.into()))
            }
            OF_MATE => {
                let other = view
                    .now
                    .mate
                    .or_else(|| view.records.linked(view.now.record));
                view.values.of(place.tag, other?)
            }
            OF_TWIN => view.values.of(place.tag, view.now.twin?),
            LAST => Some(self.last_value),
            _ => Some(0),
        }
    }

    #[inline]
    fn clamp(&self, value: i64, place: Place) -> i64 {
        let [least, most] = place.bounds;
        let least = if self.is_wide { least.min(0) } else { least };
        value.clamp(least, most)
    }

    /// What the value of the record at hand is expected to be.
    #[inline]
    pub(super) fn expected(&self, view: &View<'_>, place: Place) -> Expected {
        for chosen in self.chosen {
            if chosen == REMEMBERED {
                break;
            }
            if let Some(value) = self.candidate(chosen, view, place) {
                return Expected {
                    base: self.clamp(value, place),
                    chosen,
                    cell: CELLS,
                    doubt: 0,
                };
            }
        }
        let cell = view.hint(self.rule) as usize % CELLS;
        let Cell { difference, sure } = self.cells[cell];
        let value = view.anchor(self.rule).wrapping_add(difference.into());
        Expected {
            base: self.clamp(value, place),
            chosen: REMEMBERED,
            cell,
            doubt: u32::from(sure < 2),
        }
    }

    fn details(&self, view: &View<'_>, place: Place) -> Details {
        let (anchor, hint) = (view.anchor(self.rule), view.hint(self.rule) as usize);
        let Cell { difference, sure } = self.cells[hint % CELLS];
        let mate = self.candidate(OF_MATE, view, place);
        Details {
            anchor,
            hint,
            mate: mate.map(|mate| self.clamp(mate, place)),
            remembered: self.clamp(anchor.wrapping_add(difference.into()), place),
            sure,
        }
    }

    /// Codes a value; `failed` says that one of those that were expected together is not as expected.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        truth: i64,
        expected: &Expected,
        view: &View<'_>,
        place: Place,
        failed: bool,
    ) -> i64 {
        let Details {
            hint,
            mate,
            remembered,
            sure,
            ..
        } = self.details(view, place);
        let Expected { base, chosen, .. } = *expected;
        let of_mate = mate.map_or(0, |mate| 1 + usize::from(mate == base));
        let chosen = chosen.min(7);
        let failed = usize::from(failed);
        let mapq = (view.mapq() / 10).min(7) as usize;
        let fact = &view.now.fact;
        let alignment = usize::from(fact.extent.clipped != [0; 2])
            | usize::from(fact.gaps > 0 || fact.mismatches > 0) << 1;
        let agreement =
            chosen | usize::from(remembered == base) << 3 | (sure as usize) << 4 | of_mate << 6;
        let state = (self.history as usize & 7) | mapq << 3 | alignment << 6;
        let [first, second, third] = &mut self.hits;
        let slots = [
            &mut first[agreement | failed << 8],
            &mut second[state | failed << 8],
            &mut third[(hint >> 10 & 511) << 1 | failed],
        ];
        if mean(coder, truth == base, slots) {
            return base;
        }
        let other = match mate {
            _ if remembered != base => Some(remembered),
            Some(mate) if mate != base => Some(mate),
            _ => None,
        };
        if let Some(other) = other {
            let kind =
                chosen | usize::from(self.history & 1 == 0) << 3 | usize::from(of_mate == 1) << 4;
            if flag(coder, truth == other, &mut self.seconds[kind]) {
                return other;
            }
        }
        let near = self.candidate(self.nearest, view, place).unwrap_or(0);
        let contexts = [of_mate.min(2) * 16 + self.last, hint >> 20 & (BY_HINT - 1)];
        let distance = self
            .distances
            .signed(coder, truth.wrapping_sub(near), contexts);
        self.last = match distance {
            -7..=7 => (distance + 7) as usize,
            _ => 15,
        };
        near.wrapping_add(distance)
    }

    /// Learns a value that is one of several that are as expected.
    #[inline]
    pub(super) fn agree(&mut self, view: &View<'_>, place: Place, expected: &Expected) {
        if self.uses < ALL || self.uses.is_multiple_of(SOME) {
            return self.learn(view, place, expected, expected.base);
        }
        if let Some(cell) = self.cells.get_mut(expected.cell) {
            cell.sure = (cell.sure + 1).min(3);
        }
        self.last_value = expected.base;
        self.uses = self.uses.wrapping_add(1);
        self.count(true);
    }

    /// Learns a value.
    pub(super) fn learn(&mut self, view: &View<'_>, place: Place, expected: &Expected, value: i64) {
        if self.uses < ALL || self.uses.is_multiple_of(SOME) {
            self.choose(view, place, value);
        }
        let Details { anchor, hint, .. } = self.details(view, place);
        let difference = value.wrapping_sub(anchor).clamp(-(1 << 30), 1 << 30) as i32;
        let cell = &mut self.cells[hint % CELLS];
        if cell.difference == difference {
            cell.sure = (cell.sure + 1).min(3);
        } else if cell.sure > 1 {
            cell.sure = 1;
        } else {
            *cell = Cell {
                difference,
                sure: 0,
            };
        }
        self.last_value = value;
        self.is_wide |= value >= 0 && value < place.bounds[0];
        self.uses = self.uses.wrapping_add(1);
        self.count(value == expected.base);
    }

    /// Counts a value that is as expected, or is not.
    #[inline]
    pub(super) fn count(&mut self, right: bool) {
        self.history = self.history << 1 | u32::from(right);
        self.counted += 1;
        self.misses += u32::from(!right);
        if self.counted == WINDOW {
            self.is_steady = self.misses * STEADY < WINDOW;
            (self.counted, self.misses) = (0, 0);
        }
    }

    /// Chooses the candidates that have been right, and near.
    fn choose(&mut self, view: &View<'_>, place: Place, value: i64) {
        for which in 0..CANDIDATES {
            let Some(candidate) = self.candidate(which, view, place) else {
                continue;
            };
            let apart = value.wrapping_sub(candidate).unsigned_abs();
            let bits = 64 - apart.leading_zeros();
            let record = &mut self.candidates[which];
            record.met = true;
            record.wrong = record.wrong - (record.wrong >> 5) + (bits.min(1) << 7);
            record.apart = record.apart - (record.apart >> 5) + (bits << 7);
        }
        // Formulas are preferred.
        let wrong = |&which: &usize| match &self.candidates[which] {
            Record { met: false, .. } => u32::MAX,
            record => record.wrong + if which < FORMULAS { 0 } else { 64 },
        };
        let apart = |&which: &usize| match &self.candidates[which] {
            Record { met: false, .. } => u32::MAX,
            record if which < FORMULAS => record.apart / 2,
            record if which == ZERO => record.apart / 2 + 64,
            record => record.apart + 128,
        };
        let best = |other: usize| {
            let rest = (0..CANDIDATES).filter(|&which| which != other);
            rest.min_by_key(wrong).unwrap_or(REMEMBERED)
        };
        let first = best(CANDIDATES);
        self.chosen = [first, best(first)];
        self.nearest = (0..CANDIDATES).min_by_key(apart).unwrap_or(ZERO);
    }
}

/// What is learnt of all tags.
#[derive(Clone)]
pub(super) struct Integers {
    pub(super) tags: Vec<Tag>,
}

impl Integers {
    pub(super) fn new() -> Self {
        Self { tags: Vec::new() }
    }

    /// The number of a tag, a new one if it has none yet.
    pub(super) fn tag(&mut self, name: [u8; 2]) -> usize {
        let known = self.tags.iter().position(|tag| tag.name == name);
        known.unwrap_or_else(|| {
            if self.tags.len() < TAGS {
                self.tags.push(Tag::new(name));
            }
            self.tags.len() - 1
        })
    }

    /// The numbers of the tags that others follow from.
    pub(super) fn named(&self) -> Named {
        let find = |name: &[u8; 2]| {
            let at = self.tags.iter().position(|tag| tag.name == *name);
            at.unwrap_or(usize::MAX)
        };
        Named {
            edits: find(b"NM"),
            both: find(b"nM"),
            score: find(b"AS"),
            single: find(b"SM"),
            hits: find(b"HI"),
            total: find(b"NH"),
            best: find(b"X0"),
            quality: find(b"UQ"),
            mate_quality: find(b"XQ"),
        }
    }
}
