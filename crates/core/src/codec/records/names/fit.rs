//! Which shape the names of a first chunk have.

use std::collections::{BTreeMap, BTreeSet};

use super::lattice::Lattice;
use super::shape::{Field, Kind, MOST_FIELDS, MOST_LATTICES, MOST_LISTED, Parts, Shape, last_run};

/// Names that are looked at to find the shape.
const SAMPLE: usize = 2000;
/// Heads that a shape may have: of each so many names; or this many, of fewer names each.
const NAMES_PER_HEAD: usize = 40;
const FEW_HEADS: usize = 24;
const LEAST_NAMES_PER_HEAD: usize = 8;
/// Fewest names of one head in which a lattice is looked for.
const LATTICE_NAMES: usize = 200;

/// A run of digits, and what stands between it and the next.
struct Run<'a> {
    digits: &'a [u8],
    behind: &'a [u8],
    before: &'a [u8],
}

/// The runs of digits of a name, last first.
fn runs(name: &[u8]) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    let mut rest = name;
    while runs.len() < MOST_FIELDS + 3
        && let Some((before, digits, behind)) = last_run(rest)
    {
        runs.push(Run {
            digits,
            behind,
            before,
        });
        rest = before;
    }
    runs
}

/// The shape of most of `names`.
pub(super) fn fit(names: &[&[u8]]) -> Option<Shape> {
    if names.is_empty() {
        return None;
    }
    let step = names.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<Vec<Run<'_>>> = names.iter().step_by(step).map(|name| runs(name)).collect();
    let (trailing, count) = (0..3).find_map(|trailing| {
        let count = choose_count(&sample, trailing)?;
        Some((trailing, count))
    })?;
    let mut shape = Shape {
        trailing,
        separators: separators(&sample, trailing, count)?,
        ..Shape::default()
    };
    for at in (0..count).rev() {
        let run = trailing + at;
        shape.fields.push(Field {
            width: width(&sample, run),
            kind: Kind::Ranged { low: 0, count: 1 },
        });
    }
    let parts: Vec<Parts<'_>> = names.iter().filter_map(|name| shape.parse(name)).collect();
    if parts.len() * 2 < names.len() {
        return None;
    }
    let heads: BTreeSet<&[u8]> = parts.iter().map(|parts| parts.head).collect();
    shape.head_bits = (heads.len() as u32 + 1).ilog2().clamp(0, 7) + 1;
    if heads.len() == 1 {
        shape.head_bits = 1;
    }
    // The last two numbers in a row that have many values are coordinates, perhaps of a lattice.
    let pair = (0..count.saturating_sub(1)).rev().find(|&at| {
        let many = |at: usize| {
            let values: BTreeSet<u64> = parts.iter().map(|parts| parts.values[at]).collect();
            values.len() > 60
        };
        many(at) && many(at + 1)
    });
    if let Some(at) = pair {
        shape.coordinates = at;
        shape.lattices = lattices(&parts, at);
    }
    for at in 0..count {
        let on_lattice =
            !shape.lattices.is_empty() && (shape.coordinates..shape.coordinates + 2).contains(&at);
        let values = parts.iter().map(|parts| parts.values[at]).collect();
        shape.fields[at].kind = kind(values, !on_lattice);
    }
    Some(shape)
}

