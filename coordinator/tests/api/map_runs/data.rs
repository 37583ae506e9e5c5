//! What children get: selected, batched, keyed.

use super::*;

async fn output(definition: &str, input: &Value) -> Value {
    let server = TestServer::start().await;
    let state_machine = server.create("m", definition).await;
    let execution = server.begin_with(&state_machine, input).await;
    let ended = server.end(&execution).await;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let output = serde_json::from_str(&text(&ended, "output")).expect("outputs are JSON");
    server.stop().await;
    output
}

fn pass() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})
}

#[tokio::test]
async fn a_selector_sees_the_item_and_the_states_input() {
    let selector =
        json!({"index.$": "$$.Map.Item.Index", "value.$": "$$.Map.Item.Value", "source.$": "$$.Map.Item.Source", "of.$": "$.of"});
    let definition = machine("STANDARD", pass(), json!({"ItemsPath": "$.items", "ItemSelector": selector}));
    let selected = output(&definition, &json!({"items": ["a", "b"], "of": "both"})).await;
    let item = |index: u64, value: &str| json!({"index": index, "value": value, "source": "STATE_DATA", "of": "both"});
    assert_eq!(selected, json!([item(0, "a"), item(1, "b")]));
}

#[tokio::test]
async fn jsonata_selects_too() {
    let mut state = map_state("EXPRESS", pass(), json!({"Items": "{% $states.input.items %}"}));
    state["ItemSelector"] = json!({"place": "{% $states.context.Map.Item.Index %}", "twice": "{% $states.context.Map.Item.Value * 2 %}"});
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "Each", "States": {"Each": state}});
    let selected = output(&definition.to_string(), &json!({"items": [4, 5]})).await;
    assert_eq!(selected, json!([{"place": 0, "twice": 8}, {"place": 1, "twice": 10}]));
}

#[tokio::test]
async fn batches_are_bounded_by_count_and_bytes_and_share_an_input() {
    let batcher = json!({"MaxItemsPerBatch": 3, "BatchInput": {"by.$": "$.by"}});
    let definition = machine("STANDARD", pass(), json!({"ItemsPath": "$.items", "ItemBatcher": batcher}));
    let batched = output(&definition, &json!({"items": [1, 2, 3, 4, 5, 6, 7], "by": 3})).await;
    let batch = |items: Value| json!({"BatchInput": {"by": 3}, "Items": items});
    assert_eq!(batched, json!([batch(json!([1, 2, 3])), batch(json!([4, 5, 6])), batch(json!([7]))]));

    let definition = machine("EXPRESS", pass(), json!({"ItemBatcher": {"MaxInputBytesPerBatch": 100}}));
    let text = "x".repeat(30);
    let batched = output(&definition, &json!([text, text, text, text, text])).await;
    let lengths: Vec<_> =
        batched.as_array().expect("a list").iter().map(|batch| batch["Items"].as_array().expect("a list").len()).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 5);
    assert!(lengths.iter().all(|length| (1..=3).contains(length)) && lengths.len() >= 2, "{lengths:?}");
}

#[tokio::test]
async fn items_of_batches_are_counted_one_by_one() {
    let server = TestServer::start().await;
    let processor = json!({"StartAt": "Look", "States": {
        "Look": {"Type": "Choice", "Choices": [{"Variable": "$.Items[0].fail", "BooleanEquals": true, "Next": "No"}], "Default": "Yes"},
        "No": {"Type": "Fail", "Error": "Refused"},
        "Yes": {"Type": "Pass", "End": true}}});
    let fields = json!({"ItemBatcher": {"MaxItemsPerBatch": 4}, "ToleratedFailureCount": 4});
    let state_machine = server.create("m", &machine("STANDARD", processor, fields)).await;
    let execution = server.begin_with(&state_machine, &items(10, &[4])).await;
    assert_eq!(server.end(&execution).await["status"], "SUCCEEDED");
    let map_run = server.map_run_of(&execution).await;
    let run = server.describe_map_run(&map_run).await;
    let counted = |which| {
        let counted = counts(&run, which);
        (counted["succeeded"], counted["failed"], counted["total"])
    };
    assert_eq!((counted("itemCounts"), counted("executionCounts")), ((6, 4, 10), (2, 1, 3)), "{run}");
    let mut item_counts: Vec<_> = server.children(&map_run, None).await.iter().map(|child| child["itemCount"].clone()).collect();
    item_counts.sort_by_key(|count| count.as_u64());
    assert_eq!(item_counts, [json!(2), json!(4), json!(4)]);
    server.stop().await;
}

#[tokio::test]
async fn nothing_to_map_is_a_run_too() {
    let server = TestServer::start().await;
    let state_machine = server.create("m", &machine("STANDARD", pass(), json!({}))).await;
    let execution = server.begin_with(&state_machine, &json!([])).await;
    let ended = server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["output"]), (&json!("SUCCEEDED"), &json!("[]")));
    let run = server.describe_map_run(&server.map_run_of(&execution).await).await;
    assert_eq!((&run["status"], counts(&run, "itemCounts")), (&json!("SUCCEEDED"), BTreeMap::new()));
    server.stop().await;
}

#[tokio::test]
async fn results_that_are_too_large_together_fail_the_state() {
    let server = TestServer::start().await;
    let large = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": "x".repeat(60_000), "End": true}}});
    let state_machine = server.create("m", &machine("EXPRESS", large, json!({}))).await;
    let execution = server.begin_with(&state_machine, &items(6, &[])).await;
    let ended = server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["error"]), (&json!("FAILED"), &json!("States.DataLimitExceeded")), "{ended}");
    server.stop().await;
}

#[tokio::test]
async fn an_item_that_makes_too_large_an_input_is_named() {
    let server = TestServer::start().await;
    let selector = json!({"a.$": "$$.Map.Item.Value", "b.$": "$$.Map.Item.Value"});
    let state_machine = server.create("m", &machine("STANDARD", pass(), json!({"ItemSelector": selector}))).await;
    let execution = server.begin_with(&state_machine, &json!(["short", "x".repeat(150_000)])).await;
    let ended = server.end(&execution).await;
    assert_eq!(ended["error"], "States.DataLimitExceeded", "{ended}");
    let which = " The input of the child execution of item 1 has 300015 bytes, and the limit is 262144.";
    assert!(text(&ended, "cause").ends_with(which), "{ended}");
    server.stop().await;
}
