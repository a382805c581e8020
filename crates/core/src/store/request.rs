//! One range of one object, or a failure: attempts, what they may be answered with, and when to try again.

use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use object_store::{GetOptions, GetRange, ObjectMeta};
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::connector::Answer;
use super::counters::add;
use super::failure::{Attempts, Failure, Waits, asked, innermost};
use super::location::{Kind, ObjectUrl};
use super::transfers::Transfers;
use crate::{Error, Result};

/// Bytes that must have come for an attempt to count as having got on.
const PROGRESS: usize = 64 << 10;

/// Which state of an object is read. Every answer is compared with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Length in bytes.
    pub length: u64,
    /// The store's name for the state.
    pub etag: Option<String>,
    /// Time of the last change, in nanoseconds since 1970.
    pub modified_ns: i64,
}

impl Pin {
    pub fn of(meta: &ObjectMeta) -> Self {
        Self {
            length: meta.size,
            etag: meta.e_tag.clone(),
            modified_ns: meta.last_modified.timestamp_nanos_opt().unwrap_or(0),
        }
    }

    /// Whether it tells states apart.
    fn tells(&self) -> bool {
        self.etag.is_some() || self.modified_ns != 0
    }

    /// How an answer of another state differs; none where it does not.
    pub fn differs(&self, other: &Self) -> Option<String> {
        if self.length != other.length {
            return Some(format!("{} bytes, then {}", self.length, other.length));
        }
        match (&self.etag, &other.etag) {
            (Some(one), Some(two)) if one == two => None,
            (None, None) if self.modified_ns == other.modified_ns => None,
            (one, two) => {
                let name = |tag: &Option<String>| tag.clone().unwrap_or_else(|| "no".to_owned());
                Some(format!("ETag {}, then {}", name(one), name(two)))
            }
        }
    }

    /// The MD5 digest of the object, where the ETag is that: of objects that S3 got in one request and did not encrypt with a key
    /// of a customer's.
    pub fn md5(&self, kind: Kind) -> Option<[u8; 16]> {
        md5_of(self.etag.as_deref().filter(|_| kind == Kind::S3)?)
    }

    /// What asks the server itself to compare; weak tags must not be asked for.
    pub fn condition(&self) -> Option<String> {
        self.etag.clone().filter(|etag| !etag.starts_with("W/"))
    }
}

/// The MD5 digest that an ETag is, if it looks like one.
pub fn md5_of(etag: &str) -> Option<[u8; 16]> {
    let text = etag.trim_matches('"');
    let mut digest = [0; 16];
    if text.len() != 32 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

/// Whether an object of S3 has an ETag that is no MD5 digest: it is encrypted with a key of the customer's.
pub fn has_other_etag(headers: &http::HeaderMap) -> bool {
    let encrypted = headers.get("x-amz-server-side-encryption");
    encrypted.is_some_and(|kind| kind.as_bytes().starts_with(b"aws:kms"))
        || headers.contains_key("x-amz-server-side-encryption-customer-algorithm")
}

/// Requests for ranges of one object.
#[derive(Clone, Copy)]
pub struct Requests<'a> {
    pub transfers: &'a Transfers,
    pub client: &'a Client,
    pub url: &'a ObjectUrl,
}

/// Bytes that were received; unless they are used they count as wasted.
struct Received<'a> {
    transfers: &'a Transfers,
    bytes: Vec<u8>,
}

impl Received<'_> {
    fn used(mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Received<'_> {
    fn drop(&mut self) {
        let wasted = &self.transfers.counters.wasted_bytes;
        add(wasted, self.bytes.len() as u64);
    }
}

