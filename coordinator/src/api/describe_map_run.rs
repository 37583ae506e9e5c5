//! DescribeMapRun. Executions have no Map Runs yet, so that none can be found.

use serde::Deserialize;

use super::constraint::{Constraints, LONG_ARN};
use super::{ApiError, Call, Empty, resource};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    map_run_arn: Option<String>,
}

pub(super) fn run(call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("mapRunArn", request.map_run_arn, LONG_ARN);
    check.done()?;
    resource::check_map_run(&arn)?;
    Err(ApiError::no_such_resource(&arn))
}
