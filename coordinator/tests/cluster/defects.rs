//! A defect that meets one execution is that execution's alone.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::cluster::{MapRunStatus, SendError, Status};
use baton_coordinator::shard::Functions;
use baton_coordinator::store::memory::MemoryStore;
use baton_proto::worker::v1::Code;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
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

/// A Distributed Map whose children call a function.
fn map_machine(kind: &str) -> serde_json::Value {
    let each = json!({"Type": "Map", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
        "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": FUNCTION, "End": true}}}});
    json!({"StartAt": "Each", "States": {"Each": each}})
}

/// The execution has failed because of its child.
async fn failed_by_its_child(system: &System) {
    let record = system.ended("e").await;
    let error = record.failure.as_ref().and_then(|failure| failure.error.as_deref());
    assert_eq!(error, Some("States.ExceedToleratedFailureThreshold"), "{record:?}");
    let runs = within(system.cluster.map_runs(&record.start.execution_arn)).await.expect("they can be read");
    assert_eq!((runs[0].status, runs[0].executions.failed), (MapRunStatus::Failed, 1));
}

/// It goes on where the defect is no more, and its child does as it should.
async fn succeeds_when_redriven(system: &System) {
    let mut worker = TestWorker::connect(system, hello("lambda:f", 1)).await;
    assert!(within(system.cluster.redrive(id("e"), None)).await.is_ok());
    let granted = worker.granted().await;
    assert_eq!(worker.succeed(&granted, "1").await, Code::Applied);
    system.succeeded("e").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_of_a_map_run_that_meets_the_defect_at_its_start_has_failed() {
    for kind in ["STANDARD", "EXPRESS"] {
        let (store, machine) = (Arc::new(MemoryStore::new(1)), map_machine(kind));
        let system = System::over(store.clone(), &machine).await;
        *system.known.poison.lock() = Some("f".to_owned());
        system.start("e", "[1]").await;
        failed_by_its_child(&system).await;
        system.kill_keeping().await;
        store.crash(usize::MAX);

        let system = System::over(store, &machine).await;
        failed_by_its_child(&system).await;
        succeeds_when_redriven(&system).await;
    }
}

/// The defect is there from the start.
struct Poisoned;

impl Functions for Poisoned {
    fn knows(&self, _: &str) -> bool {
        panic!("the defect of this test")
    }

    fn register<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        std::future::ready(()).boxed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_express_child_that_meets_the_defect_after_a_restart_has_failed() {
    let (store, machine) = (Arc::new(MemoryStore::new(1)), map_machine("EXPRESS"));
    let system = System::over(store.clone(), &machine).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "[1]").await;
    worker.granted().await;
    system.kill_keeping().await;
    store.crash(usize::MAX);

    let system = System::with(store.clone(), &machine, |config| config.functions = Arc::new(Poisoned)).await;
    failed_by_its_child(&system).await;
    system.kill_keeping().await;
    store.crash(usize::MAX);

    succeeds_when_redriven(&System::over(store, &machine).await).await;
}
