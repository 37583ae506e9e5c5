//! DescribeStateMachine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::configuration::ConfigurationOutput;
use super::constraint::{ARN, Constraints};
use super::epoch::EpochSeconds;
use super::execution::INCLUDED_DATA;
use super::list_state_machines::type_name;
use super::resource::{Qualifier, StateMachineRef};
use super::{Api, ApiError, Call, definition};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_arn: Option<String>,
    included_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    state_machine_arn: String,
    name: String,
    status: &'static str,
    definition: String,
    role_arn: String,
    #[serde(rename = "type")]
    machine_type: &'static str,
    creation_date: EpochSeconds,
    #[serde(flatten)]
    configuration: ConfigurationOutput,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    variable_references: BTreeMap<String, Vec<String>>,
}

/// What METADATA_ONLY has for a definition.
pub(super) const NO_DEFINITION: &str = "{}";

pub(super) fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("stateMachineArn", request.state_machine_arn, ARN);
    let included = check.one_of("includedData", request.included_data.as_deref(), &INCLUDED_DATA);
    check.done()?;
    let StateMachineRef { machine, qualifier, revision } = StateMachineRef::resolve(api, &arn)?;
    let record = &revision.record;
    let version = match qualifier {
        Qualifier::Version(number) => machine.versions.get(&number),
        Qualifier::Unqualified | Qualifier::Alias(_) => None,
    };
    let included = included.unwrap_or(true);
    Ok(Response {
        state_machine_arn: arn,
        name: machine.name.to_string(),
        status: "ACTIVE",
        definition: if included { record.content.definition.to_string() } else { NO_DEFINITION.to_owned() },
        role_arn: record.content.role_arn.to_string(),
        machine_type: type_name(machine.machine_type),
        creation_date: EpochSeconds(version.map_or(machine.created_at, |version| version.at)),
        configuration: ConfigurationOutput::of(&record.content),
        revision_id: record.revision_id.as_ref().map(ToString::to_string),
        description: version.and_then(|version| version.description.as_ref()).map(ToString::to_string),
        variable_references: if included { definition::variable_references(&revision) } else { BTreeMap::new() },
    })
}
