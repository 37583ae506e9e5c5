//! The routes beside the AWS API: health, metrics, waiting for an execution, following it.

use std::time::{Duration, Instant};

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use crate::support::*;

const MISSING: &str = "arn:aws:states:us-east-1:123456789012:execution:m:e";

#[tokio::test]
async fn health_and_metrics() {
    let server = TestServer::start().await;
    for path in ["/readyz", "/livez", "/startupz"] {
        assert_eq!(server.get(path).await, (StatusCode::OK, "ok".into()));
    }
    let (_, body) = server.get("/health").await;
    let health: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((&health["status"], &health["acceptsNewWork"]), (&json!("ok"), &json!(true)));
    server.call("ListActivities", json!({})).await.expect("a page");
    let (status, body) = server.get("/metrics").await;
    let metrics = String::from_utf8_lossy(&body);
    assert_eq!(status, StatusCode::OK);
    assert!(metrics.contains("baton_http_request_duration_seconds_count{op=\"ListActivities\",code=\"200\"}"), "{metrics}");
    // Other tests of this process add to the figures, so that only a rise can be seen.
    let before = figures(&server).await;
    let machine = server.create("m", SUCCEED).await;
    let execution = server.begin(&machine).await;
    server.end(&execution).await;
    let after = figures(&server).await;
    let rises = [
        ("baton_executions_started_total", "", 1),
        ("baton_executions_total", "status=\"SUCCEEDED\"", 1),
        ("baton_transitions_total", "", 2),
        ("baton_execution_duration_seconds_count", "", 1),
        ("baton_history_append_seconds_count", "", 1),
    ];
    for (name, label, rise) in rises {
        assert!(figure(&after, name, label) >= figure(&before, name, label) + rise, "{name}: {after}");
    }
    server.stop().await;
}

async fn figures(server: &TestServer) -> String {
    String::from_utf8(server.get("/metrics").await.1.into()).expect("UTF-8")
}

/// The sum of all series of this name that have the label.
fn figure(figures: &str, name: &str, label: &str) -> u64 {
    let is_meant = |line: &&str| line.split(['{', ' ']).next() == Some(name) && line.contains(label);
    figures
        .lines()
        .filter(is_meant)
        .map(|line| line.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok()).expect("a number"))
        .sum()
}

#[tokio::test]
async fn waiting_answers_when_the_execution_ends_or_the_time_is_over() {
    let server = TestServer::start().await;
    let machine = server.create("m", WAIT).await;
    let execution = server.begin(&machine).await;
    let begun = Instant::now();
    let (status, body) = server.get(&route(&execution, "wait?seconds=1")).await;
    let answer: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!("RUNNING")));
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&begun.elapsed()));
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.call("StopExecution", json!({"executionArn": execution})).await.expect("it runs")
    };
    let begun = Instant::now();
    let (ended, _) = tokio::join!(server.end(&execution), stop);
    assert_eq!(ended["status"], "ABORTED");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let (status, body) = server.get(&route(MISSING, "wait")).await;
    let answer: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((status, &answer["__type"]), (StatusCode::NOT_FOUND, &json!("ExecutionDoesNotExist")));
    server.stop().await;
}

#[tokio::test]
async fn following_shows_every_event_and_ends_with_the_execution() {
    let server = TestServer::start().await;
    let machine = server.create("m", WAIT).await;
    let execution = server.begin(&machine).await;
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.call("StopExecution", json!({"executionArn": execution})).await.expect("it runs")
    };
    let (events, _) = tokio::join!(follow(&server, &execution, None), stop);
    let history = server.call("GetExecutionHistory", json!({"executionArn": execution})).await.expect("it is there");
    assert_eq!(json!(events), history["events"]);
    assert_eq!(json!(follow(&server, &execution, None).await), history["events"]);
    let last = follow(&server, &execution, Some("2")).await;
    assert_eq!(last, [history["events"][2].clone()]);
    let (status, _) = server.get(&route(MISSING, "watch")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    server.stop().await;
}

async fn follow(server: &TestServer, execution: &str, after: Option<&str>) -> Vec<Value> {
    let mut request = Request::get(route(execution, "watch"));
    if let Some(after) = after {
        request = request.header("last-event-id", after);
    }
    let response = server.respond(request.body(Full::default()).expect("a request")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let body = response.into_body().collect().await.expect("the stream ends").to_bytes();
    let body = String::from_utf8(body.into()).expect("UTF-8");
    body.lines().filter_map(|line| line.strip_prefix("data: ")).map(|data| serde_json::from_str(data).expect("JSON")).collect()
}

#[tokio::test]
async fn what_an_execution_waits_for_is_told() {
    let server = TestServer::start().await;
    let activity = "arn:aws:states:us-east-1:123456789012:activity:a";
    server.call("CreateActivity", json!({"name": "a"})).await.expect("it is new");
    let branch = |name: &str, state: Value| json!({"StartAt": name, "States": {name: state}});
    let branches = [
        branch("Pause", json!({"Type": "Wait", "Seconds": 3600, "End": true})),
        branch("Work", json!({"Type": "Task", "Resource": activity, "End": true})),
    ];
    let definition = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": true}}});
    let machine = server.create("m", &definition.to_string()).await;
    let execution = server.begin(&machine).await;
    let waiting = async || {
        let (_, body) = server.get(&route(&execution, "waiting")).await;
        serde_json::from_slice::<Value>(&body).expect("JSON")["waiting"].as_array().expect("a list").clone()
    };
    let kind = |waiting: &[Value], state: &str| waiting.iter().find(|item| item["state"] == state).map(|item| text(item, "kind"));
    let before = waiting().await;
    assert_eq!(kind(&before, "Pause").as_deref(), Some("TIME"));
    assert_eq!(kind(&before, "Work").as_deref(), Some("WORKER"));
    server.call("GetActivityTask", json!({"activityArn": activity, "workerName": "w"})).await.expect("a task waits");
    let after = waiting().await;
    let work = after.iter().find(|item| item["state"] == "Work").expect("it runs");
    assert_eq!((&work["kind"], &work["workerName"], &work["reason"]), (&json!("RESULT"), &json!("w"), &json!("runs on w")));
    server.stop().await;
}

#[tokio::test]
async fn shutting_down_ends_what_waits() {
    let server = TestServer::start().await;
    let machine = server.create("m", WAIT).await;
    let execution = server.begin(&machine).await;
    server.call("CreateActivity", json!({"name": "a"})).await.expect("it is new");
    let address = server.address();
    let waiting: Vec<_> = [
        format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", route(&execution, "wait")),
        format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", route(&execution, "watch")),
        "POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: AWSStepFunctions.GetActivityTask\r\ncontent-length: 68\r\n\r\n\
         {\"activityArn\":\"arn:aws:states:us-east-1:123456789012:activity:aaa\"}"
            .replace("aaa\"}", "a\"}  "),
    ]
    .into_iter()
    .map(|request| {
        tokio::task::spawn_blocking(move || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(address).expect("the server listens");
            stream.write_all(request.as_bytes()).expect("it is sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("the connection ends in order");
            answer
        })
    })
    .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for answer in waiting {
        assert!(answer.await.expect("the client does not panic").starts_with("HTTP/1.1 200"));
    }
}
