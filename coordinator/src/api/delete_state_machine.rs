//! DeleteStateMachine, and the end of the executions that the machine leaves behind.

use std::time::Duration;

use baton_engine::{Input, Timestamp};
use serde::Deserialize;

use crate::arn::Resource;
use crate::catalog::{DeleteStateMachine, FinishDeletion};
use crate::cluster::{ListQuery, SendError, Status};

use super::constraint::{ARN, Constraints};
use super::{Api, ApiError, Call, Empty, resource};

/// Executions aborted from one page of the list.
const PAGE_LEN: usize = 1_000;
/// Pause before something that was refused for lack of room is tried again.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_arn: Option<String>,
}

/// Succeeds for machines that are not there. Running executions are aborted after the answer.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("stateMachineArn", request.state_machine_arn, ARN);
    check.done()?;
    match resource::check_state_machine(&arn)?.resource {
        Resource::StateMachine { .. } => {}
        _ => return Err(ApiError::wrong_resource_type("version or alias")),
    }
    if api.catalog().execute(DeleteStateMachine { arn: arn.into() }).await? {
        tokio::spawn(abort_executions(api.clone()));
    }
    Ok(Empty {})
}

/// Aborts the executions of all deleted machines and notes that it is done.
async fn abort_executions(api: Api) {
    let closing = api.closing().clone();
    closing.run_until_cancelled(abort_of_all_deletions(&api)).await;
}

/// Finishes deletions that others have begun, whenever this process becomes the owner of the catalog: after a restart, or from another member.
pub async fn finish_deletions(api: Api) {
    let closing = api.closing().clone();
    let finish = async {
        loop {
            api.catalog().until_owner(true).await;
            abort_of_all_deletions(&api).await;
            api.catalog().until_owner(false).await;
        }
    };
    closing.run_until_cancelled(finish).await;
}

async fn abort_of_all_deletions(api: &Api) {
    for (arn, deleted_at) in api.catalog().deletions() {
        while let Err(error) = abort_all(api, &arn, deleted_at).await {
            if !api.catalog().is_owner() {
                return;
            }
            tracing::debug!(state_machine = %arn, %error, "aborting its executions pauses");
            tokio::time::sleep(PAUSE).await;
        }
        // A failure leaves the deletion for the next start, which finds nothing to abort.
        let _ = api.catalog().execute(FinishDeletion { arn }).await;
    }
}

async fn abort_all(api: &Api, arn: &std::sync::Arc<str>, deleted_at: Timestamp) -> Result<(), ApiError> {
    let mut after = None;
    loop {
        let query = ListQuery {
            map_run_arn: None,
            state_machine_arn: arn.clone(),
            through: None,
            status: Some(Status::Running),
            redriven: None,
            after,
            limit: PAGE_LEN,
        };
        let running = api.cluster().list(query).await?;
        let Some(last) = running.last() else { return Ok(()) };
        after = Some(last.cursor());
        // A machine of the same name may have been made since; its executions are left alone.
        for execution in running.iter().filter(|execution| execution.start_at <= deleted_at) {
            let stop = Input::Stop { error: None, cause: None };
            match api.cluster().send(execution.id, stop).await {
                Ok(_) | Err(SendError::NoSuchExecution | SendError::Rejected(_)) => {}
                Err(SendError::Throttled) => return Err(ApiError::Throttling),
                Err(SendError::Unavailable(why)) => return Err(ApiError::ServiceUnavailable(why.to_owned())),
            }
        }
    }
}
