//! One range of one object, or a failure: attempts, what they may be answered with, and when to try again.

use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStoreExt};
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::connector::{Answer, answered};
use super::counters::add;
use super::location::{Kind, ObjectUrl};
use super::transfers::Transfers;
use crate::{Error, Result};

/// First wait before a request is sent again; each time it may be twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Bytes that must have come for an attempt to count as having got on.
const PROGRESS: usize = 64 << 10;

/// Most of a server's message that is shown.
const SHOWN: usize = 300;

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
    fn of(meta: &ObjectMeta) -> Self {
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
    fn differs(&self, other: &Self) -> Option<String> {
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
        let text = self.etag.as_deref().filter(|_| kind == Kind::S3)?;
        let text = text.trim_matches('"');
        let mut digest = [0; 16];
        if text.len() != 32 {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(digest)
    }

    /// What asks the server itself to compare; weak tags must not be asked for.
    fn condition(&self) -> Option<String> {
        self.etag.clone().filter(|etag| !etag.starts_with("W/"))
    }
}

/// Why an attempt failed.
pub struct Failure {
    /// Trying again may help.
    passing: bool,
    /// The store asks for fewer requests.
    too_many: bool,
    /// What the store asks to wait.
    wait: Option<Duration>,
    /// No range is served, or none from the end.
    no_range: bool,
    /// What the answer's status was.
    status: Option<u16>,
    error: io::Error,
}

impl Failure {
    pub fn passing(text: impl Into<String>) -> Self {
        Self {
            passing: true,
            too_many: false,
            wait: None,
            no_range: false,
            status: None,
            error: io::Error::other(text.into()),
        }
    }

    fn lasting(kind: io::ErrorKind, text: impl Into<String>) -> Self {
        Self {
            passing: false,
            error: io::Error::new(kind, text.into()),
            ..Self::passing("")
        }
    }

    /// Something stands where nothing may be replaced.
    pub fn exists() -> Self {
        Self::lasting(io::ErrorKind::AlreadyExists, "it exists")
    }

    pub fn is_exists(&self) -> bool {
        self.error.kind() == io::ErrorKind::AlreadyExists
    }

    /// The same of a request that has the condition that nothing exists.
    pub fn of_condition(self) -> Self {
        match self.status {
            Some(412) => Self::exists(),
            // Another writer is at work; who is first is not known yet.
            Some(409) => Self {
                passing: true,
                ..self
            },
            _ => self,
        }
    }

    fn changed(how: &str) -> Self {
        let text = format!("it changed while it was read ({how}); start again");
        Self::lasting(io::ErrorKind::Other, text)
    }

    /// What a client's error comes to.
    pub fn of(error: &object_store::Error, answer: &Answer) -> Self {
        Self {
            status: answer.status,
            ..Self::of_answer(error, answer)
        }
    }

    fn of_answer(error: &object_store::Error, answer: &Answer) -> Self {
        let whole = error.to_string();
        let Some(status) = answer.status else {
            return match error {
                object_store::Error::Unauthenticated { source, .. } => Self::lasting(
                    io::ErrorKind::PermissionDenied,
                    format!(
                        "no credentials were found ({}); sign in, set a profile, or read anonymously if the bucket is public",
                        innermost(source.as_ref())
                    ),
                ),
                object_store::Error::NotFound { .. } => {
                    Self::lasting(io::ErrorKind::NotFound, "there is no such object")
                }
                object_store::Error::Precondition { .. } => Self::changed("it is another one now"),
                // What the store of this process's memory says of an empty object.
                _ if whole.contains("Wanted range") => Self {
                    no_range: true,
                    ..Self::lasting(io::ErrorKind::Other, "it has no such range")
                },
                _ => Self::passing(innermost(error)),
            };
        };
        if (200..300).contains(&status) {
            return match error {
                _ if whole.contains("non-partial") => Self::not_partial(),
                _ => Self::passing(format!("a wrong answer: {}", innermost(error))),
            };
        }
        let said = said(&whole);
        let text = |what: &str| format!("{what} (HTTP {status}{said})");
        match status {
            404 | 410 => Self::lasting(io::ErrorKind::NotFound, text("there is no such object")),
            412 => Self::changed("the store refused: it is another one now"),
            416 => Self {
                no_range: true,
                ..Self::lasting(io::ErrorKind::Other, text("it has no such range"))
            },
            // A clock that is wrong or a token that has expired may be right the next time.
            400 | 403 if said.contains("Expired") || said.contains("RequestTimeout") => {
                Self::passing(text("refused"))
            }
            401 | 403 => {
                let archived = said.contains("InvalidObjectState");
                let what = if archived {
                    "it is in cold storage: restore it first"
                } else {
                    "access denied"
                };
                Self::lasting(io::ErrorKind::PermissionDenied, text(what))
            }
            429 | 503 => Self {
                too_many: true,
                wait: retry_after(answer),
                ..Self::passing(text("the store is too busy"))
            },
            408 | 500..=599 => Self::passing(text("the store failed")),
            301 | 307 | 308 => {
                let region = answer.headers.get("x-amz-bucket-region");
                let region = region.and_then(|region| region.to_str().ok());
                let hint = region.map_or_else(String::new, |region| {
                    format!(": its bucket is in {region}; set AWS_REGION")
                });
                Self::lasting(
                    io::ErrorKind::Other,
                    text(&format!("it is elsewhere{hint}")),
                )
            }
            _ => Self::lasting(io::ErrorKind::Other, text("refused")),
        }
    }

    fn not_partial() -> Self {
        Self {
            no_range: true,
            ..Self::passing("the server sent the whole object where a range was asked for")
        }
    }
}

fn retry_after(answer: &Answer) -> Option<Duration> {
    let value = answer.headers.get(http::header::RETRY_AFTER)?;
    let seconds: u64 = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// Code and message of an error in XML, as stores send them, or what was sent instead, shortened.
fn said(whole: &str) -> String {
    let between = |open: &str, close: &str| {
        let (_, rest) = whole.split_once(open)?;
        Some(rest.split_once(close)?.0.to_owned())
    };
    let parts = [
        between("<Code>", "</Code>"),
        between("<Message>", "</Message>"),
    ];
    let said: Vec<String> = parts.into_iter().flatten().collect();
    if said.is_empty() {
        return String::new();
    }
    let text: String = said.join(": ").chars().take(SHOWN).collect();
    format!(", {text}")
}

/// The cause of all.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string().chars().take(SHOWN).collect()
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
        let mut attempts = Attempts::default();
        loop {
            match self.first_once(&range).await {
                Ok(first) => return Ok(first),
                // An empty object has no range, and some servers none from the end: then its length is asked for.
                Err(failure) if failure.no_range => {
                    let pin = self.head().await?;
                    if pin.length == 0 {
                        return Ok((pin, 0..0, Vec::new()));
                    }
                    let bounded = match range {
                        GetRange::Suffix(length) => pin.length.saturating_sub(length)..pin.length,
                        GetRange::Bounded(range) => range.start..range.end.min(pin.length),
                        GetRange::Offset(offset) => offset..pin.length,
                    };
                    if bounded.is_empty() {
                        return Ok((pin, 0..0, Vec::new()));
                    }
                    let bytes = self.range(&pin, bounded.clone()).await?;
                    return Ok((pin, bounded, bytes));
                }
                Err(failure) => {
                    self.try_again(&mut attempts, failure, "its first bytes")
                        .await?;
                }
            }
        }
    }

    /// Facts of the object.
    pub async fn head(&self) -> Result<Pin> {
        self.facts().await.map(|(pin, _)| pin)
    }

    /// Facts of the object, and the headers that tell them.
    pub async fn facts(&self) -> Result<(Pin, http::HeaderMap)> {
        let mut attempts = Attempts::default();
        loop {
            match self.head_once().await {
                Ok((meta, answer)) => return Ok((self.told(Pin::of(&meta))?, answer.headers)),
                Err(failure) => {
                    self.try_again(&mut attempts, failure, "its length").await?;
                }
            }
        }
    }

    /// Facts of the object, and the headers that tell them.
    async fn head_once(&self) -> std::result::Result<(ObjectMeta, Answer), Failure> {
        let _busy = self.transfers.connections.take().await;
        add(&self.transfers.counters.gets, 1);
        let patience = self.transfers.settings.timeout;
        let request = timeout(patience, self.client.store.head(&self.url.key));
        let (meta, answer) = answered(request).await;
        match meta {
            Ok(Ok(meta)) => Ok((meta, answer)),
            Ok(Err(error)) => Err(Failure::of(&error, &answer)),
            Err(_) => Err(Failure::passing("no answer came in time")),
        }
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
        let request = timeout(patience, self.client.store.get_opts(&self.url.key, options));
        let (result, answer) = answered(request).await;
        match result {
            Ok(Ok(result)) => Ok((result, started.elapsed())),
            Ok(Err(error)) => Err(Failure::of(&error, &answer)),
            Err(_) => Err(Failure::passing("no answer came in time")),
        }
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

/// What is done to an object, between two attempts.
pub struct Waits<'a> {
    pub transfers: &'a Transfers,
    /// Such as "cannot read".
    pub action: &'static str,
    pub url: &'a ObjectUrl,
}

impl Waits<'_> {
    /// Waits until it is time to try again; fails when it is of no use.
    pub async fn try_again(
        &self,
        attempts: &mut Attempts,
        failure: Failure,
        what: &str,
    ) -> Result<()> {
        attempts.all += 1;
        attempts.in_vain += 1;
        let transfers = self.transfers;
        let most = transfers.settings.retries + 1;
        if failure.too_many {
            transfers.connections.too_many();
        }
        if !failure.passing || attempts.in_vain >= most {
            let attempt = if attempts.all > 1 {
                format!(", attempt {}", attempts.all)
            } else {
                String::new()
            };
            return Err(Error::Store {
                context: format!("{} {}, {what}{attempt}", self.action, self.url),
                source: failure.error,
            });
        }
        transfers.counters.retries.fetch_add(1, Ordering::Relaxed);
        let longest = FIRST_WAIT
            .saturating_mul(1 << attempts.in_vain.min(16))
            .min(LONGEST_WAIT);
        // Anywhere up to it, so that those who failed together do not come back together.
        let wait = longest.mul_f64(fastrand::f64());
        sleep(failure.wait.unwrap_or_default().max(wait)).await;
        Ok(())
    }
}

/// How often something was tried.
#[derive(Default)]
pub struct Attempts {
    all: u32,
    /// Those since bytes came.
    in_vain: u32,
}

impl Attempts {
    /// Whether there was one.
    pub fn any(&self) -> bool {
        self.all > 0
    }
}
