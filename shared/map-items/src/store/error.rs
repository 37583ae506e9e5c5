//! Why a store did not do what it was asked.

use http::StatusCode;

/// What a store answered, or that it did not.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// S3 has refused. The text is the one that AWS shows for errors of S3.
    #[error("{message} (Service: S3, Status Code: {}, Request ID: {request_id}, Extended Request ID: {extended_request_id})", status.as_u16())]
    S3 { status: StatusCode, code: String, message: String, request_id: String, extended_request_id: String },
    /// Another store has refused, or does not answer.
    #[error("{message}")]
    Elsewhere { message: String, passing: bool },
    /// There was no answer, or half of one.
    #[error("Unable to execute HTTP request: {0}")]
    NoAnswer(String),
    /// The answer is not one that can be understood.
    #[error("Unable to unmarshall response: {0}")]
    Unreadable(String),
    /// It is not the object any more that reading has begun with.
    #[error("The object '{key}' has changed since it was read first: its ETag was {was} and is {is}.")]
    Changed { key: String, was: String, is: String },
    /// The configuration does not allow the place.
    #[error("{0}")]
    NotAllowed(String),
}

impl StoreError {
    /// Whether the same call may succeed a little later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            StoreError::NoAnswer(_) => true,
            StoreError::Elsewhere { passing, .. } => *passing,
            StoreError::S3 { status, code, .. } => {
                status.is_server_error()
                    || *status == StatusCode::TOO_MANY_REQUESTS
                    || matches!(code.as_str(), "SlowDown" | "RequestTimeout" | "InternalError" | "Throttling" | "OperationAborted")
            }
            StoreError::Unreadable(_) | StoreError::Changed { .. } | StoreError::NotAllowed(_) => false,
        }
    }

    /// Whether S3 has answered with this code.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, StoreError::S3 { code, .. } if code == wanted)
    }

    /// Whether S3 said that the object is not the one of the condition.
    pub(crate) fn is_precondition(&self) -> bool {
        matches!(self, StoreError::S3 { status, .. } if *status == StatusCode::PRECONDITION_FAILED)
    }
}
