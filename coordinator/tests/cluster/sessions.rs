//! Workers' sessions.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::cluster::Status;
use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{ShardId, ShardStore};
use baton_proto::worker::v1::coordinator_message::Message as ToWorker;
use baton_proto::worker::v1::worker_message::Message as FromWorker;
use baton_proto::worker::v1::*;
use baton_task_queue::{RabbitMqQueue, RabbitMqSettings, TaskQueue};
use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_free_slot_gets_the_task_with_its_start() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{\"a\":1}").await;
    let granted = worker.granted().await;
    assert_eq!(granted.input, "{\"a\":1}");
    assert_eq!((granted.resource.as_str(), granted.state_name.as_str(), granted.attempt), (FUNCTION, "T", 1));
    assert_eq!(granted.execution_arn, format!("{EXECUTION}e"));
    assert_eq!(system.history("e").await, ["ExecutionStarted", "StateEntered", "TaskScheduled", "TaskStarted"]);
    assert_eq!(worker.succeed(&granted, "{\"b\": 2}").await, Code::Applied);
    assert_eq!(system.succeeded("e").await, "{\"b\":2}");
    assert_eq!(worker.succeed(&granted, "{\"b\": 2}").await, Code::TimedOut);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_wait_for_slots_in_their_order() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    for name in ["e1", "e2", "e3"] {
        system.start(name, &format!("\"{name}\"")).await;
    }
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    for name in ["e1", "e2", "e3"] {
        let granted = worker.granted().await;
        assert_eq!(granted.input, format!("\"{name}\""));
        assert!(worker.is_quiet(Duration::from_millis(50)).await, "one slot holds one task");
        assert_eq!(worker.succeed(&granted, "1").await, Code::Applied);
    }
    for name in ["e1", "e2", "e3"] {
        system.succeeded(name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_counts_once_and_under_its_own_claim() {
    let machine = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": FUNCTION, "Next": "W"}, "W": {"Type": "Wait", "Seconds": 600, "End": true}}});
    let system = System::in_memory(&machine).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{}").await;
    let granted = worker.granted().await;
    let other = Granted { claim_id: granted.claim_id + 1, ..granted.clone() };
    assert_eq!(worker.succeed(&other, "1").await, Code::UnknownTask);
    assert_eq!(worker.succeed(&granted, "1").await, Code::Applied);
    assert_eq!(worker.succeed(&granted, "1").await, Code::Duplicate);
    assert_eq!(worker.succeed(&granted, "2").await, Code::TimedOut);
    let forged = Granted { token: "not ours".into(), ..granted };
    assert_eq!(worker.succeed(&forged, "1").await, Code::UnknownTask);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_cannot_be_taken_now_is_to_come_again() {
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store.clone(), &task_machine(FUNCTION)).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{}").await;
    let granted = worker.granted().await;
    // Another process takes the shard: what is decided here from now on never becomes durable.
    store.acquire(ShardId(0)).await.expect("a shard may be taken from its owner");
    assert_eq!(worker.succeed(&granted, "1").await, Code::RetryLater);
    assert_eq!(worker.succeed(&granted, "1").await, Code::RetryLater, "also once it is known");
    system.kill_keeping().await;
    store.crash(usize::MAX);

    let system = System::over(store, &task_machine(FUNCTION)).await;
    let running = vec![claim_of(&granted)];
    let mut worker = TestWorker::connect(&system, Hello { running, ..hello("lambda:f", 0) }).await;
    assert_eq!(worker.welcome.lost, []);
    assert_eq!(worker.succeed(&granted, "1").await, Code::Applied);
    assert_eq!(system.succeeded("e").await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_holds_stays_its_own_over_a_reconnection() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{}").await;
    let granted = worker.granted().await;
    drop(worker);
    let made_up = ClaimRef { token: granted.token.clone(), claim_id: granted.claim_id ^ 1 };
    let running = vec![claim_of(&granted), made_up.clone()];
    let mut worker = TestWorker::connect(&system, Hello { running, ..hello("lambda:f", 0) }).await;
    assert_eq!(worker.welcome.lost, [made_up]);
    assert_eq!(worker.succeed(&granted, "1").await, Code::Applied);
    assert_eq!(system.succeeded("e").await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_its_worker_never_saw_goes_on_as_the_same_attempt() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{}").await;
    let first = worker.granted().await;
    drop(worker);
    // The same process comes back and does not name the claim: the grant was lost on its way.
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    let second = worker.granted().await;
    assert_eq!(second.attempt, first.attempt);
    assert_eq!(worker.succeed(&first, "0").await, Code::UnknownTask, "the lost claim counts no more");
    assert_eq!(worker.succeed(&second, "1").await, Code::Applied);
    let history = [
        "ExecutionStarted",
        "StateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskRegranted",
        "TaskRegranted",
        "TaskSucceeded",
        "StateExited",
        "ExecutionSucceeded",
    ];
    assert_eq!(system.history("e").await, history);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_worker_fails_the_attempt_with_its_name() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{}").await;
    worker.granted().await;
    drop(worker);
    let record = system.ended("e").await;
    let failure = record.failure.expect("it has failed");
    assert_eq!(failure.error.as_deref(), Some("Lambda.ServiceException"));
    assert!(failure.cause.as_deref().is_some_and(|cause| cause.contains("test-worker")), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_execution_cancels_its_task() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{}").await;
    let granted = worker.granted().await;
    let stop = baton_engine::Input::Stop { error: None, cause: None };
    within(system.cluster.send(id("e"), stop)).await.expect("it is stopped");
    match worker.other().await {
        ToWorker::Cancel(cancel) => assert_eq!((cancel.token, cancel.claim_id), (granted.token.clone(), granted.claim_id)),
        other => panic!("not a cancel: {other:?}"),
    }
    assert_eq!(worker.succeed(&granted, "1").await, Code::Cancelled);
    assert_eq!(system.ended("e").await.status, Status::Aborted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_is_granted_to_the_claim_that_comes_first() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    let offers = Hello { dispatch: Dispatch::Offer.into(), ..hello("lambda:f", 1) };
    let mut worker = TestWorker::connect(&system, offers).await;
    system.start("e", "{\"x\":1}").await;
    let ToWorker::Offer(offer) = worker.other().await else { panic!("an offer comes first") };
    assert_eq!(system.history("e").await, ["ExecutionStarted", "StateEntered", "TaskScheduled"]);
    let claim = |claim_id| FromWorker::Claim(Claim { token: offer.token.clone(), claim_id });
    worker.send(claim(5)).await;
    let granted = worker.granted().await;
    assert_eq!((granted.claim_id, &granted.token, &granted.input[..]), (5, &offer.token, &b"{\"x\":1}"[..]));
    // Its answer might have been lost: the same claim is granted again, another is not.
    worker.send(claim(5)).await;
    assert_eq!(worker.granted().await.claim_id, 5);
    worker.send(claim(6)).await;
    match worker.other().await {
        ToWorker::Denied(denied) => assert_eq!((denied.token, denied.claim_id), (offer.token.clone(), 6)),
        other => panic!("not a denial: {other:?}"),
    }
    assert_eq!(worker.succeed(&granted, "1").await, Code::Applied);
    assert_eq!(system.succeeded("e").await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lambda_invoke_has_the_services_shape() {
    let machine = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": format!("{FUNCTION}:PROD"), "Payload.$": "$.p", "LogType": "Tail"}, "End": true}}});
    let system = System::in_memory(&machine).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{\"p\":{\"q\":1.50}}").await;
    let granted = worker.granted().await;
    assert_eq!((&granted.input[..], granted.resource, granted.log_tail), (&b"{\"q\":1.5}"[..], format!("{FUNCTION}:PROD"), true));
    let outcome = Outcome {
        token: granted.token,
        claim_id: granted.claim_id,
        report_id: 1,
        result: Some(outcome::Result::Output("[1, 2]".into())),
        log_tail: "LOG".into(),
        executed_version: "7".to_owned(),
    };
    // The unary twin does what the session does.
    let mut client = system.client().await;
    let ack = within(client.complete(outcome)).await.expect("an ack").into_inner();
    assert_eq!((ack.code(), ack.report_id), (Code::Applied, 1));
    let output: serde_json::Value = serde_json::from_str(&system.succeeded("e").await).expect("JSON");
    assert_eq!((&output["Payload"], &output["ExecutedVersion"], &output["LogResult"]), (&json!([1, 2]), &json!("7"), &json!("TE9H")));
    assert_eq!(output["StatusCode"], 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_invocation_is_accepted_once_its_worker_has_reported_whatever_that_is() {
    let machine = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "f", "InvocationType": "Event"}, "End": true}}});
    let system = System::in_memory(&machine).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{}").await;
    worker.granted().await;
    drop(worker);
    // The session is gone before it has said anything: the invocation is not lost with it.
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    let granted = worker.granted().await;
    assert_eq!(worker.succeed(&granted, "1").await, Code::Applied);
    let output: serde_json::Value = serde_json::from_str(&system.succeeded("e").await).expect("JSON");
    assert_eq!((&output["StatusCode"], &output["Payload"]), (&json!(202), &json!("")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_message_that_is_no_hello_is_refused() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    sender.try_send(WorkerMessage { message: Some(FromWorker::Bye(Bye {})) }).expect("an empty channel has room");
    let mut client = system.client().await;
    let mut stream = within(client.session(tokio_stream::wrappers::ReceiverStream::new(receiver))).await.expect("a stream").into_inner();
    let status = within(stream.message()).await.expect_err("the session is refused");
    assert_eq!(status.code(), tonic::Code::FailedPrecondition);
}

/// Why the worker is not let in.
async fn refusal(system: &System, hello: Hello) -> tonic::Status {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    sender.try_send(WorkerMessage { message: Some(FromWorker::Hello(hello)) }).expect("an empty channel has room");
    let mut client = system.client().await;
    let mut stream = within(client.session(tokio_stream::wrappers::ReceiverStream::new(receiver))).await.expect("a stream").into_inner();
    within(stream.message()).await.expect_err("the session is refused")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_of_another_release_is_refused_with_what_to_do() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    let status = refusal(&system, Hello { protocol: 7, ..hello("lambda:f", 1) }).await;
    assert_eq!(status.code(), tonic::Code::FailedPrecondition);
    assert!(status.message().contains("version 7") && status.message().contains("install the same release"), "{status}");
    TestWorker::connect(&system, Hello { protocol: 1, ..hello("lambda:f", 1) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_looks_for_tasks_elsewhere_at_the_broker_is_refused_with_what_to_do() {
    // Nobody needs to be there: it is about names.
    let settings = RabbitMqSettings::new("amqp://guest:guest@127.0.0.1:1/%2f", "ours").expect("an address");
    let queue: Arc<dyn TaskQueue> = Arc::new(RabbitMqQueue::start(settings));
    let store = Arc::new(MemoryStore::new(8));
    let system = System::with(store, &task_machine(FUNCTION), |config| config.queue = Some(queue)).await;
    let status = refusal(&system, Hello { broker_namespace: "theirs".to_owned(), ..hello("lambda:f", 1) }).await;
    assert_eq!(status.code(), tonic::Code::FailedPrecondition);
    let text = status.message();
    assert!(text.contains("\"theirs\"") && text.contains("\"ours\"") && text.contains("--queue-namespace"), "{text}");
    let worker = TestWorker::connect(&system, Hello { broker_namespace: "ours".to_owned(), ..hello("lambda:f", 1) }).await;
    assert_eq!(worker.welcome.broker_queues, ["lambda:f"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_reads_a_broker_gets_its_tasks_over_the_session_where_there_is_none() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    let worker = TestWorker::connect(&system, Hello { broker_namespace: "ours".to_owned(), ..hello("lambda:f", 1) }).await;
    assert_eq!(worker.welcome.broker_queues, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draining_gateway_waits_for_what_runs() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    system.start("e", "{}").await;
    let granted = worker.granted().await;
    assert!(!system.gateway.drain(Duration::from_millis(50)).await);
    assert!(matches!(worker.other().await, ToWorker::Drain(_)));
    // The report brings a free slot with it, which gets nothing any more.
    system.start("e2", "{}").await;
    assert_eq!(worker.succeed(&granted, "1").await, Code::Applied);
    assert!(worker.is_quiet(Duration::from_millis(50)).await);
    assert!(within(system.gateway.drain(PATIENCE)).await);
}
