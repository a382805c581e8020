//! The fields of the bundle `core` for all records, and nothing else of them: only the streams that tell it are decoded.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::decode;
use super::open::Opened;
use super::share::Group;
use super::{Input, Progress};
use crate::source::bam::CoreFields;
use crate::{Error, Result};

/// See [`super::core_fields`].
pub fn core_fields(
    input: &Input,
    progress: &dyn Progress,
    each: &mut dyn FnMut(CoreFields) -> Result<()>,
) -> Result<()> {
    let stop = AtomicBool::new(false);
    let opened = Opened::open(input, progress, &stop)?;
    let total = Some(opened.trailer.source_length);
    let mut group: Group = None;
    for (index, entry) in opened.entries()?.iter().enumerate() {
        if entry.group.is_some() {
            group = None;
        }
        let (fields, left) = opened.read_chunk(index as u64, entry, |payload| {
            let (fields, left) = decode::core_fields(payload, &opened.shared, &group)?;
            if fields.flags.len() as u64 != entry.records {
                return Err(Error::Damaged("is not what the directory says".into()));
            }
            Ok((fields, left))
        })?;
        if let Some(left) = left {
            group = Some(Arc::new(left));
        }
        each(fields)?;
        if !progress.update(entry.source_offset, total) {
            return Err(Error::Interrupted);
        }
    }
    Ok(())
}
