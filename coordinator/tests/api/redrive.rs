//! RedriveExecution, and what the other operations tell of redrives.

use serde_json::{Value, json};

use crate::support::*;

async fn redrive(server: &TestServer, execution: &str) -> Result<Value, Refused> {
    server.call("RedriveExecution", json!({"executionArn": execution})).await
}

async fn describe(server: &TestServer, execution: &str) -> Value {
    server.call("DescribeExecution", json!({"executionArn": execution})).await.expect("it is there")
}

#[tokio::test]
async fn a_stopped_execution_runs_again_under_its_arn() {
    let server = TestServer::start().await;
    let machine = server.create("m", WAIT).await;
    let execution = server.begin(&machine).await;
    let running = describe(&server, &execution).await;
    server.call("StopExecution", json!({"executionArn": execution, "error": "Halt", "cause": "c"})).await.expect("it runs");
    let stopped = describe(&server, &execution).await;
    assert_eq!((&stopped["redriveCount"], &stopped["redriveStatus"], stopped.get("redriveDate")), (&json!(0), &json!("REDRIVABLE"), None));

    let redriven = redrive(&server, &execution).await.expect("it was stopped");
    assert_recent(&redriven["redriveDate"]);
    assert_eq!(redriven.as_object().map(serde_json::Map::len), Some(1));
    let described = describe(&server, &execution).await;
    let mut expected = running.clone();
    expected["redriveCount"] = json!(1);
    expected["redriveDate"] = redriven["redriveDate"].clone();
    assert_eq!(described, expected, "as it ran before, error, cause and stop date gone");

    let (status, body) = server.get(&route(&execution, "waiting")).await;
    assert!(status.is_success() && String::from_utf8_lossy(&body).contains("\"TIME\""), "{body:?}");
    server.call("StopExecution", json!({"executionArn": execution})).await.expect("it runs again");
    let history = server.call("GetExecutionHistory", json!({"executionArn": execution})).await.expect("it is there");
    let told: Vec<_> =
        history["events"].as_array().expect("a list").iter().map(|event| (event["id"].clone(), text(event, "type"))).collect();
    let types = ["ExecutionStarted", "WaitStateEntered", "ExecutionAborted", "ExecutionRedriven", "ExecutionAborted"];
    assert_eq!(told, (1..).map(|id| json!(id)).zip(types.map(str::to_owned)).collect::<Vec<_>>());
    let marker = &history["events"][3];
    assert_eq!((&marker["previousEventId"], &marker["executionRedrivenEventDetails"]), (&json!(3), &json!({"redriveCount": 1})));
    assert_eq!(marker["timestamp"], redriven["redriveDate"]);
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_redriven_is_refused_in_the_words_of_its_description() {
    let server = TestServer::start().await;
    let waiting = server.create("waiting", WAIT).await;
    let passing = server.create("passing", PASS).await;
    let failing = server.create("failing", FAIL).await;
    let (running, succeeded, failed) = (server.begin(&waiting).await, server.begin(&passing).await, server.begin(&failing).await);
    server.end(&succeeded).await;
    server.end(&failed).await;
    server.call("DeleteStateMachine", json!({"stateMachineArn": failing})).await.expect("it is there");
    let reasons = [
        (&running, "Execution is RUNNING and cannot be redriven"),
        (&succeeded, "Execution is SUCCEEDED and cannot be redriven"),
        (&failed, "State machine is in DELETING status"),
    ];
    for (execution, reason) in reasons {
        assert_refused(redrive(&server, execution).await, "ExecutionNotRedrivable", reason);
        let described = describe(&server, execution).await;
        assert_eq!((&described["redriveStatus"], &described["redriveStatusReason"]), (&json!("NOT_REDRIVABLE"), &json!(reason)));
    }
    let missing = "arn:aws:states:us-east-1:123456789012:execution:passing:none";
    assert_refused(redrive(&server, missing).await, "ExecutionDoesNotExist", &format!("Execution Does Not Exist: '{missing}'"));
    let missing = "arn:aws:states:us-east-1:123456789012:execution:nowhere:none";
    assert_refused(redrive(&server, missing).await, "ExecutionDoesNotExist", &format!("Execution Does Not Exist: '{missing}'"));
    server.stop().await;
}

#[tokio::test]
async fn members_are_checked() {
    let server = TestServer::start().await;
    let call = |members: Value| server.call("RedriveExecution", members);
    let null = "1 validation error detected: Value null at 'executionArn' failed to satisfy constraint: Member must not be null";
    assert_refused(call(json!({})).await, "ValidationException", null);
    let arn = "arn:aws:states:us-east-1:123456789012:execution:m:e";
    let space = "1 validation error detected: Value 'a b' at 'clientToken' failed to satisfy constraint: Member must satisfy regular expression pattern: [!-~]+";
    assert_refused(call(json!({"executionArn": arn, "clientToken": "a b"})).await, "ValidationException", space);
    let refused = call(json!({"executionArn": arn, "clientToken": "x".repeat(65)})).await.expect_err("it is too long");
    assert_eq!(refused.code, "ValidationException");
    assert_refused(call(json!({"executionArn": "nonsense"})).await, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: nonsense'");
    let labelled = "arn:aws:states:us-east-1:123456789012:execution:m/label:e";
    assert_refused(
        call(json!({"executionArn": labelled})).await,
        "ValidationException",
        "Labeled Execution ARNs are not supported for this API",
    );
    server.stop().await;
}

#[tokio::test]
async fn a_token_is_answered_as_it_was_at_first() {
    let server = TestServer::start().await;
    let machine = server.create("m", FAIL).await;
    let execution = server.begin(&machine).await;
    server.end(&execution).await;
    let call = |token: &str| server.call("RedriveExecution", json!({"executionArn": execution, "clientToken": token}));
    let first = call("a").await.expect("it has failed");
    assert_eq!(server.end(&execution).await["redriveCount"], 1);
    assert_eq!(call("a").await, Ok(first.clone()));
    call("b").await.expect("it has failed again");
    assert_eq!(server.end(&execution).await["redriveCount"], 2);
    assert_eq!(call("a").await, Ok(first));
    assert_eq!(describe(&server, &execution).await["redriveCount"], 2);
    server.stop().await;
}

/// Whether a stop finds the execution at work, ended, or on its way back is decided anew in each round.
#[tokio::test]
async fn a_stop_beside_a_redrive_is_answered_or_refused() {
    let server = TestServer::start().await;
    let machine = server.create("m", WAIT).await;
    let execution = server.begin(&machine).await;
    let stop = || server.call("StopExecution", json!({"executionArn": execution}));
    let mut redriven = 0;
    for _ in 0..100 {
        let (one, other, again) = tokio::join!(stop(), redrive(&server, &execution), stop());
        for stopped in [one, again] {
            assert_eq!(stopped.map(|answer| answer.as_object().map(serde_json::Map::len)), Ok(Some(1)), "a stop finds it in any status");
        }
        match other {
            Ok(_) => redriven += 1,
            Err(refused) => assert_eq!(refused.code, "ExecutionNotRedrivable"),
        }
    }
    assert_eq!(describe(&server, &execution).await["redriveCount"], redriven);
    assert!(redriven > 0, "no redrive met a stopped execution");
    server.stop().await;
}

#[tokio::test]
async fn lists_tell_of_redrives_and_filter_by_them() {
    let server = TestServer::start().await;
    let machine = server.create("m", FAIL).await;
    let (redriven, other) = (server.begin(&machine).await, server.begin(&machine).await);
    server.end(&redriven).await;
    server.end(&other).await;
    let date = redrive(&server, &redriven).await.expect("it has failed")["redriveDate"].clone();
    server.end(&redriven).await;
    let list = async |filter: Option<&str>| {
        let answer =
            server.call("ListExecutions", json!({"stateMachineArn": machine, "redriveFilter": filter})).await.expect("it is there");
        let lines = answer["executions"].as_array().expect("a list").clone();
        lines
            .into_iter()
            .map(|line| (text(&line, "executionArn"), line["redriveCount"].clone(), line.get("redriveDate").cloned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(list(Some("REDRIVEN")).await, [(redriven.clone(), json!(1), Some(date.clone()))]);
    assert_eq!(list(Some("NOT_REDRIVEN")).await, [(other.clone(), json!(0), None)]);
    let mut all = list(None).await;
    let mut both = vec![(redriven, json!(1), Some(date)), (other, json!(0), None)];
    all.sort_by(|a, b| a.0.cmp(&b.0));
    both.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(all, both);
    server.stop().await;
}

#[tokio::test]
async fn the_version_behind_an_alias_stays_the_one_of_the_start() {
    let server = TestServer::start().await;
    let machine = server.create("m", FAIL).await;
    let version = async || {
        text(
            &server.call("PublishStateMachineVersion", json!({"stateMachineArn": machine})).await.expect("it is there"),
            "stateMachineVersionArn",
        )
    };
    let first = version().await;
    let routes = |version: &str| json!([{"stateMachineVersionArn": version, "weight": 100}]);
    let alias =
        server.call("CreateStateMachineAlias", json!({"name": "live", "routingConfiguration": routes(&first)})).await.expect("it is new");
    let alias = text(&alias, "stateMachineAliasArn");
    let execution = server.begin(&alias).await;
    server.end(&execution).await;
    server.call("UpdateStateMachine", json!({"stateMachineArn": machine, "definition": PASS})).await.expect("it is there");
    let second = version().await;
    let update = json!({"stateMachineAliasArn": alias, "routingConfiguration": routes(&second)});
    server.call("UpdateStateMachineAlias", update).await.expect("it is there");

    redrive(&server, &execution).await.expect("it has failed");
    let ended = server.end(&execution).await;
    assert_eq!((&ended["status"], &ended["error"]), (&json!("FAILED"), &json!("E")), "the definition of the start runs");
    assert_eq!((&ended["stateMachineVersionArn"], &ended["stateMachineAliasArn"]), (&json!(first), &json!(alias)));
    server.stop().await;
}
