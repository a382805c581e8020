//! The numbers of names: each given those of the name it is compared with, and the order of names at a place.

use super::numbers::{LIMIT, Spread, decide, decide_tree, direct_number, uniform};
use super::places::{Around, Key};
use super::shape::{Kind, MOST_FIELDS, MOST_LATTICES, Shape};
use crate::codec::mixing::{Coder, Mixer, Slot, hash};

/// Highest bits of a coordinate or counter that are learnt, and of a list's numbers.
const RANGED_BITS: u32 = 6;
const LISTED_BITS: u32 = 12;
/// Parts of what is left of a list that a sorted name may be in, as bits.
const PART_BITS: u32 = 4;

/// Numbers of a name that was coded.
#[derive(Clone, Copy, Default)]
pub(super) struct Name {
    pub(super) head: usize,
    pub(super) values: [u64; MOST_FIELDS],
}

/// What is known of the numbers.
#[derive(Clone)]
pub(super) struct Values {
    outside: [Slot; 2],
    within: Vec<Slot>,
    fields: Vec<FieldModel>,
    /// By head, on which lattice coordinates are; and how these lie.
    lattice: Vec<Slot>,
    lines: Vec<LinesModel>,
    differences: Mixer<3, 1>,
}

/// What is known of a field.
#[derive(Clone)]
struct FieldModel {
    spread: Spread,
    known: [Slot; 2],
    near: Vec<Slot>,
    was_near: usize,
    difference_bits: u32,
}

/// What is known of the lines of a lattice.
#[derive(Clone)]
struct LinesModel {
    x: Spread,
    /// The lowest bit of y given that of x: lattices are often staggered.
    stagger: [Slot; 2],
    y: Spread,
}

/// What the coding of a field's value depends on besides the field.
#[derive(Clone, Copy)]
struct Given {
    /// Whether the name is close to the one it is compared with.
    close: bool,
    /// 0 for the first field, else 1 if the field before was far, 2 if near.
    before: usize,
    /// Bits of the field before's difference.
    bits: u32,
}

impl FieldModel {
    fn new(kind: &Kind) -> Self {
        let spread = match kind {
            Kind::Listed(values) => Spread::new(values.len() as u64, LISTED_BITS),
            Kind::Ranged { count, .. } => Spread::new(*count, RANGED_BITS),
        };
        Self {
            spread,
            known: [Slot::NEW; 2],
            near: vec![Slot::NEW; 16],
            was_near: 0,
            difference_bits: 0,
        }
    }
}

impl Values {
    pub(super) fn new(shape: &Shape) -> Self {
        let fields = shape.fields.iter();
        let lines = shape.lattices.iter().map(|lattice| LinesModel {
            x: Spread::new(lattice.x.count(), RANGED_BITS),
            stagger: [Slot::NEW; 2],
            y: Spread::new(lattice.y.count().div_ceil(2), RANGED_BITS),
        });
        Self {
            outside: [Slot::NEW; 2],
            within: vec![Slot::NEW; 32 << PART_BITS],
            fields: fields.map(|field| FieldModel::new(&field.kind)).collect(),
            lattice: vec![Slot::NEW; 256 * (MOST_LATTICES + 1)],
            lines: lines.collect(),
            differences: Mixer::new(7, 255),
        }
    }

    /// Codes the first value, which is in a list: of a name in order, between those of its neighbours.
    pub(super) fn first<C: Coder>(
        &mut self,
        coder: &mut C,
        list: &[u64],
        name: &Name,
        around: &Around,
        sorted: bool,
    ) -> u64 {
        let value = name.values[0];
        let found = list.binary_search(&value);
        let field = &mut self.fields[0];
        if !decide(coder, found.is_ok(), &mut field.known[0], LIMIT) {
            return direct_number(coder, value);
        }
        let rank = found.unwrap_or(0) as u64;
        let of_head = |key: &Key| key.head == name.head;
        let lower = around.lower.filter(of_head);
        let upper = around.upper.filter(of_head);
        let from = lower.map_or(0, |key| key.rank.min(list.len() as u64));
        let to = upper.map_or(list.len() as u64, |key| {
            (key.rank + 1).min(list.len() as u64)
        });
        let bounded = around.same || around.ahead > 1 || upper.is_some();
        let mut rank = if bounded && sorted && from < to {
            let outside = !(from..to).contains(&rank);
            let slot = &mut self.outside[usize::from(upper.is_some())];
            if decide(coder, outside, slot, LIMIT) {
                field.spread.code(coder, rank, 0)
            } else {
                let mut context = around.roughly_ahead().min(7);
                context = 2 * context + usize::from(lower.is_some());
                context = 2 * context + usize::from(upper.is_some());
                let parts = &mut self.within[context << PART_BITS..][..1 << PART_BITS];
                from + code_within(coder, rank.wrapping_sub(from), to - from, parts)
            }
        } else {
            field.spread.code(coder, rank, 0)
        };
        rank = rank.min(list.len() as u64 - 1);
        list[rank as usize]
    }

    /// Codes the other values.
    pub(super) fn rest<C: Coder>(
        &mut self,
        coder: &mut C,
        shape: &Shape,
        name: &mut Name,
        like: &Name,
        close: bool,
        first: usize,
    ) {
        let mut given = Given {
            close: close || first == 0,
            before: 0,
            bits: 0,
        };
        let mut at = first;
        while at < shape.fields.len() {
            if !shape.lattices.is_empty() && at == shape.coordinates {
                self.coordinates(coder, shape, name, like, &mut given);
                at += 2;
                continue;
            }
            name.values[at] = self.value(coder, shape, name, like, at, &mut given);
            at += 1;
        }
    }

