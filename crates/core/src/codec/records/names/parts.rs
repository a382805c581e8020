//! The parts of names that have the shape: each coded by itself, given the names before.

use super::numbers::{LIMIT, decide, decide_tree};
use super::places::{Around, Key, Places};
use super::shape::{Kind, MOST_FIELDS, Parts, Shape};
use super::text::Text;
use super::values::{Name, Values};
use super::{HEAD, LONGEST, TAIL};
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, Slot, hash};
use crate::codec::records::Records;
use crate::codec::wire::damaged;

/// Names before that a name may be close to, and tails that may come again.
const RECENT: usize = 8;
const TAILS: usize = 16;
/// Names of a place are taken as sorted when that many of 1,024 were.
const SORTED: i32 = 820;

/// What is known of the parts.
#[derive(Clone)]
pub(super) struct PartsModel {
    shaped: [Slot; 2],
    was_shaped: bool,
    /// Heads by number, of which 0 is no head; the number that is given next.
    heads: Vec<Vec<u8>>,
    next_head: usize,
    head: Mixer<4, 1>,
    /// Names before, last first.
    recent: [Name; RECENT],
    close: Vec<Slot>,
    which: Vec<Slot>,
    was_close: usize,
    /// Of 1,024 names with a name of their place before, how many are not less than it.
    sorted: i32,
    values: Values,
    tails: Vec<Vec<u8>>,
    tail: Vec<Slot>,
}

impl Default for PartsModel {
    fn default() -> Self {
        Self::new(&Shape::default())
    }
}

impl PartsModel {
    pub(super) fn new(shape: &Shape) -> Self {
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
            values: Values::new(shape),
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
                let sorted = self.sorted > SORTED;
                name.values[0] = self.values.first(coder, list, &name, &around, sorted);
                first = 1;
            }
        }
        self.values
            .rest(coder, shape, &mut name, &like, close.is_some(), first);
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
        known.map_or(0, |at| at + 1)
    }

    /// Codes which of the last names has the same head and first value, if any.
    fn close<C: Coder>(&mut self, coder: &mut C, name: &Name, around: &Around) -> Option<usize> {
        let is = |other: &Name| (other.head, other.values[0]) == (name.head, name.values[0]);
        let at = match name.head {
            0 => None,
            _ => self.recent.iter().position(is),
        };
        let context = self.was_close + 4 * around.roughly_ahead().min(7);
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
        let ahead = around.roughly_ahead() as u32;
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
