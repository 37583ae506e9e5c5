//! A worker that reads a broker, against a coordinator that does what each test tells it.

mod support;

use std::sync::Arc;
use std::time::Duration;

use baton_proto::worker::v1::coordinator_message::Message as ToWorker;
use baton_proto::worker::v1::worker_message::Message as FromWorker;
use baton_proto::worker::v1::{Claim, Denied};
use baton_task_queue::{Depth, MemoryQueue, Offer, TaskQueue};
use baton_worker::{Bytes, Worker, WorkerBuilder};
use support::*;
use tokio::sync::Semaphore;

const QUEUE: &str = "lambda:F";

/// A worker of this queue, whose handlers end as the gate lets them.
fn reader(coordinator: &Coordinator, broker: &MemoryQueue, concurrency: u32) -> (WorkerBuilder, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let inner = gate.clone();
    let builder =
        Worker::builder().coordinator([&*coordinator.url]).queue(Arc::new(broker.clone())).function("F", concurrency, move |invocation| {
            let gate = inner.clone();
            async move {
                gate.acquire().await.expect("open").forget();
                Ok(invocation.input().clone())
            }
        });
    (builder, gate)
}

fn offer(token: &str) -> Offer {
    Offer { token: Bytes::copy_from_slice(token.as_bytes()), ..Offer::default() }
}

async fn publish(broker: &MemoryQueue, tokens: &[&str]) {
    broker.publish(QUEUE, tokens.iter().map(|token| offer(token)).collect()).await.expect("the broker takes it");
}

/// The next claim; what else the worker says is passed over.
async fn claimed(session: &mut Session) -> Claim {
    loop {
        match session.next().await {
            Some(FromWorker::Claim(claim)) => return claim,
            Some(FromWorker::Heartbeats(_) | FromWorker::Credits(_)) => {}
            other => panic!("a claim, not {other:?}"),
        }
    }
}

fn grant(session: &Session, claim: &Claim) {
    session.grant(granted(QUEUE, std::str::from_utf8(&claim.token).expect("text"), claim.claim_id, "1"));
}

fn deny(session: &Session, claim: &Claim) {
    session.send(ToWorker::Denied(Denied { token: claim.token.clone(), claim_id: claim.claim_id }));
}

/// What another consumer finds, if it does within a while.
async fn left(broker: &MemoryQueue) -> Option<Vec<Offer>> {
    let mut consumer = broker.consume(QUEUE, 1).await.expect("a consumer");
    let delivery = tokio::time::timeout(Duration::from_millis(500), consumer.next()).await.ok()??;
    let offers = delivery.offers.clone();
    delivery.acknowledge();
    Some(offers)
}

#[tokio::test]
async fn each_receipt_is_claimed_under_an_id_of_its_own_and_the_coordinator_knows_of_no_slots() {
    let (mut coordinator, broker) = (Coordinator::start().await, MemoryQueue::new(1));
    publish(&broker, &["t1"]).await;
    publish(&broker, &["t1"]).await;
    let (builder, gate) = reader(&coordinator, &broker, 2);
    let _worker = run(builder);
    let (mut session, hello) = coordinator.welcomed().await;
    assert_eq!((hello.queues[0].name.as_str(), hello.queues[0].credits), (QUEUE, 0));
    let (first, second) = (claimed(&mut session).await, claimed(&mut session).await);
    assert_eq!(first.token, second.token);
    assert_ne!(first.claim_id, second.claim_id);
    deny(&session, &second);
    grant(&session, &second);
    grant(&session, &first);
    grant(&session, &first);
    gate.add_permits(5);
    assert_eq!(session.applied().await.claim_id, first.claim_id);
    assert!(session.is_quiet(Duration::from_millis(300)).await, "neither what was denied nor the duplicate runs");
    assert_eq!((session.credits.len(), broker.depth(QUEUE).await), (0, Ok(Some(Depth { ready: 0, consumers: 1 }))));
}

#[tokio::test]
async fn a_claim_without_an_answer_is_repeated_at_another_coordinator_with_the_same_id() {
    let (mut first, mut second, broker) = (Coordinator::start().await, Coordinator::start().await, MemoryQueue::new(1));
    publish(&broker, &["t1"]).await;
    let (builder, gate) = reader(&first, &broker, 1);
    gate.add_permits(1);
    let _worker = run(builder.coordinator([&*second.url]));
    let (mut session, _) = first.welcomed().await;
    let asked = claimed(&mut session).await;
    drop((session, first));
    let (mut session, hello) = second.welcomed().await;
    assert_eq!(hello.running, [], "it is not ours yet");
    assert_eq!(claimed(&mut session).await, asked);
    grant(&session, &asked);
    // Its message went back when the first session ended, and comes again: another receipt, with an id of its own.
    let (mut outcome, mut again) = (None, None);
    while outcome.is_none() || again.is_none() {
        match session.next().await.expect("the session goes on") {
            FromWorker::Outcomes(outcomes) => outcome = outcomes.outcomes.into_iter().next(),
            FromWorker::Claim(claim) => again = Some(claim),
            _ => {}
        }
    }
    assert_eq!(outcome.map(|outcome| outcome.claim_id), Some(asked.claim_id));
    assert!(again.is_some_and(|again| again.token == asked.token && again.claim_id != asked.claim_id));
}

