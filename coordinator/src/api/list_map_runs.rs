//! ListMapRuns.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cluster::{MapRunRecord, labelled_machine_arn};

use super::constraint::{ARN, Constraints, MAX_RESULTS, PAGE_TOKEN};
use super::epoch::EpochSeconds;
use super::{Api, ApiError, Call, Operation, execution, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    execution_arn: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    map_runs: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    execution_arn: Arc<str>,
    map_run_arn: Arc<str>,
    state_machine_arn: String,
    start_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<EpochSeconds>,
}

/// The latest first.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("executionArn", request.execution_arn, ARN);
    check.number("maxResults", request.max_results, MAX_RESULTS);
    let token = check.optional("nextToken", request.next_token, PAGE_TOKEN);
    check.done()?;
    execution::describe(api, &arn).await?;
    let paging = page::Request::new(Operation::ListMapRuns, &[Some(&arn)]);
    let after = token.map(|token| paging.text_place(&token)).transpose()?;
    let runs = api.cluster().map_runs(&arn).await?;
    let rest = runs.into_iter().skip_while(|run| after.as_deref().is_some_and(|after| place(run).as_str() != after));
    let rest = rest.skip(usize::from(after.is_some()));
    let (listed, next_token) = paging.cut(rest.collect(), request.max_results, place);
    Ok(Response { map_runs: listed.into_iter().map(item).collect(), next_token })
}

fn place(run: &MapRunRecord) -> String {
    run.map_run_arn.to_string()
}

fn item(run: MapRunRecord) -> Item {
    Item {
        state_machine_arn: labelled_machine_arn(&run.map_run_arn),
        execution_arn: run.execution_arn,
        map_run_arn: run.map_run_arn,
        start_date: EpochSeconds(run.started_at),
        stop_date: run.stopped_at.map(EpochSeconds),
    }
}
