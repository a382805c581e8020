//! What an archive says of itself, read from its trailer alone.

use std::sync::atomic::AtomicBool;

use super::compress::ratio;
use super::open::{self, Opened};
use super::report::{Info, StreamReport};
use super::{Input, Progress};
use crate::source::key;
use crate::{Result, codec};

/// Bytes that every archive has outside chunks, about: header, group, directory, trailer, footer.
pub const LEAST_FRAMING: u64 = 700;

/// See [`super::info`].
pub fn info(input: &Input, progress: &dyn Progress) -> Result<Info> {
    let opened = Opened::open(input, progress, &AtomicBool::new(false))?;
    let trailer = &opened.trailer;
    let mut streams: Vec<StreamReport> = trailer
        .streams
        .iter()
        .map(|stream| StreamReport {
            bundle: key::bundle_name(stream.bundle).to_owned(),
            name: key::name(stream.key),
            codecs: stream
                .codecs
                .iter()
                .map(|&codec| codec_name(codec))
                .collect(),
            stored: stream.stored,
            decoded: stream.decoded,
        })
        .collect();
    streams.sort_by(|a, b| b.stored.cmp(&a.stored).then(a.name.cmp(&b.name)));
    let in_streams: u64 = streams
        .iter()
        .map(|stream| stream.stored)
        .fold(0, u64::saturating_add);
    let source = opened.source_report();
    Ok(Info {
        archive: opened.archive_report(None),
        ratio: ratio(trailer.source_length, opened.length),
        counts: open::counts(trailer),
        exactness: open::exactness(trailer),
        attachments: open::attachments(trailer, &source.name),
        source,
        framing_bytes: opened.length.saturating_sub(in_streams),
        streams,
    })
}

fn codec_name(number: u8) -> String {
    codec::name(number).map_or_else(|| format!("codec {number}"), str::to_owned)
}
