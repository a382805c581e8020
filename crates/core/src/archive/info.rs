//! What an archive says of itself, read from its trailer alone, or from its sidecar's copy of that.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::compress::ratio;
use super::index::Sidecar;
use super::open::{self, Opened, Told};
use super::report::{BundleReport, Info, SidecarReport, StreamReport};
use super::{Input, Progress};
use crate::codec::records::models::{Family, Part};
use crate::container::trailer::{StreamTotal, Trailer};
use crate::source::key::{self, bundle};
use crate::{Result, codec};

/// Bytes that every archive has outside chunks, about: header, group, directory, trailer, footer.
pub const LEAST_FRAMING: u64 = 700;

/// See [`super::info`].
pub fn info(input: &Input, progress: &dyn Progress) -> Result<Info> {
    let stop = Arc::new(AtomicBool::new(false));
    let Some(location) = input.location() else {
        return Ok(of(&Opened::open(input, progress, &stop)?.told(), None));
    };
    match Sidecar::of(Opened::object(location, &stop)?)? {
        Ok(sidecar) => Ok(of(&sidecar.told(), Some(sidecar.report()))),
        Err(object) => Ok(of(&Opened::of(object, location)?.told(), None)),
    }
}

fn of(told: &Told<'_>, sidecar: Option<SidecarReport>) -> Info {
    let trailer = told.trailer;
    let (archive, source) = (told.archive_report(None), told.source_report());
    let counts = open::counts(trailer);
    let bases = bases(trailer);
    let bits = Bits {
        records: counts.records,
        bases,
    };
    let streams = stream_reports(trailer, &bits);
    let bundles = bundle_reports(trailer, &bits);
    let in_streams = bundles
        .iter()
        .map(|bundle| bundle.stored)
        .fold(0, u64::saturating_add);
    Info {
        ratio: ratio(trailer.source_length, told.length),
        exactness: open::exactness(trailer),
        attachments: open::attachments(trailer, &source.name),
        leans_on: open::leans_on(trailer),
        framing_bytes: told.length.saturating_sub(in_streams),
        sidecar,
        archive,
        source,
        counts,
        bases,
        bundles,
        streams,
    }
}

fn stream_reports(trailer: &Trailer, bits: &Bits) -> Vec<StreamReport> {
    let report = |total: &StreamTotal| StreamReport {
        bundle: key::bundle_name(total.bundle).to_owned(),
        name: key::name(total.key),
        codecs: total.codecs.iter().copied().map(codec_name).collect(),
        stored: total.stored,
        decoded: total.decoded,
        bits_per_record: bits.per_record(total.stored),
        bits_per_base: bits.per_base(total.stored, total.bundle),
    };
    let mut reports: Vec<StreamReport> = trailer.streams.iter().map(report).collect();
    reports.sort_by_cached_key(|stream| (Reverse(stream.stored), stream.name.clone()));
    reports
}

fn bundle_reports(trailer: &Trailer, bits: &Bits) -> Vec<BundleReport> {
    let mut sums = BTreeMap::<u8, (u64, u64)>::new();
    for total in &trailer.streams {
        let (stored, decoded) = sums.entry(total.bundle).or_default();
        *stored = stored.saturating_add(total.stored);
        *decoded = decoded.saturating_add(total.decoded);
    }
    let report = |(bundle, (stored, decoded))| BundleReport {
        name: key::bundle_name(bundle).to_owned(),
        stored,
        decoded,
        bits_per_record: bits.per_record(stored),
        bits_per_base: bits.per_base(stored, bundle),
    };
    let mut reports: Vec<BundleReport> = sums.into_iter().map(report).collect();
    reports.sort_by_cached_key(|bundle| (Reverse(bundle.stored), bundle.name.clone()));
    reports
}

/// How many bases the records have that are not escapes.
fn bases(trailer: &Trailer) -> u64 {
    let wanted = |key: u32| trailer.streams.iter().filter(move |total| total.key == key);
    let decoded = |key: u32| {
        let totals = wanted(key).map(|total| total.decoded);
        totals.fold(0, u64::saturating_add)
    };
    // Streams count a byte for each base, and leave out missing qualities. Parts count all qualities, a byte each, and
    // bases as BAM has them, two in a byte.
    let mut codecs = wanted(key::READ_BASES).flat_map(|total| &total.codecs);
    let in_parts = codecs.any(|&codec| Family::of_codec(Part::Bases, codec).is_some());
    match (in_parts, decoded(key::READ_QUALITIES)) {
        (false, _) => decoded(key::READ_BASES),
        (true, 0) => decoded(key::READ_BASES).saturating_mul(2),
        (true, qualities) => qualities,
    }
}

/// What stored bits are divided by.
struct Bits {
    records: u64,
    bases: u64,
}

impl Bits {
    fn per_record(&self, stored: u64) -> Option<f64> {
        bits_per(stored, self.records)
    }

    /// Only where the bundle holds one value a base.
    fn per_base(&self, stored: u64, bundle: u8) -> Option<f64> {
        let of_bases = matches!(bundle, bundle::BASES | bundle::QUALITIES);
        of_bases.then(|| bits_per(stored, self.bases)).flatten()
    }
}

fn bits_per(stored: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| stored as f64 * 8.0 / count as f64)
}

fn codec_name(number: u8) -> String {
    codec::name(number).map_or_else(|| format!("codec {number}"), str::to_owned)
}
