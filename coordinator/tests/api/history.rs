//! GetExecutionHistory.

use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn a_history_is_as_aws_was_recorded_to_show_it() {
    let server = TestServer::start().await;
    let machine = server.create("m", PASS).await;
    let execution = server.begin(&machine).await;
    server.end(&execution).await;
    let history = server.call("GetExecutionHistory", json!({"executionArn": execution})).await.expect("it is there");
    let mut events = history["events"].clone();
    for event in events.as_array_mut().expect("a list") {
        assert_recent(&event["timestamp"]);
        event.as_object_mut().expect("an object").remove("timestamp");
    }
    let truncated = json!({"truncated": false});
    let expected = json!([
        {"id": 1, "previousEventId": 0, "type": "ExecutionStarted",
         "executionStartedEventDetails": {"input": "{}", "inputDetails": truncated, "roleArn": ROLE}},
        {"id": 2, "previousEventId": 0, "type": "PassStateEntered",
         "stateEnteredEventDetails": {"name": "A", "input": "{}", "inputDetails": truncated}},
        {"id": 3, "previousEventId": 2, "type": "PassStateExited",
         "stateExitedEventDetails": {"name": "A", "output": "{\"x\":1}", "outputDetails": truncated}},
        {"id": 4, "previousEventId": 3, "type": "ExecutionSucceeded",
         "executionSucceededEventDetails": {"output": "{\"x\":1}", "outputDetails": truncated}}
    ]);
    assert_eq!(events, expected);
    assert_eq!(history.get("nextToken"), None);
    server.stop().await;
}

#[tokio::test]
async fn pages_go_both_ways() {
    let server = TestServer::start().await;
    let machine = server.create("m", SUCCEED).await;
    let execution = server.begin(&machine).await;
    server.end(&execution).await;
    for reverse in [false, true] {
        let mut ids = Vec::new();
        let mut token = Value::Null;
        loop {
            let members = json!({"executionArn": execution, "maxResults": 2, "reverseOrder": reverse, "nextToken": token});
            let page = server.call("GetExecutionHistory", members).await.expect("a page");
            ids.extend(page["events"].as_array().expect("a list").iter().map(|event| event["id"].as_u64().expect("a number")));
            match page.get("nextToken") {
                Some(next) => token = next.clone(),
                None => break,
            }
        }
        let mut expected: Vec<u64> = (1..=6).collect();
        if reverse {
            expected.reverse();
        }
        assert_eq!(ids, expected);
        let turned = json!({"executionArn": execution, "reverseOrder": !reverse, "nextToken": token});
        assert_refused(server.call("GetExecutionHistory", turned).await, "InvalidToken", "Invalid Token: 'Invalid token'");
    }
    let message = "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000";
    let large = json!({"executionArn": execution, "maxResults": 1001});
    assert_refused(server.call("GetExecutionHistory", large).await, "ValidationException", message);
    let long = "x".repeat(1025);
    let message = format!(
        "1 validation error detected: Value '{long}' at 'nextToken' failed to satisfy constraint: Member must have length less than or equal to 1024"
    );
    let members = json!({"executionArn": execution, "nextToken": long});
    assert_refused(server.call("GetExecutionHistory", members).await, "ValidationException", &message);
    server.stop().await;
}

#[tokio::test]
async fn data_can_be_left_out() {
    let server = TestServer::start().await;
    let machine = server.create("m", PASS).await;
    let execution = server.begin(&machine).await;
    server.end(&execution).await;
    let members = json!({"executionArn": execution, "includeExecutionData": false});
    let history = server.call("GetExecutionHistory", members).await.expect("it is there");
    assert_eq!(history["events"][1]["stateEnteredEventDetails"], json!({"name": "A", "inputDetails": {"truncated": false}}));
    assert_eq!(history["events"][3]["executionSucceededEventDetails"], json!({"outputDetails": {"truncated": false}}));
    server.stop().await;
}

#[tokio::test]
async fn a_stopped_execution_ends_with_its_abortion() {
    let server = TestServer::start().await;
    let machine = server.create("m", WAIT).await;
    let execution = server.begin(&machine).await;
    server.call("StopExecution", json!({"executionArn": execution})).await.expect("it runs");
    let history = server.call("GetExecutionHistory", json!({"executionArn": execution})).await.expect("it is there");
    let types: Vec<_> = history["events"].as_array().expect("a list").iter().map(|event| text(event, "type")).collect();
    assert_eq!(types, ["ExecutionStarted", "WaitStateEntered", "ExecutionAborted"]);
    let last = &history["events"][2];
    assert_eq!((&last["previousEventId"], &last["executionAbortedEventDetails"]), (&json!(0), &json!({})));
    server.stop().await;
}
