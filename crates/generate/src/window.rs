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
    UNMAPPED, write_record,
};
use crate::rng::{Rng, dealt};
use crate::tags::{Pair, write_tags};
use crate::tags::{Place, Standing};
use std::collections::HashMap;

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
    pub(crate) world: &'w World,
    sampler: Sampler<'w>,
    pub(crate) reads: ReadMaker<'w>,
    /// Genome by window, of the window being made and its far partners.
    pub(crate) stretches: HashMap<u32, Stretch>,
    pub(crate) qualities: Vec<u8>,
    pub(crate) name: Vec<u8>,
    pub(crate) tags: Vec<u8>,
    pub(crate) batch: Batch,
}

/// Where a template lies and what it is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template {
    pub(crate) window: u32,
    pub(crate) start: u32,
    pub(crate) length: u32,
    pub(crate) haplotype: u32,
    /// The first read is the left one.
    pub(crate) first_left: bool,
    pub(crate) flag: u16,
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
    pub(crate) fn read(
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
    pub(crate) fn draw_qualities(&mut self, rng: &mut Rng, second: bool, class: usize) {
        let profile = self.world.profile;
        let length = profile.length - rng.pick(profile.trimmed) as u32;
        let class = class.min(CLASSES - 1);
        self.sampler
            .draw(rng, second, class, length as usize, &mut self.qualities);
    }

    /// Writes two aligned reads. `more` is added to both flags.
    pub(crate) fn emit(
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
}

/// The genome from a window on, made when first asked for.
pub(crate) fn stretch<'s>(
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
pub(crate) fn rng_bit(rng: &mut Rng) -> bool {
    rng.chance(500_000)
}

/// Flags of strand, order and mapping of a read and its mate.
pub(crate) fn flags(read: &Read, mate: &Read, first: bool) -> u16 {
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
pub(crate) fn push(batch: &mut Batch, fields: &Fields, read: &Read, tags: &[u8]) {
    let start = batch.bytes.len();
    write_record(&mut batch.bytes, fields, read, tags);
    let end = batch.bytes.len();
    batch.entries.push(Entry {
        key: (read.contig, read.position, read.reverse),
        start,
        end,
    });
}
