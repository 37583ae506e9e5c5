//! Executions that only wait: they leave memory and come back in time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_coordinator::cluster::Status;
use baton_coordinator::store::memory::MemoryStore;
use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_that_has_left_memory_goes_on_when_it_is_due() {
    let machine = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 33, "Next": "T"}, "T": {"Type": "Task", "Resource": FUNCTION, "End": true}}});
    let store = Arc::new(MemoryStore::new(2));
    let system = System::over(store, &machine).await;
    let began = Instant::now();
    system.start("e", "{}").await;
    let cluster = system.cluster.clone();
    let end = tokio::spawn(async move { cluster.wait_end(id("e"), Duration::from_secs(60)).await });
    let mut worker = TestWorker::connect(&system, hello("lambda:f", 1)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(system.cluster.in_memory().await, 0, "nothing keeps it in memory");
    tokio::time::timeout(Duration::from_secs(40), async {
        loop {
            worker.send(baton_proto::worker::v1::worker_message::Message::Heartbeats(Default::default())).await;
            if !worker.is_quiet(Duration::from_secs(1)).await {
                break;
            }
        }
    })
    .await
    .expect("the timer fires");
    let waited = began.elapsed();
    assert!(waited > Duration::from_secs(32) && waited < Duration::from_secs(36), "{waited:?}");
    drop(worker);
    let record = end.await.expect("no panic").expect("read").expect("it exists");
    assert_eq!(record.status, Status::Failed, "whoever waited for its end is told although it had left memory");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_in_a_queue_keeps_its_place_while_its_execution_is_out_of_memory() {
    let system = System::in_memory(&task_machine(ACTIVITY)).await;
    for number in 0..5 {
        system.start(&format!("e{number}"), &number.to_string()).await;
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(system.cluster.in_memory().await, 0, "nothing keeps them in memory");
    for number in 0..5 {
        let task = within(system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error").expect("a task");
        assert_eq!(task.input.text(), number.to_string());
    }
    let stop = baton_engine::Input::Stop { error: None, cause: None };
    within(system.cluster.send(id("e3"), stop)).await.expect("it is stopped");
}
