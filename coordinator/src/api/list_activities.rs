//! ListActivities.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

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
    activities: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    activity_arn: Arc<str>,
    name: Arc<str>,
    creation_date: EpochSeconds,
}

/// The caller's activities, by name.
pub(super) fn run(api: &Api, call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    check.number("maxResults", request.max_results, MAX_RESULTS);
    let token = check.optional("nextToken", request.next_token, PAGE_TOKEN);
    check.done()?;

    let prefix = call.owner().activity("");
    let paging = page::Request::new(Operation::ListActivities, &[Some(&prefix)]);
    let after = token.map(|token| paging.text_place(&token)).transpose()?;
    let listed = api.catalog().activities(&prefix, after.as_deref(), page::limit(request.max_results) + 1);
    let (listed, next_token) = paging.cut(listed, request.max_results, |activity| activity.arn.to_string());
    let item = |activity: Arc<crate::catalog::ActivityRecord>| Item {
        activity_arn: activity.arn.clone(),
        name: activity.name.clone(),
        creation_date: EpochSeconds(activity.created_at),
    };
    Ok(Response { activities: listed.into_iter().map(item).collect(), next_token })
}
