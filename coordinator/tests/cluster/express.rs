//! Executions of Express state machines: what waits for the log and what does not, and what a restart makes of them.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::cluster::{ExpressEnd, StartError, Status};
use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{ShardId, ShardStore, Table, keys::MetaKey};
use baton_engine::Start;
use baton_proto::worker::v1::Code;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::*;

/// A change is checkpointed after two seconds.
const CHECKPOINTED: Duration = Duration::from_millis(2_300);

/// As the API makes it: under an ARN of its own.
fn express(name: &str, input: &str) -> Start {
    Start { execution_arn: format!("arn:aws:states:us-east-1:123456789012:express:m:{name}:id").into(), ..start(name, input) }
}

fn sync(system: &System, name: &str) -> JoinHandle<Result<ExpressEnd, StartError>> {
    let (cluster, start) = (system.cluster.clone(), express(name, "{\"a\":1}"));
    tokio::spawn(async move { cluster.start_sync(start).await })
}

/// Until no Express execution runs.
async fn all_ended(system: &System) {
    until_open(system, 0).await;
}

/// Until so many Express executions run.
async fn until_open(system: &System, count: usize) {
    within(async {
        while system.cluster.express().open() != count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// Starts that the key-value side has.
async fn rows(store: &MemoryStore) -> usize {
    let rows = store.scan(Table::Meta, MetaKey::of_shard(ShardId(0)), 100, false).await.expect("it can be read");
    rows.iter().filter(|(key, _)| MetaKey::decode(key).is_some_and(|key| key.name.starts_with("express/"))).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_answer_to_the_start_waits_for_the_log() {
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store.clone(), &task_machine(FUNCTION)).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    store.hold();
    let (cluster, execution) = (system.cluster.clone(), express("e", "{\"a\":1}"));
    let started = tokio::spawn(async move { cluster.start_express(execution).await });
    let granted = worker.granted().await;
    assert_eq!(granted.input, "{\"a\":1}");
    assert_eq!(worker.succeed(&granted, "{}").await, Code::Applied);
    assert!(!started.is_finished(), "no start is acknowledged before it is durable");
    let answered = sync(&system, "s");
    let granted = worker.granted().await;
    assert_eq!(worker.succeed(&granted, "{\"b\":2}").await, Code::Applied);
    let end = within(answered).await.expect("no panic").expect("it runs");
    assert_eq!(end.record.output.as_ref().map(|output| output.text()), Some("{\"b\":2}"));
    store.let_all_go();
    assert!(within(started).await.expect("no panic").expect("started").created);
    assert_eq!(system.cluster.in_memory().await, 0, "nothing of what has ended stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asynchronous_execution_runs_again_after_a_crash_until_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = task_machine(FUNCTION);
    let system = System::over(local(folder.path()), &machine).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    within(system.cluster.start_express(express("e", "{\"a\":1}"))).await.expect("it starts");
    let before = worker.granted().await;
    system.kill().await;

    let system = System::over(local(folder.path()), &machine).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    let again = worker.granted().await;
    assert_eq!(again.input, "{\"a\":1}");
    assert_ne!(again.claim_id, before.claim_id);
    assert_ne!(worker.succeed(&before, "{}").await, Code::Applied, "the run before the crash is over");
    assert_eq!(worker.succeed(&again, "{}").await, Code::Applied);
    all_ended(&system).await;
    system.close().await;

    let system = System::over(local(folder.path()), &machine).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    assert!(worker.is_quiet(Duration::from_millis(200)).await, "what has ended does not run again");
    assert_eq!(system.cluster.express().open(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_execution_outlives_its_part_of_the_log_and_leaves_nothing_behind() {
    let store = Arc::new(MemoryStore::new(1));
    let machine = task_machine(FUNCTION);
    for run in 0..3 {
        let system = System::over(store.clone(), &machine).await;
        if run == 0 {
            within(system.cluster.start_express(express("e", "{}"))).await.expect("it starts");
        }
        // A restart answers before it has begun to run again what it has found.
        until_open(&system, 1).await;
        tokio::time::sleep(CHECKPOINTED).await;
        assert_eq!(rows(&store).await, 1);
        system.kill_keeping().await;
        store.crash(usize::MAX);
    }
    let system = System::over(store.clone(), &machine).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    let granted = worker.granted().await;
    assert_eq!(worker.succeed(&granted, "{}").await, Code::Applied);
    all_ended(&system).await;
    tokio::time::sleep(CHECKPOINTED).await;
    assert_eq!(rows(&store).await, 0);
    for table in [Table::Executions, Table::History, Table::ExecutionIndex, Table::Retention, Table::Timers] {
        let everything = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        assert!(store.scan(table, everything, 10, false).await.expect("it can be read").is_empty(), "{table:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_execution_never_runs_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = task_machine(FUNCTION);
    let system = System::over(local(folder.path()), &machine).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    let answered = sync(&system, "e");
    let before = worker.granted().await;
    system.kill().await;
    assert!(matches!(within(answered).await.expect("no panic"), Err(StartError::Unavailable(_))));

    let system = System::over(local(folder.path()), &machine).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    assert!(worker.is_quiet(Duration::from_millis(200)).await);
    assert_eq!(worker.succeed(&before, "{}").await, Code::UnknownTask);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_goes_on_when_its_caller_has_gone() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    let answered = sync(&system, "e");
    let granted = worker.granted().await;
    answered.abort();
    assert!(within(answered).await.expect_err("nobody waits any more").is_cancelled());
    assert_eq!(worker.succeed(&granted, "{}").await, Code::Applied);
    all_ended(&system).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_has_no_end_but_an_execution_has() {
    let machine = json!({"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "P"}], "Default": "S"},
        "P": {"Type": "Pass", "Next": "C"}, "S": {"Type": "Succeed"}}});
    let system = System::with(Arc::new(MemoryStore::new(1)), &machine, |config| {
        config.limits.history_events_max = 100;
        config.express.execution_seconds_max = 1;
    })
    .await;
    let end = within(sync(&system, "e")).await.expect("no panic").expect("it runs");
    assert_eq!(end.record.status, Status::TimedOut, "{:?}", end.record.failure);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_are_limited_too_and_given_back() {
    let system = System::with(Arc::new(MemoryStore::new(1)), &task_machine(FUNCTION), |config| config.express.bytes_max = 10_000).await;
    let input = format!("\"{}\"", "x".repeat(3_000));
    let start = |name: &str| system.cluster.start_express(express(name, &input));
    within(start("a")).await.expect("it is empty");
    assert_eq!(within(start("b")).await.err(), Some(StartError::Throttled));
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    let granted = worker.granted().await;
    worker.succeed(&granted, "{}").await;
    all_ended(&system).await;
    within(start("b")).await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_defect_fails_the_execution_that_it_meets() {
    let machine = json!({"StartAt": "F", "States": {
        "F": {"Type": "Task", "Resource": FUNCTION, "Next": "T"}, "T": {"Type": "Task", "Resource": ACTIVITY, "End": true}}});
    let system = System::in_memory(&machine).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    let answered = sync(&system, "e");
    let granted = worker.granted().await;
    *system.known.poison.lock() = Some(ACTIVITY.to_owned());
    worker.succeed(&granted, "{}").await;
    let end = within(answered).await.expect("no panic").expect("it is answered");
    assert_eq!(end.record.status, Status::Failed);
    assert_eq!(end.record.failure.and_then(|failure| failure.error).as_deref(), Some("States.Runtime"));
    assert_eq!(system.cluster.express().open(), 0);
}
