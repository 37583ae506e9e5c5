//! ListMapRuns. Executions have no Map Runs yet, so that the list is empty.

use serde::{Deserialize, Serialize};

use super::constraint::{ARN, Constraints, MAX_RESULTS, PAGE_TOKEN};
use super::{Api, ApiError, Call, Empty, Operation, execution, page};

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
    map_runs: Vec<Empty>,
}

pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("executionArn", request.execution_arn, ARN);
    check.number("maxResults", request.max_results, MAX_RESULTS);
    let token = check.optional("nextToken", request.next_token, PAGE_TOKEN);
    check.done()?;
    execution::describe(api, &arn).await?;
    let paging = page::Request::new(Operation::ListMapRuns, &[Some(&arn)]);
    token.map(|token| paging.text_place(&token)).transpose()?;
    Ok(Response { map_runs: Vec::new() })
}
