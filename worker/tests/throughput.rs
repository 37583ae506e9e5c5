//! How many tasks a second one worker thread takes, runs and reports. Long, so run it by name:
//! `cargo test --release -p baton-worker --test throughput -- --ignored --nocapture`

mod support;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use baton_proto::worker::v1::coordinator_message::Message as ToWorker;
use baton_proto::worker::v1::worker_message::Message as FromWorker;
use baton_proto::worker::v1::{Ack, Acks, Code};
use baton_worker::functions::{FunctionTable, Location};
use baton_worker::{CancellationToken, Worker};
use support::*;

const TASKS_A_SECOND: f64 = 30_000.0;

/// CPU time of the calling thread so far.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(text.split(' ').next().and_then(|field| field.parse().ok()).expect("a number"))
}

#[test]
#[ignore = "a measurement of several seconds, meant for a release build"]
fn one_thread_runs_thirty_thousand_tasks_a_second() {
    for (tasks, in_flight, wait) in [(300_000, 512, false), (100_000, 512, true), (100_000, 16, false), (20_000, 1, false)] {
        let (took, cpu) = measure(tasks, in_flight, wait);
        let kind = if wait { "that wait once" } else { "ready at once" };
        let (per_second, cpu_each) = (tasks as f64 / took.as_secs_f64(), cpu.as_secs_f64() * 1e6 / tasks as f64);
        println!("{tasks} tasks {kind}, {in_flight} in flight: {per_second:.0}/s, {cpu_each:.2} µs of the worker's CPU each");
        assert!(in_flight < 512 || per_second >= TASKS_A_SECOND, "{per_second:.0}/s");
        assert!(cpu_each <= 1e6 / TASKS_A_SECOND, "{cpu_each:.2} µs each");
    }
}

/// The worker has a thread of its own, and the coordinator another.
fn measure(tasks: u64, in_flight: u64, wait: bool) -> (Duration, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut coordinator = runtime.block_on(Coordinator::start());
    let url = coordinator.url.clone();
    let stop = CancellationToken::new();
    let worker = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            let worker = Worker::builder().coordinator([url]).function("Step", in_flight as u32, move |invocation| async move {
                if wait {
                    tokio::task::yield_now().await;
                }
                Ok(invocation.input().clone())
            });
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(worker.build().expect("a worker").run(stop));
            cpu_time()
        })
    };
    let started = Instant::now();
    runtime.block_on(async {
        let (mut session, _) = coordinator.welcomed().await;
        let input = r#"{"orderId": "o-1", "items": [{"sku": "a", "quantity": 2}], "total": 12.5}"#;
        let grant = |id: u64| granted("lambda:Step", &format!("{id:032}"), id, input);
        session.grants((0..in_flight).map(grant).collect());
        let (mut next, mut seen) = (in_flight, HashSet::new());
        while (seen.len() as u64) < tasks {
            let Some(FromWorker::Outcomes(outcomes)) = session.next().await else { continue };
            let acks = outcomes.outcomes.iter().map(|outcome| Ack { report_id: outcome.report_id, code: Code::Applied.into() }).collect();
            seen.extend(outcomes.outcomes.iter().map(|outcome| outcome.claim_id));
            session.send(ToWorker::Acks(Acks { acks }));
            let more = (outcomes.outcomes.len() as u64).min(tasks - next);
            session.grants((next..next + more).map(grant).collect());
            next += more;
        }
    });
    let took = started.elapsed();
    stop.cancel();
    (took, worker.join().expect("the worker ends"))
}

#[test]
#[ignore = "a measurement, meant for a release build"]
fn warm_processes_answer_in_well_under_a_millisecond() {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = "[functions.P]\nruntime = \"python3.11\"\nhandler = \"p.handler\"\n[functions.N]\nruntime = \"nodejs20.x\"\nhandler = \"n.handler\"\n";
    for (name, text) in [
        ("baton.toml", toml),
        ("p.py", "def handler(event, context):\n    return event\n"),
        ("n.js", "exports.handler = async (event) => event;\n"),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let table = FunctionTable::load(folder.path(), &Location::default()).expect("a table");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut coordinator = Coordinator::start().await;
        let _worker = run(Worker::builder().coordinator([&*coordinator.url]).functions(table));
        let (mut session, _) = coordinator.welcomed().await;
        for queue in ["lambda:P", "lambda:N"] {
            let mut times = Vec::new();
            for id in 0..2_000 {
                let started = Instant::now();
                session.grant(granted(queue, &format!("{queue}{id}"), id, "{}"));
                session.applied().await;
                times.push(started.elapsed());
            }
            let first = times.remove(0);
            times.sort_unstable();
            println!("{queue}: first {first:?}, p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
            assert!(times[times.len() / 2] < Duration::from_millis(1));
        }
    });
}
