//! Tags and storage classes of objects of S3 that are there already.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::Method;
use md5::{Digest, Md5};

use super::failure::Attempts;
use super::location::{Kind, Location, ObjectUrl};
use super::s3::{Asking, Call, encoded};
use super::sending::base64;
use super::state::State;
use super::tagging;
use super::waiting::on_object;
use crate::{Error, Result};

/// Most tags that S3 keeps of an object.
const MOST_TAGS: usize = 10;

/// Longest object that S3 copies in one request.
const LONGEST_COPY: u64 = 5 << 30;

/// Bytes a second below which a copy counts as having stopped.
const SLOWEST_COPY: u64 = 5 << 20;

/// Headers that say how an object is encrypted: a copy keeps that only if it is asked to.
const ENCRYPTION: [&str; 3] = [
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
];

/// Gives the object at `location` these tags besides those that it has.
///
/// # Errors
/// [`Error::Unsupported`] where it is not in S3; [`Error::Invalid`] when it would have more tags than S3 keeps;
/// [`Error::Store`].
pub fn tag(location: &Location, tags: &BTreeMap<String, String>) -> Result<()> {
    let remedy = "leave them out, or keep the object in S3";
    let url = of_s3(location, "tags", remedy)?;
    on_object(url, &AtomicBool::new(false), async |requests| {
        let action = "cannot tag";
        let asking = Asking { requests, action };
        let call = Call {
            query: vec![("tagging", String::new())],
            ..Call::default()
        };
        let reply = asking.ask(&call, "the tags that it has").await?;
        let known = tagging::read(&reply.0);
        let mut all = known.clone();
        all.extend(tags.clone());
        if all == known {
            return Ok(());
        }
        if all.len() > MOST_TAGS {
            let names: Vec<&str> = all.keys().map(String::as_str).collect();
            return Err(Error::Invalid(format!(
                "{url}: would have {} tags ({}), and S3 keeps {MOST_TAGS} of an object",
                all.len(),
                names.join(", ")
            )));
        }
        let body = tagging::written(&all);
        let digest: [u8; 16] = Md5::digest(body.as_bytes()).into();
        let call = Call {
            method: Method::PUT,
            query: vec![("tagging", String::new())],
            headers: vec![
                ("content-md5", base64(&digest)),
                ("content-type", "application/xml".to_owned()),
            ],
            body: body.into(),
        };
        asking.ask(&call, "its tags").await.map(drop)
    })
}

/// Moves the object at `location` to another storage class, by copying it onto itself in its store.
///
/// # Errors
/// [`Error::Unsupported`] where it is not in S3; [`Error::Invalid`] when it is too long for that; [`Error::Store`], also when
/// it has changed meanwhile.
pub fn storage_class(location: &Location, class: &str) -> Result<()> {
    let remedy = "let rules of the store move it";
    let url = of_s3(location, "storage classes", remedy)?;
    on_object(url, &AtomicBool::new(false), async |requests| {
        let action = "cannot change the storage class of";
        let asking = Asking { requests, action };
        let (pin, headers) = asking.requests.facts().await?;
        let state = State::of_object(url.kind, &pin, &headers);
        if is_in(&state, class) {
            return Ok(());
        }
        if state.length > LONGEST_COPY {
            return Err(Error::Invalid(format!(
                "{url}: has {} bytes, and S3 copies 5 GiB at most: tag it, and let a lifecycle rule of the bucket for that tag move it",
                state.length
            )));
        }
        // Its newest version, and that on a condition: an older one must not come before what was written meanwhile.
        let source = format!("/{}/{}", url.bucket, encoded(&url.key));
        let mut call = Call {
            method: Method::PUT,
            headers: vec![
                ("x-amz-copy-source", source),
                ("x-amz-metadata-directive", "COPY".to_owned()),
                ("x-amz-tagging-directive", "COPY".to_owned()),
                ("x-amz-storage-class", class.to_owned()),
            ],
            ..Call::default()
        };
        if let Some(etag) = pin.condition() {
            call.headers.push(("x-amz-copy-source-if-match", etag));
        }
        for name in ENCRYPTION {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            call.headers
                .extend(value.map(|value| (name, value.to_owned())));
        }
        copy(asking, &call, &state, class).await
    })
}

/// Copies an object onto itself. An answer that is lost does not tell whether that was done, so what stands there is looked at.
async fn copy(asking: Asking<'_>, call: &Call, state: &State, class: &str) -> Result<()> {
    let longer = Duration::from_secs(state.length / SLOWEST_COPY);
    let mut attempts = Attempts::default();
    loop {
        let Err(failure) = asking.once(call, longer).await else {
            return Ok(());
        };
        if failure.is_unmet() || attempts.any() {
            let (pin, headers) = asking.requests.facts().await?;
            let now = State::of_object(asking.requests.url.kind, &pin, &headers);
            if attempts.any() && now.length == state.length && is_in(&now, class) {
                return Ok(());
            }
        }
        if failure.is_unmet() {
            return Err(asking.changed("the store refused"));
        }
        let what = "the copy";
        asking.try_again(&mut attempts, failure, what).await?;
    }
}

/// Whether an object is in a class. S3 does not say the usual one.
fn is_in(state: &State, class: &str) -> bool {
    state.storage_class.as_deref().unwrap_or("STANDARD") == class
}

/// The URL of an object of S3.
fn of_s3<'a>(location: &'a Location, what: &str, remedy: &str) -> Result<&'a ObjectUrl> {
    match location {
        Location::Url(url) if url.kind == Kind::S3 => Ok(url),
        other => Err(Error::Unsupported(format!(
            "{other}: {what} are of objects in S3: {remedy}"
        ))),
    }
}
