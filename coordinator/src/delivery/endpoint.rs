//! The endpoint for functions: Lambda's Invoke operation over HTTP, signed with SigV4.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::request::FunctionCall;

/// Lambda answers with 6 MB at most.
const ANSWER_BYTES_MAX: usize = 6 * 1024 * 1024 + 1024;
/// What stands in a path or query as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where functions are called that no worker serves.
pub struct LambdaEndpoint {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    authority: HeaderValue,
    credentials: Credentials,
    /// Of the signature, when the execution's ARN has none.
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

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(super) struct NoAnswer(pub(super) String);

impl LambdaEndpoint {
    /// The endpoint at `url`. Credentials come from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; local endpoints take any.
    pub fn new(url: &str, region: &str) -> Result<Self, EndpointError> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let access_key = variable("AWS_ACCESS_KEY_ID").unwrap_or_else(|| "test".to_owned());
        let secret = variable("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|| "test".to_owned());
        let credentials = Credentials::new(access_key, secret, variable("AWS_SESSION_TOKEN"), None, "environment");
        Self::with_credentials(url, region, credentials)
    }

    /// As [`new`](Self::new), with these credentials.
    pub fn with_credentials(url: &str, region: &str, credentials: Credentials) -> Result<Self, EndpointError> {
        let not_an_address = || EndpointError::NotAnAddress(url.to_owned());
        let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| not_an_address())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(EndpointError::NotHttp(url.to_owned())),
            Some(_) | None => return Err(not_an_address()),
        }
        let authority = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok()).ok_or_else(not_an_address)?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, base: url.trim_end_matches('/').to_owned(), authority, credentials, region: region.to_owned() })
    }

    /// Invokes the function.
    pub(super) async fn invoke(&self, call: &FunctionCall) -> Result<Answer, NoAnswer> {
        let request = self.request(call)?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| self.no_answer(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| self.no_answer(&*error))?;
            Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
        };
        let timed_out = || NoAnswer(format!("Unable to execute HTTP request: {}: no answer in time", self.host()));
        tokio::time::timeout(call.patience(), exchange).await.unwrap_or_else(|_| Err(timed_out()))
    }

    fn request(&self, call: &FunctionCall) -> Result<Request<Full<Bytes>>, NoAnswer> {
        let unfit = |error: &dyn std::fmt::Display| NoAnswer(format!("Unable to execute HTTP request: {error}"));
        let mut url = format!("{}/2015-03-31/functions/{}/invocations", self.base, utf8_percent_encode(&call.function, PLAIN));
        if let Some(qualifier) = &call.qualifier {
            url.push_str(&format!("?Qualifier={}", utf8_percent_encode(qualifier, PLAIN)));
        }
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.parse().map_err(|error| unfit(&error))?;
        *request.headers_mut() = self.headers(call).map_err(|error| unfit(&error))?;
        self.sign(&mut request, call).map_err(|error| unfit(&error))?;
        Ok(request)
    }

    fn headers(&self, call: &FunctionCall) -> Result<HeaderMap, http::header::InvalidHeaderValue> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, self.authority.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut set = |name: &'static str, value: &str| -> Result<(), http::header::InvalidHeaderValue> {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
            Ok(())
        };
        set("x-amz-invocation-type", call.invocation_type.name())?;
        if call.log_tail {
            set("x-amz-log-type", "Tail")?;
        }
        if let Some(context) = &call.client_context {
            set("x-amz-client-context", context)?;
        }
        if let Some(trace) = &call.trace_header {
            set("x-amzn-trace-id", trace)?;
        }
        Ok(headers)
    }

    fn sign(&self, request: &mut Request<Full<Bytes>>, call: &FunctionCall) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let identity = self.credentials.clone().into();
        let region = if call.region.is_empty() { &self.region } else { &call.region };
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name("lambda")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers: Vec<(String, String)> =
            request.headers().iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new("POST", request.uri().to_string(), headers, SignableBody::Bytes(&call.body))?;
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
