//! GetActivityTask and the task tokens.

use std::time::Duration;

use baton_coordinator::cluster::{PollError, Status, TaskError, TaskOutcome};
use baton_engine::{Failure, Payload};
use serde_json::json;

use crate::support::*;

fn success(text: &'static str) -> TaskOutcome {
    TaskOutcome::Success { output: Payload::from_validated(bytes::Bytes::from_static(text.as_bytes())) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poller_gets_a_task_that_comes_and_one_that_waits() {
    let system = System::in_memory(&task_machine(ACTIVITY)).await;
    let cluster = system.cluster.clone();
    let poller = tokio::spawn(async move { cluster.poll_activity(ACTIVITY, Some("w"), PATIENCE).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    system.start("e1", "{\"n\":1}").await;
    system.start("e2", "{\"n\":2}").await;
    let first = poller.await.expect("the poller ends well").expect("no error").expect("a task");
    let second = within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
    assert_eq!((first.input.text(), second.input.text()), ("{\"n\":1}", "{\"n\":2}"));
    assert_eq!(system.history("e1").await, ["ExecutionStarted", "StateEntered", "TaskScheduled", "TaskStarted"]);

    assert_eq!(system.cluster.heartbeat_task(&first.token).await, Ok(()));
    assert_eq!(system.cluster.complete_task(&first.token, success("[1]")).await, Ok(()));
    assert_eq!(system.succeeded("e1").await, "[1]");
    assert_eq!(system.cluster.complete_task(&first.token, success("[1]")).await, Err(TaskError::TaskTimedOut));
    assert_eq!(system.cluster.heartbeat_task(&first.token).await, Err(TaskError::TaskTimedOut));

    let failure = Failure { error: Some("E".into()), cause: None };
    assert_eq!(system.cluster.complete_task(&second.token, TaskOutcome::Failure(failure.clone())).await, Ok(()));
    let record = system.ended("e2").await;
    assert_eq!((record.status, record.failure), (Status::Failed, Some(failure)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_tokens_are_told_apart() {
    let system = System::in_memory(&task_machine(ACTIVITY)).await;
    assert_eq!(system.cluster.complete_task("nonsense", success("1")).await, Err(TaskError::InvalidToken));
    assert_eq!(system.cluster.heartbeat_task("").await, Err(TaskError::InvalidToken));
    system.start("e", "{}").await;
    let task = within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
    let other = System::in_memory(&task_machine(ACTIVITY)).await;
    assert_eq!(other.cluster.complete_task(&task.token, success("1")).await, Err(TaskError::TaskDoesNotExist));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_taken_for_a_poller_that_has_gone_away() {
    let system = System::in_memory(&task_machine(ACTIVITY)).await;
    let none = within(system.cluster.poll_activity(ACTIVITY, None, Duration::from_millis(30))).await.expect("no error");
    assert!(none.is_none());
    let cluster = system.cluster.clone();
    let poller = tokio::spawn(async move { cluster.poll_activity(ACTIVITY, None, PATIENCE).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    poller.abort();
    let _ = poller.await;
    system.start("e", "{}").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(system.history("e").await, ["ExecutionStarted", "StateEntered", "TaskScheduled"]);
    assert!(within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_pollers_are_enough() {
    let system = System::in_memory(&task_machine(ACTIVITY)).await;
    let pollers: Vec<_> = (0..1_000)
        .map(|_| {
            let cluster = system.cluster.clone();
            tokio::spawn(async move { cluster.poll_activity(ACTIVITY, None, PATIENCE).await })
        })
        .collect();
    while system.cluster.queues().iter().all(|queue| queue.served_by < 1_000) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = system.cluster.poll_activity(ACTIVITY, None, PATIENCE).await;
    assert_eq!(refused.err(), Some(PollError::WorkerLimitExceeded));
    pollers[0].abort();
    while !pollers[0].is_finished() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(system.cluster.poll_activity(ACTIVITY, None, Duration::from_millis(10)).await.is_ok());
    pollers.iter().for_each(|poller| poller.abort());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_heartbeat_and_a_timeout_are_timeouts() {
    let machine = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": ACTIVITY, "HeartbeatSeconds": 1, "TimeoutSeconds": 60, "End": true}}});
    let system = System::in_memory(&machine).await;
    system.start("e", "{}").await;
    let task = within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(system.cluster.heartbeat_task(&task.token).await, Ok(()), "signs of life keep the task");
    }
    let record = system.ended("e").await;
    assert_eq!(record.failure.and_then(|failure| failure.error).as_deref(), Some("States.Timeout"));
    assert_eq!(system.cluster.complete_task(&task.token, success("1")).await, Err(TaskError::TaskTimedOut));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_activity_fails_the_state_before_it_is_scheduled() {
    let system = System::in_memory(&task_machine("arn:aws:states:us-east-1:123456789012:activity:gone")).await;
    system.start("e", "{}").await;
    let failure = system.ended("e").await.failure.expect("it has failed");
    assert_eq!(failure.error.as_deref(), Some("States.Runtime"));
    let cause = failure.cause.expect("there is a cause");
    assert!(cause.ends_with("The activity arn:aws:states:us-east-1:123456789012:activity:gone does not exist."), "{cause}");
    assert_eq!(system.history("e").await, ["ExecutionStarted", "StateEntered", "ExecutionFailed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_may_serve_an_activity_by_its_name() {
    let system = System::in_memory(&task_machine(ACTIVITY)).await;
    let mut worker = TestWorker::connect(&system, hello("activity:a", 1)).await;
    system.start("e", "{}").await;
    let granted = worker.granted().await;
    assert_eq!((granted.queue.as_str(), granted.resource.as_str()), ("activity:a", ACTIVITY));
    worker.succeed(&granted, "3").await;
    assert_eq!(system.succeeded("e").await, "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_owes_signs_of_life_stays_in_memory() {
    let machine = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": ACTIVITY, "HeartbeatSeconds": 3600, "End": true}}});
    let system = System::in_memory(&machine).await;
    system.start("e", "{}").await;
    let task = within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("a poll").expect("a task");
    // Until well after the checkpoint that lets go of what only waits.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(system.cluster.in_memory().await, 1, "its interval would begin again if it were read back");
    within(system.cluster.complete_task(&task.token, success("1"))).await.expect("it ends");
    assert_eq!(system.succeeded("e").await, "1");
}
