//! Executions of Express state machines.

use std::time::Duration;

use baton_coordinator::cluster::ExpressLimits;
use baton_coordinator::server::{ServerConfig, Storage};
use serde_json::{Value, json};

use crate::support::*;

const UNSUPPORTED: &str = "This operation is not supported by this type of state machine";

async fn create(server: &TestServer, name: &str, definition: &str) -> String {
    let machine = json!({"name": name, "definition": definition, "roleArn": ROLE, "type": "EXPRESS"});
    text(&server.call("CreateStateMachine", machine).await.expect("the machine is new"), "stateMachineArn")
}

async fn limited(express: ExpressLimits) -> TestServer {
    let listen = ([127, 0, 0, 1], 0).into();
    TestServer::configured(ServerConfig { listen, storage: Storage::Memory, express, ..ServerConfig::default() }).await
}

#[tokio::test]
async fn a_sync_execution_answers_with_its_end() {
    let server = TestServer::start().await;
    let machine = create(&server, "m", PASS).await;
    let start = json!({"stateMachineArn": machine, "name": "e", "input": r#"{"a": 1}"#, "traceHeader": "Root=1"});
    let mut ended = server.call("StartSyncExecution", start).await.expect("it runs");
    for date in ["startDate", "stopDate"] {
        assert_recent(&ended[date]);
        ended[date].take();
    }
    let arn = text(&ended, "executionArn");
    let (prefix, id) = arn.rsplit_once(':').expect("an ARN has parts");
    assert_eq!(prefix, "arn:aws:states:us-east-1:123456789012:express:m:e");
    assert_eq!((id.len(), id.matches('-').count()), (36, 4), "{id}");
    let expected = json!({
        "executionArn": arn, "stateMachineArn": machine, "name": "e", "status": "SUCCEEDED", "startDate": null, "stopDate": null,
        "input": r#"{"a": 1}"#, "inputDetails": {"included": true}, "output": r#"{"x":1}"#, "outputDetails": {"included": true},
        "traceHeader": "Root=1", "billingDetails": {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100},
    });
    assert_eq!(ended, expected);
    server.stop().await;
}

#[tokio::test]
async fn a_sync_execution_that_fails_is_a_success_of_the_call() {
    let server = TestServer::start().await;
    let machine = create(&server, "m", FAIL).await;
    let ended = server.call("StartSyncExecution", json!({"stateMachineArn": machine})).await.expect("it runs");
    assert_eq!((&ended["status"], &ended["error"], &ended["cause"]), (&json!("FAILED"), &json!("E"), &json!("c")));
    assert_eq!((ended.get("output"), &ended["outputDetails"]), (None, &json!({"included": true})));
    assert_eq!(ended["input"], "{}");
    server.stop().await;
}

#[tokio::test]
async fn metadata_alone_has_no_payloads() {
    let server = TestServer::start().await;
    let machine = create(&server, "m", PASS).await;
    let start = json!({"stateMachineArn": machine, "includedData": "METADATA_ONLY"});
    let ended = server.call("StartSyncExecution", start).await.expect("it runs");
    assert_eq!((ended.get("input"), ended.get("output")), (None, None));
    assert_eq!((&ended["inputDetails"], &ended["outputDetails"]), (&json!({"included": false}), &json!({"included": false})));
    let wrong = server.call("StartSyncExecution", json!({"stateMachineArn": machine, "includedData": "SOME"})).await;
    let message = "1 validation error detected: Value 'SOME' at 'includedData' failed to satisfy constraint: Member must satisfy enum value set: [ALL_DATA, METADATA_ONLY]";
    assert_refused(wrong, "ValidationException", message);
    server.stop().await;
}

#[tokio::test]
async fn names_repeat_and_every_start_is_one_of_its_own() {
    let server = TestServer::start().await;
    let machine = create(&server, "m", PASS).await;
    let mut arns = Vec::new();
    for operation in ["StartExecution", "StartExecution", "StartSyncExecution", "StartSyncExecution"] {
        let started = server.call(operation, json!({"stateMachineArn": machine, "name": "e"})).await.expect("it starts");
        assert_recent(&started["startDate"]);
        arns.push(text(&started, "executionArn"));
    }
    arns.sort();
    arns.dedup();
    assert_eq!(arns.len(), 4);
    assert!(arns.iter().all(|arn| arn.starts_with("arn:aws:states:us-east-1:123456789012:express:m:e:")), "{arns:?}");
    server.stop().await;
}

#[tokio::test]
async fn versions_and_aliases_lead_to_their_definitions() {
    let server = TestServer::start().await;
    let machine = create(&server, "m", PASS).await;
    let version = server.call("PublishStateMachineVersion", json!({"stateMachineArn": machine})).await.expect("it is there");
    let version = text(&version, "stateMachineVersionArn");
    let update = json!({"stateMachineArn": machine, "definition": PASS.replace("\"x\":1", "\"x\":2")});
    server.call("UpdateStateMachine", update).await.expect("it is there");
    let routes = json!([{"stateMachineVersionArn": version, "weight": 100}]);
    let alias = server.call("CreateStateMachineAlias", json!({"name": "live", "routingConfiguration": routes})).await.expect("it is new");
    let alias = text(&alias, "stateMachineAliasArn");
    for (arn, output) in [(&machine, r#"{"x":2}"#), (&version, r#"{"x":1}"#), (&alias, r#"{"x":1}"#)] {
        let ended = server.call("StartSyncExecution", json!({"stateMachineArn": arn})).await.expect("it runs");
        assert_eq!((&ended["output"], &ended["stateMachineArn"]), (&json!(output), &json!(machine)), "{arn}");
        server.call("StartExecution", json!({"stateMachineArn": arn})).await.expect("it starts");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_only_standard_executions_have_is_refused() {
    let server = TestServer::start().await;
    let machine = create(&server, "m", PASS).await;
    let started = server.call("StartExecution", json!({"stateMachineArn": machine})).await.expect("it starts");
    let arn = text(&started, "executionArn");
    let message = "Invalid Arn: 'Resource type not valid in this context: express'";
    for operation in ["DescribeExecution", "GetExecutionHistory", "StopExecution", "DescribeStateMachineForExecution", "RedriveExecution"] {
        assert_refused(server.call(operation, json!({"executionArn": arn})).await, "InvalidArn", message);
    }
    assert_refused(server.call("ListExecutions", json!({"stateMachineArn": machine})).await, "StateMachineTypeNotSupported", UNSUPPORTED);
    let standard = server.create("s", PASS).await;
    let sync = server.call("StartSyncExecution", json!({"stateMachineArn": standard})).await;
    assert_refused(sync, "StateMachineTypeNotSupported", UNSUPPORTED);
    server.stop().await;
}

#[tokio::test]
async fn wrong_starts_are_refused() {
    let server = TestServer::start().await;
    let machine = create(&server, "m", PASS).await;
    for operation in ["StartExecution", "StartSyncExecution"] {
        let start = |members: Value| server.call(operation, members);
        assert_refused(start(json!({"stateMachineArn": machine, "name": "a/b"})).await, "InvalidName", "Invalid Name: 'a/b'");
        let missing = format!("{machine}x");
        let message = format!("State Machine Does Not Exist: '{missing}'");
        assert_refused(start(json!({"stateMachineArn": missing})).await, "StateMachineDoesNotExist", &message);
        let message = "Invalid State Machine Execution Input: 'Invalid execution input.'";
        assert_refused(start(json!({"stateMachineArn": machine, "input": ""})).await, "InvalidExecutionInput", message);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_execution_times_out_after_five_minutes_at_the_latest() {
    let server = limited(ExpressLimits { execution_seconds_max: 1, ..ExpressLimits::default() }).await;
    let machine = create(&server, "m", WAIT).await;
    let ended = server.call("StartSyncExecution", json!({"stateMachineArn": machine})).await.expect("it runs");
    assert_eq!((&ended["status"], ended.get("output")), (&json!("TIMED_OUT"), None));
    let billed = ended["billingDetails"]["billedDurationInMilliseconds"].as_u64().expect("a number");
    assert!(billed >= 1_000 && billed % 100 == 0, "{billed}");
    assert_eq!(server.cluster().express().open(), 0);
    server.stop().await;
    assert_eq!(ExpressLimits::default().execution_seconds_max, 300);
}

#[tokio::test]
async fn no_more_run_at_once_than_there_is_room_for() {
    let server = limited(ExpressLimits { open_max: 2, ..ExpressLimits::default() }).await;
    let machine = create(&server, "m", WAIT).await;
    let start = |operation| server.call(operation, json!({"stateMachineArn": machine}));
    start("StartExecution").await.expect("it is empty");
    start("StartExecution").await.expect("there is room for two");
    for operation in ["StartExecution", "StartSyncExecution"] {
        assert_refused(start(operation).await, "ThrottlingException", "Rate exceeded");
    }
    server.stop().await;
}

#[tokio::test]
async fn whoever_waits_when_the_server_goes_away_is_told() {
    let server = TestServer::start().await;
    let machine = create(&server, "m", WAIT).await;
    let waiting = tokio::spawn(server.call_apart("StartSyncExecution", json!({"stateMachineArn": machine})));
    while server.cluster().express().open() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    server.stop().await;
    let refused = waiting.await.expect("no panic").expect_err("it cannot have ended");
    assert_eq!((refused.status, refused.code.as_str()), (503, "ServiceUnavailable"));
    assert!(refused.message.starts_with("The server is going away. The execution had not ended"), "{}", refused.message);
}
