//! RedriveExecution, wherever what is left of the execution lies: in memory, in the log, in the key-value side.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::cluster::{ListQuery, NotRedrivable, RedriveError, SendError, StartError, Status, TaskOutcome};
use baton_coordinator::store::memory::MemoryStore;
use baton_engine::{EventKind, Input};
use baton_proto::worker::v1::{Code, Granted};
use serde_json::json;

use crate::support::*;

fn machine() -> serde_json::Value {
    json!({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": FUNCTION, "Next": "B"}, "B": {"Type": "Task", "Resource": FUNCTION, "End": true}}})
}

fn list(redriven: Option<bool>) -> ListQuery {
    ListQuery { map_run_arn: None, state_machine_arn: MACHINE.into(), through: None, status: None, redriven, after: None, limit: 100 }
}

async fn fail(worker: &mut TestWorker, granted: &Granted) {
    let failure = baton_proto::worker::v1::Failure { error: "E".to_owned(), cause: "c".to_owned(), ..Default::default() };
    let result = baton_proto::worker::v1::outcome::Result::Failure(failure);
    assert_eq!(worker.report(granted, result).await, Code::Applied);
}

/// The execution succeeds in A and fails in B.
async fn failed_in_b(system: &System, worker: &mut TestWorker, name: &str) {
    system.start(name, "{}").await;
    let first = worker.granted().await;
    assert_eq!(worker.succeed(&first, "1").await, Code::Applied);
    let second = worker.granted().await;
    fail(worker, &second).await;
    assert_eq!(system.ended(name).await.status, Status::Failed);
}

async fn redrive(system: &System, name: &str) -> i64 {
    within(system.cluster.redrive(id(name), None)).await.unwrap_or_else(|error| panic!("{name}: {error}"))
}

const FIRST: [&str; 10] = [
    "ExecutionStarted",
    "StateEntered",
    "TaskScheduled",
    "TaskStarted",
    "TaskSucceeded",
    "StateExited",
    "StateEntered",
    "TaskScheduled",
    "TaskStarted",
    "TaskFailed",
];
const SECOND: [&str; 7] =
    ["ExecutionFailed", "ExecutionRedriven", "TaskScheduled", "TaskStarted", "TaskSucceeded", "StateExited", "ExecutionSucceeded"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_from_wherever_it_lies() {
    let store = Arc::new(MemoryStore::new(2));
    let mut system = System::over(store.clone(), &machine()).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    failed_in_b(&system, &mut worker, "written").await;
    system.close_keeping().await;
    for (name, step) in [("memory", 0), ("log", 1), ("written", 2), ("saved", 3)] {
        system = System::over(store.clone(), &machine()).await;
        worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
        if name != "written" {
            failed_in_b(&system, &mut worker, name).await;
        }
        match step {
            // The log alone knows of its end.
            1 => {
                system.kill_keeping().await;
                store.crash(usize::MAX);
                system = System::over(store.clone(), &machine()).await;
                worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
            }
            // Its checkpoint has been written, and it has left memory.
            3 => tokio::time::sleep(Duration::from_millis(2_600)).await,
            _ => {}
        }
        let before = system.cluster.describe(id(name)).await.expect("read").expect("it exists");
        let at = redrive(&system, name).await;
        let granted = worker.granted().await;
        assert_eq!((&*granted.execution_arn, granted.attempt), (&*format!("{EXECUTION}{name}"), 2), "only B runs again");
        // The redrive survives a kill that comes before any checkpoint.
        system.kill_keeping().await;
        store.crash(usize::MAX);
        system = System::over(store.clone(), &machine()).await;
        let record = system.cluster.describe(id(name)).await.expect("read").expect("it exists");
        assert_eq!((record.status, record.stop_at, record.start.at), (Status::Running, None, before.start.at), "{name}");
        assert_eq!((record.redrives.count, record.redrives.at), (1, Some(at)), "{name}");
        system.cluster.send(id(name), Input::Stop { error: None, cause: None }).await.expect("it runs");
        system.close_keeping().await;

        system = System::over(store.clone(), &machine()).await;
        worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
        assert_eq!(system.ended(name).await.status, Status::Aborted);
        redrive(&system, name).await;
        let granted = worker.granted().await;
        assert_eq!(granted.attempt, 3);
        assert_eq!(worker.succeed(&granted, "2").await, Code::Applied);
        assert_eq!(system.succeeded(name).await, "2");
        let history = system.history(name).await;
        assert_eq!(history[..10], FIRST, "{name}");
        let middle = ["ExecutionFailed", "ExecutionRedriven", "TaskScheduled", "TaskStarted", "ExecutionAborted"];
        assert_eq!(history[10..15], middle, "{name}");
        assert_eq!(history[15..], SECOND[1..], "{name}");
        system.close_keeping().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_and_who_follows_sees_it_to_its_new_end() {
    let system = System::in_memory(&machine()).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    failed_in_b(&system, &mut worker, "e").await;
    let mut before = within(system.cluster.watch(id("e"))).await.expect("read").expect("it exists");
    assert!(within(before.next()).await.is_some());
    assert!(within(before.next()).await.is_none(), "the first end ends a watch");

    redrive(&system, "e").await;
    let mut watch = within(system.cluster.watch(id("e"))).await.expect("read").expect("it exists");
    let so_far = within(watch.next()).await.expect("there are some");
    assert!(so_far.iter().any(|event| matches!(event.kind, EventKind::ExecutionRedriven { redrive_count: 1, .. })));
    let ended = {
        let cluster = system.cluster.clone();
        tokio::spawn(async move { cluster.wait_end(id("e"), PATIENCE).await })
    };
    let granted = worker.granted().await;
    worker.succeed(&granted, "2").await;
    let mut last = None;
    while let Some(events) = within(watch.next()).await {
        last = events.into_iter().next_back().or(last);
    }
    assert!(matches!(last.map(|event| event.kind), Some(EventKind::ExecutionSucceeded { .. })));
    let record = within(ended).await.expect("no panic").expect("read").expect("it exists");
    assert_eq!((record.status, record.redrives.count, record.events), (Status::Succeeded, 1, 17));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_is_told_when_it_is_durable() {
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store.clone(), &machine()).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    failed_in_b(&system, &mut worker, "e").await;
    assert!(system.cluster.list(list(Some(true))).await.expect("read").is_empty());
    store.hold();
    let cluster = system.cluster.clone();
    let redriven = tokio::spawn(async move { cluster.redrive(id("e"), Some("token".into())).await });
    assert!(worker.is_quiet(Duration::from_millis(300)).await, "nothing is granted before it is durable");
    assert!(!redriven.is_finished());
    let listed = system.cluster.list(list(None)).await.expect("read");
    assert_eq!(listed.iter().map(|line| (line.status, line.redrives.count)).collect::<Vec<_>>(), [(Status::Failed, 0)]);
    store.let_all_go();
    let at = within(redriven).await.expect("no panic").expect("it is redriven");
    let listed = system.cluster.list(list(Some(true))).await.expect("read");
    assert_eq!(listed.iter().map(|line| (line.status, line.redrives.at)).collect::<Vec<_>>(), [(Status::Running, Some(at))]);

    // While it runs: the same start is answered with it, the same token as before, and no other redrive counts.
    assert!(!system.start("e", "{}").await.created);
    assert_eq!(within(system.cluster.redrive(id("e"), Some("token".into()))).await, Ok(at));
    assert_eq!(within(system.cluster.redrive(id("e"), None)).await, Err(NotRedrivable::Running.into()));
    let granted = worker.granted().await;
    worker.succeed(&granted, "2").await;
    system.succeeded("e").await;
    assert_eq!(within(system.cluster.redrive(id("e"), Some("token".into()))).await, Ok(at));
    assert_eq!(within(system.cluster.redrive(id("e"), Some("other".into()))).await, Err(NotRedrivable::Succeeded.into()));
    assert!(matches!(system.cluster.start(start("e", "{}")).await, Err(StartError::AlreadyExists { .. })));
    assert_eq!(within(system.cluster.redrive(id("none"), None)).await, Err(RedriveError::NoSuchExecution));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_redrive_it_once() {
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store.clone(), &machine()).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    failed_in_b(&system, &mut worker, "e").await;
    system.start("fine", "{}").await;
    for _ in 0..2 {
        let granted = worker.granted().await;
        worker.succeed(&granted, "1").await;
    }
    system.succeeded("fine").await;
    system.close_keeping().await;
    let system = System::over(store, &machine()).await;
    assert_eq!(within(system.cluster.redrive(id("fine"), Some("token".into()))).await, Err(NotRedrivable::Succeeded.into()));
    let redrives = (0..20).map(|_| {
        let cluster = system.cluster.clone();
        tokio::spawn(async move { cluster.redrive(id("e"), None).await })
    });
    let mut redriven = 0;
    for answer in redrives.collect::<Vec<_>>() {
        match within(answer).await.expect("no panic") {
            Ok(_) => redriven += 1,
            Err(error) => assert_eq!(error, NotRedrivable::Running.into()),
        }
    }
    assert_eq!(redriven, 1);
    let history = system.history("e").await;
    assert_eq!(history.iter().filter(|name| **name == "ExecutionRedriven").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_defect_after_a_redrive_sets_it_aside_alone() {
    let definition = json!({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": FUNCTION, "Next": "B"},
        "B": {"Type": "Task", "Resource": ACTIVITY, "End": true}}});
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store.clone(), &definition).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{}").await;
    let granted = worker.granted().await;
    fail(&mut worker, &granted).await;
    assert_eq!(system.ended("e").await.status, Status::Failed);
    system.close_keeping().await;

    // Its end is all that the key-value side knows; what the defect leaves of memory must be rebuilt from its history.
    let system = System::over(store.clone(), &definition).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    *system.known.poison.lock() = Some(ACTIVITY.to_owned());
    redrive(&system, "e").await;
    let granted = worker.granted().await;
    worker.report(&granted, baton_proto::worker::v1::outcome::Result::Output(bytes::Bytes::from_static(b"1"))).await;
    within(async {
        while system.cluster.describe(id("e")).await.expect("read").expect("it exists").quarantined.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let beat = Input::TaskHeartbeat { task: baton_engine::TaskRef { entry: 2, attempt: 2 } };
    assert!(matches!(system.cluster.send(id("e"), beat).await, Err(SendError::Unavailable(_))));
    system.kill_keeping().await;
    store.crash(usize::MAX);

    let system = System::over(store, &definition).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    let record = system.cluster.describe(id("e")).await.expect("read").expect("it exists");
    assert_eq!((record.status, record.quarantined, record.redrives.count), (Status::Running, None, 1));
    let granted = worker.granted().await;
    assert_eq!(worker.succeed(&granted, "1").await, Code::Applied);
    let task = within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
    let outcome = TaskOutcome::Success { output: baton_engine::Payload::from_value(json!(2)) };
    assert_eq!(system.cluster.complete_task(&task.token, outcome).await, Ok(()));
    assert_eq!(system.succeeded("e").await, "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_defect_at_a_redrive_leaves_it_as_it_ended() {
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store, &task_machine(ACTIVITY)).await;
    system.start("e", "{}").await;
    system.cluster.send(id("e"), Input::Stop { error: None, cause: None }).await.expect("it runs");
    *system.known.poison.lock() = Some(ACTIVITY.to_owned());
    assert!(matches!(within(system.cluster.redrive(id("e"), None)).await, Err(RedriveError::Unavailable(_))));
    assert_eq!(system.ended("e").await.status, Status::Aborted);
    *system.known.poison.lock() = None;
    redrive(&system, "e").await;
    assert!(within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_counts_from_the_last_end() {
    let store = Arc::new(MemoryStore::new(1));
    let system = System::with(store, &task_machine(FUNCTION), |config| config.retention = Duration::from_secs(4)).await;
    let stop = || Input::Stop { error: None, cause: None };
    for name in ["forgotten", "redriven"] {
        system.start(name, "{}").await;
        system.cluster.send(id(name), stop()).await.expect("it runs");
    }
    tokio::time::sleep(Duration::from_millis(2_600)).await;
    redrive(&system, "redriven").await;
    within(async {
        while system.cluster.describe(id("forgotten")).await.expect("read").is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    assert_eq!(within(system.cluster.redrive(id("forgotten"), None)).await, Err(RedriveError::NoSuchExecution));
    system.cluster.send(id("redriven"), stop()).await.expect("it runs on");
    let names =
        ["ExecutionStarted", "StateEntered", "TaskScheduled", "ExecutionAborted", "ExecutionRedriven", "TaskScheduled", "ExecutionAborted"];
    assert_eq!(system.history("redriven").await, names);
}
