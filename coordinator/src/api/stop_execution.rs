//! StopExecution.

use baton_engine::Input;
use serde::{Deserialize, Serialize};

use crate::clock;
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

/// A redrive may come between a look at an execution and its stop, again and again.
const ATTEMPTS: usize = 10;

/// Stopping an execution that has ended answers with the date of its end.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("executionArn", request.execution_arn, ARN);
    let error_name = check.optional_sensitive("error", request.error, 0..=256);
    let cause = check.optional_sensitive("cause", request.cause, 0..=32768);
    check.done()?;
    let stop = Input::Stop { error: error_name.map(Into::into), cause: cause.map(Into::into) };
    for _ in 0..ATTEMPTS {
        let sent_at = clock::now();
        let is_stopped = match api.cluster().send(execution::id(&arn)?, stop.clone()).await {
            Ok(_) => true,
            // Shards no longer know of executions that have ended; whether there is one is for the description to say.
            Err(SendError::Rejected(_) | SendError::NoSuchExecution) => false,
            Err(SendError::Throttled) => return Err(ApiError::Throttling),
            Err(SendError::Unavailable(why)) => return Err(ApiError::ServiceUnavailable(why.to_owned())),
        };
        // One that runs was redriven since: it was stopped before that, or is to be stopped now.
        let stopped_at = execution::describe(api, &arn).await?.stop_at.or(is_stopped.then_some(sent_at));
        if let Some(stopped_at) = stopped_at {
            return Ok(Response { stop_date: EpochSeconds(stopped_at) });
        }
    }
    Err(ApiError::Throttling)
}
