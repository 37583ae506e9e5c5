//! The error payloads that Lambda itself writes, and its bounds on payloads.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;

use crate::invocation::FunctionError;

/// Largest answer of a function in bytes, Lambda's bound for synchronous invocations.
pub(crate) const RESPONSE_BYTES_MAX: usize = 6_291_556;

/// The function did not answer within its timeout.
pub(crate) fn timed_out(request_id: &str, timeout: Duration) -> FunctionError {
    of_request("Sandbox.Timedout", request_id, &format!("Task timed out after {:.2} seconds", timeout.as_secs_f64()))
}

/// The function's process ended instead of answering.
pub(crate) fn exited(request_id: &str, status: ExitStatus) -> FunctionError {
    let reason = match (status.code(), status.signal()) {
        (Some(0), _) | (None, None) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => format!(
            "Runtime exited with error: signal: {}{}",
            signal_name(signal),
            if status.core_dumped() { " (core dumped)" } else { "" }
        ),
    };
    of_request("Runtime.ExitError", request_id, &reason)
}

/// The function's process cannot be started at all.
pub(crate) fn cannot_start(request_id: &str, reason: &str) -> FunctionError {
    of_request("Runtime.InvalidEntrypoint", request_id, reason).before_handler()
}

fn of_request(error: &str, request_id: &str, reason: &str) -> FunctionError {
    FunctionError::lambda(error, &format!("RequestId: {request_id} Error: {reason}"))
}

/// The answer is larger than Lambda lets through.
pub(crate) fn too_large() -> FunctionError {
    FunctionError::lambda(
        "Function.ResponseSizeTooLarge",
        &format!("Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."),
    )
}

/// An answer that must be JSON; nothing at all stands for `null`.
pub(crate) fn checked(answer: Bytes) -> Result<Bytes, FunctionError> {
    if answer.iter().all(u8::is_ascii_whitespace) {
        return Ok(Bytes::from_static(b"null"));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&answer) {
        Ok(_) => Ok(answer),
        Err(error) => {
            Err(FunctionError::lambda("Runtime.MarshalError", &format!("Unable to marshal response: the answer is not JSON: {error}")))
        }
    }
}

fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup".to_owned(),
        2 => "interrupt".to_owned(),
        3 => "quit".to_owned(),
        4 => "illegal instruction".to_owned(),
        6 => "aborted".to_owned(),
        7 => "bus error".to_owned(),
        8 => "floating point exception".to_owned(),
        9 => "killed".to_owned(),
        11 => "segmentation fault".to_owned(),
        13 => "broken pipe".to_owned(),
        14 => "alarm clock".to_owned(),
        15 => "terminated".to_owned(),
        other => format!("signal {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_lambdas() {
        assert_eq!(
            timed_out("r-1", Duration::from_secs(3)).cause(),
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r-1 Error: Task timed out after 3.00 seconds"}"#
        );
        for (raw, reason) in [
            (0x0100, "Runtime exited with error: exit status 1"),
            (0, "Runtime exited without providing a reason"),
            (9, "Runtime exited with error: signal: killed"),
            (0x80 | 11, "Runtime exited with error: signal: segmentation fault (core dumped)"),
        ] {
            let cause = format!(r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r-1 Error: {reason}"}}"#);
            assert_eq!(exited("r-1", ExitStatus::from_raw(raw)).cause(), cause);
        }
    }

    #[test]
    fn answers_must_be_json_and_an_empty_one_is_null() {
        assert_eq!(checked(Bytes::from_static(b"{\"a\": [1, 2]}")), Ok(Bytes::from_static(b"{\"a\": [1, 2]}")));
        assert_eq!(checked(Bytes::from_static(b" \n")), Ok(Bytes::from_static(b"null")));
        for wrong in ["NaN", "{", "{} {}", "\u{1}"] {
            assert_eq!(checked(Bytes::from(wrong)).expect_err(wrong).error(), "Runtime.MarshalError");
        }
    }
}
