//! The session protocol, against a coordinator that does what each test tells it.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use baton_proto::worker::v1::coordinator_message::Message as ToWorker;
use baton_proto::worker::v1::worker_message::Message as FromWorker;
use baton_proto::worker::v1::{Cancel, Claim, Code, Denied, Drain, TaskOffer};
use baton_worker::{Bytes, Dispatch, FunctionError, Worker, WorkerBuilder};
use support::*;
use tokio::sync::Semaphore;

fn echo(coordinator: &Coordinator, concurrency: u32) -> WorkerBuilder {
    Worker::builder()
        .coordinator([&*coordinator.url])
        .name("w-1")
        .function("Echo", concurrency, |invocation| async move { Ok(invocation.input().clone()) })
}

/// A function that ends when the test lets it, and says how often it has begun.
fn gated(coordinator: &Coordinator, concurrency: u32) -> (WorkerBuilder, Arc<Semaphore>, Arc<AtomicUsize>) {
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inner_gate, inner_begun) = (gate.clone(), begun.clone());
    let builder = Worker::builder().coordinator([&*coordinator.url]).function("Gated", concurrency, move |invocation| {
        let gate = inner_gate.clone();
        inner_begun.fetch_add(1, Ordering::SeqCst);
        async move {
            gate.acquire().await.expect("open").forget();
            Ok(invocation.input().clone())
        }
    });
    (builder, gate, begun)
}

