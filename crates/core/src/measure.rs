//! Times and sizes of the steps between a BAM file's content and the parts of its records, for the benchmarks. Every chunk
//! is decoded again and compared, as in `compress`; the DEFLATE bytes of blocks are left out.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use readvault_encoders::Inflater;
use rustix::time::{ClockId, clock_gettime};

use crate::archive::{Level, Sizes};
use crate::codec::records::models::{Family, Models, Part};
use crate::codec::records::{Context, Records, digest::digest};
use crate::source::bam;
use crate::source::plan::{self, Carry, Content, Planned};
use crate::source::span::SpanReader;
use crate::source::streams::{self, Decoded, StoredUnit};
use crate::source::walk::Walk;
use crate::store::local::Source;
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

fn now() -> f64 {
    if std::env::var("VG").is_ok() {
        return 0.0;
    }
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Runs `work`; gives what it took.
fn timed<T>(seconds: &mut f64, work: impl FnOnce() -> T) -> T {
    let start = now();
    let done = work();
    *seconds += now() - start;
    done
}

/// Measures the first `most` bytes, or a little more, of the file at `path`.
///
/// # Errors
/// Those of reading it; [`Error::Invalid`] if something does not come back.
pub fn file(path: &Path, level: Level, most: u64) -> Result<Sums> {
    let stop = AtomicBool::new(false);
    let sizes = Sizes::default();
    let mut reader = SpanReader::new(Source::open(path, &stop)?, sizes);
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
            if let Planned::Content(content) = planned {
                run.chunk(&content)?;
            }
        }
    }
    if std::env::var("TAGS_ONLY").is_ok() {
        let mut all: Vec<_> = run.costs.iter().map(|(k, c)| (c / 128, *k)).collect();
        all.sort();
        let mut line = String::new();
        for (cost, key) in all.iter().rev().take(16) {
            let key = (key - 64) / 2;
            let [a, b] = ((key / 32) as u16).to_be_bytes();
            line += &format!(" {}{}:{} {cost}", a as char, b as char, b"AcCsSiIfZHBBBBBBB"[key as usize % 32] as char);
        }
        let n = run.sums.records as f64;
        let step = &run.sums.steps[5];
        println!("{:24.24} {:7} {:7} e{:6.2} d{:6.2}{line}", path.file_name().unwrap().to_string_lossy(), run.sums.records, step.stored, step.encode * 1e6 / n, step.decode * 1e6 / n);
    }
    Ok(run.sums)
}

/// A run over the chunks of a file.
struct Run {
    level: Level,
    sums: Sums,
    references: Vec<Vec<u8>>,
    group: Option<Models>,
    costs: std::collections::BTreeMap<u32, u64>,
}

impl Run {
    fn new(level: Level) -> Self {
        let names = Part::ALL.map(|part| format!("{part:?}").to_lowercase());
        let others = ["streams", "records"].map(str::to_owned);
        let steps = names.into_iter().chain(others).map(|name| Step {
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
            costs: Default::default(),
        }
    }

    fn tags_only(&mut self, content: &Content) -> Result<()> {
        let thorough = std::env::var("TAGS_ONLY").is_ok_and(|v| v == "max");
        let Sums { records, steps, .. } = &mut self.sums;
        let bytes = &content.buffer[..content.end];
        let mut parsed = bam::parse(bytes, &content.items);
        let count = parsed.fields.count;
        *records += count;
        let context = Context {
            references: &self.references,
            bases: None,
        };
        let blank = Models::default();
        let models = self.group.as_ref().unwrap_or(&blank);
        let mut left = Models::default();
        let fields = &mut parsed.fields;
        let special = fields.columns.iter().any(|c| [*b"OQ", *b"BQ", *b"BD", *b"BI"].contains(&c.tag));
        for part in [Part::Alignment, Part::Templates, Part::Bases] {
            let mut decoded = Records::to_decode(count, bytes.len());
            let coded = models.encode(part, Level::Default, &context, fields)?;
            let family = Family::of_codec(part, coded.codec).expect("it is one of this part's");
            if self.group.is_none() {
                if part == Part::Bases {
                    decoded = fields.clone();
                }
                if part == Part::Templates {
                    decoded = fields.clone();
                }
                let _ = models.decode(part, family, &coded.stored, &context, &mut decoded).map(|after| left.take(part, after));
            }
        }
        if special {
            let _ = models.encode(Part::Qualities, Level::Default, &context, fields)?;
        }
        let mut decoded = fields.clone();
        for column in &mut decoded.columns {
            if !column.complete {
                column.values.clear();
                column.ends.clear();
            }
        }
        let step = &mut steps[5];
        let level = if thorough { Level::Max } else { Level::Default };
        let coded = timed(&mut step.encode, || models.encode(Part::Tags, level, &context, fields))?;
        step.stored += coded.stored.len();
        for (key, cost) in &coded.costs {
            *self.costs.entry(*key).or_default() += cost;
        }
        let family = Family::of_codec(Part::Tags, coded.codec).expect("it is one of this part's");
        let after = timed(&mut step.decode, || models.decode(Part::Tags, family, &coded.stored, &context, &mut decoded))?;
        left.take(Part::Tags, after);
        if decoded != *fields {
            for (a, b) in decoded.columns.iter().zip(&fields.columns) {
                if a != b {
                    eprintln!("column {:?}:{} differs", std::str::from_utf8(&a.tag), a.kind);
                    for at in 0..b.records.len().min(a.ends.len()) {
                        if a.value(at) != b.value(at) {
                            eprintln!("at {at} record {}: {:?} for {:?}", b.records[at], a.value(at), b.value(at));
                            break;
                        }
                    }
                }
            }
            return Err(Error::Invalid("tags do not come back".into()));
        }
        self.group.get_or_insert(left);
        Ok(())
    }

    fn chunk(&mut self, content: &Content) -> Result<()> {
        if std::env::var("TAGS_ONLY").is_ok() {
            return self.tags_only(content);
        }
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
        let stored = units.iter().map(|unit| StoredUnit {
            codec: unit.codec,
            stored: &unit.stored,
            decoded_crc: unit.decoded_crc,
            members: &unit.members,
        });
        let mut others = Decoded::new(stored);
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
