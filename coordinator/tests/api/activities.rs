//! CreateActivity, DescribeActivity, DeleteActivity, ListActivities, GetActivityTask, SendTaskSuccess, SendTaskFailure,
//! SendTaskHeartbeat.

use serde_json::{Value, json};

use crate::support::*;

const ARN: &str = "arn:aws:states:us-east-1:123456789012:activity:a";

fn machine(timeout: u64) -> String {
    let task = json!({"Type": "Task", "Resource": ARN, "TimeoutSeconds": timeout, "End": true});
    json!({"StartAt": "T", "States": {"T": task}}).to_string()
}

#[tokio::test]
async fn activities_are_made_and_go() {
    let server = TestServer::start().await;
    let created = server.call("CreateActivity", json!({"name": "a"})).await.expect("it is new");
    assert_eq!(created["activityArn"], ARN);
    assert_recent(&created["creationDate"]);
    let again = server.call("CreateActivity", json!({"name": "a", "tags": [{"key": "k", "value": "v"}]})).await;
    assert_eq!(again, Ok(created.clone()));
    let described = server.call("DescribeActivity", json!({"activityArn": ARN})).await;
    let expected = json!({
        "activityArn": ARN, "name": "a", "creationDate": created["creationDate"], "encryptionConfiguration": {"type": "AWS_OWNED_KEY"}
    });
    assert_eq!(described, Ok(expected));
    let encryption = json!({"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"});
    let different = server.call("CreateActivity", json!({"name": "a", "encryptionConfiguration": encryption})).await;
    assert_eq!(different.expect_err("it differs").code, "ActivityAlreadyExists");
    for _ in 0..2 {
        assert_eq!(server.call("DeleteActivity", json!({"activityArn": ARN})).await, Ok(json!({})));
    }
    let gone = format!("Activity Does Not Exist: '{ARN}'");
    assert_refused(server.call("DescribeActivity", json!({"activityArn": ARN})).await, "ActivityDoesNotExist", &gone);
    assert_refused(server.call("GetActivityTask", json!({"activityArn": ARN})).await, "ActivityDoesNotExist", &gone);
    server.stop().await;
}

#[tokio::test]
async fn wrong_activities_are_refused() {
    let server = TestServer::start().await;
    for name in ["activity name", "activity\"name", "activity#name", "activity~name", "activity\u{7f}", "\u{0}activity"] {
        let refused = server.call("CreateActivity", json!({"name": name})).await;
        assert_refused(refused, "InvalidName", &format!("Invalid Name: '{name}'"));
    }
    for operation in ["DescribeActivity", "GetActivityTask", "DeleteActivity"] {
        let call = |arn: &str| server.call(operation, json!({"activityArn": arn}));
        assert_refused(call("nope").await, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: nope'");
        let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:a";
        assert_refused(call(machine).await, "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: stateMachine'");
    }
    server.stop().await;
}

#[tokio::test]
async fn activities_are_listed_by_name_and_page() {
    let server = TestServer::start().await;
    for name in ["c", "a", "b"] {
        server.call("CreateActivity", json!({"name": name})).await.expect("it is new");
    }
    let first = server.call("ListActivities", json!({"maxResults": 2})).await.expect("a page");
    let second = server.call("ListActivities", json!({"nextToken": first["nextToken"]})).await.expect("a page");
    let names = |page: &Value| page["activities"].as_array().expect("a list").iter().map(|item| text(item, "name")).collect::<Vec<_>>();
    assert_eq!((names(&first), names(&second)), (vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]));
    assert_eq!(second.get("nextToken"), None);
    assert_refused(server.call("ListActivities", json!({"nextToken": "x"})).await, "InvalidToken", "Invalid Token: 'Invalid token'");
    server.stop().await;
}

