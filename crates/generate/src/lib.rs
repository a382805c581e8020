//! Generator of large, realistic BAM files for the demo, the tests and the benchmarks.
//!
//! Public files of the size that archives are made for cannot be carried along, so this crate
//! makes files that cost about the same, field by field, as real runs do: qualities from a model
//! fitted to a run, reads from a synthetic genome with variants, errors, clips and repeats, names
//! from a flow cell, tags as an aligner writes them. One seed gives the same bytes everywhere.
//!
//! The genome is cut into windows of 16,384 bases; each is made independently of the others (see
//! [`window`]), so a file of any size streams out with a few windows in memory.

pub mod align;
pub mod bgzf;
mod columns;
pub mod contigs;
mod far;
pub mod genome;
pub mod header;
pub mod names;
pub mod parallel;
mod places;
pub mod profile;
pub mod quality;
pub mod record;
pub mod rng;
pub mod tags;
pub mod window;

use bgzf::{BgzfWriter, Cut, Deflater};
use contigs::Contigs;
use genome::WINDOW;
use profile::{Aligner, Profile};
use quality::Model;
use std::io::{self, Write};
use window::{Batch, Entry, WindowMaker, World};

/// Windows that are made before their records are written. Fixed, because `--size` measures
/// after each round and must not depend on the number of threads.
const ROUND: u32 = 8;
/// The window from which chromosome 1 is covered when all of the genome is needed: its start.
const FIRST_WINDOW: u32 = 1;

/// Deepest coverage that the arithmetic of starts per base has room for.
const DEEPEST: u32 = 5000;
/// Records that are written before their size is known.
const PROBE: u64 = 2000;

/// How much to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many records.
    Records(u64),
    /// A file of about so many bytes.
    Bytes(u64),
}

/// What to make.
#[derive(Debug)]
pub struct Options {
    /// Kind of run.
    pub profile: &'static Profile,
    /// Records or bytes.
    pub amount: Amount,
    /// Seed of everything.
    pub seed: u64,
    /// Depth of coverage, if not the profile's.
    pub depth: Option<u32>,
    /// Who deflates.
    pub deflater: Deflater,
    /// Where blocks end.
    pub cut: Cut,
    /// Threads to use.
    pub threads: usize,
}

/// Writes the file that the options describe to `out`; the number of its records.
pub fn generate(options: &Options, out: impl Write) -> io::Result<u64> {
    let profile = options.profile;
    let model = Model::parse(profile.model)
        .ok_or_else(|| io::Error::other("the tables of the quality model are damaged"))?;
    let contigs = match profile.aligner {
        Aligner::BwaMem => Contigs::grch38(options.seed),
        Aligner::BwaAln => Contigs::hg19(),
    };
    let depth = options.depth.unwrap_or(profile.depth);
    if !(1..=DEEPEST).contains(&depth) {
        return Err(io::Error::other(format!("depth is 1 to {DEEPEST}")));
    }
    let world = World {
        profile,
        model,
        contigs,
        seed: options.seed,
        depth,
    };
    let mut writer = BgzfWriter::new(out, options.deflater, options.cut, options.threads);
    writer.header(&header::header(profile, &world.contigs, options.seed));
    writer.flush()?;
    let mut stream = Stream {
        header: writer.expected(),
        amount: options.amount,
        writer,
        records: 0,
        record_bytes: u64::from(profile.record_bytes),
    };
    let mut window = first_window(&world, options.amount)?;
    let mut waiting = Batch::default();
    let mut makers: Vec<WindowMaker> = (0..options.threads.max(1))
        .map(|_| WindowMaker::new(&world))
        .collect();
    while !stream.is_complete() {
        if window >= world.contigs.windows() {
            let text = "the genome is too small for that much at this depth";
            return Err(io::Error::other(text));
        }
        let count = ROUND.min(world.contigs.windows() - window);
        let first = window;
        let made = parallel::map(&mut makers, count, |maker, index| maker.make(first + index));
        window += count;
        let (contig, inside) = world.contigs.locate(window);
        // Windows still to come have nothing before this place.
        let settled = (contig, inside * WINDOW);
        waiting = stream.write_round(waiting, made, settled)?;
    }
    let records = stream.records;
    stream.writer.finish()?;
    Ok(records)
}

