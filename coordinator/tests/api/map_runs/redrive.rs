//! RedriveExecution of an execution whose Map Run has not succeeded.

use std::sync::Arc;

use baton_worker::{Bytes, CancellationToken, FunctionError, Worker};
use parking_lot::Mutex;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_what_failed_runs_again() {
    for kind in ["STANDARD", "EXPRESS"] {
        let server = TestServer::start().await;
        let function = Function::serve(&server, &[2, 5, 7]).await;
        let processor = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": FUNCTION, "End": true}}});
        let fields = json!({"MaxConcurrency": 4, "ToleratedFailureCount": 2});
        let state_machine = server.create("m", &machine(kind, processor, fields)).await;
        // Those that fail come last, so that everything else has been done.
        let input: Value = [0, 1, 3, 4, 6, 8, 9, 10, 11, 2, 5, 7].iter().map(|n| json!({"n": n})).collect();
        let execution = server.begin_with(&state_machine, &input).await;
        let ended = server.end(&execution).await;
        assert_eq!(ended["error"], "States.ExceedToleratedFailureThreshold", "{ended}");
        assert_eq!(function.done().values().sum::<usize>(), 12);
        let map_run = server.map_run_of(&execution).await;
        let before = server.describe_map_run(&map_run).await;
        let counted = counts(&before, "itemCounts");
        assert_eq!((counted["succeeded"], counted["failed"], counted["total"]), (9, 3, 12), "{before}");
        let events = server.event_types(&execution).await.len();

        function.breaks_for(&[5]);
        server.call("RedriveExecution", json!({"executionArn": execution})).await.expect("it has failed");
        let ended = server.end(&execution).await;
        assert_eq!((&ended["status"], &ended["redriveCount"]), (&json!("SUCCEEDED"), &json!(1)), "{ended}");
        assert_eq!(function.done(), BTreeMap::from([(2, 1), (5, 1), (7, 1)]), "only what had failed");
        let output: Value = serde_json::from_str(&text(&ended, "output")).expect("outputs are JSON");
        let failed = &output[10];
        assert_eq!(
            (output.as_array().map(Vec::len), &output[9], &output[11], &failed["Error"]),
            (Some(12), &json!(2), &json!(7), &json!("Broken"))
        );
        let run = server.describe_map_run(&map_run).await;
        for which in ["itemCounts", "executionCounts"] {
            let counted = counts(&run, which);
            let all = (counted["succeeded"], counted["failed"], counted["total"], counted.get("pendingRedrive"), counted.get("running"));
            assert_eq!(all, (11, 1, 12, None, None), "{run}");
        }
        assert_eq!((&run["status"], &run["redriveCount"]), (&json!("SUCCEEDED"), &json!(1)));
        assert_recent(&run["redriveDate"]);
        assert_eq!((&run["itemCounts"]["pendingRedrive"], &run["itemCounts"]["failuresNotRedrivable"]), (&json!(0), &json!(0)));
        let types = server.event_types(&execution).await;
        let rest = ["ExecutionRedriven", "MapRunRedriven", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded"];
        assert_eq!(types[events..], rest, "{kind}");

        let children = server.children(&map_run, None).await;
        let names: std::collections::BTreeSet<_> = children.iter().map(|child| text(child, "name")).collect();
        let redriven = children.iter().filter(|child| child["redriveCount"] == 1).count();
        // A Standard child goes on, an Express one begins anew as another execution.
        let expected = if kind == "STANDARD" { (12, 3) } else { (15, 0) };
        assert_eq!((children.len(), names.len(), redriven), (expected.0, expected.0, expected.1), "{kind}");
        function.stop.cancel();
        server.stop().await;
    }
}

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

/// A function that counts its calls by `n`, and fails for some.
struct Function {
    broken: Arc<Mutex<Vec<u64>>>,
    done: Arc<Mutex<BTreeMap<u64, usize>>>,
    stop: CancellationToken,
}

impl Function {
    async fn serve(server: &TestServer, broken: &[u64]) -> Self {
        let broken = Arc::new(Mutex::new(broken.to_vec()));
        let done: Arc<Mutex<BTreeMap<u64, usize>>> = Arc::default();
        let (breaks, counts) = (broken.clone(), done.clone());
        let url = format!("http://{}", server.address());
        let worker = Worker::builder().coordinator([&*url]).function("f", 4, move |invocation| {
            let n = invocation.json::<Value>().expect("items are JSON")["n"].as_u64().expect("the item's number");
            *counts.lock().entry(n).or_default() += 1;
            let result = if breaks.lock().contains(&n) { Err(FunctionError::new("Broken", "")) } else { Ok(Bytes::from(n.to_string())) };
            async move { result }
        });
        let (worker, stop) = (worker.build().expect("a worker"), CancellationToken::new());
        let handle = worker.handle();
        tokio::spawn(worker.run(stop.clone()));
        tokio::time::timeout(Duration::from_secs(30), handle.ready()).await.expect("the worker is let in");
        Self { broken, done, stop }
    }

    fn breaks_for(&self, broken: &[u64]) {
        *self.broken.lock() = broken.to_vec();
    }

    /// How often each was done since this was asked last.
    fn done(&self) -> BTreeMap<u64, usize> {
        std::mem::take(&mut self.done.lock())
    }
}

#[tokio::test]
async fn a_stopped_execution_goes_on_with_what_was_aborted_and_what_had_not_begun() {
    let server = TestServer::start().await;
    server.create_activity().await;
    let state_machine = server.create("m", &machine("STANDARD", work(), json!({"MaxConcurrency": 2}))).await;
    let execution = server.begin_with(&state_machine, &items(6, &[])).await;
    let map_run = server.map_run_of(&execution).await;
    let done = server.work_off(2, |_| false).await;
    server.next_task().await.expect("another runs");
    server.call("StopExecution", json!({"executionArn": execution})).await.expect("it runs");
    let run = server.until(|| server.describe_map_run(&map_run), |run| run["status"] != "RUNNING").await;
    let counted = counts(&run, "itemCounts");
    assert_eq!((counted["succeeded"], counted["total"]), (2, 6), "{run}");
    assert_eq!(counted["aborted"] + counted["pending"], 4, "{run}");

    server.call("RedriveExecution", json!({"executionArn": execution})).await.expect("it was aborted");
    let again = server.work_off(4, |_| false).await;
    assert!(done.keys().all(|n| !again.contains_key(n)), "{done:?} and then {again:?}");
    let ended = server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["output"]), (&json!("SUCCEEDED"), &json!("[0,10,20,30,40,50]")));
    let run = server.describe_map_run(&map_run).await;
    assert_eq!(counts(&run, "executionCounts"), expected([("succeeded", 6), ("total", 6), ("resultsWritten", 6)]));
    server.stop().await;
}

