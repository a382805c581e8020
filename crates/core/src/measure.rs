//! Times and sizes of the steps between a BAM file's content and the parts of its records, for the benchmarks. Every chunk
//! is decoded again and compared, as in `compress`; the DEFLATE bytes of blocks are left out.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use readvault_encoders::Inflater;

use crate::archive::workers::timed;
use crate::archive::{Level, Sizes};
use crate::codec::records::models::{Family, Models, Part};
use crate::codec::records::{Context, Records, digest::digest};
use crate::source::plan::{self, Carry, Content, Planned};
use crate::source::span::SpanReader;
use crate::source::streams::{self, CodedUnit, Decoded, Stream};
use crate::source::walk::Walk;
use crate::source::{bam, key};
use crate::store::Source;
use crate::{Error, Result};

/// A step, summed over chunks: CPU seconds of this thread in each direction, and stored bytes.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Bytes it adds to the archive.
    pub stored: usize,
    /// CPU seconds.
    pub encode: f64,
    /// CPU seconds.
    pub decode: f64,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// Bytes of the source that were looked at.
    pub source: u64,
    /// Its records.
    pub records: usize,
    /// The parts, then `streams` (what is not in the parts) and `records` (taking them apart and joining them).
    pub steps: Vec<Step>,
}

/// Measures the first `most` bytes, or a little more, of the file at `path`.
///
/// # Errors
/// Those of reading it; [`Error::Invalid`] if something does not come back.
pub fn file(path: &Path, level: Level, most: u64) -> Result<Sums> {
    let stop = AtomicBool::new(false);
    let sizes = Sizes::default().at(level);
    let mut reader = SpanReader::new(Source::open(&path.into(), &stop)?, sizes);
    let (mut carry, mut inflater) = (Carry::new(Walk::new(true)), Inflater::new());
    let mut run = Run::new(level);
    while run.sums.source < most {
        let span = reader.next_span();
        let Some(span) = span.map_err(|error| reader.input().error(error))? else {
            break;
        };
        run.sums.source += span.bytes.len() as u64;
        if span.starts_group {
            run.group = None;
        }
        let (planned, after) = plan::plan(plan::inflate(&span, &mut inflater), carry);
        carry = after;
        if let Some(table) = carry
            .walk
            .known_table()
            .filter(|_| run.references.is_empty())
        {
            run.references = table.iter().map(|one| one.name.clone()).collect();
        }
        if span.starts_group {
            let records = planned.iter().find_map(Planned::records);
            let other = records.map(|(content, records)| sizes.other_for(content, &records));
            reader.set_other(other.unwrap_or(sizes.other));
        }
        for planned in planned {
            match planned {
                Planned::Content(content) if level == Level::Fast => run.streams(&content)?,
                Planned::Content(content) => run.chunk(&content)?,
                _ => {}
            }
        }
    }
    if level == Level::Fast {
        let (bundles, last) = run.sums.steps.split_at_mut(8);
        last[0].decode -= bundles.iter().map(|step| step.decode).sum::<f64>();
    }
    Ok(run.sums)
}

fn aligned(fields: &Records) -> bam::Aligned {
    let counts = (0..fields.count).map(|record| fields.cigar_of(record).len() as u32);
    bam::Aligned {
        references: fields.references.clone(),
        positions: fields.positions.clone(),
        lengths: fields.lengths.clone(),
        cigar_counts: counts.collect(),
        cigar: fields.cigar.clone(),
    }
}

/// A run over the chunks of a file.
struct Run {
    level: Level,
    sums: Sums,
    references: Vec<Vec<u8>>,
    group: Option<Models>,
}

impl Run {
    fn new(level: Level) -> Self {
        let parts = Part::ALL.map(|part| format!("{part:?}").to_lowercase());
        let mut names: Vec<String> = match level {
            Level::Fast => (0..8).map(|one| key::bundle_name(one).to_owned()).collect(),
            _ => parts.into_iter().chain(["streams".to_owned()]).collect(),
        };
        names.push("records".to_owned());
        let steps = names.into_iter().map(|name| Step {
            name,
            ..Step::default()
        });
        let sums = Sums {
            steps: steps.collect(),
            ..Sums::default()
        };
        Self {
            level,
            sums,
            references: Vec::new(),
            group: None,
        }
    }

