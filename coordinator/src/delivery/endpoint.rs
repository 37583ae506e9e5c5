//! The endpoint for functions: Lambda's Invoke operation over HTTP.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::request::FunctionCall;
use crate::aws::{Answer, Call, Endpoint, EndpointError, NoAnswer};

/// Lambda answers with 6 MB at most.
const ANSWER_BYTES_MAX: usize = 6 * 1024 * 1024 + 1024;
/// What stands in a path or query as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where functions are called that no worker serves.
pub struct LambdaEndpoint(Endpoint);

impl LambdaEndpoint {
    /// The endpoint at `url`. Credentials come from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; local endpoints take any.
    pub fn new(url: &str, region: &str) -> Result<Self, EndpointError> {
        Endpoint::new(url, region).map(Self)
    }

    /// Invokes the function.
    pub(super) async fn invoke(&self, call: &FunctionCall) -> Result<Answer, NoAnswer> {
        let mut path = format!("/2015-03-31/functions/{}/invocations", utf8_percent_encode(&call.function, PLAIN));
        if let Some(qualifier) = &call.qualifier {
            path.push_str(&format!("?Qualifier={}", utf8_percent_encode(qualifier, PLAIN)));
        }
        let headers = headers(call).map_err(|error| NoAnswer(format!("Unable to execute HTTP request: {error}")))?;
        let call = Call {
            path,
            headers,
            body: call.body.clone(),
            service: Some("lambda"),
            region: &call.region,
            timeout: call.patience(),
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        self.0.send(call).await
    }
}

fn headers(call: &FunctionCall) -> Result<HeaderMap, http::header::InvalidHeaderValue> {
    let mut headers = HeaderMap::new();
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
