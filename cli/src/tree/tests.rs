//! Trees of histories in the order in which AWS writes them.

use serde_json::{Value, json};

use super::Tree;

/// Type, predecessor, name and index of each event; their ids count from 1.
fn tree(events: &[(&str, u64, &str, u64)]) -> Vec<String> {
    let mut tree = Tree::new("arn:aws:states:us-east-1:123456789012:execution:m:e");
    for (id, (kind, previous, name, index)) in (1..).zip(events) {
        let details: Value = json!({ "name": name, "index": index, "error": "Broken" });
        let member = match *kind {
            kind if kind.ends_with("StateEntered") => "stateEnteredEventDetails",
            kind if kind.ends_with("StateExited") => "stateExitedEventDetails",
            "MapIterationStarted" => "mapIterationStartedEventDetails",
            "MapIterationSucceeded" => "mapIterationSucceededEventDetails",
            "MapIterationFailed" => "mapIterationFailedEventDetails",
            "MapIterationAborted" => "mapIterationAbortedEventDetails",
            "TaskFailed" => "taskFailedEventDetails",
            _ => "otherDetails",
        };
        tree.apply(&json!({ "id": id, "previousEventId": previous, "type": kind, "timestamp": 1.0, member: details }));
    }
    let plain = |line: String| anstream::adapter::strip_str(&line).to_string().replace("  0 ms", "");
    tree.lines().into_iter().skip(1).map(plain).filter(|line| !line.contains("after")).collect()
}

const FAILED: [(&str, u64, &str, u64); 15] = [
    ("ExecutionStarted", 0, "", 0),
    ("MapStateEntered", 0, "M", 0),
    ("MapStateStarted", 2, "", 0),
    ("MapIterationStarted", 3, "M", 0),
    ("TaskStateEntered", 4, "T", 0),
    ("MapIterationStarted", 3, "M", 1),
    ("TaskStateEntered", 6, "T", 0),
    ("TaskScheduled", 7, "", 0),
    ("TaskScheduled", 5, "", 0),
    ("TaskFailed", 8, "", 0),
    ("MapIterationFailed", 10, "M", 1),
    ("TaskStateAborted", 10, "", 0),
    ("MapIterationAborted", 10, "M", 0),
    ("MapStateFailed", 10, "", 0),
    ("ExecutionFailed", 10, "", 0),
];

#[test]
fn what_iterations_do_stands_under_them() {
    let expected = ["  ✗ M map", "    – M [0]", "      – T task", "    ✗ M [1]", "      ✗ T task  Broken"];
    assert_eq!(tree(&FAILED), expected);
}

#[test]
fn a_redrive_goes_on_in_the_iteration_that_had_failed() {
    let redriven = [
        ("ExecutionRedriven", 15, "", 0),
        ("TaskScheduled", 7, "", 0),
        ("TaskStateExited", 17, "T", 0),
        ("MapIterationSucceeded", 18, "M", 1),
        ("TaskScheduled", 5, "", 0),
        ("TaskStateExited", 20, "T", 0),
        ("MapIterationSucceeded", 21, "M", 0),
        ("MapStateSucceeded", 22, "", 0),
        ("MapStateExited", 22, "M", 0),
        ("PassStateEntered", 24, "P", 0),
        ("PassStateExited", 25, "P", 0),
        ("ExecutionSucceeded", 26, "", 0),
    ];
    let expected = ["  ✓ M map", "    ✓ M [0]", "      ✓ T task  attempt 2", "    ✓ M [1]", "      ✓ T task  attempt 2", "  ✓ P pass"];
    assert_eq!(tree(&[&FAILED[..], &redriven].concat()), expected);
}

#[test]
fn iterations_one_after_another_stand_in_their_map() {
    let events = [
        ("ExecutionStarted", 0, "", 0),
        ("MapStateEntered", 0, "M", 0),
        ("MapStateStarted", 2, "", 0),
        ("MapIterationStarted", 3, "M", 0),
        ("PassStateEntered", 4, "A", 0),
        ("PassStateExited", 5, "A", 0),
        ("PassStateEntered", 6, "B", 0),
        ("PassStateExited", 7, "B", 0),
        ("MapIterationSucceeded", 8, "M", 0),
        ("MapIterationStarted", 8, "M", 1),
        ("PassStateEntered", 10, "A", 0),
    ];
    let expected = ["  ● M map", "    ✓ M [0]", "      ✓ A pass", "      ✓ B pass", "    ● M [1]", "      ● A pass"];
    assert_eq!(tree(&events), expected);
}

#[test]
fn a_map_run_stands_beside_its_state_and_goes_on_with_a_redrive() {
    let mut tree = Tree::new("arn:aws:states:us-east-1:123456789012:execution:m:e");
    let apply = |tree: &mut Tree, id: u64, previous: u64, kind: &str, details: Value| {
        tree.apply(&json!({ "id": id, "previousEventId": previous, "type": kind, "timestamp": 1.0, "someEventDetails": details }));
    };
    apply(&mut tree, 1, 0, "ExecutionStarted", json!({}));
    apply(&mut tree, 2, 0, "MapStateEntered", json!({ "name": "M" }));
    apply(&mut tree, 3, 2, "MapStateStarted", json!({ "length": 4 }));
    apply(&mut tree, 4, 3, "MapRunStarted", json!({ "mapRunArn": "run" }));
    assert_eq!(tree.open_map_runs(), ["run"]);
    assert!(tree.map_run_lines().is_empty(), "nothing is known yet");
    let counts = |succeeded: u64, pending: u64| json!({ "total": 4, "succeeded": succeeded, "pending": pending });
    tree.set_map_run(&json!({ "mapRunArn": "run", "status": "RUNNING", "itemCounts": counts(1, 3) }));
    let plain = |line: &String| anstream::adapter::strip_str(line).to_string();
    assert_eq!(tree.map_run_lines().iter().map(plain).collect::<Vec<_>>(), ["M: ██████░░░░░░░░░░░░░░░░░░  25 %  1 of 4 items"]);
    tree.set_map_run(&json!({ "mapRunArn": "run", "status": "FAILED", "itemCounts": counts(1, 3) }));
    apply(&mut tree, 5, 4, "MapRunFailed", json!({ "error": "Broken" }));
    assert!(tree.open_map_runs().is_empty());
    let rows: Vec<_> = tree.lines().iter().map(plain).collect();
    assert!(rows[1].contains("● M map") && rows[1].ends_with("25 %  1 of 4 items  Broken"), "{rows:?}");
    apply(&mut tree, 6, 5, "ExecutionFailed", json!({}));
    apply(&mut tree, 7, 6, "ExecutionRedriven", json!({}));
    apply(&mut tree, 8, 4, "MapRunRedriven", json!({ "mapRunArn": "run", "redriveCount": 1 }));
    assert_eq!(tree.open_map_runs(), ["run"]);
}