    /// A chunk of streams. What its records take to decode is what is left of the whole after the streams.
    fn streams(&mut self, content: &Content) -> Result<()> {
        let Sums { records, steps, .. } = &mut self.sums;
        let (bundles, last) = steps.split_at_mut(8);
        let bytes = &content.buffer[..content.end];
        let context = Context {
            references: &self.references,
            bases: None,
        };
        let (mut all, mut units) = (Vec::new(), Vec::new());
        let mut parsed = timed(&mut last[0].encode, || {
            let mut parsed = bam::parse(bytes, &content.items);
            all = std::mem::take(&mut parsed.streams);
            units.extend(bam::split(&parsed.fields, &context, &mut all));
            parsed
        });
        *records += parsed.fields.count;
        let text = std::mem::take(&mut parsed.header_text);
        if !text.is_empty() {
            let (key, hint) = (key::HEADER_TEXT, crate::codec::Hint::Header);
            all.push(Stream {
                key,
                hint,
                data: text,
            });
        }
        for bundle in 0..8 {
            let is = |stream: &mut Stream| key::bundle_of(stream.key) == Some(bundle);
            let own: Vec<Stream> = all.extract_if(.., is).collect();
            units.extend(timed(&mut bundles[usize::from(bundle)].encode, || {
                streams::encode(own)
            }));
        }
        let aligned = aligned(&parsed.fields);
        for unit in &units {
            let step = &mut bundles[usize::from(unit.bundle)];
            step.stored += unit.stored.len();
            timed(&mut step.decode, || {
                let mut one = Decoded::new([unit.to_decode()]);
                let key = unit.members[0].0;
                match key {
                    key::READ_BASES => one.take_bases(&aligned, &context).map(|(bases, _)| bases),
                    _ => one.take(key),
                }
            })?;
        }
        let mut seconds = 0.0;
        let rebuilt = timed(&mut seconds, || {
            bam::rebuild(
                &mut Decoded::new(units.iter().map(CodedUnit::to_decode)),
                bytes.len(),
                &context,
            )
        });
        if rebuilt?.content != bytes {
            return Err(Error::Invalid("the content does not come back".into()));
        }
        last[0].decode += seconds;
        Ok(())
    }

    fn chunk(&mut self, content: &Content) -> Result<()> {
        let Sums { records, steps, .. } = &mut self.sums;
        let (parts, around) = steps.split_at_mut(Part::ALL.len());
        let [stream_step, record_step] = around else {
            unreachable!("there are two steps behind the parts");
        };
        let bytes = &content.buffer[..content.end];
        let mut parsed = timed(&mut record_step.encode, || {
            bam::parse(bytes, &content.items)
        });
        let count = parsed.fields.count;
        *records += count;
        let header_text = Arc::new(std::mem::take(&mut parsed.header_text));
        let all = std::mem::take(&mut parsed.streams);
        let units = timed(&mut stream_step.encode, || streams::encode(all));
        stream_step.stored += units.iter().map(|unit| unit.stored.len()).sum::<usize>();
        let context = Context {
            references: &self.references,
            bases: None,
        };
        let blank = Models::default();
        let models = self.group.as_ref().unwrap_or(&blank);
        let mut left = Models::default();
        let mut decoded = Records::to_decode(count, bytes.len());
        for (part, step) in Part::ALL.into_iter().zip(parts) {
            let (fields, level) = (&mut parsed.fields, self.level);
            let coded = timed(&mut step.encode, || {
                let coded = models.encode(part, level, &context, fields)?;
                Ok::<_, Error>((digest(fields, part), coded))
            });
            let (before, coded) = coded?;
            step.stored += coded.stored.len();
            let family = Family::of_codec(part, coded.codec).expect("it is one of this part's");
            let after = timed(&mut step.decode, || {
                let after = models.decode(part, family, &coded.stored, &context, &mut decoded)?;
                if digest(&decoded, part) == before {
                    Ok(after)
                } else {
                    Err(Error::Invalid(format!("{part:?} do not come back")))
                }
            });
            left.take(part, after?);
        }
        let mut others = Decoded::new(units.iter().map(CodedUnit::to_decode));
        let rebuilt = timed(&mut record_step.decode, || {
            let forms = others.take(crate::source::key::FORMS)?;
            bam::restore(&mut others, &forms, &decoded, &header_text, bytes.len())
        });
        if rebuilt?.content != bytes {
            return Err(Error::Invalid("the content does not come back".into()));
        }
        self.group.get_or_insert(left);
        Ok(())
    }
}
