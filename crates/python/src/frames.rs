//! Records of an open archive as tables: core's plain columns as Arrow arrays, handed over by the Arrow PyCapsule interface.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, UInt8Type, UInt16Type};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, DictionaryArray, ListArray, PrimitiveArray, RecordBatch,
    RecordBatchOptions, RecordBatchReader, StringArray,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use readvault_core::Result;
use readvault_core::archive::{self, Cells, Column, Frame, Kind, Pass, Values};

use crate::open::Archive;
use crate::records::{Query, released};

/// A table of the records of an archive that a query asks for. Each stream of it is a new pass over them.
#[pyclass(frozen, module = "readvault._core")]
pub struct Frames {
    archive: Py<Archive>,
    query: archive::Query,
    columns: Vec<Column>,
    threads: usize,
    schema: SchemaRef,
    /// Names of the reference sequences, which all batches share.
    references: ArrayRef,
}

#[pymethods]
impl Archive {
    /// The records that `query` asks for as a table with these columns.
    #[pyo3(signature = (query, columns, *, threads=1))]
    fn frames(
        this: Bound<'_, Self>,
        query: &Query,
        columns: Vec<String>,
        threads: usize,
    ) -> PyResult<Frames> {
        let archive = this.get();
        let (query, columns, references) = released(this.py(), || {
            let query = query.on(&archive.0)?;
            let columns = archive.0.columns(&columns, &query)?;
            Ok((query, columns, archive.0.references()?))
        })?;
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, column)| field(name, column))
            .collect();
        let names = references
            .iter()
            .map(|(name, _)| String::from_utf8_lossy(name));
        Ok(Frames {
            query,
            columns: columns.into_iter().map(|(_, column)| column).collect(),
            threads,
            schema: Arc::new(Schema::new(fields)),
            references: Arc::new(StringArray::from_iter_values(names)),
            archive: this.unbind(),
        })
    }
}

#[pymethods]
impl Frames {
    /// Names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        let fields = self.schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    /// The table's type, as a capsule with a C ArrowSchema.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(&*self.schema)
            .map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    /// A new pass over the records, as a capsule with a C ArrowArrayStream. It has the table's own type whatever is requested,
    /// as the interface allows.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let archive = self.archive.get();
        let pass = released(py, || {
            archive.0.frames(&self.query, &self.columns, self.threads)
        })?;
        let batches = Batches {
            pass,
            schema: self.schema.clone(),
            references: self.references.clone(),
        };
        let stream = FFI_ArrowArrayStream::new(Box::new(batches));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }
}

fn field(name: &str, column: &Column) -> Field {
    let list = |item| DataType::List(Arc::new(Field::new("item", item, false)));
    let kind = match column.kind() {
        Kind::U8 => DataType::UInt8,
        Kind::U16 => DataType::UInt16,
        Kind::I32 => DataType::Int32,
        Kind::I64 => DataType::Int64,
        Kind::F64 => DataType::Float64,
        Kind::Reference => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
        Kind::U8List => list(DataType::UInt8),
        Kind::I64List => list(DataType::Int64),
        Kind::F64List => list(DataType::Float64),
        // Text, and what core may learn: frames of it would be refused as of another type.
        _ => DataType::Utf8,
    };
    let always = matches!(column.kind(), Kind::U8 | Kind::U16) || *column == Column::TemplateLength;
    Field::new(name, kind, !always)
}

/// A pass, as Arrow reads it.
struct Batches {
    pass: Pass<Frame>,
    schema: SchemaRef,
    references: ArrayRef,
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

impl Iterator for Batches {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        // The caller is C code, through which no panic may pass.
        let next = catch_unwind(AssertUnwindSafe(|| self.pass.next()));
        let frame: Result<Frame> = match next {
            Ok(next) => next?,
            Err(_) => {
                return Some(Err(ArrowError::ComputeError(
                    "readvault failed; this is a bug in it".into(),
                )));
            }
        };
        Some(match frame {
            Ok(frame) => self.batch(frame),
            Err(error) => Err(ArrowError::ExternalError(error.to_string().into())),
        })
    }
}

impl Batches {
    fn batch(&self, frame: Frame) -> std::result::Result<RecordBatch, ArrowError> {
        let columns = frame.columns.into_iter().map(|cells| self.array(cells));
        let columns = columns.collect::<std::result::Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(frame.records));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
    }

    fn array(&self, cells: Cells) -> std::result::Result<ArrayRef, ArrowError> {
        let present = cells.present;
        let nulls = (!present.is_empty()).then(|| NullBuffer::from(present));
        Ok(match cells.values {
            Values::U8(values) => primitive::<UInt8Type>(values, nulls)?,
            Values::U16(values) => primitive::<UInt16Type>(values, nulls)?,
            Values::I32(values) => primitive::<Int32Type>(values, nulls)?,
            Values::I64(values) => primitive::<Int64Type>(values, nulls)?,
            Values::F64(values) => primitive::<Float64Type>(values, nulls)?,
            Values::Reference(numbers) => {
                let keys = PrimitiveArray::<Int32Type>::try_new(numbers.into(), nulls)?;
                Arc::new(DictionaryArray::try_new(keys, self.references.clone())?)
            }
            Values::Text(text, ends) => {
                let bytes = Buffer::from_vec(text.into_bytes());
                Arc::new(StringArray::try_new(offsets(&ends)?, bytes, nulls)?)
            }
            Values::U8List(lists) => list::<UInt8Type>(lists.items, &lists.ends, nulls)?,
            Values::I64List(lists) => list::<Int64Type>(lists.items, &lists.ends, nulls)?,
            Values::F64List(lists) => list::<Float64Type>(lists.items, &lists.ends, nulls)?,
            _ => return Err(ArrowError::NotYetImplemented("a new kind of column".into())),
        })
    }
}

fn primitive<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> std::result::Result<ArrayRef, ArrowError> {
    Ok(Arc::new(PrimitiveArray::<T>::try_new(
        values.into(),
        nulls,
    )?))
}

fn list<T: ArrowPrimitiveType>(
    items: Vec<T::Native>,
    ends: &[usize],
    nulls: Option<NullBuffer>,
) -> std::result::Result<ArrayRef, ArrowError> {
    let item = Arc::new(Field::new("item", T::DATA_TYPE, false));
    let items = primitive::<T>(items, None)?;
    Ok(Arc::new(ListArray::try_new(
        item,
        offsets(ends)?,
        items,
        nulls,
    )?))
}

/// Arrow's offsets, of 32 bits: a frame is made of one chunk, so only a record of gigabytes is beyond them.
fn offsets(ends: &[usize]) -> std::result::Result<OffsetBuffer<i32>, ArrowError> {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    for &end in ends {
        let end = i32::try_from(end).map_err(|_| {
            ArrowError::ExternalError(
                "a record is too long for a table: its text takes more than 2 GiB".into(),
            )
        })?;
        offsets.push(end);
    }
    Ok(OffsetBuffer::new(ScalarBuffer::from(offsets)))
}
