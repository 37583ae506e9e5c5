//! The HTTP client of all stores: one pool of connections, rustls over ring.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::StoreError;

/// How long a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the head of an answer may take, and each further piece of its body.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of HTTP and HTTPS.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Http {
    /// With the certificates of the system. Without any, calls over TLS fail and say so.
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.enforce_http(false);
        let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(ring::default_provider());
        let builder = builder.unwrap_or_else(|_| HttpsConnectorBuilder::new().with_tls_config(without_roots()));
        let connector = builder.https_or_http().enable_http1().wrap_connector(connector);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT);
        Self { client: client.build(connector) }
    }

    /// One exchange: the head of the answer, and its body as it comes.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, StoreError> {
        let host = request.uri().host().unwrap_or("the endpoint").to_owned();
        match tokio::time::timeout(ANSWER_TIMEOUT, self.client.request(request)).await {
            Ok(answer) => answer.map_err(|error| StoreError::NoAnswer(format!("{host}: {}", innermost(&error)))),
            Err(_) => Err(StoreError::NoAnswer(format!("{host}: no answer in time"))),
        }
    }
}

/// The next piece of a body.
pub(crate) async fn next_piece(body: &mut Incoming) -> Result<Option<Bytes>, StoreError> {
    loop {
        let frame = tokio::time::timeout(ANSWER_TIMEOUT, body.frame()).await;
        match frame.map_err(|_| StoreError::NoAnswer("the answer does not go on".to_owned()))? {
            None => return Ok(None),
            Some(Err(error)) => return Err(StoreError::NoAnswer(innermost(&error))),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

fn without_roots() -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let builder = builder.expect("ring speaks the usual versions of TLS");
    builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

/// The innermost reason tells most.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The same client for the stores of `object_store`.
#[async_trait]
impl HttpService for Http {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let request = Request::from_parts(parts, Full::new(body));
        let answer = self.send(request).await.map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
        let (parts, body) = answer.into_parts();
        let body = body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error));
        Ok(HttpResponse::from_parts(parts, object_store::client::HttpResponseBody::new(body)))
    }
}

impl object_store::client::HttpConnector for Http {
    fn connect(&self, _: &object_store::ClientOptions) -> object_store::Result<object_store::client::HttpClient> {
        Ok(object_store::client::HttpClient::new(self.clone()))
    }
}
