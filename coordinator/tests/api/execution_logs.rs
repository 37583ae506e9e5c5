//! Execution logs, as state machines' logging configurations ask for them.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use baton_coordinator::server::{LogDestination, Server, ServerConfig, StatusEventDestination, Storage};
use serde_json::{Value, json};

use crate::fake_aws::{Call, FakeAws, silent};
use crate::support::*;

const GROUP_ARN: &str = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/vendedlogs/states/orders:*";
const GROUP: &str = "/aws/vendedlogs/states/orders";

fn logging(level: &str, data: bool) -> Value {
    let destinations = json!([{"cloudWatchLogsLogGroup": {"logGroupArn": GROUP_ARN}}]);
    json!({"level": level, "includeExecutionData": data, "destinations": destinations})
}

async fn create(server: &TestServer, name: &str, definition: &str, logging: Value) -> String {
    let members = json!({"name": name, "definition": definition, "roleArn": ROLE, "loggingConfiguration": logging});
    text(&server.call("CreateStateMachine", members).await.expect("the machine is new"), "stateMachineArn")
}

async fn run(server: &TestServer, machine: &str) -> String {
    let execution = server.begin(machine).await;
    server.end(&execution).await;
    execution
}

/// The lines of the log group's file.
fn lines(folder: &Path) -> Vec<Value> {
    let path = folder.join("execution-logs/123456789012_eu-west-1_+aws+vendedlogs+states+orders.jsonl");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

fn types(lines: &[Value]) -> Vec<String> {
    lines.iter().map(|line| text(line, "type")).collect()
}

#[tokio::test]
async fn files_get_what_each_level_includes() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = TestServer::with(Storage::Local(folder.path().to_owned())).await;
    let all = create(&server, "all", PASS, logging("ALL", true)).await;
    let execution = run(&server, &all).await;
    run(&server, &create(&server, "errors", FAIL, logging("ERROR", false)).await).await;
    run(&server, &create(&server, "fatal", FAIL, logging("FATAL", false)).await).await;
    run(&server, &create(&server, "off", FAIL, logging("OFF", true)).await).await;
    run(&server, &server.create("silent", FAIL).await).await;
    server.stop().await;

    let lines = lines(folder.path());
    let mut expected = vec!["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"];
    expected.extend(["FailStateEntered", "ExecutionFailed", "ExecutionFailed"]);
    assert_eq!(types(&lines), expected);
    assert_recent(&json!(text(&lines[3], "event_timestamp").parse::<f64>().expect("a number") / 1000.0));
    let last = json!({
        "id": "4", "type": "ExecutionSucceeded", "details": {"output": "{\"x\":1}", "outputDetails": {"truncated": false}},
        "previous_event_id": "3", "event_timestamp": lines[3]["event_timestamp"], "execution_arn": execution, "redrive_count": "0"
    });
    assert_eq!(lines[3], last);
    assert_eq!(lines[4]["details"], json!({"name": "F"}));
    assert_eq!((&lines[6]["id"], &lines[6]["details"]), (&json!("3"), &json!({"error": "E", "cause": "c"})));
}

#[tokio::test]
async fn an_execution_keeps_the_configuration_that_it_began_with() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = TestServer::with(Storage::Local(folder.path().to_owned())).await;
    let machine = create(&server, "m", WAIT, logging("FATAL", false)).await;
    let running = server.begin(&machine).await;
    let update = json!({"stateMachineArn": machine, "loggingConfiguration": logging("OFF", false)});
    server.call("UpdateStateMachine", update).await.expect("it is updated");
    let later = server.begin(&machine).await;
    for execution in [&running, &later] {
        server.call("StopExecution", json!({"executionArn": execution, "error": "Stopped"})).await.expect("it runs");
    }
    server.stop().await;
    let lines = lines(folder.path());
    assert_eq!(types(&lines), ["ExecutionAborted"]);
    assert_eq!((&lines[0]["execution_arn"], &lines[0]["details"]), (&json!(running), &json!({"error": "Stopped"})));
}

#[tokio::test]
async fn a_restart_goes_on_with_the_same_file_and_repeats_nothing() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let storage = || Storage::Local(folder.path().to_owned());
    let server = TestServer::with(storage()).await;
    let machine = create(&server, "m", WAIT, logging("ALL", false)).await;
    let execution = server.begin(&machine).await;
    server.stop().await;
    assert_eq!(types(&lines(folder.path())), ["ExecutionStarted", "WaitStateEntered"]);

    let server = TestServer::with(storage()).await;
    server.call("StopExecution", json!({"executionArn": execution})).await.expect("it runs");
    server.stop().await;
    let lines = lines(folder.path());
    assert_eq!(types(&lines), ["ExecutionStarted", "WaitStateEntered", "ExecutionAborted"]);
    assert_eq!(lines.iter().map(|line| text(line, "id")).collect::<Vec<_>>(), ["1", "2", "3"]);
}

