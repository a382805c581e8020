//! The parts of names that have the shape: each coded by itself, given the names before.

use super::numbers::{LIMIT, Spread, decide, decide_tree, direct_number, uniform};
use super::places::{Around, Key, Places};
use super::shape::{Kind, MOST_FIELDS, MOST_LATTICES, Parts, Shape};
use super::text::Text;
use super::{HEAD, LONGEST, TAIL};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, Slot, hash};
use crate::codec::records::Records;
use crate::codec::wire::damaged;

/// Names before that a name may be close to, and tails that may come again.
const RECENT: usize = 8;
const TAILS: usize = 16;
/// Highest bits of a coordinate or counter that are learnt, and of a list's numbers.
const RANGED_BITS: u32 = 6;
const LISTED_BITS: u32 = 12;
/// Names of a place are taken as sorted when that many of 1,024 were.
const SORTED: i32 = 820;
/// Parts of what is left of a list that a sorted name may be in, as bits.
const PART_BITS: u32 = 4;

/// Numbers of a name that was coded.
#[derive(Clone, Copy, Default)]
struct Name {
    head: usize,
    values: [u64; MOST_FIELDS],
}

/// What is known of the parts.
#[derive(Clone)]
pub(super) struct PartsModel {
    shaped: [Slot; 2],
    was_shaped: bool,
    /// Heads by number, of which 0 is no head; the number that is given next.
    heads: Vec<Vec<u8>>,
    next_head: usize,
    head: Mixer<4, 16>,
    /// Names before, last first.
    recent: [Name; RECENT],
    close: Vec<Slot>,
    which: Vec<Slot>,
    was_close: usize,
    /// Of 1,024 names with a name of their place before, how many are not less than it.
    sorted: i32,
    outside: [Slot; 2],
    within: Vec<Slot>,
    fields: Vec<FieldModel>,
    /// By head, on which lattice coordinates are; and how these lie.
    lattice: Vec<Slot>,
    lines: Vec<LinesModel>,
    differences: Mixer<3, 8>,
    tails: Vec<Vec<u8>>,
    tail: Vec<Slot>,
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

impl Default for PartsModel {
    fn default() -> Self {
        Self::new(&Shape::default())
    }
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

impl PartsModel {
    pub(super) fn new(shape: &Shape) -> Self {
        let fields = shape.fields.iter();
        let lines = shape.lattices.iter().map(|lattice| LinesModel {
            x: Spread::new(lattice.x.count(), RANGED_BITS),
            stagger: [Slot::NEW; 2],
            y: Spread::new(lattice.y.count().div_ceil(2), RANGED_BITS),
        });
        Self {
            shaped: [Slot::NEW; 2],
            was_shaped: true,
            heads: vec![Vec::new(); 1 << shape.head_bits],
            next_head: 1,
            head: Mixer::new(7, 255),
            recent: [Name::default(); RECENT],
            close: vec![Slot::NEW; 64],
            which: vec![Slot::NEW; RECENT],
            was_close: 0,
            sorted: 512,
            outside: [Slot::NEW; 2],
            within: vec![Slot::NEW; 32 << PART_BITS],
            fields: fields.map(|field| FieldModel::new(&field.kind)).collect(),
            lattice: vec![Slot::NEW; 256 * (MOST_LATTICES + 1)],
            lines: lines.collect(),
            differences: Mixer::new(7, 255),
            tails: Vec::new(),
            tail: vec![Slot::NEW; 4 * TAILS],
        }
    }

    /// Codes whether a name has the shape.
    pub(super) fn has_shape<C: Coder>(&mut self, coder: &mut C, shaped: bool) -> bool {
        let slot = &mut self.shaped[usize::from(self.was_shaped)];
        self.was_shaped = decide(coder, shaped, slot, 255);
        self.was_shaped
    }

    /// Codes a name that has the shape into `out`; `given` are its parts when encoding.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        shape: &Shape,
        text: &mut Text,
        given: Option<&Parts<'_>>,
        (records, record, places): (&Records, usize, &mut Places),
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let nothing = Parts {
            head: &[],
            values: [0; MOST_FIELDS],
            tail: &[],
        };
        let given = given.unwrap_or(&nothing);
        let around = places.around(records, record);
        let keyed = match &shape.fields[..] {
            [first, _, ..] => matches!(first.kind, Kind::Listed(_)),
            _ => false,
        };
        let mut name = Name {
            head: self.number_of(given.head),
            values: given.values,
        };
        let close = if keyed {
            self.close(coder, &name, &around)
        } else {
            None
        };
        let like = self.recent[close.unwrap_or(0)];
        let mut first = 0;
        if close.is_some() {
            name.head = like.head;
            name.values[0] = like.values[0];
            first = 1;
            out.extend_from_slice(&self.heads[name.head]);
        } else {
            let group = records.read_groups.get(record).copied().unwrap_or(0);
            name.head = self.head(coder, text, given.head, name.head, &around, group, out)?;
            if let Some(Kind::Listed(list)) = shape.fields.first().map(|field| &field.kind) {
                name.values[0] = self.first(coder, list, &name, &around);
                first = 1;
            }
        }
        self.rest(coder, shape, &mut name, &like, close.is_some(), first);
        shape.write(&name.values, out);
        self.tail(coder, text, given.tail, around.same, close.is_some(), out)?;
        let rank = match shape.fields.first().map(|field| &field.kind) {
            Some(Kind::Listed(list)) => list.partition_point(|&value| value < name.values[0]),
            _ => 0,
        };
        let key = Key {
            head: name.head,
            rank: rank as u64,
        };
        self.learn_order(key, &around);
        places.learn(record, key);
        self.recent.rotate_right(1);
        self.recent[0] = name;
        if out.len() > LONGEST {
            return Err(damaged("a name is too long"));
        }
        Ok(())
    }

