//! What is read about executions, from memory and from the key-value side alike.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::cluster::{ListQuery, StartError, Status};
use baton_coordinator::store::memory::MemoryStore;
use serde_json::json;

use crate::support::*;

fn query() -> ListQuery {
    ListQuery { map_run_arn: None, state_machine_arn: MACHINE.into(), through: None, status: None, redriven: None, after: None, limit: 100 }
}

/// Long enough for a checkpoint to have taken what is there out of memory.
async fn checkpointed() {
    tokio::time::sleep(Duration::from_millis(2_600)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_is_idempotent_while_the_first_runs() {
    let machine = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": true}}});
    let system = System::in_memory(&machine).await;
    let first = system.start("e", "{}").await;
    assert!(first.created);
    for _ in 0..2 {
        let again = system.start("e", "{}").await;
        assert_eq!((again.created, again.start_at), (false, first.start_at));
        let refused = within(system.cluster.start(start("e", "{\"other\":1}"))).await;
        assert_eq!(refused, Err(StartError::AlreadyExists { execution_arn: format!("{EXECUTION}e") }));
        // The same from memory and, behind the checkpoint, from the key-value side.
        checkpointed().await;
    }
    let stop = baton_engine::Input::Stop { error: Some("E".into()), cause: None };
    within(system.cluster.send(id("e"), stop)).await.expect("it is stopped");
    for _ in 0..2 {
        let refused = within(system.cluster.start(start("e", "{}"))).await;
        assert_eq!(refused, Err(StartError::AlreadyExists { execution_arn: format!("{EXECUTION}e") }));
        checkpointed().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_reads_the_same_from_memory_and_from_the_key_value_side() {
    let machine = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "W"},
        "W": {"Type": "Wait", "SecondsPath": "$.s", "Next": "S"}, "S": {"Type": "Succeed"}}});
    let system = System::in_memory(&machine).await;
    system.start("waits", "{\"s\":600}").await;
    system.start("ends", "{\"s\":0}").await;
    system.ended("ends").await;
    for from in ["memory", "key-value"] {
        let record = system.cluster.describe(id("waits")).await.expect("read").expect("it exists");
        assert_eq!((record.status, record.waiting.len(), record.start.input.text()), (Status::Running, 1, "{\"s\":600}"), "{from}");
        let record = system.cluster.describe(id("ends")).await.expect("read").expect("it exists");
        assert_eq!((record.status, record.stop_at.is_some()), (Status::Succeeded, true), "{from}");
        assert_eq!(record.output.expect("an output").text(), "{\"s\":0}");
        let ended = [
            "ExecutionStarted",
            "StateEntered",
            "StateExited",
            "StateEntered",
            "StateExited",
            "StateEntered",
            "StateExited",
            "ExecutionSucceeded",
        ];
        assert_eq!(system.history("ends").await, ended, "{from}");
        assert_eq!(system.history("waits").await.len(), 5, "{from}");
        let listed = system.cluster.list(query()).await.expect("read");
        let names: Vec<_> = listed.iter().map(|summary| (&*summary.name, summary.status)).collect();
        assert_eq!(names.len(), 2, "{from}");
        assert!(names.contains(&("waits", Status::Running)) && names.contains(&("ends", Status::Succeeded)), "{from}: {names:?}");
        assert!(system.cluster.describe(id("nobody")).await.expect("read").is_none());
        assert!(system.cluster.history(id("nobody")).await.expect("read").is_none());
        let waited = system.cluster.wait_end(id("ends"), PATIENCE).await.expect("read").expect("it exists");
        assert_eq!(waited.status, Status::Succeeded);
        let waited = system.cluster.wait_end(id("waits"), Duration::from_millis(20)).await.expect("read").expect("it exists");
        assert_eq!(waited.status, Status::Running, "{from}");
        checkpointed().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_go_from_the_latest_in_pages_and_filter() {
    let machine = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$", "End": true}}});
    let system = System::in_memory(&machine).await;
    for number in 0..30 {
        system.start(&format!("e{number:02}"), if number % 3 == 0 { "0" } else { "600" }).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        if number == 14 {
            checkpointed().await;
        }
    }
    for number in (0..30).step_by(3) {
        system.ended(&format!("e{number:02}")).await;
    }
    let mut page = ListQuery { limit: 7, ..query() };
    let mut names = Vec::new();
    loop {
        let listed = system.cluster.list(page.clone()).await.expect("read");
        let Some(last) = listed.last() else { break };
        page.after = Some(last.cursor());
        names.extend(listed.iter().map(|summary| summary.name.to_string()));
    }
    let expected: Vec<_> = (0..30).rev().map(|number| format!("e{number:02}")).collect();
    assert_eq!(names, expected);
    let running = ListQuery { status: Some(Status::Running), ..query() };
    assert_eq!(system.cluster.list(running).await.expect("read").len(), 20);
    let through = ListQuery { through: Some("arn:version".into()), ..query() };
    assert!(system.cluster.list(through).await.expect("read").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_sees_every_event_once_and_in_order() {
    let machine = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "T"},
        "T": {"Type": "Task", "Resource": ACTIVITY, "End": true}}});
    let system = System::in_memory(&machine).await;
    system.start("e", "{}").await;
    let mut watch = within(system.cluster.watch(id("e"))).await.expect("read").expect("it exists");
    let cluster = system.cluster.clone();
    let worker = tokio::spawn(async move {
        let task = cluster.poll_activity(ACTIVITY, None, PATIENCE).await.expect("no error").expect("a task");
        let output = baton_engine::Payload::from_value(json!(1));
        cluster.complete_task(&task.token, baton_coordinator::cluster::TaskOutcome::Success { output }).await
    });
    let mut seen = Vec::new();
    while let Some(mut events) = within(watch.next()).await {
        seen.append(&mut events);
    }
    worker.await.expect("the worker ends well").expect("the task is completed");
    let (_, events) = system.cluster.history(id("e")).await.expect("read").expect("it exists");
    assert_eq!(seen, events);
    let mut late = within(system.cluster.watch(id("e"))).await.expect("read").expect("it exists");
    assert_eq!(within(late.next()).await.as_ref(), Some(&events));
    assert_eq!(within(late.next()).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_are_forgotten_when_their_retention_is_over() {
    let machine = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let store = Arc::new(MemoryStore::new(1));
    let system = System::with(store, &machine, |config| config.retention = Duration::from_secs(4)).await;
    system.start("e", "{}").await;
    system.ended("e").await;
    checkpointed().await;
    assert!(system.cluster.describe(id("e")).await.expect("read").is_some());
    tokio::time::timeout(PATIENCE, async {
        while system.cluster.describe(id("e")).await.expect("read").is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("it is forgotten in time");
    assert!(system.cluster.list(query()).await.expect("read").is_empty());
    assert!(system.start("e", "{}").await.created, "its name is free again");
}
