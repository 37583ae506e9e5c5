//! Errors as S3 answers them.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::store::StoreError;

/// The body of a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ErrorBody {
    code: String,
    message: String,
    request_id: String,
    host_id: String,
}

/// The error that a body says, if it says one.
pub(crate) fn error(text: &str) -> Option<ErrorBody> {
    let head = text.get(..text.len().min(200)).unwrap_or(text);
    if !head.contains("<Error>") {
        return None;
    }
    quick_xml::de::from_str(text).ok()
}

impl ErrorBody {
    /// As an error of a call. Codes of an error inside a success decide about trying again, too.
    pub(crate) fn of(self, status: StatusCode, headers: &HeaderMap) -> StoreError {
        let header = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok()).map(str::to_owned);
        let or = |text: String, other: String| if text.is_empty() { other } else { text };
        let reason = status.canonical_reason().unwrap_or("Unknown").to_owned();
        StoreError::S3 {
            status,
            message: or(self.message, reason),
            code: self.code,
            request_id: or(self.request_id, header("x-amz-request-id").unwrap_or_default()),
            extended_request_id: or(self.host_id, header("x-amz-id-2").unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_aws_shows_them() {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message>\
            <BucketName>b</BucketName><RequestId>R1</RequestId><HostId>H1</HostId></Error>";
        let error = error(body).expect("an error").of(StatusCode::NOT_FOUND, &HeaderMap::new());
        let expected = "The specified bucket does not exist (Service: S3, Status Code: 404, Request ID: R1, Extended Request ID: H1)";
        assert_eq!(error.to_string(), expected);
        assert!(!error.is_passing());
        assert!(super::error("<ListBucketResult/>").is_none());
    }

    #[test]
    fn what_may_pass_is_told_from_what_stays() {
        let error = |code: &str, status| ErrorBody { code: code.to_owned(), ..ErrorBody::default() }.of(status, &HeaderMap::new());
        assert!(error("SlowDown", StatusCode::SERVICE_UNAVAILABLE).is_passing());
        assert!(error("InternalError", StatusCode::OK).is_passing());
        assert!(!error("AccessDenied", StatusCode::FORBIDDEN).is_passing());
        assert!(error("PreconditionFailed", StatusCode::PRECONDITION_FAILED).is_precondition());
    }
}
