//! UpdateStateMachineAlias.

use serde::{Deserialize, Serialize};

use crate::catalog::UpdateAlias;

use super::constraint::{ARN, Constraints, DESCRIPTION};
use super::create_state_machine_alias::{RouteMember, Routes, read_routes};
use super::describe_state_machine_alias::AliasArn;
use super::epoch::EpochSeconds;
use super::{Api, ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_alias_arn: Option<String>,
    description: Option<String>,
    routing_configuration: Option<Vec<RouteMember>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    update_date: EpochSeconds,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("stateMachineAliasArn", request.state_machine_alias_arn, ARN);
    let description = check.optional_sensitive("description", request.description, DESCRIPTION);
    let routing = request.routing_configuration.map(|routing| read_routes(routing, &mut check));
    check.done()?;
    let alias = AliasArn::parse(&arn)?;
    if description.is_none() && routing.is_none() {
        let message = "Either the description or the routing configuration must be specified".to_owned();
        return Err(ApiError::Validation { message, reason: Some("MISSING_REQUIRED_PARAMETER") });
    }
    let routes = routing.map(|routing| Routes::of(&routing)).transpose()?;
    if routes.as_ref().is_some_and(|routes| *routes.machine_arn != *alias.machine_arn) {
        return Err(ApiError::validation("Routing configuration must contain versions of the alias' own state machine."));
    }
    let command = UpdateAlias {
        arn: alias.machine_arn.into(),
        name: alias.name.into(),
        description: description.map(Into::into),
        routes: routes.map(|routes| routes.routes),
    };
    let updated = api.catalog().execute(command).await?;
    Ok(Response { update_date: EpochSeconds(updated.updated_at) })
}
