//! An endpoint: where it is, who calls it, and one signed exchange with it.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// An address that calls go to, with the credentials that sign them.
pub(crate) struct Endpoint {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    authority: HeaderValue,
    credentials: Credentials,
    /// Of the signature, when a call names none.
    region: String,
}

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It is not an address.
    #[error("'{0}' is not an address of the form http://host:port")]
    NotAnAddress(String),
    /// It wants TLS.
    #[error("'{0}': only http:// addresses can be called")]
    NotHttp(String),
}

/// One call: a POST.
pub(crate) struct Call<'a> {
    /// Path and query below the endpoint's address, with the slash in front; empty for that address itself.
    pub(crate) path: String,
    /// Headers beside `host` and those of the signature.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Name of the service in the signature; `None` for whoever is no AWS service, whose calls are not signed.
    pub(crate) service: Option<&'a str>,
    /// Region of the signature; the endpoint's if it is empty.
    pub(crate) region: &'a str,
    pub(crate) timeout: Duration,
    /// Longest body of an answer that is read.
    pub(crate) answer_bytes_max: usize,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer, as the SDKs say it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoAnswer(pub(crate) String);

impl Endpoint {
    /// The endpoint at `url`. Credentials come from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; local endpoints
    /// take any.
    pub(crate) fn new(url: &str, region: &str) -> Result<Self, EndpointError> {
        let authority = check_url(url)?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, base: url.to_owned(), authority, credentials: credentials(), region: region.to_owned() })
    }

    /// The address as it was given.
    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    /// One exchange.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer, NoAnswer> {
        let (timeout, answer_bytes_max) = (call.timeout, call.answer_bytes_max);
        let request = self.request(call)?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| self.no_answer(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, answer_bytes_max).collect().await.map_err(|error| self.no_answer(&*error))?;
            Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
        };
        let timed_out = || NoAnswer(format!("Unable to execute HTTP request: {}: no answer in time", self.host()));
        tokio::time::timeout(timeout, exchange).await.unwrap_or_else(|_| Err(timed_out()))
    }

    fn request(&self, call: Call<'_>) -> Result<Request<Full<Bytes>>, NoAnswer> {
        let unfit = |error: &dyn std::fmt::Display| NoAnswer(format!("Unable to execute HTTP request: {error}"));
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = Method::POST;
        let url = if call.path.is_empty() { self.base.clone() } else { format!("{}{}", self.base.trim_end_matches('/'), call.path) };
        *request.uri_mut() = url.parse().map_err(|error| unfit(&error))?;
        *request.headers_mut() = call.headers;
        request.headers_mut().insert(HOST, self.authority.clone());
        if let Some(service) = call.service {
            let region = if call.region.is_empty() { &self.region } else { call.region };
            self.sign(&mut request, &call.body, service, region).map_err(|error| unfit(&error))?;
        }
        Ok(request)
    }

    fn sign(
        &self,
        request: &mut Request<Full<Bytes>>,
        body: &Bytes,
        service: &str,
        region: &str,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers: Vec<(String, String)> =
            request.headers().iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new("POST", request.uri().to_string(), headers, SignableBody::Bytes(body))?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }

    fn host(&self) -> &str {
        self.authority.to_str().unwrap_or("the endpoint")
    }

    /// As the SDKs say it: the innermost reason tells most.
    fn no_answer(&self, error: &dyn std::error::Error) -> NoAnswer {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        NoAnswer(format!("Unable to execute HTTP request: {}: {innermost}", self.host()))
    }
}

/// Host and port of an address that can be called.
pub(crate) fn check_url(url: &str) -> Result<HeaderValue, EndpointError> {
    let not_an_address = || EndpointError::NotAnAddress(url.to_owned());
    let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| not_an_address())?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => return Err(EndpointError::NotHttp(url.to_owned())),
        Some(_) | None => return Err(not_an_address()),
    }
    uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok()).ok_or_else(not_an_address)
}

fn credentials() -> Credentials {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let access_key = variable("AWS_ACCESS_KEY_ID").unwrap_or_else(|| "test".to_owned());
    let secret = variable("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|| "test".to_owned());
    Credentials::new(access_key, secret, variable("AWS_SESSION_TOKEN"), None, "environment")
}