    /// Codes the value of a field.
    fn value<C: Coder>(
        &mut self,
        coder: &mut C,
        shape: &Shape,
        name: &Name,
        like: &Name,
        at: usize,
        given: &mut Given,
    ) -> u64 {
        let (value, other) = (name.values[at], like.values[at]);
        let field = &mut self.fields[at];
        let (place, place_of_other) = match &shape.fields[at].kind {
            Kind::Listed(list) => {
                let place = |value: u64| list.binary_search(&value).ok().map(|at| at as u64);
                (place(value), place(other))
            }
            Kind::Ranged { low, count } => {
                let place = |value: u64| value.checked_sub(*low).filter(|place| place < count);
                (place(value), place(other))
            }
        };
        if !decide(coder, place.is_some(), &mut field.known[1], LIMIT) {
            return direct_number(coder, value);
        }
        let place = place.unwrap_or(0);
        let differences = &mut self.differences;
        let place = field.place(coder, differences, place, place_of_other, at as u32, given);
        match &shape.fields[at].kind {
            Kind::Listed(list) => list[place.min(list.len() as u64 - 1) as usize],
            Kind::Ranged { low, .. } => low.saturating_add(place),
        }
    }

    /// Codes two coordinates, on a lattice if they are on one.
    fn coordinates<C: Coder>(
        &mut self,
        coder: &mut C,
        shape: &Shape,
        name: &mut Name,
        like: &Name,
        given: &mut Given,
    ) {
        let at = shape.coordinates;
        let [x, y, other_x, other_y] = [
            name.values[at],
            name.values[at + 1],
            like.values[at],
            like.values[at + 1],
        ];
        let lattices = shape.lattices.iter();
        let number = lattices
            .clone()
            .position(|lattice| lattice.lines(x, y).is_some());
        let slots =
            &mut self.lattice[(name.head & 255) * (MOST_LATTICES + 1)..][..MOST_LATTICES + 1];
        let number = decide_tree(
            coder,
            number.map_or(0, |number| number as u32 + 1),
            2,
            slots,
        );
        let Some(lattice) = shape.lattices.get((number as usize).wrapping_sub(1)) else {
            name.values[at] = self.value(coder, shape, name, like, at, given);
            name.values[at + 1] = self.value(coder, shape, name, like, at + 1, given);
            return;
        };
        let lines = &mut self.lines[number as usize - 1];
        let (column, row) = lattice.lines(x, y).unwrap_or((0, 0));
        let other = lattice.lines(other_x, other_y);
        let [first, second, ..] = &mut self.fields[at..] else {
            return;
        };
        let differences = &mut self.differences;
        std::mem::swap(&mut first.spread, &mut lines.x);
        let other_column = other.map(|other| other.0);
        let column = first.place(coder, differences, column, other_column, at as u32, given);
        std::mem::swap(&mut first.spread, &mut lines.x);
        let low = row & 1;
        let slot = &mut lines.stagger[(column & 1) as usize];
        let low = u64::from(decide(coder, low == 1, slot, LIMIT));
        std::mem::swap(&mut second.spread, &mut lines.y);
        let other_row = other.map(|other| other.1 / 2);
        let row =
            second.place(coder, differences, row / 2, other_row, at as u32 + 1, given) * 2 + low;
        std::mem::swap(&mut second.spread, &mut lines.y);
        name.values[at] = lattice.x.value(column);
        name.values[at + 1] = lattice.y.value(row);
    }
}

impl FieldModel {
    /// Codes a place in the range: by its distance to the place `other`, or by itself.
    fn place<C: Coder>(
        &mut self,
        coder: &mut C,
        differences: &mut Mixer<3, 1>,
        place: u64,
        other: Option<u64>,
        at: u32,
        given: &mut Given,
    ) -> u64 {
        let count = self.spread.count();
        if let Some(other) = other
            && given.close
            && other < count
        {
            let difference = place.wrapping_sub(other) as i64;
            let near = difference.unsigned_abs() <= count / 16;
            let context = 2 * given.before + self.was_near;
            let near = decide(coder, near, &mut self.near[context], LIMIT);
            self.was_near = usize::from(near);
            given.before = 1 + self.was_near;
            if near {
                let contexts = [
                    at,
                    hash(at, given.bits, 1, 0),
                    hash(at, self.difference_bits, 2, 0),
                ];
                let difference = differences.signed(coder, difference, &contexts, at);
                self.difference_bits = 64 - difference.unsigned_abs().leading_zeros();
                given.bits = self.difference_bits + 1;
                return other.wrapping_add(difference as u64).min(count - 1);
            }
            // Names of a place may be sorted up to here.
            let eighth = (other as u128 * 8 / u128::from(count)) as usize;
            return self.spread.code(coder, place, 1 + eighth);
        }
        self.spread.code(coder, place, 0)
    }
}

/// Codes a number below `count`: in which part of the range it is, then where there.
fn code_within<C: Coder>(coder: &mut C, value: u64, count: u64, parts: &mut [Slot]) -> u64 {
    if count < 1 << PART_BITS {
        return uniform(coder, value, count);
    }
    let start = |part: u64| (part * count).div_ceil(1 << PART_BITS);
    let part = (value << PART_BITS) / count;
    let part = u64::from(decide_tree(coder, part as u32, PART_BITS, parts));
    let (from, to) = (start(part), start(part + 1));
    from + uniform(coder, value.wrapping_sub(from), to - from)
}
