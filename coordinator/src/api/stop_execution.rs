//! StopExecution.

use baton_engine::Input;
use serde::{Deserialize, Serialize};

use crate::cluster::SendError;

use super::constraint::{ARN, Constraints};
use super::epoch::EpochSeconds;
use super::{Api, ApiError, Call, execution};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    execution_arn: Option<String>,
    error: Option<String>,
    cause: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    stop_date: EpochSeconds,
}

/// Stopping an execution that has ended answers with the date of its end.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("executionArn", request.execution_arn, ARN);
    let error_name = check.optional_sensitive("error", request.error, 0..=256);
    let cause = check.optional_sensitive("cause", request.cause, 0..=32768);
    check.done()?;
    let stop = Input::Stop { error: error_name.map(Into::into), cause: cause.map(Into::into) };
    match api.cluster().send(execution::id(&arn)?, stop).await {
        // Shards no longer know of executions that have ended; whether there is one is for the description to say.
        Ok(_) | Err(SendError::Rejected(_) | SendError::NoSuchExecution) => {}
        Err(SendError::Throttled) => return Err(ApiError::Throttling),
        Err(SendError::Unavailable(why)) => return Err(ApiError::ServiceUnavailable(why.to_owned())),
    }
    let record = execution::describe(api, &arn).await?;
    let stopped = record.stop_at.ok_or_else(|| ApiError::InternalFailure(format!("{arn} was stopped and has not ended")))?;
    Ok(Response { stop_date: EpochSeconds(stopped) })
}
