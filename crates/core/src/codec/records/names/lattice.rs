//! Patterned flow cells: coordinates stand on a lattice, so that a column's number says as much as its coordinate.

use super::numbers::direct;
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use crate::codec::wire::damaged;

/// Bits behind the point of pitches and offsets.
const POINT: u32 = 32;
/// Most lines of a lattice in one direction.
const MOST: i128 = (1 << COUNT_BITS) - 1;
const COUNT_BITS: u32 = 14;

/// Coordinates of lines at almost equal distances, rounded down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Of line 0, and from line to line, in 2^-32.
    pub(super) offset: u64,
    pub(super) pitch: u64,
    /// By how much each line's coordinate is off that (-1, 0 or 1): optics distort a little.
    pub(super) off: Vec<i8>,
}

impl Line {
    /// How many lines there are.
    pub(super) fn count(&self) -> u64 {
        self.off.len() as u64
    }

    /// Where line `at` is without distortion, in 2^-32.
    fn exact(&self, at: u64) -> u64 {
        self.offset.wrapping_add(at.wrapping_mul(self.pitch))
    }

    /// The coordinate of line `at`.
    pub(super) fn value(&self, at: u64) -> u64 {
        let off = self.off.get(at as usize).copied().unwrap_or(0);
        (self.exact(at) >> POINT).wrapping_add_signed(off.into())
    }

    /// The line with coordinate `value`.
    pub(super) fn line(&self, value: u64) -> Option<u64> {
        if value >> POINT != 0 || self.pitch == 0 {
            return None;
        }
        let near = ((value << POINT) + self.pitch / 2).saturating_sub(self.offset) / self.pitch;
        let lines = near.saturating_sub(1)..(near + 2).min(self.count());
        lines.into_iter().find(|&at| self.value(at) == value)
    }

    /// Codes the lines.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C) -> Result<()> {
        self.offset = direct(coder, self.offset, 63);
        self.pitch = direct(coder, self.pitch, 43);
        let count = direct(coder, self.count(), COUNT_BITS);
        if self.pitch >> POINT == 0 || count == 0 {
            return Err(damaged("a lattice that cannot be"));
        }
        self.off.resize(count as usize, 0);
        let mut mixer = Mixer::<3, 1>::new(8, 255);
        let mut before = 0;
        for at in 0..count {
            // What is off depends on the part of a unit that is rounded away, and on where the line is.
            let phase = (self.exact(at) >> 26) as u32 & 63;
            let area = (at * 24 / count) as u32;
            let contexts = [
                phase,
                hash(phase / 4, area, 0, 0),
                hash(phase / 16, before, 1, 0),
            ];
            let off = &mut self.off[at as usize];
            let symbol = mixer.symbol(coder, (*off + 1) as u32, 2, &contexts, 0, 0);
            before = before << 2 & 0xff | symbol;
            *off = symbol.min(2) as i8 - 1;
        }
        Ok(())
    }
}

/// Lines in two directions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lattice {
    pub(super) x: Line,
    pub(super) y: Line,
}

impl Lattice {
    /// The lines on which a point lies.
    pub(super) fn lines(&self, x: u64, y: u64) -> Option<(u64, u64)> {
        Some((self.x.line(x)?, self.y.line(y)?))
    }

    /// The lattice of these points, if almost all of them lie on one.
    pub(super) fn fit(points: &[(u64, u64)]) -> Option<Self> {
        let x = fit_line(points.iter().map(|point| point.0).collect())?;
        let y = fit_line(points.iter().map(|point| point.1).collect())?;
        let this = Self { x, y };
        let on = points.iter().filter(|(x, y)| this.lines(*x, *y).is_some());
        (on.count() * 20 > points.len() * 19).then_some(this)
    }
}

/// The lines on which almost all of `values` lie.
fn fit_line(mut values: Vec<u64>) -> Option<Line> {
    values.sort_unstable();
    values.dedup();
    if values.len() < 60 || values.last()? >> 24 != 0 {
        return None;
    }
    // The closest two values are neighbours on the lattice: the pitch is within one of their distance.
    let closest = (1..values.len()).min_by_key(|&at| values[at] - values[at - 1])? - 1;
    let gap = values[closest + 1] - values[closest];
    if !(4..1000).contains(&gap) {
        return None;
    }
    let one = 1i128 << POINT;
    let anchor = values[closest] as i128;
    // By how much a distance may be off: rounding at both ends, and distortion.
    let play = if gap < 8 { 1 } else { 2 };
    let mut bounds = ((i128::from(gap) - 1) * one, (i128::from(gap) + 1) * one);
    let mut order: Vec<i128> = values.iter().map(|&v| i128::from(v) - anchor).collect();
    order.sort_unstable_by_key(|distance| (distance.abs(), *distance));
    // The farther away a value, the better it says what the pitch is, once it is clear which line it is on.
    let mut astray = 0;
    for distance in order.iter().skip(1).map(|distance| distance.abs()) {
        let first = ((distance - play) * one + bounds.1 - 1).div_euclid(bounds.1);
        let last = ((distance + play) * one).div_euclid(bounds.0.max(1));
        if first == last && first > 0 {
            let low = bounds.0.max((distance - play) * one / first);
            let high = bounds.1.min((distance + play) * one / first);
            if low < high {
                bounds = (low, high);
                continue;
            }
        }
        astray += usize::from(first >= last);
    }
    if astray * 20 > values.len() {
        return None;
    }
    place_line(&order, anchor, bounds)
}

