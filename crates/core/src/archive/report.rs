//! What the verbs report: plain values, serialised by the faces as they are (JSON keys are the field names).

use serde::Serialize;

use crate::store::State;

/// A digest pair and length that identify a file's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fingerprint {
    /// Length in bytes.
    pub length: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// MD5, lower-case hexadecimal.
    pub md5: String,
}

/// The file that was compressed.
#[derive(Clone, Debug, Serialize)]
pub struct SourceReport {
    /// The file's name without its folder; empty when it came from a pipe.
    pub name: String,
    /// `bam` or `raw`.
    pub kind: String,
    /// Length and digests of the source's bytes.
    pub fingerprint: Fingerprint,
    /// Modification time in nanoseconds since 1970, if the source was a file.
    pub mtime_ns: Option<i64>,
}

/// The archive as a file.
#[derive(Clone, Debug, Serialize)]
pub struct ArchiveReport {
    /// Where it is; none when it went to a pipe.
    pub path: Option<String>,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 of the whole archive file; none where the verb has not read all of it.
    pub sha256: Option<String>,
    /// Archive digest: SHA-256 of the trailer, which vouches for every other byte through the directory.
    pub digest: String,
    /// The archive's UUID.
    pub uuid: String,
    /// Container format version.
    pub format_version: u32,
    /// Level it was made at; none for archives older than levels.
    pub level: Option<String>,
    /// The software that wrote it, such as `readvault 0.1.0`.
    pub writer: String,
}

/// How many of what the archive holds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counts {
    /// BAM records, escapes included.
    pub records: u64,
    /// Records kept as they are because they do not fit the record streams.
    pub record_escapes: u64,
    /// Groups of chunks.
    pub groups: u64,
    /// Chunks.
    pub chunks: u64,
    /// BGZF blocks.
    pub blocks: u64,
    /// Reference sequences.
    pub references: u64,
}

/// One DEFLATE encoder and the blocks it re-creates.
#[derive(Clone, Debug, Serialize)]
pub struct EncoderReport {
    /// Such as `zlib 6`, `libdeflate 1.26 level 7`, `stored block`, `corrections`, `kept`.
    pub name: String,
    /// BGZF blocks.
    pub blocks: u64,
}

/// What it costs to give back the BGZF bytes and not only the content.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Exactness {
    /// Archive bytes that serve only to re-create the BGZF layout and DEFLATE bytes.
    pub overhead_bytes: u64,
    /// Of these, bytes that only hold compressed block sizes (so that offsets are found without re-deflating).
    pub block_size_bytes: u64,
    /// Encoders by number of blocks, most first.
    pub encoders: Vec<EncoderReport>,
    /// Source bytes kept as they are because no encoder makes them.
    pub kept_source_bytes: u64,
}

/// A file that travels with the archive, such as an index.
#[derive(Clone, Debug, Serialize)]
pub struct AttachmentReport {
    /// File name without folder.
    pub name: String,
    /// `bai` or `csi`.
    pub kind: String,
    /// Length in bytes.
    pub length: u64,
    /// Why it may not belong to the source (older, or not matching), if so.
    pub stale: Option<String>,
}

/// A reference sequence that an archive leans on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReferenceReport {
    /// Its name in the BAM header.
    pub name: String,
    /// Its length in bases.
    pub length: u64,
    /// MD5 of its bases in upper case, lower-case hexadecimal: what `@SQ` lines have as `M5`.
    pub md5: String,
}

/// What `compress` did.
#[derive(Clone, Debug, Serialize)]
pub struct CompressReport {
    /// The source.
    pub source: SourceReport,
    /// The archive.
    pub archive: ArchiveReport,
    /// Source length / archive length.
    pub ratio: f64,
    /// Totals.
    pub counts: Counts,
    /// Cost of exactness.
    pub exactness: Exactness,
    /// Attachments taken in.
    pub attachments: Vec<AttachmentReport>,
    /// Reference sequences that the archive cannot be decoded without, besides itself.
    pub leans_on: Vec<ReferenceReport>,
    /// Things the user should know, one sentence each.
    pub warnings: Vec<String>,
    /// What it took.
    pub cpu_seconds: CpuSeconds,
}

/// CPU seconds of all threads by what they went into.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct CpuSeconds {
    /// Reading, digesting and inflating the source.
    pub source: f64,
    /// Finding and proving how its blocks were deflated.
    pub deflate: f64,
    /// Coding the content, and decoding it again for comparison.
    pub content: f64,
}

impl CpuSeconds {
    /// Adds another thread's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.source += other.source;
        self.deflate += other.deflate;
        self.content += other.content;
    }
}

