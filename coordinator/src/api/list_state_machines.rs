//! ListStateMachines.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::{MachineType, StateMachineEntry};

use super::constraint::{Constraints, MAX_RESULTS, PAGE_TOKEN};
use super::epoch::EpochSeconds;
use super::{Api, ApiError, Call, Operation, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    state_machines: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    state_machine_arn: Arc<str>,
    name: Arc<str>,
    #[serde(rename = "type")]
    machine_type: &'static str,
    creation_date: EpochSeconds,
}

/// `type`
pub(super) fn type_name(machine_type: MachineType) -> &'static str {
    match machine_type {
        MachineType::Standard => "STANDARD",
        MachineType::Express => "EXPRESS",
    }
}

/// The caller's machines, by name.
pub(super) fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    check.number("maxResults", request.max_results, MAX_RESULTS);
    let token = check.optional("nextToken", request.next_token, PAGE_TOKEN);
    check.done()?;

    let prefix = call.owner().state_machine("");
    let paging = page::Request::new(Operation::ListStateMachines, &[Some(&prefix)]);
    let after = token.map(|token| paging.text_place(&token)).transpose()?;
    let listed = api.catalog().state_machines(&prefix, after.as_deref(), page::limit(request.max_results) + 1);
    let (listed, next_token) = paging.cut(listed, request.max_results, |machine| machine.arn.to_string());
    let item = |machine: Arc<StateMachineEntry>| Item {
        state_machine_arn: machine.arn.clone(),
        name: machine.name.clone(),
        machine_type: type_name(machine.machine_type),
        creation_date: EpochSeconds(machine.created_at),
    };
    Ok(Response { state_machines: listed.into_iter().map(item).collect(), next_token })
}
