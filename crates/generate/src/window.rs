//! The records of one window: every template that starts in it, and every part of a template
//! elsewhere that lies in it. Windows are made independently of each other; a template between
//! two far windows is made by both, from the same random numbers, and each keeps its own part.

use crate::align::{Read, ReadMaker, Request};
use crate::contigs::Contigs;
use crate::genome::{Stretch, WINDOW};
use crate::names::write_name;
use crate::profile::Profile;
use crate::quality::{CLASSES, Model, Sampler};
use crate::record::{
    DUPLICATE, FIRST, Fields, MATE_REVERSE, MATE_UNMAPPED, PAIRED, PROPER, REVERSE, SECOND,
    SECONDARY, UNMAPPED, write_record,
};
use crate::rng::{Rng, dealt};
use crate::tags::{Pair, write_tags};
use crate::tags::{Place, Standing};
use std::collections::HashMap;

/// Far windows are paired by flipping one of these bits of their number: at least 512 windows
/// (8 million bases) apart, and at most 65,536.
const FAR_BITS: std::ops::Range<u32> = 9..17;
/// Coverage is even within this many bases.
const LEVEL_SPAN: u32 = 1000;

/// What all windows share.
#[derive(Debug)]
pub struct World {
    /// Kind of run.
    pub profile: &'static Profile,
    /// Quality model.
    pub model: Model,
    /// Contigs of the genome.
    pub contigs: Contigs,
    /// Seed of everything.
    pub seed: u64,
    /// Depth of coverage.
    pub depth: u32,
}

/// A record and where it belongs.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Contig, position, strand: the order of the file.
    pub key: (u32, u32, bool),
    /// First byte in the batch.
    pub start: usize,
    /// After the last byte.
    pub end: usize,
}

/// The records of a window, in the order they were made.
#[derive(Debug, Default)]
pub struct Batch {
    /// Bytes of all records.
    pub bytes: Vec<u8>,
    /// One entry per record.
    pub entries: Vec<Entry>,
}

/// Makes windows; one per thread.
pub struct WindowMaker<'w> {
    world: &'w World,
    sampler: Sampler<'w>,
    reads: ReadMaker<'w>,
    /// Genome by window, of the window being made and its far partners.
    stretches: HashMap<u32, Stretch>,
    qualities: Vec<u8>,
    name: Vec<u8>,
    tags: Vec<u8>,
    batch: Batch,
}

/// Where a template lies and what it is made from.
#[derive(Clone, Copy, Debug)]
struct Template {
    window: u32,
    start: u32,
    length: u32,
    haplotype: u32,
    /// The first read is the left one.
    first_left: bool,
    flag: u16,
}

