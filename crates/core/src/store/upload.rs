//! Writing an object: parts go to the store while later ones are still made, and nothing stands there before all of them are
//! known to be right. An upload that fails leaves neither an object nor parts.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use md5::Md5;
use object_store::multipart::PartId;
use object_store::{
    Attribute, Attributes, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    TagSet,
};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::client::{Client, Purpose};
use super::connector::answered;
use super::counters::add;
use super::limits::Held;
use super::location::{Kind, ObjectUrl};
use super::remote::wait;
use super::request::{Attempts, Failure, Requests, Waits, has_other_etag};
use super::transfers::Transfers;
use crate::{Error, Result};

/// Least bytes of a part but the last: S3 takes none below 5 MiB.
const LEAST_PART: u64 = 8 << 20;

/// Most parts of an object.
const MOST_PARTS: u64 = 10_000;

/// Parts after which those of an object of unknown length become twice as large.
const DOUBLE_AFTER: u64 = 1_000;

/// Bytes a second below which sending a part counts as having stopped.
const SLOWEST: u64 = 50_000;

/// An object on its way to its store.
pub struct Upload {
    way: Arc<Way>,
    /// Parts are this long; none: they grow, because it is not known how many there will be.
    part: Option<u64>,
    /// Name of the upload, once a part was sent.
    id: Option<String>,
    buffer: Vec<u8>,
    held: Option<Held>,
    tasks: VecDeque<JoinHandle<Result<PartId>>>,
    sent: Vec<PartId>,
    length: u64,
    /// Of what was handed to the store.
    sha256: Sha256,
    crc64: crc_fast::Digest,
    force: bool,
    stop: Arc<AtomicBool>,
}

/// What all requests of an upload need.
struct Way {
    transfers: Arc<Transfers>,
    client: Arc<Client>,
    url: ObjectUrl,
}

impl Upload {
    /// Starts an object at `url`, of about `expected` bytes at most. Refuses to replace one unless `force`.
    pub fn start(
        url: &ObjectUrl,
        force: bool,
        expected: Option<u64>,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self> {
        let transfers = Transfers::of_process()?;
        let purpose = if force {
            Purpose::Replacing
        } else {
            Purpose::Creating
        };
        let client = transfers.client(url, purpose)?;
        if client.parts.is_none() {
            return Err(Error::Invalid(format!(
                "{url}: nothing can be written to a web server; write to a file or an object store"
            )));
        }
        let way = Arc::new(Way {
            transfers,
            client,
            url: url.clone(),
        });
        if !force {
            way.refuse_existing(stop)?;
        }
        let most = way.transfers.memory.most() / 4;
        // What is written may be somewhat longer than what it is made from.
        let part = expected.map(|length| {
            let part = (length + length / 50).div_ceil(MOST_PARTS - 1);
            part.next_multiple_of(1 << 20).max(LEAST_PART.min(most))
        });
        if part.is_some_and(|part| part > most) {
            return Err(Error::Invalid(format!(
                "{url}: its parts would be too large for the memory of transfers; give more (--memory)"
            )));
        }
        Ok(Self {
            way,
            part,
            id: None,
            buffer: Vec::new(),
            held: None,
            tasks: VecDeque::new(),
            sent: Vec::new(),
            length: 0,
            sha256: Sha256::new(),
            crc64: crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme),
            force,
            stop: stop.clone(),
        })
    }

    /// Bytes of the part at hand.
    fn part_length(&self) -> u64 {
        self.part.unwrap_or_else(|| {
            let parts = self.sent.len() + self.tasks.len();
            let most = self.way.transfers.memory.most() / 4;
            (LEAST_PART << (parts as u64 / DOUBLE_AFTER)).min(most)
        })
    }

    /// Takes memory for a part, waiting for parts to have been sent.
    fn take_memory(&mut self) -> Result<()> {
        let want = self.part_length();
        while self.held.is_none() {
            self.held = self.way.transfers.memory.try_take(want);
            if self.held.is_none() {
                if self.tasks.is_empty() {
                    // Others have it; they give it back.
                    self.way.transfers.memory.wait(Duration::from_millis(20));
                    if self.stop.load(Ordering::Relaxed) {
                        return Err(Error::Interrupted);
                    }
                } else {
                    self.settle_one()?;
                }
            }
        }
        Ok(())
    }

    /// Waits until the oldest part has been sent.
    fn settle_one(&mut self) -> Result<()> {
        let Some(task) = self.tasks.pop_front() else {
            return Ok(());
        };
        let part = wait(&self.way.transfers, &self.stop, async {
            task.await.unwrap_or(Err(Error::Interrupted))
        })?;
        self.sent.push(part);
        Ok(())
    }