#[tokio::test]
async fn redriven_twice_it_still_runs_what_failed_alone() {
    let server = TestServer::start().await;
    server.create_activity().await;
    let state_machine = server.create("m", &machine("STANDARD", work(), json!({"MaxConcurrency": 1, "ToleratedFailureCount": 9}))).await;
    // What has failed was tolerated, until it is not any more.
    let execution = server.begin_with(&state_machine, &items(4, &[])).await;
    let map_run = server.map_run_of(&execution).await;
    server.work_off(3, |n| n == 1).await;
    let (last, _) = server.next_task().await.expect("the last one runs");
    server.call("UpdateMapRun", json!({"mapRunArn": map_run, "toleratedFailureCount": 0})).await.expect("it runs");
    drop(last);
    assert_eq!(server.end(&execution).await["status"], "FAILED");
    for round in 1..=2 {
        server.call("RedriveExecution", json!({"executionArn": execution})).await.expect("it has failed");
        let (token, input) = server.next_task().await.expect("the first that failed");
        assert_eq!(input["n"], 1);
        server.fail(&token).await;
        let ended = server.end(&execution).await;
        assert_eq!((&ended["status"], &ended["redriveCount"]), (&json!("FAILED"), &json!(round)));
    }
    server.call("RedriveExecution", json!({"executionArn": execution})).await.expect("it has failed");
    let again = server.work_off(2, |_| false).await;
    assert_eq!(again, BTreeMap::from([(1, 1), (3, 1)]));
    let ended = server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["output"]), (&json!("SUCCEEDED"), &json!("[0,10,20,30]")));
    let run = server.describe_map_run(&map_run).await;
    assert_eq!((&run["redriveCount"], &run["itemCounts"]["succeeded"], &run["itemCounts"]["total"]), (&json!(3), &json!(4), &json!(4)));
    server.stop().await;
}

#[tokio::test]
async fn redriven_while_it_is_still_being_stopped_it_counts_every_redrive() {
    let server = TestServer::start().await;
    server.create_activity().await;
    let state_machine = server.create("m", &machine("STANDARD", work(), json!({"MaxConcurrency": 40}))).await;
    let execution = server.begin_with(&state_machine, &items(40, &[])).await;
    let map_run = server.map_run_of(&execution).await;
    server.until(|| server.describe_map_run(&map_run), |run| run["itemCounts"]["running"] == 40).await;
    for _ in 0..3 {
        server.call("StopExecution", json!({"executionArn": execution})).await.expect("it runs");
        server.call("RedriveExecution", json!({"executionArn": execution})).await.expect("it was aborted");
    }
    server.work_off(40, |_| false).await;
    let ended = server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["redriveCount"]), (&json!("SUCCEEDED"), &json!(3)), "{ended}");
    let run = server.describe_map_run(&map_run).await;
    assert_eq!((&run["status"], &run["redriveCount"]), (&json!("SUCCEEDED"), &json!(3)), "{run}");
    assert_eq!(counts(&run, "itemCounts"), expected([("succeeded", 40), ("total", 40), ("resultsWritten", 40)]));
    server.stop().await;
}

#[tokio::test]
async fn children_are_not_redriven_by_themselves() {
    let server = TestServer::start().await;
    for kind in ["STANDARD", "EXPRESS"] {
        let state_machine = server.create(kind, &machine(kind, picky(), json!({}))).await;
        let execution = server.begin_with(&state_machine, &items(1, &[0])).await;
        server.end(&execution).await;
        let map_run = server.map_run_of(&execution).await;
        let child = text(&server.children(&map_run, None).await[0], "executionArn");
        let refused = server.call("RedriveExecution", json!({"executionArn": child})).await;
        assert_refused(refused, "ValidationException", "Labeled Execution ARNs are not supported for this API");
    }
    server.stop().await;
}
