//! DescribeStateMachineForExecution.

use std::collections::BTreeMap;

use baton_asl::StateKind;
use baton_engine::MapChild;
use serde::{Deserialize, Serialize};

use super::configuration::ConfigurationOutput;
use super::constraint::{ARN, Constraints};
use super::describe_state_machine::NO_DEFINITION;
use super::epoch::EpochSeconds;
use super::execution::{self, INCLUDED_DATA};
use super::{Api, ApiError, Call, definition};
use crate::catalog::CatalogRevision;
use crate::cluster::labelled_machine_arn;

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
    map_run_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    variable_references: BTreeMap<String, Vec<String>>,
}

/// The revision that the execution runs, whatever has become of its machine. Of a Map Run's child, what the Map state runs for each item.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("executionArn", request.execution_arn, ARN);
    let included = check.one_of("includedData", request.included_data.as_deref(), &INCLUDED_DATA);
    check.done()?;
    let execution = execution::describe(api, &arn).await?;
    let revision = execution::revision(api, &execution)?;
    let whole = Response::of(&revision);
    let response = match execution.start.map_child.as_deref() {
        Some(child) => {
            whole.of_child(&revision, child).ok_or_else(|| ApiError::InternalFailure(format!("the Map state of {arn} is missing")))?
        }
        None => whole,
    };
    Ok(if included.unwrap_or(true) { response } else { response.without_definition() })
}

impl Response {
    fn of(revision: &CatalogRevision) -> Self {
        let record = &revision.record;
        Self {
            state_machine_arn: record.state_machine_arn.to_string(),
            name: record.name.to_string(),
            definition: record.content.definition.to_string(),
            role_arn: record.content.role_arn.to_string(),
            update_date: EpochSeconds(record.at),
            configuration: ConfigurationOutput::of(&record.content),
            map_run_arn: None,
            label: None,
            revision_id: record.revision_id.as_ref().map(ToString::to_string),
            variable_references: definition::variable_references(revision),
        }
    }

    /// As the child of a Map Run is told of it; `None` if the revision has no such Map state.
    fn of_child(self, revision: &CatalogRevision, child: &MapChild) -> Option<Self> {
        let compiled = revision.compiled()?;
        let state = compiled.machine.states.get(child.state.0 as usize)?;
        let StateKind::Map(map) = &state.kind else { return None };
        let state_machine_arn = labelled_machine_arn(&child.map_run_arn);
        Some(Self {
            definition: baton_asl::item_processor(&self.definition, &state.name)?.to_owned(),
            label: state_machine_arn.split_once('/').map(|(_, label)| label.to_owned()),
            state_machine_arn,
            map_run_arn: Some(child.map_run_arn.to_string()),
            variable_references: baton_asl::variable_references_within(&compiled.machine, map.processor),
            ..self
        })
    }

    fn without_definition(self) -> Self {
        Self { definition: NO_DEFINITION.to_owned(), variable_references: BTreeMap::new(), ..self }
    }
}
