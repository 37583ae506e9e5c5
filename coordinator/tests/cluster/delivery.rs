//! Functions that no worker serves are called at the endpoint.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use baton_coordinator::delivery::{Delivery, LambdaEndpoint};
use baton_coordinator::store::memory::MemoryStore;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::*;

/// A Lambda endpoint: each function is called by what it does.
async fn lambda() -> String {
    async fn invoke(
        Path(function): Path<String>,
        Query(query): Query<Vec<(String, String)>>,
        headers: HeaderMap,
        body: Bytes,
    ) -> impl IntoResponse {
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential="), "{authorization}");
        let name = function.rsplit(':').next().expect("a name").to_owned();
        let version = [("x-amz-executed-version", "$LATEST"), ("x-amzn-requestid", "request-1")];
        match name.as_str() {
            "echo" => (StatusCode::OK, version, body).into_response(),
            "look" => {
                let kind = headers["x-amz-invocation-type"].to_str().expect("text");
                let text = json!({"function": function, "query": query, "kind": kind, "body": String::from_utf8_lossy(&body)});
                (StatusCode::OK, version, text.to_string()).into_response()
            }
            "fails" => {
                let error = [("x-amz-function-error", "Unhandled")];
                (StatusCode::OK, error, "{\"errorType\": \"Oops\", \"errorMessage\": \"m\"}").into_response()
            }
            "busy" => (StatusCode::TOO_MANY_REQUESTS, version, "{\"Message\":\"Rate Exceeded.\"}").into_response(),
            _ => (StatusCode::NOT_FOUND, version, format!("{{\"Message\":\"Function not found: {function}\"}}")).into_response(),
        }
    }
    let router = Router::new().route("/2015-03-31/functions/{function}/invocations", post(invoke));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn system(definition: &Value, url: &str) -> System {
    let delivery = Delivery::new(LambdaEndpoint::new(url, "us-east-1").expect("an address"));
    let deliver = delivery.sender();
    let system = System::with(Arc::new(MemoryStore::new(2)), definition, |config| config.deliver = Some(deliver)).await;
    system.spawn(delivery.run(system.cluster.clone()));
    system
}

fn arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:123456789012:function:{name}")
}

async fn failure(resource: &str) -> (String, String) {
    let system = system(&task_machine(resource), &lambda().await).await;
    system.start("e", "{}").await;
    let failure = system.ended("e").await.failure.expect("it has failed");
    (failure.error.expect("an error").to_string(), failure.cause.expect("a cause").to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_is_called_by_its_arn() {
    let system = system(&task_machine(&arn("echo")), &lambda().await).await;
    system.start("e", "{\"a\": [1, 2]}").await;
    assert_eq!(system.succeeded("e").await, "{\"a\":[1,2]}");
    let history =
        ["ExecutionStarted", "StateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "StateExited", "ExecutionSucceeded"];
    assert_eq!(system.history("e").await, history);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_is_called_through_invoke() {
    let machine = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "look", "Qualifier": "P", "Payload.$": "$"}, "ResultSelector": {"seen.$": "$.Payload", "id.$": "$.SdkResponseMetadata.RequestId"}, "End": true}}});
    let system = system(&machine, &lambda().await).await;
    system.start("e", "{\"x\":1}").await;
    let output: Value = serde_json::from_str(&system.succeeded("e").await).expect("JSON");
    let seen = json!({"function": "look", "query": [["Qualifier", "P"]], "kind": "RequestResponse", "body": "{\"x\":1}"});
    assert_eq!(output, json!({"seen": seen, "id": "request-1"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_told_as_step_functions_does() {
    let (error, cause) = failure(&arn("fails")).await;
    assert_eq!((error.as_str(), cause.as_str()), ("Oops", "{\"errorType\": \"Oops\", \"errorMessage\": \"m\"}"));
    assert_eq!(failure(&arn("busy")).await.0, "Lambda.TooManyRequestsException");
    let (error, cause) = failure(&arn("missing")).await;
    assert_eq!(error, "Lambda.ResourceNotFoundException");
    assert!(cause.starts_with("Function not found: ") && cause.contains("Request ID: request-1;"), "{cause}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_away_is_a_client_error() {
    let system = system(&task_machine(&arn("echo")), "http://127.0.0.1:9").await;
    system.start("e", "{}").await;
    let failure = system.ended("e").await.failure.expect("it has failed");
    assert_eq!(failure.error.as_deref(), Some("Lambda.SdkClientException"));
    assert!(failure.cause.is_some_and(|cause| cause.starts_with("Unable to execute HTTP request: 127.0.0.1:9: ")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_endpoint_the_function_is_not_found() {
    let system = System::in_memory(&task_machine(&arn("nobody"))).await;
    system.start("e", "{}").await;
    let failure = system.ended("e").await.failure.expect("it has failed");
    assert_eq!(failure.error.as_deref(), Some("Lambda.ResourceNotFoundException"));
    let history = ["ExecutionStarted", "StateEntered", "TaskScheduled", "TaskStarted", "TaskFailed", "ExecutionFailed"];
    assert_eq!(system.history("e").await, history);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_services_are_named_when_they_are_not_there() {
    let machine = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": "q", "MessageBody": "m"}, "End": true}}});
    let system = System::in_memory(&machine).await;
    system.start("e", "{}").await;
    let failure = system.ended("e").await.failure.expect("it has failed");
    assert!(failure.cause.is_some_and(|cause| cause.contains("arn:aws:states:::sqs:sendMessage")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_a_worker_has_served_waits_for_it_although_there_is_an_endpoint() {
    let system = system(&task_machine(FUNCTION), &lambda().await).await;
    system.start("e", "{}").await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    let granted = worker.granted().await;
    worker.succeed(&granted, "1").await;
    assert_eq!(system.succeeded("e").await, "1");
}
