//! DescribeExecution.

use serde::{Deserialize, Serialize};

use crate::cluster::ExecutionRecord;

use super::constraint::{ARN, Constraints};
use super::epoch::EpochSeconds;
use super::execution::{self, DataDetails, INCLUDED_DATA};
use super::{Api, ApiError, Call, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    execution_arn: Option<String>,
    included_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response<'a> {
    execution_arn: &'a str,
    state_machine_arn: &'a str,
    name: &'a str,
    status: &'static str,
    start_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<EpochSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    input_details: DataDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_details: Option<DataDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_header: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_alias_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<&'a str>,
    redrive_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<EpochSeconds>,
    redrive_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_status_reason: Option<String>,
}

/// The answer, as text, since it borrows from the record.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("executionArn", request.execution_arn, ARN);
    let included = check.one_of("includedData", request.included_data.as_deref(), &INCLUDED_DATA);
    check.done()?;
    let record = execution::describe(api, &arn).await?;
    Ok(json(&Response::of(api, &record, included.unwrap_or(true))))
}

impl<'a> Response<'a> {
    /// `included`: with input and output.
    pub(super) fn of(api: &Api, record: &'a ExecutionRecord, included: bool) -> Self {
        let start = &*record.start;
        let failure = record.failure.as_ref();
        let output = record.output.as_ref().map(|output| output.text());
        let redrivable = execution::redrivable(api, record);
        Self {
            execution_arn: &start.execution_arn,
            state_machine_arn: &start.state_machine_arn,
            name: &start.name,
            status: execution::status_name(record.status),
            start_date: EpochSeconds(start.at),
            stop_date: record.stop_at.map(EpochSeconds),
            input: included.then(|| start.input.text()),
            input_details: DataDetails { included },
            output: output.filter(|_| included),
            output_details: output.map(|_| DataDetails { included }),
            trace_header: start.trace_header.as_deref(),
            error: failure.and_then(|failure| failure.error.as_deref()),
            cause: failure.and_then(|failure| failure.cause.as_deref()),
            state_machine_version_arn: start.version_arn.as_deref(),
            state_machine_alias_arn: start.alias_arn.as_deref(),
            map_run_arn: start.map_child.as_ref().map(|child| &*child.map_run_arn),
            redrive_count: record.redrives.count,
            redrive_date: record.redrives.at.map(EpochSeconds),
            redrive_status: match (&redrivable, &start.map_child) {
                (Ok(()), None) => "REDRIVABLE",
                (Ok(()), Some(_)) => "REDRIVABLE_BY_MAP_RUN",
                (Err(_), _) => "NOT_REDRIVABLE",
            },
            redrive_status_reason: redrivable.err().map(|reason| reason.to_string()),
        }
    }
}
