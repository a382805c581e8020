//! The layer under every store's client at which requests and answers can be seen: what a server said is needed for
//! telling failures apart, and some requests need a header or a query that the clients do not know.

use std::cell::RefCell;

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};

/// What a server answered last to the task at hand.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Status of the answer; none when there was none.
    pub status: Option<u16>,
    /// Its headers.
    pub headers: http::HeaderMap,
}

tokio::task_local! {
    static ANSWER: RefCell<Answer>;
    static CONDITION: (&'static str, http::HeaderValue);
}

/// Runs a request with a header that its client does not know.
pub async fn with_header<F: Future>(
    name: &'static str,
    value: http::HeaderValue,
    request: F,
) -> F::Output {
    CONDITION.scope((name, value), request).await
}

/// Runs a request and tells what the server answered to it.
pub async fn answered<F: Future>(request: F) -> (F::Output, Answer) {
    ANSWER
        .scope(RefCell::default(), async {
            let output = request.await;
            (output, ANSWER.with(RefCell::take))
        })
        .await
}

/// Makes clients that note answers, and change requests as they are told.
#[derive(Clone, Debug, Default)]
pub struct Connector {
    /// Query of every request: the signature in a web server's URL.
    pub query: Option<String>,
    /// Header of the request that ends a multipart upload: no other object may stand there.
    pub unless_exists: Option<(&'static str, &'static str)>,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Service {
            inner,
            connector: self.clone(),
        }))
    }
}

#[derive(Debug)]
struct Service {
    inner: HttpClient,
    connector: Connector,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if let Some(query) = &self.connector.query {
            let path = format!("{}?{query}", request.uri().path());
            let mut parts = request.uri().clone().into_parts();
            let path = http::uri::PathAndQuery::try_from(path);
            parts.path_and_query =
                Some(path.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?);
            let uri = http::Uri::from_parts(parts);
            *request.uri_mut() =
                uri.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        }
        if let Some((name, value)) = self.connector.unless_exists
            && ends_upload(&request)
        {
            let value = http::HeaderValue::from_static(value);
            request.headers_mut().insert(name, value);
        }
        let _ = CONDITION.try_with(|(name, value)| {
            request.headers_mut().insert(*name, value.clone());
        });
        let response = self.inner.execute(request).await?;
        // Not every request is made for an answer that somebody waits for.
        let _ = ANSWER.try_with(|answer| {
            *answer.borrow_mut() = Answer {
                status: Some(response.status().as_u16()),
                headers: response.headers().clone(),
            };
        });
        Ok(response)
    }
}

/// Whether a request puts the parts of an upload together: `POST ?uploadId=`.
fn ends_upload(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == http::Method::POST
        && query.split('&').any(|pair| pair.starts_with("uploadId="))
}
