//! What is done to a run while it runs: stopped, changed, bounded.

use super::*;

#[tokio::test]
async fn stopping_the_execution_aborts_the_run_and_its_children() {
    for kind in ["STANDARD", "EXPRESS"] {
        let server = TestServer::start().await;
        let wait = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 200, "End": true}}});
        let state_machine = server.create("m", &machine(kind, wait, json!({"MaxConcurrency": 4}))).await;
        let execution = server.begin_with(&state_machine, &items(6, &[])).await;
        let map_run = server.map_run_of(&execution).await;
        server.until(|| server.children(&map_run, Some("RUNNING")), |children| children.len() == 4).await;
        let run = server.describe_map_run(&map_run).await;
        assert_eq!(counts(&run, "itemCounts"), expected([("running", 4), ("pending", 2), ("total", 6)]));
        server.call("StopExecution", json!({"executionArn": execution, "error": "Halt"})).await.expect("it runs");
        let run = server.until(|| server.describe_map_run(&map_run), |run| run["status"] != "RUNNING").await;
        assert_eq!(run["status"], "ABORTED", "{run}");
        for which in ["itemCounts", "executionCounts"] {
            assert_eq!(counts(&run, which), expected([("aborted", 4), ("pending", 2), ("total", 6)]), "{kind}");
        }
        let children = server.until(|| server.children(&map_run, Some("ABORTED")), |children| children.len() == 4).await;
        assert_eq!(server.describe(&text(&children[0], "executionArn")).await["status"], "ABORTED");
        assert_eq!(server.end(&execution).await["status"], "ABORTED");
        let types = server.event_types(&execution).await;
        assert_eq!(types.last().map(String::as_str), Some("ExecutionAborted"), "{types:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn no_more_children_run_than_may() {
    let server = TestServer::start().await;
    server.create_activity().await;
    for (most, count) in [(1, 3), (3, 9)] {
        let fields = json!({"ItemsPath": "$.items", "MaxConcurrencyPath": "$.most"});
        let state_machine = server.create(&format!("m{most}"), &machine("STANDARD", work(), fields)).await;
        let execution = server.begin_with(&state_machine, &json!({"items": items(count, &[]), "most": most})).await;
        let (mut held, mut seen) = (std::collections::VecDeque::new(), 0);
        while seen < count {
            match server.next_task().await {
                Some((token, _)) => {
                    seen += 1;
                    held.push_back(token);
                    assert!(held.len() <= most, "{} of {most} run at once", held.len());
                }
                None => server.succeed(&held.pop_front().expect("the run goes on"), &json!(1)).await,
            }
        }
        assert_eq!(held.len().min(most), most.min(held.len()));
        for token in held {
            server.succeed(&token, &json!(1)).await;
        }
        assert_eq!(server.end(&execution).await["status"], "SUCCEEDED");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_running_run_is_changed_and_an_ended_one_is_not() {
    let server = TestServer::start().await;
    server.create_activity().await;
    let state_machine = server.create("m", &machine("STANDARD", work(), json!({"MaxConcurrency": 1}))).await;
    let execution = server.begin_with(&state_machine, &items(5, &[])).await;
    let map_run = server.map_run_of(&execution).await;
    let (first, input) = server.next_task().await.expect("one child may run");
    assert_eq!(input["n"], 0);
    assert_eq!(server.next_task().await, None, "and no second one");

    let changes = json!({"mapRunArn": map_run, "maxConcurrency": 4, "toleratedFailureCount": 1, "toleratedFailurePercentage": 50.0});
    assert_eq!(server.call("UpdateMapRun", changes).await, Ok(json!({})));
    let mut others = Vec::new();
    while let Some((token, _)) = server.next_task().await {
        others.push(token);
    }
    assert_eq!(others.len(), 3, "four run at once now");
    let run = server.describe_map_run(&map_run).await;
    let limits = (&run["maxConcurrency"], &run["toleratedFailureCount"], &run["toleratedFailurePercentage"]);
    assert_eq!(limits, (&json!(4), &json!(1), &json!(50.0)));

    server.fail(&first).await;
    for token in others {
        server.succeed(&token, &json!(1)).await;
    }
    server.work_off(1, |_| false).await;
    assert_eq!(server.end(&execution).await["status"], "SUCCEEDED", "one failure is tolerated since the change");
    let refused = server.call("UpdateMapRun", json!({"mapRunArn": map_run, "maxConcurrency": 2})).await.expect_err("it has ended");
    assert_eq!(refused.code, "ValidationException");
    assert!(refused.message.contains("CANNOT_UPDATE_COMPLETED_MAP_RUN") || refused.message.contains("has ended"), "{refused:?}");
    assert_eq!(server.describe_map_run(&map_run).await["maxConcurrency"], 4);
    server.stop().await;
}

/// A limit that is lowered under what has failed already fails the run.
#[tokio::test]
async fn a_lowered_tolerance_counts_what_has_failed_before() {
    let server = TestServer::start().await;
    server.create_activity().await;
    let state_machine = server.create("m", &machine("STANDARD", work(), json!({"MaxConcurrency": 1, "ToleratedFailureCount": 5}))).await;
    let execution = server.begin_with(&state_machine, &items(6, &[])).await;
    let map_run = server.map_run_of(&execution).await;
    server.work_off(2, |_| true).await;
    server.next_task().await.expect("the third runs");
    let changed = server.call("UpdateMapRun", json!({"mapRunArn": map_run, "toleratedFailureCount": 1})).await;
    assert_eq!(changed, Ok(json!({})));
    let ended = server.end(&execution).await;
    assert_eq!(ended["error"], "States.ExceedToleratedFailureThreshold", "{ended}");
    let run = server.describe_map_run(&map_run).await;
    assert_eq!(counts(&run, "itemCounts"), expected([("failed", 2), ("aborted", 1), ("pending", 3), ("total", 6)]));
    server.stop().await;
}