impl<'w> WindowMaker<'w> {
    /// A maker with nothing made.
    pub fn new(world: &'w World) -> WindowMaker<'w> {
        WindowMaker {
            world,
            sampler: Sampler::new(&world.model),
            reads: ReadMaker::new(world.profile),
            stretches: HashMap::new(),
            qualities: Vec::new(),
            name: Vec::new(),
            tags: Vec::new(),
            batch: Batch::default(),
        }
    }

    /// All records of this window.
    pub fn make(&mut self, window: u32) -> Batch {
        self.stretches.clear();
        let world = self.world;
        let profile = world.profile;
        let (contig, inside) = world.contigs.locate(window);
        let mut rng = Rng::keyed(&[world.seed, u64::from(window), 10]);
        // Starts per million bases at level 100: two reads per template.
        let per_million = world.depth * 500_000 / profile.length;
        // Templates must not reach into a window that nothing covers.
        let last = world.contigs.is_last(window);
        let end = if last {
            WINDOW - 2 * LEVEL_SPAN
        } else {
            WINDOW
        };
        for offset in 0..end {
            let position = inside * WINDOW + offset;
            if offset == 0 || position.is_multiple_of(LEVEL_SPAN) {
                let count = profile.levels.len() as u32;
                let card = dealt(world.seed, 11, contig, position / LEVEL_SPAN, count);
                let level = profile.levels[card as usize];
                self.span(
                    &mut rng,
                    window,
                    position,
                    level * per_million / 100,
                    end - offset,
                );
            }
        }
        self.far_templates(window, per_million);
        std::mem::take(&mut self.batch)
    }

    /// Templates that start between a position and the end of its kilobase or window.
    fn span(&mut self, rng: &mut Rng, window: u32, from: u32, per_million: u32, left: u32) {
        let length = (LEVEL_SPAN - from % LEVEL_SPAN).min(left);
        // After each template another one starts at the same place with this chance, which
        // makes the wanted mean.
        let again =
            (u64::from(per_million) * 1_000_000 / (1_000_000 + u64::from(per_million))) as u32;
        let profile = self.world.profile;
        for start in from..from + length {
            while rng.chance(again) {
                let length = rng.along(profile.template).max(profile.length);
                let template = Template {
                    window,
                    start,
                    length,
                    haplotype: rng.below(profile.haplotypes),
                    first_left: rng.chance(500_000),
                    flag: 0,
                };
                self.near_template(rng, template);
                if rng.chance(profile.duplicates) {
                    self.near_template(
                        rng,
                        Template {
                            flag: DUPLICATE,
                            ..template
                        },
                    );
                }
            }
        }
    }

    /// A template whose reads lie next to each other (or of which one is not aligned).
    fn near_template(&mut self, rng: &mut Rng, template: Template) {
        let profile = self.world.profile;
        let classes = self.world.model.classes(rng);
        write_name(profile, rng, &mut self.name);
        let left_second = !template.first_left;
        let class = |second: bool| classes[usize::from(second)];
        let half = rng.chance(profile.half_mapped);
        let left = self.read(rng, template, false, left_second, class(left_second));
        let right = if half {
            self.draw_qualities(rng, !left_second, 0);
            let reverse = rng_bit(rng);
            Read::unaligned(rng, &left, reverse, &self.qualities)
        } else {
            self.read(rng, template, true, !left_second, class(!left_second))
        };
        let pair = Pair::draw(rng, self.world, &left, &right);
        match (left.mapped, right.mapped) {
            (true, true) => {
                self.emit(rng, template, [&left, &right], &pair, PROPER, None);
            }
            (true, false) => self.emit_half(rng, template, &left, right, &pair, true),
            (false, true) => self.emit_half(rng, template, &right, left, &pair, false),
            (false, false) => {}
        }
    }

    /// The left or right read of a template.
    fn read(
        &mut self,
        rng: &mut Rng,
        template: Template,
        right: bool,
        second: bool,
        class: usize,
    ) -> Read {
        let profile = self.world.profile;
        self.draw_qualities(rng, second, class);
        let length = self.qualities.len() as u32;
        let tail = if rng.chance(profile.tails) {
            rng.along(profile.tail_length)
        } else {
            0
        };
        let shift = if right {
            template.length.saturating_sub(length)
        } else {
            0
        };
        let (contig, _) = self.world.contigs.locate(template.window);
        let request = Request {
            contig,
            start: template.start + shift,
            reverse: right,
            haplotype: template.haplotype,
            tail,
        };
        let stretch = stretch(&mut self.stretches, self.world, template.window);
        self.reads.make(rng, stretch, request, &self.qualities)
    }

    /// Draws the qualities of a read, shorter when its end was trimmed.
    fn draw_qualities(&mut self, rng: &mut Rng, second: bool, class: usize) {
        let profile = self.world.profile;
        let length = profile.length - rng.pick(profile.trimmed) as u32;
        let class = class.min(CLASSES - 1);
        self.sampler
            .draw(rng, second, class, length as usize, &mut self.qualities);
    }

    /// Writes two aligned reads. `more` is added to both flags.
    fn emit(
        &mut self,
        rng: &mut Rng,
        template: Template,
        reads: [&Read; 2],
        pair: &Pair,
        more: u16,
        split: Option<&Place>,
    ) {
        let outer = template_length(reads[0], reads[1]);
        for (index, read) in reads.into_iter().enumerate() {
            let mate = reads[1 - index];
            let first = (index == 0) == template.first_left;
            let fields = Fields {
                name: &self.name,
                flag: template.flag | more | PAIRED | flags(read, mate, first),
                quality: pair.qualities[index],
                next_contig: mate.contig as i32,
                next_position: mate.position as i32,
                template: if index == 0 { outer } else { -outer },
            };
            let standing = Standing {
                read,
                mate,
                index,
                split: split.filter(|_| index == 0),
            };
            write_tags(rng, self.world, &standing, pair, &mut self.tags);
            push(&mut self.batch, &fields, read, &self.tags);
        }
    }

    /// Writes an aligned read and its mate that is not.
    fn emit_half(
        &mut self,
        rng: &mut Rng,
        template: Template,
        mapped: &Read,
        lost: Read,
        pair: &Pair,
        left_mapped: bool,
    ) {
        let lost = Read {
            contig: mapped.contig,
            position: mapped.position,
            end: mapped.position,
            mapped: false,
            ..lost
        };
        let index = usize::from(!left_mapped);
        let first = template.first_left == left_mapped;
        for (read, mate, first, index) in [
            (mapped, &lost, first, index),
            (&lost, mapped, !first, 1 - index),
        ] {
            let fields = Fields {
                name: &self.name,
                flag: PAIRED | flags(read, mate, first),
                quality: if read.mapped {
                    pair.qualities[index]
                } else {
                    0
                },
                next_contig: mate.contig as i32,
                next_position: mate.position as i32,
                template: 0,
            };
            let standing = Standing {
                read,
                mate,
                index,
                split: None,
            };
            write_tags(rng, self.world, &standing, pair, &mut self.tags);
            push(&mut self.batch, &fields, read, &self.tags);
        }
    }

    /// Templates between this window and those far away, of which this window keeps its part.
    fn far_templates(&mut self, window: u32, per_million: u32) {
        let world = self.world;
        let starts = u64::from(per_million) * u64::from(WINDOW) / 1_000_000;
        let wanted = starts * u64::from(world.profile.far) / 1_000_000;
        let most = (2 * wanted / u64::from(FAR_BITS.end - FAR_BITS.start)) as u32;
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
            for _ in 0..rng.below(most + 1) {
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
        soft.cigar
            .insert(0, (split as u32) << 4 | crate::align::SOFT_CLIP);
        part.cigar
            .insert(0, (split as u32) << 4 | crate::align::HARD_CLIP);
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

/// The genome from a window on, made when first asked for.
fn stretch<'s>(
    stretches: &'s mut HashMap<u32, Stretch>,
    world: &World,
    window: u32,
) -> &'s Stretch {
    stretches.entry(window).or_insert_with(|| {
        let (contig, inside) = world.contigs.locate(window);
        Stretch::new(world.seed, contig, inside, &world.profile.diversity)
    })
}

/// A random bit.
fn rng_bit(rng: &mut Rng) -> bool {
    rng.chance(500_000)
}

/// Flags of strand, order and mapping of a read and its mate.
fn flags(read: &Read, mate: &Read, first: bool) -> u16 {
    let when = |condition: bool, flag: u16| if condition { flag } else { 0 };
    when(read.reverse, REVERSE)
        | when(mate.reverse, MATE_REVERSE)
        | when(!read.mapped, UNMAPPED)
        | when(!mate.mapped, MATE_UNMAPPED)
        | if first { FIRST } else { SECOND }
}

/// TLEN of the first read: from the leftmost to the rightmost aligned base, 0 across contigs.
fn template_length(left: &Read, right: &Read) -> i32 {
    if left.contig != right.contig {
        return 0;
    }
    let length = (left.end.max(right.end) - left.position.min(right.position)) as i32;
    if left.position <= right.position {
        length
    } else {
        -length
    }
}

/// Appends a record to a batch.
fn push(batch: &mut Batch, fields: &Fields, read: &Read, tags: &[u8]) {
    let start = batch.bytes.len();
    write_record(&mut batch.bytes, fields, read, tags);
    let end = batch.bytes.len();
    batch.entries.push(Entry {
        key: (read.contig, read.position, read.reverse),
        start,
        end,
    });
}