/// Where coverage starts: at the profile's place if what follows on that chromosome is enough,
/// else at the beginning of the genome.
fn first_window(world: &World, amount: Amount) -> io::Result<u32> {
    let profile = world.profile;
    let records = match amount {
        Amount::Records(records) => records,
        Amount::Bytes(bytes) => bytes / u64::from(profile.record_bytes),
    };
    let bases = records.saturating_mul(u64::from(profile.length)) / u64::from(world.depth);
    // A tenth more for luck, and the round in which the last record is found.
    let windows = bases / u64::from(WINDOW) / 10 * 11 + 2 * u64::from(ROUND);
    let start = world.contigs.window_at(profile.start.0, profile.start.1);
    let (contig, inside) = world.contigs.locate(start);
    let length = world.contigs.list[contig as usize].length / WINDOW;
    if windows <= u64::from(length - inside) {
        Ok(start)
    } else if windows <= u64::from(world.contigs.windows() - FIRST_WINDOW) {
        Ok(FIRST_WINDOW)
    } else {
        Err(io::Error::other(
            "the genome is too small for that much at this depth",
        ))
    }
}

/// The records on their way to the file.
struct Stream<W> {
    writer: BgzfWriter<W>,
    amount: Amount,
    /// Bytes of the file before the first record.
    header: u64,
    records: u64,
    /// Bytes of the file per record, as far as known.
    record_bytes: u64,
}

impl<W: Write> Stream<W> {
    fn is_complete(&self) -> bool {
        match self.amount {
            Amount::Records(records) => self.records >= records,
            Amount::Bytes(bytes) => self.writer.expected() + self.record_bytes > bytes,
        }
    }

    /// Sorts the records of a round and those left from the last one, and writes those that
    /// nothing can precede any more; what is left.
    fn write_round(
        &mut self,
        waiting: Batch,
        made: Vec<Batch>,
        settled: (u32, u32),
    ) -> io::Result<Batch> {
        let batches: Vec<Batch> = std::iter::once(waiting).chain(made).collect();
        let mut order: Vec<(&Batch, &Entry)> = batches
            .iter()
            .flat_map(|batch| batch.entries.iter().map(move |entry| (batch, entry)))
            .collect();
        order.sort_by_key(|(_, entry)| entry.key);
        let ready = order.partition_point(|(_, entry)| (entry.key.0, entry.key.1) < settled);
        let mut done = 0;
        while done < ready && !self.is_complete() {
            let room = match self.amount {
                Amount::Records(records) => records - self.records,
                Amount::Bytes(bytes) => {
                    let left = bytes.saturating_sub(self.writer.expected());
                    // The first records only tell what a record takes.
                    let most = if self.records == 0 { PROBE } else { u64::MAX };
                    (left / self.record_bytes).min(most)
                }
            };
            let count = room.min((ready - done) as u64) as usize;
            for (batch, entry) in &order[done..done + count] {
                self.writer.record(&batch.bytes[entry.start..entry.end]);
            }
            self.writer.flush()?;
            done += count;
            self.records += count as u64;
            let bytes = self.writer.expected() - self.header;
            self.record_bytes = bytes.checked_div(self.records).unwrap_or(0).max(1);
        }
        let mut left = Batch::default();
        for (batch, entry) in &order[ready..] {
            let start = left.bytes.len();
            left.bytes
                .extend_from_slice(&batch.bytes[entry.start..entry.end]);
            left.entries.push(Entry {
                key: entry.key,
                start,
                end: left.bytes.len(),
            });
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use profile::{HISEQ, NOVASEQ};

    fn made(profile: &'static Profile, amount: Amount, threads: usize) -> Vec<u8> {
        let deflater = Deflater::named("zlib-1").unwrap_or_else(|| unreachable!());
        let (seed, cut) = (5, Cut::Htslib);
        let options = Options {
            profile,
            amount,
            seed,
            depth: None,
            deflater,
            cut,
            threads,
        };
        let mut out = Vec::new();
        assert!(generate(&options, &mut out).is_ok());
        out
    }

    #[test]
    fn threads_do_not_change_the_file() {
        for profile in [&NOVASEQ, &HISEQ] {
            let one = made(profile, Amount::Records(30_000), 1);
            assert!(one == made(profile, Amount::Records(30_000), 4));
        }
    }

    #[test]
    fn a_size_is_met_closely() {
        let size = made(&HISEQ, Amount::Bytes(2_000_000), 2).len();
        assert!(size.abs_diff(2_000_000) < 60_000, "{size}");
    }

    #[test]
    fn quality_models_are_complete() {
        for profile in [&NOVASEQ, &HISEQ] {
            assert!(Model::parse(profile.model).is_some(), "{}", profile.name);
        }
    }

    #[test]
    fn more_than_the_genome_holds_is_refused() {
        let deflater = Deflater::named("stored").unwrap_or_else(|| unreachable!());
        let options = Options {
            profile: &HISEQ,
            amount: Amount::Records(u64::MAX),
            seed: 1,
            depth: None,
            deflater,
            cut: Cut::Htslib,
            threads: 1,
        };
        assert!(generate(&options, std::io::sink()).is_err());
    }
}
