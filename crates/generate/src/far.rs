//! Templates whose parts lie far apart: reads on two contigs, and reads that span two places.
//!
//! Each such template belongs to two windows. Both make it whole, from random numbers that only
//! depend on the two, and keep what lies in them.

use crate::align::{HARD_CLIP, Request, SOFT_CLIP};
use crate::genome::WINDOW;
use crate::names::write_name;
use crate::record::{Fields, PAIRED, PROPER, SECONDARY};
use crate::rng::Rng;
use crate::tags::{Pair, Place, Standing, write_tags};
use crate::window::{Batch, Entry, Template, WindowMaker, flags, push, rng_bit, stretch};

/// Far windows are paired by flipping one of these bits of their number: at least 512 windows
/// (8 million bases) apart, and at most 65,536.
const FAR_BITS: std::ops::Range<u32> = 9..17;

impl WindowMaker<'_> {
    /// Templates between this window and those far away, of which this window keeps its part.
    pub(crate) fn far_templates(&mut self, window: u32, per_million: u32) {
        let world = self.world;
        let starts = u64::from(per_million) * u64::from(WINDOW) / 1_000_000;
        // Millionths of a template: from 0 to twice the mean for each pair of windows.
        let most = 2 * starts * u64::from(world.profile.far) / FAR_BITS.len() as u64;
        for bit in FAR_BITS {
            let partner = window ^ (1 << bit);
            let usable =
                |window: u32| window < world.contigs.windows() && !world.contigs.is_last(window);
            if !usable(partner) || !usable(window) {
                continue;
            }
            let (low, high) = (window.min(partner), window.max(partner));
            let key = [world.seed, u64::from(low), u64::from(high), 12];
            let mut rng = Rng::keyed(&key);
            let count = (rng.below(most as u32) + rng.below(1_000_000)) / 1_000_000;
            for _ in 0..count {
                let whole = std::mem::take(&mut self.batch);
                if rng.chance(world.profile.split) {
                    self.split_template(&mut rng, [low, high]);
                } else {
                    self.far_template(&mut rng, [low, high]);
                }
                let made = std::mem::replace(&mut self.batch, whole);
                self.keep(made, window);
            }
        }
    }

    /// Two reads in two windows.
    fn far_template(&mut self, rng: &mut Rng, windows: [u32; 2]) {
        let world = self.world;
        let classes = world.model.classes(rng);
        write_name(world.profile, rng, &mut self.name);
        let first_left = rng_bit(rng);
        let [left, right] = windows.map(|window| {
            let (_, inside) = world.contigs.locate(window);
            let start = inside * WINDOW + rng.below(WINDOW);
            Template {
                window,
                start,
                length: 0,
                haplotype: rng.below(world.profile.haplotypes),
                first_left,
                flag: 0,
            }
        });
        let strands = [rng_bit(rng), rng_bit(rng)];
        let left_read = self.read(
            rng,
            left,
            strands[0],
            !first_left,
            classes[usize::from(!first_left)],
        );
        let right_read = self.read(
            rng,
            right,
            strands[1],
            first_left,
            classes[usize::from(first_left)],
        );
        if left_read.mapped && right_read.mapped {
            let pair = Pair::draw(rng, world, &left_read, &right_read);
            self.emit(rng, left, [&left_read, &right_read], &pair, 0, None);
        }
    }

    /// A pair in the first window whose left read ends in the second one.
    fn split_template(&mut self, rng: &mut Rng, windows: [u32; 2]) {
        let world = self.world;
        let profile = world.profile;
        let classes = world.model.classes(rng);
        write_name(profile, rng, &mut self.name);
        let tail = 35 + rng.below(profile.length - 80);
        let (_, inside) = world.contigs.locate(windows[0]);
        let template = Template {
            window: windows[0],
            start: inside * WINDOW + rng.below(WINDOW),
            length: rng.along(profile.template).max(profile.length),
            haplotype: rng.below(profile.haplotypes),
            first_left: rng_bit(rng),
            flag: 0,
        };
        let left_second = !template.first_left;
        self.draw_qualities(rng, left_second, classes[usize::from(left_second)]);
        let split = self.qualities.len() - tail as usize;
        let (contig, inside) = world.contigs.locate(windows[1]);
        let there = Request {
            contig,
            start: inside * WINDOW + rng.below(WINDOW),
            reverse: false,
            haplotype: template.haplotype,
            tail: 0,
        };
        let far = stretch(&mut self.stretches, world, windows[1]);
        let mut part = self.reads.make(rng, far, there, &self.qualities[split..]);
        let (contig, _) = world.contigs.locate(windows[0]);
        let here = Request {
            contig,
            start: template.start,
            tail,
            ..there
        };
        let near = stretch(&mut self.stretches, world, windows[0]);
        let mut left = self.reads.make(rng, near, here, &self.qualities);
        left.bases[split..].copy_from_slice(&part.bases);
        let right = self.read(
            rng,
            template,
            true,
            !left_second,
            classes[usize::from(!left_second)],
        );
        let clipped = left
            .cigar
            .last()
            .is_some_and(|last| (*last >> 4) as usize == part.bases.len());
        if !(left.mapped && right.mapped && part.mapped && clipped) {
            return;
        }
        let pair = Pair::draw(rng, world, &left, &right);
        // The part's CIGAR as SA tells it (soft clip) and as its record has it (hard clip).
        let mut soft = part.clone();
        soft.cigar.insert(0, (split as u32) << 4 | SOFT_CLIP);
        part.cigar.insert(0, (split as u32) << 4 | HARD_CLIP);
        let main = Place::of(&left, pair.qualities[0]);
        let other = Place::of(&soft, pair.qualities[0]);
        self.emit(rng, template, [&left, &right], &pair, PROPER, Some(&other));
        let fields = Fields {
            name: &self.name,
            flag: PAIRED | SECONDARY | flags(&part, &right, template.first_left),
            quality: pair.qualities[0],
            next_contig: right.contig as i32,
            next_position: right.position as i32,
            template: 0,
        };
        let standing = Standing {
            read: &part,
            mate: &right,
            index: 0,
            split: Some(&main),
        };
        write_tags(rng, world, &standing, &pair, &mut self.tags);
        push(&mut self.batch, &fields, &part, &self.tags);
    }

    /// Takes over the records of `made` that start in the window or the one after it.
    fn keep(&mut self, made: Batch, window: u32) {
        let (contig, inside) = self.world.contigs.locate(window);
        let from = inside * WINDOW;
        for entry in made.entries {
            let (there, position, _) = entry.key;
            if there == contig && (from..from + 2 * WINDOW).contains(&position) {
                let start = self.batch.bytes.len();
                self.batch
                    .bytes
                    .extend_from_slice(&made.bytes[entry.start..entry.end]);
                let end = self.batch.bytes.len();
                self.batch.entries.push(Entry {
                    key: entry.key,
                    start,
                    end,
                });
            }
        }
    }
}