/// What `decompress` did.
#[derive(Clone, Debug, Serialize)]
pub struct DecompressReport {
    /// Where the source's bytes are; none for a pipe.
    pub path: Option<String>,
    /// Length and digests of what was written; equal to what the archive promises.
    pub fingerprint: Fingerprint,
    /// Attachments restored beside it (paths).
    pub attachments: Vec<String>,
    /// Things the user should know.
    pub warnings: Vec<String>,
}

/// What `verify` found: everything it lists was decoded and compared.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// The archive, whole-file SHA-256 included.
    pub archive: ArchiveReport,
    /// The source as rebuilt.
    pub source: SourceReport,
    /// Totals.
    pub counts: Counts,
    /// What was decoded and compared: `source`, or `content` where blocks were not made again.
    pub checked: String,
    /// The file it was compared with, if one was given.
    pub against: Option<String>,
}

/// What `digest` found.
#[derive(Clone, Debug, Serialize)]
pub struct DigestReport {
    /// Length in bytes.
    pub length: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// MD5, lower-case hexadecimal.
    pub md5: String,
    /// The state that all of it was read in.
    pub state: State,
}

/// One stream over all chunks.
#[derive(Clone, Debug, Serialize)]
pub struct StreamReport {
    /// Bundle it is fetched with.
    pub bundle: String,
    /// Stream name, such as `flags` or `tag NM:C`.
    pub name: String,
    /// Codecs used, by name.
    pub codecs: Vec<String>,
    /// Bytes in the archive.
    pub stored: u64,
    /// Bytes decoded.
    pub decoded: u64,
    /// Stored bits for each record of the archive; none without records.
    pub bits_per_record: Option<f64>,
    /// Stored bits for each base; only for bases and qualities.
    pub bits_per_base: Option<f64>,
}

/// The streams of a bundle together.
#[derive(Clone, Debug, Serialize)]
pub struct BundleReport {
    /// Bundle name, such as `qualities` or `tags`.
    pub name: String,
    /// Bytes in the archive.
    pub stored: u64,
    /// Bytes decoded.
    pub decoded: u64,
    /// Stored bits for each record of the archive; none without records.
    pub bits_per_record: Option<f64>,
    /// Stored bits for each base; only for bases and qualities.
    pub bits_per_base: Option<f64>,
}

/// What `info` tells.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    /// The archive.
    pub archive: ArchiveReport,
    /// The source.
    pub source: SourceReport,
    /// Source length / archive length.
    pub ratio: f64,
    /// Totals.
    pub counts: Counts,
    /// Cost of exactness.
    pub exactness: Exactness,
    /// Attachments.
    pub attachments: Vec<AttachmentReport>,
    /// Reference sequences that the archive cannot be decoded without, besides itself.
    pub leans_on: Vec<ReferenceReport>,
    /// Bases of the records that are not escapes.
    pub bases: u64,
    /// Bundles by stored size, largest first.
    pub bundles: Vec<BundleReport>,
    /// Streams by stored size, largest first.
    pub streams: Vec<StreamReport>,
    /// Archive bytes outside streams: header, chunk heads, attachments, directory, trailer.
    pub framing_bytes: u64,
    /// The sidecar that all of this was read from; none where it was the archive.
    pub sidecar: Option<SidecarReport>,
}

/// A sidecar as a file.
#[derive(Clone, Debug, Serialize)]
pub struct SidecarReport {
    /// Where it is.
    pub path: String,
    /// Length in bytes.
    pub length: u64,
    /// Indexes in it.
    pub indexes: Vec<IndexReport>,
}

/// An index in a sidecar.
#[derive(Clone, Debug, Serialize)]
pub struct IndexReport {
    /// View whose virtual offsets it holds: `exact` or `plain`.
    pub view: String,
    /// `bai` or `csi`.
    pub kind: String,
    /// Length in bytes.
    pub length: u64,
}

/// What `index` did.
#[derive(Clone, Debug, Serialize)]
pub struct IndexingReport {
    /// The archive.
    pub archive: ArchiveReport,
    /// Its source.
    pub source: SourceReport,
    /// Totals.
    pub counts: Counts,
    /// What was written.
    pub sidecar: SidecarReport,
}

/// What `compress --estimate` predicts.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    /// Source length in bytes.
    pub source_length: u64,
    /// Bytes of the source that were compressed for the estimate.
    pub sampled: u64,
    /// Predicted archive length in bytes.
    pub archive_length: u64,
    /// Predicted ratio.
    pub ratio: f64,
    /// Kind of the source.
    pub kind: String,
}