/// How many numbers: as few as leave few heads.
fn choose_count(sample: &[Vec<Run<'_>>], trailing: usize) -> Option<usize> {
    let few = FEW_HEADS.min(sample.len() / LEAST_NAMES_PER_HEAD).max(1);
    let most = few.max(sample.len() / NAMES_PER_HEAD);
    let heads = |count: usize| {
        separators(sample, trailing, count)?;
        let heads = sample
            .iter()
            .filter_map(|runs| runs.get(trailing + count - 1));
        Some(heads.map(|run| run.before).collect::<BTreeSet<_>>().len())
    };
    let count = (1..=MOST_FIELDS).find(|&count| heads(count).is_some_and(|heads| heads <= most))?;
    // A flow cell with few tiles: these are better taken as numbers.
    let better = heads(count + 1).is_some_and(|more| more * 12 <= heads(count).unwrap_or(0));
    Some(count + usize::from(better && count < MOST_FIELDS))
}

/// What stands between the numbers in most names, if it is the same.
fn separators(sample: &[Vec<Run<'_>>], trailing: usize, count: usize) -> Option<Vec<Vec<u8>>> {
    let mut separators: Vec<Vec<u8>> = Vec::new();
    for at in (1..count).rev() {
        let mut counts: BTreeMap<&[u8], usize> = BTreeMap::new();
        for run in sample.iter().filter_map(|runs| runs.get(trailing + at)) {
            *counts.entry(run.behind).or_default() += 1;
        }
        let best = counts.into_iter().max_by_key(|&(text, n)| (n, text))?;
        if best.1 * 10 < sample.len() * 9 {
            return None;
        }
        separators.push(best.0.to_vec());
    }
    let enough = sample.iter().filter(|runs| runs.len() >= trailing + count);
    (enough.count() * 10 >= sample.len() * 9).then_some(separators)
}

/// The digits of a number that has leading zeros.
fn width(sample: &[Vec<Run<'_>>], run: usize) -> usize {
    let of_run = || sample.iter().filter_map(|runs| runs.get(run));
    let zeros = of_run().filter(|run| run.digits.len() > 1 && run.digits[0] == b'0');
    let width = of_run().map(|run| run.digits.len()).max().unwrap_or(0);
    if zeros.count() * 50 > sample.len() && width <= 17 {
        width
    } else {
        0
    }
}

/// What values a number has; they may be listed if `listable`.
fn kind(mut values: Vec<u64>, listable: bool) -> Kind {
    let total = values.len();
    values.sort_unstable();
    values.dedup();
    let (Some(&low), Some(&high)) = (values.first(), values.last()) else {
        return Kind::Ranged { low: 0, count: 1 };
    };
    let range = high - low + 1;
    if listable {
        if let Some(whole) = completed(&values)
            && whole.len() as u64 * 4 <= range * 3
            && whole.len() <= 2 * values.len() + 100
        {
            return Kind::Listed(whole);
        }
        let sparse = values.len() as u64 * 4 <= range * 3 || values.len() <= 1024;
        if values.len() * 8 <= total && values.len() <= MOST_LISTED && sparse {
            return Kind::Listed(values);
        }
    }
    // Some room for values that have not been seen; coordinates usually start at 1,000.
    let room = range / 100 + 1;
    let start = if low >= 1000 && low - 1000 < 2 * room {
        1000
    } else {
        low.saturating_sub(room)
    };
    Kind::Ranged {
        low: start,
        count: high + room - start,
    }
}

/// Tile numbers are a surface and swath, then two digits: all that these make, if the values look like that.
fn completed(values: &[u64]) -> Option<Vec<u64>> {
    let last = values.iter().map(|value| value % 100).max()?;
    let first = values.iter().map(|value| value % 100).min()?;
    let groups: BTreeSet<u64> = values.iter().map(|value| value / 100).collect();
    if first == 0 || groups.len() * 4 > values.len() || groups.len() > 60 {
        return None;
    }
    let numbers = |group: u64| (1..=last).map(move |number| group * 100 + number);
    Some(groups.into_iter().flat_map(numbers).collect())
}

/// The lattices of the coordinates, by heads with many names.
fn lattices(parts: &[Parts<'_>], at: usize) -> Vec<Lattice> {
    let mut lattices: Vec<Lattice> = Vec::new();
    let mut points: BTreeMap<&[u8], Vec<(u64, u64)>> = BTreeMap::new();
    for parts in parts {
        let point = (parts.values[at], parts.values[at + 1]);
        points.entry(parts.head).or_default().push(point);
    }
    let mut heads: Vec<_> = points.into_iter().collect();
    heads.sort_by_key(|(head, points)| (usize::MAX - points.len(), *head));
    let all: Vec<(u64, u64)> = heads
        .iter()
        .flat_map(|(_, points)| points.clone())
        .collect();
    // All heads together say most, if they share a lattice.
    let groups = std::iter::once(&all).chain(heads.iter().map(|(_, points)| points));
    for points in groups.take(12) {
        let on = |lattice: &Lattice| {
            let on = points
                .iter()
                .filter(|(x, y)| lattice.lines(*x, *y).is_some());
            on.count() * 10 > points.len() * 9
        };
        if points.len() < LATTICE_NAMES
            || lattices.len() == MOST_LATTICES
            || lattices.iter().any(on)
        {
            continue;
        }
        lattices.extend(Lattice::fit(points));
    }
    lattices
}
