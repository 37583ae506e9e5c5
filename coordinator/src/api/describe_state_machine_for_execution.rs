//! DescribeStateMachineForExecution.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::configuration::ConfigurationOutput;
use super::constraint::{ARN, Constraints};
use super::describe_state_machine::NO_DEFINITION;
use super::epoch::EpochSeconds;
use super::execution::{self, INCLUDED_DATA};
use super::{Api, ApiError, Call, definition};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    execution_arn: Option<String>,
    included_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    state_machine_arn: String,
    name: String,
    definition: String,
    role_arn: String,
    update_date: EpochSeconds,
    #[serde(flatten)]
    configuration: ConfigurationOutput,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    variable_references: BTreeMap<String, Vec<String>>,
}

/// The revision that the execution runs, whatever has become of its machine.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("executionArn", request.execution_arn, ARN);
    let included = check.one_of("includedData", request.included_data.as_deref(), &INCLUDED_DATA);
    check.done()?;
    let execution = execution::describe(api, &arn).await?;
    let revision = execution::revision(api, &execution)?;
    let record = &revision.record;
    let included = included.unwrap_or(true);
    Ok(Response {
        state_machine_arn: record.state_machine_arn.to_string(),
        name: record.name.to_string(),
        definition: if included { record.content.definition.to_string() } else { NO_DEFINITION.to_owned() },
        role_arn: record.content.role_arn.to_string(),
        update_date: EpochSeconds(record.at),
        configuration: ConfigurationOutput::of(&record.content),
        revision_id: record.revision_id.as_ref().map(ToString::to_string),
        variable_references: if included { definition::variable_references(&revision) } else { BTreeMap::new() },
    })
}
