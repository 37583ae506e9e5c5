//! Map Runs that are looked for, and not found.

use http::StatusCode;
use serde_json::json;

use crate::support::*;

const MAP_RUN: &str = "arn:aws:states:us-east-1:123456789012:mapRun:m/Map:6f9b1a5e-0000-4000-8000-000000000000";

#[tokio::test]
async fn there_are_none() {
    let server = TestServer::start().await;
    let machine = server.create("m", PASS).await;
    let execution = server.begin(&machine).await;
    assert_eq!(server.call("ListMapRuns", json!({"executionArn": execution})).await, Ok(json!({"mapRuns": []})));
    let missing = execution.replace(":execution:m:", ":execution:m:other");
    let text = format!("Execution Does Not Exist: '{missing}'");
    assert_refused(server.call("ListMapRuns", json!({"executionArn": missing})).await, "ExecutionDoesNotExist", &text);
    for operation in ["DescribeMapRun", "UpdateMapRun"] {
        let text = format!("Resource not found: '{MAP_RUN}'");
        assert_refused(server.call(operation, json!({"mapRunArn": MAP_RUN})).await, "ResourceNotFound", &text);
        let text = "Invalid Arn: 'Resource type not valid in this context: execution'";
        assert_refused(server.call(operation, json!({"mapRunArn": execution})).await, "InvalidArn", text);
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_found_is_named_beside_the_message() {
    let server = TestServer::start().await;
    let request = http::Request::post("/").header("x-amz-target", "AWSStepFunctions.DescribeMapRun");
    let body = json!({"mapRunArn": MAP_RUN}).to_string();
    let (status, answer) = server.send(request.body(body.into()).expect("a request")).await;
    let answer: serde_json::Value = serde_json::from_slice(&answer).expect("answers are JSON");
    let message = format!("Resource not found: '{MAP_RUN}'");
    assert_eq!(
        (status, answer),
        (StatusCode::BAD_REQUEST, json!({"__type": "ResourceNotFound", "message": message, "resourceName": MAP_RUN}))
    );
    server.stop().await;
}
