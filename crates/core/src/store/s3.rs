//! Requests to S3 that its client does not know: of one version, of tags, of storage classes. They are signed as the client's
//! are, with the same credentials, and go through the same layer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use object_store::CredentialProvider;
use object_store::aws::AwsAuthorizer;
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::path::Path as Key;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::counters::add;
use super::credentials::Chain;
use super::failure::{Attempts, Failure, Waits, asked};
use super::request::Requests;
use crate::{Error, Result};

/// What is encoded in the query of a URL that is signed.
const ENCODED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What is encoded in its path.
const IN_PATH: AsciiSet = ENCODED.remove(b'/');

/// What signs and sends requests for the objects of a bucket.
pub struct S3 {
    pub http: HttpClient,
    /// URL of the bucket, without a slash behind it.
    pub bucket: String,
    pub region: String,
    /// None: requests are not signed.
    pub credentials: Option<Arc<Chain>>,
    pub requester_pays: bool,
}

/// A request for an object.
#[derive(Clone, Debug, Default)]
pub struct Call {
    pub method: Method,
    pub query: Vec<(&'static str, String)>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

/// The body of a good answer.
pub struct Reply(pub String);

/// A key as URLs have it.
pub fn encoded(key: &Key) -> String {
    utf8_percent_encode(key.as_ref(), &IN_PATH).to_string()
}

/// An error of the client's kind.
fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> object_store::Error {
    object_store::Error::Generic {
        store: "S3",
        source: source.into(),
    }
}

impl S3 {
    async fn send(&self, key: &Key, call: &Call) -> object_store::Result<Reply> {
        let mut request = self.request(key, call).map_err(failed)?;
        if let Some(chain) = &self.credentials {
            let credential = chain.get_credential().await?;
            AwsAuthorizer::new(&credential, "s3", &self.region)
                .with_request_payer(self.requester_pays)
                .try_authorize(&mut request, None)?;
        }
        let answer = self.http.execute(request).await.map_err(failed)?;
        let (head, body) = answer.into_parts();
        let body = body.bytes().await.map_err(failed)?;
        let text = String::from_utf8_lossy(&body).into_owned();
        // A copy that takes long begins to answer before it is known whether it ends well.
        if head.status.is_success() && !text.contains("<Error>") {
            return Ok(Reply(text));
        }
        Err(failed(text))
    }

    fn request(&self, key: &Key, call: &Call) -> http::Result<HttpRequest> {
        let mut url = format!("{}/{}", self.bucket, encoded(key));
        for (index, (name, value)) in call.query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            if !value.is_empty() {
                url.push('=');
                url.extend(utf8_percent_encode(value, &ENCODED));
            }
        }
        let mut request = http::Request::builder().method(&call.method).uri(url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        request.body(HttpRequestBody::from(call.body.clone()))
    }
}

/// What is done to an object of S3, as errors tell it.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub requests: Requests<'a>,
    /// Such as "cannot write".
    pub action: &'static str,
}

impl Asking<'_> {
    /// Does a request once, waiting `longer` than usual.
    pub async fn once(&self, call: &Call, longer: Duration) -> std::result::Result<Reply, Failure> {
        let transfers = self.requests.transfers;
        let Some(s3) = &self.requests.client.s3 else {
            let kind = std::io::ErrorKind::Unsupported;
            return Err(Failure::lasting(kind, "only S3 has such requests"));
        };
        let _busy = transfers.connections.take().await;
        let counters = &transfers.counters;
        let is_read = call.method == Method::GET;
        add(
            if is_read {
                &counters.gets
            } else {
                &counters.puts
            },
            1,
        );
        let patience = transfers.settings.timeout + longer;
        let (reply, _) = asked(patience, s3.send(&self.requests.url.key, call)).await?;
        add(&counters.sent_bytes, call.body.len() as u64);
        transfers.connections.good();
        Ok(reply)
    }

    /// Does a request, again when it may help.
    pub async fn ask(&self, call: &Call, what: &str) -> Result<Reply> {
        let mut attempts = Attempts::default();
        loop {
            match self.once(call, Duration::ZERO).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => self.try_again(&mut attempts, failure, what).await?,
            }
        }
    }

    pub async fn try_again(
        &self,
        attempts: &mut Attempts,
        failure: Failure,
        what: &str,
    ) -> Result<()> {
        let waits = Waits {
            transfers: self.requests.transfers,
            action: self.action,
            url: self.requests.url,
        };
        waits.try_again(attempts, failure, what).await
    }

    /// The store's answer was that the object is another one now.
    pub fn changed(&self, how: &str) -> Error {
        Error::Store {
            context: format!("{} {}", self.action, self.requests.url),
            source: std::io::Error::other(format!(
                "it changed since it was looked at ({how}); it was left as it is"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_as_they_are_signed() {
        let key = Key::parse("a b/ü%20~+(1).bam").unwrap();
        assert_eq!(encoded(&key), "a%20b/%C3%BC%2520~%2B%281%29.bam");
    }
}
