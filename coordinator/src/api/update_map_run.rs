//! UpdateMapRun.

use serde::Deserialize;

use crate::cluster::{MapRunChanges, MapRunStatus};

use super::constraint::{Constraints, LONG_ARN};
use super::{Api, ApiError, Call, Empty, map_run};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    map_run_arn: Option<String>,
    max_concurrency: Option<i64>,
    tolerated_failure_percentage: Option<f64>,
    tolerated_failure_count: Option<i64>,
}

/// From the answer on the run goes by what it was told.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("mapRunArn", request.map_run_arn, LONG_ARN);
    check.number("maxConcurrency", request.max_concurrency, 0..=i64::from(i32::MAX));
    check.decimal("toleratedFailurePercentage", request.tolerated_failure_percentage, 0.0..=100.0);
    check.number("toleratedFailureCount", request.tolerated_failure_count, 0..=i64::MAX);
    check.done()?;
    let changes = MapRunChanges {
        max_concurrency: request.max_concurrency.map(i64::unsigned_abs),
        tolerated_failure_count: request.tolerated_failure_count.map(i64::unsigned_abs),
        tolerated_failure_percentage: request.tolerated_failure_percentage,
    };
    let is_running = map_run::describe(api, &arn).await?.status == MapRunStatus::Running;
    if is_running && api.cluster().update_map_run(&arn, changes).await? {
        return Ok(Empty {});
    }
    Err(ApiError::Validation {
        message: "The Map Run has ended and cannot be updated".to_owned(),
        reason: Some("CANNOT_UPDATE_COMPLETED_MAP_RUN"),
    })
}
