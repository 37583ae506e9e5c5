//! The generator against a server whose mistakes are known: it must count right, find what is wrong, and hide no latency.

mod fake_server;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use fake_server::{FakeServer, Mistakes};

const SCENARIO: &str = r#"
name = "four-events"
summary = "What the fake server plays"
input = '{"n":0}'
definition = '{}'
in_flight = 8
seconds = 1
finish = "FINISH"

[expected]
status = "SUCCEEDED"
output = '{"n":5}'
events = 4
"#;

struct Run {
    output: Output,
    report: Value,
}

/// Runs the program while the server goes on in its own runtime.
async fn loadtest(server: &FakeServer, finish: &str, arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (scenario, json): (PathBuf, PathBuf) = (folder.path().join("scenario.toml"), folder.path().join("report.json"));
    std::fs::write(&scenario, SCENARIO.replace("FINISH", finish)).expect("a writable folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.arg("run").arg(&scenario).args(["--endpoint", &server.url, "--json"]).arg(&json).args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("the program runs");
    let report = std::fs::read(&json).map_or(Value::Null, |text| serde_json::from_slice(&text).expect("a JSON report"));
    Run { output, report }
}

impl Run {
    fn succeeded(&self) -> bool {
        self.output.status.success()
    }

    fn number(&self, pointer: &str) -> u64 {
        self.report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer} in {}: {}", self.report, self.text()))
    }

    fn text(&self) -> String {
        format!("{}{}", String::from_utf8_lossy(&self.output.stdout), String::from_utf8_lossy(&self.output.stderr))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_every_execution_once_whatever_goes_wrong_on_the_way() {
    for finish in ["later", "wait"] {
        let server = FakeServer::start(Mistakes { throttle_period: 13, lost_answer_period: 17, ..Mistakes::default() }).await;
        let run = loadtest(&server, finish, &["--executions", "500"]).await;
        assert!(run.succeeded(), "{}", run.text());
        assert_eq!(server.execution_count(), 500);
        for pointer in ["/started", "/ended", "/checked/as_expected", "/latency/count"] {
            assert_eq!(run.number(pointer), 500, "{pointer} of {finish}");
        }
        assert_eq!(run.number("/checked/histories"), 100);
        assert!(run.number("/retries/ThrottlingException") > 0 && run.number("/retries/no answer") > 0, "{}", run.report);
        assert!(run.report["throughput_per_second"].as_f64().expect("a figure") > 0.0);
        let server_pid = run.number("/server/pid");
        assert_eq!(server_pid, u64::from(std::process::id()), "the fake server listens in this process");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finds_every_wrong_output() {
    for finish in ["later", "wait"] {
        let server = FakeServer::start(Mistakes { wrong_output_period: 10, ..Mistakes::default() }).await;
        let run = loadtest(&server, finish, &["--executions", "200"]).await;
        assert!(!run.succeeded());
        assert_eq!(server.wrong_count(), 20);
        assert_eq!(run.number("/checked/problem_count"), 20);
        assert_eq!(run.number("/checked/as_expected"), 180);
        assert!(run.text().contains("instead of {\"n\":5}"), "{}", run.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finds_a_gap_in_a_history() {
    let server = FakeServer::start(Mistakes { history_gap: true, ..Mistakes::default() }).await;
    let run = loadtest(&server, "later", &["--executions", "20", "--histories", "5"]).await;
    assert!(!run.succeeded());
    assert_eq!(run.number("/checked/histories"), 0);
    assert!(run.text().contains("event 3 has the id 4"), "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_keeps_its_rate_and_shows_a_stall_in_every_start_that_waited() {
    let stall = Some((50, Duration::from_millis(500)));
    let server = FakeServer::start(Mistakes { stall, ..Mistakes::default() }).await;
    let run = loadtest(&server, "wait", &["--rate", "100", "--seconds", "2", "--in-flight", "2"]).await;
    assert!(run.succeeded(), "{}", run.text());
    assert_eq!(run.number("/started"), 200);
    // Fifty starts fell due during the stall. A generator that only times its own calls would show two slow ones in 200.
    let p90 = run.report["latency"]["p90_ms"].as_f64().expect("a latency");
    assert!(p90 > 100.0, "p90 is {p90} ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn says_so_when_nobody_listens() {
    let mut server = FakeServer::start(Mistakes::default()).await;
    server.url = "http://127.0.0.1:1".to_owned();
    let run = loadtest(&server, "wait", &[]).await;
    assert!(!run.succeeded());
    assert!(run.text().contains("is a server running there"), "{}", run.text());
}
