//! ListExecutions.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cluster::{Cursor, ExecutionId, ExecutionSummary, ListQuery, labelled_machine_arn};

use super::constraint::{ARN, Constraints, LONG_ARN, MAX_RESULTS};
use super::epoch::EpochSeconds;
use super::execution::{STATUS_FILTERS, status_name};
use super::resource::{Qualifier, StateMachineRef};
use super::{Api, ApiError, Call, Operation, map_run, page};

/// Executions that the cluster lists at once.
const PAGE_LEN_MAX: usize = 1_000;

const REDRIVE_FILTERS: [(&str, bool); 2] = [("REDRIVEN", true), ("NOT_REDRIVEN", false)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    state_machine_arn: Option<String>,
    status_filter: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
    map_run_arn: Option<String>,
    redrive_filter: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    executions: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    execution_arn: Arc<str>,
    state_machine_arn: Arc<str>,
    name: Arc<str>,
    status: &'static str,
    start_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<EpochSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_alias_arn: Option<Arc<str>>,
    redrive_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<EpochSeconds>,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.optional("stateMachineArn", request.state_machine_arn, ARN);
    let status = check.one_of("statusFilter", request.status_filter.as_deref(), &STATUS_FILTERS);
    check.number("maxResults", request.max_results, MAX_RESULTS);
    let token = check.optional("nextToken", request.next_token, 1..=3096);
    let map_run = check.optional("mapRunArn", request.map_run_arn, LONG_ARN);
    let redriven = check.one_of("redriveFilter", request.redrive_filter.as_deref(), &REDRIVE_FILTERS);
    check.done()?;

    let listed = Listed::of(api, arn, map_run).await?;
    let arguments = [Some(listed.arn()), request.status_filter.as_deref(), request.redrive_filter.as_deref()];
    let paging = page::Request::new(Operation::ListExecutions, &arguments);
    let now = crate::clock::now();
    let after = token.map(|token| cursor(&paging.place(&token, now)?)).transpose()?;
    // Only children of Map Runs wait for a redrive.
    if status == Some(None) {
        return Ok(Response { executions: Vec::new(), next_token: None });
    }
    let limit = page::limit(request.max_results).min(PAGE_LEN_MAX);
    // One more than fits tells whether there is a next page; behind a page of the largest size there may be an empty one.
    let query = ListQuery {
        map_run_arn: listed.map_run.clone(),
        state_machine_arn: listed.state_machine.clone(),
        through: listed.through.clone(),
        status: status.flatten(),
        redriven,
        after,
        limit: (limit + 1).min(PAGE_LEN_MAX),
    };
    let mut found = api.cluster().list(query).await?;
    let more = found.len() > limit || found.len() == PAGE_LEN_MAX;
    found.truncate(limit);
    let next_token = found.last().filter(|_| more).map(|last| paging.token(&place(last.cursor()), now));
    Ok(Response { executions: found.into_iter().map(|summary| item(summary, &listed)).collect(), next_token })
}

/// Whose executions are listed.
struct Listed {
    state_machine: Arc<str>,
    through: Option<Arc<str>>,
    map_run: Option<Arc<str>>,
}

impl Listed {
    /// Exactly one of the two is given.
    async fn of(api: &Api, arn: Option<String>, map_run: Option<String>) -> Result<Self, ApiError> {
        match (arn, map_run) {
            (Some(arn), None) => {
                let target = StateMachineRef::resolve(api, &arn)?.standard()?;
                let through = (target.qualifier != Qualifier::Unqualified).then(|| arn.into());
                Ok(Self { state_machine: target.machine.arn.clone(), through, map_run: None })
            }
            (None, Some(arn)) => {
                let run = map_run::describe(api, &arn).await?;
                Ok(Self { state_machine: labelled_machine_arn(&arn).into(), through: None, map_run: Some(run.map_run_arn) })
            }
            (Some(_), Some(_)) | (None, None) => Err(ApiError::validation("Must specify exactly one of stateMachineArn and mapRunArn")),
        }
    }

    /// As it was given.
    fn arn(&self) -> &str {
        self.map_run.as_ref().or(self.through.as_ref()).unwrap_or(&self.state_machine)
    }
}

fn item(summary: ExecutionSummary, listed: &Listed) -> Item {
    Item {
        map_run_arn: listed.map_run.clone(),
        execution_arn: summary.execution_arn,
        state_machine_arn: summary.state_machine_arn,
        name: summary.name,
        status: status_name(summary.status),
        start_date: EpochSeconds(summary.start_at),
        stop_date: summary.stop_at.map(EpochSeconds),
        state_machine_version_arn: summary.version_arn,
        state_machine_alias_arn: summary.alias_arn,
        redrive_count: summary.redrives.count,
        redrive_date: summary.redrives.at.map(EpochSeconds),
        item_count: summary.items,
    }
}

fn place(cursor: Cursor) -> Vec<u8> {
    [&cursor.start_at.to_le_bytes()[..], &cursor.id.0.to_le_bytes()].concat()
}

fn cursor(place: &[u8]) -> Result<Cursor, ApiError> {
    let (start_at, id) = place.split_first_chunk::<8>().ok_or(ApiError::InvalidToken)?;
    let id = id.try_into().map_err(|_| ApiError::InvalidToken)?;
    Ok(Cursor { start_at: i64::from_le_bytes(*start_at), id: ExecutionId(u128::from_le_bytes(id)) })
}