impl Requests<'_> {
    /// The bytes of `range` of the object in the state `pin`.
    pub async fn range(&self, pin: &Pin, range: Range<u64>) -> Result<Vec<u8>> {
        let want = (range.end - range.start) as usize;
        let mut bytes = Vec::new();
        let mut attempts = Attempts::default();
        loop {
            let rest = range.start + bytes.len() as u64..range.end;
            let (got, done) = self.hedged(pin, rest).await;
            let got_on = got.len() >= PROGRESS.min(want / 2 + 1);
            if bytes.is_empty() {
                bytes = got;
            } else {
                bytes.extend_from_slice(&got);
            }
            match done {
                Ok(()) => return Ok(bytes),
                Err(failure) => {
                    if got_on {
                        attempts.in_vain = 0;
                    }
                    let what = format!("bytes {}-{}", range.start, range.end.saturating_sub(1));
                    self.try_again(&mut attempts, failure, &what).await?;
                }
            }
        }
    }

    /// Facts of the object, and the bytes of a first range of it.
    pub async fn first(&self, range: GetRange) -> Result<(Pin, Range<u64>, Vec<u8>)> {
        // Azure serves no range from the end.
        if self.url.kind == Kind::Azure && matches!(range, GetRange::Suffix(_)) {
            return self.first_by_length(range).await;
        }
        let mut attempts = Attempts::default();
        loop {
            match self.first_once(&range).await {
                Ok(first) => return Ok(first),
                // An empty object has no range, and some servers none from the end: then its length is asked for.
                Err(failure) if failure.no_range => return self.first_by_length(range).await,
                Err(failure) => {
                    self.try_again(&mut attempts, failure, "its first bytes")
                        .await?;
                }
            }
        }
    }

    /// The same, once its length is known.
    async fn first_by_length(&self, range: GetRange) -> Result<(Pin, Range<u64>, Vec<u8>)> {
        let pin = self.head().await?;
        let bounded = match range {
            GetRange::Suffix(length) => pin.length.saturating_sub(length)..pin.length,
            GetRange::Bounded(range) => range.start..range.end.min(pin.length),
            GetRange::Offset(offset) => offset..pin.length,
        };
        if bounded.is_empty() {
            return Ok((pin, 0..0, Vec::new()));
        }
        let bytes = self.range(&pin, bounded.clone()).await?;
        Ok((pin, bounded, bytes))
    }

    /// Facts of the object.
    pub async fn head(&self) -> Result<Pin> {
        self.facts().await.map(|(pin, _)| pin)
    }

    /// Facts of the object, and the headers that tell them.
    pub async fn facts(&self) -> Result<(Pin, http::HeaderMap)> {
        self.facts_of(None).await
    }

    /// Facts of a version of the object, and the headers that tell them.
    pub async fn facts_of(&self, version: Option<&str>) -> Result<(Pin, http::HeaderMap)> {
        let mut attempts = Attempts::default();
        loop {
            match self.head_once(version).await {
                Ok((meta, answer)) => return Ok((self.told(Pin::of(&meta))?, answer.headers)),
                Err(failure) => {
                    self.try_again(&mut attempts, failure, "its length").await?;
                }
            }
        }
    }

    /// Facts of the object, and the headers that tell them.
    async fn head_once(
        &self,
        version: Option<&str>,
    ) -> std::result::Result<(ObjectMeta, Answer), Failure> {
        let _busy = self.transfers.connections.take().await;
        add(&self.transfers.counters.gets, 1);
        let options = GetOptions {
            head: true,
            version: version.map(ToOwned::to_owned),
            ..GetOptions::default()
        };
        let request = self.client.store.get_opts(&self.url.key, options);
        let meta = async { request.await.map(|result| result.meta) };
        asked(self.transfers.settings.timeout, meta).await
    }

    fn told(&self, pin: Pin) -> Result<Pin> {
        if pin.tells() {
            return Ok(pin);
        }
        Err(Error::Store {
            context: format!("cannot read {} in place", self.url),
            source: io::Error::other(
                "the server gives neither ETag nor Last-Modified, so that a change would go unnoticed; download it first",
            ),
        })
    }

    async fn first_once(
        &self,
        range: &GetRange,
    ) -> std::result::Result<(Pin, Range<u64>, Vec<u8>), Failure> {
        let _busy = self.transfers.connections.take().await;
        let options = GetOptions {
            range: Some(range.clone()),
            ..GetOptions::default()
        };
        let started = Instant::now();
        let (result, first_byte) = self.get(options).await?;
        let pin = Pin::of(&result.meta);
        let pin = self
            .told(pin)
            .map_err(|error| Failure::lasting(io::ErrorKind::Other, error.to_string()))?;
        let place = result.range.clone();
        let want = (place.end - place.start) as usize;
        let mut received = self.received();
        self.body(result, want, &mut received.bytes).await?;
        self.note(started, first_byte, want as u64);
        Ok((pin, place, received.used()))
    }

    /// As `once`, with a second request where the first is slow; the quicker one counts.
    async fn hedged(
        &self,
        pin: &Pin,
        range: Range<u64>,
    ) -> (Vec<u8>, std::result::Result<(), Failure>) {
        let transfers = self.transfers;
        let _busy = transfers.connections.take().await;
        let bytes = range.end - range.start;
        let Some(patience) = transfers.pace.patience(bytes) else {
            return self.once(pin, range).await;
        };
        let one = self.once(pin, range.clone());
        tokio::pin!(one);
        tokio::select! {
            biased;
            done = &mut one => return done,
            () = sleep(patience) => {}
        }
        let Some(_held) = transfers.memory.try_take(bytes) else {
            return one.await;
        };
        add(&transfers.counters.hedges, 1);
        let two = self.once(pin, range);
        tokio::pin!(two);
        tokio::select! {
            first = &mut one => if first.1.is_ok() { first } else { two.await },
            second = &mut two => if second.1.is_ok() { second } else { one.await },
        }
    }

    /// One request; what came of it before it failed is given too.
    async fn once(
        &self,
        pin: &Pin,
        range: Range<u64>,
    ) -> (Vec<u8>, std::result::Result<(), Failure>) {
        let want = (range.end - range.start) as usize;
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: pin.condition(),
            ..GetOptions::default()
        };
        let started = Instant::now();
        let (result, first_byte) = match self.get(options).await {
            Ok(got) => got,
            Err(failure) => return (Vec::new(), Err(failure)),
        };
        if let Some(how) = pin.differs(&Pin::of(&result.meta)) {
            return (Vec::new(), Err(Failure::changed(&how)));
        }
        let mut received = self.received();
        let done = self.body(result, want, &mut received.bytes).await;
        if done.is_ok() {
            self.note(started, first_byte, want as u64);
        }
        (received.used(), done)
    }

    fn received(&self) -> Received<'_> {
        Received {
            transfers: self.transfers,
            bytes: Vec::new(),
        }
    }

    fn note(&self, started: Instant, first_byte: Duration, bytes: u64) {
        let transfers = self.transfers;
        transfers.pace.note(first_byte, started.elapsed(), bytes);
        transfers.connections.good();
    }

    async fn get(
        &self,
        options: GetOptions,
    ) -> std::result::Result<(object_store::GetResult, Duration), Failure> {
        add(&self.transfers.counters.gets, 1);
        let started = Instant::now();
        let patience = self.transfers.settings.timeout;
        let request = self.client.store.get_opts(&self.url.key, options);
        let (result, _) = asked(patience, request).await?;
        Ok((result, started.elapsed()))
    }

    /// Receives a body of `want` bytes.
    async fn body(
        &self,
        result: object_store::GetResult,
        want: usize,
        bytes: &mut Vec<u8>,
    ) -> std::result::Result<(), Failure> {
        let patience = self.transfers.settings.timeout;
        bytes.reserve_exact(want);
        let mut stream = result.into_stream();
        loop {
            let next = timeout(patience, stream.next())
                .await
                .map_err(|_| Failure::passing("the answer stopped coming"))?;
            let piece = match next {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => {
                    let why = innermost(&error);
                    return Err(Failure::passing(format!("the answer broke off: {why}")));
                }
                None if bytes.len() == want => return Ok(()),
                None => {
                    let got = bytes.len();
                    return Err(Failure::passing(format!(
                        "the answer ended after {got} of {want} bytes"
                    )));
                }
            };
            add(&self.transfers.counters.fetched_bytes, piece.len() as u64);
            if piece.len() > want - bytes.len() {
                bytes.clear();
                return Err(Failure::passing("the answer was longer than asked for"));
            }
            bytes.extend_from_slice(&piece);
        }
    }

    async fn try_again(&self, attempts: &mut Attempts, failure: Failure, what: &str) -> Result<()> {
        let waits = Waits {
            transfers: self.transfers,
            action: "cannot read",
            url: self.url,
        };
        waits.try_again(attempts, failure, what).await
    }
}
