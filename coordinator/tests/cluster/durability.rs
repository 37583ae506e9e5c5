//! Nothing is told before it is durable, and a store that refuses loses nothing.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::cluster::{ReadError, SendError, StartError, Status};
use baton_coordinator::store::keys::TimerKey;
use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{ShardId, ShardStore, Table};
use baton_engine::Input;
use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_grants_and_looks_wait_for_the_log() {
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store.clone(), &task_machine(FUNCTION)).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    store.hold();
    let cluster = system.cluster.clone();
    let started = tokio::spawn(async move { cluster.start(start("e", "{}")).await });
    let cluster = system.cluster.clone();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let seen = tokio::spawn(async move { cluster.describe(id("e")).await });
    assert!(worker.is_quiet(Duration::from_millis(200)).await, "nothing is granted before it is durable");
    assert!(!started.is_finished(), "no start is acknowledged before it is durable");
    assert!(!seen.is_finished(), "nothing is shown before it is durable");
    let listed = system.cluster.list(baton_coordinator::cluster::ListQuery {
        map_run_arn: None,
        state_machine_arn: MACHINE.into(),
        through: None,
        status: None,
        after: None,
        redriven: None,
        limit: 10,
    });
    assert!(listed.await.expect("read").is_empty(), "nothing is listed before it is durable");
    store.let_all_go();
    assert!(within(started).await.expect("no panic").expect("started").created);
    assert!(within(seen).await.expect("no panic").expect("read").is_some());
    worker.granted().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_takes_no_new_work_and_loses_none() {
    let machine = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "P"}, "P": {"Type": "Pass", "End": true}}});
    let store = Arc::new(MemoryStore::new(2));
    let system = System::over(store.clone(), &machine).await;
    for number in 0..20 {
        system.start(&format!("e{number}"), "{}").await;
    }
    store.set_full(true);
    let refused = within(system.cluster.start(start("late", "{}"))).await;
    assert!(matches!(refused, Err(StartError::Unavailable(_))), "{refused:?}");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let record = system.cluster.list(baton_coordinator::cluster::ListQuery {
        map_run_arn: None,
        state_machine_arn: MACHINE.into(),
        through: None,
        status: Some(Status::Running),
        after: None,
        redriven: None,
        limit: 100,
    });
    assert_eq!(record.await.expect("read").len(), 20, "running work is paused, not failed");
    let stopped = within(system.cluster.send(id("e0"), Input::Stop { error: None, cause: None })).await;
    assert!(matches!(stopped, Err(SendError::Unavailable(text)) if text.contains("no room")), "who waits for room is told: {stopped:?}");
    let seen = within(system.cluster.describe(id("e0"))).await;
    assert!(matches!(seen, Err(ReadError::Unavailable(text)) if text.contains("no room")), "and who looks: {seen:?}");
    store.set_full(false);
    for number in 1..20 {
        system.succeeded(&format!("e{number}")).await;
    }
    let record = within(system.cluster.wait_end(id("e0"), PATIENCE)).await.expect("read").expect("it is there");
    assert_ne!(record.status, Status::Running, "whether it was stopped or had gone on before, it ends");
    assert!(system.start("late", "{}").await.created);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_of_which_a_part_was_written_does_no_harm() {
    let machine = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "W"}, "W": {"Type": "Wait", "Seconds": 5, "End": true}}});
    let store = Arc::new(MemoryStore::new(1));
    for ops in 0..12 {
        let name = format!("e{ops}");
        store.interrupt_next_checkpoint(ops);
        let system = System::over(store.clone(), &machine).await;
        system.start(&name, "{}").await;
        tokio::time::sleep(Duration::from_millis(2_300)).await;
        system.kill_keeping().await;
        store.crash(usize::MAX);
    }
    let system = System::over(store, &machine).await;
    for ops in 0..12 {
        system.succeeded(&format!("e{ops}")).await;
        let history =
            ["ExecutionStarted", "StateEntered", "StateExited", "StateEntered", "WaitStarted", "StateExited", "ExecutionSucceeded"];
        assert_eq!(system.history(&format!("e{ops}")).await, history);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_row_that_could_not_be_written_is_written_again() {
    let machine = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}});
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store.clone(), &machine).await;
    store.interrupt_next_checkpoint(0);
    system.start("e", "{}").await;
    // It leaves memory only when the checkpoint that holds its timer is through.
    within(async {
        while system.cluster.in_memory().await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let all = TimerKey::due(ShardId(0), 0, i64::MAX);
    let rows = store.scan(Table::Timers, all, 10, false).await.expect("a scan");
    let keys: Vec<_> = rows.iter().filter_map(|(key, _)| TimerKey::decode(key)).collect();
    assert_eq!(keys.iter().map(|key| key.execution).collect::<Vec<_>>(), [id("e").0]);
    system.kill_keeping().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_that_loops_does_not_starve_the_others() {
    let machine = json!({"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.loop", "BooleanEquals": true, "Next": "P"}], "Default": "S"},
        "P": {"Type": "Pass", "Next": "C"}, "S": {"Type": "Succeed"}}});
    let system = System::over(Arc::new(MemoryStore::new(1)), &machine).await;
    let cluster = system.cluster.clone();
    system.start("loops", "{\"loop\":true}").await;
    let began = std::time::Instant::now();
    system.start("short", "{\"loop\":false}").await;
    system.succeeded("short").await;
    let short = began.elapsed();
    let record = system.ended("loops").await;
    assert!(short < began.elapsed(), "the loop of 25,000 events is the longer one");
    assert_eq!(record.failure.and_then(|failure| failure.error).as_deref(), Some("States.Runtime"));
    let (_, events) = cluster.history(id("loops")).await.expect("read").expect("it exists");
    assert_eq!(events.len(), 25_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_inbox_is_throttled() {
    let store = Arc::new(MemoryStore::new(1));
    let machine = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let system = System::with(store.clone(), &machine, |config| config.inbox_len_max = 64).await;
    store.hold();
    let starts: Vec<_> = (0..4_000)
        .map(|number| {
            let cluster = system.cluster.clone();
            tokio::spawn(async move { cluster.start(start(&format!("e{number}"), "{}")).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    store.let_all_go();
    let (mut accepted, mut throttled) = (Vec::new(), 0);
    for (number, started) in starts.into_iter().enumerate() {
        match within(started).await.expect("no panic") {
            Ok(_) => accepted.push(format!("e{number}")),
            Err(StartError::Throttled) => throttled += 1,
            Err(error) => panic!("{error}"),
        }
    }
    for name in accepted {
        // The inbox may still be full of what was accepted.
        while matches!(within(system.cluster.describe(id(&name))).await, Err(ReadError::Throttled)) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        system.succeeded(&name).await;
    }
    assert!(throttled > 0, "4,000 starts at once are more than the inbox and a log that is held up take");
}
