//! Counters, children, tolerance.

use super::*;

#[tokio::test]
async fn a_run_counts_and_lists_its_children() {
    for (kind, part) in [("STANDARD", ":execution:m/L:"), ("EXPRESS", ":express:m/L:")] {
        let server = TestServer::start().await;
        let state_machine = server.create("m", &machine(kind, picky(), json!({"MaxConcurrency": 3}))).await;
        let execution = server.begin_with(&state_machine, &items(7, &[])).await;
        let ended = server.end(&execution).await;
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
        let output: Value = serde_json::from_str(&text(&ended, "output")).expect("outputs are JSON");
        assert_eq!(output, items(7, &[]), "in the order of the items");

        let map_run = server.map_run_of(&execution).await;
        assert!(map_run.starts_with("arn:aws:states:us-east-1:123456789012:mapRun:m/L:"), "{map_run}");
        let mut run = server.describe_map_run(&map_run).await;
        for date in ["startDate", "stopDate"] {
            assert_recent(&run[date]);
            run[date].take();
        }
        let seven =
            json!({"pending": 0, "running": 0, "succeeded": 7, "failed": 0, "timedOut": 0, "aborted": 0, "total": 7, "resultsWritten": 7});
        let described = json!({
            "mapRunArn": map_run, "executionArn": execution, "status": "SUCCEEDED", "startDate": null, "stopDate": null, "maxConcurrency": 3,
            "toleratedFailurePercentage": 0.0, "toleratedFailureCount": 0, "itemCounts": seven, "executionCounts": seven, "redriveCount": 0,
        });
        // How often it was redriven is told or not; both are said of a run that never was.
        run["redriveCount"] = json!(0);
        assert_eq!(run, described);

        let mut listed = server.map_runs_of(&execution).await;
        for date in ["startDate", "stopDate"] {
            assert_recent(&listed[0][date]);
            listed[0][date].take();
        }
        let labelled = format!("{state_machine}/L");
        let item =
            json!({"executionArn": execution, "mapRunArn": map_run, "stateMachineArn": labelled, "startDate": null, "stopDate": null});
        assert_eq!(listed, [item]);

        let children = server.children(&map_run, None).await;
        assert_eq!(children.len(), 7);
        let mut inputs = Vec::new();
        for child in &children {
            let arn = text(child, "executionArn");
            assert!(arn.contains(part), "{arn}");
            assert_eq!(
                (&child["mapRunArn"], &child["stateMachineArn"], &child["itemCount"]),
                (&json!(map_run), &json!(labelled), &json!(1))
            );
            let described = server.describe(&arn).await;
            assert_eq!((&described["mapRunArn"], &described["stateMachineArn"]), (&json!(map_run), &json!(labelled)));
            assert_eq!((&described["name"], &described["status"]), (&child["name"], &json!("SUCCEEDED")));
            assert_eq!(described["redriveStatusReason"], "Execution is SUCCEEDED and cannot be redriven");
            inputs.push(text(&described, "input"));
        }
        inputs.sort();
        let of_items: Vec<String> = items(7, &[]).as_array().expect("a list").iter().map(Value::to_string).collect();
        assert_eq!(inputs, of_items);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_child_runs_the_item_processor_and_says_so() {
    let server = TestServer::start().await;
    let processor = json!({"StartAt": "Q", "States": {
        "Q": {"Type": "Pass", "Assign": {"own.$": "$"}, "Next": "P"},
        "P": {"Type": "Pass", "Parameters": {"a.$": "$own"}, "End": true}}});
    let mut state = map_state("STANDARD", processor, json!({}));
    state["ItemsPath"] = json!("$.items");
    let definition = json!({"StartAt": "Set", "States": {
        "Set": {"Type": "Pass", "Assign": {"kept": 2}, "Next": "Use"},
        "Use": {"Type": "Pass", "Parameters": {"items": [1], "b.$": "$kept"}, "Next": "Each"},
        "Each": state}});
    let state_machine = server.create("m", &definition.to_string()).await;
    let execution = server.begin_with(&state_machine, &json!({})).await;
    assert_eq!(server.end(&execution).await["output"], r#"[{"a":1}]"#);
    let map_run = server.map_run_of(&execution).await;
    let child = text(&server.children(&map_run, None).await[0], "executionArn");

    let describe = |members: Value| server.call("DescribeStateMachineForExecution", members);
    let whole = describe(json!({"executionArn": execution})).await.expect("the execution is there");
    assert_eq!((whole.get("mapRunArn"), whole.get("label")), (None, None));
    let mut part = describe(json!({"executionArn": child})).await.expect("the child is there");
    let definition_of_child: Value = serde_json::from_str(&text(&part, "definition")).expect("definitions are JSON");
    assert_eq!(definition_of_child, definition["States"]["Each"]["ItemProcessor"]);
    part["definition"].take();
    let mut like_the_whole = whole.clone();
    for (member, value) in [
        ("definition", Value::Null),
        ("stateMachineArn", json!(format!("{state_machine}/L"))),
        ("mapRunArn", json!(map_run)),
        ("label", json!("L")),
        ("variableReferences", json!({"P": ["own"]})),
    ] {
        like_the_whole[member] = value;
    }
    assert_eq!(part, like_the_whole);
    let metadata = describe(json!({"executionArn": child, "includedData": "METADATA_ONLY"})).await.expect("the child is there");
    assert_eq!((&metadata["definition"], metadata.get("variableReferences")), (&json!("{}"), None));
    server.stop().await;
}

#[tokio::test]
async fn failures_that_are_tolerated_stand_among_the_results() {
    let server = TestServer::start().await;
    for (name, fields) in [
        ("count", json!({"ToleratedFailureCount": 2})),
        ("percentage", json!({"ToleratedFailurePercentage": 34})),
        ("path", json!({"ItemsPath": "$.items", "ToleratedFailureCountPath": "$.most"})),
    ] {
        let input = if name == "path" { json!({"items": items(6, &[1, 4]), "most": 2}) } else { items(6, &[1, 4]) };
        let state_machine = server.create(name, &machine("EXPRESS", picky(), fields)).await;
        let execution = server.begin_with(&state_machine, &input).await;
        let ended = server.end(&execution).await;
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
        let output: Value = serde_json::from_str(&text(&ended, "output")).expect("outputs are JSON");
        assert_eq!(
            (output.as_array().map(Vec::len), &output[0]["n"], &output[1]["Error"]),
            (Some(6), &json!(0), &json!("Refused")),
            "{output}"
        );
        let map_run = server.map_run_of(&execution).await;
        let run = server.describe_map_run(&map_run).await;
        assert_eq!(run["status"], "SUCCEEDED");
        for which in ["itemCounts", "executionCounts"] {
            let counted = counts(&run, which);
            assert_eq!((counted["succeeded"], counted["failed"], counted["total"]), (4, 2, 6), "{run}");
        }
        let failed = server.children(&map_run, Some("FAILED")).await;
        assert_eq!(failed.len(), 2);
        let described = server.describe(&text(&failed[0], "executionArn")).await;
        assert_eq!((&described["error"], &described["cause"]), (&json!("Refused"), &json!("as the item says")));
    }
    server.stop().await;
}

#[tokio::test]
async fn more_failures_than_are_tolerated_fail_the_run_and_the_state() {
    let server = TestServer::start().await;
    let state_machine = server.create("m", &machine("STANDARD", picky(), json!({"ToleratedFailureCount": 1, "MaxConcurrency": 1}))).await;
    let execution = server.begin_with(&state_machine, &items(6, &[1, 3])).await;
    let ended = server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["error"]), (&json!("FAILED"), &json!("States.ExceedToleratedFailureThreshold")), "{ended}");
    let events = server.events(&execution).await;
    let types: Vec<_> = events.iter().map(|event| text(event, "type")).collect();
    let failed =
        ["ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"];
    assert_eq!(types, failed);
    let details = &events[4]["mapRunFailedEventDetails"];
    assert_eq!((&details["error"], &details["cause"]), (&ended["error"], &ended["cause"]));
    let map_run = server.map_run_of(&execution).await;
    let run = server.describe_map_run(&map_run).await;
    assert_eq!(run["status"], "FAILED");
    let counted = counts(&run, "itemCounts");
    assert_eq!((counted["succeeded"], counted["failed"], counted["pending"]), (2, 2, 2), "what had not begun does not begin: {run}");
    assert_eq!(server.children(&map_run, None).await.len(), 4);
    let child = server.describe(&text(&server.children(&map_run, Some("FAILED")).await[0], "executionArn")).await;
    assert_eq!((&child["redriveStatus"], child.get("redriveStatusReason")), (&json!("REDRIVABLE_BY_MAP_RUN"), None));
    server.stop().await;
}

#[tokio::test]
async fn a_state_may_catch_what_its_run_fails_with() {
    let server = TestServer::start().await;
    let catch = json!([{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "Caught"}]);
    let state = map_state("EXPRESS", picky(), json!({"Catch": catch}));
    let definition = json!({"StartAt": "Each", "States": {"Each": state, "Caught": {"Type": "Pass", "End": true}}});
    let state_machine = server.create("m", &definition.to_string()).await;
    let execution = server.begin_with(&state_machine, &items(3, &[0])).await;
    let ended = server.end(&execution).await;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let output: Value = serde_json::from_str(&text(&ended, "output")).expect("outputs are JSON");
    assert_eq!(output["Error"], "States.ExceedToleratedFailureThreshold");
    let types = server.event_types(&execution).await;
    assert_eq!(types[4..7], ["MapRunFailed", "MapStateFailed", "MapStateExited"]);
    server.stop().await;
}

/// A state that is retried begins a run of its own each time.
#[tokio::test]
async fn a_retry_is_another_run() {
    let server = TestServer::start().await;
    let retry = json!([{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1, "JitterStrategy": "NONE"}]);
    let state_machine = server.create("m", &machine("EXPRESS", picky(), json!({"Retry": retry}))).await;
    let execution = server.begin_with(&state_machine, &items(2, &[0])).await;
    assert_eq!(server.end(&execution).await["status"], "FAILED");
    let runs = server.map_runs_of(&execution).await;
    assert_eq!(runs.len(), 2);
    assert_ne!(runs[0]["mapRunArn"], runs[1]["mapRunArn"]);
    assert!(runs[0]["startDate"].as_f64() > runs[1]["startDate"].as_f64(), "the latest first: {runs:?}");
    server.stop().await;
}
