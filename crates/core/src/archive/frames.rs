//! Records as columns of plain values, a frame for each chunk that has any that are asked for.

use std::sync::Arc;

use super::cells::{Cells, Values};
use super::columns::Column;
use super::decode::Wanted;
use super::query::{self, Core, Pass, Query, Stretch};
use super::view::Archive;
use crate::source::bam::{self, CoreFields, Parts, Tag};
use crate::{Error, Result};

/// Records as columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// How many.
    pub records: usize,
    /// One for each column, in the order asked for.
    pub columns: Vec<Cells>,
}

impl Archive {
    /// The records that `query` asks for as columns, a frame for each chunk that has any. Where core fields tell all that is
    /// asked for, nothing else is read; where no tags are, only the parts that hold the columns. `threads`: 0 means all that the process may use.
    ///
    /// # Errors
    /// As [`Archive::records`]; the iterator's: [`Error::Invalid`] too for a tag's value that its column cannot hold.
    pub fn frames(&self, query: &Query, columns: &[Column], threads: usize) -> Result<Pass<Frame>> {
        let heading = self.heading()?;
        let (chunks, threads) = (&self.chunks, super::threads(threads));
        let making = Arc::new(Making {
            columns: columns.to_vec(),
            references: heading.references.len(),
            name: self.chunks.opened.name.clone(),
        });
        let whole = making.clone();
        let of_records = move |stretch: Stretch<'_>| whole.of_records(stretch);
        let wanted = columns.iter().try_fold(Wanted::default(), Column::wanted);
        let Some(wanted) = wanted.filter(|_| query.needs_core_only()) else {
            return query::records(chunks, &heading, query, threads, of_records);
        };
        if !columns.iter().all(Column::is_core) {
            return query::partial(chunks, &heading, query, threads, wanted, of_records);
        }
        let of_core = move |fields: &CoreFields, found: Vec<usize>| making.of_core(fields, &found);
        query::core_or_records(chunks, &heading, query, threads, of_core, of_records)
    }
}

/// What frames are made by.
struct Making {
    columns: Vec<Column>,
    /// How many reference sequences there are.
    references: usize,
    /// The archive's, for errors.
    name: String,
}

impl Making {
    fn is_reference(&self, number: i32) -> bool {
        usize::try_from(number).is_ok_and(|number| number < self.references)
    }

    /// The frame of some records by their core fields; none where these do not tell enough, or are damaged.
    fn of_core(&self, fields: &CoreFields, found: &[usize]) -> Option<Frame> {
        let references = |numbers: &[i32]| {
            let numbers: Vec<i32> = found.iter().map(|&index| numbers[index]).collect();
            let known = |&number: &i32| number < 0 || self.is_reference(number);
            let present = numbers.iter().map(|&number| number >= 0).collect();
            let values = numbers
                .iter()
                .all(known)
                .then_some(Values::Reference(numbers))?;
            Some(Cells::new(values, present))
        };
        let placed = || {
            found
                .iter()
                .map(|&index| fields.positions[index] >= 0)
                .collect()
        };
        let column = |column: &Column| {
            Some(match column {
                Column::Reference => references(&fields.references)?,
                Column::MateReference => references(&fields.mate_references)?,
                Column::Position => {
                    let positions = found.iter().map(|&index| fields.positions[index]);
                    Cells::new(Values::I32(positions.collect()), placed())
                }
                Column::End => {
                    let ends = found.iter().map(|&index| Core::of(fields, index).end);
                    Cells::new(Values::I64(ends.collect()), placed())
                }
                Column::MappingQuality => {
                    let qualities = found.iter().map(|&index| fields.mapping_qualities[index]);
                    Cells::new(Values::U8(qualities.collect()), Vec::new())
                }
                Column::Flag => {
                    let flags = found.iter().map(|&index| fields.flags[index]);
                    Cells::new(Values::U16(flags.collect()), Vec::new())
                }
                Column::Cigar => {
                    let mut text = Vec::with_capacity(found.len() * 5);
                    let mut ends = Vec::with_capacity(found.len());
                    let mut present = Vec::with_capacity(found.len());
                    for &index in found {
                        let cigar = fields.whole_cigar_of(index)?;
                        present.push(!cigar.is_empty());
                        if !cigar.is_empty() {
                            bam::put_cigar(&mut text, cigar.iter().copied());
                        }
                        ends.push(text.len());
                    }
                    Cells::new(Values::Text(String::from_utf8(text).ok()?, ends), present)
                }
                _ => return None,
            })
        };
        let columns = self.columns.iter().map(column).collect::<Option<_>>()?;
        Some(Frame {
            records: found.len(),
            columns,
        })
    }

