//! Distributed Maps inside of other states, and of each other.

use super::*;

/// Adds nothing: gives its input.
fn pass() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})
}

async fn succeeded(server: &TestServer, definition: &Value, input: &Value) -> (String, Value) {
    let state_machine = server.create("m", &definition.to_string()).await;
    let execution = server.begin_with(&state_machine, input).await;
    let ended = server.end(&execution).await;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    (execution, serde_json::from_str(&text(&ended, "output")).expect("outputs are JSON"))
}

#[tokio::test]
async fn a_run_may_be_inside_of_a_run() {
    let server = TestServer::start().await;
    let mut inner = map_state("EXPRESS", pass(), json!({}));
    inner["Label"] = json!("Inner");
    let outer = json!({"StartAt": "In", "States": {"In": inner}});
    let definition = json!({"StartAt": "Each", "States": {"Each": map_state("STANDARD", outer, json!({}))}});
    let (execution, output) = succeeded(&server, &definition, &json!([[1, 2], [3], []])).await;
    assert_eq!(output, json!([[1, 2], [3], []]));
    let map_run = server.map_run_of(&execution).await;
    let (mut inner_children, mut of_inner) = (0, 0);
    for child in server.children(&map_run, None).await {
        let inner = server.map_run_of(&text(&child, "executionArn")).await;
        assert!(inner.contains(":mapRun:m/Inner:"), "{inner}");
        let run = server.describe_map_run(&inner).await;
        assert_eq!((&run["executionArn"], &run["status"]), (&child["executionArn"], &json!("SUCCEEDED")));
        of_inner += counts(&run, "itemCounts").get("succeeded").copied().unwrap_or(0);
        for child in server.children(&inner, None).await {
            assert!(text(&child, "executionArn").contains(":express:m/Inner:"));
            inner_children += 1;
        }
    }
    assert_eq!((inner_children, of_inner), (3, 3));
    server.stop().await;
}

#[tokio::test]
async fn runs_may_be_inside_of_inline_maps_and_branches() {
    let server = TestServer::start().await;
    let mut left = map_state("STANDARD", pass(), json!({"ItemsPath": "$.left"}));
    left["Label"] = json!("Left");
    let last = json!({"StartAt": "Q", "States": {"Q": {"Type": "Pass", "End": true}}});
    let right = map_state("EXPRESS", last, json!({}));
    let inline =
        json!({"Type": "Map", "ItemsPath": "$.right", "End": true, "ItemProcessor": {"StartAt": "Right", "States": {"Right": right}}});
    let branches = json!([{"StartAt": "Left", "States": {"Left": left}}, {"StartAt": "Rows", "States": {"Rows": inline}}]);
    let definition = json!({"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "Branches": branches, "End": true}}});
    let (execution, output) = succeeded(&server, &definition, &json!({"left": [1, 2], "right": [[3], [4, 5]]})).await;
    assert_eq!(output, json!([[1, 2], [[3], [4, 5]]]));
    let runs = server.map_runs_of(&execution).await;
    assert_eq!(runs.len(), 3, "one for the branch, two for the iterations");
    server.stop().await;
}

/// The failure of one branch ends the run of the other.
#[tokio::test]
async fn a_run_ends_with_the_branch_that_it_is_in() {
    let server = TestServer::start().await;
    server.create_activity().await;
    let left = json!({"StartAt": "Left", "States": {"Left": map_state("STANDARD", work(), json!({}))}});
    let right = json!({"StartAt": "R", "States": {"R": {"Type": "Task", "Resource": ACTIVITY, "End": true}}});
    let definition = json!({"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "Branches": [left, right], "End": true}}});
    let state_machine = server.create("m", &definition.to_string()).await;
    let execution = server.begin_with(&state_machine, &items(2, &[])).await;
    let map_run = server.map_run_of(&execution).await;
    for _ in 0..3 {
        let (token, input) = server.next_task().await.expect("three tasks are open");
        if input.is_array() {
            server.until(|| server.children(&map_run, Some("RUNNING")), |children| children.len() == 2).await;
            server.fail(&token).await;
            break;
        }
    }
    let ended = server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["error"]), (&json!("FAILED"), &json!("Broken")), "{ended}");
    let run = server.until(|| server.describe_map_run(&map_run), |run| run["status"] != "RUNNING").await;
    assert_eq!((&run["status"], counts(&run, "itemCounts")), (&json!("ABORTED"), expected([("aborted", 2), ("total", 2)])));
    server.stop().await;
}

/// A loop visits the state twice, and has two runs with different items.
#[tokio::test]
async fn each_visit_of_the_state_is_a_run() {
    let server = TestServer::start().await;
    let mut each = map_state("STANDARD", pass(), json!({"ItemsPath": "$.items", "ResultPath": "$.seen"}));
    each.as_object_mut().expect("a state").remove("End");
    each["Next"] = json!("More");
    let definition = json!({"StartAt": "Each", "States": {
        "Each": each,
        "More": {"Type": "Choice", "Choices": [{"Variable": "$.again", "BooleanEquals": true, "Next": "Set"}], "Default": "Done"},
        "Set": {"Type": "Pass", "Result": {"items": [8, 9], "again": false}, "Next": "Each"},
        "Done": {"Type": "Succeed", "OutputPath": "$.seen"}}});
    let (execution, output) = succeeded(&server, &definition, &json!({"items": [1], "again": true})).await;
    assert_eq!(output, json!([8, 9]));
    assert_eq!(server.map_runs_of(&execution).await.len(), 2);
    server.stop().await;
}
