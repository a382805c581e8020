//! Streams into units and back. A large stream is a unit of its own; small streams of a bundle share one, because
//! each unit costs a dozen bytes of head whatever it holds.

use super::bam::Aligned;
use super::key::{self, bundle};
use crate::codec::covered::{self, Covered, Revealed};
use crate::codec::records::Context;
use crate::codec::{self, Alignments, Hint};
use crate::{Error, Result};

/// Streams shorter than this (decoded bytes) share a unit: their own head would cost more than a codec fit to them
/// saves.
const SMALL: usize = 320;

/// One data series of a chunk.
pub struct Stream {
    /// Its key.
    pub key: u32,
    /// What it holds.
    pub hint: Hint,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// One coder run, coded.
pub struct CodedUnit {
    /// Bundle number.
    pub bundle: u8,
    /// Codec number.
    pub codec: u8,
    /// Stored bytes.
    pub stored: Vec<u8>,
    /// CRC32C of the decoded bytes.
    pub decoded_crc: u32,
    /// Streams inside, in order: key and decoded length.
    pub members: Vec<(u32, u64)>,
    /// What the streams inside cost, where models told: key, 1/16 bits, bytes in the source's content.
    pub costs: Vec<(u32, u64, u64)>,
}

#[cfg(any(test, feature = "measure"))]
impl CodedUnit {
    /// The same, to be decoded.
    pub fn to_decode(&self) -> StoredUnit<'_> {
        StoredUnit {
            codec: self.codec,
            stored: &self.stored,
            decoded_crc: self.decoded_crc,
            members: &self.members,
        }
    }
}

/// Codes `streams`.
pub fn encode(streams: Vec<Stream>) -> Vec<CodedUnit> {
    let mut small: [Vec<Stream>; 8] = Default::default();
    let mut units = Vec::new();
    for stream in streams {
        let bundle = key::bundle_of(stream.key).unwrap_or(bundle::VERBATIM);
        if stream.data.len() < SMALL {
            small[usize::from(bundle)].push(stream);
        } else {
            units.push(encode_unit(
                bundle,
                &[(stream.key, stream.data.len())],
                stream.hint,
                &stream.data,
            ));
        }
    }
    for (bundle, streams) in small.into_iter().enumerate() {
        let members: Vec<_> = streams
            .iter()
            .map(|stream| (stream.key, stream.data.len()))
            .collect();
        match &streams[..] {
            [] => {}
            [one] => units.push(encode_unit(bundle as u8, &members, one.hint, &one.data)),
            several => {
                let joined: Vec<u8> = several
                    .iter()
                    .flat_map(|stream| &stream.data)
                    .copied()
                    .collect();
                units.push(encode_unit(bundle as u8, &members, Hint::Bytes, &joined));
            }
        }
    }
    units
}

/// Codes the bases of records that lie as `alignments` say, and tells what the reference is there; no unit if there are
/// none.
pub fn encode_bases(
    alignments: &Alignments<'_>,
    bases: &[u8],
    revealed: Revealed<'_>,
) -> (Option<CodedUnit>, Covered) {
    if bases.is_empty() {
        return (None, Covered::default());
    }
    let (encoded, covered) = match covered::encode(alignments, bases, revealed) {
        Some((encoded, covered)) => (encoded, covered),
        None => (codec::encode(Hint::Symbols, bases), Covered::default()),
    };
    let unit = CodedUnit {
        bundle: bundle::BASES,
        codec: encoded.codec,
        stored: encoded.stored,
        decoded_crc: crc32c::crc32c(bases),
        members: vec![(key::READ_BASES, bases.len() as u64)],
        costs: Vec::new(),
    };
    (Some(unit), covered)
}

fn encode_unit(bundle: u8, members: &[(u32, usize)], hint: Hint, data: &[u8]) -> CodedUnit {
    let encoded = codec::encode(hint, data);
    CodedUnit {
        bundle,
        codec: encoded.codec,
        stored: encoded.stored,
        decoded_crc: crc32c::crc32c(data),
        members: members
            .iter()
            .map(|&(key, length)| (key, length as u64))
            .collect(),
        costs: Vec::new(),
    }
}

