//! Patterned flow cells: coordinates stand on a lattice, so that a column's number says as much as its coordinate.

/// Bits behind the point of pitches and offsets.
const POINT: u32 = 32;
/// Most lines of a lattice in one direction.
const MOST: u64 = 1 << 20;

/// Coordinates of lines at equal distances, rounded down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Of line 0, and from line to line, in 2^-32.
    pub(super) offset: u64,
    pub(super) pitch: u64,
    /// How many there are.
    pub(super) count: u64,
}

impl Line {
    /// The coordinate of line `at`.
    pub(super) fn value(&self, at: u64) -> u64 {
        self.offset.wrapping_add(at.wrapping_mul(self.pitch)) >> POINT
    }

    /// The line with coordinate `value`.
    pub(super) fn line(&self, value: u64) -> Option<u64> {
        if value >> POINT != 0 || self.pitch == 0 {
            return None;
        }
        let past = ((value << POINT) + ((1 << POINT) - 1)).checked_sub(self.offset)?;
        let at = past / self.pitch;
        (at < self.count && self.value(at) == value).then_some(at)
    }

    /// Whether this can be: coordinates of up to 32 bits, lines at least one apart.
    pub(super) fn is_sound(&self) -> bool {
        self.pitch >> POINT != 0
            && self.pitch >> (POINT + 11) == 0
            && self.offset >> (POINT + 31) == 0
            && (1..=MOST).contains(&self.count)
    }
}

/// Lines in two directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    let mut bounds = ((i128::from(gap) - 1) * one, (i128::from(gap) + 1) * one);
    let mut order: Vec<i128> = values.iter().map(|&v| i128::from(v) - anchor).collect();
    order.sort_unstable_by_key(|distance| (distance.abs(), *distance));
    // The farther away a value, the better it says what the pitch is, once it is clear which line it is on.
    let mut astray = 0;
    for distance in order.iter().skip(1).map(|distance| distance.abs()) {
        let first = ((distance - 1) * one + bounds.1 - 1).div_euclid(bounds.1);
        let last = ((distance + 1) * one).div_euclid(bounds.0.max(1));
        if first == last && first > 0 {
            let low = bounds.0.max((distance - 1) * one / first);
            let high = bounds.1.min((distance + 1) * one / first);
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
    // Values off the lines would allow no offset at all: they do not count.
    let slack = one + (bounds.1 - bounds.0) * lines.iter().map(|line| line.0.abs()).max()?;
    let near = |&&(line, value): &&(i128, i128)| (value - line * middle).abs() <= slack;
    let lines: Vec<&(i128, i128)> = lines.iter().filter(near).collect();
    let mut best: Option<(i128, i128, i128)> = None;
    for step in 0..=STEPS {
        let pitch = bounds.0 + (bounds.1 - bounds.0) * step / STEPS;
        let (mut low, mut high) = (i128::MIN, i128::MAX);
        for &&(line, value) in &lines {
            low = low.max(value - line * pitch);
            high = high.min(value + one - line * pitch);
        }
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
    let floor = if start >= 1000 * one { 1000 * one } else { 0 };
    let before = room.min((start - floor) / pitch.max(1)).max(0);
    let line = Line {
        offset: u64::try_from(start - before * pitch).ok()?,
        pitch: u64::try_from(pitch).ok()?,
        count: u64::try_from(last - first + 1 + before + room).ok()?,
    };
    line.is_sound().then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_coordinates_are_found() {
        let true_line = Line {
            offset: (1000 << 32) + (1 << 31),
            pitch: (9 << 32) + 178_000_000,
            count: 3540,
        };
        let mut state = 5u32;
        let mut values: Vec<u64> = Vec::new();
        for _ in 0..2000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            values.push(true_line.value(u64::from(state >> 8) % 3540));
        }
        let line = fit_line(values.clone()).expect("a line");
        assert!(values.iter().all(|&value| line.line(value).is_some()));
        assert!(line.count < 3540 + 200);
        // Values without a pattern are on no line.
        let scattered = values.iter().map(|value| value * 7 % 20_011).collect();
        assert_eq!(fit_line(scattered), None);
    }
}
