//! Fields that need no names, bases, qualities or tags, from their streams.

use super::{Numbers, damaged};
use crate::Result;
use crate::codec::Alignments;
use crate::codec::records::{Records, on_read, on_reference as reference_bases};
use crate::source::bam::mate::{self, NO_MATE};
use crate::source::bam::record::{self, Fixed};
use crate::source::bam::{form, restore::count};
use crate::source::key;
use crate::source::streams::Decoded;

/// The forms of the regular records.
fn regular(forms: &[u8]) -> impl Iterator<Item = u8> + '_ {
    forms
        .iter()
        .copied()
        .filter(|form| form & form::NOT_REGULAR == 0)
}

/// What the bases' codec needs to know of each regular record.
#[derive(Default)]
pub struct Aligned {
    pub references: Vec<i32>,
    pub positions: Vec<i32>,
    pub lengths: Vec<u32>,
    pub cigar_counts: Vec<u32>,
    pub cigar: Vec<u32>,
}

impl Aligned {
    /// How many bases the records have together.
    pub fn bases(&self) -> u64 {
        self.lengths.iter().map(|&length| u64::from(length)).sum()
    }

    /// The same, as the codec takes it.
    pub fn view(&self) -> Alignments<'_> {
        Alignments {
            reference: &self.references,
            position: &self.positions,
            lengths: &self.lengths,
            cigar_counts: &self.cigar_counts,
            cigar: &self.cigar,
        }
    }
}

/// Fields of the regular records that need no names, bases, qualities or tags.
pub(super) struct Core {
    pub(super) fixed: Vec<Fixed>,
    /// Exclusive ends on the reference.
    pub(super) ends: Vec<i64>,
    pub(super) aligned: Aligned,
    pub(super) mapq: Vec<u8>,
    pub(super) cigar_ends: Vec<usize>,
    pub(super) base_ends: Vec<usize>,
}

impl Core {
    pub(super) fn read(streams: &mut Decoded<'_>, forms: &[u8]) -> Result<Self> {
        let mut numbers = |key| streams.take(key).map(Numbers::new);
        let (mut flags, mut references, mut positions) = (
            numbers(key::FLAGS)?,
            numbers(key::REFERENCES)?,
            numbers(key::POSITIONS)?,
        );
        let (mut lengths, mut counts, mut operation_lengths) = (
            numbers(key::LENGTHS)?,
            numbers(key::CIGAR_COUNTS)?,
            numbers(key::CIGAR_LENGTHS)?,
        );
        let mut bins = numbers(key::BINS)?;
        let (mapq, operations) = (streams.take(key::MAPQ)?, streams.take(key::CIGAR_OPS)?);
        let mut core = Self {
            fixed: Vec::with_capacity(mapq.len()),
            ends: Vec::new(),
            aligned: Aligned::default(),
            mapq: Vec::new(),
            cigar_ends: Vec::new(),
            base_ends: Vec::new(),
        };
        let mut bases = 0usize;
        let (mut reference, mut position, mut operation_at) = (0i32, 0i32, 0);
        for (index, form) in regular(forms).enumerate() {
            let step = references.next()?;
            position = if step == 0 { position } else { 0 }.wrapping_add(positions.next()?);
            reference = reference.wrapping_add(step);
            let cigar_count =
                u16::try_from(counts.next()?).map_err(|_| damaged("a CIGAR is too long"))?;
            let (mut query, mut on_reference) = (0u64, 0u64);
            for _ in 0..cigar_count {
                let &letter = operations
                    .get(operation_at)
                    .ok_or_else(|| damaged("CIGAR operations run out"))?;
                operation_at += 1;
                let operation = (operation_lengths.next()? as u32) << 4 | u32::from(letter & 15);
                query += u64::from(on_read(operation));
                on_reference += u64::from(reference_bases(operation));
                core.aligned.cigar.push(operation);
            }
            let length = if form & form::LENGTH != 0 {
                lengths.next()? as u32
            } else {
                query as u32
            };
            let bin = if form & form::BIN != 0 {
                bins.next()? as u16
            } else {
                record::bin(position, on_reference)
            };
            core.ends.push(i64::from(position) + on_reference as i64);
            core.aligned.references.push(reference);
            core.aligned.positions.push(position);
            core.aligned.lengths.push(length);
            core.aligned.cigar_counts.push(cigar_count.into());
            core.cigar_ends.push(core.aligned.cigar.len());
            bases = bases.saturating_add(length as usize);
            core.base_ends.push(bases);
            let &mapq = mapq
                .get(index)
                .ok_or_else(|| damaged("mapping qualities run out"))?;
            core.fixed.push(Fixed {
                size: 0,
                reference,
                position,
                name_length: 0,
                mapq,
                bin,
                cigar_count,
                flags: flags.next()? as u16,
                length,
                mate_reference: 0,
                mate_position: 0,
                template_length: 0,
            });
        }
        core.mapq = mapq;
        Ok(core)
    }
}

