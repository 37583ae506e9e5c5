//! StartSyncExecution.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalog::MachineType;
use crate::cluster::ExpressEnd;

use super::constraint::Constraints;
use super::epoch::EpochSeconds;
use super::execution::{self, DataDetails, INCLUDED_DATA};
use super::start::{StartMembers, StartRequest};
use super::{Api, ApiError, Call, json};

/// How long an execution may go on when the server goes away.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);
/// What the caller is told of one that has not ended by then.
const CLOSING: &str = "The server is going away. The execution had not ended, its result is lost, and it is not run again.";
/// Time is billed in steps of so many milliseconds.
const BILLED_MS: i64 = 100;
/// Memory is billed in steps of so many megabytes.
const BILLED_MB: usize = 64;
const MB: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    #[serde(flatten)]
    start: StartMembers,
    included_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    execution_arn: &'a str,
    state_machine_arn: &'a str,
    name: &'a str,
    start_date: EpochSeconds,
    stop_date: EpochSeconds,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    input_details: DataDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    output_details: DataDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_header: Option<&'a str>,
    billing_details: BillingDetails,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct BillingDetails {
    #[serde(rename = "billedMemoryUsedInMB")]
    billed_memory_used_in_mb: usize,
    billed_duration_in_milliseconds: i64,
}

/// The answer, as text, since it borrows from the execution. An execution that has failed is a success of the call.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let start = StartRequest::read(api, call, request.start, &mut check);
    let included = check.one_of("includedData", request.included_data.as_deref(), &INCLUDED_DATA);
    check.done()?;
    let target = start.target(api)?;
    if target.machine.machine_type == MachineType::Standard {
        return Err(ApiError::StateMachineTypeNotSupported);
    }
    let start = start.into_start(api, &target).await?;
    let end = tokio::select! {
        end = api.cluster().start_sync(start) => end?,
        () = patience(api) => return Err(ApiError::ServiceUnavailable(CLOSING.to_owned())),
    };
    let definition_bytes = target.revision.record.content.definition.len();
    Ok(json(&Response::of(&end, definition_bytes, included.unwrap_or(true))))
}

/// Over some time after the server begins to go away.
pub(super) async fn patience(api: &Api) {
    api.closing().cancelled().await;
    tokio::time::sleep(CLOSING_TIMEOUT).await;
}

impl<'a> Response<'a> {
    fn of(end: &'a ExpressEnd, definition_bytes: usize, included: bool) -> Self {
        let ExpressEnd { record, payload_bytes_max } = end;
        let (start, failure) = (&*record.start, record.failure.as_ref());
        let stop_at = record.stop_at.unwrap_or(start.at);
        Self {
            execution_arn: &start.execution_arn,
            state_machine_arn: &start.state_machine_arn,
            name: &start.name,
            start_date: EpochSeconds(start.at),
            stop_date: EpochSeconds(stop_at),
            status: execution::status_name(record.status),
            error: failure.and_then(|failure| failure.error.as_deref()),
            cause: failure.and_then(|failure| failure.cause.as_deref()),
            input: included.then(|| start.input.text()),
            input_details: DataDetails { included },
            output: record.output.as_ref().map(|output| output.text()).filter(|_| included),
            // Recorded also where there is no output.
            output_details: DataDetails { included },
            trace_header: start.trace_header.as_deref(),
            billing_details: BillingDetails::of(definition_bytes + payload_bytes_max, stop_at - start.at),
        }
    }
}

impl BillingDetails {
    /// Both are rounded up, and at least one step.
    fn of(memory_bytes: usize, duration_ms: i64) -> Self {
        Self {
            billed_memory_used_in_mb: memory_bytes.div_ceil(BILLED_MB * MB).max(1) * BILLED_MB,
            billed_duration_in_milliseconds: ((duration_ms + BILLED_MS - 1) / BILLED_MS).max(1) * BILLED_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_memory_are_billed_in_whole_steps() {
        let billed = |bytes, ms| {
            let BillingDetails { billed_memory_used_in_mb, billed_duration_in_milliseconds } = BillingDetails::of(bytes, ms);
            (billed_memory_used_in_mb, billed_duration_in_milliseconds)
        };
        assert_eq!(billed(0, 0), (64, 100));
        assert_eq!(billed(64 * MB, 100), (64, 100));
        assert_eq!(billed(64 * MB + 1, 101), (128, 200));
        assert_eq!(billed(200 * MB, 7_555), (256, 7_600));
    }
}