#[tokio::test]
async fn a_claim_that_a_living_session_does_not_answer_is_repeated() {
    let (mut coordinator, broker) = (Coordinator::start().await, MemoryQueue::new(1));
    publish(&broker, &["t1"]).await;
    let (builder, _gate) = reader(&coordinator, &broker, 1);
    let _worker = run(builder);
    let (mut session, _) = coordinator.welcomed().await;
    let asked = claimed(&mut session).await;
    assert_eq!(claimed(&mut session).await, asked);
}

#[tokio::test]
async fn a_message_is_acknowledged_when_all_of_it_is_answered() {
    let (mut coordinator, broker) = (Coordinator::start().await, MemoryQueue::new(1));
    publish(&broker, &["t1", "t2"]).await;
    let (builder, gate) = reader(&coordinator, &broker, 2);
    let mut worker = run(builder);
    let (mut session, _) = coordinator.welcomed().await;
    let (first, second) = (claimed(&mut session).await, claimed(&mut session).await);
    deny(&session, &first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The worker ends with one of its claims unanswered: the whole message is there again.
    worker.stop.cancel();
    within(&mut worker.task).await.expect("it ends");
    assert_eq!(left(&broker).await, Some(vec![offer("t1"), offer("t2")]));
    drop((session, second, gate));
}

#[tokio::test]
async fn what_finds_no_slot_goes_back_soon() {
    let (mut coordinator, broker) = (Coordinator::start().await, MemoryQueue::new(1));
    let (builder, gate) = reader(&coordinator, &broker, 1);
    let _worker = run(builder);
    let (mut session, _) = coordinator.welcomed().await;
    publish(&broker, &["t1"]).await;
    let running = claimed(&mut session).await;
    grant(&session, &running);
    publish(&broker, &["t2"]).await;
    assert_eq!(left(&broker).await, Some(vec![offer("t2")]), "the message went back whole");
    gate.add_permits(1);
    session.applied().await;
    // Of a message of which something has been claimed, the rest is handed back to the coordinator.
    publish(&broker, &["t3", "t4"]).await;
    let one = claimed(&mut session).await;
    grant(&session, &one);
    while session.released.is_empty() {
        assert!(session.take_one().await);
    }
    let other = if &one.token[..] == b"t3" { "t4" } else { "t3" };
    assert_eq!((session.released.clone(), left(&broker).await), (vec![offer(other).token], None));
}

#[tokio::test]
async fn while_the_broker_is_away_the_coordinator_knows_of_the_free_slots() {
    let (mut coordinator, broker) = (Coordinator::start().await, MemoryQueue::new(1));
    let (builder, gate) = reader(&coordinator, &broker, 2);
    gate.add_permits(10);
    let _worker = run(builder);
    let (mut session, hello) = coordinator.welcomed().await;
    assert_eq!(hello.queues[0].credits, 0);
    broker.go_away();
    while session.credits.is_empty() {
        assert!(session.take_one().await);
    }
    assert_eq!(session.credits, [(QUEUE.to_owned(), 2)]);
    session.grant(granted(QUEUE, "t1", 1, "1"));
    session.applied().await;
    broker.come_back();
    publish(&broker, &["t2"]).await;
    publish(&broker, &["t3"]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(session.credits.iter().map(|(_, slots)| slots).sum::<u32>(), 3, "slots that the coordinator knows of stay its own");
    session.grant(granted(QUEUE, "t4", 4, "1"));
    session.grant(granted(QUEUE, "t5", 5, "1"));
    let mut answered = Vec::new();
    while answered.len() < 2 {
        match session.next().await {
            Some(FromWorker::Claim(claim)) => {
                grant(&session, &claim);
                answered.push(claim.token);
            }
            Some(FromWorker::Credits(_)) => panic!("no slots are given while the broker is there"),
            Some(FromWorker::Outcomes(outcomes)) => {
                outcomes.outcomes.iter().for_each(|outcome| session.ack(outcome, baton_proto::worker::v1::Code::Applied))
            }
            Some(_) => {}
            None => panic!("the session is open"),
        }
    }
    answered.sort();
    assert_eq!(answered, [offer("t2").token, offer("t3").token]);
}

#[tokio::test]
async fn a_worker_that_drains_reads_nothing_more_and_waits_for_its_claims() {
    let (mut coordinator, broker) = (Coordinator::start().await, MemoryQueue::new(1));
    publish(&broker, &["t1"]).await;
    let (builder, gate) = reader(&coordinator, &broker, 1);
    let mut worker = run(builder);
    let (mut session, _) = coordinator.welcomed().await;
    let asked = claimed(&mut session).await;
    let handle = worker.handle.clone();
    let drain = tokio::spawn(async move { handle.drain(PATIENCE).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    publish(&broker, &["t2"]).await;
    grant(&session, &asked);
    gate.add_permits(1);
    assert_eq!(session.applied().await.claim_id, asked.claim_id);
    loop {
        match session.next().await {
            Some(FromWorker::Bye(_)) => break,
            Some(FromWorker::Heartbeats(_)) => {}
            other => panic!("a goodbye, not {other:?}"),
        }
    }
    drop(session);
    let report = within(drain).await.expect("drained");
    assert_eq!((report.unfinished, report.unacknowledged), (0, 0));
    within(&mut worker.task).await.expect("the worker has ended");
    assert_eq!(broker.depth(QUEUE).await.map(|depth| depth.map(|depth| depth.consumers)), Ok(Some(0)));
}
