//! What was asked of a member whose answer is lost is asked again, and is answered as if it had been asked once.

use std::time::Duration;

use baton_coordinator::cluster::{StartError, Status, TaskError, TaskOutcome};
use baton_engine::{Input, Payload};
use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_whose_answer_is_lost_is_the_same_start_whatever_has_become_of_it() {
    let (one, other, direct) = beside(&json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})).await;
    // It has ended, and is in memory still or is not any more.
    for (word, pause) in [("at-once", Duration::ZERO), ("late", Duration::from_secs(4))] {
        let name = name_of_second(word);
        direct.asked();
        direct.lose_an_answer(tokio::time::sleep(pause));
        let started = one.start(&name, "[1]").await;
        assert!(started.created, "{word}");
        assert_eq!(direct.asked(), 2, "{word}: it was asked again");
        let record = other.ended(&name).await;
        assert_eq!((record.start.at, record.status), (started.start_at, Status::Succeeded));
        assert_eq!(other.history(&name).await, ["ExecutionStarted", "StateEntered", "StateExited", "ExecutionSucceeded"]);

        // Another start of the same name is another one, although it is repeated too.
        direct.lose_an_answer(std::future::ready(()));
        let another = within(one.cluster.start(start(&name, "[1]"))).await;
        assert_eq!(another, Err(StartError::AlreadyExists { execution_arn: format!("{EXECUTION}{name}") }), "{word}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_start_is_not_begun_again() {
    let (one, other, direct) = beside(&task_machine(ACTIVITY)).await;
    let name = name_of_second("r");
    direct.lose_an_answer(std::future::ready(()));
    let started = one.start(&name, "{}").await;
    let twin = other.start(&name, "{}").await;
    assert_eq!((started.created, twin.created, started.start_at), (true, false, twin.start_at));
    assert_eq!(other.history(&name).await, ["ExecutionStarted", "StateEntered", "TaskScheduled"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_has_ended_its_execution_counts_although_its_answer_is_lost() {
    let (one, other, direct) = beside(&task_machine(ACTIVITY)).await;
    let name = name_of_second("last");
    one.start(&name, "{}").await;
    let task = within(other.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
    let outcome = |text: &str| TaskOutcome::Success { output: Payload::from_text(text.to_owned()) };
    direct.lose_an_answer(std::future::ready(()));
    assert_eq!(within(one.cluster.complete_task(&task.token, outcome("[1]"))).await, Ok(()));
    assert_eq!(other.succeeded(&name).await, "[1]");
    direct.lose_an_answer(std::future::ready(()));
    assert_eq!(within(one.cluster.complete_task(&task.token, outcome("[2]"))).await, Err(TaskError::TaskTimedOut));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_and_a_redrive_whose_answers_are_lost_count_once() {
    let machine = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": ACTIVITY, "Next": "W"},
        "W": {"Type": "Wait", "Seconds": 3600, "End": true},
    }});
    let (one, other, direct) = beside(&machine).await;
    let name = name_of_second("o");
    one.start(&name, "{}").await;
    let task = within(other.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
    direct.lose_an_answer(std::future::ready(()));
    direct.asked();
    let outcome = TaskOutcome::Success { output: Payload::from_text("[1]".to_owned()) };
    assert_eq!(within(one.cluster.complete_task(&task.token, outcome)).await, Ok(()));
    assert_eq!(direct.asked(), 2);
    within(one.cluster.send(id(&name), Input::Stop { error: None, cause: None })).await.expect("it can be stopped");

    direct.lose_an_answer(std::future::ready(()));
    direct.asked();
    let redriven_at = within(one.cluster.redrive(id(&name), None)).await.expect("it can be redriven");
    assert_eq!(direct.asked(), 2);
    let record = within(other.cluster.describe(id(&name))).await.expect("it can be read").expect("it exists");
    assert_eq!((record.redrives.count, record.redrives.at), (1, Some(redriven_at)));
}