    /// The frame of a stretch's records.
    fn of_records(&self, stretch: Stretch<'_>) -> Result<Frame> {
        let Stretch {
            content, records, ..
        } = stretch;
        let count = records.len();
        let new = |column: &Column| {
            Cells::new(Values::new(column.kind(), count), Vec::with_capacity(count))
        };
        let mut columns: Vec<Cells> = self.columns.iter().map(new).collect();
        let mut text = Vec::new();
        for record in records {
            let bytes = &content[record];
            let parts = Parts::read(bytes).zip(Core::of_record(bytes));
            let (record, core) = parts.ok_or_else(|| {
                Error::Damaged(format!(
                    "{}: its source has a record whose parts do not fit into it",
                    self.name
                ))
            })?;
            for (column, cells) in self.columns.iter().zip(&mut columns) {
                self.put(column, &record, core.end, &mut text, cells)?;
            }
        }
        for cells in &mut columns {
            cells.settle();
        }
        Ok(Frame {
            records: count,
            columns,
        })
    }

    /// Appends a column's value of a record.
    fn put(
        &self,
        column: &Column,
        record: &Parts<'_>,
        end: i64,
        text: &mut Vec<u8>,
        cells: &mut Cells,
    ) -> Result<()> {
        let fixed = &record.fixed;
        let known = |number: i32| {
            if number >= 0 && !self.is_reference(number) {
                return Err(Error::Damaged(format!(
                    "{}: its source has a record on reference number {number}, of {}",
                    self.name, self.references
                )));
            }
            Ok(number)
        };
        text.clear();
        let values = &mut cells.values;
        let present = match (column, &mut *values) {
            (Column::Reference, Values::Reference(values)) => {
                values.push(known(fixed.reference)?);
                fixed.reference >= 0
            }
            (Column::MateReference, Values::Reference(values)) => {
                values.push(known(fixed.mate_reference)?);
                fixed.mate_reference >= 0
            }
            (Column::Position, Values::I32(values)) => {
                values.push(fixed.position);
                fixed.position >= 0
            }
            (Column::MatePosition, Values::I32(values)) => {
                values.push(fixed.mate_position);
                fixed.mate_position >= 0
            }
            (Column::TemplateLength, Values::I32(values)) => {
                values.push(fixed.template_length);
                true
            }
            (Column::End, Values::I64(values)) => {
                values.push(end);
                fixed.position >= 0
            }
            (Column::MappingQuality, Values::U8(values)) => {
                values.push(fixed.mapq);
                true
            }
            (Column::Flag, Values::U16(values)) => {
                values.push(fixed.flags);
                true
            }
            (Column::Name, values) => {
                let present = !matches!(record.name, b"" | b"*");
                values.put_text(if present { record.name } else { b"" });
                present
            }
            (Column::Cigar, values) => {
                let present = fixed.cigar_count > 0;
                if present {
                    record.put_cigar(text);
                }
                values.put_text(text);
                present
            }
            (Column::Sequence, values) => {
                record.put_bases(text);
                values.put_text(text);
                record.has_bases()
            }
            (Column::Qualities, Values::U8List(lists)) => {
                let present = record.has_qualities();
                if present {
                    lists.items.extend_from_slice(record.qualities);
                }
                lists.ends.push(lists.items.len());
                present
            }
            (Column::ReadGroup, values) => match record.tag(*b"RG") {
                Some(tag) if tag.kind == b'Z' => {
                    bam::put_value(text, &tag);
                    values.put_text(text);
                    true
                }
                _ => {
                    values.put_none();
                    false
                }
            },
            (Column::Tag(name, _), values) => match record.tag(*name) {
                Some(tag) => {
                    if !values.put_tag(&tag, text) {
                        return Err(self.misfit(&tag));
                    }
                    true
                }
                None => {
                    values.put_none();
                    false
                }
            },
            // A column's values are of its kind.
            (_, values) => {
                values.put_none();
                false
            }
        };
        cells.present.push(present);
        Ok(())
    }

    fn misfit(&self, tag: &Tag<'_>) -> Error {
        let name = String::from_utf8_lossy(&tag.name).into_owned();
        let kind = match tag.kind {
            b'B' => "an array".to_owned(),
            kind => format!("of type {}", kind as char),
        };
        let numbers = match tag.kind {
            b'f' | b'd' => format!("{name}:f or "),
            _ => String::new(),
        };
        Error::Invalid(format!(
            "{}: a record's tag {name} is {kind}, which the column that it was asked for as cannot hold: ask for it as \
             {numbers}{name}:Z, which takes any value as text",
            self.name
        ))
    }
}
