//! SendTaskFailure.

use baton_engine::Failure;
use serde::Deserialize;

use crate::cluster::TaskOutcome;

use super::constraint::Constraints;
use super::send_task_success::TASK_TOKEN;
use super::{Api, ApiError, Call, Empty};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    task_token: Option<String>,
    error: Option<String>,
    cause: Option<String>,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let token = check.required("taskToken", request.task_token, TASK_TOKEN);
    let error = check.optional_sensitive("error", request.error, 0..=256);
    let cause = check.optional_sensitive("cause", request.cause, 0..=32768);
    check.done()?;
    let failure = Failure { error: error.map(Into::into), cause: cause.map(Into::into) };
    api.cluster().complete_task(&token, TaskOutcome::Failure(failure)).await?;
    Ok(Empty {})
}