/// Steps in which the pitch is looked for.
const STEPS: i128 = 400;

/// The best line for values at `distances` from `anchor` with a pitch between the bounds.
fn place_line(distances: &[i128], anchor: i128, bounds: (i128, i128)) -> Option<Line> {
    let one = 1i128 << POINT;
    let middle = (bounds.0 + bounds.1) / 2;
    let lines: Vec<(i128, i128)> = distances
        .iter()
        .map(|&distance| {
            (
                (distance * one + middle / 2).div_euclid(middle),
                distance * one,
            )
        })
        .collect();
    // Values far off the lines do not count.
    let slack = 3 * one + (bounds.1 - bounds.0) * lines.iter().map(|line| line.0.abs()).max()?;
    let near = |&&(line, value): &&(i128, i128)| (value - line * middle).abs() <= slack;
    let lines: Vec<(i128, i128)> = lines.iter().filter(near).copied().collect();
    let mut best: Option<(i128, i128, i128)> = None;
    for step in 0..=STEPS {
        let pitch = bounds.0 + (bounds.1 - bounds.0) * step / STEPS;
        let (low, high) = offsets(&lines, pitch)?;
        if best.is_none_or(|(room, ..)| room < high - low) {
            best = Some((high - low, pitch, (low + high) / 2));
        }
    }
    let (_, pitch, offset) = best?;
    let first = lines.iter().map(|line| line.0).min()?;
    let last = lines.iter().map(|line| line.0).max()?;
    // Some room for values that have not been seen; coordinates usually start at 1,000.
    let room = (last - first) / 50;
    let start = anchor * one + offset + first * pitch;
    let floor = if start >= 999 * one { 999 * one } else { 0 };
    let before = room.min((start - floor) / pitch.max(1)).max(0);
    let count = last - first + 1 + before + room;
    if pitch >> (POINT + 11) != 0 || pitch < one || count > MOST {
        return None;
    }
    let line = Line {
        offset: u64::try_from(start - before * pitch).ok()?,
        pitch: u64::try_from(pitch).ok()?,
        off: vec![0; count as usize],
    };
    let lines = lines
        .iter()
        .map(|&(line, value)| (line - first + before, anchor * one + value));
    Some(distort(line, lines.collect()))
}

/// Between which offsets lines with this pitch have these values; the other way round if none gives them all.
fn offsets(lines: &[(i128, i128)], pitch: i128) -> Option<(i128, i128)> {
    let offsets = || lines.iter().map(|(line, value)| value - line * pitch);
    Some((offsets().max()?, offsets().min()? + (1 << POINT)))
}

/// Lines to each side by which a line that was not seen is placed.
const AROUND: i128 = 40;

/// Sets by how much each line is off, given the values of those that were seen.
fn distort(mut line: Line, mut seen: Vec<(i128, i128)>) -> Line {
    seen.sort_unstable();
    seen.dedup_by_key(|seen| seen.0);
    let pitch = i128::from(line.pitch);
    for at in 0..line.off.len() {
        let here = at as i128;
        let from = seen.partition_point(|seen| seen.0 < here - AROUND);
        let to = seen.partition_point(|seen| seen.0 <= here + AROUND);
        let value = match seen.binary_search_by_key(&here, |seen| seen.0) {
            Ok(known) => seen[known].1 >> POINT,
            Err(_) => match offsets(&seen[from..to], pitch) {
                Some((low, high)) => ((low + high) / 2 + here * pitch) >> POINT,
                None => continue,
            },
        };
        let off = value - i128::from(line.exact(at as u64) >> POINT);
        line.off[at] = off.clamp(-1, 1) as i8;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_coordinates_are_found() {
        let true_line = Line {
            offset: (1000 << 32) + (1 << 31),
            pitch: (9 << 32) + 178_000_000,
            off: vec![0; 3540],
        };
        let mut state = 5u32;
        let mut values: Vec<u64> = Vec::new();
        for _ in 0..2000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            values.push(true_line.value(u64::from(state >> 8) % 3540));
        }
        let line = fit_line(values.clone()).expect("a line");
        assert!(values.iter().all(|&value| line.line(value).is_some()));
        assert!(line.count() < 3540 + 200);
        // Values without a pattern are on no line.
        let scattered = values.iter().map(|value| value * 7 % 20_011).collect();
        assert_eq!(fit_line(scattered), None);
    }
}
