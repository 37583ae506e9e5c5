//! StartExecution, DescribeExecution, StopExecution, ListExecutions, DescribeStateMachineForExecution, StartSyncExecution.

use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn an_execution_runs_and_is_described() {
    let server = TestServer::start().await;
    let machine = server.create("m", PASS).await;
    let members = json!({"stateMachineArn": machine, "name": "e", "input": " {\"a\" : 1}", "traceHeader": "Root=1"});
    let started = server.call("StartExecution", members).await.expect("it starts");
    let arn = "arn:aws:states:us-east-1:123456789012:execution:m:e";
    assert_eq!(started["executionArn"], arn);
    assert_recent(&started["startDate"]);
    let ended = server.end(arn).await;
    let described = server.call("DescribeExecution", json!({"executionArn": arn})).await.expect("it is there");
    assert_eq!(ended, described);
    assert_recent(&described["stopDate"]);
    let expected = json!({
        "executionArn": arn, "stateMachineArn": machine, "name": "e", "status": "SUCCEEDED",
        "startDate": started["startDate"], "stopDate": described["stopDate"],
        "input": " {\"a\" : 1}", "inputDetails": {"included": true}, "output": "{\"x\":1}", "outputDetails": {"included": true},
        "traceHeader": "Root=1", "redriveCount": 0, "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven"
    });
    assert_eq!(described, expected);
    let metadata =
        server.call("DescribeExecution", json!({"executionArn": arn, "includedData": "METADATA_ONLY"})).await.expect("it is there");
    assert_eq!((metadata.get("input"), &metadata["inputDetails"]), (None, &json!({"included": false})));
    assert_eq!((metadata.get("output"), &metadata["outputDetails"]), (None, &json!({"included": false})));
    server.stop().await;
}

#[tokio::test]
async fn a_failed_execution_tells_error_and_cause() {
    let server = TestServer::start().await;
    let machine = server.create("m", FAIL).await;
    let execution = server.begin(&machine).await;
    let ended = server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["error"], &ended["cause"]), (&json!("FAILED"), &json!("E"), &json!("c")));
    assert_eq!((&ended["input"], ended.get("output"), ended.get("outputDetails")), (&json!("{}"), None, None));
    assert_eq!((&ended["redriveStatus"], ended.get("redriveStatusReason")), (&json!("REDRIVABLE"), None));
    server.stop().await;
}

#[tokio::test]
async fn starting_is_idempotent_while_the_execution_runs() {
    let server = TestServer::start().await;
    let machine = server.create("m", WAIT).await;
    let start = |input: &str| server.call("StartExecution", json!({"stateMachineArn": machine, "name": "e", "input": input}));
    let started = start("{\"a\":1}").await.expect("it starts");
    assert_eq!(start("{\"a\":1}").await, Ok(started.clone()));
    let exists = format!("Execution Already Exists: '{}'", text(&started, "executionArn"));
    assert_refused(start("{\"a\":2}").await, "ExecutionAlreadyExists", &exists);
    // It is the text that is compared.
    assert_refused(start("{\"a\": 1}").await, "ExecutionAlreadyExists", &exists);
    server.call("StopExecution", json!({"executionArn": started["executionArn"]})).await.expect("it runs");
    assert_refused(start("{\"a\":1}").await, "ExecutionAlreadyExists", &exists);
    server.stop().await;
}

