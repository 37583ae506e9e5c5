//! UpdateStateMachine.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::arn::Resource;
use crate::catalog::UpdateStateMachine;

use super::configuration::{EncryptionInput, LoggingInput, TracingInput, check_logging};
use super::constraint::{ARN, Constraints, DESCRIPTION};
use super::create_state_machine::{DEFINITION, check_role, check_version_description};
use super::epoch::EpochSeconds;
use super::{Api, ApiError, Call, definition, resource};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_arn: Option<String>,
    definition: Option<String>,
    role_arn: Option<String>,
    logging_configuration: Option<LoggingInput>,
    tracing_configuration: Option<TracingInput>,
    publish: Option<bool>,
    version_description: Option<String>,
    encryption_configuration: Option<EncryptionInput>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    update_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("stateMachineArn", request.state_machine_arn, ARN);
    let definition = check.optional_sensitive("definition", request.definition, DEFINITION);
    let role_arn = check.optional("roleArn", request.role_arn, ARN);
    let logging = request.logging_configuration.map(|logging| logging.read(&mut check));
    let version_description = check.optional_sensitive("versionDescription", request.version_description, DESCRIPTION);
    let encryption = request.encryption_configuration.map(|encryption| encryption.read(&mut check));
    check.done()?;
    let encryption = encryption.transpose()?;
    let tracing_enabled = request.tracing_configuration.map(|tracing| tracing.enabled());
    let publish = request.publish.unwrap_or(false);
    check_version_description(publish, version_description.as_deref())?;
    // A version or an alias is never the one to be changed.
    let unqualified = matches!(resource::check_state_machine(&arn)?.resource, Resource::StateMachine { .. });
    let machine = api.catalog().state_machine(&arn).filter(|_| unqualified);
    let machine = machine.ok_or_else(|| ApiError::StateMachineDoesNotExist(arn.clone()))?;
    if definition.is_none() && role_arn.is_none() && logging.is_none() && tracing_enabled.is_none() && encryption.is_none() {
        return Err(ApiError::MissingRequiredParameter);
    }
    role_arn.as_deref().map(check_role).transpose()?;
    logging.as_ref().map(check_logging).transpose()?;

    let machine_type = machine.machine_type;
    let definition = match definition {
        Some(definition) => Some(definition::read(definition, machine_type).await?),
        None => None,
    };
    let command = UpdateStateMachine {
        arn: machine.arn.clone(),
        machine_type,
        definition,
        role_arn: role_arn.map(Into::into),
        logging,
        tracing_enabled,
        encryption,
        publish,
        version_description: version_description.map(Into::into),
    };
    let updated = api.catalog().execute(command).await?;
    Ok(Response {
        update_date: EpochSeconds(updated.updated_at),
        revision_id: updated.revision_id,
        state_machine_version_arn: updated.version_arn,
    })
}
