//! What a restart leaves, with the store on disk.

use baton_coordinator::server::Storage;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn machines_executions_and_page_tokens_survive() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = || Storage::Local(folder.path().join("data"));
    let server = TestServer::with(storage()).await;
    let machine = server.create("m", PASS).await;
    server.create("n", WAIT).await;
    server.call("CreateActivity", json!({"name": "a"})).await.expect("it is new");
    for _ in 0..3 {
        let execution = server.begin(&machine).await;
        server.end(&execution).await;
    }
    let page = server.call("ListExecutions", json!({"stateMachineArn": machine, "maxResults": 2})).await.expect("a page");
    let machines = server.call("ListStateMachines", json!({"maxResults": 1})).await.expect("a page");
    let first = text(&page["executions"][0], "executionArn");
    let described = server.call("DescribeExecution", json!({"executionArn": first})).await;
    let history = server.call("GetExecutionHistory", json!({"executionArn": first, "maxResults": 2})).await.expect("a page");
    server.stop().await;

    let server = TestServer::with(storage()).await;
    let rest = json!({"stateMachineArn": machine, "nextToken": page["nextToken"]});
    let rest = server.call("ListExecutions", rest).await.expect("a page");
    assert_eq!((rest["executions"].as_array().map(Vec::len), rest.get("nextToken")), (Some(1), None));
    let rest = server.call("ListStateMachines", json!({"nextToken": machines["nextToken"]})).await.expect("a page");
    assert_eq!(rest["stateMachines"][0]["name"], "n");
    assert_eq!(server.call("DescribeExecution", json!({"executionArn": first})).await, described);
    let rest = json!({"executionArn": first, "nextToken": history["nextToken"]});
    let rest = server.call("GetExecutionHistory", rest).await.expect("a page");
    assert_eq!(rest["events"][0]["id"], 3);
    server.call("DescribeActivity", json!({"activityArn": "arn:aws:states:us-east-1:123456789012:activity:a"})).await.expect("it is there");
    let execution = server.begin(&machine).await;
    assert_eq!(server.end(&execution).await["status"], "SUCCEEDED");
    server.stop().await;
}

#[tokio::test]
async fn a_deletion_that_was_interrupted_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = || Storage::Local(folder.path().join("data"));
    let server = TestServer::with(storage()).await;
    let machine = server.create("m", WAIT).await;
    let execution = server.begin(&machine).await;
    server.call("DeleteStateMachine", json!({"stateMachineArn": machine})).await.expect("it is there");
    // The server goes at once, whether the executions have been aborted or not.
    server.stop().await;
    let server = TestServer::with(storage()).await;
    assert_eq!(server.end(&execution).await["status"], "ABORTED");
    server.stop().await;
}
