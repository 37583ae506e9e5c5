//! RedriveExecution.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::arn::Resource;
use crate::cluster::{ExecutionId, NotRedrivable, RedriveError};
use crate::epoch::EpochSeconds;

use super::constraint::{ARN, Constraints};
use super::{Api, ApiError, Call, execution, resource};

const TOKEN: &str = "[!-~]+";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    execution_arn: Option<String>,
    client_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    redrive_date: EpochSeconds,
}

/// A request repeated with its token is answered as the first was, whatever has become of the execution since.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("executionArn", request.execution_arn, ARN);
    let client_token = check.optional("clientToken", request.client_token, 1..=64);
    check.pattern("clientToken", client_token.as_deref(), TOKEN, |token| token.bytes().all(|byte| (b'!'..=b'~').contains(&byte)));
    check.done()?;

    let parsed = resource::check_execution(&arn)?;
    let (Resource::Execution { machine, .. } | Resource::Express { machine }) = parsed.resource else {
        unreachable!("the ARN of an execution was checked just now");
    };
    if machine.contains('/') {
        return Err(ApiError::validation("Labeled Execution ARNs are not supported for this API"));
    }
    let client_token = client_token.map(Arc::from);
    if !execution::has_state_machine(api, &arn) {
        execution::describe(api, &arn).await?;
        return Err(ApiError::ExecutionNotRedrivable(NotRedrivable::StateMachineDeleting));
    }
    match api.cluster().redrive(ExecutionId::of_arn(&arn), client_token).await {
        Ok(redriven_at) => Ok(Response { redrive_date: EpochSeconds(redriven_at) }),
        Err(RedriveError::NoSuchExecution) => Err(ApiError::ExecutionDoesNotExist(arn)),
        Err(RedriveError::NotRedrivable(reason)) => Err(ApiError::ExecutionNotRedrivable(reason)),
        Err(RedriveError::Throttled) => Err(ApiError::Throttling),
        Err(RedriveError::Unavailable(why)) => Err(ApiError::ServiceUnavailable(why.to_owned())),
    }
}
