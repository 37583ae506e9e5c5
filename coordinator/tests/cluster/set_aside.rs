//! What is set aside stays where it is, shows, and is not gone on with from less than was acknowledged.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use baton_coordinator::cluster::{ListQuery, SendError, StartError, Status, TaskOutcome};
use baton_coordinator::store::keys::MetaKey;
use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{Acquired, Checkpoint, KvOp, ShardId, ShardStore, Table};
use baton_engine::{Input, Payload, Start, TaskRef};
use bytes::Bytes;
use serde_json::json;

use crate::faulty_store::FaultyStore;
use crate::support::*;

/// The time in which a change is checkpointed.
const CHECKPOINTED: Duration = Duration::from_millis(2_500);

/// Waits, then asks an activity.
fn machine() -> serde_json::Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.s", "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.task", "BooleanEquals": true, "Next": "T"}], "Default": "P"},
        "T": {"Type": "Task", "Resource": ACTIVITY, "End": true}, "P": {"Type": "Pass", "End": true}}})
}

async fn until(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Nothing reaches the execution, and its name is taken.
async fn assert_set_aside(system: &System, name: &str, input: &str) {
    let beat = Input::TaskHeartbeat { task: TaskRef { entry: 2, attempt: 1 } };
    for input in [beat, Input::Stop { error: None, cause: None }] {
        let answer = within(system.cluster.send(id(name), input)).await;
        assert!(matches!(answer, Err(SendError::Unavailable(text)) if text.contains("set aside")), "{answer:?}");
    }
    let answer = within(system.cluster.start(start(name, input))).await;
    assert!(matches!(answer, Err(StartError::Unavailable(text)) if text.contains("set aside")), "{answer:?}");
    let record = within(system.cluster.describe(id(name))).await.expect("read").expect("it exists");
    assert_eq!(record.status, Status::Running);
    assert!(record.quarantined.is_some());
    until(|| system.cluster.set_aside_executions() == 1).await;
}

async fn finish_task(system: &System, token: &str) -> Result<(), String> {
    let outcome = TaskOutcome::Success { output: Payload::from_value(json!(1)) };
    system.cluster.complete_task(token, outcome).await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_rebuilt_is_not_read_back_and_its_log_is_kept() {
    let store = Arc::new(FaultyStore::new(1));
    let system = System::over(store.clone(), &machine()).await;
    *system.known.poison.lock() = Some(ACTIVITY.to_owned());
    let input = "{\"s\":4,\"task\":true}";
    system.start("e", input).await;
    tokio::time::sleep(CHECKPOINTED).await;
    assert!(store.stored(id("e")).await.is_some(), "it has a snapshot");
    store.replace(id("e"), None);
    until(|| !system.cluster.stopped_checkpoints().is_empty()).await;
    assert_set_aside(&system, "e", input).await;
    // Neither when the snapshot is there again.
    store.mend();
    *system.known.poison.lock() = None;
    assert_set_aside(&system, "e", input).await;
    assert_eq!(system.history("e").await, ["ExecutionStarted", "StateEntered", "WaitStarted"]);
    let query = ListQuery {
        map_run_arn: None,
        state_machine_arn: MACHINE.into(),
        status: None,
        through: None,
        redriven: None,
        limit: 9,
        after: None,
    };
    let listed = system.cluster.list(query).await.expect("a list");
    assert_eq!(listed.iter().map(|line| (&*line.name, line.status)).collect::<Vec<_>>(), [("e", Status::Running)]);
    system.start("fine", "{\"s\":0,\"task\":false}").await;
    system.succeeded("fine").await;
    system.kill_keeping().await;
    store.inner.crash(usize::MAX);

    let system = System::over(store, &machine()).await;
    let task = within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
    assert_eq!(finish_task(&system, &task.token).await, Ok(()));
    system.succeeded("e").await;
    assert_eq!((system.cluster.set_aside_executions(), system.cluster.stopped_checkpoints().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_whose_events_are_missing_stays_set_aside_when_the_log_is_gone() {
    let store = Arc::new(FaultyStore::new(1));
    let system = System::over(store.clone(), &machine()).await;
    let input = "{\"s\":4,\"task\":true}";
    system.start("e", input).await;
    tokio::time::sleep(CHECKPOINTED).await;
    let early = store.stored(id("e")).await.expect("it has a snapshot");
    within(async {
        while store.stored(id("e")).await == Some(early.clone()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let task = within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
    system.kill_keeping().await;
    store.inner.crash(usize::MAX);
    store.replace(id("e"), Some(early));

    // The log says that the task has started, the key-value side that it is still to be scheduled.
    let system = System::over(store.clone(), &machine()).await;
    assert_set_aside(&system, "e", input).await;
    assert!(finish_task(&system, &task.token).await.is_err());
    tokio::time::sleep(CHECKPOINTED).await;
    assert!(system.cluster.stopped_checkpoints().is_empty());
    system.kill_keeping().await;
    store.inner.crash(usize::MAX);

    // A checkpoint has let that part of the log go.
    let system = System::over(store, &machine()).await;
    assert_set_aside(&system, "e", input).await;
    assert!(finish_task(&system, &task.token).await.is_err());
}

/// The row of the only open Map Run.
async fn map_run_row(store: &FaultyStore) -> Option<(Bytes, Bytes)> {
    let rows = store.inner.scan(Table::Meta, MetaKey::of_shard(ShardId(0)), 99, false).await.expect("it can be read");
    rows.into_iter().find(|(key, _)| MetaKey::decode(key).is_some_and(|key| key.name.starts_with("map-run/")))
}

/// The row as soon as it is another one.
async fn next_map_run_row(store: &FaultyStore, before: Option<&(Bytes, Bytes)>) -> (Bytes, Bytes) {
    within(async {
        loop {
            match map_run_row(store).await {
                Some(row) if Some(&row) != before => break row,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await
}

/// Sets a row back while no process lives.
async fn put_back(store: &FaultyStore, (key, value): (Bytes, Bytes)) {
    let Acquired { token, checkpoint_seq, .. } = store.inner.acquire(ShardId(0)).await.expect("it is free");
    let ops = vec![KvOp::put(Table::Meta, key.to_vec(), value)];
    let checkpoint = Checkpoint { shard: ShardId(0), token, upto_seq: checkpoint_seq, ops };
    store.inner.checkpoint_many(vec![checkpoint]).await.remove(0).expect("it is taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_whose_map_run_misses_events_is_set_aside() {
    let each = json!({"Type": "Map", "MaxConcurrency": 1, "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": ACTIVITY, "End": true}}}});
    let machine = json!({"StartAt": "Each", "States": {"Each": each}});
    let store = Arc::new(FaultyStore::new(1));
    let system = System::over(store.clone(), &machine).await;
    system.start("e", "[1, 2, 3, 4]").await;
    let next = || async { within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task").token };
    let early = next_map_run_row(&store, None).await;
    assert_eq!(finish_task(&system, &next().await).await, Ok(()));
    next_map_run_row(&store, Some(&early)).await;
    // The log begins behind the end of the first child, and tells of the second one's.
    store.refuses_checkpoints.store(true, Ordering::Relaxed);
    assert_eq!(finish_task(&system, &next().await).await, Ok(()));
    next().await;
    system.kill_keeping().await;
    store.inner.crash(usize::MAX);
    put_back(&store, early).await;
    store.refuses_checkpoints.store(false, Ordering::Relaxed);

    let system = System::over(store, &machine).await;
    assert_set_aside(&system, "e", "[1, 2, 3, 4]").await;
    let record = within(system.cluster.describe(id("e"))).await.expect("read").expect("it exists");
    assert!(record.quarantined.as_deref().is_some_and(|why| why.contains("are missing")), "{record:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_whose_map_run_has_lost_its_definition_is_set_aside() {
    let each = json!({"Type": "Map", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": ACTIVITY, "End": true}}}});
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store.clone(), &machine()).await;
    system.known.add_machine(2, &json!({"StartAt": "Each", "States": {"Each": each}}));
    within(system.cluster.start(Start { revision: 2, ..start("e", "[1]") })).await.expect("it starts");
    within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
    // Nothing of it is left in the log, so that a restart meets its Map Run alone.
    tokio::time::sleep(CHECKPOINTED * 2).await;
    system.kill_keeping().await;
    store.crash(usize::MAX);

    for fine in ["a", "b"] {
        let system = System::over(store.clone(), &machine()).await;
        until(|| system.cluster.set_aside_executions() == 1).await;
        let answer = within(system.cluster.send(id("e"), Input::Stop { error: None, cause: None })).await;
        assert!(matches!(answer, Err(SendError::Unavailable(text)) if text.contains("set aside")), "{answer:?}");
        system.start(fine, "{\"s\":0,\"task\":false}").await;
        system.kill_keeping().await;
        store.crash(usize::MAX);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_work_waits_when_checkpoints_have_stopped_and_memory_fills() {
    let store = Arc::new(FaultyStore::new(64));
    store.refuses_checkpoints.store(true, Ordering::Relaxed);
    // The less is left to each host.
    let system = System::with(store, &task_machine(ACTIVITY), |config| config.host_count = 64).await;
    let mut names = (0..).map(|number| format!("e{number}")).filter(|name| id(name).shard(6) == 0);
    let input = json!("x".repeat(250_000)).to_string();
    within(async {
        loop {
            let name = names.next().expect("there is no end of names");
            match system.cluster.start(start(&name, &input)).await {
                Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(error) => break assert_eq!(error, StartError::Throttled),
            }
        }
    })
    .await;
    let stopped = system.cluster.stopped_checkpoints();
    assert_eq!(stopped.len(), 1, "{stopped:?}");
    assert!(stopped[0].1.contains("as the test says"), "{stopped:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_whose_events_cannot_be_applied_holds_no_start_up_and_its_log_is_kept() {
    let store = Arc::new(FaultyStore::new(1));
    let system = System::over(store.clone(), &machine()).await;
    let input = "{\"s\":0,\"task\":true}";
    system.start("e", input).await;
    let task = within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
    system.kill_keeping().await;
    store.inner.crash(usize::MAX);

    // Stands for a defect: its events speak of states that this definition does not have.
    let other = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let system = System::over(store.clone(), &other).await;
    assert_set_aside(&system, "e", input).await;
    system.start("fine", "{}").await;
    system.succeeded("fine").await;
    tokio::time::sleep(CHECKPOINTED).await;
    assert_eq!(system.cluster.stopped_checkpoints().len(), 1);
    system.close_keeping().await;

    let system = System::over(store, &machine()).await;
    assert_eq!(finish_task(&system, &task.token).await, Ok(()));
    system.succeeded("e").await;
    assert!(system.cluster.stopped_checkpoints().is_empty());
}
