//! HTTP in, HTTP out: any path and any Host; the operation is in `X-Amz-Target`.

use std::time::Instant;

use axum::body::Body;
use baton_proto::trace::TraceContext;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde::Serialize;

use super::call::Call;
use super::error::ApiError;
use super::operation::Operation;
use super::request_id::RequestId;
use super::sts;
use super::{Api, body, elsewhere};
use crate::telemetry::request::{about_trace, answering};

const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const XML: HeaderValue = HeaderValue::from_static("text/xml");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const PREFIX: &str = "AWSStepFunctions.";

/// Answers one request of an AWS client.
pub(super) async fn handle(api: &Api, request: Request<Body>) -> Response<Body> {
    let request_id = RequestId::next();
    answering(request_id.uuid(), answer(api, request, request_id)).await
}

async fn answer(api: &Api, request: Request<Body>, request_id: RequestId) -> Response<Body> {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let target = parts.headers.get(TARGET).map(|target| String::from_utf8_lossy(target.as_bytes()));
    let operation = target.as_deref().and_then(|target| target.strip_prefix(PREFIX)).and_then(Operation::parse);
    let body = match body::read(body, api.limits().request_bytes_max, api.body_room()).await {
        Ok(body) => body,
        Err(error) => return failure(&error, request_id),
    };
    let handed_on = elsewhere::defaults(&parts);
    trace_of_caller(&parts.headers);
    let call = Call { headers: &parts.headers, body: &body, defaults: handed_on.as_ref().unwrap_or(api.defaults()) };
    match (operation, target) {
        (Some(operation), _) => {
            if let Some(answer) = elsewhere::answer(api, operation, &parts, &body, request_id).await {
                return answer;
            }
            let answer = answer_here(api, operation, &call).await;
            let error = answer.as_ref().err();
            api.metrics().answered(operation, began, error);
            tracing::debug!(operation = operation.name(), error = error.map(ApiError::code), "a request is answered");
            match answer {
                Ok(body) => success(body, request_id),
                Err(error) => failure(&error, request_id),
            }
        }
        (None, Some(target)) => failure(&unknown_target(&target), request_id),
        (None, None) => without_target(&parts.method, &parts.headers, &call, request_id),
    }
}

/// Log lines name it.
fn trace_of_caller(headers: &HeaderMap) {
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let w3c = || header("traceparent").and_then(TraceContext::from_traceparent);
    if let Some(context) = header("x-amzn-trace-id").and_then(TraceContext::from_xray).or_else(w3c) {
        about_trace(&context);
    }
}

/// What is not found where the catalog is followed may have been made elsewhere a moment ago: it is looked for once more.
async fn answer_here(api: &Api, operation: Operation, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let seen = api.catalog().position();
    match super::dispatch(api, operation, call).await {
        Err(error) if error.is_missing_in_catalog() && api.catalog().look_again(seen).await? => super::dispatch(api, operation, call).await,
        answer => answer,
    }
}

fn unknown_target(target: &str) -> ApiError {
    let target: String = target.chars().take(128).collect();
    ApiError::UnknownOperation(match target.strip_prefix(PREFIX) {
        Some(operation) => format!("AWS Step Functions has no operation {operation}"),
        None => format!("baton serves AWS Step Functions (X-Amz-Target: {PREFIX}<Operation>) and STS GetCallerIdentity, not {target}"),
    })
}

/// STS by form; anything else is for a service that is not here.
fn without_target(method: &Method, headers: &HeaderMap, call: &Call<'_>, request_id: RequestId) -> Response<Body> {
    let form = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if !form {
        let error = ApiError::UnknownOperation(format!(
            "baton serves AWS Step Functions: POST with a header X-Amz-Target: {PREFIX}<Operation>. This {method} request has none"
        ));
        return failure(&error, request_id);
    }
    let id = request_id.to_string();
    if sts::asks_for_caller_identity(call.body) {
        return response(StatusCode::OK, XML, sts::caller_identity(call, &id).into_bytes(), request_id);
    }
    response(StatusCode::BAD_REQUEST, XML, sts::not_served(&id).into_bytes(), request_id)
}

fn success(body: Vec<u8>, request_id: RequestId) -> Response<Body> {
    response(StatusCode::OK, JSON, body, request_id)
}

/// The answer that an error is.
pub(super) fn failure(error: &ApiError, request_id: RequestId) -> Response<Body> {
    #[derive(Serialize)]
    struct Answer<'a> {
        #[serde(rename = "__type")]
        code: &'a str,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        #[serde(rename = "resourceName", skip_serializing_if = "Option::is_none")]
        resource_name: Option<&'a str>,
    }
    if error.status().is_server_error() {
        tracing::warn!(%request_id, code = error.code(), %error, "a request could not be served");
    }
    let answer = Answer { code: error.code(), message: error.to_string(), reason: error.reason(), resource_name: error.resource_name() };
    response(error.status(), JSON, super::json(&answer), request_id)
}

fn response(status: StatusCode, content_type: HeaderValue, body: Vec<u8>, request_id: RequestId) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.headers_mut().insert(REQUEST_ID, request_id.header());
    response
}