#[tokio::test]
async fn a_task_goes_to_a_poller_and_comes_back() {
    let server = TestServer::start().await;
    server.call("CreateActivity", json!({"name": "a"})).await.expect("it is new");
    let machine = server.create("m", &machine(60)).await;
    // The poller comes first, the task later.
    let poll = server.call("GetActivityTask", json!({"activityArn": ARN, "workerName": "w"}));
    let (task, execution) = tokio::join!(poll, server.begin(&machine));
    let task = task.expect("a task comes");
    assert_eq!(task["input"], "{}");
    let token = &task["taskToken"];
    assert_eq!(server.call("SendTaskHeartbeat", json!({"taskToken": token})).await, Ok(json!({})));
    let refused = server.call("SendTaskSuccess", json!({"taskToken": token, "output": "{"})).await.expect_err("it is no JSON");
    assert_eq!(refused.code, "InvalidOutput");
    assert_eq!(server.call("SendTaskSuccess", json!({"taskToken": token, "output": "{\"y\": 2}"})).await, Ok(json!({})));
    assert_eq!(server.end(&execution).await["output"], "{\"y\": 2}");
    for (operation, members) in [
        ("SendTaskSuccess", json!({"taskToken": token, "output": "1"})),
        ("SendTaskFailure", json!({"taskToken": token})),
        ("SendTaskHeartbeat", json!({"taskToken": token})),
    ] {
        assert_eq!(server.call(operation, members).await.expect_err("it is over").code, "TaskTimedOut", "{operation}");
    }
    let history = server.call("GetExecutionHistory", json!({"executionArn": execution})).await.expect("it is there");
    let scheduled = json!({"resource": ARN, "input": "{}", "inputDetails": {"truncated": false}, "timeoutInSeconds": 60});
    assert_eq!(history["events"][2]["activityScheduledEventDetails"], scheduled);
    assert_eq!(history["events"][3]["activityStartedEventDetails"], json!({"workerName": "w"}));
    server.stop().await;
}

#[tokio::test]
async fn a_task_fails_with_error_and_cause() {
    let server = TestServer::start().await;
    server.call("CreateActivity", json!({"name": "a"})).await.expect("it is new");
    let machine = server.create("m", &machine(60)).await;
    let execution = server.begin(&machine).await;
    let task = server.call("GetActivityTask", json!({"activityArn": ARN})).await.expect("a task waits");
    let failure = json!({"taskToken": task["taskToken"], "error": "E", "cause": "c"});
    assert_eq!(server.call("SendTaskFailure", failure).await, Ok(json!({})));
    let ended = server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["error"], &ended["cause"]), (&json!("FAILED"), &json!("E"), &json!("c")));
    server.stop().await;
}

#[tokio::test]
async fn wrong_tokens_and_members_are_refused() {
    let server = TestServer::start().await;
    for (operation, mut members) in
        [("SendTaskSuccess", json!({"output": "1"})), ("SendTaskFailure", json!({})), ("SendTaskHeartbeat", json!({}))]
    {
        let message = "1 validation error detected: Value null at 'taskToken' failed to satisfy constraint: Member must not be null";
        assert_refused(server.call(operation, members.clone()).await, "ValidationException", message);
        for token in ["x", "AAAA\u{e9}", "!", &"A".repeat(2048)] {
            members["taskToken"] = json!(token);
            assert_refused(server.call(operation, members.clone()).await, "InvalidToken", "Invalid Token: 'Invalid token'");
        }
        members["taskToken"] = json!("A".repeat(2049));
        assert_eq!(server.call(operation, members).await.expect_err("it is long").code, "ValidationException");
    }
    let message =
        "1 validation error detected: Value at 'output' failed to satisfy constraint: Member must have length less than or equal to 262144";
    let large = json!({"taskToken": "x", "output": "1".repeat(262_145)});
    assert_refused(server.call("SendTaskSuccess", large).await, "ValidationException", message);
    let message = "2 validation errors detected: Value at 'error' failed to satisfy constraint: Member must have length less than or equal to 256; \
                   Value at 'cause' failed to satisfy constraint: Member must have length less than or equal to 32768";
    let large = json!({"taskToken": "x", "error": "e".repeat(257), "cause": "c".repeat(32_769)});
    assert_refused(server.call("SendTaskFailure", large).await, "ValidationException", message);
    server.stop().await;
}
