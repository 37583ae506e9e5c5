//! TestState.

use serde_json::{Value, json};

use crate::support::*;

const INVOKE: &str = "arn:aws:states:::lambda:invoke";

async fn test(server: &TestServer, definition: &Value, more: Value) -> Result<Value, Refused> {
    let mut members = json!({"definition": definition.to_string(), "inspectionLevel": "DEBUG"});
    for (member, value) in more.as_object().expect("an object") {
        members[member] = value.clone();
    }
    server.call("TestState", members).await
}

/// A member of `inspectionData`, read.
#[track_caller]
fn seen(answer: &Value, member: &str) -> Value {
    serde_json::from_str(&text(&answer["inspectionData"], member)).expect("inspection data are texts of JSON")
}

fn result(value: Value) -> Value {
    json!({"mock": {"result": value.to_string()}})
}

fn task() -> Value {
    json!({"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "End": true})
}

fn map() -> Value {
    let processor = json!({"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "In", "States": {"In": {"Type": "Pass", "End": true}}});
    json!({"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": true})
}

#[tokio::test]
async fn a_pass_state_shows_each_step_of_its_data() {
    let server = TestServer::start().await;
    let pass =
        json!({"Type": "Pass", "InputPath": "$.a", "Parameters": {"b.$": "$.x"}, "ResultPath": "$.r", "OutputPath": "$.r", "Next": "Then"});
    let answer = test(&server, &pass, json!({"input": r#"{"a": {"x": 7}}"#})).await.expect("it is tested");
    assert_eq!((&answer["status"], &answer["nextState"], &answer["output"]), (&json!("SUCCEEDED"), &json!("Then"), &json!(r#"{"b":7}"#)));
    assert_eq!(seen(&answer, "input"), json!({"a": {"x": 7}}));
    assert_eq!(seen(&answer, "afterInputPath"), json!({"x": 7}));
    assert_eq!(seen(&answer, "afterParameters"), json!({"b": 7}));
    assert_eq!(seen(&answer, "afterResultSelector"), json!({"b": 7}));
    assert_eq!(seen(&answer, "afterResultPath"), json!({"a": {"x": 7}, "r": {"b": 7}}));
    let brief = test(&server, &pass, json!({"input": r#"{"a": {"x": 7}}"#, "inspectionLevel": "INFO"})).await.expect("it is tested");
    assert_eq!(brief, json!({"status": "SUCCEEDED", "nextState": "Then", "output": r#"{"b":7}"#}));
    server.stop().await;
}

#[tokio::test]
async fn variables_come_in_and_go_out() {
    let server = TestServer::start().await;
    let pass = json!({"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"y": "{% $x + 1 %}"}, "Output": "{% $x %}", "End": true});
    let answer = test(&server, &pass, json!({"variables": r#"{"x": 1}"#})).await.expect("it is tested");
    assert_eq!(answer["output"], "1");
    assert_eq!(seen(&answer, "variables"), json!({"x": 1, "y": 2}));
    let answer = test(&server, &pass, json!({"variables": "[1]"})).await;
    assert_refused(answer, "ValidationException", "Variables must be a JSON object whose keys are names of variables.");
    server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_said_without_a_place() {
    let server = TestServer::start().await;
    let pass = json!({"Type": "Pass", "InputPath": "$.missing", "End": true});
    let answer = test(&server, &pass, json!({})).await.expect("it is tested");
    assert_eq!((&answer["status"], &answer["error"]), (&json!("FAILED"), &json!("States.Runtime")));
    assert!(text(&answer, "cause").starts_with("Invalid path '$.missing'"), "{answer}");
    let choice = json!({"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{"Condition": "{% 1 %}", "Next": "A"}]});
    let answer = test(&server, &choice, json!({})).await.expect("it is tested");
    assert_eq!(answer["error"], "States.QueryEvaluationError");
    assert!(text(&answer, "cause").starts_with("The JSONata expression '1' specified for the field 'Condition'"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_wait_state_waits() {
    let server = TestServer::start().await;
    let wait = json!({"Type": "Wait", "Seconds": 1, "Next": "B"});
    let begun = std::time::Instant::now();
    let answer = test(&server, &wait, json!({"input": "[1]"})).await.expect("it is tested");
    assert_eq!((&answer["output"], &answer["nextState"]), (&json!("[1]"), &json!("B")));
    assert!(begun.elapsed() >= std::time::Duration::from_millis(900));
    server.stop().await;
}

#[tokio::test]
async fn a_mocked_failure_is_retried_caught_or_final() {
    let server = TestServer::start().await;
    let mut state = task();
    state["Retry"] = json!([{"ErrorEquals": ["Other"]}, {"ErrorEquals": ["E"], "IntervalSeconds": 3, "MaxAttempts": 2, "BackoffRate": 2}]);
    state["Catch"] = json!([{"ErrorEquals": ["E"], "Next": "Caught", "ResultPath": "$.error"}]);
    let failing = |retries: Option<u32>| {
        let mut members = json!({"input": "{}", "mock": {"errorOutput": {"error": "E", "cause": "c"}}});
        if let Some(retries) = retries {
            members["stateConfiguration"] = json!({"retrierRetryCount": retries});
        }
        members
    };
    for (retries, seconds) in [(None, 3), (Some(0), 3), (Some(1), 6)] {
        let answer = test(&server, &state, failing(retries)).await.expect("it is tested");
        assert_eq!((&answer["status"], &answer["error"], &answer["cause"]), (&json!("RETRIABLE"), &json!("E"), &json!("c")));
        assert_eq!(answer["inspectionData"]["errorDetails"], json!({"retryIndex": 1, "retryBackoffIntervalSeconds": seconds}));
        assert_eq!(answer.get("output"), None);
    }
    let answer = test(&server, &state, failing(Some(2))).await.expect("it is tested");
    assert_eq!((&answer["status"], &answer["nextState"]), (&json!("CAUGHT_ERROR"), &json!("Caught")));
    assert_eq!(answer["output"], r#"{"error":{"Error":"E","Cause":"c"}}"#);
    assert_eq!(answer["inspectionData"]["errorDetails"], json!({"catchIndex": 0, "retryIndex": 1}));
    state.as_object_mut().expect("an object").remove("Catch");
    let answer = test(&server, &state, failing(Some(2))).await.expect("it is tested");
    assert_eq!((&answer["status"], answer.get("nextState")), (&json!("FAILED"), None));
    server.stop().await;
}

#[tokio::test]
async fn the_context_object_tells_of_retries_and_may_be_mocked() {
    let server = TestServer::start().await;
    let mut state = task();
    state["ResultSelector"] = json!({"state.$": "$$.State", "execution.$": "$$.Execution"});
    let members = json!({"mock": {"result": "{}"}, "roleArn": ROLE, "input": "[5]"});
    let answer = test(&server, &state, members).await.expect("it is tested");
    let output: Value = serde_json::from_str(&text(&answer, "output")).expect("JSON");
    assert_eq!((&output["state"]["Name"], &output["state"]["RetryCount"]), (&json!("StateName"), &json!(0)));
    assert_eq!((&output["execution"]["Input"], &output["execution"]["RoleArn"]), (&json!([5]), &json!(ROLE)));
    assert!(text(&output["execution"], "Id").starts_with("arn:aws:states:us-east-1:123456789012:express:"), "{output}");
    let mut members = result(json!({}));
    members["context"] = json!(r#"{"State": {"Name": "Mine"}, "Execution": {"Id": "e"}}"#);
    let answer = test(&server, &state, members).await.expect("it is tested");
    assert_eq!(seen(&answer, "afterResultPath"), json!({"state": {"Name": "Mine"}, "execution": {"Id": "e"}}));
    server.stop().await;
}

#[tokio::test]
async fn a_map_shows_what_each_iteration_would_get() {
    let server = TestServer::start().await;
    let mut state = map();
    state["ItemSelector"] = json!({"index.$": "$$.Map.Item.Index", "value.$": "$$.Map.Item.Value", "of.$": "$.of"});
    state["ItemBatcher"] = json!({"MaxItemsPerBatch": 2, "BatchInput": {"of.$": "$.of"}});
    state["ToleratedFailurePercentage"] = json!(50);
    state["MaxConcurrency"] = json!(5);
    let mut members = result(json!(["x", "y"]));
    members["input"] = json!(r#"{"items": ["a", "b", "c"], "of": 9}"#);
    let answer = test(&server, &state, members.clone()).await.expect("it is tested");
    assert_eq!(answer["output"], r#"["x","y"]"#);
    assert_eq!(answer["inspectionData"]["afterItemsPath"], r#"["a", "b", "c"]"#);
    let item = |index: u32, value: &str| json!({"index": index, "value": value, "of": 9});
    assert_eq!(seen(&answer, "afterItemSelector"), json!([item(0, "a"), item(1, "b"), item(2, "c")]));
    let batches =
        json!([{"BatchInput": {"of": 9}, "Items": [item(0, "a"), item(1, "b")]}, {"BatchInput": {"of": 9}, "Items": [item(2, "c")]}]);
    assert_eq!(seen(&answer, "afterItemBatcher"), batches);
    assert_eq!(answer["inspectionData"]["toleratedFailurePercentage"], json!(50.0));
    assert_eq!((&answer["inspectionData"]["maxConcurrency"], answer["inspectionData"].get("result")), (&json!(5), None));
    for (failures, status) in [(1, "SUCCEEDED"), (2, "FAILED")] {
        members["stateConfiguration"] = json!({"mapIterationFailureCount": failures});
        assert_eq!(test(&server, &state, members.clone()).await.expect("it is tested")["status"], status);
    }
    members["stateConfiguration"] = json!({"mapIterationFailureCount": 3});
    let text = "Map iteration failure count must be less than or equal to the number of Map iterations";
    assert_refused(test(&server, &state, members).await, "ValidationException", text);
    server.stop().await;
}

#[tokio::test]
async fn a_reader_s_data_become_items() {
    let server = TestServer::start().await;
    let reader = |config: Value| {
        let mut state = map();
        state.as_object_mut().expect("an object").remove("ItemsPath");
        state["ItemReader"] =
            json!({"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}, "ReaderConfig": config});
        state["ItemSelector"] = json!({"v.$": "$$.Map.Item.Value"});
        state
    };
    let items = async |config: Value, source: &str| {
        let mut members = result(json!([]));
        members["stateConfiguration"] = json!({"mapItemReaderData": source});
        test(&server, &reader(config), members).await.expect("it is tested")
    };
    let pointed = items(json!({"InputType": "JSON", "ItemsPointer": "/a/b", "MaxItems": 2}), r#"{"a": {"b": [1, 2, 3]}}"#).await;
    assert_eq!(seen(&pointed, "afterItemsPointer"), json!([1, 2, 3]));
    assert_eq!(seen(&pointed, "afterItemSelector"), json!([{"v": 1}, {"v": 2}]));
    let csv = items(json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}), "x,y\n1,2\n").await;
    assert_eq!(seen(&csv, "afterItemSelector"), json!([{"v": {"x": "1", "y": "2"}}]));
    let lines = items(json!({"InputType": "JSONL"}), "{\"x\": 1}\n\n{\"x\": 2}\n").await;
    assert_eq!(seen(&lines, "afterItemSelector"), json!([{"v": {"x": 1}}, {"v": {"x": 2}}]));
    let scalar = items(json!({"InputType": "JSON"}), "7").await;
    let failed = (&json!("FAILED"), &json!("States.ItemReaderFailed"), &json!("Attempting to map over non-iterable node."));
    assert_eq!((&scalar["status"], &scalar["error"], &scalar["cause"]), failed);
    server.stop().await;
}

#[tokio::test]
async fn a_state_anywhere_in_a_machine_can_be_tested() {
    let server = TestServer::start().await;
    let branch =
        json!({"StartAt": "Deep", "States": {"Deep": {"Type": "Pass", "Result": 1, "Next": "Deeper"}, "Deeper": {"Type": "Succeed"}}});
    let machine = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [branch], "End": true}}});
    let answer = test(&server, &machine, json!({"stateName": "Deep"})).await.expect("it is tested");
    assert_eq!((&answer["output"], &answer["nextState"]), (&json!("1"), &json!("Deeper")));
    assert_refused(test(&server, &machine, json!({"stateName": "No"})).await, "ValidationException", "State not found in definition");
    let mut members =
        json!({"stateName": "P", "mock": {"errorOutput": {"error": "E"}}, "stateConfiguration": {"errorCausedByState": "Deeper"}});
    assert_eq!(test(&server, &machine, members.clone()).await.expect("it is tested")["status"], "FAILED");
    members["stateConfiguration"]["errorCausedByState"] = json!("P");
    let text = "ErrorCausedByState must be the name of a state inside of the state under test.";
    assert_refused(test(&server, &machine, members).await, "ValidationException", text);
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_tested_is_refused() {
    let server = TestServer::start().await;
    let validation = "ValidationException";
    let unmocked =
        "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]";
    assert_refused(test(&server, &map(), json!({})).await, "InvalidDefinition", unmocked);
    assert_refused(test(&server, &task(), json!({})).await, validation, "RoleArn must be specified when testing a Task state");
    let both = json!({"mock": {"result": "1", "errorOutput": {"error": "E"}}});
    let one = "A test mock should have only one of the following fields: [result, errorOutput].";
    assert_refused(test(&server, &task(), both).await, validation, one);
    assert_refused(test(&server, &task(), json!({"mock": {}})).await, validation, one);
    let mut secrets = result(json!({}));
    secrets["revealSecrets"] = json!(true);
    let text = "TestState does not support RevealSecrets when a mock is specified.";
    assert_refused(test(&server, &task(), secrets).await, validation, text);
    let failures = json!({"stateConfiguration": {"mapIterationFailureCount": 1}});
    let text = "TestState does not support MapIterationFailureCount when a mock is not specified.";
    assert_refused(test(&server, &json!({"Type": "Pass", "End": true}), failures).await, validation, text);
    let parallel = json!({"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}], "End": true});
    let text = "Mocked result must contain the same number of items as number of Parallel branches.";
    assert_refused(test(&server, &parallel, result(json!([1, 2]))).await, validation, text);
    let mut context = result(json!({}));
    context["context"] = json!(r#"{"Task": {"Token": "t"}}"#);
    let text = "Invalid Context object provided: Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern";
    assert_refused(test(&server, &task(), context).await, validation, text);
    let activity = json!({"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:a", "End": true});
    assert_eq!(test(&server, &activity, json!({"roleArn": ROLE})).await.expect_err("it waits for somebody").code, "InvalidDefinition");
    assert_eq!(test(&server, &activity, result(json!("any"))).await.expect("no activity is needed")["output"], r#""any""#);
    server.stop().await;
}

#[tokio::test]
async fn the_definition_and_the_input_must_be_valid() {
    let server = TestServer::start().await;
    let broken = test(&server, &json!({"Type": "Pass"}), json!({})).await.expect_err("it leads nowhere");
    assert_eq!(broken.code, "InvalidDefinition");
    let pass = json!({"Type": "Pass", "End": true});
    let text = "Invalid State Machine Execution Input: 'Invalid execution input.'";
    assert_refused(test(&server, &pass, json!({"input": ""})).await, "InvalidExecutionInput", text);
    let whole = serde_json::from_str(PASS).expect("JSON");
    assert_eq!(test(&server, &whole, json!({})).await.expect_err("it has no name").code, "InvalidDefinition");
    assert_eq!(test(&server, &whole, json!({"stateName": "A"})).await.expect("it has a name")["output"], r#"{"x":1}"#);
    server.stop().await;
}

#[tokio::test]
async fn a_call_of_an_unknown_function_fails_as_in_an_execution() {
    let server = TestServer::start().await;
    let mut state = task();
    state["Catch"] = json!([{"ErrorEquals": ["Lambda.ResourceNotFoundException"], "Next": "Gone"}]);
    let answer = test(&server, &state, json!({"roleArn": ROLE})).await.expect("it is tested");
    assert_eq!((&answer["status"], &answer["nextState"]), (&json!("CAUGHT_ERROR"), &json!("Gone")), "{answer}");
    assert_eq!(seen(&answer, "afterParameters"), json!({"FunctionName": "f", "Payload": {}}));
    assert_eq!(server.call("ListStateMachines", json!({})).await, Ok(json!({"stateMachines": []})));
    server.stop().await;
}
