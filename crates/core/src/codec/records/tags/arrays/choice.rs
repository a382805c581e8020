//! How a column is coded: what the encoder finds by trying, and stores.

use super::Model;
use super::decimals::{MOST_DIGITS, from_float};
use super::values::{State, Values};
use crate::Result;
use crate::codec::mixing::{Coder, Encoder};
use crate::codec::records::{Column, Records};
use crate::codec::wire::damaged;

/// How an element is coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// Its bytes, the highest first.
    #[default]
    Bytes,
    /// A number by its size.
    Number,
    /// The difference from the element before.
    Difference,
    /// A float that is a decimal number with so many digits behind its point.
    Decimal(u32),
}

/// A column's parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) form: Form,
    /// Another column whose values tell something about this one's.
    pub(super) companion: Option<([u8; 2], u8)>,
}

/// Elements that are tried.
const TRIED: usize = 3000;
/// Elements tried to choose among companions.
const TRIED_FOR_COMPANIONS: usize = 600;
/// Companions that are tried.
const MOST_COMPANIONS: usize = 64;
/// Fewest bytes a column must cost alone for a companion to be worth its name.
const WORTH_COMPANIONS: usize = 8;

impl Choice {
    /// Codes the parameters; a decoder passes anything.
    pub(super) fn code<C: Coder>(self, coder: &mut C) -> Result<Self> {
        let form = match self.form {
            Form::Bytes => 0,
            Form::Number => 1,
            Form::Difference => 2,
            Form::Decimal(digits) => 3 + digits,
        };
        let form = match plain(coder, form, 4) {
            0 => Form::Bytes,
            1 => Form::Number,
            2 => Form::Difference,
            form if form - 3 <= MOST_DIGITS => Form::Decimal(form - 3),
            _ => return Err(damaged("an array's form is unknown")),
        };
        let has = plain(coder, self.companion.is_some().into(), 1) == 1;
        let companion = has.then(|| {
            let ([a, b], kind) = self.companion.unwrap_or_default();
            let tag = [a, b].map(|byte| plain(coder, byte.into(), 8) as u8);
            (tag, plain(coder, kind.into(), 5) as u8)
        });
        Ok(Self { form, companion })
    }

    /// The parameters that make the first values of a column smallest.
    pub(super) fn by_trial(records: &Records, column: &Column, values: &mut Values) -> Self {
        let mut best = Self::default();
        let mut forms = vec![Form::Bytes];
        match column.kind {
            12..=15 => forms.extend([Form::Number, Form::Difference]),
            7 | 16 => forms.extend(digits(values).map(Form::Decimal)),
            _ => {}
        }
        let try_it = |choice: Choice, most: usize, values: &mut Values| {
            let mut model = Model::sized(9);
            let mut state = State::new(column.key(), 0, choice);
            let mut coder = Encoder::new();
            let result = model.run(&mut coder, records, column, &mut state, values, most);
            result.map_or(usize::MAX, |()| coder.finish().len())
        };
        let mut costs = Vec::new();
        for form in forms {
            let choice = Self { form, ..best };
            costs.push((try_it(choice, TRIED, values), choice));
        }
        best = costs
            .iter()
            .min_by_key(|(cost, _)| *cost)
            .expect("one form")
            .1;
        let mut least = try_it(best, TRIED_FOR_COMPANIONS, values);
        let alone = best;
        if least < WORTH_COMPANIONS {
            return best;
        }
        let array = column.kind >= 10;
        let fits = |other: &&Column| {
            let complete = other.ends.len() == other.records.len() && !other.ends.is_empty();
            let alike = if array {
                other.kind >= 10
            } else {
                other.kind <= 8
            };
            let often = other.records.len() >= column.records.len() / 2;
            complete && alike && often && other.key() != column.key()
        };
        for other in records.columns.iter().filter(fits).take(MOST_COMPANIONS) {
            let companion = Some((other.tag, other.kind));
            let choice = Self { companion, ..alone };
            let cost = try_it(choice, TRIED_FOR_COMPANIONS, values);
            // One that does little is not worth its look-ups.
            if cost + cost / 100 < least {
                (best, least) = (choice, cost);
            }
        }
        best
    }
}

/// Digits behind the point of nine tenths of the first floats, if they are decimals.
fn digits(values: &Values) -> Option<u32> {
    let sample: Vec<u32> = (0..1000).map_while(|at| values.float(at)).collect();
    (0..=MOST_DIGITS).find(|&digits| {
        let fits = |bits: &&u32| from_float(**bits, digits).is_some();
        sample.iter().filter(fits).count() * 10 >= sample.len() * 9
    })
}

/// Codes `width` bits that nothing is known of.
fn plain<C: Coder>(coder: &mut C, value: u32, width: u32) -> u32 {
    (0..width).rev().fold(0, |done, bit| {
        done << 1 | u32::from(coder.code(value >> bit & 1 == 1, 1 << 15))
    })
}
