//! What baton offers beside the AWS API: waiting for an execution's end, following it live, and seeing what it waits for.
//!
//! `GET /api/executions/<url-encoded ARN>/wait?seconds=60`, `…/watch` (server-sent events), `…/waiting`.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use axum::response::sse::{KeepAlive, Sse};
use axum::routing::get;
use futures_util::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Deserialize;

use super::follow::Follower;
use crate::api::{Api, ApiError};

/// Longest that one request waits.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// The routes.
pub(super) fn routes(api: Api) -> Router {
    Router::new()
        .route("/api/executions/{arn}/wait", get(wait))
        .route("/api/executions/{arn}/watch", get(watch))
        .route("/api/executions/{arn}/waiting", get(waiting))
        .with_state(api)
}

#[derive(Deserialize)]
struct WaitQuery {
    #[serde(default = "default_seconds")]
    seconds: u64,
}

fn default_seconds() -> u64 {
    60
}

/// DescribeExecution's answer, as soon as the execution has ended or the time is over.
async fn wait(State(api): State<Api>, Path(arn): Path<String>, Query(query): Query<WaitQuery>) -> Response<Body> {
    let timeout = Duration::from_secs(query.seconds).min(WAIT_MAX);
    match api.wait_execution(&arn, timeout).await {
        Ok(record) => json(api.execution_answer(&record)),
        Err(error) => failure(&api, &error),
    }
}

/// Every event of the history as JSON, from the first one on (or from the one after `Last-Event-ID`), until the execution ends.
async fn watch(State(api): State<Api>, Path(arn): Path<String>, headers: HeaderMap) -> Response<Body> {
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    match Follower::begin(&api, &arn, seen).await {
        Ok(follower) => Sse::new(stream(follower)).keep_alive(KeepAlive::default()).into_response(),
        Err(error) => failure(&api, &error),
    }
}

fn stream(follower: Follower) -> impl Stream<Item = Result<axum::response::sse::Event, Infallible>> {
    futures_util::stream::unfold(follower, |mut follower| async move {
        let (id, event) = follower.next().await?;
        let event = axum::response::sse::Event::default().id(id.to_string()).data(event);
        Some((Ok(event), follower))
    })
}

/// What each open state of the execution waits for, oldest first.
async fn waiting(State(api): State<Api>, Path(arn): Path<String>) -> Response<Body> {
    match api.describe_with_revision(&arn).await {
        Ok((record, revision)) => json(super::waiting::answer(&record, &revision.machine)),
        Err(error) => failure(&api, &error),
    }
}

fn json(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// As the API answers it, but with the status that a plain HTTP client expects of something that is not there.
fn failure(api: &Api, error: &ApiError) -> Response<Body> {
    let mut response = api.error_answer(error);
    if matches!(error, ApiError::ExecutionDoesNotExist(_)) {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}
