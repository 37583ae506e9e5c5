//! DescribeStateMachineAlias.

use serde::{Deserialize, Serialize};

use crate::arn::{Arn, Resource};
use crate::catalog::CatalogError;

use super::constraint::{ARN, Constraints};
use super::create_state_machine_alias::{RouteMember, write_routes};
use super::epoch::EpochSeconds;
use super::{Api, ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_alias_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    state_machine_alias_arn: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    routing_configuration: Vec<RouteMember>,
    creation_date: EpochSeconds,
    update_date: EpochSeconds,
}

/// An alias' ARN, taken apart.
pub(super) struct AliasArn<'a> {
    pub(super) machine_arn: String,
    pub(super) name: &'a str,
}

impl<'a> AliasArn<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, ApiError> {
        let arn = Arn::parse(text)?;
        match (arn.resource, arn.state_machine()) {
            (Resource::Alias { alias, .. }, Some(machine_arn)) => Ok(Self { machine_arn, name: alias }),
            (other, _) => Err(ApiError::wrong_resource_type(other.type_name())),
        }
    }
}

pub(super) fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("stateMachineAliasArn", request.state_machine_alias_arn, ARN);
    check.done()?;
    let AliasArn { machine_arn, name } = AliasArn::parse(&arn)?;
    let machine = api.catalog().state_machine(&machine_arn).ok_or(CatalogError::NoSuchAlias)?;
    let alias = machine.alias(name).ok_or(CatalogError::NoSuchAlias)?;
    Ok(Response {
        name: alias.name.to_string(),
        description: alias.description.as_ref().map(ToString::to_string),
        routing_configuration: write_routes(&machine.arn, &alias.routes),
        creation_date: EpochSeconds(alias.created_at),
        update_date: EpochSeconds(alias.updated_at),
        state_machine_alias_arn: arn,
    })
}
