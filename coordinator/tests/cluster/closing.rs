//! Whoever asks while the system ends is answered.

use baton_coordinator::cluster::{ListQuery, StartError};

use crate::support::*;

const GOING_AWAY: &str = "The server is going away.";

fn query() -> ListQuery {
    ListQuery { map_run_arn: None, state_machine_arn: MACHINE.into(), through: None, status: None, redriven: None, after: None, limit: 10 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_to_a_host_that_has_ended_is_answered() {
    let system = System::in_memory(&task_machine(FUNCTION)).await;
    system.start("e", "{}").await;
    assert_eq!(within(system.cluster.in_memory()).await, 1);
    within(system.cluster.close()).await;
    assert_eq!(within(system.cluster.in_memory()).await, 0, "a host that has ended has nothing in memory");
    let listed = within(system.cluster.list(query())).await;
    assert_eq!(listed.expect_err("nobody is there any more").to_string(), GOING_AWAY);
    within(system.cluster.close()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_that_race_with_the_end_are_answered() {
    for _ in 0..20 {
        let system = System::in_memory(&task_machine(FUNCTION)).await;
        let starts: Vec<_> = (0..200)
            .map(|number| {
                let cluster = system.cluster.clone();
                tokio::spawn(async move { cluster.start(start(&format!("e{number}"), "{}")).await })
            })
            .collect();
        within(system.cluster.close()).await;
        for started in starts {
            match within(started).await.expect("no panic") {
                Ok(started) => assert!(started.created),
                Err(error) => assert_eq!(error, StartError::Unavailable(GOING_AWAY)),
            }
        }
    }
}
