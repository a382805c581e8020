//! The regular records of a chunk as units: each part of their fields is one coder run.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::key::{self, bundle};
use super::streams::{CodedUnit, StoredUnit, check};
use crate::codec::records::digest::digest;
use crate::codec::records::models::{Family, Models, Part};
use crate::codec::records::{Context, Level, Records};
use crate::{Error, Result};

/// Bundle and stream key that a part's unit stands under.
fn place(part: Part) -> (u8, u32) {
    match part {
        Part::Alignment => (bundle::CORE, key::ALIGNMENT_PART),
        Part::Templates => (bundle::MATES, key::TEMPLATES_PART),
        Part::Names => (bundle::NAMES, key::NAMES_PART),
        Part::Bases => (bundle::BASES, key::BASES_PART),
        Part::Qualities => (bundle::QUALITIES, key::QUALITIES_PART),
        Part::Tags => (bundle::TAGS, key::TAGS_PART),
    }
}

/// Key of the stream that a part is.
pub fn key(part: Part) -> u32 {
    place(part).1
}

/// Codes the records, each part starting from what `models` know of it.
pub fn encode(
    records: &mut Records,
    models: &Models,
    level: Level,
    context: &Context<'_>,
) -> Result<Vec<CodedUnit>> {
    Part::ALL
        .into_iter()
        .map(|part| {
            let coded = models.encode(part, level, context, records)?;
            let (length, decoded_crc) = digest(records, part);
            let (bundle, key) = place(part);
            let columns = lengths_of_columns(records);
            let length_of = |key| decoded_length(records, &columns, key);
            let costs = coded.costs.iter();
            Ok(CodedUnit {
                bundle,
                codec: coded.codec,
                stored: coded.stored,
                decoded_crc,
                members: vec![(key, length)],
                costs: costs
                    .map(|&(key, cost)| (key, cost, length_of(key)))
                    .collect(),
            })
        })
        .collect()
}

/// Decodes these `parts` of `count` records of at most `limit` bytes, which must be in order and have what each needs; `find`
/// gives the unit that holds a key. With `keep`, gives what their models know afterwards.
pub fn decode<'a>(
    count: usize,
    limit: usize,
    models: &Models,
    keep: bool,
    context: &Context<'_>,
    parts: &[Part],
    mut find: impl FnMut(u32) -> Option<StoredUnit<'a>>,
) -> Result<(Records, Option<Models>)> {
    let mut records = Records::to_decode(count, limit);
    let mut kept = keep.then(Models::default);
    for &part in parts {
        let (_, key) = place(part);
        let name = key::name(key);
        let unit = find(key).ok_or_else(|| Error::Damaged(format!("chunk: {name} are missing")))?;
        let Some(family) = Family::of_codec(part, unit.codec) else {
            return Err(Error::Unsupported(format!(
                "{name} are coded by codec number {}, which is not known to this version of Readvault",
                unit.codec
            )));
        };
        let after = models
            .decode(part, family, unit.stored, context, &mut records)
            .map_err(|error| error.at(&name))?;
        let (length, crc) = digest(&records, part);
        check(crc, unit.decoded_crc, key)?;
        if unit.members != [(key, length)] {
            return Err(Error::Damaged(format!(
                "{name}: not as long as its head says"
            )));
        }
        if let Some(kept) = &mut kept {
            kept.take(part, after);
        }
    }
    Ok((records, kept))
}

/// Bytes that the values of each tag take, by its key.
fn lengths_of_columns(records: &Records) -> HashMap<u32, usize, RandomState> {
    let columns = records.columns.iter();
    columns
        .map(|column| (column.key(), column.values.len()))
        .collect()
}

/// Bytes that the stream with key `key` takes in BAM; `columns` has those of tags.
fn decoded_length(records: &Records, columns: &HashMap<u32, usize, RandomState>, key: u32) -> u64 {
    let per_record = |bytes: usize| records.count * bytes;
    let length = match key {
        key::FLAGS => per_record(2),
        key::MAPQ => per_record(1),
        key::REFERENCES
        | key::POSITIONS
        | key::LENGTHS
        | key::MATE_REFERENCES
        | key::MATE_POSITIONS
        | key::TEMPLATE_LENGTHS => per_record(4),
        key::CIGAR_LENGTHS => records.cigar.len() * 4,
        key::READ_NAMES => records.names.len() + records.count,
        key::READ_BASES => records.bases.len().div_ceil(2),
        key::READ_QUALITIES => records.qualities.len(),
        // Names and types of tags.
        key::TAG_LINES => records
            .columns
            .iter()
            .map(|column| column.records.len() * 3)
            .sum(),
        _ => columns.get(&key).copied().unwrap_or(0),
    };
    length as u64
}

#[cfg(test)]
pub(crate) mod tests;
