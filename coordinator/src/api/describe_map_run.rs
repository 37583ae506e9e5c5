//! DescribeMapRun.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::constraint::{Constraints, LONG_ARN};
use super::epoch::EpochSeconds;
use super::map_run::{self, Counts};
use super::{Api, ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    map_run_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    map_run_arn: Arc<str>,
    execution_arn: Arc<str>,
    status: &'static str,
    start_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<EpochSeconds>,
    max_concurrency: u64,
    tolerated_failure_percentage: f64,
    tolerated_failure_count: u64,
    item_counts: Counts,
    execution_counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<EpochSeconds>,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("mapRunArn", request.map_run_arn, LONG_ARN);
    check.done()?;
    let run = map_run::describe(api, &arn).await?;
    let is_redriven = run.redrive_count > 0;
    Ok(Response {
        map_run_arn: run.map_run_arn,
        execution_arn: run.execution_arn,
        status: map_run::status_name(run.status),
        start_date: EpochSeconds(run.started_at),
        stop_date: run.stopped_at.map(EpochSeconds),
        max_concurrency: run.limits.max_concurrency,
        tolerated_failure_percentage: run.limits.tolerated_failure_percentage.unwrap_or(0.0),
        tolerated_failure_count: run.limits.tolerated_failure_count.unwrap_or(0),
        item_counts: Counts::of(&run.items, is_redriven),
        execution_counts: Counts::of(&run.executions, is_redriven),
        redrive_count: is_redriven.then_some(run.redrive_count),
        redrive_date: run.redriven_at.map(EpochSeconds),
    })
}
