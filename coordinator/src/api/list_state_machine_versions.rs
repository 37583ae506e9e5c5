//! ListStateMachineVersions.

use serde::{Deserialize, Serialize};

use super::constraint::{ARN, Constraints, MAX_RESULTS, PAGE_TOKEN};
use super::epoch::EpochSeconds;
use super::{Api, ApiError, Call, Operation, page, resource};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_arn: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    state_machine_versions: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    state_machine_version_arn: String,
    creation_date: EpochSeconds,
}

/// The latest first. A machine that is not there has none.
pub(super) fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("stateMachineArn", request.state_machine_arn, ARN);
    check.number("maxResults", request.max_results, MAX_RESULTS);
    let token = check.optional("nextToken", request.next_token, PAGE_TOKEN);
    check.done()?;
    resource::check_state_machine(&arn)?;
    let paging = page::Request::new(Operation::ListStateMachineVersions, &[Some(&arn)]);
    let before = token.map(|token| paging.text_place(&token)?.parse().map_err(|_| ApiError::InvalidToken)).transpose()?;
    let Some(machine) = api.catalog().state_machine(&arn) else {
        return Ok(Response { state_machine_versions: Vec::new(), next_token: None });
    };
    let versions = machine.versions.range(..before.unwrap_or(u64::MAX)).rev().map(|(_, version)| version);
    let listed = versions.take(page::limit(request.max_results) + 1).collect();
    let (listed, next_token) = paging.cut(listed, request.max_results, |version| version.number.to_string());
    let item = |version: &crate::catalog::Version| Item {
        state_machine_version_arn: machine.version_arn(version.number),
        creation_date: EpochSeconds(version.at),
    };
    Ok(Response { state_machine_versions: listed.into_iter().map(item).collect(), next_token })
}