#[tokio::test]
async fn express_executions_are_logged_too_and_nowhere_else() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let config = ServerConfig {
        storage: Storage::Local(folder.path().to_owned()),
        status_events: Some(vec![StatusEventDestination::File]),
        ..ServerConfig::default()
    };
    let server = TestServer::configured(config).await;
    let members =
        json!({"name": "m", "definition": PASS, "roleArn": ROLE, "type": "EXPRESS", "loggingConfiguration": logging("ALL", true)});
    let machine = text(&server.call("CreateStateMachine", members).await.expect("the machine is new"), "stateMachineArn");
    let execution = server.begin(&machine).await;
    let ended = server.call("StartSyncExecution", json!({"stateMachineArn": machine, "input": "[1]"})).await.expect("it runs");
    server.stop().await;

    let lines = lines(folder.path());
    let events = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"];
    for (execution, input) in [(execution, "{}"), (text(&ended, "executionArn"), "[1]")] {
        assert!(execution.contains(":express:m:"), "{execution}");
        let its: Vec<Value> = lines.iter().filter(|line| line["execution_arn"] == execution).cloned().collect();
        assert_eq!(types(&its), events);
        assert_eq!((&its[0]["details"]["input"], &its[3]["details"]["output"]), (&json!(input), &json!("{\"x\":1}")));
    }
    assert_eq!(lines.len(), 2 * events.len());
    assert!(!folder.path().join("status-events.jsonl").exists(), "EventBridge hears of Standard executions only");
}

async fn with_cloudwatch(endpoint: &str) -> TestServer {
    TestServer::configured(ServerConfig { cloudwatch_logs_endpoint: Some(endpoint.to_owned()), ..ServerConfig::default() }).await
}

fn messages(call: &Call) -> Vec<Value> {
    let events = call.body["logEvents"].as_array().expect("events").iter();
    events.map(|event| serde_json::from_str(event["message"].as_str().expect("a text")).expect("messages are JSON")).collect()
}

#[tokio::test]
async fn cloudwatch_logs_gets_a_stream_for_each_state_machine() {
    let logs = FakeAws::answering(|_| (200, "{}".to_owned())).await;
    let server = with_cloudwatch(&logs.url).await;
    let machine = create(&server, "m", PASS, logging("ALL", true)).await;
    run(&server, &machine).await;

    let validation = logs.next().await;
    assert_eq!(validation.operation, "CreateLogStream");
    assert_eq!(validation.body["logStreamName"], "log_stream_created_by_aws_to_validate_log_delivery_subscriptions");
    let created = logs.next().await;
    let stream = text(&created.body, "logStreamName");
    assert!(created.operation == "CreateLogStream" && stream.starts_with("states/m/20"), "{stream}");
    let put = logs.next().await;
    assert_eq!((put.path.as_str(), put.operation.as_str()), ("/", "PutLogEvents"));
    assert_eq!((&put.body["logGroupName"], &put.body["logStreamName"]), (&json!(GROUP), &json!(stream)));
    assert_eq!(types(&messages(&put)), ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]);
    let event = &put.body["logEvents"][0];
    assert_eq!(event["timestamp"].to_string(), text(&messages(&put)[0], "event_timestamp"));
    let authorization = put.headers["authorization"].to_str().expect("text").to_owned();
    assert!(authorization.contains("/eu-west-1/logs/aws4_request"), "{authorization}");

    run(&server, &machine).await;
    let second = logs.next().await;
    assert_eq!((second.operation.as_str(), &second.body["logStreamName"]), ("PutLogEvents", &json!(stream)));
    server.stop().await;
}

