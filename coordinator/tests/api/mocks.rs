//! Starts with a test case of the mock configuration.

use std::path::{Path, PathBuf};

use baton_coordinator::server::{ServerConfig, Storage};
use serde_json::{Value, json};

use crate::support::*;

const TASK: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:getItem","Parameters":{"TableName":"t","Key":{}},"End":true}}}"#;
/// Waits between two tasks of one state.
const TWICE: &str = r#"{"StartAt":"T","States":{
    "T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:nowhere","Next":"C"},
    "C":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":1,"Next":"W"}],"Default":"E"},
    "W":{"Type":"Wait","Seconds":1,"Next":"T"},
    "E":{"Type":"Succeed"}}}"#;

fn write(file: &Path, answers: Value) {
    let config = json!({"StateMachines": {"m": {"TestCases": {"Case": {"T": "Response"}}}}, "MockedResponses": {"Response": answers}});
    std::fs::write(file, config.to_string()).expect("it can be written");
}

async fn serve(file: PathBuf, storage: Storage) -> TestServer {
    TestServer::configured(ServerConfig { storage, mock_config: Some(file), ..ServerConfig::default() }).await
}

#[tokio::test]
async fn each_start_reads_the_file_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("MockConfigFile.json");
    let server = serve(file.clone(), Storage::Memory).await;
    let machine = server.create("m", TASK).await;
    write(&file, json!({"0": {"Return": {"Item": {}}}}));
    let first = server.begin(&format!("{machine}#Case")).await;
    write(&file, json!({"0": {"Throw": {"Error": "DynamoDB.Gone", "Cause": "for a test"}}}));
    let second = server.begin(&format!("{machine}#Case")).await;
    let ended = server.end(&first).await;
    assert_eq!((&ended["status"], &ended["output"]), (&json!("SUCCEEDED"), &json!(r#"{"Item":{}}"#)));
    assert_eq!(ended["stateMachineArn"], machine);
    let ended = server.end(&second).await;
    assert_eq!((&ended["status"], &ended["error"], &ended["cause"]), (&json!("FAILED"), &json!("DynamoDB.Gone"), &json!("for a test")));
    server.stop().await;
}

#[tokio::test]
async fn a_test_case_belongs_to_its_execution() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mocks.json");
    let storage = || Storage::Local(folder.path().join("data"));
    let server = serve(file.clone(), storage()).await;
    let machine = server.create("m", TWICE).await;
    write(&file, json!({"0": {"Return": 1}, "1": {"Return": "from the test case"}}));
    let execution = server.begin(&format!("{machine}#Case")).await;
    std::fs::remove_file(&file).expect("it is there");
    server.stop().await;

    let server = serve(file, storage()).await;
    assert_eq!(server.end(&execution).await["output"], r#""from the test case""#);
    server.stop().await;
}

#[tokio::test]
async fn the_same_name_with_another_test_case_is_another_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mocks.json");
    let server = serve(file.clone(), Storage::Memory).await;
    let machine = server.create("m", &TWICE.replace(r#""Seconds":1"#, r#""Seconds":3600"#)).await;
    write(&file, json!({"0": {"Return": 1}}));
    let start = |arn: String| json!({"stateMachineArn": arn, "name": "x"});
    let first = server.call("StartExecution", start(format!("{machine}#Case"))).await.expect("it starts");
    assert_eq!(server.call("StartExecution", start(format!("{machine}#Case"))).await.as_ref(), Ok(&first));
    let again = server.call("StartExecution", start(machine.clone())).await.expect_err("another start");
    assert_eq!(again.code, "ExecutionAlreadyExists");
    server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_the_file_is_told_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mocks.json");
    let server = serve(file.clone(), Storage::Memory).await;
    let machine = server.create("m", TASK).await;
    let other = server.create("other", TASK).await;
    let refused = async |arn: String, problem: &str| {
        let answer = server.call("StartExecution", json!({"stateMachineArn": arn})).await;
        assert_refused(answer, "ValidationException", &format!("Invalid mock configuration {}: {problem}", file.display()));
    };
    let case = format!("{machine}#Case");
    let unreadable = server.call("StartExecution", json!({"stateMachineArn": case})).await.expect_err("the file is not there");
    assert!(unreadable.message.contains("cannot be read") && unreadable.message.contains("--mock-config"), "{}", unreadable.message);

    std::fs::write(&file, "{\n  \"StateMachines\": }").expect("it can be written");
    refused(case.clone(), "it is not JSON at line 2, column 20 (expected value): mend it there").await;
    std::fs::write(&file, "[]").expect("it can be written");
    refused(case.clone(), "the whole file must be an object with the members StateMachines and MockedResponses: correct it there").await;
    std::fs::write(&file, "{}").expect("it can be written");
    refused(case.clone(), "the file has no member 'StateMachines': add it").await;

    write(&file, json!({}));
    refused(format!("{other}#Case"), "/StateMachines has no state machine 'other': add it, or use one of those that are there: m").await;
    refused(
        format!("{machine}#Other"),
        "/StateMachines/m/TestCases has no test case 'Other': add it, or use one of those that are there: Case",
    )
    .await;
    let response = "/MockedResponses/Response";
    write(&file, json!({"one": {"Return": 1}}));
    refused(case.clone(), &format!("{response}/one must be under a number or a range of numbers, as \"0\" or \"1-2\": correct it there"))
        .await;
    for answer in [json!({}), json!({"Return": 1, "Throw": {}}), json!({"return": 1})] {
        write(&file, json!({"0": answer}));
        refused(case.clone(), &format!("{response}/0 must be an object with either Return or Throw: correct it there")).await;
    }
    write(&file, json!({"0": {"Throw": {"Error": 1}}}));
    refused(case.clone(), &format!("{response}/0/Throw/Error must be a text: correct it there")).await;
    write(&file, json!({"0-2": {"Return": 1}, "2": {"Return": 2}}));
    refused(case.clone(), &format!("{response} answers the task with the number 2 a second time: give each number once")).await;
    write(&file, json!({"0": {"Return": "x".repeat(5_000_000)}}));
    refused(case.clone(), "the answers of /StateMachines/m/TestCases/Case have more than 4194304 bytes: make them smaller").await;

    let many: serde_json::Map<String, Value> = (0..150_000).map(|number| (number.to_string(), json!({"Return": 1}))).collect();
    write(&file, Value::Object(many));
    refused(case.clone(), "the answers of /StateMachines/m/TestCases/Case have more than 4194304 bytes: make them smaller").await;

    // Nothing of it has harmed the server.
    write(&file, json!({"0": {"Return": 1}}));
    let execution = server.begin(&case).await;
    assert_eq!(server.end(&execution).await["status"], "SUCCEEDED");
    server.stop().await;
}

#[tokio::test]
async fn without_a_mock_configuration_a_test_case_is_no_part_of_an_arn() {
    let server = TestServer::start().await;
    let machine = server.create("m", PASS).await;
    let refused = server.call("StartExecution", json!({"stateMachineArn": format!("{machine}#Case")})).await.expect_err("no such machine");
    assert_eq!(refused.code, "StateMachineDoesNotExist");
    server.stop().await;
}

#[tokio::test]
async fn an_empty_response_is_wrong_only_for_a_task_that_asks() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mocks.json");
    write(&file, json!({}));
    let server = serve(file, Storage::Memory).await;
    let machine = server.create("m", TASK).await;
    let execution = server.begin(&format!("{machine}#Case")).await;
    assert_eq!(server.end(&execution).await["error"], "States.Runtime");
    server.stop().await;
}

#[tokio::test]
async fn express_machines_have_test_cases_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mocks.json");
    write(&file, json!({"0": {"Return": {"Item": {"n": {"N": "1"}}}}}));
    let server = serve(file, Storage::Memory).await;
    let machine = json!({"name": "m", "definition": TASK, "roleArn": ROLE, "type": "EXPRESS"});
    let machine = text(&server.call("CreateStateMachine", machine).await.expect("it is new"), "stateMachineArn");
    let ended = server.call("StartSyncExecution", json!({"stateMachineArn": format!("{machine}#Case")})).await.expect("it runs");
    assert_eq!((&ended["status"], &ended["output"]), (&json!("SUCCEEDED"), &json!(r#"{"Item":{"n":{"N":"1"}}}"#)));
    assert_eq!(ended["stateMachineArn"], machine);
    let answer = server.call("StartSyncExecution", json!({"stateMachineArn": format!("{machine}#Other")})).await;
    assert_eq!(answer.expect_err("no such test case").code, "ValidationException");
    server.stop().await;
}
