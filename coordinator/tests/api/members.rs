//! Two members of one cluster: whatever is asked of one is answered as the other answers.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::cluster::{ExecutionId, Status};
use baton_coordinator::dispatch::TokenKey;
use baton_coordinator::server::{Server, ServerConfig, SharedStorage};
use baton_coordinator::store::memory::MemoryStore;
use serde_json::json;

use crate::support::*;

const EXPRESS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;

fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::shared(16, Duration::from_millis(1_500)))
}

async fn member(store: &Arc<MemoryStore>, name: &str) -> TestServer {
    let shared = SharedStorage {
        store: store.clone(),
        membership: store.clone(),
        token_key: TokenKey::new([3; 32]),
        name: name.to_owned(),
        address: None,
        weight: 1,
    };
    let config = ServerConfig { listen: ([127, 0, 0, 1], 0).into(), ..ServerConfig::default() };
    TestServer::around(Server::start_member(config, shared).await.expect("the member starts"))
}

/// Both, once each has its part of the shards and one of them the catalog.
async fn two() -> (TestServer, TestServer) {
    let store = store();
    let (one, other) = tokio::join!(member(&store, "one"), member(&store, "other"));
    let have_both = async {
        while one.cluster().owned_shards().is_empty() || other.cluster().owned_shards().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), have_both).await.expect("each gets its part");
    (one, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_catalog_is_changed_through_either_and_read_at_once_where_it_was() {
    let (one, other) = two().await;
    for (number, (writer, reader)) in [(&one, &other), (&other, &one)].into_iter().enumerate() {
        let arn = writer.create(&format!("m{number}"), PASS).await;
        for server in [writer, reader] {
            let machine = server.call("DescribeStateMachine", json!({"stateMachineArn": arn})).await.expect("it is there");
            assert_eq!(machine["definition"], PASS);
        }
        writer.call("UpdateStateMachine", json!({"stateMachineArn": arn, "definition": SUCCEED})).await.expect("it is updated");
        let machine = writer.call("DescribeStateMachine", json!({"stateMachineArn": arn})).await.expect("it is there");
        assert_eq!(machine["definition"], SUCCEED);
        let version = writer.call("PublishStateMachineVersion", json!({"stateMachineArn": arn})).await.expect("it is published");
        let version = text(&version, "stateMachineVersionArn");
        let routes = json!([{"stateMachineVersionArn": version, "weight": 100}]);
        let alias = reader.call("CreateStateMachineAlias", json!({"name": "live", "routingConfiguration": routes})).await;
        let alias = text(&alias.expect("it is created"), "stateMachineAliasArn");
        let read = reader.call("DescribeStateMachineAlias", json!({"stateMachineAliasArn": alias})).await.expect("it is there");
        assert_eq!(read["routingConfiguration"], routes);

        let refused = writer.call("CreateStateMachine", json!({"name": "x", "definition": "{", "roleArn": ROLE})).await;
        assert_eq!(refused.expect_err("it is no definition").code, "InvalidDefinition");
        let twin = writer.call("CreateStateMachine", json!({"name": format!("m{number}"), "definition": PASS, "roleArn": ROLE})).await;
        assert_eq!(twin.expect_err("it has another content").code, "StateMachineAlreadyExists");
        let activity = writer.call("CreateActivity", json!({"name": format!("a{number}")})).await.expect("it is created");
        reader.call("DescribeActivity", json!({"activityArn": activity["activityArn"]})).await.expect("it is there");
    }
    let missing = "arn:aws:states:us-east-1:123456789012:stateMachine:none";
    for server in [&one, &other] {
        let missing = server.call("DescribeStateMachine", json!({"stateMachineArn": missing})).await;
        assert_eq!(missing.expect_err("it is not there").code, "StateMachineDoesNotExist");
    }
    let (listed, also) = tokio::join!(one.call("ListStateMachines", json!({})), other.call("ListStateMachines", json!({})));
    assert_eq!(listed.expect("they are listed")["stateMachines"].as_array().map(Vec::len), Some(2));
    assert_eq!(also.expect("they are listed")["stateMachines"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_without_a_signature_are_who_the_asked_member_takes_them_for() {
    let (one, other) = two().await;
    for server in [&one, &other] {
        let created = server.call("CreateActivity", json!({"name": "mine"})).await.expect("it is created");
        assert_eq!(created["activityArn"], "arn:aws:states:us-east-1:123456789012:activity:mine");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_are_started_and_seen_through_either() {
    let (one, other) = two().await;
    let machine = one.create("m", PASS).await;
    let mut executions = Vec::new();
    for number in 0..24 {
        let (starter, reader) = if number % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let execution = starter.begin(&machine).await;
        let end = reader.end(&execution).await;
        assert_eq!((end["status"].as_str(), end["output"].as_str()), (Some("SUCCEEDED"), Some("{\"x\":1}")));
        let history = reader.call("GetExecutionHistory", json!({"executionArn": execution})).await.expect("it has one");
        assert_eq!(history["events"].as_array().map(Vec::len), Some(4));
        executions.push(execution);
    }
    executions.sort();
    for server in [&one, &other] {
        let listed = server.call("ListExecutions", json!({"stateMachineArn": machine})).await.expect("they are listed");
        let mut listed: Vec<_> = listed["executions"].as_array().expect("a list").iter().map(|line| text(line, "executionArn")).collect();
        listed.sort();
        assert_eq!(listed, executions);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn express_executions_run_at_the_member_that_is_asked() {
    let (one, other) = two().await;
    let created = one.call("CreateStateMachine", json!({"name": "x", "definition": EXPRESS, "roleArn": ROLE, "type": "EXPRESS"})).await;
    let machine = text(&created.expect("it is new"), "stateMachineArn");
    for server in [&one, &other] {
        for _ in 0..8 {
            let ended = server.call("StartSyncExecution", json!({"stateMachineArn": machine, "input": "[1]"})).await.expect("it runs");
            assert_eq!((ended["status"].as_str(), ended["output"].as_str()), (Some("SUCCEEDED"), Some("[1]")));
            server.call("StartExecution", json!({"stateMachineArn": machine})).await.expect("it is started");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_machines_executions_end_wherever_they_run() {
    let (one, other) = two().await;
    let machine = one.create("w", WAIT).await;
    let mut executions = Vec::new();
    for server in [&one, &other] {
        for _ in 0..6 {
            executions.push(server.begin(&machine).await);
        }
    }
    other.call("DeleteStateMachine", json!({"stateMachineArn": machine})).await.expect("it is deleted");
    for execution in &executions {
        assert_eq!(one.end(execution).await["status"], "ABORTED");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_an_execution_follows_it_to_its_next_owner() {
    let (one, other) = two().await;
    let machine = one.create("w", WAIT).await;
    let mut followed = Vec::new();
    for _ in 0..8 {
        let execution = one.begin(&machine).await;
        let id = ExecutionId::of_arn(&execution);
        let mut watch = other.cluster().watch(id).await.expect("it can be followed").expect("it exists");
        let begun = watch.next().await.expect("it has begun").len();
        assert_eq!(begun, 3);
        let ended = other.cluster().clone();
        let ended = tokio::spawn(async move { ended.wait_end(id, Duration::from_secs(60)).await });
        followed.push((execution, watch, ended));
    }
    one.stop().await;
    for (execution, mut watch, ended) in followed {
        other.call("StopExecution", json!({"executionArn": execution})).await.expect("it is stopped");
        let next = tokio::time::timeout(Duration::from_secs(10), watch.next()).await.expect("it goes on");
        assert_eq!(next.expect("it has ended").len(), 1);
        assert!(watch.next().await.is_none());
        let record = ended.await.expect("no panic").expect("it can be read").expect("it exists");
        assert_eq!(record.status, Status::Aborted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_leaves_hands_everything_to_the_other() {
    let (one, other) = two().await;
    let machine = one.create("w", WAIT).await;
    let mut executions = Vec::new();
    for _ in 0..8 {
        executions.push(one.begin(&machine).await);
    }
    let leaving = tokio::spawn(one.stop());
    // Requests are answered all the while.
    for execution in &executions {
        let described = other.call("DescribeExecution", json!({"executionArn": execution})).await.expect("it is found");
        assert_eq!(described["status"], "RUNNING");
    }
    leaving.await.expect("no panic");
    other.create("after", PASS).await;
    for execution in &executions {
        other.call("StopExecution", json!({"executionArn": execution})).await.expect("it is stopped");
    }
}
