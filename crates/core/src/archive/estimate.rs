//! Predicting an archive's size: chunks are made of a few spans spread over the source, and not written.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use readvault_encoders::Inflater;

use super::compress::{SIZES, member_kind, ratio};
use super::report::{CpuSeconds, Estimate};
use super::share::{Group, Shared};
use super::{Input, Progress, build};
use crate::codec::records::Level;
use crate::source::plan::{self, Carry};
use crate::source::recipe::{Finder, Known};
use crate::source::span::{Kind, Sizes, Span, SpanReader};
use crate::source::walk::Walk;
use crate::store::Source;
use crate::{Error, Result};

/// Spans that an estimate takes from a source.
const SAMPLES: u64 = 6;

/// See [`super::estimate`].
pub fn estimate(input: &Input, level: Level, progress: &dyn Progress) -> Result<Estimate> {
    let stop = Arc::new(AtomicBool::new(false));
    let Some(location) = input.location() else {
        return Err(Error::Invalid(
            "an estimate needs a file: a pipe can be read only once".into(),
        ));
    };
    let source = Source::open(location, &stop)?;
    let Some(facts) = source.facts() else {
        return Err(Error::Invalid(format!(
            "{location} is a pipe; an estimate needs a file"
        )));
    };
    let sizes = SIZES.at(level);
    let mut reader = SpanReader::new(source, sizes);
    let kind = reader
        .detect()
        .map_err(|error| reader.input().error(error))?;
    let known = Known::default();
    let mut sampler = Sampler {
        carry: Some(Carry::new(Walk::new(kind == Kind::Bam))),
        inflater: Inflater::new(),
        finder: Finder::new(&known),
        shared: Shared {
            level,
            ..Shared::default()
        },
        group: None,
        sampled: 0,
        stored: 0,
    };
    // The samples after the first start from the models that it left.
    let others = Sizes {
        key: sizes.other,
        ..sizes
    };
    let mut position = 0;
    for sample in 0..SAMPLES {
        let start = facts.length / SAMPLES * sample;
        // In a short source the samples meet: then it is read on.
        if start > position {
            let mut source = Source::open(location, &stop)?;
            source.seek(start)?;
            reader = SpanReader::new(source, others);
            if kind == Kind::Raw {
                reader
                    .detect()
                    .map_err(|error| reader.input().error(error))?;
            }
            sampler.interrupt();
            position = start;
        }
        let span = reader
            .next_span()
            .map_err(|error| reader.input().error(error))?;
        let Some(span) = span else { break };
        position += span.bytes.len() as u64;
        sampler.take(&span)?;
        if !progress.update(position, Some(facts.length)) {
            return Err(Error::Interrupted);
        }
    }
    let Sampler {
        sampled, stored, ..
    } = sampler;
    let stored = stored as f64 * facts.length as f64 / sampled.max(1) as f64;
    let archive_length = super::info::LEAST_FRAMING + stored as u64;
    Ok(Estimate {
        source_length: facts.length,
        sampled,
        archive_length,
        ratio: ratio(facts.length, archive_length),
        kind: member_kind(kind).name().to_owned(),
    })
}

/// Makes chunks of spans and counts what they would cost.
struct Sampler<'a> {
    carry: Option<Carry>,
    inflater: Inflater,
    finder: Finder<'a>,
    shared: Shared,
    group: Group,
    /// Source bytes whose chunks were made.
    sampled: u64,
    /// Bytes of those chunks.
    stored: u64,
}

impl Sampler<'_> {
    /// Says that the next span does not follow the one before.
    fn interrupt(&mut self) {
        if let Some(Carry { mut walk, .. }) = self.carry.take() {
            walk.interrupt();
            self.carry = Some(Carry::new(walk));
        }
    }

    fn take(&mut self, span: &Span) -> Result<()> {
        let Some(carry) = self.carry.take() else {
            return Ok(());
        };
        let (planned, carry) = plan::plan(plan::inflate(span, &mut self.inflater), carry);
        if let Some(table) = carry.walk.known_table()
            && self.shared.references.is_empty()
        {
            let names = table.iter().map(|reference| reference.name.clone());
            self.shared.references = Arc::new(names.collect());
        }
        self.carry = Some(carry);
        let mut cpu = CpuSeconds::default();
        for planned in planned {
            let (finder, group) = (&mut self.finder, &mut self.group);
            for built in build::build(planned, finder, &self.shared, group, &mut cpu)? {
                self.sampled += built.source_length;
                self.stored += built.payload.len() as u64 + crate::container::frame::HEAD_LENGTH;
            }
        }
        Ok(())
    }
}
