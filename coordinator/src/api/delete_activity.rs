//! DeleteActivity.

use serde::Deserialize;

use crate::catalog::DeleteActivity;

use super::constraint::{ARN, Constraints};
use super::{Api, ApiError, Call, Empty, resource};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    activity_arn: Option<String>,
}

/// Succeeds for activities that are not there.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("activityArn", request.activity_arn, ARN);
    check.done()?;
    resource::check_activity(&arn)?;
    api.catalog().execute(DeleteActivity { arn: arn.into() }).await?;
    Ok(Empty {})
}
