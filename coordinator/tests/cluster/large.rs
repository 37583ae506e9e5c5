//! Executions with large inputs, of which the log takes only a few at a time. What all of them have taken in is more than a store takes in one
//! batch, which is 16 MiB.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::cluster::{MapRunStatus, Status};
use baton_coordinator::store::memory::MemoryStore;
use serde_json::json;

use crate::support::*;

const COUNT: usize = 100;
const INPUT_BYTES: usize = 200_000;
/// Long enough for all children to be begun.
const WAIT_SECONDS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_that_are_started_while_the_log_is_held_up_begin_when_it_goes_on() {
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store.clone(), &json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})).await;
    let input = json!("x".repeat(INPUT_BYTES)).to_string();
    store.hold();
    let starting: Vec<_> = (0..COUNT)
        .map(|number| {
            let (cluster, start) = (system.cluster.clone(), start(&number.to_string(), &input));
            tokio::spawn(async move { cluster.start(start).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    store.let_all_go();
    for started in starting {
        assert!(within(started).await.expect("no panic").expect("the log has room again").created);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn express_children_whose_time_comes_while_the_log_is_held_up_end_when_it_goes_on() {
    let each = json!({"Type": "Map", "End": true, "ResultSelector": {}, "ItemSelector": {"pad": "x".repeat(INPUT_BYTES)}, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "W", "States": {
            "W": {"Type": "Wait", "Seconds": WAIT_SECONDS, "Next": "P"}, "P": {"Type": "Pass", "Result": 1, "End": true}}}});
    let store = Arc::new(MemoryStore::new(1));
    let system = System::over(store.clone(), &json!({"StartAt": "Each", "States": {"Each": each}})).await;
    let started = system.start("e", &json!(vec![0; COUNT]).to_string()).await;
    within(async {
        while system.cluster.express().open() < COUNT {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    store.hold();
    tokio::time::sleep(Duration::from_secs(WAIT_SECONDS)).await;
    assert!(system.cluster.express().open() > COUNT / 2, "most of them wait for the log");
    store.let_all_go();
    let record = system.ended("e").await;
    assert_eq!(record.status, Status::Succeeded, "{record:?}");
    let runs = within(system.cluster.map_runs(&started.arn)).await.expect("they can be read");
    assert_eq!((runs[0].status, runs[0].items.succeeded), (MapRunStatus::Succeeded, COUNT as u64));
}