    /// Hands the part at hand to the store.
    fn send(&mut self) -> Result<()> {
        if self.id.is_none() {
            let way = &self.way;
            self.id = Some(wait(&way.transfers, &self.stop, way.begin())?);
        }
        let Some(id) = self.id.clone() else {
            return Ok(());
        };
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        let held = self.held.take();
        self.note(&bytes);
        let number = self.sent.len() + self.tasks.len();
        if number as u64 >= MOST_PARTS {
            return Err(Error::Invalid(format!(
                "{}: is too long for an object of {MOST_PARTS} parts; give more memory for larger ones (--memory)",
                self.way.url
            )));
        }
        let way = self.way.clone();
        let task = self.way.transfers.runtime.spawn(async move {
            let _held = held;
            way.part(&id, number, bytes).await
        });
        self.tasks.push_back(task);
        Ok(())
    }

    fn note(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.crc64.update(bytes);
    }

    /// Puts the object in its place, if its bytes are those of which `sha256` is the digest, and reads back what the store says of
    /// them.
    pub fn publish(mut self, sha256: Option<&[u8; 32]>) -> Result<()> {
        let bytes = std::mem::take(&mut self.buffer);
        let in_parts = self.id.is_some();
        if in_parts && !bytes.is_empty() {
            self.buffer = bytes;
            self.send()?;
        } else if !in_parts {
            self.note(&bytes);
            self.buffer = bytes;
        }
        while !self.tasks.is_empty() {
            self.settle_one()?;
        }
        let handed: [u8; 32] = self.sha256.clone().finalize().into();
        if sha256.is_some_and(|sha256| *sha256 != handed) {
            return Err(Error::Damaged(format!(
                "{}: what was handed to the store is not what was proved; memory is faulty. Nothing was published",
                self.way.url
            )));
        }
        let way = self.way.clone();
        let (transfers, stop) = (&way.transfers, self.stop.clone());
        if !self.force && !way.is_conditional(in_parts) {
            way.refuse_existing(&stop)?;
        }
        let expected = Expected {
            length: self.length,
            crc64: self.crc64.finalize(),
            in_parts,
            etag: (in_parts && way.url.kind == Kind::S3)
                .then(|| composite(&self.sent))
                .flatten(),
        };
        if let Some(id) = &self.id {
            let parts = self.sent.clone();
            wait(transfers, &stop, way.complete(id, parts, &expected))?;
            // There is nothing to abort from here on.
            self.id = None;
        } else {
            let bytes = Bytes::from(std::mem::take(&mut self.buffer));
            let mode = if self.force {
                PutMode::Overwrite
            } else {
                PutMode::Create
            };
            wait(transfers, &stop, way.whole(bytes, mode))?;
        }
        let checking = match way.url.kind {
            Kind::S3 => transfers.client(&way.url, Purpose::Checking),
            _ => Ok(way.client.clone()),
        };
        let read_back =
            checking.and_then(|client| wait(transfers, &stop, way.read_back(&client, &expected)));
        if let Err(error) = read_back {
            self.retract();
            return Err(error);
        }
        Ok(())
    }

    /// Takes a published object away again.
    pub fn retract(&self) {
        remove(&self.way);
    }
}

/// Deletes the object of an upload that turned out wrong; when that fails too, the error that is told says what stands there.
fn remove(way: &Way) {
    let stop = Arc::new(AtomicBool::new(false));
    let delete = async {
        // What it failed of is told already.
        let _ = way.client.store.delete(&way.url.key).await;
        Ok(())
    };
    let _ = wait(&way.transfers, &stop, delete);
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.held.is_none() {
            self.take_memory().map_err(Error::into_io)?;
        }
        let room = (self.part_length() as usize).saturating_sub(self.buffer.len());
        let taken = bytes.len().min(room.max(1));
        self.buffer.extend_from_slice(&bytes[..taken]);
        self.length += taken as u64;
        if self.buffer.len() as u64 >= self.part_length() {
            self.send().map_err(Error::into_io)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        let (Some(id), Some(parts)) = (self.id.take(), &self.way.client.parts) else {
            return;
        };
        let tasks = std::mem::take(&mut self.tasks);
        let stop = Arc::new(AtomicBool::new(false));
        let abort = async {
            for task in tasks {
                // Parts that are still on their way would come after the end.
                let _ = task.await;
            }
            let abort = parts.abort_multipart(&self.way.url.key, &id);
            // What cannot be aborted is for the bucket's rule for incomplete uploads.
            let _ = timeout(self.way.transfers.settings.timeout, abort).await;
            Ok(())
        };
        let _ = wait(&self.way.transfers, &stop, abort);
    }
}

