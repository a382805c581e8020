//! Clients of object stores, one for each bucket. They send each request once: retries are ours, so that they are counted,
//! bounded and told.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, Checksum, resolve_bucket_region};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::HttpConnector;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::memory::InMemory;
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::connector::Connector;
use super::credentials::{self, Chain};
use super::location::{Kind, ObjectUrl};
use super::s3::S3;
use super::settings::TransferSettings;
use super::waiting::lock;
use crate::{Error, Result};

/// A bucket's client.
pub struct Client {
    pub store: Arc<dyn ObjectStore>,
    /// The same, for uploads in parts; none where they cannot be.
    pub parts: Option<Arc<dyn MultipartStore>>,
    /// Requests that the client does not know; only of S3.
    pub s3: Option<S3>,
}

impl Client {
    fn of<T: ObjectStore + MultipartStore>(store: T) -> Self {
        let store = Arc::new(store);
        Self {
            store: store.clone(),
            parts: Some(store),
            s3: None,
        }
    }
}

/// What a client is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Reading, and writing whatever is there.
    Usual,
    /// Writing a new object, and not over another.
    Creating,
    /// Asking for checksums.
    Checking,
}

static MEMORY: LazyLock<Mutex<HashMap<String, Arc<InMemory>>>> = LazyLock::new(Mutex::default);

/// Makes a client for the store of `url`.
pub async fn connect(
    url: &ObjectUrl,
    settings: &TransferSettings,
    purpose: Purpose,
) -> Result<Client> {
    let connector = Connector {
        query: url.query.clone(),
        unless_exists: match (purpose, url.kind) {
            (Purpose::Creating, Kind::S3) => Some(("if-none-match", "*")),
            (Purpose::Creating, Kind::Gcs) => Some(("x-goog-if-generation-match", "0")),
            _ => None,
        },
    };
    let failed = |error: object_store::Error| {
        Error::Invalid(format!(
            "{url}: no client can be made for its store: {error}"
        ))
    };
    match url.kind {
        Kind::S3 => s3(url, settings, purpose, connector).await,
        Kind::Gcs => {
            let builder = GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(&url.bucket)
                .with_skip_signature(settings.anonymous)
                // Google's own is https; another one is of a test.
                .with_client_options(options(settings).with_allow_http(true))
                .with_retry(once())
                .with_http_connector(connector);
            builder.build().map(Client::of).map_err(failed)
        }
        Kind::Azure => {
            let mut builder = MicrosoftAzureBuilder::from_env()
                .with_container_name(&url.bucket)
                .with_skip_signature(settings.anonymous)
                .with_client_options(options(settings).with_allow_http(true))
                .with_retry(once())
                .with_http_connector(connector);
            if let Some(account) = &url.account {
                builder = builder.with_account(account);
            }
            builder.build().map(Client::of).map_err(failed)
        }
        Kind::Http => {
            let builder = HttpBuilder::new()
                .with_url(&url.bucket)
                .with_client_options(options(settings).with_allow_http(true))
                .with_retry(once())
                .with_http_connector(connector);
            let store = builder.build().map_err(failed)?;
            Ok(Client {
                store: Arc::new(store),
                parts: None,
                s3: None,
            })
        }
        Kind::Memory => {
            let mut buckets = lock(&MEMORY);
            let store = buckets.entry(url.bucket.clone()).or_default().clone();
            Ok(Client {
                store: store.clone(),
                parts: Some(store),
                s3: None,
            })
        }
    }
}

async fn s3(
    url: &ObjectUrl,
    settings: &TransferSettings,
    purpose: Purpose,
    connector: Connector,
) -> Result<Client> {
    let config = credentials::aws().await;
    let endpoint = std::env::var("AWS_ENDPOINT_URL_S3")
        .ok()
        .filter(|endpoint| !endpoint.is_empty())
        .or_else(|| config.endpoint_url().map(ToOwned::to_owned));
    let mut options = options(settings);
    if purpose == Purpose::Checking {
        let name = http::HeaderName::from_static("x-amz-checksum-mode");
        let value = http::HeaderValue::from_static("ENABLED");
        options = options.with_default_headers(http::HeaderMap::from_iter([(name, value)]));
    }
    let region = match config.region() {
        Some(region) => region.to_string(),
        // Only AWS itself can be asked, and every bucket there has one.
        None if endpoint.is_none() => resolve_bucket_region(&url.bucket, &options)
            .await
            .unwrap_or_else(|_| "us-east-1".to_owned()),
        None => "us-east-1".to_owned(),
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&url.bucket)
        .with_region(&region)
        .with_retry(once())
        .with_checksum_algorithm(Checksum::CRC64NVME)
        .with_request_payer(settings.requester_pays)
        .with_http_connector(connector.clone());
    let (endpoint, is_virtual) = match endpoint {
        Some(endpoint) => {
            options = options.with_allow_http(endpoint.starts_with("http://"));
            (endpoint.trim_end_matches('/').to_owned(), false)
        }
        None => endpoint_of_aws(&url.bucket, &region),
    };
    let bucket = if is_virtual {
        endpoint.clone()
    } else {
        format!("{endpoint}/{}", url.bucket)
    };
    builder = builder
        .with_endpoint(endpoint)
        .with_virtual_hosted_style_request(is_virtual);
    builder = builder.with_client_options(options.clone());
    let credentials = Chain::of(&config).filter(|_| !settings.anonymous);
    let credentials = credentials.map(Arc::new);
    builder = match &credentials {
        Some(chain) => builder.with_credentials(chain.clone()),
        None => builder.with_skip_signature(true),
    };
    let made = builder.build().and_then(|store| {
        let s3 = S3 {
            http: connector.connect(&options)?,
            bucket,
            region,
            credentials,
            requester_pays: settings.requester_pays,
        };
        Ok(Client {
            s3: Some(s3),
            ..Client::of(store)
        })
    });
    made.map_err(|error| {
        Error::Invalid(format!(
            "{url}: no client can be made for its store: {error}"
        ))
    })
}

/// Where AWS itself has a bucket, and whether it is a machine of its own there: a certificate of AWS is for one name below
/// its own, so a bucket with dots in its name is none.
fn endpoint_of_aws(bucket: &str, region: &str) -> (String, bool) {
    // The regions of China are another company's.
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    if bucket.contains('.') {
        (format!("https://s3.{region}.{domain}"), false)
    } else {
        (format!("https://{bucket}.s3.{region}.{domain}"), true)
    }
}

/// Time-outs are ours too: an answer may take long as long as it goes on.
fn options(settings: &TransferSettings) -> ClientOptions {
    ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(settings.timeout.min(Duration::from_secs(10)))
        .with_pool_max_idle_per_host(settings.connections)
}

fn once() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 0,
        retry_timeout: Duration::from_secs(180),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_of_aws_are_found_in_every_partition() {
        let found = |bucket, region| endpoint_of_aws(bucket, region);
        let own = |url: &str| (url.to_owned(), true);
        let shared = |url: &str| (url.to_owned(), false);
        assert_eq!(
            found("reads", "eu-west-2"),
            own("https://reads.s3.eu-west-2.amazonaws.com")
        );
        assert_eq!(
            found("reads", "us-gov-west-1"),
            own("https://reads.s3.us-gov-west-1.amazonaws.com")
        );
        assert_eq!(
            found("reads", "cn-north-1"),
            own("https://reads.s3.cn-north-1.amazonaws.com.cn")
        );
        assert_eq!(
            found("a.b", "cn-north-1"),
            shared("https://s3.cn-north-1.amazonaws.com.cn")
        );
    }
}
