//! AWS's JSON protocol: an operation is a header, its members are a JSON body, an error says its code in `__type`.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::endpoint::{Answer, Call, Endpoint, NoAnswer};

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Answers of the operations that are called here are short.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A service of this protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    /// Its name in signatures.
    pub(crate) signing_name: &'static str,
    /// What stands before the operation in `x-amz-target`.
    pub(crate) target_prefix: &'static str,
}

/// Calls one service.
pub(crate) struct JsonClient {
    endpoint: Endpoint,
    service: Service,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// There was no answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The service has answered with an error.
    #[error("{code}: {message} (status code {status})")]
    Refused {
        /// Of the answer.
        status: StatusCode,
        /// `__type`, without what stands before a `#`.
        code: String,
        /// `message`.
        message: String,
    },
}

impl CallError {
    /// Whether the same call may be taken later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            CallError::NoAnswer(_) => true,
            CallError::Refused { status, code, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS || code.starts_with("Throttling")
            }
        }
    }

    /// Whether the service has answered with this code.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, CallError::Refused { code, .. } if code == wanted)
    }
}

impl JsonClient {
    pub(crate) fn new(endpoint: Endpoint, service: Service) -> Self {
        Self { endpoint, service }
    }

    /// The endpoint's address.
    pub(crate) fn url(&self) -> &str {
        self.endpoint.url()
    }

    /// Calls an operation; answers the body of what it says. `region`: of the signature, the endpoint's own if it is empty.
    pub(crate) async fn call(&self, operation: &str, region: &str, body: Bytes) -> Result<Bytes, CallError> {
        let target = format!("{}.{operation}", self.service.target_prefix);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert(HeaderName::from_static("x-amz-target"), HeaderValue::from_str(&target).expect("operations are words"));
        let call = Call {
            path: "/".to_owned(),
            headers,
            body,
            service: Some(self.service.signing_name),
            region,
            timeout: TIMEOUT,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let answer = self.endpoint.send(call).await?;
        if answer.status.is_success() { Ok(answer.body) } else { Err(refused(&answer)) }
    }
}

fn refused(answer: &Answer) -> CallError {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let member = |names: [&str; 2]| names.iter().find_map(|name| document.get(name)?.as_str()).map(str::to_owned);
    let header = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let code = member(["__type", "code"]).or_else(|| header.map(str::to_owned)).unwrap_or_default();
    // Some services put a namespace before the code, some a URL behind it.
    let code = code.rsplit('#').next().and_then(|code| code.split(':').next()).unwrap_or_default().to_owned();
    let message = member(["message", "Message"]).unwrap_or_else(|| String::from_utf8_lossy(&answer.body).chars().take(200).collect());
    CallError::Refused { status: answer.status, code, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_with(status: u16, errortype: Option<&'static str>, body: &'static str) -> CallError {
        let headers = errortype.map(|value| (HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(value)));
        let status = StatusCode::from_u16(status).expect("a status");
        refused(&Answer { status, headers: headers.into_iter().collect(), body: Bytes::from_static(body.as_bytes()) })
    }

    #[test]
    fn codes_are_read_where_services_put_them() {
        let expected = "ResourceNotFoundException: no such group (status code 400 Bad Request)";
        let body = r#"{"__type": "com.amazonaws.logs#ResourceNotFoundException", "message": "no such group"}"#;
        assert_eq!(refused_with(400, None, body).to_string(), expected);
        let header = Some("ResourceNotFoundException:http://internal.amazon.com/");
        assert_eq!(refused_with(400, header, r#"{"Message": "no such group"}"#).to_string(), expected);
        assert!(refused_with(400, header, "").is("ResourceNotFoundException"));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert!(refused_with(503, None, "<html>").is_passing());
        assert!(refused_with(429, None, "").is_passing());
        assert!(refused_with(400, None, r#"{"__type": "ThrottlingException"}"#).is_passing());
        assert!(!refused_with(400, None, r#"{"__type": "InvalidParameterException"}"#).is_passing());
        assert!(CallError::NoAnswer(NoAnswer("refused".to_owned())).is_passing());
    }
}
