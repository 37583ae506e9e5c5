//! A worker whose session is at one member does what the other owns.

use baton_coordinator::cluster::ClaimName;
use baton_coordinator::dispatch::{Shape, TaskToken};
use baton_coordinator::store::MemberSession;
use baton_engine::{Input, TaskRef};
use baton_proto::worker::v1::coordinator_message::Message as ToWorker;
use baton_proto::worker::v1::worker_message::Message as FromWorker;
use baton_proto::worker::v1::{Claim, Code, Dispatch, Hello, outcome};

use std::time::Duration;

use super::*;

/// What whoever takes an offer is told of the execution's first task.
fn offered(name: &str) -> Bytes {
    let task = TaskRef { entry: 2, attempt: 1 };
    TokenKey::new([3; 32]).seal(&TaskToken { execution: id(name), task, shape: Shape::Offered, claim_id: 0 })
}

async fn worker_of(at: &One) -> TestWorker {
    TestWorker::connect(at, Hello { dispatch: Dispatch::Offer.into(), ..hello("f", 4) }).await
}

async fn claim(worker: &TestWorker, name: &str, claim_id: u64) {
    worker.send(FromWorker::Claim(Claim { token: offered(name), claim_id })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_claimed_and_reported_at_a_member_that_does_not_own_it() {
    let (one, other) = connected(&task_machine(FUNCTION)).await;
    let name = name_of_second("c");
    other.start(&name, "[1]").await;
    let mut worker = worker_of(&one).await;
    claim(&worker, &name, 5).await;
    let granted = within(worker.granted()).await;
    assert_eq!((granted.claim_id, &granted.input[..]), (5, &b"[1]"[..]));
    claim(&worker, &name, 6).await;
    let ToWorker::Denied(denied) = within(worker.other()).await else { panic!("somebody has it") };
    assert_eq!(denied.claim_id, 6);
    assert_eq!(worker.report(&granted, outcome::Result::Output(Bytes::from_static(b"[2]"))).await, Code::Applied);
    assert_eq!(one.succeeded(&name).await, "[2]");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_stop_is_told_by_the_owner_wherever_its_session_is() {
    let (one, other) = connected(&task_machine(FUNCTION)).await;
    let name = name_of_second("s");
    other.start(&name, "{}").await;
    let mut worker = worker_of(&one).await;
    let session = MemberSession { incarnation: 77, session_id: worker.welcome.session_id };
    let first = Member { sessions: Arc::new([session]), ..Member::clone(&member("a", &one.url, shards(0))) };
    other.directory.set_others(vec![Arc::new(first)]);
    claim(&worker, &name, 5).await;
    within(worker.granted()).await;
    within(other.cluster.send(id(&name), Input::Stop { error: None, cause: None })).await.expect("it can be stopped");
    let ToWorker::Cancel(cancel) = within(worker.other()).await else { panic!("nothing else can come") };
    assert_eq!((cancel.claim_id, cancel.token), (5, offered(&name)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_knows_what_its_sessions_hold() {
    let (one, other) = connected(&task_machine(FUNCTION)).await;
    let name = name_of_second("h");
    other.start(&name, "{}").await;
    let mut worker = worker_of(&one).await;
    claim(&worker, &name, 5).await;
    within(worker.granted()).await;
    let task = TaskRef { entry: 2, attempt: 1 };
    let [held, unknown] = [5, 6].map(|claim_id| ClaimName { execution: id(&name), task, claim_id });
    let asked = |incarnation| one.cluster.answer(Question::Holding { incarnation, claims: vec![held, unknown] });
    assert!(matches!(within(asked(77)).await, PeerAnswer::Holding(Some(claims)) if claims == [held]));
    assert!(matches!(within(asked(78)).await, PeerAnswer::Holding(None)), "it has no such session");
}

/// A grant that its session cannot be sent any more is the worker's all the same: it claims again until it is answered. Whoever gave it to
/// somebody else meanwhile would have the attempt run twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_of_a_workers_own_claim_that_cannot_be_sent_goes_to_nobody_else() {
    const OWN: u64 = 1 << 63 | 5;
    let (one, other, direct) = beside(&task_machine(FUNCTION)).await;
    let name = name_of_second("r");
    other.start(&name, "[1]").await;
    let worker = worker_of(&one).await;
    // The owner has committed the claim; before the answer is here the session has ended.
    let (ended, has_ended) = tokio::sync::oneshot::channel::<()>();
    direct.lose_an_answer(async move { has_ended.await.expect("the session ends") });
    claim(&worker, &name, OWN).await;
    within(async {
        while !other.history(&name).await.contains(&"TaskStarted") {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    drop(worker);
    within(async {
        while !one.cluster.queues().iter().all(|queue| queue.served_by == 0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    ended.send(()).expect("somebody waits for it");
    // Others have slots at both members.
    let mut others = Vec::new();
    for (number, system) in [(78, &one), (79, &other)] {
        others.push(TestWorker::connect(system, Hello { incarnation: number, ..hello("lambda:f", 4) }).await);
    }
    for waiting in &mut others {
        assert!(waiting.is_quiet(Duration::from_millis(500)).await, "it is somebody's");
    }
    // It claims again, as it has to, wherever it is.
    let mut again = worker_of(&other).await;
    claim(&again, &name, OWN).await;
    let granted = within(again.granted()).await;
    assert_eq!((granted.claim_id, granted.attempt), (OWN, 1));
    assert_eq!(again.report(&granted, outcome::Result::Output(Bytes::from_static(b"[2]"))).await, Code::Applied);
    assert_eq!(other.succeeded(&name).await, "[2]");
    let history = other.history(&name).await;
    assert!(!history.contains(&"TaskRegranted"), "{history:?}");
    assert_eq!(history.iter().filter(|event| **event == "TaskStarted").count(), 1);
}