#[tokio::test]
async fn a_hello_names_queues_and_slots_and_a_grant_comes_back_as_outcome_and_credit() {
    let mut coordinator = Coordinator::start().await;
    let worker =
        run(echo(&coordinator, 2).activity("Approve", 1, |_| async { Err(FunctionError::new("Refused", "not today")) }).in_process(true));
    let (mut session, hello) = coordinator.welcomed().await;
    assert_eq!((hello.worker_name.as_str(), hello.in_process, hello.dispatch, hello.running.len()), ("w-1", true, 0, 0));
    let queues: Vec<_> = hello.queues.iter().map(|queue| (queue.name.as_str(), queue.credits, queue.timeout_seconds)).collect();
    assert_eq!(queues, [("lambda:Echo", 2, 0), ("activity:Approve", 1, 0)]);
    within(worker.handle.ready()).await;

    session.grant(granted("lambda:Echo", "t1", 11, r#"{"a": 1}"#));
    let outcome = session.applied().await;
    assert_eq!((output(&outcome), outcome.claim_id, &outcome.token[..]), (r#"{"a": 1}"#, 11, &b"t1"[..]));
    assert_eq!(outcome.executed_version, "$LATEST");
    assert_eq!(session.credits, [("lambda:Echo".to_owned(), 1)]);

    session.grant(granted("activity:Approve", "t2", 12, "{}"));
    let outcome = session.applied().await;
    let failure = failure(&outcome);
    assert_eq!((failure.error.as_str(), failure.cause.as_str(), failure.function_error), ("Refused", "not today", true));
}

#[tokio::test]
async fn a_duplicate_grant_is_ignored_while_it_runs_and_after_its_end() {
    let mut coordinator = Coordinator::start().await;
    let (builder, gate, begun) = gated(&coordinator, 4);
    let _worker = run(builder);
    let (mut session, _) = coordinator.welcomed().await;
    session.grants(vec![granted("lambda:Gated", "t1", 1, "1"), granted("lambda:Gated", "t1", 1, "1")]);
    session.grant(granted("lambda:Gated", "t1", 1, "1"));
    gate.add_permits(10);
    let outcome = session.applied().await;
    session.grant(granted("lambda:Gated", "t1", 1, "1"));
    assert!(session.is_quiet(Duration::from_millis(300)).await);
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    session.grant(granted("lambda:Gated", "t1", 2, "2"));
    assert_eq!(output(&session.applied().await), "2", "another claim is another attempt");
    assert_eq!(outcome.claim_id, 1);
}

#[tokio::test]
async fn running_claims_and_unacknowledged_outcomes_survive_a_reconnection() {
    let mut coordinator = Coordinator::start().await;
    let (builder, gate, begun) = gated(&coordinator, 4);
    let _worker = run(builder);
    let (mut session, first) = coordinator.welcomed().await;
    session.grants(vec![
        granted("lambda:Gated", "t1", 1, "1"),
        granted("lambda:Gated", "t2", 2, "2"),
        granted("lambda:Gated", "t3", 3, "3"),
    ]);
    gate.add_permits(1);
    let unacknowledged = session.outcome().await;
    drop(session);

    let (mut session, hello) = coordinator.session().await;
    assert_eq!(hello.incarnation, first.incarnation);
    let mut running = hello.running.clone();
    running.sort_by_key(|claim| claim.claim_id);
    assert_eq!(running, [claim("t1", 1), claim("t2", 2), claim("t3", 3)]);
    assert_eq!(hello.queues[0].credits, 2, "two of four still run");
    session.welcome(1_000, vec![]);
    let again = session.outcome().await;
    assert_eq!((again.report_id, &again.result), (unacknowledged.report_id, &unacknowledged.result));
    session.ack(&again, Code::Duplicate);
    gate.add_permits(2);
    let mut ended = [session.applied().await.claim_id, session.applied().await.claim_id, unacknowledged.claim_id];
    ended.sort_unstable();
    assert_eq!((ended, begun.load(Ordering::SeqCst)), ([1, 2, 3], 3));
    drop(session);
    let (_session, hello) = coordinator.session().await;
    assert_eq!((hello.running.len(), hello.queues[0].credits), (0, 4));
}

#[tokio::test]
async fn what_welcome_calls_lost_is_stopped_and_not_reported() {
    let mut coordinator = Coordinator::start().await;
    let (builder, gate, _) = gated(&coordinator, 4);
    let _worker = run(builder);
    let (mut session, _) = coordinator.welcomed().await;
    session.grants(vec![granted("lambda:Gated", "t1", 1, "1"), granted("lambda:Gated", "t2", 2, "2")]);
    gate.add_permits(1);
    let finished = session.outcome().await;
    drop(session);
    let (mut session, _) = coordinator.session().await;
    session.welcome(1_000, vec![claim("t1", 1), claim("t2", 2)]);
    gate.add_permits(5);
    assert!(session.is_quiet(Duration::from_millis(300)).await, "neither {finished:?} nor the other is reported");
    assert_eq!(session.credits, [("lambda:Gated".to_owned(), 1)], "the slot of the one that ran");
}

#[tokio::test]
async fn an_outcome_is_reported_again_after_retry_later() {
    let mut coordinator = Coordinator::start().await;
    let _worker = run(echo(&coordinator, 1));
    let (mut session, _) = coordinator.welcomed().await;
    session.grant(granted("lambda:Echo", "t1", 1, "1"));
    let outcome = session.outcome().await;
    for _ in 0..3 {
        session.ack(&outcome, Code::RetryLater);
        assert_eq!(session.outcome().await, outcome);
    }
    session.ack(&outcome, Code::TimedOut);
    assert!(session.is_quiet(Duration::from_millis(500)).await);
}

#[tokio::test]
async fn cancel_ends_the_handler_and_gives_its_slot_back() {
    struct Ended(Arc<AtomicUsize>);
    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let mut coordinator = Coordinator::start().await;
    let ended = Arc::new(AtomicUsize::new(0));
    let counter = ended.clone();
    let builder = Worker::builder().coordinator([&*coordinator.url]).function("Endless", 1, move |_| {
        let guard = Ended(counter.clone());
        async move {
            let _guard = guard;
            std::future::pending::<Result<Bytes, FunctionError>>().await
        }
    });
    let _worker = run(builder);
    let (mut session, _) = coordinator.welcomed().await;
    session.grant(granted("lambda:Endless", "t1", 1, "1"));
    assert_eq!(session.heartbeat().await, [claim("t1", 1)]);
    session.send(ToWorker::Cancel(Cancel { token: Bytes::from_static(b"t1"), claim_id: 1 }));
    assert_eq!(session.heartbeat().await, []);
    assert_eq!((ended.load(Ordering::SeqCst), session.credits.clone()), (1, vec![("lambda:Endless".to_owned(), 1)]));
    // Cancelled before it could begin: in one breath with its grant.
    session.grant(granted("lambda:Endless", "t2", 2, "1"));
    session.send(ToWorker::Cancel(Cancel { token: Bytes::from_static(b"t2"), claim_id: 2 }));
    assert!(session.is_quiet(Duration::from_millis(300)).await);
    assert_eq!(session.credits.len(), 2);
}

#[tokio::test]
async fn drain_lets_handlers_end_waits_for_acknowledgements_and_says_goodbye() {
    let mut coordinator = Coordinator::start().await;
    let (builder, gate, _) = gated(&coordinator, 4);
    let mut worker = run(builder);
    let (mut session, _) = coordinator.welcomed().await;
    session.grants(vec![granted("lambda:Gated", "t1", 1, "1"), granted("lambda:Gated", "t2", 2, "2")]);
    assert_eq!(session.heartbeat().await.len(), 2);
    let handle = worker.handle.clone();
    let drain = tokio::spawn(async move { handle.drain(PATIENCE).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    // Granted against credits given before; the attempt has begun, so it runs.
    session.grant(granted("lambda:Gated", "t3", 3, "3"));
    gate.add_permits(3);
    let outcomes = [session.outcome().await, session.outcome().await, session.outcome().await];
    assert!(session.is_quiet(Duration::from_millis(200)).await, "no goodbye before the acknowledgements");
    assert_eq!(session.credits, [], "no credits while draining");
    outcomes.iter().for_each(|outcome| session.ack(outcome, Code::Applied));
    loop {
        match session.next().await {
            Some(FromWorker::Heartbeats(_)) => {}
            Some(FromWorker::Bye(_)) => break,
            other => panic!("a goodbye, not {other:?}"),
        }
    }
    drop(session);
    let report = within(drain).await.expect("drained");
    assert_eq!((report.unfinished, report.unacknowledged), (0, 0));
    within(&mut worker.task).await.expect("the worker has ended");
}

#[tokio::test]
async fn a_drain_that_takes_too_long_says_what_is_left() {
    let mut coordinator = Coordinator::start().await;
    let (builder, _gate, _) = gated(&coordinator, 4);
    let worker = run(builder);
    let (mut session, _) = coordinator.welcomed().await;
    session.grant(granted("lambda:Gated", "t1", 1, "1"));
    session.heartbeat().await;
    let report = worker.handle.drain(Duration::from_millis(100)).await;
    assert_eq!((report.unfinished, report.unacknowledged), (1, 0));
}

#[tokio::test]
async fn offers_are_claimed_with_fresh_ids_and_run_only_when_granted() {
    let mut coordinator = Coordinator::start().await;
    let _worker = run(echo(&coordinator, 2).dispatch(Dispatch::Offer));
    let (mut session, hello) = coordinator.welcomed().await;
    assert_eq!(hello.dispatch, i32::from(Dispatch::Offer));
    let offer = |token: &'static str| {
        ToWorker::Offer(TaskOffer {
            token: Bytes::from_static(token.as_bytes()),
            queue: "lambda:Echo".to_owned(),
            offer_no: 1,
            scheduled_ms: 0,
        })
    };
    session.send(offer("t1"));
    session.send(offer("t1"));
    session.send(offer("t2"));
    let mut claims: Vec<Claim> = Vec::new();
    while claims.len() < 2 {
        match session.next().await {
            Some(FromWorker::Claim(claim)) => claims.push(claim),
            Some(FromWorker::Heartbeats(_)) => {}
            other => panic!("a claim, not {other:?}"),
        }
    }
    assert!(
        claims.iter().all(|claim| &claim.token[..] == b"t1") && claims[0].claim_id != claims[1].claim_id,
        "two slots, so two claims, each with an id of its own"
    );
    session.grant(granted("lambda:Echo", "t1", 999, "1"));
    assert!(session.is_quiet(Duration::from_millis(200)).await, "nobody claimed with that id");
    assert_eq!(session.released, [Bytes::from_static(b"t2")], "an offer without a slot is handed back");
    session.send(ToWorker::Denied(Denied { token: claims[0].token.clone(), claim_id: claims[0].claim_id }));
    session.grant(granted("lambda:Echo", "t1", claims[1].claim_id, "7"));
    session.grant(granted("lambda:Echo", "t1", claims[1].claim_id, "7"));
    session.grant(granted("lambda:Echo", "t1", claims[0].claim_id, "7"));
    assert_eq!(output(&session.applied().await), "7");
    assert!(session.is_quiet(Duration::from_millis(200)).await, "neither the duplicate nor the denied one runs");
    assert_eq!(session.credits.iter().map(|(_, slots)| slots).sum::<u32>(), 2, "both slots are free again");
}

#[tokio::test]
async fn unanswered_claims_are_asked_again_with_the_same_id() {
    let mut coordinator = Coordinator::start().await;
    let _worker = run(echo(&coordinator, 1).dispatch(Dispatch::Offer));
    let (mut session, _) = coordinator.welcomed().await;
    session.send(ToWorker::Offer(TaskOffer {
        token: Bytes::from_static(b"t1"),
        queue: "lambda:Echo".to_owned(),
        offer_no: 1,
        scheduled_ms: 0,
    }));
    let Some(FromWorker::Claim(first)) = session.next().await else { panic!("a claim") };
    drop(session);
    let (mut session, hello) = coordinator.welcomed().await;
    assert_eq!((hello.running.len(), hello.queues[0].credits), (0, 0), "not ours yet, but its slot is kept");
    let Some(FromWorker::Claim(again)) = session.next().await else { panic!("a claim") };
    assert_eq!(first, again);
    session.grant(granted("lambda:Echo", "t1", again.claim_id, "1"));
    assert_eq!(output(&session.applied().await), "1");
}

#[tokio::test]
async fn heartbeats_are_one_message_for_all_claims() {
    let mut coordinator = Coordinator::start().await;
    let (builder, _gate, _) = gated(&coordinator, 100);
    let _worker = run(builder);
    let (mut session, _) = coordinator.session().await;
    session.welcome(100, vec![]);
    assert_eq!(session.heartbeat().await, [], "a worker without work says that it lives");
    session.grants((0..50).map(|id| granted("lambda:Gated", &format!("t{id}"), id, "1")).collect());
    let started = std::time::Instant::now();
    session.heartbeat().await;
    assert_eq!(session.heartbeat().await.len(), 50);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_task_with_a_short_heartbeat_makes_the_session_beat_more_often() {
    let mut coordinator = Coordinator::start().await;
    let (builder, _gate, _) = gated(&coordinator, 1);
    let _worker = run(builder);
    let (mut session, _) = coordinator.session().await;
    session.welcome(3_600_000, vec![]);
    let mut grant = granted("lambda:Gated", "t1", 1, "1");
    grant.heartbeat_seconds = 1;
    session.grant(grant);
    assert_eq!(session.heartbeat().await, [claim("t1", 1)]);
    assert_eq!(session.heartbeat().await, [claim("t1", 1)]);
}

#[tokio::test]
async fn the_worker_goes_on_to_another_coordinator() {
    let mut first = Coordinator::start().await;
    let mut second = Coordinator::start().await;
    let (builder, gate, _) = gated(&first, 4);
    let _worker = run(builder.coordinator([&*second.url]));
    let (session, _) = first.welcomed().await;
    session.grant(granted("lambda:Gated", "t1", 1, "1"));
    session.send(ToWorker::Drain(Drain {}));
    let (mut session, hello) = second.welcomed().await;
    assert_eq!(hello.running, [claim("t1", 1)], "the claim goes along");
    gate.add_permits(1);
    assert_eq!(output(&session.applied().await), "1");
    drop((session, second));
    let (_session, _) = first.welcomed().await;
}

#[tokio::test]
async fn a_coordinator_that_comes_later_is_found() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let dead = format!("http://{}", taken.local_addr().expect("an address"));
    drop(taken);
    let mut coordinator = Coordinator::start().await;
    let _worker = run(Worker::builder()
        .coordinator([dead, coordinator.url.clone()])
        .function("Echo", 1, |invocation| async move { Ok(invocation.input().clone()) }));
    coordinator.welcomed().await;
}

#[tokio::test]
async fn panics_fail_their_own_invocation_only() {
    let mut coordinator = Coordinator::start().await;
    let builder = echo(&coordinator, 2)
        .function("Panics", 2, |invocation| async move {
            if invocation.input().len() > 1 { panic!("too long") } else { Ok(Bytes::from_static(b"1")) }
        })
        .function("PanicsLater", 2, |_| async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            panic!("late")
        });
    let _worker = run(builder);
    let (mut session, _) = coordinator.welcomed().await;
    session.grants(vec![
        granted("lambda:Panics", "t1", 1, "11"),
        granted("lambda:Panics", "t2", 2, "1"),
        granted("lambda:PanicsLater", "t3", 3, "1"),
    ]);
    let mut outcomes = [session.applied().await, session.applied().await, session.applied().await];
    outcomes.sort_by_key(|outcome| outcome.claim_id);
    assert_eq!(failure(&outcomes[0]).cause, r#"{"errorType":"Runtime.Panic","errorMessage":"Lambda panicked: too long"}"#);
    assert_eq!(output(&outcomes[1]), "1");
    assert_eq!(failure(&outcomes[2]).error, "Runtime.Panic");
}

#[tokio::test]
async fn a_queue_that_is_not_served_is_refused() {
    let mut coordinator = Coordinator::start().await;
    let _worker = run(echo(&coordinator, 1));
    let (mut session, _) = coordinator.welcomed().await;
    session.grant(granted("lambda:Gone", "t1", 1, "1"));
    let outcome = session.applied().await;
    assert_eq!((failure(&outcome).error.as_str(), failure(&outcome).function_error), ("Lambda.ResourceNotFoundException", false));
}

#[tokio::test]
async fn many_grants_come_back_in_few_messages_and_lines_are_shown() {
    let mut coordinator = Coordinator::start().await;
    let _worker = run(Worker::builder().coordinator([&*coordinator.url]).function("Logs", 2_000, |invocation| async move {
        invocation.log("hello");
        Ok(invocation.input().clone())
    }));
    let (mut session, _) = coordinator.welcomed().await;
    session.grants((0..2_000).map(|id| granted("lambda:Logs", &format!("t{id}"), id, "1")).collect());
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..2_000 {
        seen.insert(session.applied().await.claim_id);
    }
    assert_eq!(seen.len(), 2_000);
    assert!(session.messages_with_outcomes < 400, "{} messages", session.messages_with_outcomes);
    assert_eq!(session.lines.len(), 2_000);
    let line = &session.lines[0];
    assert_eq!((line.text.as_str(), line.function.as_str(), line.execution.as_str()), ("hello", "Logs", "e"));
    assert_eq!(session.credits.iter().map(|(_, slots)| slots).sum::<u32>(), 2_000);
}

/// A coordinator that drops every session after a few messages, and grants again with the same claim what it cannot know to have arrived.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_end_all_the_time_lose_and_repeat_nothing() {
    const TASKS: u64 = 120;
    let mut coordinator = Coordinator::start().await;
    let runs: Arc<Vec<AtomicUsize>> = Arc::new((0..TASKS).map(|_| AtomicUsize::new(0)).collect());
    let counted = runs.clone();
    let _worker = run(Worker::builder().coordinator([&*coordinator.url]).function("Count", 64, move |invocation| {
        let number: usize = invocation.json().expect("a number");
        counted[number].fetch_add(1, Ordering::SeqCst);
        async move {
            if number.is_multiple_of(3) {
                tokio::time::sleep(Duration::from_millis(number as u64 % 7)).await;
            }
            Ok(invocation.input().clone())
        }
    }));
    let task = |id: u64| granted("lambda:Count", &format!("t{id}"), id, &id.to_string());
    let (mut next, mut open, mut ended, mut sessions) = (0, std::collections::BTreeSet::new(), std::collections::BTreeSet::new(), 0);
    while (ended.len() as u64) < TASKS {
        let (mut session, hello) = coordinator.welcomed().await;
        sessions += 1;
        let held: std::collections::BTreeSet<_> = hello.running.iter().map(|claim| claim.claim_id).collect();
        session.grants(open.difference(&held).map(|&id| task(id)).collect());
        let mut credits = u64::from(hello.queues[0].credits).saturating_sub(open.difference(&held).count() as u64);
        for message in 0..(sessions % 5) {
            let more = credits.min(TASKS - next);
            session.grants((next..next + more).map(task).collect());
            open.extend(next..next + more);
            (next, credits) = (next + more, 0);
            let outcome = session.outcome().await;
            assert_eq!(output(&outcome), outcome.claim_id.to_string());
            open.remove(&outcome.claim_id);
            let code = if ended.insert(outcome.claim_id) { Code::Applied } else { Code::Duplicate };
            // The last one is decided, and its acknowledgement lost.
            if message + 1 < sessions % 5 {
                session.ack(&outcome, code);
            }
            credits += session.credits.drain(..).map(|(_, slots)| u64::from(slots)).sum::<u64>();
            if ended.len() as u64 == TASKS {
                break;
            }
        }
    }
    assert!(sessions > 50, "{sessions} sessions");
    let repeated: Vec<_> = runs.iter().enumerate().filter(|(_, runs)| runs.load(Ordering::SeqCst) != 1).collect();
    assert!(repeated.is_empty(), "run other than once: {repeated:?}");
}

#[test]
fn what_cannot_be_built_says_why() {
    let error = |builder: WorkerBuilder| builder.build().err().expect("an error").to_string();
    assert!(error(Worker::builder()).starts_with("no coordinator is named"));
    assert!(error(Worker::builder().coordinator(["ftp://x"])).contains("only http:// and https://"));
    assert!(error(Worker::builder().coordinator(["not a url"])).starts_with("coordinator address not a url"));
    let twice = || Worker::builder().coordinator(["http://127.0.0.1:1"]).function("A", 1, |_| async { Ok(Bytes::new()) });
    assert!(error(twice().function("A", 1, |_| async { Ok(Bytes::new()) })).starts_with("queue lambda:A is served twice"));
}
