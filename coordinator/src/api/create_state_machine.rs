//! CreateStateMachine.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::{Content, CreateStateMachine, CreatedWith, MachineType};

use super::configuration::{EncryptionInput, LoggingInput, TracingInput, check_logging};
use super::constraint::{ARN, Constraints, DESCRIPTION, NAME};
use super::epoch::EpochSeconds;
use super::tag::{self, TagMember};
use super::{Api, ApiError, Call, definition, name};

/// Bytes of a definition.
pub(super) const DEFINITION: std::ops::RangeInclusive<usize> = 1..=1_048_576;
/// AWS's order.
pub(super) const TYPES: [(&str, MachineType); 2] = [("STANDARD", MachineType::Standard), ("EXPRESS", MachineType::Express)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    name: Option<String>,
    definition: Option<String>,
    role_arn: Option<String>,
    #[serde(rename = "type")]
    machine_type: Option<String>,
    logging_configuration: Option<LoggingInput>,
    tags: Option<Vec<TagMember>>,
    tracing_configuration: Option<TracingInput>,
    publish: Option<bool>,
    version_description: Option<String>,
    encryption_configuration: Option<EncryptionInput>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    state_machine_arn: Arc<str>,
    creation_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let name = check.required("name", request.name, NAME);
    let definition = check.required_sensitive("definition", request.definition, DEFINITION);
    let role_arn = check.required("roleArn", request.role_arn, ARN);
    let machine_type = check.one_of("type", request.machine_type.as_deref(), &TYPES);
    let logging = request.logging_configuration.unwrap_or_default().read(&mut check);
    let tags = tag::read(request.tags.unwrap_or_default(), &mut check);
    let version_description = check.optional_sensitive("versionDescription", request.version_description, DESCRIPTION);
    let encryption = request.encryption_configuration.map(|encryption| encryption.read(&mut check));
    check.done()?;
    let encryption = encryption.transpose()?.unwrap_or_default();
    name::check(&name)?;
    check_role(&role_arn)?;
    check_logging(&logging)?;
    tag::check_reserved(tags.iter().map(|tag| &*tag.key))?;
    let publish = request.publish.unwrap_or(false);
    check_version_description(publish, version_description.as_deref())?;

    let machine_type = machine_type.unwrap_or(MachineType::Standard);
    let (definition, machine) = definition::read(definition, machine_type).await?;
    let tracing_enabled = request.tracing_configuration.is_some_and(|tracing| tracing.enabled());
    let content = Content { definition, role_arn: role_arn.into(), logging, tracing_enabled, encryption };
    let arn: Arc<str> = call.owner().state_machine(&name).into();
    let created_with = CreatedWith { publish, version_description: version_description.map(Into::into) };
    let command = CreateStateMachine { arn: arn.clone(), name: name.into(), machine_type, content, machine, created_with, tags };
    let created = api.catalog().execute(command).await?;
    Ok(Response { state_machine_arn: arn, creation_date: EpochSeconds(created.created_at), state_machine_version_arn: created.version_arn })
}

/// Only the form of a role is looked at: any ARN.
pub(super) fn check_role(role_arn: &str) -> Result<(), ApiError> {
    if !role_arn.starts_with("arn:") {
        return Err(crate::arn::ArnError::Prefix(role_arn.to_owned()).into());
    }
    Ok(())
}

pub(super) fn check_version_description(publish: bool, description: Option<&str>) -> Result<(), ApiError> {
    if description.is_some() && !publish {
        return Err(ApiError::validation("Version description can only be set when publish is true"));
    }
    Ok(())
}