#[tokio::test]
async fn inputs_are_json_of_any_kind() {
    let server = TestServer::start().await;
    let machine = server.create("m", SUCCEED).await;
    let start = |input: &str| server.call("StartExecution", json!({"stateMachineArn": machine, "input": input}));
    for input in ["5", "\"str\"", "null", "[ 1,2 ]", "{\"ü\":\"\\u00e9\"}"] {
        let started = start(input).await.expect("it starts");
        assert_eq!(server.end(&text(&started, "executionArn")).await["output"], input);
    }
    let message = "Invalid State Machine Execution Input: 'Invalid execution input.'";
    assert_refused(start("").await, "InvalidExecutionInput", message);
    let refused = start("not json").await.expect_err("it is no JSON");
    assert_eq!(refused.code, "InvalidExecutionInput");
    let words = "Invalid State Machine Execution Input: 'Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    assert!(refused.message.starts_with(words), "{}", refused.message);
    let words =
        "Invalid State Machine Execution Input: 'Unexpected character (''' (code 39)): was expecting double-quote to start field name";
    let refused = start("{'a':1}").await.expect_err("it is no JSON");
    assert!(refused.message.starts_with(words), "{}", refused.message);
    for input in ["{\"a\":}", "[1", "\"\\ud800\"", "1e999", &"[".repeat(100_000), &format!("{}{}", "[".repeat(128), "]".repeat(128))] {
        assert_eq!(start(input).await.expect_err("it is refused").code, "InvalidExecutionInput", "{}", &input[..input.len().min(20)]);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_input_has_262144_bytes_at_most() {
    let server = TestServer::start().await;
    let machine = server.create("m", SUCCEED).await;
    let start = |input: String| server.call("StartExecution", json!({"stateMachineArn": machine, "input": input}));
    let fits = format!("\"{}\"", "é".repeat(131_071));
    assert_eq!(fits.len(), 262_144);
    start(fits).await.expect("it fits");
    let message =
        "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than or equal to 262144";
    assert_refused(start(format!("\"{}\"", "x".repeat(262_143))).await, "ValidationException", message);
    server.stop().await;
}

#[tokio::test]
async fn wrong_starts_are_refused() {
    let server = TestServer::start().await;
    let machine = server.create("m", PASS).await;
    let start = |arn: &str, name: &str| server.call("StartExecution", json!({"stateMachineArn": arn, "name": name}));
    assert_refused(start("m", "e").await, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: m'");
    let missing = format!("{machine}x");
    assert_refused(start(&missing, "e").await, "StateMachineDoesNotExist", &format!("State Machine Does Not Exist: '{missing}'"));
    assert_refused(start(&machine, "a/b").await, "InvalidName", "Invalid Name: 'a/b'");
    let message =
        "1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1";
    assert_refused(start(&machine, "").await, "ValidationException", message);
    server.stop().await;
}

#[tokio::test]
async fn an_execution_is_stopped_once() {
    let server = TestServer::start().await;
    let machine = server.create("m", WAIT).await;
    let execution = server.begin(&machine).await;
    let stopped = server.call("StopExecution", json!({"executionArn": execution, "error": "E", "cause": "c"})).await.expect("it runs");
    assert_recent(&stopped["stopDate"]);
    let described = server.end(&execution).await;
    assert_eq!((&described["status"], &described["error"], &described["cause"]), (&json!("ABORTED"), &json!("E"), &json!("c")));
    assert_eq!(described["stopDate"], stopped["stopDate"]);
    assert_eq!(server.call("StopExecution", json!({"executionArn": execution})).await, Ok(stopped));
    server.stop().await;
}

#[tokio::test]
async fn executions_that_are_not_there() {
    let server = TestServer::start().await;
    let arn = "arn:aws:states:us-east-1:123456789012:execution:m:e";
    let express = "arn:aws:states:us-east-1:123456789012:express:m:e:803be47e-2214-491e-b0e5-64f779c50000";
    for operation in ["DescribeExecution", "StopExecution", "GetExecutionHistory", "DescribeStateMachineForExecution"] {
        let call = |arn: &str| server.call(operation, json!({"executionArn": arn}));
        assert_refused(call(arn).await, "ExecutionDoesNotExist", &format!("Execution Does Not Exist: '{arn}'"));
        assert_refused(call("nope").await, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: nope'");
        assert_refused(call(express).await, "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'");
        let message = "1 validation error detected: Value null at 'executionArn' failed to satisfy constraint: Member must not be null";
        assert_refused(server.call(operation, json!({})).await, "ValidationException", message);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_execution_keeps_the_definition_it_started_with() {
    let server = TestServer::start().await;
    let machine = server.create("m", WAIT).await;
    let execution = server.begin(&machine).await;
    let update = json!({"stateMachineArn": machine, "definition": PASS, "roleArn": "arn:aws:iam::123456789012:role/other"});
    server.call("UpdateStateMachine", update).await.expect("it is there");
    let described = server.call("DescribeStateMachineForExecution", json!({"executionArn": execution})).await.expect("it is there");
    assert_recent(&described["updateDate"]);
    let expected = json!({
        "stateMachineArn": machine, "name": "m", "definition": WAIT, "roleArn": ROLE, "updateDate": described["updateDate"],
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": false}, "tracingConfiguration": {"enabled": false},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"}
    });
    assert_eq!(described, expected);
    let next = server.begin(&machine).await;
    let described = server.call("DescribeStateMachineForExecution", json!({"executionArn": next})).await.expect("it is there");
    assert_eq!(described["definition"], PASS);
    assert!(described["revisionId"].is_string());
    server.stop().await;
}

#[tokio::test]
async fn executions_are_listed_latest_first() {
    let server = TestServer::start().await;
    let machine = server.create("m", PASS).await;
    let other = server.create("other", PASS).await;
    server.begin(&other).await;
    let mut started = Vec::new();
    for number in 0..7 {
        let members = json!({"stateMachineArn": machine, "name": format!("e{number}")});
        let execution = server.call("StartExecution", members).await.expect("it starts");
        server.end(&text(&execution, "executionArn")).await;
        started.insert(0, format!("e{number}"));
        // The order of two starts in one millisecond is not told.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let (names, first) = list(&server, json!({"stateMachineArn": machine, "maxResults": 3})).await;
    assert_eq!(names, started[..3]);
    let (names, second) = list(&server, json!({"stateMachineArn": machine, "maxResults": 2, "nextToken": first})).await;
    assert_eq!(names, started[3..5]);
    let (names, last) = list(&server, json!({"stateMachineArn": machine, "nextToken": second})).await;
    assert_eq!((names, last), (started[5..].to_vec(), Value::Null));

    let call = |members: Value| server.call("ListExecutions", members);
    let item = call(json!({"stateMachineArn": machine, "maxResults": 1})).await.expect("a page")["executions"][0].clone();
    let expected = json!({
        "executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:e6", "stateMachineArn": machine, "name": "e6",
        "status": "SUCCEEDED", "startDate": item["startDate"], "stopDate": item["stopDate"], "redriveCount": 0
    });
    assert_eq!(item, expected);
    let token = |arn: &str| call(json!({"stateMachineArn": arn, "nextToken": first}));
    assert_refused(token(&other).await, "InvalidToken", "Invalid Token: 'Invalid token'");
    let filtered = call(json!({"stateMachineArn": machine, "statusFilter": "SUCCEEDED", "nextToken": first})).await;
    assert_refused(filtered, "InvalidToken", "Invalid Token: 'Invalid token'");
    server.stop().await;
}

async fn list(server: &TestServer, members: Value) -> (Vec<String>, Value) {
    let page = server.call("ListExecutions", members).await.expect("a page");
    let names = page["executions"].as_array().expect("a list").iter().map(|item| text(item, "name")).collect();
    (names, page["nextToken"].clone())
}

#[tokio::test]
async fn lists_are_filtered_by_status() {
    let server = TestServer::start().await;
    let machine = server.create("m", WAIT).await;
    let stopped = server.begin(&machine).await;
    server.call("StopExecution", json!({"executionArn": stopped})).await.expect("it runs");
    server.begin(&machine).await;
    for (status, count) in [("RUNNING", 1), ("ABORTED", 1), ("SUCCEEDED", 0), ("FAILED", 0), ("TIMED_OUT", 0), ("PENDING_REDRIVE", 0)] {
        let (names, _) = list(&server, json!({"stateMachineArn": machine, "statusFilter": status})).await;
        assert_eq!(names.len(), count, "{status}");
    }
    let (redriven, _) = list(&server, json!({"stateMachineArn": machine, "redriveFilter": "REDRIVEN"})).await;
    assert_eq!(redriven.len(), 0);
    let message = "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: \
                   Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]";
    let filtered = server.call("ListExecutions", json!({"stateMachineArn": machine, "statusFilter": "succeeded"})).await;
    assert_refused(filtered, "ValidationException", message);
    server.stop().await;
}

#[tokio::test]
async fn wrong_lists_are_refused() {
    let server = TestServer::start().await;
    let machine = server.create("m", PASS).await;
    let call = |members: Value| server.call("ListExecutions", members);
    let missing = format!("{machine}x");
    let gone = format!("State Machine Does Not Exist: '{missing}'");
    assert_refused(call(json!({"stateMachineArn": missing})).await, "StateMachineDoesNotExist", &gone);
    assert_refused(call(json!({"stateMachineArn": "m"})).await, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: m'");
    assert_eq!(call(json!({})).await.expect_err("neither").code, "ValidationException");
    let long = "x".repeat(3097);
    let message = format!(
        "1 validation error detected: Value '{long}' at 'nextToken' failed to satisfy constraint: Member must have length less than or equal to 3096"
    );
    assert_refused(call(json!({"stateMachineArn": machine, "nextToken": long})).await, "ValidationException", &message);
    assert_refused(call(json!({"stateMachineArn": machine, "nextToken": "x"})).await, "InvalidToken", "Invalid Token: 'Invalid token'");
    let run = json!({"mapRunArn": "arn:aws:states:us-east-1:123456789012:mapRun:m/l:u"});
    assert_eq!(call(run).await.expect_err("there are none").code, "ResourceNotFound");
    server.stop().await;
}
