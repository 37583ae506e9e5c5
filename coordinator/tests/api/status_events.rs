//! Status-change events in EventBridge's form.

use std::sync::atomic::{AtomicUsize, Ordering};

use baton_coordinator::server::{ServerConfig, StatusEventDestination, Storage};
use serde_json::{Value, json};

use crate::fake_aws::FakeAws;
use crate::support::*;

fn statuses(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| text(&event["detail"], "status")).collect()
}

fn with_webhook(url: String) -> ServerConfig {
    ServerConfig { status_events: Some(vec![StatusEventDestination::Webhook(url)]), ..ServerConfig::default() }
}

#[tokio::test]
async fn a_webhook_gets_whole_events_as_eventbridge_hands_them_on() {
    let failures = AtomicUsize::new(0);
    let hook = FakeAws::answering(
        move |_| if failures.fetch_add(1, Ordering::Relaxed) == 0 { (503, String::new()) } else { (204, String::new()) },
    )
    .await;
    let server = TestServer::configured(with_webhook(format!("{}/hooks/states/", hook.url))).await;
    let execution = server.begin(&server.create("m", PASS).await).await;
    server.end(&execution).await;
    server.stop().await;

    let calls = hook.rest();
    assert!(calls.iter().all(|call| call.path == "/hooks/states/" && call.headers["content-type"] == "application/json"));
    assert!(calls.iter().all(|call| !call.headers.contains_key("authorization")));
    let events: Vec<_> = calls.into_iter().map(|call| call.body).collect();
    assert_eq!(statuses(&events), ["RUNNING", "RUNNING", "SUCCEEDED"]);
    assert_eq!(events[0], events[1], "what was not taken comes again");
    let event = &events[2];
    let envelope = ["version", "detail-type", "source", "account", "region", "resources"].map(|name| event[name].clone());
    let expected = json!(["0", "Step Functions Execution Status Change", "aws.states", "123456789012", "us-east-1", [execution]]);
    assert_eq!(json!(envelope), expected);
    let time = text(event, "time");
    assert!(time.len() == "2026-11-22T00:00:00Z".len() && time.ends_with('Z'), "{time}");
    assert_recent(&json!(event["detail"]["stopDate"].as_f64().expect("a number") / 1000.0));
    assert_eq!((&event["detail"]["output"], &event["detail"]["error"]), (&json!("{\"x\":1}"), &Value::Null));
}

#[tokio::test]
async fn a_webhook_that_refuses_is_not_asked_again() {
    let hook = FakeAws::answering(|_| (404, String::new())).await;
    let server = TestServer::configured(with_webhook(hook.url.clone())).await;
    server.end(&server.begin(&server.create("m", FAIL).await).await).await;
    server.stop().await;
    let events: Vec<_> = hook.rest().into_iter().map(|call| call.body).collect();
    assert_eq!(statuses(&events), ["RUNNING", "FAILED"]);
    assert_eq!((&events[1]["detail"]["error"], &events[1]["detail"]["cause"]), (&json!("E"), &json!("c")));
}

#[tokio::test]
async fn eventbridge_gets_what_it_did_not_take_once_more() {
    let calls = AtomicUsize::new(0);
    let bus = FakeAws::answering(move |call| {
        let count = call.body["Entries"].as_array().map_or(0, Vec::len);
        let mut entries = vec![json!({"EventId": "e"}); count];
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            entries[0] = json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "slower"});
        }
        (200, json!({"FailedEntryCount": 0, "Entries": entries}).to_string())
    })
    .await;
    let server = TestServer::configured(ServerConfig { eventbridge_endpoint: Some(bus.url.clone()), ..ServerConfig::default() }).await;
    let execution = server.begin(&server.create("m", PASS).await).await;
    server.end(&execution).await;
    server.stop().await;

    let calls = bus.rest();
    let mut seen = Vec::new();
    for call in &calls {
        assert_eq!((call.path.as_str(), call.operation.as_str()), ("/", "PutEvents"));
        let authorization = call.headers["authorization"].to_str().expect("text");
        assert!(authorization.contains("/us-east-1/events/aws4_request"), "{authorization}");
        for entry in call.body["Entries"].as_array().expect("entries") {
            assert_eq!((&entry["Source"], &entry["Resources"]), (&json!("aws.states"), &json!([execution])));
            assert_eq!(entry["DetailType"], "Step Functions Execution Status Change");
            assert!(entry["Time"].is_i64());
            let detail: Value = serde_json::from_str(&text(entry, "Detail")).expect("details are JSON");
            seen.push(text(&detail, "status"));
        }
    }
    // Both changes come from one step; whether they meet in one call is a matter of time.
    seen.sort();
    assert_eq!(seen, ["RUNNING", "RUNNING", "SUCCEEDED"]);
    assert!((2..=3).contains(&calls.len()));
}

#[tokio::test]
async fn a_file_gets_one_line_for_each_status_redrives_included() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let config = ServerConfig {
        storage: Storage::Local(folder.path().to_owned()),
        status_events: Some(vec![StatusEventDestination::File]),
        ..ServerConfig::default()
    };
    let server = TestServer::configured(config).await;
    let execution = server.begin(&server.create("m", WAIT).await).await;
    server.call("StopExecution", json!({"executionArn": execution})).await.expect("it runs");
    server.call("RedriveExecution", json!({"executionArn": execution})).await.expect("it was stopped");
    server.call("StopExecution", json!({"executionArn": execution})).await.expect("it runs again");
    server.stop().await;

    let text = std::fs::read_to_string(folder.path().join("status-events.jsonl")).expect("the file is there");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    assert_eq!(statuses(&events), ["RUNNING", "ABORTED", "RUNNING", "ABORTED"]);
    let counts: Vec<_> = events.iter().map(|event| event["detail"]["redriveCount"].clone()).collect();
    assert_eq!(counts, [0, 0, 1, 1]);
    let statuses: Vec<_> = events.iter().map(|event| event["detail"]["redriveStatus"].clone()).collect();
    assert_eq!(statuses, ["NOT_REDRIVABLE", "REDRIVABLE", "NOT_REDRIVABLE", "REDRIVABLE"]);
    assert!(events[0]["detail"]["redriveDate"].is_null() && events[2]["detail"]["redriveDate"].is_i64());
    assert!(events[2]["detail"]["stopDate"].is_null(), "it runs again");
}