/// What the store should say of the object.
struct Expected {
    length: u64,
    crc64: u64,
    in_parts: bool,
    /// ETag of an object in parts, where those are MD5 digests.
    etag: Option<String>,
}

/// The ETag that S3 gives an object of these parts: MD5 of their digests, and how many there are.
fn composite(parts: &[PartId]) -> Option<String> {
    let mut all = Md5::new();
    for part in parts {
        // The client keeps the ETag in an element, beside the part's checksum.
        let (_, text) = part.content_id.split_once("<e_tag>")?;
        let text = text.split_once("</e_tag>")?.0.replace("&quot;", "");
        let text = text.trim_matches('"');
        if text.len() != 32 {
            return None;
        }
        for pair in text.as_bytes().as_chunks::<2>().0 {
            all.update([u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?]);
        }
    }
    let digest: [u8; 16] = all.finalize().into();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("{hex}-{}", parts.len()))
}

impl Way {
    fn requests(&self) -> Requests<'_> {
        Requests {
            transfers: &self.transfers,
            client: &self.client,
            url: &self.url,
        }
    }

    /// Whether the store itself refuses to replace an object.
    fn is_conditional(&self, in_parts: bool) -> bool {
        !in_parts || matches!(self.url.kind, Kind::S3 | Kind::Gcs)
    }

    fn exists(&self) -> Error {
        Error::Store {
            context: format!("{} exists and is not replaced unless forced", self.url),
            source: io::ErrorKind::AlreadyExists.into(),
        }
    }

    fn refuse_existing(&self, stop: &AtomicBool) -> Result<()> {
        match wait(&self.transfers, stop, self.requests().head()) {
            Ok(_) => Err(self.exists()),
            Err(Error::Store { source, .. })
                if matches!(
                    source.kind(),
                    // Whoever may write need not be allowed to look.
                    io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn options(&self) -> (TagSet, Attributes) {
        let settings = &self.transfers.settings;
        let mut tags = TagSet::default();
        for (key, value) in &settings.tags {
            tags.push(key, value);
        }
        let mut attributes = Attributes::new();
        if let Some(class) = &settings.storage_class {
            attributes.insert(Attribute::StorageClass, class.clone().into());
        }
        (tags, attributes)
    }

    /// Does a request, again when it may help.
    async fn request<T, F>(&self, bytes: u64, what: &str, make: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let mut attempts = Attempts::default();
        loop {
            match self.once(bytes, make()).await {
                Ok(done) => return Ok(done),
                Err(failure) => self.try_again(&mut attempts, failure, what).await?,
            }
        }
    }

    async fn once<T>(
        &self,
        bytes: u64,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> std::result::Result<T, Failure> {
        let transfers = &self.transfers;
        let _busy = transfers.connections.take().await;
        add(&transfers.counters.puts, 1);
        let patience = transfers.settings.timeout + Duration::from_secs(bytes / SLOWEST);
        let (done, answer) = answered(timeout(patience, request)).await;
        match done {
            Ok(Ok(done)) => {
                add(&transfers.counters.sent_bytes, bytes);
                transfers.connections.good();
                Ok(done)
            }
            Ok(Err(object_store::Error::AlreadyExists { .. })) => Err(Failure::exists()),
            Ok(Err(error)) => Err(Failure::of(&error, &answer)),
            Err(_) => Err(Failure::passing("no answer came in time")),
        }
    }

    async fn try_again(&self, attempts: &mut Attempts, failure: Failure, what: &str) -> Result<()> {
        if failure.is_exists() {
            return Err(self.exists());
        }
        let waits = Waits {
            transfers: &self.transfers,
            action: "cannot write",
            url: &self.url,
        };
        waits.try_again(attempts, failure, what).await
    }

    /// Starts an upload in parts.
    async fn begin(&self) -> Result<String> {
        let (tags, attributes) = self.options();
        let parts = self.client.parts.as_ref();
        let parts = parts.ok_or_else(|| Error::Invalid("no parts can be written".into()))?;
        self.request(0, "the start of its upload", || {
            let options = PutMultipartOptions {
                tags: tags.clone(),
                attributes: attributes.clone(),
                ..PutMultipartOptions::default()
            };
            async move {
                if options == PutMultipartOptions::default() {
                    parts.create_multipart(&self.url.key).await
                } else {
                    parts.create_multipart_opts(&self.url.key, options).await
                }
            }
        })
        .await
    }

    async fn part(&self, id: &str, number: usize, bytes: Bytes) -> Result<PartId> {
        let Some(parts) = &self.client.parts else {
            return Err(Error::Interrupted);
        };
        let (id, what) = (id.to_owned(), format!("part {}", number + 1));
        self.request(bytes.len() as u64, &what, || {
            parts.put_part(&self.url.key, &id, number, PutPayload::from(bytes.clone()))
        })
        .await
    }

    /// Puts the parts together. An answer that is lost does not tell whether that was done, so what stands there is looked at.
    async fn complete(&self, id: &str, parts: Vec<PartId>, expected: &Expected) -> Result<()> {
        let Some(store) = &self.client.parts else {
            return Err(Error::Interrupted);
        };
        let mut attempts = Attempts::default();
        let id = id.to_owned();
        loop {
            let complete = store.complete_multipart(&self.url.key, &id, parts.clone());
            let failure = match self.once(0, complete).await {
                Ok(_) => return Ok(()),
                Err(failure) => failure,
            };
            if attempts.any()
                && let Ok(pin) = self.requests().head().await
                && pin.length == expected.length
                && expected.etag.is_some()
                && pin.etag.as_deref().map(|etag| etag.trim_matches('"'))
                    == expected.etag.as_deref()
            {
                return Ok(());
            }
            let failure = failure.of_condition();
            self.try_again(&mut attempts, failure, "the end of its upload")
                .await?;
        }
    }

    /// Writes a short object in one request.
    async fn whole(&self, bytes: Bytes, mode: PutMode) -> Result<()> {
        let (tags, attributes) = self.options();
        let put = |mode: PutMode| {
            let options = PutOptions {
                mode,
                tags: tags.clone(),
                attributes: attributes.clone(),
                ..PutOptions::default()
            };
            let payload = PutPayload::from(bytes.clone());
            self.client.store.put_opts(&self.url.key, payload, options)
        };
        self.request(bytes.len() as u64, "its bytes", || put(mode.clone()))
            .await
            .map(drop)
    }

    /// Compares what the store says of the object with what it was sent.
    async fn read_back(&self, client: &Client, expected: &Expected) -> Result<()> {
        let requests = Requests {
            client,
            ..self.requests()
        };
        let (pin, headers) = requests.facts().await?;
        let wrong = |what: String| {
            Error::Damaged(format!(
                "{}: the store says that it holds {what}; it was taken away again",
                self.url
            ))
        };
        if pin.length != expected.length {
            return Err(wrong(format!(
                "{} bytes, and {} were written",
                pin.length, expected.length
            )));
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // A checksum of parts' checksums is not ours to compare.
        let is_whole = !expected.in_parts || header("x-amz-checksum-type") == Some("FULL_OBJECT");
        let other_checksum = header("x-amz-checksum-crc64nvme")
            .is_some_and(|told| is_whole && told != base64(expected.crc64));
        let other_etag = match (pin.etag.as_deref(), &expected.etag) {
            (Some(told), Some(etag)) => told.trim_matches('"') != etag && !has_other_etag(&headers),
            _ => false,
        };
        if other_checksum || other_etag {
            return Err(wrong("other bytes than were written".to_owned()));
        }
        Ok(())
    }
}

/// A checksum as S3's headers have it.
fn base64(checksum: u64) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = checksum.to_be_bytes();
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let mut bits = 0u32;
        for index in 0..3 {
            bits = bits << 8 | u32::from(*three.get(index).unwrap_or(&0));
        }
        for digit in 0..4 {
            if digit > three.len() {
                text.push('=');
            } else {
                text.push(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize] as char);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_written_as_s3_writes_it() {
        assert_eq!(base64(0), "AAAAAAAAAAA=");
        assert_eq!(base64(u64::from_be_bytes(*b"readvaul")), "cmVhZHZhdWw=");
    }

    #[test]
    fn the_etag_of_parts_is_known_before() {
        let part = |content_id: &str| PartId {
            content_id: content_id.into(),
        };
        let parts = [part(
            "<PartMetadata><e_tag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</e_tag></PartMetadata>",
        )];
        // MD5 of the MD5 of nothing.
        assert_eq!(
            composite(&parts).as_deref(),
            Some("59adb24ef3cdbe0297f05b395827453f-1")
        );
        assert_eq!(composite(&[part("7")]), None);
    }
}
