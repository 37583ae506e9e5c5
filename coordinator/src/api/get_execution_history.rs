//! GetExecutionHistory.

use baton_engine::Event;
use serde::{Deserialize, Serialize};

use crate::arn::Arn;

use super::constraint::{ARN, Constraints, MAX_RESULTS, PAGE_TOKEN};
use super::{Api, ApiError, Call, Operation, execution, json, page};
use crate::history::{History, HistoryEvent};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    execution_arn: Option<String>,
    max_results: Option<i64>,
    reverse_order: Option<bool>,
    next_token: Option<String>,
    include_execution_data: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    events: Vec<HistoryEvent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// The answer, as text, since it borrows from the history.
pub(super) async fn run(api: &Api, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let arn = check.required("executionArn", request.execution_arn, ARN);
    check.number("maxResults", request.max_results, MAX_RESULTS);
    let token = check.optional("nextToken", request.next_token, PAGE_TOKEN);
    check.done()?;

    let id = execution::id(&arn)?;
    let reverse = request.reverse_order.unwrap_or(false);
    let data = request.include_execution_data.unwrap_or(true);
    let flags = format!("{reverse} {data}");
    let paging = page::Request::new(Operation::GetExecutionHistory, &[Some(&arn), Some(&flags)]);
    let now = crate::clock::now();
    let seen = token.map(|token| event_id(&paging.place(&token, now)?)).transpose()?;

    let history = api.cluster().history(id).await?;
    let (record, events) = history.ok_or_else(|| ApiError::ExecutionDoesNotExist(arn.clone()))?;
    let revision = execution::compiled(api, &record)?;
    let history = History { machine: &revision.machine, region: Arn::parse(&arn)?.region, data };
    let page = select(&events, seen, reverse, page::limit(request.max_results));
    let next_token = page.more_after.map(|id| paging.token(&id.to_le_bytes(), now));
    let events = page.events.into_iter().filter_map(|(id, event)| history.show(id, event)).collect();
    Ok(json(&Response { events, next_token }))
}

struct Page<'a> {
    events: Vec<(u64, &'a Event)>,
    /// Id of the last event, when others follow it.
    more_after: Option<u64>,
}

/// Public events after the one with the id `seen`, in the order asked for.
fn select(events: &[Event], seen: Option<u64>, reverse: bool, limit: usize) -> Page<'_> {
    let public = (1..).zip(events.iter().filter(|event| event.kind.is_public()));
    let mut selected: Vec<(u64, &Event)> = if reverse {
        let mut all: Vec<_> = public.collect();
        all.reverse();
        all.into_iter().filter(|(id, _)| seen.is_none_or(|seen| *id < seen)).take(limit + 1).collect()
    } else {
        public.filter(|(id, _)| seen.is_none_or(|seen| *id > seen)).take(limit + 1).collect()
    };
    let more = selected.len() > limit;
    selected.truncate(limit);
    let more_after = selected.last().filter(|_| more).map(|(id, _)| *id);
    Page { events: selected, more_after }
}

fn event_id(place: &[u8]) -> Result<u64, ApiError> {
    place.try_into().map(u64::from_le_bytes).map_err(|_| ApiError::InvalidToken)
}
