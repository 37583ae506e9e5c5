//! What takes long to evaluate holds up neither sockets and timers, nor other executions, nor the end.

use std::time::{Duration, Instant};

use baton_coordinator::cluster::{Cluster, Status};
use baton_proto::worker::v1::Heartbeats;
use baton_proto::worker::v1::worker_message::Message as FromWorker;
use serde_json::{Value, json};

use crate::support::*;

/// Goes round for ever with `{"loop": true}`, and ends at once with anything else.
fn looping() -> Value {
    let again = "{% {'loop': true, 'sum': $sum([1..3000].($ * 2))} %}";
    json!({"QueryLanguage": "JSONata", "StartAt": "Which", "States": {
        "Which": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.loop = true %}", "Next": "Again"}], "Default": "End"},
        "Again": {"Type": "Pass", "Output": again, "Next": "Which"},
        "End": {"Type": "Succeed"}}})
}

/// How late a task of the system's runtime is at worst, until it is asked.
fn lateness(system: &System) -> tokio::sync::oneshot::Receiver<Duration> {
    const EVERY: Duration = Duration::from_millis(50);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    system.spawn(async move {
        let (mut worst, end) = (Duration::ZERO, Instant::now() + Duration::from_secs(4));
        while Instant::now() < end {
            let before = Instant::now();
            tokio::time::sleep(EVERY).await;
            worst = worst.max(before.elapsed().saturating_sub(EVERY));
        }
        let _ = sender.send(worst);
    });
    receiver
}

async fn events(cluster: &Cluster, name: &str) -> usize {
    within(cluster.history(id(name))).await.expect("it can be read").expect("it exists").1.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_that_never_wait_share_their_host_and_stop_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let system = System::over(local(folder.path()), &looping()).await;
    for number in 0..4 {
        system.start(&format!("loop{number}"), r#"{"loop": true}"#).await;
    }
    for number in 0..4 {
        let began = Instant::now();
        system.start(&format!("quick{number}"), "{}").await;
        assert_eq!(system.ended(&format!("quick{number}")).await.status, Status::Succeeded);
        assert!(began.elapsed() < Duration::from_secs(3), "others wait for their turn only: {:?}", began.elapsed());
    }
    let began = Instant::now();
    system.close().await;
    assert!(began.elapsed() < Duration::from_secs(10), "the end waits for turns only: {:?}", began.elapsed());

    let system = System::over(local(folder.path()), &looping()).await;
    for number in 0..4 {
        let name = format!("loop{number}");
        let before = events(&system.cluster, &name).await;
        within(async {
            while events(&system.cluster, &name).await <= before {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
    system.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_messages_stop_neither_the_runtime_nor_signs_of_life() {
    const SLOW: &str = "arn:aws:states:us-east-1:123456789012:activity:slow";
    let definition = json!({"StartAt": "Which", "States": {
        "Which": {"Type": "Choice", "Choices": [{"Variable": "$.slow", "BooleanEquals": true, "Next": "Slow"}], "Default": "Task"},
        "Task": {"Type": "Task", "Resource": FUNCTION, "HeartbeatSeconds": 2, "End": true},
        "Slow": {"Type": "Task", "Resource": SLOW, "End": true}}});
    let system = System::in_memory(&definition).await;
    *system.known.slow.lock() = Some((SLOW.to_owned(), Duration::from_millis(500)));
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 4)).await;
    let mut granted = Vec::new();
    for number in 0..4 {
        system.start(&format!("task{number}"), r#"{"slow": false}"#).await;
        granted.push(worker.granted().await);
    }
    let starts = (0..20).map(|number| {
        let cluster = system.cluster.clone();
        tokio::spawn(async move { cluster.start(start(&format!("slow{number}"), r#"{"slow": true}"#)).await })
    });
    let starts: Vec<_> = starts.collect();
    let mut worst = lateness(&system);
    let worst = loop {
        let claims = granted.iter().map(claim_of).collect();
        worker.send(FromWorker::Heartbeats(Heartbeats { claims })).await;
        match tokio::time::timeout(Duration::from_millis(300), &mut worst).await {
            Ok(worst) => break worst.expect("it is told"),
            Err(_) => continue,
        }
    };
    assert!(worst < Duration::from_millis(1_800), "other tasks of the runtime go on: {worst:?} late");
    for (number, granted) in granted.iter().enumerate() {
        worker.succeed(granted, "1").await;
        assert_eq!(system.succeeded(&format!("task{number}")).await, "1", "its signs of life have counted");
    }
    for start in starts {
        within(start).await.expect("no panic").expect("it is started");
    }
}
