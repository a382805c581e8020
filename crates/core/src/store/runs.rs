//! Readers of an object that go on where they stopped, and how far ahead of each to fetch.

use std::ops::Range;

/// Readers that are followed at a time.
const MOST: usize = 4;

/// Bytes after which a run counts as long: it will go on.
const LONG: u64 = 4 << 20;

/// The runs of reads at hand.
#[derive(Debug, Default)]
pub struct Runs {
    runs: Vec<Run>,
}

/// Reads that went on where others stopped.
#[derive(Debug)]
struct Run {
    /// Where the farthest read ended.
    position: u64,
    /// Bytes read so far.
    length: u64,
    /// When the last read was.
    touched: u64,
}

impl Runs {
    /// Takes note of a read. Whether it goes on an earlier one: it starts no more than `gap` behind its end, or as far before it as
    /// was read, because threads that share the work come in no order.
    pub fn read(&mut self, range: &Range<u64>, gap: u64, clock: u64) -> bool {
        let known = self.runs.iter_mut().find(|run| {
            range.start <= run.position.saturating_add(gap.min(run.length))
                && range.end + run.length >= run.position
        });
        match known {
            Some(run) => {
                run.position = run.position.max(range.end);
                run.length += range.end - range.start;
                run.touched = clock;
                true
            }
            None => {
                self.add(range.end, range.end - range.start, clock);
                false
            }
        }
    }

    /// Starts a run of which it is known that it will go on.
    pub fn start(&mut self, position: u64, clock: u64) {
        self.add(position, 0, clock);
    }

    fn add(&mut self, position: u64, length: u64, touched: u64) {
        if self.runs.len() == MOST {
            let oldest = self
                .runs
                .iter()
                .enumerate()
                .min_by_key(|(_, run)| run.touched);
            if let Some((oldest, _)) = oldest {
                self.runs.swap_remove(oldest);
            }
        }
        self.runs.push(Run {
            position,
            length,
            touched,
        });
    }

    /// What to have fetched ahead of the run that was read last, between `least` and `most`: twice as much as it has read, and of a
    /// long one four times.
    pub fn window(&self, least: u64, most: u64) -> Option<Range<u64>> {
        let run = self.runs.iter().max_by_key(|run| run.touched)?;
        let times = if run.length < LONG { 2 } else { 4 };
        let ahead = (times * run.length).clamp(least, most.max(least));
        Some(run.position..run.position.saturating_add(ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_doubles_while_a_reader_goes_on_and_starts_anew_after_a_seek() {
        let mut runs = Runs::default();
        assert!(!runs.read(&(0..100), 10, 1));
        assert!(runs.read(&(100..200), 10, 2));
        assert_eq!(runs.window(50, 1000), Some(200..600));
        assert!(runs.read(&(200..600), 10, 3));
        assert_eq!(runs.window(50, 1000), Some(600..1600));
        assert!(!runs.read(&(100_000..100_010), 10, 4));
        assert_eq!(runs.window(50, 1000), Some(100_010..100_060));
    }

    #[test]
    fn two_readers_are_followed_side_by_side() {
        let mut runs = Runs::default();
        runs.read(&(0..10), 0, 1);
        runs.read(&(5000..5010), 0, 2);
        for turn in 1..20u64 {
            assert!(runs.read(&(turn * 10..turn * 10 + 10), 0, 2 * turn + 1));
            assert!(runs.read(&(5000 + turn * 10..5010 + turn * 10), 0, 2 * turn + 2));
        }
    }
}