/// One unit as it stands in an archive, its stored bytes already checked.
pub struct StoredUnit<'a> {
    /// Codec number.
    pub codec: u8,
    /// Stored bytes.
    pub stored: &'a [u8],
    /// CRC32C that the decoded bytes must have.
    pub decoded_crc: u32,
    /// Streams inside, in order: key and decoded length.
    pub members: &'a [(u32, u64)],
}

/// A chunk's streams, decoded when they are asked for.
pub struct Decoded<'a> {
    units: Vec<Option<StoredUnit<'a>>>,
    /// Streams of shared units that were decoded along with another.
    waiting: Vec<(u32, Vec<u8>)>,
}

impl<'a> Decoded<'a> {
    /// The streams of `units`.
    pub fn new(units: impl IntoIterator<Item = StoredUnit<'a>>) -> Self {
        Self {
            units: units.into_iter().map(Some).collect(),
            waiting: Vec::new(),
        }
    }

    /// The unit that holds a stream, if it was not taken before.
    pub fn take_unit(&mut self, key: u32) -> Option<StoredUnit<'a>> {
        let holds = |unit: &StoredUnit<'_>| unit.members.iter().any(|&(member, _)| member == key);
        self.units
            .iter_mut()
            .find(|unit| unit.as_ref().is_some_and(holds))?
            .take()
    }

    /// A stream's bytes; empty when the chunk does not have it, or it was taken before.
    pub fn take(&mut self, key: u32) -> Result<Vec<u8>> {
        if let Some(at) = self.waiting.iter().position(|&(waiting, _)| waiting == key) {
            return Ok(self.waiting.swap_remove(at).1);
        }
        let Some(unit) = self.take_unit(key) else {
            return Ok(Vec::new());
        };
        let length: u64 = unit.members.iter().map(|&(_, length)| length).sum();
        let data = codec::decode(unit.codec, unit.stored, length as usize)
            .map_err(|error| error.at(key::name(key)))?;
        check(crc32c::crc32c(&data), unit.decoded_crc, key)?;
        if let [_] = unit.members {
            return Ok(data);
        }
        let mut rest = &data[..];
        let mut wanted = Vec::new();
        for &(member, length) in unit.members {
            let (stream, after) = rest.split_at(length as usize);
            if member == key {
                wanted = stream.to_vec();
            } else {
                self.waiting.push((member, stream.to_vec()));
            }
            rest = after;
        }
        Ok(wanted)
    }

    /// The bases of records that lie as `aligned` says, and what the reference is there as far as it is known.
    pub fn take_bases(
        &mut self,
        aligned: &Aligned,
        context: &Context<'_>,
    ) -> Result<(Vec<u8>, Covered)> {
        let Some(unit) = self.take_unit(key::READ_BASES) else {
            return Ok((Vec::new(), Covered::default()));
        };
        let total = aligned.bases();
        if unit.members != [(key::READ_BASES, total)] {
            return Err(Error::Damaged(
                "bases: not as many as the records have".into(),
            ));
        }
        let (view, total) = (aligned.view(), total as usize);
        let decoded = if unit.codec == codec::number::COVERED {
            covered::decode(&view, unit.stored, total, context.bases)
        } else {
            codec::decode_bases(unit.codec, &view, unit.stored, total)
                .map(|bases| (bases, Covered::default()))
        };
        let (bases, covered) = decoded.map_err(|error| error.at("bases"))?;
        check(crc32c::crc32c(&bases), unit.decoded_crc, key::READ_BASES)?;
        Ok((bases, covered))
    }
}

/// Refuses decoded bytes whose checksum is not the one recorded.
pub fn check(crc: u32, recorded: u32, key: u32) -> Result<()> {
    if crc == recorded {
        return Ok(());
    }
    Err(Error::Damaged(format!(
        "{}: decoded bytes do not match their checksum",
        key::name(key)
    )))
}
