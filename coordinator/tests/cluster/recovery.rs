//! What a restart finds: after a kill at any moment, over a real log.

use std::time::Duration;

use baton_coordinator::cluster::Status;
use baton_proto::worker::v1::{Code, Hello};
use serde_json::json;

use crate::support::*;

/// A machine whose executions pass through everything that must survive.
fn journey() -> serde_json::Value {
    json!({"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": FUNCTION, "Retry": [{"ErrorEquals": ["Lambda.ServiceException"], "IntervalSeconds": 1, "MaxAttempts": 9}], "Next": "W"},
        "W": {"Type": "Wait", "Seconds": 1, "Next": "B"},
        "B": {"Type": "Task", "Resource": ACTIVITY, "End": true}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_starts_survive_a_kill_at_each_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let system = System::over(local(folder.path()), &journey()).await;
    system.start("e", "{\"n\":1}").await;
    system.kill().await;

    // Scheduled, not started.
    let system = System::over(local(folder.path()), &journey()).await;
    assert_eq!(system.history("e").await, ["ExecutionStarted", "StateEntered", "TaskScheduled"]);
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    let granted = worker.granted().await;
    drop(worker);
    system.kill().await;

    // Started: the worker comes back with what it holds.
    let system = System::over(local(folder.path()), &journey()).await;
    let mut worker = TestWorker::connect(&system, Hello { running: vec![claim_of(&granted)], ..hello("lambda:f", 0) }).await;
    assert!(worker.welcome.lost.is_empty());
    assert_eq!(worker.succeed(&granted, "{\"n\":2}").await, Code::Applied);
    drop(worker);
    system.kill().await;

    // Waiting: the timer is still there, and the task that follows it.
    let system = System::over(local(folder.path()), &journey()).await;
    let task = within(system.cluster.poll_activity(ACTIVITY, Some("p"), PATIENCE)).await.expect("no error").expect("a task");
    assert_eq!(task.input.text(), "{\"n\":2}");
    system.kill().await;

    // A poller's task is only its token's.
    let system = System::over(local(folder.path()), &journey()).await;
    let output = baton_engine::Payload::from_value(json!(3));
    let outcome = baton_coordinator::cluster::TaskOutcome::Success { output };
    assert_eq!(system.cluster.complete_task(&task.token, outcome).await, Ok(()));
    assert_eq!(system.succeeded("e").await, "3");
    system.kill().await;

    let system = System::over(local(folder.path()), &journey()).await;
    assert_eq!(system.succeeded("e").await, "3");
    let history = system.history("e").await;
    assert_eq!(history.iter().filter(|name| **name == "TaskStarted").count(), 2, "{history:?}");
    system.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_does_not_come_back_fails_its_attempt_and_the_retry_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let system = System::over(local(folder.path()), &journey()).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{}").await;
    worker.granted().await;
    system.kill().await;
    drop(worker);

    let system = System::over(local(folder.path()), &journey()).await;
    let mut worker = TestWorker::connect(&system, Hello { incarnation: 78, ..hello("lambda:f", 1) }).await;
    let granted = loop {
        worker.send(baton_proto::worker::v1::worker_message::Message::Heartbeats(Default::default())).await;
        if let Ok(granted) = tokio::time::timeout(Duration::from_secs(2), worker.granted()).await {
            break granted;
        }
    };
    assert_eq!(granted.attempt, 2);
    let history = system.history("e").await;
    let failed = ["TaskScheduled", "TaskStarted", "TaskFailed", "RetryScheduled", "TaskScheduled", "TaskStarted"];
    assert_eq!(history[2..], failed);
    system.close().await;
}

/// The grant goes to one worker, is lost before it has left, and goes to another; the server is killed while that one runs the task.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_was_granted_again_belongs_to_its_second_worker_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let system = System::over(local(folder.path()), &task_machine(FUNCTION)).await;
    let mut first = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{}").await;
    let unseen = first.granted().await;
    drop(first);
    // It does not name what it was granted: it has not got it.
    let first = TestWorker::connect(&system, hello("lambda:f", 0)).await;
    let second = || Hello { incarnation: 78, worker_name: "second".to_owned(), ..hello("lambda:f", 1) };
    let mut worker = TestWorker::connect(&system, second()).await;
    let granted = worker.granted().await;
    assert_eq!((granted.attempt, granted.claim_id == unseen.claim_id), (1, false));
    drop((first, worker));
    system.kill().await;

    let system = System::over(local(folder.path()), &task_machine(FUNCTION)).await;
    let mut first = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    assert!(first.is_quiet(Duration::from_millis(300)).await, "it has nothing to do with the task any more");
    let mut worker = TestWorker::connect(&system, Hello { running: vec![claim_of(&granted)], ..second() }).await;
    assert!(worker.welcome.lost.is_empty());
    assert!(first.is_quiet(Duration::from_millis(300)).await, "the task runs already");
    assert_eq!(worker.succeed(&granted, "2").await, Code::Applied);
    assert_eq!(system.succeeded("e").await, "2");
    let history = system.history("e").await;
    assert_eq!(history.iter().filter(|name| **name == "TaskStarted").count(), 1, "{history:?}");
    system.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_inside_the_process_is_lost_with_it_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let system = System::over(local(folder.path()), &task_machine(FUNCTION)).await;
    let mut worker = TestWorker::connect(&system, Hello { in_process: true, ..hello("lambda:f", 1) }).await;
    system.start("e", "{}").await;
    worker.granted().await;
    system.kill().await;
    let system = System::over(local(folder.path()), &task_machine(FUNCTION)).await;
    let record = system.cluster.wait_end(id("e"), Duration::from_secs(3)).await.expect("read").expect("it exists");
    assert_eq!(record.status, Status::Failed);
    assert_eq!(record.failure.and_then(|failure| failure.error).as_deref(), Some("Lambda.ServiceException"));
    system.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_kills_and_checkpoints_meet() {
    let machine = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.s", "Next": "T"}, "T": {"Type": "Task", "Resource": FUNCTION, "End": true}}});
    let folder = tempfile::tempdir().expect("a folder");
    let mut started = 0;
    for round in 0..6 {
        let system = System::over(local(folder.path()), &machine).await;
        for _ in 0..40 {
            system.start(&format!("e{started}"), &format!("{{\"s\":{}}}", started % 4)).await;
            started += 1;
        }
        // Some rounds end before their checkpoint, some amid it, some behind it.
        tokio::time::sleep(Duration::from_millis(round * 700)).await;
        system.kill().await;
    }
    let system = System::over(local(folder.path()), &machine).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1000)).await;
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < started {
        let granted = worker.granted().await;
        assert_eq!(granted.attempt, 1);
        assert!(seen.insert(granted.execution_arn.clone()), "{} was granted twice", granted.execution_arn);
        assert_eq!(worker.succeed(&granted, "1").await, Code::Applied);
    }
    for number in 0..started {
        let history = system.history(&format!("e{number}")).await;
        let public = history.iter().filter(|name| **name != "WaitStarted").count();
        assert_eq!(public, 9, "e{number}: {history:?}");
        system.succeeded(&format!("e{number}")).await;
    }
    system.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_system_has_everything_in_the_key_value_side() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let system = System::over(local(folder.path()), &machine).await;
    for number in 0..50 {
        system.start(&format!("e{number}"), "{}").await;
    }
    system.close().await;
    let store = local(folder.path());
    for shard in 0..store.shard_count() {
        let acquired = store.acquire(baton_coordinator::store::ShardId(shard)).await.expect("the shard is free");
        assert_eq!(acquired.seq, acquired.checkpoint_seq, "shard {shard}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_whose_revision_is_gone_is_set_aside_and_holds_nobody_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let system = System::over(local(folder.path()), &journey()).await;
    system.known.add_machine(2, &journey());
    for number in 0..20 {
        let name = format!("gone-{number}");
        let gone = baton_engine::Start { revision: 2, ..start(&name, "{}") };
        system.cluster.start(gone).await.expect("it starts");
        system.start(&format!("kept-{number}"), "{}").await;
    }
    system.kill().await;

    // The next process knows revision 1 alone.
    let system = System::over(local(folder.path()), &journey()).await;
    for number in 0..20 {
        assert_eq!(system.history(&format!("kept-{number}")).await, ["ExecutionStarted", "StateEntered", "TaskScheduled"]);
    }
    system.close().await;
}
