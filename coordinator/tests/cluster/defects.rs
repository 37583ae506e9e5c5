//! A defect that meets one execution is that execution's alone.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::cluster::{SendError, Status};
use baton_coordinator::store::memory::MemoryStore;
use serde_json::json;

use crate::support::*;

fn machine() -> serde_json::Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.s", "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.bad", "BooleanEquals": true, "Next": "T"}], "Default": "P"},
        "T": {"Type": "Task", "Resource": ACTIVITY, "End": true}, "P": {"Type": "Pass", "End": true}}})
}

async fn quarantined(system: &System, name: &str) -> Arc<str> {
    within(async {
        loop {
            let record = system.cluster.describe(id(name)).await.expect("read").expect("it exists");
            match record.quarantined {
                Some(reason) => return reason,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_defect_sets_one_execution_aside_and_a_release_without_it_goes_on() {
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store.clone(), &machine()).await;
    *system.known.poison.lock() = Some(ACTIVITY.to_owned());
    system.start("early", "{\"s\":1,\"bad\":true}").await;
    // This one has a snapshot in the key-value side when it meets the defect.
    system.start("late", "{\"s\":4,\"bad\":true}").await;
    system.start("fine", "{\"s\":5,\"bad\":false}").await;
    for name in ["early", "late"] {
        assert_eq!(&*quarantined(&system, name).await, "the defect of this test");
        assert_eq!(system.history(name).await, ["ExecutionStarted", "StateEntered", "WaitStarted"]);
        let beat = baton_engine::Input::TaskHeartbeat { task: baton_engine::TaskRef { entry: 2, attempt: 1 } };
        assert!(matches!(system.cluster.send(id(name), beat).await, Err(SendError::Unavailable(_))));
    }
    system.succeeded("fine").await;
    // It survives checkpoints without leaving memory, and a stop still reaches it.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    system.start("stopped", "{\"s\":0,\"bad\":false}").await;
    system.kill_keeping().await;
    store.crash(usize::MAX);

    let system = System::over(store, &machine()).await;
    for name in ["early", "late"] {
        let task = within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
        let output = baton_engine::Payload::from_value(json!(1));
        let outcome = baton_coordinator::cluster::TaskOutcome::Success { output };
        assert_eq!(system.cluster.complete_task(&task.token, outcome).await, Ok(()), "{name}");
    }
    system.succeeded("early").await;
    system.succeeded("late").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_aside_after_a_recovery_goes_on_where_it_was() {
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store.clone(), &machine()).await;
    system.start("e", "{\"s\":5,\"bad\":true}").await;
    // A checkpoint takes its first events over, so that the next process has a snapshot and no events of it.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    system.kill_keeping().await;
    store.crash(usize::MAX);

    let system = System::over(store.clone(), &machine()).await;
    *system.known.poison.lock() = Some(ACTIVITY.to_owned());
    quarantined(&system, "e").await;
    assert_eq!(system.history("e").await, ["ExecutionStarted", "StateEntered", "WaitStarted"]);
    system.kill_keeping().await;
    store.crash(usize::MAX);

    let system = System::over(store, &machine()).await;
    let task = within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
    let output = baton_engine::Payload::from_value(json!(1));
    let outcome = baton_coordinator::cluster::TaskOutcome::Success { output };
    assert_eq!(system.cluster.complete_task(&task.token, outcome).await, Ok(()));
    system.succeeded("e").await;
    let history = [
        "ExecutionStarted",
        "StateEntered",
        "WaitStarted",
        "StateExited",
        "StateEntered",
        "StateExited",
        "StateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "StateExited",
        "ExecutionSucceeded",
    ];
    assert_eq!(system.history("e").await, history);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_aside_can_be_stopped() {
    let system = System::over(Arc::new(MemoryStore::new(1)), &machine()).await;
    *system.known.poison.lock() = Some(ACTIVITY.to_owned());
    system.start("e", "{\"s\":1,\"bad\":true}").await;
    quarantined(&system, "e").await;
    let stop = baton_engine::Input::Stop { error: None, cause: None };
    within(system.cluster.send(id("e"), stop)).await.expect("it is stopped");
    assert_eq!(system.ended("e").await.status, Status::Aborted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_meets_the_defect_is_refused_and_forgotten() {
    let system = System::over(Arc::new(MemoryStore::new(1)), &task_machine(ACTIVITY)).await;
    *system.known.poison.lock() = Some(ACTIVITY.to_owned());
    let refused = within(system.cluster.start(start("e", "{}"))).await;
    assert!(matches!(refused, Err(baton_coordinator::cluster::StartError::Unavailable(_))), "{refused:?}");
    *system.known.poison.lock() = None;
    assert!(system.start("e", "{}").await.created);
}
