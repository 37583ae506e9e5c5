//! UpdateMapRun. Executions have no Map Runs yet, so that none can be found.

use serde::Deserialize;

use super::constraint::{Constraints, LONG_ARN};
use super::{ApiError, Call, Empty, resource};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    map_run_arn: Option<String>,
    max_concurrency: Option<i64>,
    tolerated_failure_percentage: Option<f64>,
    tolerated_failure_count: Option<i64>,
}

pub(super) fn run(call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("mapRunArn", request.map_run_arn, LONG_ARN);
    check.number("maxConcurrency", request.max_concurrency, 0..=i64::from(i32::MAX));
    check.decimal("toleratedFailurePercentage", request.tolerated_failure_percentage, 0.0..=100.0);
    check.number("toleratedFailureCount", request.tolerated_failure_count, 0..=i64::MAX);
    check.done()?;
    resource::check_map_run(&arn)?;
    Err(ApiError::no_such_resource(&arn))
}
