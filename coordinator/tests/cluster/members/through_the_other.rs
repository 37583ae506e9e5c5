//! Whatever one member owns can be had through the other.

use std::time::Duration;

use baton_coordinator::cluster::{ListQuery, RedriveError, SendError, StartError, Status, TaskError, TaskOutcome};
use baton_engine::{Failure, Input, NotRedrivable, Payload};
use serde_json::json;

use super::*;

fn pass_machine() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})
}

fn wait_machine() -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_is_started_and_read_through_a_member_that_does_not_own_it() {
    let (one, other) = connected(&pass_machine()).await;
    let name = name_of_second("e");
    let started = one.start(&name, "[7]").await;
    assert!(started.created);
    assert_eq!(one.succeeded(&name).await, "[7]");
    assert_eq!(one.history(&name).await, ["ExecutionStarted", "StateEntered", "StateExited", "ExecutionSucceeded"]);
    assert_eq!(one.history(&name).await, other.history(&name).await);
    let again = within(one.cluster.start(start(&name, "[7]"))).await;
    assert_eq!(again, Err(StartError::AlreadyExists { execution_arn: format!("{EXECUTION}{name}") }));
    assert!(within(one.cluster.describe(id(&name_of_second("never")))).await.expect("it can be read").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_execution_is_listed_followed_waited_for_stopped_and_redriven_through_the_other_member() {
    let (one, other) = connected(&wait_machine()).await;
    let name = name_of_second("w");
    one.start(&name, "{}").await;
    let query = || ListQuery {
        map_run_arn: None,
        state_machine_arn: MACHINE.into(),
        through: None,
        status: None,
        redriven: None,
        after: None,
        limit: 10,
    };
    let listed = within(one.cluster.list(query())).await.expect("it can be listed");
    assert_eq!(listed.iter().map(|summary| (&*summary.name, summary.status)).collect::<Vec<_>>(), [(&*name, Status::Running)]);

    let mut watch = within(one.cluster.watch(id(&name))).await.expect("it can be followed").expect("it exists");
    assert_eq!(within(watch.next()).await.expect("it has begun").len(), 3);
    let waiting = one.cluster.clone();
    let awaited = id(&name);
    let waiting = tokio::spawn(async move { waiting.wait_end(awaited, PATIENCE).await });
    let early = within(one.cluster.wait_end(id(&name), Duration::from_millis(50))).await.expect("it can be read").expect("it exists");
    assert_eq!(early.status, Status::Running);

    let stop = Input::Stop { error: Some("E".into()), cause: None };
    within(one.cluster.send(id(&name), stop)).await.expect("it can be stopped");
    let ended = within(waiting).await.expect("no panic").expect("it can be read").expect("it exists");
    assert_eq!((ended.status, ended.failure), (Status::Aborted, Some(Failure { error: Some("E".into()), cause: None })));
    assert_eq!(within(watch.next()).await.expect("it has ended").len(), 1);
    assert!(within(watch.next()).await.is_none());

    within(one.cluster.redrive(id(&name), None)).await.expect("it can be redriven");
    assert_eq!(within(one.cluster.redrive(id(&name), None)).await, Err(RedriveError::NotRedrivable(NotRedrivable::Running)));
    let record = within(other.cluster.describe(id(&name))).await.expect("it can be read").expect("it exists");
    assert_eq!((record.status, record.redrives.count), (Status::Running, 1));
    assert_eq!(within(one.cluster.send(id("nobody"), Input::Tick)).await.err(), Some(SendError::NoSuchExecution));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tasks_token_counts_at_every_member() {
    let (one, other) = connected(&task_machine(ACTIVITY)).await;
    let name = name_of_second("t");
    one.start(&name, "{}").await;
    let task = within(other.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
    assert_eq!(within(one.cluster.heartbeat_task(&task.token)).await, Ok(()));
    let outcome = || TaskOutcome::Success { output: Payload::from_text("[1]".to_owned()) };
    assert_eq!(within(one.cluster.complete_task(&task.token, outcome())).await, Ok(()));
    assert_eq!(one.succeeded(&name).await, "[1]");
    assert_eq!(within(one.cluster.complete_task(&task.token, outcome())).await, Err(TaskError::TaskTimedOut));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_are_all_answered() {
    let (one, _other) = connected(&pass_machine()).await;
    let starts = (0..500).map(|number| {
        let cluster = one.cluster.clone();
        tokio::spawn(async move { cluster.start(start(&format!("many-{number}"), "{}")).await })
    });
    for started in starts.collect::<Vec<_>>() {
        assert!(within(started).await.expect("no panic").expect("it is started").created);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_know_the_secret_is_refused() {
    let (one, other) = connected(&pass_machine()).await;
    let stranger = Peers::new(PeerSecret::of(&TokenKey::new([4; 32])), None);
    let to = member("b", &other.url, shards(4));
    let refused = within(stranger.ask(&to, Question::Describe { id: id("e") })).await.expect_err("it is refused");
    assert!(refused.0.contains("only members of this cluster"), "{refused}");
    let refused = within(stranger.watch(&to, id("e"))).await.expect_err("it is refused");
    assert!(refused.0.contains("only members of this cluster"), "{refused}");
    drop(one);
}
