//! What a handler is called with, and what it answers.

use std::sync::OnceLock;

use baton_proto::trace::TraceContext;
use baton_proto::worker::v1::Granted;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::logs::{InvocationLog, LogOrigin, LogSender};

/// Most characters of an error name that AWS keeps.
const ERROR_CHARACTERS_MAX: usize = 256;
/// Most characters of a cause that AWS keeps.
const CAUSE_CHARACTERS_MAX: usize = 32_768;

/// One attempt of one task, granted to this worker.
#[derive(Debug)]
pub struct Invocation {
    granted: Granted,
    request_id: OnceLock<String>,
    logs: LogSender,
}

impl Invocation {
    pub(crate) fn new(granted: Granted, logs: LogSender) -> Self {
        Self { granted, request_id: OnceLock::new(), logs }
    }

    /// JSON text that the handler is called with.
    pub fn input(&self) -> &Bytes {
        &self.granted.input
    }

    /// The input, read into a type.
    ///
    /// # Errors
    /// `Runtime.UnmarshalError` when the input does not have the type's form.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, FunctionError> {
        serde_json::from_slice(&self.granted.input)
            .map_err(|error| FunctionError::lambda("Runtime.UnmarshalError", &format!("Unable to unmarshal input: {error}")))
    }

    /// Id of this invocation, Lambda's `aws_request_id`: random, made when first asked for.
    pub fn request_id(&self) -> &str {
        self.request_id.get_or_init(|| uuid::Uuid::new_v4().to_string())
    }

    /// ARN of the function or activity, as the definition names it.
    pub fn resource(&self) -> &str {
        &self.granted.resource
    }

    /// ARN of the execution.
    pub fn execution_arn(&self) -> &str {
        &self.granted.execution_arn
    }

    /// Name of the Task state.
    pub fn state_name(&self) -> &str {
        &self.granted.state_name
    }

    /// 1 for the first attempt of a state entry, one more for each retry.
    pub fn attempt(&self) -> u32 {
        self.granted.attempt
    }

    /// Unix time in milliseconds after which the outcome no longer counts; none if the state has no timeout.
    pub fn deadline_ms(&self) -> Option<i64> {
        Some(self.granted.deadline_ms).filter(|&deadline| deadline != 0)
    }

    /// Base64 JSON of lambda:invoke's `ClientContext`; empty when absent.
    pub fn client_context(&self) -> &str {
        &self.granted.client_context
    }

    /// X-Ray trace header; empty when absent.
    pub fn trace_header(&self) -> &str {
        &self.granted.trace_header
    }

    /// The same trace context as W3C writes it; `None` without a parent.
    pub fn traceparent(&self) -> Option<String> {
        TraceContext::from_xray(&self.granted.trace_header)?.traceparent()
    }

    /// True if the last 4 KB of the log are wanted with the outcome.
    pub fn log_tail_wanted(&self) -> bool {
        self.granted.log_tail
    }

    /// Shows a line with the execution.
    pub fn log(&self, line: &str) {
        self.logs.line(&self.log_origin(resource_name(&self.granted.resource)), line);
    }

    pub(crate) fn open_log(&self, function: &str) -> InvocationLog {
        InvocationLog::new(self.logs.clone(), self.log_origin(function), self.granted.log_tail)
    }

    fn log_origin(&self, function: &str) -> LogOrigin {
        let context = TraceContext::from_xray(&self.granted.trace_header);
        LogOrigin {
            token: self.granted.token.clone(),
            function: function.into(),
            execution: last_part(&self.granted.execution_arn).into(),
            execution_arn: self.granted.execution_arn.as_str().into(),
            trace_id: context.map(|context| format!("{:032x}", context.trace_id)).unwrap_or_default().into(),
        }
    }
}

/// The function's or activity's name in its ARN, without the qualifier that a function's may end with.
fn resource_name(arn: &str) -> &str {
    let function = arn.split_once(":function:").map(|(_, name)| name.split(':').next().unwrap_or(name));
    function.unwrap_or_else(|| last_part(arn))
}

fn last_part(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// What a handler's end comes to: its output, or why there is none, and the end of its log where that was asked for.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) result: Result<Bytes, FunctionError>,
    pub(crate) log_tail: Bytes,
}

impl From<Result<Bytes, FunctionError>> for Completion {
    fn from(result: Result<Bytes, FunctionError>) -> Self {
        Self { result, log_tail: Bytes::new() }
    }
}

/// How an invocation failed: the error name and cause that the state's Retry and Catch see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct FunctionError {
    error: String,
    cause: String,
    function_error: bool,
}

impl FunctionError {
    /// An error name and a cause, as an activity worker gives them to SendTaskFailure.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            error: truncated(error.into(), ERROR_CHARACTERS_MAX),
            cause: truncated(cause.into(), CAUSE_CHARACTERS_MAX),
            function_error: true,
        }
    }

    /// A failure in Lambda's form: the cause is the error payload `{"errorType": …, "errorMessage": …}`.
    pub fn lambda(error_type: &str, error_message: &str) -> Self {
        let payload = serde_json::json!({ "errorType": error_type, "errorMessage": error_message });
        Self::new(error_type, payload.to_string())
    }

    /// The error payload of a function, kept as it was written. Its `errorType` is the error name; `Lambda.Unknown` without one.
    pub fn from_payload(payload: &[u8]) -> Self {
        let error_type = serde_json::from_slice::<serde_json::Value>(payload).ok();
        let error_type = error_type.as_ref().and_then(|payload| payload.get("errorType")?.as_str()).filter(|name| !name.is_empty());
        Self::new(error_type.unwrap_or("Lambda.Unknown"), String::from_utf8_lossy(payload))
    }

    /// The same failure, marked as one in which the handler itself never ran.
    #[must_use]
    pub fn before_handler(self) -> Self {
        Self { function_error: false, ..self }
    }

    /// The error name, at most 256 characters.
    pub fn error(&self) -> &str {
        &self.error
    }

    /// The cause, at most 32,768 characters.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// False when the handler itself never ran.
    pub fn is_function_error(&self) -> bool {
        self.function_error
    }

    pub(crate) fn into_failure(self) -> baton_proto::worker::v1::Failure {
        baton_proto::worker::v1::Failure { error: self.error, cause: self.cause, function_error: self.function_error }
    }
}

fn truncated(mut text: String, characters_max: usize) -> String {
    // The byte length is never below the character count, so short texts need no count.
    if text.len() > characters_max
        && let Some((end, _)) = text.char_indices().nth(characters_max)
    {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_keep_their_text_and_name_the_error() {
        let payload = r#"{"errorMessage": "no", "errorType": "Declined", "stackTrace": []}"#;
        let failure = FunctionError::from_payload(payload.as_bytes());
        assert_eq!((failure.error(), failure.cause()), ("Declined", payload));
        for without in ["{}", r#"{"errorType": 3}"#, "not JSON", ""] {
            assert_eq!(FunctionError::from_payload(without.as_bytes()).error(), "Lambda.Unknown", "{without}");
        }
    }

    #[test]
    fn names_and_causes_are_cut_at_awss_limits_between_characters() {
        let failure = FunctionError::new("é".repeat(300), "ü".repeat(40_000));
        assert_eq!(failure.error().chars().count(), 256);
        assert_eq!(failure.cause().chars().count(), 32_768);
    }
}
