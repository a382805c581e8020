//! CIGARs of long reads, which have hundreds of operations: how far each run of matches goes, given where other reads
//! broke off and how often this one does.

use super::motion::scale;
use super::sites::{Ahead, Site, Sites};
use super::track::{Met, Track, is_run};
use super::walk::END;
use crate::Result;
use crate::codec::mixing::{Coder, Mixer};
use crate::codec::records::{Records, on_read};

/// How many records before are looked at for the same CIGAR.
const REPEATS: usize = 4;

/// A run of matches is asked about so many sites: the longest of real reads pass fewer, and the work stays in proportion to
/// the operations.
const MOST_SITES: u32 = 255;

/// What has been learnt of them.
#[derive(Clone)]
pub(in crate::codec::records) struct Long {
    stops: Mixer<7, 1>,
    operations: Mixer<7, 1>,
    lengths: Mixer<7, 1>,
    /// The last two lengths of each operation.
    before: [[u32; 2]; 16],
    /// Whether the last CIGARs that could be those of records before were.
    repeated: u32,
}

impl Long {
    pub(in crate::codec::records) fn new() -> Self {
        Self {
            stops: Mixer::new(9, 255),
            operations: Mixer::new(9, 255),
            lengths: Mixer::new(11, 255),
            before: [[0; 2]; 16],
            repeated: 0,
        }
    }

    /// Codes whether the CIGAR of a record of `taken` bases is that of one just before at the same place, and if so, it.
    pub(in crate::codec::records) fn repeat<C: Coder>(
        &mut self,
        coder: &mut C,
        taken: u64,
        (records, record): (&Records, usize),
        cigar: &mut Vec<u32>,
    ) -> Result<bool> {
        let place = |at: usize| {
            let strand = records.flags[at] & 0x10;
            (records.references[at], records.positions[at], strand)
        };
        let bases = |cigar: &[u32]| {
            cigar
                .iter()
                .map(|&one| u64::from(on_read(one)))
                .sum::<u64>()
        };
        let fits = |&at: &usize| {
            let other = records.cigar_of(at);
            place(at) == place(record) && other.len() > 1 && bases(other) == taken
        };
        let before = record.saturating_sub(REPEATS)..record;
        let Some(other) = before.rev().find(fits) else {
            return Ok(false);
        };
        let other = records.cigar_of(other);
        let contexts = [self.repeated & 1, self.repeated & 7, 0, 0, 0, 0, 0];
        self.stops.turn(&contexts, 4);
        let is = self.stops.bit(coder, cigar == other, 1, 201);
        self.repeated = self.repeated << 1 | u32::from(is);
        if is && C::DECODES {
            cigar.extend(other);
            records.check_limit((records.cigar.len() + cigar.len()).saturating_mul(4))?;
        }
        Ok(is)
    }

