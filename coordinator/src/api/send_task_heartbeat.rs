//! SendTaskHeartbeat.

use serde::Deserialize;

use super::constraint::Constraints;
use super::send_task_success::TASK_TOKEN;
use super::{Api, ApiError, Call, Empty};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    task_token: Option<String>,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let token = check.required("taskToken", request.task_token, TASK_TOKEN);
    check.done()?;
    api.cluster().heartbeat_task(&token).await?;
    Ok(Empty {})
}
