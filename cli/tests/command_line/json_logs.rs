//! Lines of `up` say in JSON which request, execution and trace they are about.

use serde_json::{Value, json};

use crate::support::{Dev, baton, folder, http};

const MACHINE: &str = r#"{ "StartAt": "Say", "States": { "Say": {
    "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Speaker", "Next": "Ask" },
    "Ask": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Nobody", "End": true } } }"#;
const TABLE: &str = r#"
[functions.Speaker]
runtime = "command"
code = ["sh", "-c", "cat >/dev/null; echo heard you >&2; echo '\"done\"'"]
"#;
const TRACE_ID: &str = "5759e988bd862e3fe1be46a994272793";

/// The lines with this message.
fn lines(err: &str, message: &str) -> Vec<Value> {
    let read = |line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    err.lines().map(read).filter(|line| line["message"].as_str().is_some_and(|text| text.starts_with(message))).collect()
}

/// Calls an operation as part of a trace; its answer and the request's id.
async fn call_traced(url: &str, operation: &str, body: Value) -> (Value, String) {
    let request = http(None).post(url).header("x-amz-target", format!("AWSStepFunctions.{operation}"));
    let request = request.header("traceparent", format!("00-{TRACE_ID}-53995c3f42cd8ad8-01"));
    let response = request.body(body.to_string()).send().await.expect("the server answers");
    let id = response.headers()["x-amzn-requestid"].to_str().expect("ASCII").to_owned();
    (serde_json::from_str(&response.text().await.expect("a text")).expect("answers are JSON"), id)
}

#[tokio::test]
async fn lines_name_the_request_the_execution_and_the_trace_that_they_are_about() {
    let folder = folder(&[("speaker.asl.json", MACHINE), ("baton.toml", TABLE)]);
    let mut command = baton();
    command.args(["up", "--port", "0", "--ephemeral"]).arg(folder.path()).env("BATON_LOG", "info,baton_coordinator::api=debug");
    let server = Dev::start(command);
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:speaker";
    let (started, start_id) = call_traced(&server.url, "StartExecution", json!({"stateMachineArn": machine})).await;
    let execution = started["executionArn"].as_str().expect("it is started");
    let (_, look_id) = call_traced(&server.url, "DescribeExecution", json!({"executionArn": execution})).await;
    server.prints("no worker has ever served this function");
    let err = server.stop();

    // Of the worker, of the API, and of the engine.
    let [heard] = &lines(&err, "heard you")[..] else { panic!("{err}") };
    assert_eq!((&heard["execution_arn"], &heard["trace_id"], &heard["function"]), (&json!(execution), &json!(TRACE_ID), &json!("Speaker")));
    let answered = lines(&err, "a request is answered");
    for (operation, id) in [("StartExecution", &start_id), ("DescribeExecution", &look_id)] {
        let line = answered.iter().find(|line| line["operation"] == operation).unwrap_or_else(|| panic!("{operation}: {err}"));
        assert_eq!(
            (&line["request_id"], &line["execution"], &line["trace_id"]),
            (&json!(id), &json!(execution), &json!(TRACE_ID)),
            "{line}"
        );
    }
    let [missed] = &lines(&err, "no worker has ever served this function")[..] else { panic!("{err}") };
    assert_eq!((&missed["execution"], &missed["trace_id"]), (&json!(execution), &json!(TRACE_ID)));
}