    /// Codes the operations of a record that takes `taken` bases into `cigar`, which holds them when encoding and nothing
    /// when decoding.
    pub(in crate::codec::records) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        taken: u64,
        (records, record): (&Records, usize),
        sites: &mut Sites,
        cigar: &mut Vec<u32>,
    ) -> Result<()> {
        let mut track = Track::new(records, record, taken);
        let mut ahead = sites.ahead(track.key(0), track.strand);
        let mut seen = Vec::new();
        loop {
            let given = cigar.get(track.count as usize).copied();
            let here = ahead.here(track.key(0));
            let operation = self.operation(coder, &track, here, given.map(|given| given & 15));
            coder.charge(15);
            let Some(operation) = operation else { break };
            let length = given.map_or(0, |given| given >> 4);
            let length = if is_run(operation) {
                self.run(coder, &mut track, operation, length, &mut ahead)
            } else {
                self.length(coder, &track, operation, length, here)
            };
            coder.charge(16);
            self.before[operation as usize] = [length, self.before[operation as usize][0]];
            let whole = length << 4 | operation;
            if C::DECODES {
                cigar.push(whole);
                records.check_limit((records.cigar.len() + cigar.len()).saturating_mul(4))?;
            }
            track.note(whole, &mut ahead, &mut seen);
        }
        drop(ahead);
        sites.add(&seen, track.strand);
        Ok(())
    }

    /// Codes an operation, none at the end.
    fn operation<C: Coder>(
        &mut self,
        coder: &mut C,
        track: &Track,
        here: Option<Site>,
        operation: Option<u32>,
    ) -> Option<u32> {
        let operation = operation.unwrap_or(END as u32);
        let [one, two, three] = track.last;
        let rest = match track.rest {
            ..0 => 0,
            0 => 1,
            _ => 2,
        };
        let site = here.map_or(0, |site| 1 + site.usual());
        let class = here.map_or(64, |site| site.class());
        let (word, on) = here.map_or((0, 64), |site| {
            (site.last & 15, site.class_on(track.strand))
        });
        let base = one << 2 | rest;
        let contexts = [
            base << 8 | two,
            (base << 8 | site) << 8 | class,
            (base << 8 | two) << 8 | three,
            base << 8 | scale(track.lengths[0].into()).min(63),
            (base << 8 | track.kinds & 63) << 4 | site,
            (base << 8 | on) << 8 | word,
            base << 16
                | track.near_class() >> 1 << 6
                | scale(track.lengths[1].into()).min(15) << 2
                | track.kinds & 3,
        ];
        let operation = self
            .operations
            .symbol(coder, operation, 5, &contexts, 0, one as usize * 8);
        (operation < END as u32).then_some(operation)
    }

    /// Codes the length of a run of matches: whether it reaches the sites ahead, and what is left.
    fn run<C: Coder>(
        &mut self,
        coder: &mut C,
        track: &mut Track,
        operation: u32,
        length: u32,
        ahead: &mut Ahead<'_>,
    ) -> u32 {
        let end = track.key(track.rest.clamp(0, 1 << 28) as u64);
        let start = track.key(0);
        let mut met = Met::NEW;
        while let Some((key, site)) = ahead.next(track.key(met.from), end) {
            let distance = key - start;
            if !self.reaches(coder, track, &met, (distance, &site), length) {
                track.met <<= 2;
                met.bound = 1 + scale(distance - met.from);
                break;
            }
            let stops = self.stops(coder, track, (distance, &site), length);
            track.met = track.met << 2 | 2 | u32::from(stops);
            if stops {
                return distance as u32;
            }
            met.from = distance + 1;
            met.count += 1;
            if met.count == MOST_SITES {
                break;
            }
        }
        let rest = if (0..1000).contains(&track.rest) {
            track.rest as u32
        } else {
            1000 + scale(track.rest.unsigned_abs())
        };
        let (near, slow) = (track.near_class(), track.far_class());
        // A run that has not passed a site may be empty.
        let start = if met.count == 0 { 0 } else { met.from };
        let base = (operation << 6 | met.bound.min(63)) << 1 | u32::from(met.count > 0);
        let last = track.last[0] << 4 | track.lengths[0].min(15);
        let more = self.before[operation as usize];
        let contexts = [
            base << 8 | near,
            base << 8 | slow,
            base << 12 | last,
            base << 12 | scale(more[0].into()) << 6 | scale(more[1].into()),
            base << 12 | scale(met.from) << 6 | near >> 1,
            (operation << 12 | rest) << 1 | u32::from(track.rest < 1000),
            (operation << 12 | last) << 12 | near << 4 | more[0].min(15),
        ];
        let offset = u64::from(length).wrapping_sub(start);
        let offset = self.lengths.number(coder, offset, &contexts, 0);
        (start.wrapping_add(offset) & 0x0fff_ffff) as u32
    }

    /// Codes whether a run of matches reaches a site.
    fn reaches<C: Coder>(
        &mut self,
        coder: &mut C,
        track: &Track,
        met: &Met,
        (distance, site): (u64, &Site),
        length: u32,
    ) -> bool {
        let (near, class, from) = (track.near_class(), site.class(), met.from);
        let apart = distance - from;
        let far = scale(apart);
        let contexts = [
            near << 8 | far,
            track.far_class() << 8 | far,
            track.last[0] << 12 | scale(from) << 6 | far,
            (apart.min(255) as u32) << 8 | track.last[0],
            (track.met & 255) << 8 | far,
            near << 16 | class << 8 | scale(distance),
            class << 8 | apart.min(15) as u32,
        ];
        self.stops.turn(&contexts, 1);
        let is = u64::from(length) >= distance;
        self.stops.bit(coder, is, 1, 100 + far.min(20) as usize)
    }

    /// Codes whether a run of matches that reaches a site ends there.
    fn stops<C: Coder>(
        &mut self,
        coder: &mut C,
        track: &Track,
        (distance, site): (u64, &Site),
        length: u32,
    ) -> bool {
        let (class, usual) = (site.class(), site.usual());
        let strand = track.strand;
        let (on, off) = (site.class_on(strand), site.class_on(1 - strand));
        let counts =
            [site.taken[strand], site.passed[strand]].map(|count| u32::from(count.min(15)));
        let contexts = [
            class << 3 | usual,
            (on << 8 | off) << 3 | usual,
            class << 8 | track.near_class(),
            (track.met & 255) << 8 | class,
            on << 16 | counts[0] << 4 | counts[1],
            class << 16 | scale(distance) << 8 | track.last[0] << 3 | usual,
            class << 8 | (track.kinds & 15) << 3 | usual,
        ];
        self.stops.turn(&contexts, 2);
        let is = u64::from(length) == distance;
        self.stops.bit(coder, is, 1, class as usize)
    }

    /// Codes the length of any other operation.
    fn length<C: Coder>(
        &mut self,
        coder: &mut C,
        track: &Track,
        operation: u32,
        length: u32,
        here: Option<Site>,
    ) -> u32 {
        let ends = operation == 4 && track.count > 0;
        if ends && (0..1 << 28).contains(&track.rest) {
            let contexts = [0, track.last[0], 0, 0, 0, 0, 0];
            self.stops.turn(&contexts, 3);
            let is = i64::from(length) == track.rest;
            if self.stops.bit(coder, is, 1, 200) {
                return track.rest as u32;
            }
        }
        let word = here.map_or(0, |site| site.last);
        let said = if word & 15 == operation { word >> 4 } else { 0 };
        let class = here.map_or(64, |site| site.class());
        let before = self.before[operation as usize];
        let one = track.last[0] << 4 | track.lengths[0].min(15);
        let base = operation + 16;
        let contexts = [
            base,
            base << 12 | said.min(255) << 4,
            (base << 12 | said.min(255) << 4) << 8 | class,
            base << 12 | before[0].min(63) << 6 | before[1].min(63),
            base << 16 | track.near_class(),
            base << 16 | one,
            base << 16 | (track.kinds & 63) << 4 | track.lengths[1].min(15),
        ];
        let length = self.lengths.number(coder, length.into(), &contexts, 1);
        length as u32 & 0x0fff_ffff
    }
}
