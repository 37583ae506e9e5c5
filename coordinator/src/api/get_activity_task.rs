//! GetActivityTask.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::constraint::{ARN, Constraints, NAME};
use super::{Api, ApiError, Call, resource};

/// SDKs give up on a silent connection after 60 s by default, so that the poll ends before that.
const WAIT: Duration = Duration::from_secs(55);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    activity_arn: Option<String>,
    worker_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    #[serde(skip_serializing_if = "Option::is_none")]
    task_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
}

/// An empty answer when no task came.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("activityArn", request.activity_arn, ARN);
    let worker_name = check.optional("workerName", request.worker_name, NAME);
    check.done()?;
    resource::check_activity(&arn)?;
    if api.catalog().activity(&arn).is_none() {
        return Err(ApiError::ActivityDoesNotExist(arn));
    }
    let task = tokio::select! {
        task = api.cluster().poll_activity(&arn, worker_name.as_deref(), WAIT) => task?,
        () = api.closing().cancelled() => None,
    };
    Ok(match task {
        Some(task) => Response { input: Some(task.input.text().to_owned()), task_token: Some(task.token) },
        None => Response { task_token: None, input: None },
    })
}