    /// The number of a head; 0 for a new one.
    fn number_of(&self, head: &[u8]) -> usize {
        let last = self.recent[0].head;
        if last > 0 && self.heads[last] == head {
            return last;
        }
        let known = self.heads.iter().skip(1).position(|other| other == head);
        match known {
            Some(at) if !head.is_empty() => at + 1,
            _ => 0,
        }
    }

    /// Codes which of the last names has the same head and first value, if any.
    fn close<C: Coder>(&mut self, coder: &mut C, name: &Name, around: &Around) -> Option<usize> {
        let is = |other: &Name| (other.head, other.values[0]) == (name.head, name.values[0]);
        let at = match name.head {
            0 => None,
            _ => self.recent.iter().position(is),
        };
        let context = self.was_close + 4 * ahead(around).min(7);
        let context = 2 * context + usize::from(around.same);
        let last = decide(coder, at == Some(0), &mut self.close[context], LIMIT);
        let close = if last {
            Some(0)
        } else {
            let which = at.unwrap_or(0) as u32;
            match decide_tree(coder, which, RECENT.ilog2(), &mut self.which) {
                0 => None,
                which => Some(which as usize),
            }
        };
        self.was_close = (self.was_close * 2 + usize::from(close.is_some())) & 3;
        // A decoder of damaged bytes may find a name that is none.
        close.filter(|&at| self.recent[at].head > 0)
    }

    /// Codes a head into `out`; `number` is its number or 0.
    #[expect(clippy::too_many_arguments)]
    fn head<C: Coder>(
        &mut self,
        coder: &mut C,
        text: &mut Text,
        given: &[u8],
        number: usize,
        around: &Around,
        group: u32,
        out: &mut Vec<u8>,
    ) -> Result<usize> {
        let bits = self.heads.len().ilog2();
        let [last, before] = [self.recent[0].head, self.recent[1].head].map(|head| head as u32);
        let sorted = self.sorted > SORTED;
        let bound = |key: Option<Key>| match key {
            Some(key) if sorted => key.head as u32 + 1,
            _ => 0,
        };
        let (lower, upper) = (bound(around.lower), bound(around.upper));
        let ahead = ahead(around) as u32;
        let contexts = [
            hash(lower, upper, ahead.min(3), group),
            hash(group, last, 0, 0),
            hash(lower, ahead, 0, 0),
            hash(last, before, group, 0),
        ];
        let selection = 16 * (lower.min(1) + 2 * upper.min(1)) as usize;
        let number = self
            .head
            .symbol(coder, number as u32, bits, &contexts, 1, selection);
        let mut number = number as usize;
        if number == 0 {
            text.code(coder, given, &self.heads[last as usize], (HEAD, 0), out)?;
            number = self.next_head;
            self.next_head = number % (self.heads.len() - 1) + 1;
            self.heads[number] = out.clone();
        } else {
            out.extend_from_slice(&self.heads[number]);
        }
        Ok(number)
    }

    /// Codes the first value, which is in a list: of a name in order, between those of its neighbours.
    fn first<C: Coder>(
        &mut self,
        coder: &mut C,
        list: &[u64],
        name: &Name,
        around: &Around,
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
        let mut rank = if bounded && self.sorted > SORTED && from < to {
            let outside = !(from..to).contains(&rank);
            let slot = &mut self.outside[usize::from(upper.is_some())];
            if decide(coder, outside, slot, LIMIT) {
                field.spread.code(coder, rank, 0)
            } else {
                let mut context = ahead(around).min(7);
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
    fn rest<C: Coder>(
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

    /// Codes what stands behind the numbers into `out`.
    fn tail<C: Coder>(
        &mut self,
        coder: &mut C,
        text: &mut Text,
        given: &[u8],
        same: bool,
        close: bool,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let at = self.tails.iter().position(|tail| tail == given);
        let context = usize::from(same) + 2 * usize::from(close);
        let slots = &mut self.tail[context * TAILS..][..TAILS];
        // 0 is a new one; the last of the list has no number.
        let number = at.map_or(0, |at| if at + 1 < TAILS { at as u32 + 1 } else { 0 });
        let number = decide_tree(coder, number, TAILS.ilog2(), slots) as usize;
        let start = out.len();
        match number.checked_sub(1).filter(|at| *at < self.tails.len()) {
            Some(at) => {
                self.tails[..=at].rotate_right(1);
                out.extend_from_slice(&self.tails[0]);
            }
            None => {
                let before = self.tails.first().map_or(&[][..], |tail| tail);
                text.code(coder, given, before, (TAIL, u32::from(same)), out)?;
                self.tails.insert(0, out[start..].to_vec());
                self.tails.truncate(TAILS - 1);
            }
        }
        Ok(())
    }

    /// Learns whether a name is in order with the name before at its place.
    fn learn_order(&mut self, key: Key, around: &Around) {
        if let Some(lower) = around.lower {
            let heads = self.heads[key.head].cmp(&self.heads[lower.head]);
            let ordered = heads.then(key.rank.cmp(&lower.rank)).is_ge();
            self.sorted += ((if ordered { 1024 } else { 0 }) - self.sorted) >> 5;
        }
    }
}

impl FieldModel {
    /// Codes a place in the range: by its distance to the place `other`, or by itself.
    fn place<C: Coder>(
        &mut self,
        coder: &mut C,
        differences: &mut Mixer<3, 8>,
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

/// How many new names of the place are still to come, roughly.
fn ahead(around: &Around) -> usize {
    match around.ahead {
        0..=3 => around.ahead as usize,
        4..=5 => 4,
        6..=9 => 5,
        10..=20 => 6,
        _ => 7,
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
