//! Why a request failed, what is told of that, and when it is sent again.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::connector::{Answer, answered};
use super::location::ObjectUrl;
use super::transfers::Transfers;
use crate::{Error, Result};

/// First wait before a request is sent again; each time it may be twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Most of a server's message that is shown.
const SHOWN: usize = 300;

/// Why an attempt failed.
pub struct Failure {
    /// Trying again may help.
    passing: bool,
    /// The store asks for fewer requests.
    too_many: bool,
    /// What the store asks to wait.
    wait: Option<Duration>,
    /// No range is served, or none from the end.
    pub no_range: bool,
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

    pub fn lasting(kind: io::ErrorKind, text: impl Into<String>) -> Self {
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

    /// The same, where trying again is of no use.
    pub fn for_good(self) -> Self {
        Self {
            passing: false,
            ..self
        }
    }

    /// Nothing is there.
    pub fn is_missing(&self) -> bool {
        self.error.kind() == io::ErrorKind::NotFound
    }

    /// The store has not met the request's condition.
    pub fn is_unmet(&self) -> bool {
        self.status == Some(412)
    }

    /// The same of a request that has the condition that nothing exists.
    pub fn of_condition(self) -> Self {
        if self.is_unmet() {
            return Self::exists();
        }
        self.of_conflict()
    }

    /// The same of a request that has a condition: another writer is at work, and who is first is not known yet.
    pub fn of_conflict(self) -> Self {
        Self {
            passing: self.passing || self.status == Some(409),
            ..self
        }
    }

    pub fn changed(how: &str) -> Self {
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
        if matches!(error, object_store::Error::AlreadyExists { .. }) {
            return Self::exists();
        }
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
                // One of many that a request is about.
                object_store::Error::NotFound { .. } => {
                    Self::lasting(io::ErrorKind::NotFound, "there is no such object")
                }
                object_store::Error::InvalidPath { source } => Self::lasting(
                    io::ErrorKind::InvalidData,
                    format!("a key there cannot be a path: {source}"),
                ),
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

/// Waits for the answer to a request, for so long.
pub async fn asked<T>(
    patience: Duration,
    request: impl Future<Output = object_store::Result<T>>,
) -> std::result::Result<(T, Answer), Failure> {
    match answered(timeout(patience, request)).await {
        (Ok(Ok(done)), answer) => Ok((done, answer)),
        (Ok(Err(error)), answer) => Err(Failure::of(&error, &answer)),
        (Err(_), _) => Err(Failure::passing("no answer came in time")),
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
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string().chars().take(SHOWN).collect()
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
    pub in_vain: u32,
}

impl Attempts {
    /// Whether there was one.
    pub fn any(&self) -> bool {
        self.all > 0
    }
}
