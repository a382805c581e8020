//! The requests of an upload: each is sent again when that may help, and its effect happens once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use md5::{Digest, Md5};
use object_store::multipart::PartId;
use object_store::{
    Attribute, Attributes, PutMode, PutMultipartOptions, PutOptions, PutPayload, TagSet,
};

use super::client::Client;
use super::counters::add;
use super::failure::{Attempts, Failure, Waits, asked};
use super::location::{Kind, ObjectUrl};
use super::request::{Requests, has_other_etag, md5_of};
use super::transfers::Transfers;
use super::waiting::wait;
use crate::{Error, Result};

/// Bytes a second below which sending a part counts as having stopped.
const SLOWEST: u64 = 50_000;

/// What all requests of an upload need.
pub struct Way {
    pub transfers: Arc<Transfers>,
    pub client: Arc<Client>,
    pub url: ObjectUrl,
}

/// What the store should say of the object.
pub struct Expected {
    pub length: u64,
    pub crc64: u64,
    pub in_parts: bool,
    /// ETag of an object in parts, where those are MD5 digests.
    pub etag: Option<String>,
}

/// The ETag that S3 gives an object of these parts: MD5 of their digests, and how many there are.
pub fn composite(parts: &[PartId]) -> Option<String> {
    let mut all = Md5::new();
    for part in parts {
        // The client keeps the ETag in an element, beside the part's checksum.
        let (_, text) = part.content_id.split_once("<e_tag>")?;
        let etag = text.split_once("</e_tag>")?.0.replace("&quot;", "");
        all.update(md5_of(&etag)?);
    }
    let digest: [u8; 16] = all.finalize().into();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("{hex}-{}", parts.len()))
}

impl Way {
    pub fn requests(&self) -> Requests<'_> {
        Requests {
            transfers: &self.transfers,
            client: &self.client,
            url: &self.url,
        }
    }

    /// Whether the store itself refuses to replace an object.
    pub fn is_conditional(&self, in_parts: bool) -> bool {
        !in_parts || matches!(self.url.kind, Kind::S3 | Kind::Gcs)
    }

    pub fn exists(&self) -> Error {
        Error::Store {
            context: format!("{} exists and is not replaced unless forced", self.url),
            source: io::ErrorKind::AlreadyExists.into(),
        }
    }

    pub fn refuse_existing(&self, stop: &AtomicBool) -> Result<()> {
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

    pub fn options(&self) -> (TagSet, Attributes) {
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
    pub async fn request<T, F>(&self, bytes: u64, what: &str, make: impl Fn() -> F) -> Result<T>
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

    pub async fn once<T>(
        &self,
        bytes: u64,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> std::result::Result<T, Failure> {
        let transfers = &self.transfers;
        let _busy = transfers.connections.take().await;
        add(&transfers.counters.puts, 1);
        let patience = transfers.settings.timeout + Duration::from_secs(bytes / SLOWEST);
        let (done, _) = asked(patience, request).await?;
        add(&transfers.counters.sent_bytes, bytes);
        transfers.connections.good();
        Ok(done)
    }

    pub async fn try_again(
        &self,
        attempts: &mut Attempts,
        failure: Failure,
        what: &str,
    ) -> Result<()> {
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
    pub async fn begin(&self) -> Result<String> {
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

    pub async fn part(&self, id: &str, number: usize, bytes: Bytes) -> Result<PartId> {
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
    pub async fn complete(&self, id: &str, parts: Vec<PartId>, expected: &Expected) -> Result<()> {
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
    pub async fn whole(&self, bytes: Bytes, mode: PutMode) -> Result<()> {
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
    pub async fn read_back(&self, client: &Client, expected: &Expected) -> Result<()> {
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
            .is_some_and(|told| is_whole && told != base64(&expected.crc64.to_be_bytes()));
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
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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
        assert_eq!(base64(&[0; 8]), "AAAAAAAAAAA=");
        assert_eq!(base64(b"readvaul"), "cmVhZHZhdWw=");
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