#[tokio::test]
async fn what_fails_for_a_moment_is_put_again_and_the_end_waits_for_it() {
    let failures = AtomicUsize::new(2);
    let logs = FakeAws::answering(move |call| match call.operation.as_str() {
        "PutLogEvents" if failures.fetch_sub(1, Ordering::Relaxed).checked_sub(1).is_some_and(|left| left < 2) => {
            (503, r#"{"__type": "ServiceUnavailableException"}"#.to_owned())
        }
        _ => (200, "{}".to_owned()),
    })
    .await;
    let server = with_cloudwatch(&logs.url).await;
    run(&server, &create(&server, "m", PASS, logging("ALL", true)).await).await;
    server.stop().await;
    let calls = logs.rest();
    let puts: Vec<_> = calls.iter().filter(|call| call.operation == "PutLogEvents").collect();
    assert_eq!(puts.len(), 3);
    assert!(puts.iter().all(|put| put.body == puts[0].body), "the same events come again");
}

#[tokio::test]
async fn a_stream_that_was_deleted_is_made_again() {
    let logs = FakeAws::answering(|call| match (call.operation.as_str(), &call.body["logEvents"]) {
        ("PutLogEvents", events) if events[0]["message"].to_string().contains("ExecutionFailed") => {
            let stream = call.body["logStreamName"].as_str().expect("a text");
            // Only the first stream of all has gone.
            static FIRST: std::sync::OnceLock<String> = std::sync::OnceLock::new();
            let is_first = FIRST.get_or_init(|| stream.to_owned()) == stream;
            if is_first {
                (400, r#"{"__type": "ResourceNotFoundException", "message": "no stream"}"#.to_owned())
            } else {
                (200, "{}".to_owned())
            }
        }
        _ => (200, "{}".to_owned()),
    })
    .await;
    let server = with_cloudwatch(&logs.url).await;
    run(&server, &create(&server, "m", FAIL, logging("FATAL", true)).await).await;
    server.stop().await;
    let operations: Vec<_> = logs.rest().into_iter().map(|call| call.operation).collect();
    let (create, put) = ("CreateLogStream", "PutLogEvents");
    assert_eq!(operations, [create, create, put, create, create, put]);
}

#[tokio::test]
async fn a_log_group_that_is_not_there_costs_one_try_and_no_execution() {
    let logs = FakeAws::answering(|_| (400, r#"{"__type": "ResourceNotFoundException", "message": "no group"}"#.to_owned())).await;
    let server = with_cloudwatch(&logs.url).await;
    let machine = create(&server, "m", PASS, logging("ALL", true)).await;
    run(&server, &machine).await;
    assert_eq!(logs.next().await.operation, "CreateLogStream");
    for _ in 0..3 {
        run(&server, &machine).await;
    }
    let metric = r#"baton_execution_log_events_dropped_total{destination="cloudwatch",reason="no_log_group"}"#;
    let end = Instant::now() + Duration::from_secs(10);
    while !String::from_utf8_lossy(&server.get("/metrics").await.1).contains(metric) {
        assert!(Instant::now() < end, "what is dropped is counted");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.stop().await;
    assert!(logs.rest().is_empty(), "a log group that is not there is left alone for a while");
}

#[tokio::test]
async fn an_endpoint_that_never_answers_holds_nothing_up() {
    let config = ServerConfig {
        cloudwatch_logs_endpoint: Some(silent().await),
        drain_timeout: Duration::from_millis(200),
        ..ServerConfig::default()
    };
    let server = TestServer::configured(config).await;
    let machine = create(&server, "m", PASS, logging("ALL", true)).await;
    for _ in 0..20 {
        run(&server, &machine).await;
    }
    let begin = Instant::now();
    server.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(8), "the end does not wait for an answer");
}

#[tokio::test]
async fn what_cannot_be_is_told_at_the_start() {
    let refused = async |config: ServerConfig| {
        let config = ServerConfig { listen: ([127, 0, 0, 1], 0).into(), ..config };
        Server::start(config).await.err().expect("it does not start").to_string()
    };
    let wanted = |destination| ServerConfig { execution_logs: Some(vec![destination]), ..ServerConfig::default() };
    assert_eq!(refused(wanted(LogDestination::File)).await, "execution logs cannot go to a file: there is no data folder");
    let missing = "execution logs cannot go to CloudWatch Logs: set AWS_ENDPOINT_URL_LOGS or AWS_ENDPOINT_URL";
    assert_eq!(refused(wanted(LogDestination::CloudWatch)).await, missing);
    let tls = ServerConfig { cloudwatch_logs_endpoint: Some("https://logs".to_owned()), ..wanted(LogDestination::CloudWatch) };
    let text = "execution logs cannot go to CloudWatch Logs: 'https://logs': only http:// addresses can be called";
    assert_eq!(refused(tls).await, text);
    // What the environment says for other tools too is left alone.
    let by_chance = ServerConfig { cloudwatch_logs_endpoint: Some("https://logs".to_owned()), ..ServerConfig::default() };
    TestServer::configured(by_chance).await.stop().await;
}
