//! SendTaskSuccess.

use serde::Deserialize;

use crate::cluster::TaskOutcome;

use super::constraint::Constraints;
use super::{Api, ApiError, Call, Empty};

/// Lengths of a task token.
pub(super) const TASK_TOKEN: std::ops::RangeInclusive<usize> = 1..=2048;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    task_token: Option<String>,
    output: Option<String>,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let token = check.required("taskToken", request.task_token, TASK_TOKEN);
    let output = check.required_sensitive("output", request.output, 0..=api.limits().payload_bytes_max);
    check.done()?;
    let output = super::json_payload(output).map_err(ApiError::InvalidOutput)?;
    api.cluster().complete_task(&token, TaskOutcome::Success { output }).await?;
    Ok(Empty {})
}
