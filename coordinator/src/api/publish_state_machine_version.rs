//! PublishStateMachineVersion.

use serde::{Deserialize, Serialize};

use crate::arn::Resource;
use crate::catalog::PublishVersion;

use super::constraint::{ARN, Constraints, DESCRIPTION};
use super::epoch::EpochSeconds;
use super::{Api, ApiError, Call, resource};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_arn: Option<String>,
    revision_id: Option<String>,
    description: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    creation_date: EpochSeconds,
    state_machine_version_arn: String,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("stateMachineArn", request.state_machine_arn, ARN);
    let description = check.optional_sensitive("description", request.description, DESCRIPTION);
    check.done()?;
    if !matches!(resource::check_state_machine(&arn)?.resource, Resource::StateMachine { .. }) {
        return Err(ApiError::StateMachineDoesNotExist(arn));
    }
    let command =
        PublishVersion { arn: arn.into(), revision_id: request.revision_id.map(Into::into), description: description.map(Into::into) };
    let published = api.catalog().execute(command).await?;
    Ok(Response { creation_date: EpochSeconds(published.created_at), state_machine_version_arn: published.arn })
}