/// How far before each record the last of the same name stands.
pub(super) fn links(streams: &mut Decoded<'_>, count: usize) -> Result<Vec<u32>> {
    let mut numbers = Numbers::new(streams.take(key::LINKS)?);
    let link = |record| match numbers.length()? {
        link if link > record => Err(damaged("a record is linked to one before the first")),
        link => Ok(link as u32),
    };
    (0..count).map(link).collect()
}

/// Flags, places, mapping qualities, CIGARs and the mates' references of the regular records, from the streams of the bundle
/// `core` and of those that tell mates.
pub fn core(streams: &mut Decoded<'_>, forms: &[u8], length: usize) -> Result<Records> {
    count(forms, length)?;
    let core = Core::read(streams, forms)?;
    let links = links(streams, core.fixed.len())?;
    let mut steps = Numbers::new(streams.take(key::MATE_REFERENCES)?);
    let (linked, mates) = mates(&links, forms);
    let references = &core.aligned.references;
    let mate_reference = |record: usize| {
        if !linked[record] {
            return Ok(references[record].wrapping_add(steps.next()?));
        }
        let mate = references.get(mates[record] as usize).copied();
        mate.ok_or_else(|| damaged("a mate is missing"))
    };
    let mate_references = (0..links.len())
        .map(mate_reference)
        .collect::<Result<_>>()?;
    Ok(Records {
        mate_references,
        count: core.fixed.len(),
        flags: core.fixed.iter().map(|fixed| fixed.flags).collect(),
        references: core.aligned.references,
        positions: core.aligned.positions,
        mapq: core.mapq,
        cigar: core.aligned.cigar,
        cigar_ends: core.cigar_ends,
        ..Records::default()
    })
}

/// Whether each record's mate tells its mate fields, and the numbers of mates.
fn mates(links: &[u32], forms: &[u8]) -> (Vec<bool>, Vec<u32>) {
    let linked: Vec<bool> = regular(forms).map(|form| form & form::MATE != 0).collect();
    let mut mates = vec![NO_MATE; links.len()];
    for (index, &link) in links.iter().enumerate() {
        let before = index - link as usize;
        if link > 0 && linked[index] && linked[before] && mates[before] == NO_MATE {
            mates[before] = index as u32;
            mates[index] = before as u32;
        }
    }
    (linked, mates)
}

/// Fills in the mate fields.
pub(super) fn with_mates(
    mut fixed: Vec<Fixed>,
    links: &[u32],
    ends: &[i64],
    forms: &[u8],
    streams: &mut Decoded<'_>,
) -> Result<(Vec<Fixed>, Vec<u32>)> {
    let mut numbers = |key| streams.take(key).map(Numbers::new);
    let (mut references, mut positions, mut lengths) = (
        numbers(key::MATE_REFERENCES)?,
        numbers(key::MATE_POSITIONS)?,
        numbers(key::TEMPLATE_LENGTHS)?,
    );
    let (linked, mates) = mates(links, forms);
    for index in 0..fixed.len() {
        if !linked[index] {
            let record = &mut fixed[index];
            let step = references.next()?;
            record.mate_reference = record.reference.wrapping_add(step);
            let from = if step == 0 { record.position } else { 0 };
            record.mate_position = from.wrapping_add(positions.next()?);
            record.template_length = lengths.next()?;
            continue;
        }
        let other = mates[index] as usize;
        let Some(&mate) = fixed.get(other) else {
            return Err(damaged("a mate is missing"));
        };
        let expected = if other > index {
            let place = |record: &Fixed, end| mate::Place {
                flags: record.flags,
                reference: record.reference,
                position: record.position,
                end,
            };
            mate::template_length(
                &place(&fixed[index], ends[index]),
                &place(&mate, ends[other]),
            )
        } else {
            mate.template_length.wrapping_neg()
        };
        let record = &mut fixed[index];
        record.mate_reference = mate.reference;
        record.mate_position = mate.position;
        record.template_length = expected.wrapping_add(lengths.next()?);
    }
    Ok((fixed, mates))
}
