//! DeleteStateMachineAlias.

use serde::Deserialize;

use crate::catalog::DeleteAlias;

use super::constraint::{ARN, Constraints};
use super::describe_state_machine_alias::AliasArn;
use super::{Api, ApiError, Call, Empty};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_alias_arn: Option<String>,
}

/// Succeeds for aliases that are not there, as recorded from AWS.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Empty, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("stateMachineAliasArn", request.state_machine_alias_arn, ARN);
    check.done()?;
    let AliasArn { machine_arn, name } = AliasArn::parse(&arn)?;
    api.catalog().execute(DeleteAlias { arn: machine_arn.into(), name: name.into() }).await?;
    Ok(Empty {})
}
